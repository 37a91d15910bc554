//! Sense: where an event belongs. Triage is asked; what it says is checked before it counts.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Deciding;
use super::event_kind::EventKind;
use crate::act::{Because, Warning};
use crate::fold::numbered;
use crate::record::{Fact, WarningChange};
use crate::role::triage::{Answer, NewIncident, NewWatch, Placement, Question};
use crate::state::identity_of;
use crate::value::{find, find_instant, find_text};
use crate::{Colour, Event, Hazard, IncidentId, Instant, Milliseconds, RiskStage, Role, WatchId, facts, roster};

/// Where an event belongs.
#[derive(Debug, Clone, Default)]
pub(super) struct Located {
    pub(super) incident: Option<IncidentId>,
    pub(super) watch: Option<WatchId>,
    pub(super) classification: Option<String>,
    /// What is recorded of its place once the event is found valid.
    pub(super) deferred: Vec<Fact>,
}

impl Deciding<'_> {
    pub(super) fn locate(&mut self, event: &Arc<Event>, kind: EventKind) -> Located {
        let named = self.named_incident(event);
        if let (Some(incident), false) = (&named, kind.is_sensed()) {
            return Located { incident: Some(incident.clone()), ..Located::default() };
        }
        let candidates = facts::candidates(self.state, event.node.as_str());
        let reputation = self.state.sources.get(&event.source).copied().unwrap_or_default();
        let question = Question { now: self.now(), event: Arc::clone(event), reputation, candidates };
        let answer = self.ask(
            Role::Triage,
            &mut |policies, binding, state| policies.triage(binding, state, &question),
            |deciding, answer: &Answer| if deciding.exists(answer) { Ok(()) } else { Err(None) },
        );
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => self.triage_fallback(event, named.as_ref(), &question.candidates, failure),
        };
        self.place(event, kind, answer)
    }

    /// The incident that the event names: by its own name, or through the call-out, request, measure or task it
    /// speaks of.
    fn named_incident(&self, event: &Event) -> Option<IncidentId> {
        let by_name = event.incident.as_deref().and_then(|name| facts::find_incident(self.state, name));
        by_name.map(|(id, _)| id.clone()).or_else(|| self.incident_of_subject(event))
    }

    fn incident_of_subject(&self, event: &Event) -> Option<IncidentId> {
        let state = &self.state;
        let named = |key: &str| find_text(&event.attributes, key);
        let of_callout = || state.callouts.get(state.index.callout_names.get(named("callout")?)?)?.incident.clone();
        let of_request = || state.spends.get(named("request")?)?.incident.clone();
        let of_measure = || state.measures.get(named("measure")?)?.incident.clone();
        let of_task = || state.tasks.get(named("task")?)?.incident.clone();
        of_callout().or_else(of_request).or_else(of_measure).or_else(of_task)
    }

    /// Whether the incident and the nodes that an answer speaks of exist.
    fn exists(&self, answer: &Answer) -> bool {
        match &answer.placement {
            Placement::RecordOnly => true,
            Placement::Attach(id) => self.state.incidents.contains(id),
            Placement::Open(new) => {
                roster::exact(self.state, new.node.as_str()).is_some()
                    && new.parent.as_ref().is_none_or(|parent| self.state.incidents.contains(parent))
            }
            Placement::Watch(new) => roster::exact(self.state, new.node.as_str()).is_some(),
        }
    }

    /// Records where an event belongs. An act of a person is placed once it is found valid: what is refused changes
    /// nothing.
    fn place(&mut self, event: &Event, kind: EventKind, answer: Answer) -> Located {
        let mut located = Located { classification: Some(answer.classification.clone()), ..Located::default() };
        match answer.placement {
            Placement::RecordOnly => {}
            // A person's act is about something; it opens nothing, least of all when it is refused.
            Placement::Open(_) | Placement::Watch(_) if !kind.is_sensed() => {}
            Placement::Attach(id) => located.incident = Some(id),
            Placement::Open(new) => located.incident = Some(self.open_incident(new, answer.tags, &answer.because)),
            Placement::Watch(new) => located.watch = Some(self.open_watch(new, &answer.because)),
        }
        let named = located.incident.as_ref().and_then(|incident| self.new_name(event, incident));
        let placed = Fact::EventPlaced {
            incident: located.incident.clone(),
            watch: located.watch.clone(),
            classification: answer.classification,
            group: answer.group,
            late_by: late_by(event),
            because: answer.because,
        };
        let facts = named.into_iter().chain([placed]);
        if kind.is_sensed() {
            facts.for_each(|fact| self.record(fact));
        } else {
            located.deferred = facts.collect();
        }
        located
    }

    fn open_incident(&mut self, new: NewIncident, tags: Vec<String>, because: &Because) -> IncidentId {
        let incident = IncidentId::from(self.identifier('i'));
        let name = self.unused_name(new.name.unwrap_or_else(|| incident.to_string()));
        self.record(Fact::IncidentOpened {
            incident: incident.clone(),
            name,
            scheme: new.scheme,
            hazard: new.hazard,
            node: new.node.clone(),
            stage: RiskStage::Prevent,
            life_safety: new.life_safety,
            parent: new.parent,
            tags,
            because: because.clone(),
        });
        self.first_command(&incident, &new.node);
        incident
    }

    /// The wished name, or the first of `name-2`, `name-3`… that no incident bears.
    fn unused_name(&self, wished: String) -> String {
        if !self.state.index.incident_names.contains_key(&wished) {
            return wished;
        }
        numbered(&wished, self.state.index.free_number(&wished))
    }

    fn open_watch(&mut self, new: NewWatch, because: &Because) -> WatchId {
        if let Some(watch) = facts::watch(self.state, new.node.as_str(), Some(&new.hazard)) {
            return watch;
        }
        let watch = WatchId::from(self.identifier('w'));
        self.record(Fact::WatchOpened {
            watch: watch.clone(),
            hazard: new.hazard,
            node: new.node,
            until: new.until,
            stage: RiskStage::Prevent,
            because: because.clone(),
        });
        watch
    }

    /// A sender's name for an incident is kept, so that the next event with it is understood at once.
    fn new_name(&self, event: &Event, incident: &IncidentId) -> Option<Fact> {
        let name = event.incident.as_ref().filter(|name| !self.state.index.incident_names.contains_key(*name))?;
        Some(Fact::IncidentNamed { incident: incident.clone(), name: name.clone() })
    }

    /// What a warning is to the last one of its hazard at its node.
    fn change_of(&self, event: &Event, warning: &Warning) -> WarningChange {
        let kind = find_text(&event.attributes, "msgtype").unwrap_or_default();
        if kind.eq_ignore_ascii_case("cancel") {
            return WarningChange::Cancelled;
        }
        let known = facts::warning_history(self.state, warning.node.as_str(), warning.hazard.as_str(), Instant::MIN);
        let in_force = known.into_iter().find(|known| known.expires.is_none_or(|expires| expires >= warning.issued));
        match in_force {
            None => WarningChange::New,
            Some(before) if before.colour == warning.colour => WarningChange::Prolonged,
            Some(before) if before.colour < warning.colour => WarningChange::Raised,
            Some(_) => WarningChange::Lowered,
        }
    }

    /// Keeps a warning.
    pub(super) fn warning(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        let attributes = &event.attributes;
        let hazard = find_text(attributes, "hazard")
            .ok_or_else(|| Because::new("host:warning", "预警未写明灾种(hazard)", "the warning names no `hazard`"))?;
        let warning = Warning {
            hazard: Hazard::from(hazard),
            node: event.node.clone(),
            colour: find_text(attributes, "colour").and_then(Colour::parse),
            issued: event.occurred,
            expires: expiry(event),
            source: event.source.clone(),
        };
        let change = self.change_of(event, &warning);
        let supersedes = self.superseded_by(event);
        self.record(Fact::WarningRecorded { incident: located.incident.clone(), warning, change, supersedes });
        Ok(())
    }

    /// The entries of the warnings that an event names as those it stands in place of: `supersedes.0`, `supersedes.1` and so on
    /// hold the identities that the same source gave them. What nobody has seen is not there to be replaced, and naming it
    /// takes nothing else back.
    fn superseded_by(&self, event: &Event) -> Option<Vec<u64>> {
        let named = |place: u32| find_text(&event.attributes, &format!("supersedes.{place}"));
        named(0)?;
        let mut known: Vec<u64> = (0..)
            .map_while(named)
            .filter_map(|id| self.state.identity(&event.source, id))
            .map(|identity| identity.seq)
            .filter(|seq| self.state.warnings.contains(&(event.node.clone(), *seq)))
            .collect();
        known.sort_unstable();
        known.dedup();
        Some(known)
    }
}

/// When a warning lapses: as stated, or after its hours of validity.
fn expiry(event: &Event) -> Option<Instant> {
    find_instant(&event.attributes, "expires").or_else(|| match find(&event.attributes, "valid_h")? {
        crate::value::Value::Integer(hours) => Some(event.occurred + Milliseconds::hours((*hours).clamp(0, 24 * 366))),
        _ => None,
    })
}

/// How much later than it happened an event arrived; nothing when it came within the minute.
fn late_by(event: &Event) -> Option<Milliseconds> {
    const PROMPT: Milliseconds = Milliseconds::minutes(1);
    let late = event.recorded - event.occurred;
    (late > PROMPT).then_some(late)
}

/// A stable group word for events that nobody could sort.
pub(super) fn unsorted_group(event: &Event) -> String {
    format!("unsorted-{:08x}", identity_of(&event.source, &event.kind) >> 96)
}
