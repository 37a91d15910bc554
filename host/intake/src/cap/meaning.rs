//! What a message means for the kernel: warnings that come into force, that are taken back, and what is only kept.
//!
//! Ids follow from sender, identifier, time, hazard and node, so that the same message sent again is a duplicate.

use std::collections::BTreeSet;

use muster_kernel::{Event, NodeCode};

use super::attributes::Attributes;
use super::group::{Group, Groups};
use super::message::Alert;
use super::schema::Version;
use super::word::{MessageType, Status};
use super::{Cap, EVENT_BYTES_MAX, EVENTS_MAX};
use crate::adapter::Moment;
use crate::earlier::{Covered, Known, Reference};
use crate::kind;
use crate::refusal::{Reason, Refusal};
use crate::settings::ExerciseRule;

/// One message and all that its meaning depends on.
pub(super) struct Meaning<'m> {
    pub(super) cap: &'m Cap,
    pub(super) version: Version,
    pub(super) alert: &'m Alert<'m>,
    pub(super) moment: &'m Moment<'m>,
}

/// What the referenced messages had put out.
struct Before {
    /// What is still theirs: nothing else has taken its place.
    standing: Vec<(Reference, Covered)>,
    /// References that were never received.
    unknown: Vec<Reference>,
    /// Whether at least one was received.
    any_known: bool,
}

