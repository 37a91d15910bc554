//! The event that is sent again and again, cut where each one sent differs. It must cost next to nothing to write one.
//!
//! `{number}` in a text of the event stands for the number of the one that is sent, from 0; `{number%1000}` for the rest of
//! its division, with as many digits as the largest has: `{number%1000}` gives 000 to 999.

use anyhow::{Context, bail, ensure};
use serde_json::{Value as Json, json};

/// What stands for the identity until the event is cut.
const IDENTITY: &str = "{identity}";
const NUMBER: &str = "{number";

/// The event as text, in pieces.
pub(super) struct Pattern {
    pieces: Vec<Piece>,
    rest: String,
}

/// Text, and what comes behind it.
struct Piece {
    text: String,
    then: Varying,
}

#[derive(Clone, Copy)]
enum Varying {
    Identity,
    Number,
    Rest { divisor: u64, digits: usize },
}

impl Pattern {
    /// Cuts an event.
    ///
    /// # Errors
    /// When a place for a number is not one.
    pub(super) fn of(event: &Json) -> anyhow::Result<Self> {
        let mut event = event.clone();
        event["id"] = json!(IDENTITY);
        let text = event.to_string();
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while let Some(place) = [IDENTITY, NUMBER].iter().filter_map(|mark| rest.find(mark)).min() {
            let (text, from) = rest.split_at(place);
            let (mark, behind) = from.split_once('}').context("a `{number` in the event has no end")?;
            pieces.push(Piece { text: text.to_owned(), then: varying(mark)? });
            rest = behind;
        }
        Ok(Self { pieces, rest: rest.to_owned() })
    }

    /// Writes one.
    pub(super) fn write(&self, run: &str, number: u64, body: &mut Vec<u8>) {
        use std::io::Write as _;
        for Piece { text, then } in &self.pieces {
            body.extend_from_slice(text.as_bytes());
            let written = match *then {
                Varying::Identity => write!(body, "{run}-{number}"),
                Varying::Number => write!(body, "{number}"),
                Varying::Rest { divisor, digits } => write!(body, "{:0digits$}", number % divisor),
            };
            written.expect("memory takes every byte");
        }
        body.extend_from_slice(self.rest.as_bytes());
    }
}

fn varying(mark: &str) -> anyhow::Result<Varying> {
    if mark == IDENTITY.trim_end_matches('}') {
        return Ok(Varying::Identity);
    }
    match mark.strip_prefix(NUMBER) {
        Some("") => Ok(Varying::Number),
        Some(divisor) if divisor.starts_with('%') => {
            let divisor: u64 = divisor[1..].parse().with_context(|| format!("`{mark}}}` divides by no number"))?;
            ensure!(divisor > 0, "`{mark}}}` divides by zero");
            Ok(Varying::Rest { divisor, digits: (divisor - 1).to_string().len() })
        }
        _ => bail!("`{mark}}}` in the event is neither `{{number}}` nor `{{number%1000}}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &Json, number: u64) -> String {
        let mut body = Vec::new();
        Pattern::of(event).expect("a pattern").write("run", number, &mut body);
        String::from_utf8(body).expect("text")
    }

    #[test]
    fn identity_and_numbers_are_put_in() {
        let event = json!({"id": "x", "data": {"node": "9901{number%100}", "hazard": "h{number}"}});
        let sent: Json = serde_json::from_str(&written(&event, 1_207)).expect("JSON");
        assert_eq!(sent, json!({"id": "run-1207", "data": {"node": "990107", "hazard": "h1207"}}));
    }

    #[test]
    fn what_is_no_number_is_said() {
        for (event, said) in [
            (json!({"a": "{number%0}"}), "by zero"),
            (json!({"a": "{number%x}"}), "no number"),
            (json!({"a": "{numbers}"}), "neither"),
            (json!({"a": "{number"}), "neither"),
        ] {
            let error = Pattern::of(&event).err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(error.contains(said), "{event}: {error}");
        }
    }
}
