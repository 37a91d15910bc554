//! The commands, one file for each family.

pub(crate) mod journal;
pub(crate) mod package;
pub(crate) mod play;
pub(crate) mod query;
pub(crate) mod send;
pub(crate) mod serve;

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
