//! What can be asked on the command line.

mod outbox;
mod serve;
mod token;
mod trust;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use outbox::{Actor, Outbox};
pub(crate) use serve::Serve;
pub(crate) use token::{IssueToken, Token};
pub(crate) use trust::{Approve, Certify, Keygen, Kind, Revoke, Sign, SignOffice, SignTrust, VerifyPackage};

/// Muster: policies decide close to the street, the host holds the ceiling, the journal keeps it all.
#[derive(Debug, Parser)]
#[command(name = "muster", version, propagate_version = true)]
pub(crate) struct Arguments {
    /// Form of what is printed
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// The running host to talk to
    #[arg(long, global = true, env = "MUSTER_SERVER", default_value = "http://127.0.0.1:7310")]
    pub(crate) server: String,
    /// A file with the token to show; or the variable `MUSTER_TOKEN` holds the token itself
    #[arg(long, global = true, env = "MUSTER_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificates (PEM) of those who may vouch for the host; without it, those that this machine believes
    #[arg(long, global = true, env = "MUSTER_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Write logs as JSON
    #[arg(long, global = true)]
    pub(crate) log_json: bool,
    /// Write logs into this folder instead of standard error: a file for each day, the last fourteen are kept
    #[arg(long, global = true, env = "MUSTER_LOG_FOLDER", value_name = "DIR")]
    pub(crate) log_folder: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Forms of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// JSON, one value or one value a line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write settings, a district to start from, and the first token, into a new folder
    Init {
        /// The folder
        folder: PathBuf,
    },
    /// Run a host
    Serve(Serve),
    /// Tokens of a running host: issue, list, revoke; and the first one
    #[command(subcommand)]
    Token(Token),
    /// Send `CloudEvents` to a running host and print their receipts
    Send(Send),
    /// What is happening: list incidents, or show one
    Incident(Incident),
    /// Show a register: policies, powers, grants, resources, feedback, rates, awards, ledger, pairs, tasks, processes, duty,
    /// sources, command, waiting, timers
    Show(Show),
    /// Do something as an officer: send one event, put together from its kind and fields
    Act(Act),
    /// Why something was decided: an entry, or all that an incident went through
    Explain(Explain),
    /// How the host and its districts stand
    Status,
    /// Print the contract of the HTTP interface: `OpenAPI` 3.1
    Openapi,
    /// Which policies answer, who signed for them, what was attempted; and changes to them
    #[command(subcommand)]
    Policy(Policy),
    /// Who was told, who was not: how deliveries stand, dead letters, receipts
    #[command(subcommand)]
    Outbox(Outbox),
    /// Read a journal on disk
    #[command(subcommand)]
    Journal(Journal),
    /// Prove a data folder: follow every chain and decide every entry anew, with the exact policies it was made with
    Verify(Verify),
    /// Prove that one entry stands in a chain that the host signed, to someone who has no journal
    Prove {
        /// The data folder of a host
        data: PathBuf,
        /// The district
        #[arg(long)]
        district: String,
        /// The entry's position
        #[arg(long)]
        entry: u64,
    },
    /// Check such a proof; needs neither a journal nor a host
    CheckProof {
        /// What `muster prove` wrote; `-` is standard input
        proof: PathBuf,
        /// The host's public key in hexadecimal digits, got elsewhere; without it the key in the proof is believed
        #[arg(long)]
        key: Option<String>,
    },
    /// Who to phone and by what rule, for paper: works without a host, and without data
    CallList {
        /// The district's folder
        #[arg(long = "district", value_name = "DIR")]
        folder: PathBuf,
        /// The data folder of a host, for what is open
        #[arg(long)]
        data: Option<PathBuf>,
    },
    /// Copy a data folder, also while a host is running on it
    Backup {
        /// The data folder of a host
        data: PathBuf,
        /// A new folder
        to: PathBuf,
    },
    /// Put a backup in place, once every chain, signature and decision in it was proved
    Restore {
        /// The backup
        from: PathBuf,
        /// A new data folder
        data: PathBuf,
    },
    /// Say what is wrong with a data folder, and what can be done
    Doctor {
        /// The data folder of a host
        data: PathBuf,
    },
    /// Measure what a running host carries, in a drill of one of its districts
    Bench(Bench),
    /// Play a stream of `CloudEvents` through a district under virtual time
    Play(Play),
    /// Build a policy crate into a package
    Build(Build),
    /// Show what a package is
    Inspect(Inspect),
    /// Check a host's settings with all that they name, or one district's folder
    Check(Check),
    /// Make a signing key: a secret file for its holder, and the lines that name it in a trust file
    Keygen(Keygen),
    /// Sign a package as its vendor or its releaser: the statement is added to the file beside it
    Sign(Sign),
    /// Approve something out of the ordinary for one package, in one district, for one role
    Approve(Approve),
    /// Put packages and keys on a deny-list, take them back, or sign the list of another
    Revoke(Revoke),
    /// Consent to a new trust file: the statement is added to the file beside it
    SignTrust(SignTrust),
    /// Put a package through the conformance suite, print the report, and sign the result
    Certify(Certify),
    /// Say whether a package may be used, by a trust file, and why not
    VerifyPackage(VerifyPackage),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// What is in force, on trial and behind, and the newest attempts, step by step
    Status {
        /// The district; may be left out when the host has only one
        #[arg(long, env = "MUSTER_DISTRICT")]
        district: Option<String>,
        /// Language of the text
        #[arg(long, value_enum)]
        lang: Option<Lang>,
    },
    /// What was in force for a role, the newest first
    History(PolicyRole),
    /// Let a package or settings answer from the next event on
    Activate(Trying),
    /// Let a package or settings run beside the policy in force, recorded and without effect
    Shadow(Trying),
    /// Let a package or settings answer for part of the incidents
    Canary {
        /// For how many of a thousand incidents
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..1_000))]
        permille: u16,
        #[command(flatten)]
        trying: Trying,
    },
    /// Let what is on trial answer
    Promote {
        #[command(flatten)]
        of: PolicyRole,
        #[command(flatten)]
        given: Given,
    },
    /// End a trial
    EndTrial {
        #[command(flatten)]
        of: PolicyRole,
        #[command(flatten)]
        given: Given,
    },
    /// Let answer again what answered before
    Rollback {
        #[command(flatten)]
        of: PolicyRole,
        /// Digest of the package; without it, the one before
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        given: Given,
    },
    /// Print the report of a backtest
    Backtest {
        /// Its digest, as the attempt names it
        digest: String,
    },
}

