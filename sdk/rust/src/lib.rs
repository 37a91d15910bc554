//! Write a policy for Muster: typed questions, typed answers, one macro.
//!
//! A policy is a crate of type `cdylib` that implements one trait per role and names them in [`policy!`]. It holds no
//! state: every call runs in a fresh instance, and the same question, settings and journal give the same answer. It
//! has no clock, no randomness, no files and no network; `now` stands in every question.
//!
//! ```
//! use muster_sdk::{Discretion, because, discretion, settings};
//!
//! struct PettyCash;
//!
//! impl Discretion for PettyCash {
//!     fn rule(question: discretion::Question) -> discretion::Answer {
//!         let limit = settings::integer("item_limit");
//!         let discretion::Subject::Spend(request) = &question.subject else {
//!             return refuse("only spending is ruled here");
//!         };
//!         let verdict =
//!             if request.amount <= limit { discretion::Verdict::Allow } else { discretion::Verdict::Refuse };
//!         let because = because("D", format!("单项限额 {limit} 分"), format!("item limit {limit} fen"));
//!         discretion::Answer { verdict, limits: vec![], because }
//!     }
//! }
//!
//! fn refuse(why: &str) -> discretion::Answer {
//!     discretion::Answer { verdict: discretion::Verdict::Refuse, limits: vec![], because: because("D", why, why) }
//! }
//!
//! muster_sdk::policy! { discretion: PettyCash }
//! # fn main() {}
//! ```
//!
//! Rules are tested without a host: see [`testing`].

#[cfg(target_arch = "wasm32")]
mod allocator;
mod attributes;
#[doc(hidden)]
pub mod contract;
mod host;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use attributes::{Attributes, Number};
pub use contract::imports::muster::policy::types;
pub use host::{calendar, facts, log, memory, roster, settings};
pub use types::{
    Act, Attribute, Because, CallOut, CallOutKind, CallOutOrder, Colour, Department, Effect, Event, Figure,
    FigureStage, Finding, Grant, GrantOrder, Incident, Level, LevelAdvice, Measure, MeasureConfirmation, MeasureRecord,
    MeasureStatus, Mode, ModeChange, Notice, OfferAnswer, Party, Post, ProcessOrder, Proposal, ReportDuty, RequestLine,
    ResourceLine, ResourceOffer, ResourceOrder, ResourceRequest, RiskStage, Rung, RungCondition, Sentence,
    SpendRequest, Spending, TaskOrder, TaskRecord, Tier, TimerOrder, Value, Warning,
};

pub use contract::discretion::exports::muster::policy::discretion;
pub use contract::escalation::exports::muster::policy::escalation;
pub use contract::incentives::exports::muster::policy::incentives;
pub use contract::oversight::exports::muster::policy::oversight;
pub use contract::triage::exports::muster::policy::triage;
pub use contract::workflow::exports::muster::policy::workflow;

/// Decide: may this node do this now?
pub use discretion::Guest as Discretion;
/// Assess: what should be done now?
pub use escalation::Guest as Escalation;
/// Reward: what did settled service earn?
pub use incentives::Guest as Incentives;
/// Supervise: is there something to look at?
pub use oversight::Guest as Oversight;
/// Sense: what is this event, and where does it belong?
pub use triage::Guest as Triage;
/// Durable processes.
pub use workflow::Guest as Workflow;

/// One minute, in the contract's milliseconds.
pub const MINUTE: i64 = 60_000;
/// One hour, in the contract's milliseconds.
pub const HOUR: i64 = 60 * MINUTE;

