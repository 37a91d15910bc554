//! The reason of a row, with the event's own figures put into its sentences.

use muster_sdk::settings::Row;
use muster_sdk::{Attributes, Because, Event, because};

/// The row's rule and sentences; `{field}` stands for what the event says.
pub(crate) fn because_of(row: &Row, event: &Event) -> Because {
    let rule = row.text("rule").unwrap_or("P");
    let sentence = |language: &str| filled(row.text(language).unwrap_or(rule), event);
    let mut reason = because(rule, sentence("zh"), sentence("en"));
    reason.source = row.text("source").map(Into::into);
    reason
}

/// A template with the event's own words put in for `{field}`.
pub(crate) fn filled(template: &str, event: &Event) -> String {
    let mut text = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((field, tail)) = after.split_once('}') else {
            rest = after;
            break;
        };
        text.push_str(event.display(field).as_deref().unwrap_or("?"));
        rest = tail;
    }
    text.push_str(rest);
    text
}
