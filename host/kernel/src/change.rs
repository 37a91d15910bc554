//! The rules by which a district's policies may change: the profile's part of the charter.
//!
//! They bound what people and files may do to policies, as ceilings bound what policies may do. Pure data.

use serde::{Deserialize, Serialize};

use crate::Milliseconds;

/// When a new policy may take force, and when a failing one loses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRules {
    /// Recent entries that a candidate decides again before it may take force; 0: none.
    pub backtest_entries: u32,
    /// The most answers that may change, in thousandths of those that were compared; absent: any.
    pub changed_permille_max: Option<u32>,
    /// The most answers that may become wider (a lower level, a yes where there was none); absent: any.
    pub looser_max: Option<u32>,
    /// The most questions that the candidate may fail to answer.
    pub failed_max: u32,
    /// People may let a candidate pass that the backtest stopped, also while an emergency is on.
    pub override_in_emergency: bool,
    /// A candidate may ask for more than the policy in force, with two people's yes, also while an emergency is on.
    pub widen_in_emergency: bool,
    /// So many failures of the policy in force within `failing_within` bring the last known good one back; 0: never.
    pub failures_max: u32,
    /// See `failures_max`.
    pub failing_within: Milliseconds,
    /// So many failures end a trial (shadow or canary); 0: never.
    pub trial_failures_max: u32,
    /// A trial ends when more answers than this differ, in thousandths, once `trial_asked_min` were compared; absent: never.
    pub trial_changed_permille_max: Option<u32>,
    /// See `trial_changed_permille_max`.
    pub trial_asked_min: u32,
    /// The longest that a break-glass activation may run.
    pub break_glass_max: Milliseconds,
}

impl Default for ChangeRules {
    /// What holds where the profile says nothing: the candidate must answer every recent question, and what fails three
    /// times in ten minutes gives way.
    fn default() -> Self {
        Self {
            backtest_entries: 1_000,
            changed_permille_max: None,
            looser_max: None,
            failed_max: 0,
            override_in_emergency: false,
            widen_in_emergency: false,
            failures_max: 3,
            failing_within: Milliseconds::minutes(10),
            trial_failures_max: 3,
            trial_changed_permille_max: None,
            trial_asked_min: 100,
            break_glass_max: Milliseconds::hours(24),
        }
    }
}