/// Names the types that answer for each role: `policy! { triage: Sorter, escalation: Ladder }`.
///
/// The exports exist in the guest only; elsewhere the macro checks that each type answers for its role.
#[macro_export]
macro_rules! policy {
    ($($role:ident: $policy:ident),+ $(,)?) => {
        $($crate::policy!(@role $role, $policy);)+
    };
    (@role triage, $policy:ident) => {
        #[cfg(target_arch = "wasm32")]
        $crate::contract::triage::export_triage!($policy with_types_in $crate::contract::triage);
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = || {
            fn answers<T: $crate::Triage>() {}
            answers::<$policy>();
        };
    };
    (@role escalation, $policy:ident) => {
        #[cfg(target_arch = "wasm32")]
        $crate::contract::escalation::export_escalation!($policy with_types_in $crate::contract::escalation);
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = || {
            fn answers<T: $crate::Escalation>() {}
            answers::<$policy>();
        };
    };
    (@role discretion, $policy:ident) => {
        #[cfg(target_arch = "wasm32")]
        $crate::contract::discretion::export_discretion!($policy with_types_in $crate::contract::discretion);
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = || {
            fn answers<T: $crate::Discretion>() {}
            answers::<$policy>();
        };
    };
    (@role incentives, $policy:ident) => {
        #[cfg(target_arch = "wasm32")]
        $crate::contract::incentives::export_incentives!($policy with_types_in $crate::contract::incentives);
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = || {
            fn answers<T: $crate::Incentives>() {}
            answers::<$policy>();
        };
    };
    (@role oversight, $policy:ident) => {
        #[cfg(target_arch = "wasm32")]
        $crate::contract::oversight::export_oversight!($policy with_types_in $crate::contract::oversight);
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = || {
            fn answers<T: $crate::Oversight>() {}
            answers::<$policy>();
        };
    };
    (@role workflow, $policy:ident) => {
        #[cfg(target_arch = "wasm32")]
        $crate::contract::workflow::export_workflow!($policy with_types_in $crate::contract::workflow);
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = || {
            fn answers<T: $crate::Workflow>() {}
            answers::<$policy>();
        };
    };
}

/// A reason in Chinese and English under a rule of the district's profile.
pub fn because(rule: impl Into<String>, chinese: impl Into<String>, english: impl Into<String>) -> Because {
    Because { rule: rule.into(), source: None, sentences: sentences(chinese, english) }
}

/// A sentence in Chinese and English.
pub fn sentences(chinese: impl Into<String>, english: impl Into<String>) -> Vec<Sentence> {
    vec![
        Sentence { language: "zh".into(), text: chinese.into() },
        Sentence { language: "en".into(), text: english.into() },
    ]
}

/// A proposal with its reason.
pub fn effect(act: Act, because: Because) -> Effect {
    Effect { act, because }
}

impl Level {
    /// The level with this name (`I` to `IV`), if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "IV" => Some(Self::Iv),
            "III" => Some(Self::Iii),
            "II" => Some(Self::Ii),
            "I" => Some(Self::I),
            _ => None,
        }
    }

    /// The name of the level.
    pub fn name(self) -> &'static str {
        match self {
            Self::Iv => "IV",
            Self::Iii => "III",
            Self::Ii => "II",
            Self::I => "I",
        }
    }
}

impl Tier {
    /// The tier with this name, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "team" => Some(Self::Team),
            "community" => Some(Self::Community),
            "street" => Some(Self::Street),
            "district" => Some(Self::District),
            "city" => Some(Self::City),
            "province" => Some(Self::Province),
            "nation" => Some(Self::Nation),
            _ => None,
        }
    }

    /// The name of the tier.
    pub fn name(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Community => "community",
            Self::Street => "street",
            Self::District => "district",
            Self::City => "city",
            Self::Province => "province",
            Self::Nation => "nation",
        }
    }
}

impl Colour {
    /// The colour with this name, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "blue" => Some(Self::Blue),
            "yellow" => Some(Self::Yellow),
            "orange" => Some(Self::Orange),
            "red" => Some(Self::Red),
            _ => None,
        }
    }
}

impl Mode {
    /// The mode with this name, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "normal" => Some(Self::Normal),
            "emergency" => Some(Self::Emergency),
            _ => None,
        }
    }
}

impl RiskStage {
    /// The stage with this name, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "prevent" => Some(Self::Prevent),
            "control" => Some(Self::Control),
            "treat" => Some(Self::Treat),
            "eliminate" => Some(Self::Eliminate),
            _ => None,
        }
    }
}

impl CallOutKind {
    /// The kind with this name, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "daily" => Some(Self::Daily),
            "tackle" => Some(Self::Tackle),
            "emergency" => Some(Self::Emergency),
            "leader_call" => Some(Self::LeaderCall),
            _ => None,
        }
    }
}
