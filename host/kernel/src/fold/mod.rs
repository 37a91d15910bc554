//! State + facts → state. Decides nothing, asks nobody, cannot fail on any entry that can be read.
//!
//! One file per theme; this one is the table of contents. Deadlines follow from facts here, so that folding a journal
//! restores every timer.

mod answer;
mod callout;
mod incident;
mod index;
mod level;
mod measure;
mod money;
mod policy;
mod record;
mod timers;

use crate::record::{Cause, Entry, Fact};
use crate::state::{Identity, State, identity_of};
use crate::{Digest, FindingStatus, Instant};

pub use callout::ladder as callout_ladder;
pub use index::rebuild as rebuild_index;
pub(crate) use policy::is_failing;

/// What a fact needs to know of the entry it stands in.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Position of the entry.
    pub seq: u64,
    /// Instant of the entry.
    pub at: Instant,
}

/// Folds one entry, as it was written, into the state.
pub fn fold(state: &mut State, entry: &Entry, hash: Digest) {
    begin(state, &entry.cause);
    let moment = Moment { seq: entry.seq, at: entry.at };
    for fact in &entry.facts {
        apply(state, moment, fact);
    }
    let repeated = matches!(entry.facts.first(), Some(Fact::EventDuplicate { .. }));
    seal(state, moment, entry, repeated, hash);
}

/// What an entry's cause alone changes, before its facts: a timer that fired is gone.
pub(crate) fn begin(state: &mut State, cause: &Cause) {
    if let Cause::Timer { key, due } = cause {
        timers::remove(state, key);
        record::rearm_oversight(state, key, *due);
    }
}

/// What the entry as a whole changes, after its facts: the head of the chain and the event's identity.
pub(crate) fn seal(state: &mut State, moment: Moment, entry: &Entry, repeated: bool, hash: Digest) {
    state.core.seq = moment.seq;
    state.core.head = hash;
    state.core.now = moment.at;
    policy::count(state, &entry.calls);
    if let (Cause::Event(event), false) = (&entry.cause, repeated) {
        let identity = Identity { seq: moment.seq, hash, recorded: moment.at };
        let number = identity_of(&event.source, &event.id);
        state.identities.put(number, identity);
        state.index.identities_by_age.insert((moment.at, number));
        answer::heard(state, moment.at, &event.source);
    }
    forget_old_identities(state, moment.at);
}

/// Forgets identities that left the window. A few at a time, so that no single entry pays for many.
fn forget_old_identities(state: &mut State, now: Instant) {
    const AT_ONCE: usize = 4;
    let Some(window) = state.charter().map(|charter| charter.identity_window) else { return };
    for _ in 0..AT_ONCE {
        let Some((recorded, number)) = state.index.identities_by_age.first().copied() else { return };
        if recorded + window > now {
            return;
        }
        state.index.identities_by_age.remove(&(recorded, number));
        state.identities.remove(&number);
    }
}

