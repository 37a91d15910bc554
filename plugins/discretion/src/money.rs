//! Money: the limits of the tier, widened by a grant, against the sum of what was split.

use muster_sdk::discretion::{Answer, LimitUse, Question, Signature, Verdict};
use muster_sdk::facts::{self, SpendingFilter};
use muster_sdk::{Attributes, HOUR, Party, Post, SpendRequest, because, settings};

/// The tier's limits at this moment, in minor units.
struct Limit {
    item: i64,
    incident: i64,
    granted: bool,
    /// The grant's cap, and what was used of it.
    cap: Option<(i64, i64)>,
}

pub(crate) fn rule(question: &Question, request: &SpendRequest) -> Answer {
    let Some(limit) = limit(question) else {
        let tier = question.tier.name();
        let why = because("D", format!("{tier} 层级无支出权限"), format!("the {tier} tier holds no power to spend"));
        return crate::route(question, Vec::new(), why);
    };
    let split = split_sum(question, request);
    let used = used_in_incident(question);
    let item = LimitUse {
        name: "item".into(),
        limit: limit.item,
        used: split,
        remaining: limit.item - split - request.amount,
    };
    let incident = LimitUse {
        name: "incident".into(),
        limit: limit.incident,
        used,
        remaining: limit.incident - used - request.amount,
    };
    let (fits_item, fits_incident) = (item.remaining >= 0, incident.remaining >= 0);
    let mut limits = vec![item, incident];
    if let Some((cap, used)) = limit.cap {
        let grant = LimitUse { name: "grant".into(), limit: cap, used, remaining: cap - used - request.amount };
        let fits = grant.remaining >= 0;
        limits.push(grant);
        if !fits {
            return over(question, limits, "grant", "授权额度", cap, used + request.amount);
        }
    }
    if !fits_item {
        return over(question, limits, "item", "单项(含 24 小时内拆分合计)", limit.item, split + request.amount);
    }
    if !fits_incident {
        return over(question, limits, "incident", "单次事件累计", limit.incident, used + request.amount);
    }
    within(question, request, &limit, split, limits)
}

/// The row of the tier, widened while a grant is active where the row says so.
fn limit(question: &Question) -> Option<Limit> {
    let rows = settings::rows("limit", &[("tier", question.tier.name())]);
    let row = rows.first()?;
    let spends = |grant: &muster_sdk::Grant| grant.powers.iter().any(|power| power == "spend");
    let grant = facts::grants(&question.node).into_iter().find(spends);
    let permille = match &grant {
        Some(grant) if row.flag("multiplies") == Some(true) => i64::from(grant.multiplier_permille),
        _ => 1_000,
    };
    Some(Limit {
        item: row.integer("item")? * permille / 1_000,
        incident: row.integer("incident")? * permille / 1_000,
        granted: permille != 1_000,
        cap: grant.and_then(|grant| Some((grant.cap?, grant.used))),
    })
}

/// What the same node asked within the window in the same category or from the same vendor: splits count as one.
fn split_sum(question: &Question, request: &SpendRequest) -> i64 {
    let since = Some(question.now - settings::integer("split_window_hours") * HOUR);
    let node = Some(question.node.clone());
    let filter = SpendingFilter {
        incident: None,
        node,
        within: None,
        category: Some(request.category.clone()),
        vendor: None,
        since,
    };
    let by_category = facts::spent(&filter).total;
    let Some(vendor) = request.vendor.clone() else { return by_category };
    let by_vendor = facts::spent(&SpendingFilter { category: None, vendor: Some(vendor.clone()), ..filter.clone() });
    let by_both = facts::spent(&SpendingFilter { vendor: Some(vendor), ..filter });
    by_category + by_vendor.total - by_both.total
}

fn used_in_incident(question: &Question) -> i64 {
    let Some(incident) = &question.incident else { return 0 };
    let filter = SpendingFilter {
        incident: Some(incident.id.clone()),
        node: Some(question.node.clone()),
        within: None,
        category: None,
        vendor: None,
        since: None,
    };
    facts::spent(&filter).total
}

fn over(question: &Question, limits: Vec<LimitUse>, name: &str, chinese: &str, limit: i64, wanted: i64) -> Answer {
    let why = because(
        "D",
        format!("{chinese}需 {} 元,限额 {} 元:提请上级", yuan(wanted), yuan(limit)),
        format!("{name} limit: {} wanted, {} allowed; the request goes up", yuan(wanted), yuan(limit)),
    );
    crate::route(question, limits, why)
}