impl Meaning<'_> {
    pub(super) fn events(&self) -> Result<Vec<Event>, Refusal> {
        let senders = &self.cap.settings.senders;
        if !senders.is_empty() && !senders.contains(&*self.alert.sender) {
            return Err(Refusal::at("alert/sender", Reason::Sender(self.alert.sender.to_string())));
        }
        match self.alert.status {
            Status::Draft => return Err(Refusal::at("alert/status", Reason::Draft)),
            Status::Exercise if self.cap.exercise == ExerciseRule::Refuse => {
                return Err(Refusal::at("alert/status", Reason::Exercise));
            }
            Status::Test | Status::System => return self.kept_as(&format!("status-{}", self.alert.status.as_str())),
            Status::Actual | Status::Exercise => {}
        }
        match self.alert.message_type {
            MessageType::Ack | MessageType::Error => {
                self.kept_as(&format!("msgtype-{}", self.alert.message_type.as_str()))
            }
            MessageType::Cancel => self.cancel(),
            MessageType::Alert | MessageType::Update => self.warnings(),
        }
    }

    fn is_exercise(&self) -> bool {
        self.alert.status == Status::Exercise || self.cap.exercise == ExerciseRule::Always
    }

    /// Takes back what the referenced messages had put out, and nothing else.
    fn cancel(&self) -> Result<Vec<Event>, Refusal> {
        let before = self.before();
        if !before.any_known {
            return Err(Self::unknown(&before));
        }
        if before.standing.is_empty() {
            return self.kept_as("superseded-before");
        }
        Self::bounded(
            before.standing.iter().map(|(of, covered)| self.taken_back(covered, of, &before, "cancelled", None)),
        )
    }

    /// Puts warnings into force; an Update takes back what it does not say again.
    fn warnings(&self) -> Result<Vec<Event>, Refusal> {
        let own = self.known(&self.alert.reference());
        if own.is_some_and(|known| known.superseded_by.is_some()) {
            return self.kept(kind::LAPSED, "superseded-before");
        }
        let groups = self.cap.groups(self.alert)?;
        let before = self.before();
        let sent = self.alert.sent.instant();
        let (mut live, mut over, mut lapsed) = (Vec::new(), BTreeSet::new(), Vec::new());
        for (covered, group) in &groups.by_place {
            let expires = group.expires(sent, self.cap.settings.valid_hours);
            if group.is_over() {
                over.insert(covered);
            } else if expires.is_some_and(|expires| expires <= self.moment.now) {
                lapsed.push((covered, group));
            } else {
                live.push((covered, group));
            }
        }
        let is_update = self.alert.message_type == MessageType::Update;
        if is_update && live.is_empty() && !over.is_empty() && !before.any_known {
            return Err(Self::unknown(&before));
        }
        let in_force: BTreeSet<&Covered> = live.iter().map(|(covered, _)| *covered).collect();
        let gone = before.standing.iter().filter(|(_, covered)| is_update && !in_force.contains(covered));
        let gone = gone.map(|(of, covered)| {
            let all_clear = over.contains(covered) || (live.is_empty() && lapsed.is_empty());
            self.taken_back(
                covered,
                of,
                &before,
                if all_clear { "all-clear" } else { "not-said-again" },
                groups.by_place.get(covered),
            )
        });
        let live = live.iter().map(|(covered, group)| self.in_force(covered, group, &before, &groups));
        let lapsed = lapsed.iter().map(|(covered, group)| self.lapsed(covered, group, &before, &groups));
        let events = Self::bounded(live.chain(gone).chain(lapsed))?;
        // It names nothing, or it is over and there is nothing to take back.
        if events.is_empty() { self.kept_as("changes-nothing") } else { Ok(events) }
    }

    fn in_force(&self, covered: &Covered, group: &Group<'_>, before: &Before, groups: &Groups<'_>) -> Event {
        let mut attributes = self.warning_attributes(covered, group, before, groups);
        let update = self.alert.message_type == MessageType::Update;
        attributes.text("msgtype", if update { "update" } else { "alert" });
        self.event(kind::WARNING, Some(covered), attributes)
    }

    fn lapsed(&self, covered: &Covered, group: &Group<'_>, before: &Before, groups: &Groups<'_>) -> Event {
        let mut attributes = self.warning_attributes(covered, group, before, groups);
        attributes.text("reason", "expired-before");
        self.event(kind::LAPSED, Some(covered), attributes)
    }

    fn warning_attributes(
        &self,
        covered: &Covered,
        group: &Group<'_>,
        before: &Before,
        groups: &Groups<'_>,
    ) -> Attributes {
        let mut attributes = Attributes::default();
        attributes.text("hazard", covered.hazard.as_str());
        attributes.group(group, group.expires(self.alert.sent.instant(), self.cap.settings.valid_hours));
        groups
            .unmapped
            .iter()
            .enumerate()
            .for_each(|(place, code)| attributes.text(&format!("unmapped.{place}"), code));
        self.about(&mut attributes, before);
        let same = before.standing.iter().filter(|(_, earlier)| earlier == covered);
        for (place, (of, _)) in same.enumerate() {
            attributes.text(&format!("supersedes.{place}"), &id(of, Some(covered)));
        }
        attributes
    }

    fn taken_back(
        &self,
        covered: &Covered,
        of: &Reference,
        before: &Before,
        why: &str,
        group: Option<&Group<'_>>,
    ) -> Event {
        let mut attributes = Attributes::default();
        attributes.text("hazard", covered.hazard.as_str());
        attributes.text("msgtype", "cancel");
        attributes.text("reason", why);
        if why == "all-clear" {
            attributes.flag("all_clear", true);
        }
        if let Some(group) = group {
            attributes.texts(group.infos.iter().map(|(info, _)| *info));
        } else {
            attributes.texts(self.alert.infos.iter());
        }
        attributes.text("supersedes.0", &id(of, Some(covered)));
        self.about(&mut attributes, before);
        self.event(kind::WARNING, Some(covered), attributes)
    }

    fn about(&self, attributes: &mut Attributes, before: &Before) {
        attributes.message(self.alert, self.version, self.cap.settings.dialect);
        for (place, reference) in before.unknown.iter().enumerate() {
            attributes.text(&format!("unknown_references.{place}"), &reference.to_string());
        }
    }

    /// A message that is no warning: kept, with the reason.
    fn kept_as(&self, reason: &str) -> Result<Vec<Event>, Refusal> {
        self.kept(kind::MESSAGE, reason)
    }

    fn kept(&self, kind: &str, reason: &str) -> Result<Vec<Event>, Refusal> {
        let mut attributes = Attributes::default();
        attributes.text("reason", reason);
        attributes.texts(self.alert.infos.iter());
        self.about(&mut attributes, &self.before());
        Self::bounded([self.event(kind, None, attributes)].into_iter())
    }

    fn known(&self, reference: &Reference) -> Option<Known> {
        let known = self.moment.earlier.message(&self.cap.source, reference)?;
        // The same message again means what it meant the first time.
        let own = self.alert.reference();
        let by_other = known.superseded_by.clone().filter(|by| *by != own);
        Some(Known { superseded_by: by_other, ..known }).filter(|known| known.exercise == self.is_exercise())
    }

    fn before(&self) -> Before {
        let mut before = Before { standing: Vec::new(), unknown: Vec::new(), any_known: false };
        for named in &self.alert.references {
            let reference = named.reference();
            match self.known(&reference).filter(|known| known.received) {
                None => before.unknown.push(reference),
                Some(known) => {
                    before.any_known = true;
                    let fresh = known.covered.into_iter().filter(|_| known.superseded_by.is_none());
                    before.standing.extend(fresh.map(|covered| (reference.clone(), covered)));
                }
            }
        }
        before.standing.sort_by(|one, other| one.1.cmp(&other.1));
        before
    }

    fn unknown(before: &Before) -> Refusal {
        let shown: Vec<String> = before.unknown.iter().take(4).map(ToString::to_string).collect();
        Refusal::at("alert/references", Reason::UnknownReferences(shown.join(" ")))
    }

    fn event(&self, kind: &str, covered: Option<&Covered>, attributes: Attributes) -> Event {
        let alert = self.alert;
        let node = covered.map(|covered| covered.node.clone()).or_else(|| self.cap.places.default_node.clone());
        let node = node.unwrap_or_else(|| NodeCode::from(""));
        let mut incidents = alert.incidents.iter().flat_map(|incidents| incidents.split_ascii_whitespace());
        let incident = match (incidents.next(), incidents.next()) {
            (Some(only), None) if only.len() <= super::NAME_BYTES_MAX => Some(only.to_owned()),
            _ => None,
        };
        Event {
            id: id(&alert.reference(), covered),
            source: self.cap.source.clone(),
            kind: kind.into(),
            subject: Some(format!("cap/{}", alert.identifier)),
            occurred: alert.sent.instant(),
            recorded: self.moment.now,
            place: node.to_string(),
            node,
            incident,
            exercise: self.is_exercise(),
            attributes: attributes.into_vec(),
        }
    }

    /// The events, as long as they stay within bounds: a short message may be meant for many nodes.
    fn bounded(events: impl Iterator<Item = Event>) -> Result<Vec<Event>, Refusal> {
        let too_large = |what, limit| Refusal::at("alert", Reason::TooLarge { what, limit });
        let (mut taken, mut ids, mut bytes) = (Vec::new(), BTreeSet::new(), 0_usize);
        for event in events {
            if event.attributes.len() > super::attributes::ATTRIBUTES_MAX {
                return Err(too_large("values for one node", super::attributes::ATTRIBUTES_MAX));
            }
            bytes += super::attributes::bytes(&event);
            if bytes > EVENT_BYTES_MAX {
                return Err(too_large("bytes for all nodes together", EVENT_BYTES_MAX));
            }
            if taken.len() == EVENTS_MAX {
                return Err(too_large("events", EVENTS_MAX));
            }
            // Two referenced messages may have warned of the same: it is taken back once.
            if ids.insert(event.id.clone()) {
                taken.push(event);
            }
        }
        Ok(taken)
    }
}

/// The id of what a message says of a hazard at a node.
fn id(reference: &Reference, covered: Option<&Covered>) -> String {
    match covered {
        Some(Covered { hazard, node }) => format!("cap:{reference}/{hazard}/{node}"),
        None => format!("cap:{reference}"),
    }
}
