//! The kinds of events that do something by themselves. The list is closed; every other kind is kept and assessed.

/// The `CloudEvents` type prefix of Muster's own kinds.
const PREFIX: &str = "gov.muster.";

/// What an event does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventKind {
    Signal,
    Warning,
    Order,
    CalloutIssued,
    CalloutAcknowledged,
    CalloutEnRoute,
    CalloutReportedIn,
    CalloutPlanned,
    CalloutReleased,
    SpendRequested,
    ApprovalDecided,
    MeasureDecided,
    ReportSubmitted,
    FiguresUpdated,
    TaskUpdated,
    ServiceStarted,
    ServiceEnded,
    ResourceRequested,
    ResourceOffered,
    ResourceReturned,
    GrantRequested,
    GrantRevoked,
    SpendSettled,
    PowerFrozen,
    PowerReleased,
    AwardDecided,
    AwardDisputed,
    FeedbackReceived,
    FeedbackContacted,
    FeedbackResolved,
    FeedbackRated,
    PairAnswered,
    FindingAnswered,
    FindingDecided,
    Command,
    CommandLost,
    DutyOverridden,
    /// What the host did to access: it is kept, and nothing else.
    AccessRecorded,
    Other,
}

impl EventKind {
    pub(super) fn of(text: &str) -> Self {
        match text.strip_prefix(PREFIX).unwrap_or(text) {
            "signal.reported" => Self::Signal,
            "warning.received" => Self::Warning,
            "order.issued" => Self::Order,
            "callout.issued" => Self::CalloutIssued,
            "callout.acknowledged" => Self::CalloutAcknowledged,
            "callout.en_route" | "callout.departed" => Self::CalloutEnRoute,
            "callout.reported_in" => Self::CalloutReportedIn,
            "callout.planned" | "callout.plan_submitted" | "plan.submitted" => Self::CalloutPlanned,
            "callout.released" => Self::CalloutReleased,
            "spend.requested" => Self::SpendRequested,
            "approval.decided" => Self::ApprovalDecided,
            "measure.decided" => Self::MeasureDecided,
            "report.submitted" => Self::ReportSubmitted,
            "casualty.updated" | "figures.updated" => Self::FiguresUpdated,
            "task.updated" => Self::TaskUpdated,
            "resource.requested" => Self::ResourceRequested,
            "resource.offered" => Self::ResourceOffered,
            "resource.returned" | "resource.released" => Self::ResourceReturned,
            "grant.requested" | "grant.renewed" | "grant.renewal_requested" => Self::GrantRequested,
            "grant.decided" | "grant.approved" => Self::ApprovalDecided,
            "grant.revoked" => Self::GrantRevoked,
            "spend.settled" | "spend.papers" | "spend.documented" => Self::SpendSettled,
            "power.frozen" => Self::PowerFrozen,
            "power.released" | "power.unfrozen" => Self::PowerReleased,
            "award.decided" | "award.confirmed" => Self::AwardDecided,
            "award.disputed" => Self::AwardDisputed,
            "feedback.received" | "feedback.opened" | "feedback.submitted" => Self::FeedbackReceived,
            "feedback.contacted" => Self::FeedbackContacted,
            "feedback.resolved" | "feedback.closed" => Self::FeedbackResolved,
            "feedback.rated" => Self::FeedbackRated,
            "order.confirmed" | "report.answered" | "pair.answered" => Self::PairAnswered,
            "finding.answered" | "finding.excused" => Self::FindingAnswered,
            "finding.decided" | "finding.closed" => Self::FindingDecided,
            "commander.appointed" | "command.assumed" | "command.appointed" | "command.handed_over" => Self::Command,
            "command.lost" | "commander.lost" => Self::CommandLost,
            "duty.overridden" | "roster.overridden" => Self::DutyOverridden,
            "volunteer.checked_in" | "service.started" => Self::ServiceStarted,
            "volunteer.checked_out" | "service.ended" => Self::ServiceEnded,
            "access.token_bootstrapped" | "access.token_issued" | "access.token_revoked" => Self::AccessRecorded,
            _ => Self::Other,
        }
    }

    /// Whether triage is asked even when the sender named the incident.
    pub(super) fn is_sensed(self) -> bool {
        matches!(self, Self::Signal | Self::Warning | Self::Other)
    }
}