/// Applies one fact.
#[expect(clippy::too_many_lines, reason = "the table of contents: one line for each kind of fact")]
pub(crate) fn apply(state: &mut State, moment: Moment, fact: &Fact) {
    match fact {
        Fact::CharterActivated { charter } => record::charter_activated(state, moment, charter),
        Fact::PolicyActivated { activation, .. } => policy::activated(state, moment, activation),
        Fact::PolicyFailed { role, failure, binding, .. } => policy::failed(state, moment, *role, *failure, *binding),
        Fact::PolicyDemoted { role, binding, package, .. } => policy::demoted(state, moment, *role, *binding, *package),
        Fact::CandidateCompared { role, failure, differences, .. } => {
            policy::compared(state, *role, failure.is_some(), !differences.is_empty());
        }
        Fact::EventPlaced { incident, group, .. } => {
            incident::placed(state, moment, incident.as_ref(), group.as_ref());
        }
        Fact::WatchOpened { .. } | Fact::WatchEnded { .. } => incident::watch(state, fact),
        Fact::IncidentOpened { .. } => incident::opened(state, moment, fact),
        Fact::IncidentNamed { incident, name } => incident::named(state, incident, name),
        Fact::IncidentRelated { incident, parent, .. } => incident::related(state, incident, parent),
        Fact::StageSet { incident, stage, .. } => incident::stage(state, incident, *stage),
        Fact::FigureRecorded { incident, figure } => incident::figure(state, incident, figure),
        Fact::WarningRecorded { incident, warning, change, supersedes } => {
            record::warning(state, moment, incident.as_ref(), warning, *change, supersedes.as_deref());
        }
        Fact::IncidentClosed { incident, .. } => incident::closed(state, moment, incident),
        Fact::CommandAssumed { .. } => incident::command(state, moment, fact),
        Fact::HazardCleared { incident, cleared, .. } => incident::hazard(state, incident, *cleared),
        Fact::LevelRecommended { .. } => level::recommended(state, moment, fact),
        Fact::LevelInForce { .. } => level::in_force(state, fact),
        Fact::LevelEnded { .. } => level::ended(state, fact),
        Fact::ConfirmationRequired { .. } => level::confirmation_required(state, fact),
        Fact::ConfirmationEscalated { .. } => level::escalated(state, fact),
        Fact::ModeSet { node, scheme, mode, .. } => record::mode(state, moment, node, scheme, *mode),
        Fact::CalloutIssued { .. } => callout::issued(state, fact),
        Fact::CalloutNamed { callout, name } => callout::named(state, callout, name),
        Fact::CalloutAcknowledged { .. } => callout::acknowledged(state, fact),
        Fact::CalloutEnRoute { callout, party, occurred, .. } => callout::en_route(state, callout, party, *occurred),
        Fact::CalloutLapsed { callout, party, .. } => callout::lapsed(state, moment, callout, party),
        Fact::CalloutPlanned { callout, party, occurred, .. } => callout::planned(state, callout, party, *occurred),
        Fact::CalloutReportedIn { callout, party, occurred, .. } => {
            callout::reported_in(state, callout, party, *occurred);
        }
        Fact::CalloutEscalated { .. } => callout::escalated(state, fact),
        Fact::CalloutReleased { callout, party, .. } => callout::released(state, moment, callout, party),
        Fact::MeasureProposed { .. } => measure::proposed(state, fact),
        Fact::MeasureOverdue { measure, rung, .. } => measure::overdue(state, measure, *rung),
        Fact::MeasureDecided { measure, approved, .. } => measure::decided(state, measure, *approved),
        Fact::MeasureStarted { .. } => measure::started(state, moment, fact),
        Fact::MeasureEnded { measure, .. } => measure::ended(state, measure),
        Fact::TaskOpened { task, incident, order, .. } => measure::task_opened(state, task, incident.as_ref(), order),
        Fact::MeasureConfirmed { measure, .. } => measure::confirmed(state, moment, measure),
        Fact::TaskUpdated { .. } => measure::task_updated(state, fact),
        Fact::TaskReopened { task, .. } => measure::task_reopened(state, task),
        Fact::GrantGiven { .. } => money::grant_given(state, fact),
        Fact::GrantExpired { grant, .. } => money::grant_expired(state, grant),
        Fact::GrantAsked { .. } => money::grant_asked(state, fact),
        Fact::GrantEscalated { request, to, decide_by, .. } => money::grant_escalated(state, request, to, *decide_by),
        Fact::GrantDecided { request, .. } => money::grant_decided(state, request),
        Fact::GrantRevoked { grant, powers, whole, .. } => money::grant_revoked(state, grant, powers, *whole),
        Fact::PowerFrozen { .. } => money::power_frozen(state, moment, fact),
        Fact::SpendSettled { spend, amount, released, .. } => money::spend_settled(state, spend, *amount, *released),
        Fact::LedgerBooked { currency, postings, .. } => money::booked(state, *currency, postings),
        Fact::AwardBooked { .. } => money::award(state, moment, fact),
        Fact::AwardDecided { award, status, .. } => money::award_decided(state, moment, award, *status),
        Fact::ResourceRequested { .. } => answer::requested(state, fact),
        Fact::ResourceOffered { .. } => answer::offered(state, fact),
        Fact::OfferAnswered { offer, request, answer, .. } => {
            answer::offer_answered(state, offer, request.as_ref(), &answer.accept);
        }
        Fact::OfferExpired { offer, .. } => answer::offer_expired(state, offer),
        Fact::ResourceReturned { offer, lines, .. } => answer::returned(state, offer, lines),
        Fact::FeedbackOpened { .. }
        | Fact::FeedbackContacted { .. }
        | Fact::FeedbackResolved { .. }
        | Fact::FeedbackRated { .. } => answer::case(state, moment, fact),
        Fact::PairOpened { .. } | Fact::PairAnswered { .. } => answer::pair(state, moment, fact),
        Fact::FindingAnswered { finding, answer, excuse, by, .. } => {
            let status = if *excuse { FindingStatus::ExcuseForReview } else { FindingStatus::Answered };
            answer::finding(state, finding, status, Some((answer, by)));
        }
        Fact::FindingDecided { finding, status, .. } => answer::finding(state, finding, *status, None),
        Fact::DutyOverridden { .. } => answer::duty(state, fact),
        Fact::HeartbeatLost { source, .. } => answer::silent(state, source),
        Fact::SourceJudged { source, confirmed, .. } => answer::source_judged(state, source, *confirmed),
        Fact::ProcessStarted { .. } | Fact::ProcessStepped { .. } | Fact::ProcessMigrated { .. } => {
            answer::process(state, fact);
        }
        Fact::SpendRuled { .. } => money::spend_ruled(state, moment, fact),
        Fact::ApprovalEscalated { spend, to, decide_by, .. } => money::approval_escalated(state, spend, to, *decide_by),
        Fact::ApprovalDecided { spend, approved, covered_by, .. } => {
            money::approval_decided(state, spend, *approved, covered_by.as_ref());
        }
        Fact::ReportRequired { report, incident, duty, .. } => {
            record::report_required(state, report, incident.as_ref(), duty);
        }
        Fact::ReportSubmitted { report: Some(report), occurred, .. } => {
            record::report_submitted(state, report, *occurred);
        }
        Fact::FindingRaised { finding, incident, order, .. } => {
            record::finding(state, moment, finding, incident.as_ref(), order);
        }
        Fact::ServiceStarted { .. } => record::service_started(state, fact),
        Fact::ServiceSettled { service, .. } => record::service_settled(state, service),
        Fact::TimerSet { incident, role, key, due, details } => {
            timers::set_policy(state, incident.as_ref(), *role, key, *due, details);
        }
        Fact::TimerCancelled { incident, role, key } => {
            timers::remove(state, &timers::policy(incident.as_ref(), *role, key));
        }
        Fact::MemorySet { incident, role, key, value } => record::memory(state, incident, *role, key, value),
        Fact::EventDuplicate { .. }
        | Fact::EventRefused { .. }
        | Fact::ProposalRefused { .. }
        | Fact::MeasureEffective { .. }
        | Fact::TaskOverdue { .. }
        | Fact::NoticeSent { .. }
        | Fact::ModeExitChecked { .. }
        | Fact::PapersOverdue { .. }
        | Fact::FeedbackOverdue { .. }
        | Fact::FindingOverdue { .. }
        | Fact::ReportSubmitted { report: None, .. }
        | Fact::ReportOverdue { .. }
        | Fact::CustomRecorded { .. } => {}
    }
}
