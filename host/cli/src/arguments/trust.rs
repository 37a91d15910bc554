//! What can be asked on the command line about keys, signatures and trust.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Lang;

#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// The person or organisation that holds it, as the trust file will name it
    #[arg(long)]
    pub(crate) holder: String,
    /// A new file for the secret key, for nobody but its holder to read
    #[arg(long)]
    pub(crate) out: PathBuf,
}

/// Offices in which a package is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignOffice {
    /// Who made it
    Vendor,
    /// Who lets it into districts
    Releaser,
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The package
    pub(crate) package: PathBuf,
    /// The secret key
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// In which office
    #[arg(long, value_enum, default_value_t = SignOffice::Vendor)]
    pub(crate) office: SignOffice,
    /// Only together with these settings: files in the order in which they are read
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Vec<PathBuf>,
}

/// What a person can approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// To activate although the backtest gate says no
    Override,
    /// To let it use capabilities that the one before did not have
    Widen,
    /// To activate in a crisis what the crisis rules refuse; needs --expires
    BreakGlass,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The package
    pub(crate) package: PathBuf,
    /// The secret key
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// The district
    #[arg(long)]
    pub(crate) district: String,
    /// The role
    #[arg(long)]
    pub(crate) role: String,
    /// Of what
    #[arg(long, value_enum)]
    pub(crate) kind: Kind,
    /// Why
    #[arg(long)]
    pub(crate) reason: String,
    /// The settings that it will run with: files in the order in which they are read
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Vec<PathBuf>,
    /// The digest of the settings, where their files are not at hand
    #[arg(long, value_name = "DIGEST", conflicts_with = "settings")]
    pub(crate) settings_digest: Option<String>,
    /// From when on it counts no more, for instance 2021-07-21T18:00:00+08:00
    #[arg(long)]
    pub(crate) expires: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The deny-list; it is made when there is none
    pub(crate) list: PathBuf,
    /// The secret key
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// A package to deny: its file, or its digest
    #[arg(long, value_name = "PACKAGE")]
    pub(crate) package: Vec<String>,
    /// A key to deny, by its id
    #[arg(long, value_name = "ID")]
    pub(crate) denied_key: Vec<String>,
    /// Why, in Chinese
    #[arg(long, required_unless_present_any = ["cosign", "take_back", "renew"])]
    pub(crate) reason_zh: Option<String>,
    /// Why, in English
    #[arg(long, required_unless_present_any = ["cosign", "take_back", "renew"])]
    pub(crate) reason_en: Option<String>,
    /// From when on; now by default
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Take a package (its digest) or a key (its id) off the list; this needs more signers
    #[arg(long, value_name = "DIGEST or ID")]
    pub(crate) take_back: Vec<String>,
    /// Sign the same entries anew, so that the list is not too old
    #[arg(long)]
    pub(crate) renew: bool,
    /// Add your signature to the newest list, and change nothing
    #[arg(long, conflicts_with_all = ["package", "denied_key", "take_back", "renew"])]
    pub(crate) cosign: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SignTrust {
    /// The new trust file
    pub(crate) file: PathBuf,
    /// The secret key
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// Why
    #[arg(long)]
    pub(crate) reason: String,
    /// The trust file in force: what becomes stricter and what weaker is shown before it is signed
    #[arg(long, value_name = "FILE")]
    pub(crate) replaces: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Certify {
    /// The package
    pub(crate) package: PathBuf,
    /// The settings that it is put through the suite with, in the order in which they are read; by default those of
    /// its first self-test
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Vec<PathBuf>,
    /// Everyday and unusual questions a role; a fifth as many hostile ones come on top
    #[arg(long, default_value_t = muster_conformance::QUESTIONS)]
    pub(crate) questions: usize,
    /// Makes the questions: the same seed, the same questions
    #[arg(long, default_value_t = muster_conformance::SEED)]
    pub(crate) seed: u64,
    /// The certifier's secret key: the result, passed or failed, is signed and added to the file beside the package
    #[arg(long)]
    pub(crate) key: Option<PathBuf>,
    /// Where the report goes as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Language of the text
    #[arg(long, value_enum)]
    pub(crate) lang: Option<Lang>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyPackage {
    /// The package
    pub(crate) package: PathBuf,
    /// The trust file
    #[arg(long)]
    pub(crate) trust: PathBuf,
    /// The deny-list
    #[arg(long)]
    pub(crate) deny: Option<PathBuf>,
    /// The district
    #[arg(long)]
    pub(crate) district: String,
    /// The role
    #[arg(long)]
    pub(crate) role: String,
    /// The settings that it would run with: files in the order in which they are read
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Vec<PathBuf>,
    /// As if it were then; now by default
    #[arg(long)]
    pub(crate) at: Option<String>,
    /// As in crisis mode
    #[arg(long)]
    pub(crate) crisis: bool,
    /// Language of the text
    #[arg(long, value_enum)]
    pub(crate) lang: Option<Lang>,
}
