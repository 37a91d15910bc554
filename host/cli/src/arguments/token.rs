//! Tokens, on the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make the first token of a data folder, on which no host runs yet
    Bootstrap {
        /// The data folder
        #[arg(long)]
        data: PathBuf,
        /// A new file for the token
        #[arg(long)]
        to: PathBuf,
    },
    /// Issue a token; it is shown once
    Issue(Box<IssueToken>),
    /// List all tokens, without their secrets
    List,
    /// Take a token back, at once
    Revoke {
        /// Its id: the sixteen digits after `muster_`
        id: String,
        /// Why; it stands in the journal
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct IssueToken {
    /// Who holds it: one name for one person or machine, also in the roster
    #[arg(long)]
    pub(crate) subject: String,
    /// What people call the holder
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The role: `public_reader`, `reporter`, `responder`, `duty_officer`, `commander`, `approver`, `supervisor`,
    /// `policy_author`, `policy_releaser`, `operator`
    #[arg(long, required_unless_present = "bindings")]
    pub(crate) role: Option<String>,
    /// The district in which the role is held
    #[arg(long = "in", value_name = "DISTRICT")]
    pub(crate) district: Option<String>,
    /// The node that is its own
    #[arg(long)]
    pub(crate) node: Option<String>,
    /// Only nodes of this tier and lower ones
    #[arg(long)]
    pub(crate) tier: Option<String>,
    /// In the district's drills instead of in the district
    #[arg(long)]
    pub(crate) exercise: bool,
    /// A binding in JSON, for more than one: `{"role": "duty_officer", "district": "yunhe", "node": "990103901"}`
    #[arg(long = "binding", value_name = "JSON")]
    pub(crate) bindings: Vec<String>,
    /// A source under which the holder sends events; may be given several times
    #[arg(long = "source", value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    /// A post of the holder, `NODE/NAME`; may be given several times
    #[arg(long = "post", value_name = "NODE/NAME")]
    pub(crate) posts: Vec<String>,
    /// How many days it holds
    #[arg(long, required_unless_present = "expires", conflicts_with = "expires")]
    pub(crate) days: Option<u32>,
    /// When it ends, RFC 3339
    #[arg(long)]
    pub(crate) expires: Option<String>,
    /// A new file for the token, for its owner alone; without it, it is printed
    #[arg(long)]
    pub(crate) to: Option<PathBuf>,
}
