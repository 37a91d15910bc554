//! Who hears of what, and the message that comes of it. Never delivers; never looks at anything but the fact and the
//! view that is given.

use std::collections::BTreeSet;

use muster_kernel::act::Party;
use muster_kernel::record::{Entry, Fact};
use muster_kernel::{DistrictId, NodeCode};

use crate::message::FACT_BYTES_MAX;
use crate::settings::Recipient;
use crate::template::Fields;
use crate::{DistrictView, Message, MessageId, RecipientName, Urgency, about};

/// A fact's kind, or all kinds that begin alike: `callout.issued`, `callout.*`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactPattern(String);

impl FactPattern {
    /// Reads a pattern. `None` when no kind of fact matches it: such a subscription would be silent for ever.
    pub fn parse(text: &str) -> Option<Self> {
        let pattern = Self(text.into());
        Fact::KINDS.iter().any(|kind| pattern.matches(kind)).then_some(pattern)
    }

    /// The text of every pattern that matches a kind, the widest first.
    pub(crate) fn all() -> impl Iterator<Item = String> {
        let families: BTreeSet<String> = Fact::KINDS
            .iter()
            .flat_map(|kind| kind.match_indices('.').map(|(dot, _)| format!("{}*", &kind[..=dot])))
            .collect();
        let kinds = Fact::KINDS.iter().map(|kind| (*kind).to_owned());
        std::iter::once("*".to_owned()).chain(families).chain(kinds)
    }

    /// Whether a kind matches.
    pub fn matches(&self, kind: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some("") => true,
            Some(family) => family.ends_with('.') && kind.starts_with(family),
            None => self.0 == kind,
        }
    }
}

/// What a recipient hears of. Every condition that is named must hold; one that is empty always holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Who hears of it.
    pub recipient: RecipientName,
    /// Kinds of facts; never empty.
    pub facts: Vec<FactPattern>,
    /// Districts.
    pub districts: Vec<DistrictId>,
    /// Nodes: what concerns one of these or a node below it.
    pub nodes: Vec<NodeCode>,
    /// Parties: what tells, calls or asks one of these.
    pub parties: Vec<Party>,
    /// Only where lives are at stake.
    pub life_safety_only: bool,
    /// Drills too; otherwise a drill reaches nobody.
    pub exercises: bool,
    /// A receipt is waited for.
    pub receipt: bool,
}

impl Subscription {
    fn covers(&self, entry: &Entry, fact: &Fact, exercise: bool) -> bool {
        // A drill is walled off: its district is named by the real one's name.
        let plain = entry.district.as_str().strip_suffix(EXERCISE).unwrap_or(entry.district.as_str());
        (self.exercises || !exercise)
            && (self.districts.is_empty() || self.districts.iter().any(|one| one.as_str() == plain))
            && self.facts.iter().any(|pattern| pattern.matches(fact.kind()))
            && (self.parties.is_empty() || about::told(fact).into_iter().any(|party| self.parties.contains(party)))
    }

    fn concerns(&self, entry: &Entry, about: &about::About, view: &dyn DistrictView) -> bool {
        let here = || {
            let Some(node) = &about.node else { return false };
            view.lineage(&entry.district, node).iter().any(|node| self.nodes.contains(node))
        };
        (about.life_safety || !self.life_safety_only) && (self.nodes.is_empty() || here())
    }
}

/// The end of a drill district's name.
pub(crate) const EXERCISE: &str = ".exercise";

/// The message that a fact makes for a recipient; `None` when none of the subscriptions covers it. Several that do
/// make one message, and a receipt is waited for when any of them wants it. `identity` is asked only where there is a message.
pub(crate) fn message(
    recipient: &Recipient,
    subscriptions: &[Subscription],
    entry: &Entry,
    index: u32,
    view: &dyn DistrictView,
    identity: impl FnOnce() -> MessageId,
) -> Option<Message> {
    let fact = entry.facts.get(usize::try_from(index).ok()?)?;
    let exercise = entry.district.as_str().ends_with(EXERCISE);
    let mut possible = subscriptions
        .iter()
        .filter(|one| one.recipient == recipient.name && one.covers(entry, fact, exercise))
        .peekable();
    possible.peek()?;
    let body = about::body(fact);
    let about = about::about(entry, &body, view);
    let mut wanted = possible.filter(|one| one.concerns(entry, &about, view)).peekable();
    wanted.peek()?;
    let receipt = wanted.any(|one| one.receipt);

    let id = identity();
    let said = view.say(entry, fact, recipient.language);
    let fields = Fields {
        id: id.to_string(),
        district: view.name(&entry.district, recipient.language),
        kind: fact.kind().into(),
        label: said.label,
        sentence: said.text,
        time: entry.at.to_local_text(view.utc_offset_seconds(&entry.district)),
        seq: entry.seq.to_string(),
        recipient: recipient.name.to_string(),
    };
    let drill = if exercise { recipient.drill_mark() } else { "" };
    let fact_bytes = body.to_string().len();
    Some(Message {
        kind: fact.kind().into(),
        urgency: if about.life_safety { Urgency::LifeSafety } else { Urgency::Ordinary },
        at: entry.at,
        subject: format!("{drill}{}", recipient.subject.render(&fields)),
        text: format!("{drill}{}", recipient.text.render(&fields)),
        language: recipient.language,
        ways: view.ways(entry, fact),
        receipt,
        exercise,
        fact: (fact_bytes <= FACT_BYTES_MAX).then_some(body),
        id,
    })
}
