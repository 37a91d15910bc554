//! Policies: what answers, what is on trial, changes and backtests.

use super::super::Operation;
use super::super::schema::named;
use crate::problem::Kind;

const JSON: &str = "application/json";

pub(crate) fn status() -> Operation {
    Operation::new(
        "policies",
        "getPolicies",
        "What is in force, on trial and behind, and what was attempted",
        named("Policies"),
    )
    .tagged()
}

pub(crate) fn history() -> Operation {
    Operation::new("policies", "getPolicyHistory", "What was in force, the newest first", named("PolicyHistory"))
}

pub(crate) fn backtest() -> Operation {
    Operation::new("policies", "getBacktest", "The report of a backtest 回测", named("Backtest"))
        .refuses(&[Kind::Stopping])
}

pub(crate) fn change() -> Operation {
    Operation::new("policies", "changePolicy", "Change the policy of a role", named("Attempt"))
        .about(
            "The answer is the attempt with its steps; one that was refused is a problem that holds it as `attempt`.",
        )
        .takes(JSON, named("PolicyChange"))
        .refuses(&[Kind::NotJson, Kind::PolicyInvalid, Kind::PolicyRefused, Kind::Busy])
}

pub(crate) fn approve() -> Operation {
    let summary = "Say yes, as a second person, to a change that another one will ask for 双人复核";
    Operation::new("policies", "approvePolicyChange", summary, named("Approval"))
        .about(
            "The same body as the change itself. Nothing changes by it. It is a yes to what would take force as things \
             stand: also to the trial, the earlier policy or the parts in force that the body does not hold. It counts \
             for one change.",
        )
        .takes(JSON, named("PolicyChange"))
        .refuses(&[Kind::NotJson, Kind::PolicyInvalid, Kind::Busy])
}
