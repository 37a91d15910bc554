//! State + input + policies → one entry. The only place where Muster decides.
//!
//! It cannot fail: a refused act is an answer with a reason, a failed policy is answered by the fallback. It never
//! reads a clock: `now` is given. Policies propose; what takes effect passes the bounds here.
//!
//! One file per theme; this one is the table of contents.

mod activation;
mod answer;
mod ask;
mod callout;
mod callout_answer;
mod callout_match;
mod command;
mod effect;
mod event_kind;
mod fallback;
mod feedback;
mod grant;
mod ledger;
mod level;
mod measure;
mod mode;
mod order;
mod process;
mod record;
mod resource;
mod room;
mod sense;
mod service;
mod spend;
mod timer;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::act::Because;
use crate::charter::Charter;
use crate::fold::{self, Moment};
use crate::record::{Activation, Cause, ENTRY_VERSION, Entry, Fact, Fallback, Receipt, Withdrawal};
use crate::role::{Binding, Call, LogLine, Policies, escalation};
use crate::value::Value;
use crate::{Digest, DistrictId, Event, IncidentId, Instant, Role, State, facts, roster};

use event_kind::EventKind;
use sense::Located;

/// Whether events of a type tell what was sensed, rather than do what a person decided. Whatever the kernel does not know as
/// an act is sensed.
pub fn is_sensed(kind: &str) -> bool {
    EventKind::of(kind).is_sensed()
}

/// What can make a district decide. There is nothing else.
#[derive(Debug, Clone)]
pub enum Input {
    /// An event reached the host.
    Event(Event),
    /// The first timer that is due.
    Timer,
    /// The district's charter is set.
    Charter {
        /// The charter.
        charter: Box<Charter>,
        /// Digest of the files it was read from.
        digest: Digest,
    },
    /// A policy is bound to a role.
    Activate(Activation),
    /// Running processes are carried over to the workflow policy that is bound now.
    Migrate,
    /// A package may not answer any more.
    Withdraw(Withdrawal),
}

/// One decision.
#[derive(Debug, Clone)]
pub struct Step {
    /// The entry.
    pub entry: Entry,
    /// The entry as it is to be written.
    pub payload: Vec<u8>,
    /// SHA-256 of the payload.
    pub hash: Digest,
    /// What the sender gets once the entry is durable.
    pub receipt: Receipt,
    /// What the policies logged.
    pub log: Vec<(Role, LogLine)>,
}

/// Decides one input and advances the state past the entry. `now` before the last entry's instant counts as that
/// instant: time does not run backwards in a journal.
///
/// The caller must not let anyone see the receipt, or act on the entry, before the payload is durable.
pub fn step(state: &mut Arc<State>, now: Instant, input: Input, policies: &mut dyn Policies) -> Step {
    let at = now.max(state.core.now);
    let (cause, task) = prepare(state, at, input);
    let moment = Moment { seq: state.core.seq + 1, at };
    fold::begin(Arc::make_mut(state), &cause);
    let mut deciding = Deciding {
        moment,
        state,
        policies,
        facts: Vec::new(),
        calls: Vec::new(),
        log: Vec::new(),
        issued: 0,
        incident: None,
        first: None,
        bytes: 0,
        started: 0,
        on_timer: matches!(cause, Cause::Timer { .. }),
        failed: Binding::InForce,
        place: String::new(),
    };
    deciding.run(task);
    deciding.review_policies();
    deciding.finish(cause)
}

/// What an input asks the kernel to do, once its cause is known.
enum Task {
    Event(Arc<Event>),
    Timer(Option<crate::state::TimerPurpose>, Instant),
    Charter(Box<Charter>),
    Activate(Activation),
    Migrate,
    Withdraw(Withdrawal),
}

fn prepare(state: &State, at: Instant, input: Input) -> (Cause, Task) {
    match input {
        Input::Event(mut event) => {
            event.recorded = at;
            if let Some(node) = roster::node(state, &event.place) {
                event.node = node.code.clone();
            }
            let event = Arc::new(event);
            (Cause::Event(Arc::clone(&event)), Task::Event(event))
        }
        Input::Timer => {
            let (due, key) = state.next_timer().map_or((at, String::new()), |(due, key)| (due, key.to_string()));
            let purpose = state.timers.get(&key).map(|timer| timer.purpose.clone());
            (Cause::Timer { key, due }, Task::Timer(purpose, due))
        }
        Input::Charter { charter, digest } => (Cause::Charter { digest }, Task::Charter(charter)),
        Input::Migrate => (Cause::Migration, Task::Migrate),
        Input::Activate(activation) => (Cause::Activation(activation.clone()), Task::Activate(activation)),
        Input::Withdraw(withdrawal) => (Cause::Withdrawal(withdrawal.clone()), Task::Withdraw(withdrawal)),
    }
}

