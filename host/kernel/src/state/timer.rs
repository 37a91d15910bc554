//! Deadlines, and what happens when one passes. What happens then is decided by `step`, never here.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::ResponseKey;
use crate::record::CalloutStep;
use crate::value::Attribute;
use crate::{
    AwardId, CalloutId, CaseId, FindingId, GrantId, IncidentId, Instant, MeasureId, OfferId, ProcessId, ReportId,
    RequestId, Role, SpendId, TaskId, WatchId,
};

/// A deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// When it falls due.
    pub due: Instant,
    /// What then.
    pub purpose: TimerPurpose,
}

/// What happens when a timer falls due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimerPurpose {
    /// A called party was silent: climb this rung. Rung 0 is the deadline itself.
    CalloutStep {
        /// The call-out.
        callout: CalloutId,
        /// Which called party.
        call: usize,
        /// Which deadline.
        step: CalloutStep,
        /// How far the ladder was climbed.
        rung: usize,
    },
    /// Nobody confirmed a level.
    Confirmation {
        /// Which response.
        response: ResponseKey,
        /// How far the ladder was climbed.
        rung: usize,
    },
    /// Nobody decided on a proposal.
    Proposal {
        /// Which measure.
        measure: MeasureId,
        /// How far the ladder was climbed.
        rung: usize,
    },
    /// A measure takes effect.
    MeasureStart(MeasureId),
    /// A measure ends by itself.
    MeasureEnd(MeasureId),
    /// A task is due.
    Task(TaskId),
    /// A report is due.
    Report(ReportId),
    /// A grant expires.
    Grant(GrantId),
    /// An approval waited long enough.
    Approval(SpendId),
    /// A resident must have been contacted.
    Feedback(CaseId),
    /// A pair must be closed.
    Pair(String),
    /// An offer lapses.
    Offer(OfferId),
    /// A wish for powers must be decided.
    GrantRequest(RequestId),
    /// Papers must have come.
    Papers(SpendId),
    /// An award lapses.
    Award(AwardId),
    /// A finding must be answered.
    Finding(FindingId),
    /// Something must have been heard from a source.
    Heartbeat(String),
    /// An acknowledgement runs out.
    AcknowledgementHolds {
        /// The call-out.
        callout: CalloutId,
        /// Which called party.
        call: usize,
    },
    /// Oversight inspects.
    Oversight,
    /// A wait of a process.
    Process {
        /// The process.
        process: ProcessId,
        /// Names the wait.
        key: String,
    },
    /// A watch ends.
    Watch(WatchId),
    /// A policy that was let in for a time only must go.
    PolicyExpiry(Role),
    /// A policy's own timer.
    Policy {
        /// The role that set it.
        role: Role,
        /// The incident it is about.
        incident: Option<IncidentId>,
        /// The policy's key.
        key: String,
        /// What comes back with it.
        details: Vec<Attribute>,
    },
}
