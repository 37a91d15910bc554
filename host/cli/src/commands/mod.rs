//! The commands, one file for each family.

/// Prints a line. A reader that closed the pipe has seen enough: the command ends without a fuss.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        if writeln!(std::io::stdout(), $($text)*).is_err() {
            std::process::exit(0);
        }
    }};
}

pub(crate) mod act;
pub(crate) mod bench;
pub(crate) mod call_list;
pub(crate) mod care;
pub(crate) mod certify;
pub(crate) mod handover;
pub(crate) mod incident;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod journal;
pub(crate) mod judge;
mod keys;
pub(crate) mod outbox;
pub(crate) mod package;
pub(crate) mod play;
pub(crate) mod policy;
pub(crate) mod prove;
pub(crate) mod query;
pub(crate) mod revoke;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod token;
pub(crate) mod trust;
pub(crate) mod verify;

use std::process::ExitCode;

use muster_server::language::Language;

use crate::arguments::Lang;

/// The language that is wanted, or that of the user's environment.
pub(crate) fn language(wanted: Option<Lang>) -> Language {
    match wanted {
        Some(Lang::Zh) => Language::Chinese,
        Some(Lang::En) => Language::English,
        None => {
            let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
            let locale = of("LC_ALL").or_else(|| of("LANG")).unwrap_or_default();
            if locale.starts_with("zh") { Language::Chinese } else { Language::English }
        }
    }
}

/// `muster openapi`: the contract as this very binary serves it.
pub(crate) fn openapi() -> ExitCode {
    say!("{}", muster_server::openapi().trim_end());
    ExitCode::SUCCESS
}
