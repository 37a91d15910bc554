//! Decide: may this node do this by its own authority? Limits by tier, sums over splits, second signature, routing up.
//!
//! All limits stand in the settings. The host holds ceilings of its own above them; this policy can only be narrower.

mod money;

use muster_sdk::discretion::{Answer, LimitUse, Question, Signature, Subject, Verdict};
use muster_sdk::{Attributes as _, Because, Discretion, GrantOrder, HOUR, Measure, Party, because, settings};

/// The tiers' limits, for those who call the policy as a plain function.
pub struct Limits;

impl Discretion for Limits {
    fn rule(question: Question) -> Answer {
        match &question.subject {
            Subject::Spend(request) => money::rule(&question, request),
            Subject::Measure(measure) => measure_rule(&question, measure),
            Subject::Grant(order) => grant_rule(order),
            Subject::CallOut(_) | Subject::Level(_) | Subject::Mode(_) => {
                allow(because("D0", "本级权限内", "within the tier's own powers"))
            }
        }
    }
}

muster_sdk::policy! { discretion: Limits }

fn allow(because: Because) -> Answer {
    Answer { verdict: Verdict::Allow, limits: Vec::new(), because }
}

/// The decision goes one tier up and waits as long as the settings say.
fn route(question: &Question, limits: Vec<LimitUse>, because: Because) -> Answer {
    let by =
        muster_sdk::roster::find(&question.node).and_then(|node| node.parent).unwrap_or_else(|| question.node.clone());
    let by = Party::Post(muster_sdk::Post { node: by, name: settings::text("approver_post") });
    let decide_by = question.now + settings::minutes("approval_wait_minutes");
    Answer { verdict: Verdict::Route(Signature { by, decide_by }), limits, because }
}

/// A measure may start without a person's decision where the table gives a standing delegation, or to save lives.
fn measure_rule(question: &Question, measure: &Measure) -> Answer {
    let tier = question.tier.name();
    let rows = settings::rows("delegation", &[("measure", &measure.kind), ("tier", tier)]);
    let rescues = rows.iter().any(|row| row.text("when") == Some("life_safety")) && measure.life_safety;
    if rescues || rows.iter().any(|row| row.text("when") == Some("always")) {
        return allow(because(
            "P2",
            format!("{}:{tier} 层级已获常设授权", measure.kind),
            format!("{}: the {tier} tier holds a standing delegation", measure.kind),
        ));
    }
    let why = because(
        "D0",
        format!("{}:{tier} 层级无常设授权,提请上级决定", measure.kind),
        format!("{}: the {tier} tier holds no standing delegation; a higher tier decides", measure.kind),
    );
    route(question, Vec::new(), why)
}

fn grant_rule(order: &GrantOrder) -> Answer {
    let hours_max = settings::integer("grant_hours_max");
    let hours = (order.expires - order.starts + HOUR - 1) / HOUR;
    if hours <= hours_max {
        let why = because(
            "G",
            format!("授权 {hours} 小时,不超过 {hours_max} 小时"),
            format!("a grant of {hours} h is within {hours_max} h"),
        );
        return allow(why);
    }
    let why = because(
        "G",
        format!("授权 {hours} 小时,超过首次上限 {hours_max} 小时"),
        format!("a grant of {hours} h is longer than the first term of {hours_max} h"),
    );
    Answer { verdict: Verdict::Refuse, limits: Vec::new(), because: why }
}
