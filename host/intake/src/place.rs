//! From the codes that a sender writes to the nodes of the tier tree. A code without a row is said, never guessed.

use std::collections::BTreeMap;

use muster_kernel::{Hazard, NodeCode};

use crate::settings::{Check, SettingsError, SourceSettings};

/// The code that stands for every code of its list.
const EVERY: &str = "*";
/// The node that stands for the code itself.
const SAME: &str = "=";
/// Digits of an area code down to the county (GB/T 2260).
const COUNTY_DIGITS: usize = 6;

/// What the settings say of places and hazards.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    geocodes: BTreeMap<String, BTreeMap<String, String>>,
    hazards: BTreeMap<String, String>,
    pub(crate) default_node: Option<NodeCode>,
    pub(crate) default_hazard: Option<Hazard>,
}

impl Places {
    pub(crate) fn new(check: &Check<'_>, settings: &SourceSettings) -> Result<Self, SettingsError> {
        for (list, codes) in &settings.geocodes {
            check.word("geocodes", list)?;
            for (code, node) in codes {
                let field = format!("geocodes.{list}.{code}");
                check.word(&field, code)?;
                check.word(&field, node)?;
                if node == SAME && code != EVERY {
                    return Err(check.wrong(field, "is `=`", "`=` goes with the code `*` only; write the node's code"));
                }
            }
        }
        for (word, hazard) in &settings.hazards {
            check.word("hazards", word)?;
            check.word(&format!("hazards.{word}"), hazard)?;
        }
        settings.default_node.iter().try_for_each(|node| check.word("default_node", node))?;
        settings.default_hazard.iter().try_for_each(|hazard| check.word("default_hazard", hazard))?;
        Ok(Self {
            geocodes: settings.geocodes.clone(),
            hazards: settings.hazards.clone(),
            default_node: settings.default_node.as_deref().map(NodeCode::from),
            default_hazard: settings.default_hazard.as_deref().map(Hazard::from),
        })
    }

    /// The node of a code of a list.
    pub(crate) fn node(&self, list: &str, code: &str) -> Option<NodeCode> {
        let codes = self.geocodes.get(list)?;
        let node = codes.get(code).or_else(|| codes.get(EVERY))?;
        Some(if node == SAME { NodeCode::from(without_padding(code)) } else { NodeCode::from(node.as_str()) })
    }

    /// The hazard of a code of a list, or of a word.
    pub(crate) fn hazard(&self, list: Option<&str>, word: &str) -> Option<Hazard> {
        let by_list = list.and_then(|list| self.hazards.get(&format!("{list}:{word}")));
        by_list.or_else(|| self.hazards.get(word)).map(|hazard| Hazard::from(hazard.as_str()))
    }
}

/// An area code without the zeros that fill it up: 12 digits for a city are its 6 and `000000`. Below the county the
/// digits go by threes (town, then village).
fn without_padding(code: &str) -> &str {
    let mut code = code;
    let digits = code.bytes().all(|byte| byte.is_ascii_digit());
    while digits && code.len() >= COUNTY_DIGITS + 3 && (code.len() - COUNTY_DIGITS).is_multiple_of(3) {
        match code.strip_suffix("000") {
            Some(shorter) => code = shorter,
            None => break,
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_that_fill_a_code_up_are_no_part_of_it() {
        assert_eq!(without_padding("990100000000"), "990100");
        assert_eq!(without_padding("990103901000"), "990103901");
        assert_eq!(without_padding("990103901003"), "990103901003");
        assert_eq!(without_padding("990000"), "990000");
        assert_eq!(without_padding("TXC000"), "TXC000");
    }
}
