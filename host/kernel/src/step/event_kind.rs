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
    CalloutReportedIn,
    CalloutReleased,
    SpendRequested,
    ApprovalDecided,
    MeasureDecided,
    ReportSubmitted,
    FiguresUpdated,
    TaskUpdated,
    ServiceStarted,
    ServiceEnded,
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
            "callout.reported_in" => Self::CalloutReportedIn,
            "callout.released" => Self::CalloutReleased,
            "spend.requested" => Self::SpendRequested,
            "approval.decided" => Self::ApprovalDecided,
            "measure.decided" => Self::MeasureDecided,
            "report.submitted" => Self::ReportSubmitted,
            "casualty.updated" | "figures.updated" => Self::FiguresUpdated,
            "task.updated" => Self::TaskUpdated,
            "volunteer.checked_in" | "service.started" => Self::ServiceStarted,
            "volunteer.checked_out" | "service.ended" => Self::ServiceEnded,
            _ => Self::Other,
        }
    }

    /// Whether triage is asked even when the sender named the incident.
    pub(super) fn is_sensed(self) -> bool {
        matches!(self, Self::Signal | Self::Warning | Self::Other)
    }
}
