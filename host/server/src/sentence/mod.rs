//! What a fact says to people, in one sentence, in Chinese or English.
//!
//! Reading only: it adds nothing to what the entry says and leaves nothing out that somebody must act on. The words
//! carry the meaning; colour may only repeat it.

mod answer;
mod callout;
mod cause;
mod incident;
mod level;
mod measure;
mod money;
mod policy;
mod report;
#[cfg(test)]
mod tests;
mod words;

use muster_kernel::State;
use muster_kernel::act::Because;
use muster_kernel::record::{Cause, Fact};
use muster_kernel::role::Call;

use crate::language::Language;
pub(crate) use words::decimal_text;
pub use words::money as money_text;
use words::{Speaker, say};

/// How much a sentence asks of its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Kept for the record.
    Record,
    /// Something was decided.
    Decision,
    /// Somebody has to answer, sign or come.
    Ask,
    /// A time has passed, or something failed.
    Alarm,
}

/// A fact in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saying {
    /// How much it asks of its reader.
    pub weight: Weight,
    /// One word for what kind of thing it is.
    pub label: &'static str,
    /// The sentence.
    pub text: String,
}

/// A reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason<'a> {
    /// The rule's id.
    pub rule: &'a str,
    /// The law, plan or clause behind it.
    pub source: Option<&'a str>,
    /// The reason, in the wanted language or, failing that, in the one there is.
    pub text: Option<&'a str>,
}

/// A fact in words. `state` gives names and local time.
pub fn of(fact: &Fact, state: &State, language: Language) -> Saying {
    let speaker = Speaker { state, language };
    callout::say(&speaker, fact)
        .or_else(|| level::say(&speaker, fact))
        .or_else(|| measure::say(&speaker, fact))
        .or_else(|| money::say(&speaker, fact))
        .or_else(|| report::say(&speaker, fact))
        .or_else(|| incident::say(&speaker, fact))
        .or_else(|| policy::say(&speaker, fact))
        .or_else(|| answer::say(&speaker, fact))
        .unwrap_or_else(|| Saying {
            weight: Weight::Record,
            label: speaker.word("记录", "recorded"),
            text: fact.kind().into(),
        })
}

/// What made the kernel decide, in words.
pub fn of_cause(cause: &Cause, state: &State, language: Language) -> String {
    cause::say(&Speaker { state, language }, cause)
}

/// What was asked of a policy and how the call ended, in words.
pub fn of_call(call: &Call, state: &State, language: Language) -> String {
    policy::call(&Speaker { state, language }, call)
}

/// A reason in words.
pub fn of_reason(because: &Because, language: Language) -> Reason<'_> {
    let in_language = |tag: &str| tag.split('-').next() == Some(language.tag());
    let wanted = because.sentences.iter().find(|sentence| in_language(&sentence.language));
    let sentence = wanted.or_else(|| because.sentences.first());
    Reason {
        rule: &because.rule,
        source: because.source.as_deref(),
        text: sentence.map(|sentence| sentence.text.as_str()).filter(|text| !text.is_empty()),
    }
}