/// Which role of which district.
#[derive(Debug, Args)]
pub(crate) struct PolicyRole {
    /// The role: triage, escalation, discretion, incentives, oversight, workflow
    pub(crate) role: String,
    /// The district; may be left out when the host has only one
    #[arg(long, env = "MUSTER_DISTRICT")]
    pub(crate) district: Option<String>,
}

/// Who wants it, and why.
#[derive(Debug, Args)]
pub(crate) struct Given {
    /// Who asks for it
    #[arg(long, env = "MUSTER_PERSON")]
    pub(crate) by: String,
    /// A second person, where the trust profile takes names for signatures
    #[arg(long)]
    pub(crate) second: Option<String>,
    /// Why
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

/// What is to be tried.
#[derive(Debug, Args)]
pub(crate) struct Trying {
    #[command(flatten)]
    pub(crate) of: PolicyRole,
    /// The package, with what was signed about it beside it; without it, the one in force
    #[arg(long)]
    pub(crate) package: Option<PathBuf>,
    /// Settings files, later ones over earlier ones; without any, those in force
    #[arg(long)]
    pub(crate) settings: Vec<PathBuf>,
    /// When it ends by itself, RFC 3339
    #[arg(long)]
    pub(crate) expires: Option<String>,
    /// Take every step but the last two: nothing changes
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) given: Given,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// A JSON or JSON-lines file of `CloudEvents`; `-` is standard input
    pub(crate) file: PathBuf,
    /// The district; without it each event goes where its jurisdiction is known
    #[arg(long, env = "MUSTER_DISTRICT")]
    pub(crate) district: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Incident {
    /// An incident's id or any of its names; all are listed without it
    pub(crate) name: Option<String>,
    /// In the list: those of this node and below it; whoever is bound to a node names it
    #[arg(long, conflicts_with = "name")]
    pub(crate) node: Option<String>,
    /// What was known then: a position, or an instant
    #[arg(long, requires = "name")]
    pub(crate) as_of: Option<String>,
    /// The district; may be left out when the host has only one
    #[arg(long, env = "MUSTER_DISTRICT")]
    pub(crate) district: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The register
    pub(crate) register: String,
    /// A node: it and all below it
    #[arg(long)]
    pub(crate) node: Option<String>,
    /// What was known then: a position, or an instant such as 2021-07-20T17:00:00+08:00
    #[arg(long)]
    pub(crate) as_of: Option<String>,
    /// The district; may be left out when the host has only one
    #[arg(long, env = "MUSTER_DISTRICT")]
    pub(crate) district: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Act {
    /// What is done, for instance `callout.released` or `approval.decided`
    pub(crate) kind: String,
    /// The fields of the event: `callout=c-000000012-1 decision=approved conditions.hours=48`
    pub(crate) fields: Vec<String>,
    /// Who acts: the source of the event
    #[arg(long = "as", env = "MUSTER_SOURCE", value_name = "SOURCE")]
    pub(crate) source: String,
    /// The node it is about
    #[arg(long)]
    pub(crate) node: String,
    /// The incident it is about
    #[arg(long)]
    pub(crate) incident: Option<String>,
    /// A drill: it never touches the real district
    #[arg(long)]
    pub(crate) exercise: bool,
    /// The district; may be left out when the host has only one
    #[arg(long, env = "MUSTER_DISTRICT")]
    pub(crate) district: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Position of the entry
    #[arg(required_unless_present_any = ["incident", "as_of"])]
    pub(crate) seq: Option<u64>,
    /// Explain every entry that touched this incident
    #[arg(long)]
    pub(crate) incident: Option<String>,
    /// What was known then, a position or an instant: policies in force, powers and incidents; with --incident, only
    /// what it had gone through by then
    #[arg(long, conflicts_with = "seq")]
    pub(crate) as_of: Option<String>,
    /// With --as-of: the node whose powers are shown; the district's own by default
    #[arg(long, requires = "as_of")]
    pub(crate) node: Option<String>,
    /// The district; may be left out when the host has only one
    #[arg(long, env = "MUSTER_DISTRICT")]
    pub(crate) district: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Journal {
    /// Print entries as JSON lines
    Cat {
        /// The data folder
        data: PathBuf,
        /// First position
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// Only this district
        #[arg(long)]
        only: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The data folder of a host, or a copy of it
    pub(crate) data: PathBuf,
    /// Only this district
    #[arg(long)]
    pub(crate) only: Option<String>,
    /// Follow chains and fold the state, but execute no policy
    #[arg(long)]
    pub(crate) fold_only: bool,
    /// Threads; 0 is one for each core
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
    /// The host's public key (64 hexadecimal digits) that you hold; without it the key in the checkpoints is believed
    #[arg(long)]
    pub(crate) key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Play {
    /// `CloudEvents`, one a line, in the order of arrival
    pub(crate) stream: PathBuf,
    /// The district's folder
    #[arg(long = "district", value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Keep the journal here, and go on where it ends; without it the play leaves nothing behind
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// `max`, or how many virtual seconds pass in one real second
    #[arg(long, default_value = "max", value_parser = speed)]
    pub(crate) speed: Speed,
    /// How many hours after the last event timers still fire
    #[arg(long, default_value_t = 72)]
    pub(crate) after_hours: u32,
    /// Also what only the machinery needs
    #[arg(long)]
    pub(crate) all: bool,
    /// Language of the text
    #[arg(long, value_enum)]
    pub(crate) lang: Option<Lang>,
}

/// How fast a stream is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Speed(pub(crate) Option<u32>);

fn speed(text: &str) -> Result<Speed, String> {
    match text {
        "max" => Ok(Speed(None)),
        number => match number.parse() {
            Ok(0) | Err(_) => Err("must be `max` or a whole number above zero".into()),
            Ok(number) => Ok(Speed(Some(number))),
        },
    }
}

/// Languages of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// 中文
    Zh,
    /// English
    En,
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The folder of the policy's crate
    pub(crate) crate_dir: PathBuf,
    /// Where to write the package; by default beside the crate's Cargo.toml
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The package
    pub(crate) file: PathBuf,
    /// A trust file: signatures are checked, and signers named
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A `muster.toml`, or a district's folder; without it, the `muster.toml` here
    #[arg(default_value = crate::configuration::FILE)]
    pub(crate) what: PathBuf,
    /// Language of the text
    #[arg(long, value_enum)]
    pub(crate) lang: Option<Lang>,
}

/// A load on a running host.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The event to send again and again: one `CloudEvent` in JSON; each gets an identity of its own
    #[arg(long)]
    pub(crate) event: PathBuf,
    /// Events to send before anything is measured, for instance the warning that opens an incident
    #[arg(long)]
    pub(crate) first: Option<PathBuf>,
    /// The district; the host's only one, if it has one; `all`: spread by Zipf's law over all of them
    #[arg(long)]
    pub(crate) district: Option<String>,
    /// Senders at once, each with one request under way; several numbers are measured one after the other
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    pub(crate) senders: Vec<usize>,
    /// Events for each number of senders
    #[arg(long, default_value_t = 10_000)]
    pub(crate) events: u64,
    /// Events in one request
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) batch: u64,
    /// Events a second; as fast as the host answers without it
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Threads of the senders
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// The host's process on this machine, for its processor time
    #[arg(long = "pid")]
    pub(crate) process: Option<u32>,
    /// Send the events as a drill's, which leaves the real district as it is; `false` writes into its real journal
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) drill: bool,
}
