//! The list of earlier messages in `references`: `sender,identifier,sent`, parted by white space.

use super::message::Named;
use super::schema::Version;
use super::time::Time;
use crate::refusal::{Reason, quote};

/// Messages that one message may be about.
pub const REFERENCES_MAX: usize = 64;

/// Reads the list.
pub(super) fn parse(text: &str, version: Version) -> Result<Vec<Named<'_>>, Reason> {
    let mut found: Vec<Named<'_>> = Vec::new();
    for item in text.split_ascii_whitespace() {
        if found.len() == REFERENCES_MAX {
            return Err(Reason::TooMany { name: "references".into(), limit: REFERENCES_MAX });
        }
        let mut parts = item.splitn(3, ',');
        let wrong = || Reason::Value { found: quote(item), wanted: "sender,identifier,sent".into() };
        let (Some(sender), Some(identifier), Some(sent)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let short = |name: &str| (1..=super::schema::NAME_BYTES_MAX).contains(&name.len());
        if !short(sender) || !short(identifier) {
            return Err(wrong());
        }
        let sent = Time::parse(sent, version)?;
        let named = Named { sender: sender.into(), identifier: identifier.into(), sent };
        if !found.contains(&named) {
            found.push(named);
        }
    }
    Ok(found)
}