/// A decision in the making.
struct Deciding<'a> {
    moment: Moment,
    state: &'a mut Arc<State>,
    policies: &'a mut dyn Policies,
    facts: Vec<Fact>,
    calls: Vec<Call>,
    log: Vec<(Role, LogLine)>,
    /// How many identifiers this entry has given out.
    issued: u32,
    /// The incident that the decision is about.
    incident: Option<IncidentId>,
    /// For a duplicate: position and hash of the first time.
    first: Option<(u64, Digest)>,
    /// Bytes of the facts so far, as they will be written.
    bytes: usize,
    /// How many processes this entry was asked to start.
    started: u32,
    /// Whether a timer made the district decide.
    on_timer: bool,
    /// Which of a role's policies failed last.
    failed: Binding,
    /// Where it happened, as the sender says.
    place: String,
}

impl Deciding<'_> {
    fn run(&mut self, task: Task) {
        match task {
            Task::Event(event) => self.event(&event),
            Task::Timer(Some(purpose), due) => self.timer(purpose, due),
            Task::Timer(None, _) => {}
            Task::Migrate => self.migrate_processes(),
            Task::Charter(charter) => {
                self.record(Fact::CharterActivated { charter: charter.clone() });
                self.fill_pots(&charter);
            }
            Task::Activate(activation) => self.activate(activation),
            Task::Withdraw(withdrawal) => self.withdraw(&withdrawal),
        }
    }

    fn event(&mut self, event: &Arc<Event>) {
        self.place.clone_from(&event.place);
        if let Some(identity) = self.state.identity(&event.source, &event.id).copied() {
            self.first = Some((identity.seq, identity.hash));
            self.record(Fact::EventDuplicate { first: identity.seq });
            return;
        }
        if self.state.charter().is_none() {
            self.refuse(
                "host:charter",
                "本辖区尚未载入辖区配置,事件只存证、不处置",
                "this district has no charter yet: the event is kept, nothing is decided",
            );
            return;
        }
        self.sensed(event);
    }

    /// Sense, act, assess, oversee: one event from its place to what follows.
    fn sensed(&mut self, event: &Arc<Event>) {
        let kind = EventKind::of(&event.kind);
        if kind == EventKind::AccessRecorded {
            // No policy is asked: who may come in is no question of theirs.
            return;
        }
        let located = self.locate(event, kind);
        self.incident.clone_from(&located.incident);
        if self.act(event, kind, &located) {
            self.assess(escalation::Occasion::Event(Arc::clone(event)), &located);
            if kind == EventKind::FiguresUpdated {
                self.assess_larger(event);
            }
            self.step_waiting(event);
            self.check_mode_exit(event);
            self.oversee(event);
        }
    }

    /// What a part of an incident counts, the whole counts too.
    fn assess_larger(&mut self, event: &Arc<Event>) {
        let part = self.incident.clone();
        let row = part.as_ref().and_then(|part| self.state.incidents.get(part));
        if let Some(larger) = row.and_then(|row| row.parent.clone()) {
            self.incident = Some(larger.clone());
            let located = Located { incident: Some(larger), ..Located::default() };
            self.assess(escalation::Occasion::Event(Arc::clone(event)), &located);
            self.incident = part;
        }
    }

    /// What the event itself does, by its kind. `false` when it was refused.
    fn act(&mut self, event: &Event, kind: EventKind, located: &Located) -> bool {
        let done = match kind {
            EventKind::Signal | EventKind::AccessRecorded | EventKind::Other => Ok(()),
            EventKind::Warning => self.warning(event, located),
            EventKind::Order => self.order(event, located),
            EventKind::CalloutIssued => self.callout_by_person(event, located),
            EventKind::CalloutAcknowledged => self.acknowledge(event),
            EventKind::CalloutReportedIn => self.report_in(event),
            EventKind::CalloutEnRoute => self.en_route(event),
            EventKind::CalloutPlanned => self.plan_submitted(event),
            EventKind::CalloutReleased => self.release(event),
            EventKind::ResourceRequested => self.resource_requested(event),
            EventKind::ResourceOffered => self.resource_offered(event),
            EventKind::ResourceReturned => self.resource_returned(event),
            EventKind::GrantRequested => self.grant_requested(event),
            EventKind::GrantRevoked => self.grant_revoked(event),
            EventKind::SpendSettled => self.spend_settled(event),
            EventKind::PowerFrozen => self.freeze(event, true),
            EventKind::PowerReleased => self.freeze(event, false),
            EventKind::AwardDecided => self.award_decided(event),
            EventKind::AwardDisputed => self.award_disputed(event),
            EventKind::FeedbackReceived => self.feedback_received(event, located),
            EventKind::FeedbackContacted => self.feedback_contacted(event),
            EventKind::FeedbackResolved => self.feedback_resolved(event),
            EventKind::FeedbackRated => self.feedback_rated(event),
            EventKind::PairAnswered => self.pair_answered(event),
            EventKind::FindingAnswered => self.finding_answered(event),
            EventKind::FindingDecided => self.finding_decided(event),
            EventKind::Command => self.command(event, located),
            EventKind::CommandLost => self.command_lost(event, located),
            EventKind::DutyOverridden => self.duty_overridden(event),
            EventKind::SpendRequested => self.spend(event, located),
            EventKind::ApprovalDecided => self.approval(event),
            EventKind::MeasureDecided => self.measure_decided(event),
            EventKind::ReportSubmitted => self.report(event, located),
            EventKind::FiguresUpdated => self.figures(event, located),
            EventKind::TaskUpdated => self.task_updated(event),
            EventKind::ServiceStarted => self.service_started(event, located),
            EventKind::ServiceEnded => self.service_ended(event, located),
        };
        match done {
            Ok(()) => {
                located.deferred.iter().for_each(|fact| self.record(fact.clone()));
                true
            }
            Err(because) => {
                self.record(Fact::EventRefused { because });
                false
            }
        }
    }

    /// Records a fact: it takes effect at once, so that what follows in this decision sees it.
    fn record(&mut self, fact: Fact) {
        // Policies let go of the state before they return, so this never copies; if one did not, it is still right.
        fold::apply(Arc::make_mut(self.state), self.moment, &fact);
        self.weigh(&fact);
        self.facts.push(fact);
    }

    fn refuse(&mut self, rule: &str, chinese: &str, english: &str) {
        self.record(Fact::EventRefused { because: Because::new(rule, chinese, english) });
    }

    /// A new identifier. Identifiers of one kind grow with time.
    fn identifier(&mut self, kind: char) -> String {
        self.issued += 1;
        format!("{kind}-{:09}-{}", self.moment.seq, self.issued)
    }

    fn now(&self) -> Instant {
        self.moment.at
    }

    /// An instant as people in the district read it.
    fn local(&self, instant: Instant) -> String {
        instant.to_local_text(self.state.charter().map_or(0, |charter| charter.utc_offset_seconds))
    }

    fn remember(&mut self, incident: &IncidentId, role: Role, key: String, value: Value) {
        let known = facts::memory(self.state, role, incident, &key).unwrap_or(&Value::Unknown);
        if *known != value {
            self.record(Fact::MemorySet { incident: incident.clone(), role, key, value });
        }
    }

    fn finish(self, cause: Cause) -> Step {
        let entry = Entry {
            version: ENTRY_VERSION,
            district: self.state.charter().map_or_else(|| DistrictId::from(""), |charter| charter.district.clone()),
            seq: self.moment.seq,
            prev: self.state.core.head,
            at: self.moment.at,
            cause,
            calls: self.calls,
            facts: self.facts,
        };
        let payload = entry.to_bytes();
        let hash = Digest::of(&payload);
        fold::seal(Arc::make_mut(self.state), self.moment, &entry, self.first.is_some(), hash);
        let receipt = receipt(&entry, hash, self.first, self.incident);
        Step { entry, payload, hash, receipt, log: self.log }
    }
}