/// Within the limits: alone, or with a second signature above the share that the settings name.
fn within(question: &Question, request: &SpendRequest, limit: &Limit, split: i64, limits: Vec<LimitUse>) -> Answer {
    let sum = split + request.amount;
    let alone = limit.item * settings::integer("second_signature_above_permille") / 1_000;
    let widened = if limit.granted { ("(授权期内加倍)", " (doubled under a grant)") } else { ("", "") };
    // D4: what saves lives runs first; its papers follow.
    if sum > alone && !request.life_safety {
        let by = Party::Post(Post { node: question.node.clone(), name: settings::text("second_signature_post") });
        let decide_by = question.now + settings::minutes("approval_wait_minutes");
        let why = because(
            "D2",
            format!(
                "{} 元在单项限额 {} 元{}之内,超过 {} 元须双签",
                yuan(sum),
                yuan(limit.item),
                widened.0,
                yuan(alone)
            ),
            format!(
                "{} is within the item limit {}{}; above {} a second signature is needed",
                yuan(sum),
                yuan(limit.item),
                widened.1,
                yuan(alone)
            ),
        );
        return Answer { verdict: Verdict::SecondSignature(Signature { by, decide_by }), limits, because: why };
    }
    let why = because(
        "D",
        format!("{} 元在单项限额 {} 元{}之内,一人签批即可", yuan(sum), yuan(limit.item), widened.0),
        format!("{} is within the item limit {}{}; one signature is enough", yuan(sum), yuan(limit.item), widened.1),
    );
    let verdict = if request.life_safety {
        Verdict::AllowWith(vec![format!("papers within {} h", settings::integer("papers_hours"))])
    } else {
        Verdict::Allow
    };
    Answer { verdict, limits, because: why }
}

/// Minor units as people write money.
fn yuan(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let whole = (minor.unsigned_abs() / 100).to_string();
    let mut grouped = String::with_capacity(whole.len() + 4);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match minor.unsigned_abs() % 100 {
        0 => format!("{sign}{grouped}"),
        cents => format!("{sign}{grouped}.{cents:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_sdk::discretion::Subject;
    use muster_sdk::testing::Harness;
    use muster_sdk::{Discretion as _, Grant, Incident, Level, Mode, RiskStage, Tier, Value};

    fn profile() -> Harness {
        Harness::new()
            .row(
                "limit",
                &[
                    ("tier", Value::Text("street".into())),
                    ("item", Value::Integer(10_000_000)),
                    ("incident", Value::Integer(50_000_000)),
                    ("multiplies", Value::Flag(true)),
                ],
            )
            .integer("second_signature_above_permille", 500)
            .integer("split_window_hours", 24)
            .integer("approval_wait_minutes", 120)
            .integer("papers_hours", 24)
            .text("second_signature_post", "secretary")
            .text("approver_post", "duty")
            .add_node("d", Tier::District, None)
            .add_node("s", Tier::Street, Some("d"))
    }

    fn grant() -> Grant {
        Grant {
            id: "g".into(),
            grantor: "d".into(),
            grantee: "s".into(),
            powers: vec!["spend".into()],
            multiplier_permille: 2_000,
            cap: None,
            used: 0,
            starts: 0,
            expires: 72 * HOUR,
            supervisor: Party::DutyAbove(Tier::District),
        }
    }

    fn request(amount: i64, vendor: &str) -> SpendRequest {
        SpendRequest {
            id: "r".into(),
            node: "s".into(),
            category: "pumps".into(),
            vendor: Some(vendor.into()),
            amount,
            quotes: None,
            life_safety: false,
            reason: None,
        }
    }

    fn incident() -> Incident {
        let response = muster_sdk::types::Response {
            scheme: "flood".into(),
            node: "d".into(),
            recommended: None,
            in_force: Some(Level::Ii),
            since: None,
            ordered: false,
        };
        Incident {
            id: "i".into(),
            name: "i".into(),
            names: vec![],
            scheme: "flood".into(),
            hazard: "rainstorm".into(),
            node: "d".into(),
            opened: 0,
            stage: RiskStage::Control,
            mode: Mode::Emergency,
            life_safety: false,
            response,
            floor: None,
            figures: vec![],
            commander: None,
            hazard_cleared: false,
            projected_end: None,
            parent: None,
            tags: vec![],
        }
    }

    fn ask(amount: i64) -> Question {
        Question {
            now: HOUR,
            subject: Subject::Spend(request(amount, "v")),
            node: "s".into(),
            tier: Tier::Street,
            incident: Some(incident()),
            proposed: false,
        }
    }

    #[test]
    fn a_grant_doubles_and_half_needs_a_second_signature() {
        let (answer, _) = profile().grant(grant()).run(|| crate::Limits::rule(ask(18_600_000)));
        assert!(matches!(answer.verdict, Verdict::SecondSignature(_)), "{answer:?}");
        assert_eq!(answer.limits[1].remaining, 81_400_000);
        let (answer, _) = profile().grant(grant()).run(|| crate::Limits::rule(ask(9_860_000)));
        assert!(matches!(answer.verdict, Verdict::Allow), "{answer:?}");
    }

    #[test]
    fn without_a_grant_the_same_request_goes_up() {
        let (answer, _) = profile().run(|| crate::Limits::rule(ask(18_600_000)));
        assert!(matches!(answer.verdict, Verdict::Route(_)), "{answer:?}");
    }

    #[test]
    fn splits_count_as_one() {
        let before = request(6_000_000, "other");
        let (answer, _) = profile().spend("i", before).run(|| crate::Limits::rule(ask(6_000_000)));
        assert!(matches!(answer.verdict, Verdict::Route(_)), "{answer:?}");
        assert_eq!(answer.limits[0].used, 6_000_000);
    }
}
