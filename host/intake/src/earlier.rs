//! What was said before: which warnings a CAP message had put out, so that an Update or a Cancel takes back exactly those.
//!
//! It is a fold of events that became durable, by [`Ledger::remember`]; folding the journal's events gives it back. It
//! decides nothing and reads no clock.

use std::collections::BTreeMap;

use muster_kernel::value::{self, Attribute, find_text};
use muster_kernel::{Event, Hazard, Instant, NodeCode, Value};

use crate::kind;

/// Messages that a ledger keeps. At the 400 a day of a busy province that is more than five months.
pub const MESSAGES_MAX: usize = 65_536;

/// The extended identifier of a CAP message (CAP 1.2, section 3.2.1, `references`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// `sender`.
    pub sender: String,
    /// `identifier`.
    pub identifier: String,
    /// `sent`.
    pub sent: Instant,
}

/// A warning that an earlier message had put out: one hazard at one node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Covered {
    /// Its hazard.
    pub hazard: Hazard,
    /// Its node.
    pub node: NodeCode,
}

/// What is known of an earlier message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Whether it was received itself, and not only named by a later one.
    pub received: bool,
    /// The first message that took its place or took it back.
    pub superseded_by: Option<Reference>,
    /// True when it was a drill. A drill never takes the place of what is real.
    pub exercise: bool,
    /// The warnings it put out.
    pub covered: Vec<Covered>,
}

/// What is known of earlier messages of a source.
pub trait Earlier: Send + Sync {
    /// What is known of a message of this source.
    fn message(&self, source: &str, reference: &Reference) -> Option<Known>;
}

/// Nothing is known of earlier messages: what takes something back is refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Earlier for Nothing {
    fn message(&self, _: &str, _: &Reference) -> Option<Known> {
        None
    }
}

/// The messages of every source and what they had put out.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    messages: BTreeMap<(String, Reference), Known>,
}

impl Ledger {
    /// What stands in the bytes of every entry that a ledger learns from.
    pub const MARK: &str = "\"cap.reference\"";

    /// Whether an event came from a message that others may refer to.
    pub fn concerns(event: &Event) -> bool {
        find_text(&event.attributes, "cap.reference").is_some()
    }

    /// Takes in an event that is durable. Events that did not come from a CAP message change nothing.
    pub fn remember(&mut self, event: &Event) {
        let Some(own) = reference_of(&event.attributes) else { return };
        let key = (event.source.clone(), own.clone());
        let known = self.messages.entry(key).or_default();
        if !known.received {
            known.received = true;
            if known.exercise != event.exercise {
                // What was said of it before it came was said in another world: a drill of what is real, or the reverse.
                known.exercise = event.exercise;
                known.superseded_by = None;
            }
        }
        if let Some(covered) = covered_by(event).filter(|row| !known.covered.contains(row)) {
            known.covered.push(covered);
        }
        for (_, value) in value::below(&event.attributes, "references") {
            if let Value::Text(text) = value
                && let Some(reference) = Reference::parse(text)
            {
                self.supersede(event, reference, &own);
            }
        }
        while self.messages.len() > MESSAGES_MAX {
            let oldest = self.messages.keys().min_by_key(|(_, reference)| reference.sent).cloned();
            oldest.map(|key| self.messages.remove(&key));
        }
    }

    /// A message may be named before it is received: it must not come into force any more when it comes late.
    fn supersede(&mut self, event: &Event, reference: Reference, by: &Reference) {
        let changes = matches!(find_text(&event.attributes, "cap.msgtype"), Some("Update" | "Cancel"));
        // A Test and a message among systems are kept, and mean nothing for what is in force.
        let counts = matches!(find_text(&event.attributes, "cap.status"), Some("Actual" | "Exercise"));
        let fresh = Known { exercise: event.exercise, ..Known::default() };
        if changes && counts {
            let known = self.messages.entry((event.source.clone(), reference)).or_insert_with(|| fresh.clone());
            if !known.received && known.exercise && !event.exercise {
                // Only a drill had named it so far; what is real goes first.
                *known = fresh;
            }
            if known.exercise == event.exercise && known.superseded_by.is_none() {
                known.superseded_by = Some(by.clone());
            }
        }
    }

    /// How many messages are known.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether no message is known.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

impl Earlier for Ledger {
    fn message(&self, source: &str, reference: &Reference) -> Option<Known> {
        self.messages.get(&(source.to_owned(), reference.clone())).cloned()
    }
}

/// The warning that an event puts out. What takes something back, and what is only recorded, puts out none.
fn covered_by(event: &Event) -> Option<Covered> {
    let takes_back = find_text(&event.attributes, "msgtype") == Some("cancel");
    let hazard = find_text(&event.attributes, "hazard").filter(|_| event.kind == kind::WARNING && !takes_back);
    let node = NodeCode::from(event.place.as_str());
    hazard.map(|hazard| Covered { hazard: Hazard::from(hazard), node })
}

impl Reference {
    /// Reads `sender,identifier,sent`.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, sent) = text.rsplit_once(',')?;
        let (sender, identifier) = rest.split_once(',')?;
        let known = !sender.is_empty() && !identifier.is_empty() && !identifier.contains(',');
        let sent = Instant::parse(sent).ok().filter(|_| known)?;
        Some(Self { sender: sender.into(), identifier: identifier.into(), sent })
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{},{},{}", self.sender, self.identifier, self.sent)
    }
}

fn reference_of(attributes: &[Attribute]) -> Option<Reference> {
    Reference::parse(find_text(attributes, "cap.reference")?)
}
