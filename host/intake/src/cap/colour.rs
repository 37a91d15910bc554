//! Which colour a warning has. CAP itself knows none, so it follows from what the source says in words of its own. The
//! settings' `colours` come first, then this table; what neither names has no colour.
//!
//! | dialect | where it stands | words |
//! |---|---|---|
//! | `strict` | `parameter` `warningColour` | the words below |
//! | `12379` | `severity`, or `parameter` `warningColour` | the words below |
//! | `nws` | nowhere: the service knows no colours | – |
//!
//! Words: `Red` 红, `Orange` 橙, `Yellow` 黄, `Blue` 蓝, in any case, and with 色 behind.

use std::collections::BTreeMap;

use muster_kernel::Colour;

use super::dialect::Dialect;
use super::message::Info;
use super::word::Severity;

/// The parameter that holds a colour.
pub(super) const PARAMETER: &str = "warningColour";

/// In `12379`, `severity` holds the colour; the grade of CAP that goes with it (GB/T 35965: Ⅰ to Ⅳ).
const SEVERITIES: [(Colour, Severity); 4] = [
    (Colour::Red, Severity::Extreme),
    (Colour::Orange, Severity::Severe),
    (Colour::Yellow, Severity::Moderate),
    (Colour::Blue, Severity::Minor),
];

/// The colour of a word.
pub(super) fn of_word(word: &str) -> Option<Colour> {
    let word = word.trim().strip_suffix('色').unwrap_or(word.trim());
    let words = [("red", "红"), ("orange", "橙"), ("yellow", "黄"), ("blue", "蓝")];
    let colours = [Colour::Red, Colour::Orange, Colour::Yellow, Colour::Blue];
    let known = words.iter().position(|(english, chinese)| word.eq_ignore_ascii_case(english) || word == *chinese);
    known.map(|place| colours[place])
}

/// The grade of CAP that goes with a colour of `12379`.
pub(super) fn severity_of(colour: Colour) -> Severity {
    SEVERITIES.iter().find(|(known, _)| *known == colour).map_or(Severity::Unknown, |(_, severity)| *severity)
}

/// Every colour that an info names, the most severe first, each once.
pub(super) fn of_info(info: &Info<'_>, dialect: Dialect, settings: &BTreeMap<String, Colour>) -> Vec<Colour> {
    let mut found = Vec::new();
    let mut add = |colour: Option<Colour>| found.extend(colour);
    add(settings.get(&format!("severity:{}", info.severity.as_str())).copied());
    for code in &info.event_codes {
        add(settings.get(&format!("eventCode:{}:{}", code.name, code.value)).copied());
    }
    for parameter in &info.parameters {
        let by_settings = settings.get(&format!("parameter:{}:{}", parameter.name, parameter.value)).copied();
        let named = dialect != Dialect::Nws && parameter.name == PARAMETER;
        add(by_settings.or_else(|| if named { of_word(&parameter.value) } else { None }));
    }
    found.sort_by(|one: &Colour, other| other.cmp(one));
    found.dedup();
    found
}