fn receipt(entry: &Entry, hash: Digest, first: Option<(u64, Digest)>, incident: Option<IncidentId>) -> Receipt {
    let mut kinds = alloc::collections::BTreeMap::<String, u32>::new();
    let mut answered = alloc::collections::BTreeMap::<Role, String>::new();
    let mut fallbacks = alloc::collections::BTreeMap::<Role, Fallback>::new();
    let shadowed = entry.facts.iter().filter_map(|fact| match fact {
        Fact::CandidateCompared { role, .. } => Some(*role),
        _ => None,
    });
    let shadowed: alloc::collections::BTreeSet<Role> = shadowed.collect();
    for call in &entry.calls {
        if let (None, Some(package)) = (call.failure, call.package) {
            let answers = call.binding != Binding::Candidate || !shadowed.contains(&call.role);
            answered.extend(answers.then(|| (call.role, package.to_string())));
        }
    }
    for fact in &entry.facts {
        *kinds.entry(fact.kind().to_string()).or_default() += 1;
        if let Fact::PolicyFailed { role, fallback, .. } = fact {
            fallbacks.insert(*role, *fallback);
            if matches!(fallback, Fallback::BuiltIn | Fallback::HumanQueue | Fallback::Later) {
                answered.insert(*role, "fallback".to_string());
            }
        }
    }
    let (seq, hash) = first.unwrap_or((entry.seq, hash));
    Receipt {
        district: entry.district.clone(),
        seq,
        hash,
        duplicate: first.is_some(),
        incident,
        facts: kinds,
        answered,
        fallbacks,
    }
}