/// Why a fact took effect. `None` for facts that only keep what was said.
#[rustfmt::skip]
pub fn because(fact: &Fact) -> Option<&Because> {
    use Fact as F;
    match fact {
        F::PolicyFailed { because, .. } | F::PolicyDemoted { because, .. } | F::EventPlaced { because, .. } | F::EventRefused { because }
        | F::WatchOpened { because, .. } | F::WatchEnded { because, .. } | F::IncidentOpened { because, .. }
        | F::IncidentRelated { because, .. } | F::LevelRecommended { because, .. } | F::LevelInForce { because, .. }
        | F::ConfirmationRequired { because, .. } | F::ConfirmationEscalated { because, .. }
        | F::StageSet { because, .. } | F::ModeSet { because, .. } | F::CalloutIssued { because, .. }
        | F::CalloutAcknowledged { because, .. } | F::CalloutReportedIn { because, .. }
        | F::CalloutEscalated { because, .. } | F::CalloutReleased { because, .. }
        | F::MeasureProposed { because, .. } | F::MeasureOverdue { because, .. } | F::MeasureDecided { because, .. }
        | F::MeasureStarted { because, .. } | F::MeasureEffective { because, .. } | F::MeasureEnded { because, .. }
        | F::TaskOpened { because, .. } | F::TaskOverdue { because, .. } | F::NoticeSent { because, .. }
        | F::ResourceRequested { because, .. } | F::OfferAnswered { because, .. } | F::GrantGiven { because, .. }
        | F::GrantExpired { because, .. } | F::SpendRuled { because, .. } | F::ApprovalEscalated { because, .. }
        | F::ApprovalDecided { because, .. } | F::ReportRequired { because, .. } | F::ReportOverdue { because, .. }
        | F::FindingRaised { because, .. } | F::CustomRecorded { because, .. } | F::LevelEnded { because, .. }
        | F::IncidentClosed { because, .. } | F::CommandAssumed { because, .. } | F::HazardCleared { because, .. }
        | F::ModeExitChecked { because, .. } | F::CalloutLapsed { because, .. } | F::CalloutPlanned { because, .. }
        | F::MeasureConfirmed { because, .. } | F::TaskReopened { because, .. } | F::ResourceOffered { because, .. }
        | F::OfferExpired { because, .. } | F::GrantAsked { because, .. } | F::GrantEscalated { because, .. }
        | F::GrantDecided { because, .. } | F::GrantRevoked { because, .. } | F::PowerFrozen { because, .. }
        | F::PapersOverdue { because, .. } | F::AwardBooked { because, .. } | F::AwardDecided { because, .. }
        | F::FeedbackOpened { because, .. } | F::FeedbackOverdue { because, .. } | F::PairOpened { because, .. }
        | F::FindingOverdue { because, .. } | F::FindingDecided { because, .. } | F::HeartbeatLost { because, .. }
        | F::SourceJudged { because, .. } | F::ProcessStarted { because, .. } | F::ProcessStepped { because, .. }
        | F::ProcessMigrated { because, .. } | F::ProposalRefused { because, .. } => Some(because),
        F::CharterActivated { .. } | F::PolicyActivated { .. } | F::EventDuplicate { .. } | F::IncidentNamed { .. }
        | F::CandidateCompared { .. } | F::WarningRecorded { .. } | F::CalloutNamed { .. } | F::TaskUpdated { .. } | F::ReportSubmitted { .. }
        | F::FigureRecorded { .. } | F::ServiceStarted { .. } | F::ServiceSettled { .. } | F::TimerSet { .. }
        | F::TimerCancelled { .. } | F::MemorySet { .. } | F::CalloutEnRoute { .. } | F::ResourceReturned { .. }
        | F::SpendSettled { .. } | F::LedgerBooked { .. } | F::FeedbackContacted { .. } | F::FeedbackResolved { .. }
        | F::FeedbackRated { .. } | F::PairAnswered { .. } | F::FindingAnswered { .. } | F::DutyOverridden { .. } => None,
    }
}

impl Speaker<'_> {
    fn saying(&self, weight: Weight, label: (&'static str, &'static str), text: String) -> Saying {
        Saying { weight, label: self.word(label.0, label.1), text }
    }

    /// A fact for the record only.
    fn record(&self, label: (&'static str, &'static str), text: String) -> Option<Saying> {
        Some(self.saying(Weight::Record, label, text))
    }

    fn decision(&self, label: (&'static str, &'static str), text: String) -> Option<Saying> {
        Some(self.saying(Weight::Decision, label, text))
    }

    fn ask(&self, label: (&'static str, &'static str), text: String) -> Option<Saying> {
        Some(self.saying(Weight::Ask, label, text))
    }

    fn alarm(&self, label: (&'static str, &'static str), text: String) -> Option<Saying> {
        Some(self.saying(Weight::Alarm, label, text))
    }
}
