//! What is wrong with a district before the crisis: duties without power, power without supervision, ladders to nowhere,
//! gaps in rosters. Advice, in words; it changes nothing.

use std::collections::BTreeSet;

use muster_kernel::act::{Party, Rung};
use muster_kernel::charter::{Charter, Duty, Node};
use muster_kernel::{Instant, Milliseconds, NodeCode, Tier};

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// For instance `roster-gap`.
    pub code: &'static str,
    /// What and where, in Chinese.
    pub chinese: String,
    /// What and where, in English.
    pub english: String,
}

/// The words that stand for a power.
const POWERS: [&str; 12] = [
    "order",
    "approve",
    "spend",
    "call",
    "report",
    "supervise",
    "grant",
    "budget",
    "roster",
    "verify",
    "command",
    "answer",
];

/// How far ahead rosters are looked at.
const AHEAD: Milliseconds = Milliseconds::hours(14 * 24);

/// Looks at a charter as of an instant.
pub fn lint(charter: &Charter, now: Instant) -> Vec<Lint> {
    let mut found = Vec::new();
    powers(charter, &mut found);
    supervision(charter, &mut found);
    departments(charter, &mut found);
    ladders(charter, &mut found);
    rosters(charter, now, &mut found);
    found
}

fn say(found: &mut Vec<Lint>, code: &'static str, chinese: String, english: String) {
    found.push(Lint { code, chinese, english });
}

fn powers(charter: &Charter, found: &mut Vec<Lint>) {
    for actor in &charter.actors {
        for power in &actor.powers {
            let word = power.split('/').next().unwrap_or_default();
            if !POWERS.contains(&word) {
                say(
                    found,
                    "unknown-power",
                    format!("来源 {} 的权力「{power}」不存在", actor.source),
                    format!("actor `{}`: there is no power `{power}`", actor.source),
                );
            }
        }
    }
    let spends = |node: &&Node| holders(charter, "spend", node).next().is_some();
    for node in charter.nodes.iter().filter(spends) {
        if !charter.spending.contains_key(&node.tier) {
            say(
                found,
                "duty-without-power",
                format!("{} 可提出支出,但本层级没有支出上限:一律上报", node.name),
                format!("{} may ask to spend, but its tier has no ceiling: everything goes up", node.name),
            );
        }
    }
}

/// Actors that hold a power for a node by their pattern or by name.
fn holders<'a>(charter: &'a Charter, power: &'a str, node: &'a Node) -> impl Iterator<Item = &'a str> {
    let holding = charter.actors.iter().filter(move |actor| actor.powers.iter().any(|held| held == power));
    let for_node = holding.filter(move |actor| match &actor.node {
        Some(named) => *named == node.code,
        // A pattern holds for every node whose tier the source names, or for all when it names none.
        None => actor.source.contains("{node}") && fits_tier(&actor.source, node.tier),
    });
    for_node.map(|actor| actor.source.as_str())
}

/// Whether a source such as `urn:app:muster:street:{node}` is meant for a tier.
fn fits_tier(source: &str, tier: Tier) -> bool {
    let named = Tier::ALL.iter().find(|tier| source.split(':').any(|word| word == tier.as_str()));
    named.is_none_or(|named| *named == tier)
}

/// INVARIANT of the field: no power without someone who watches over it.
fn supervision(charter: &Charter, found: &mut Vec<Lint>) {
    let watched = charter.actors.iter().any(|actor| actor.powers.iter().any(|power| power == "supervise"));
    if !watched && !charter.spending.is_empty() {
        say(
            found,
            "power-without-supervisor",
            "有支出权,但无人持有监管权(supervise)".into(),
            "there is power to spend, and nobody holds `supervise`".into(),
        );
    }
}

fn departments(charter: &Charter, found: &mut Vec<Lint>) {
    for department in &charter.departments {
        if department.sources.is_empty() {
            say(
                found,
                "cannot-answer",
                format!("{} 可被呼叫,但没有应答来源(sources)", department.title),
                format!("{} can be called but has no `sources` to answer from", department.title),
            );
        }
    }
}

fn ladders(charter: &Charter, found: &mut Vec<Lint>) {
    let highest = charter.nodes.iter().map(|node| node.tier).max();
    for (kind, clock) in &charter.callouts {
        let rungs: Vec<&Rung> = clock.ladder.iter().chain(&clock.arrival_ladder).collect();
        for rung in &rungs {
            for party in &rung.to {
                if let Party::DutyAbove(tier) = party
                    && highest.is_some_and(|highest| *tier > highest)
                {
                    say(
                        found,
                        "ladder-to-nowhere",
                        format!("{kind} 的阶梯指向 {tier},树中没有这一层级"),
                        format!("the ladder of `{kind}` climbs to {tier}, and the tree has no such tier"),
                    );
                }
            }
        }
        let timed = clock.acknowledge_within.is_some() || clock.acknowledge_working_days.is_some();
        if !timed && clock.arrive_within.is_none() {
            say(
                found,
                "no-clock",
                format!("{kind} 没有任何时限:无应答也不会上报"),
                format!("`{kind}` has no deadline: silence would never be noticed"),
            );
        }
    }
}

fn rosters(charter: &Charter, now: Instant, found: &mut Vec<Lint>) {
    let posts: BTreeSet<(&NodeCode, &str)> =
        charter.duties.iter().map(|duty| (&duty.node, duty.post.as_str())).collect();
    for (node, post) in posts {
        let duties: Vec<&Duty> = charter.duties.iter().filter(|duty| duty.node == *node && duty.post == post).collect();
        let covered =
            |at: Instant| duties.iter().any(|duty| duty.starts <= at && duty.ends.is_none_or(|ends| at < ends));
        // A gap can only begin now or where a roster ends, and end where another begins.
        let edges = duties.iter().filter_map(|duty| duty.ends).chain([now]);
        for edge in edges.filter(|edge| *edge >= now && *edge < now + AHEAD) {
            if !covered(edge) {
                let until = duties.iter().map(|duty| duty.starts).filter(|starts| *starts > edge).min();
                let until =
                    until.map_or_else(|| "?".to_owned(), |until| until.to_local_text(charter.utc_offset_seconds));
                let from = edge.to_local_text(charter.utc_offset_seconds);
                say(
                    found,
                    "roster-gap",
                    format!("{node} {post} 自 {from} 起无人值守,至 {until}"),
                    format!("nobody is on duty as {post} of {node} from {from} until {until}"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use muster_kernel::charter::{Actor, CalloutClock, SpendingCeiling};
    use muster_kernel::{CalloutKind, Tier};

    use super::*;

    fn at(text: &str) -> Instant {
        Instant::parse(text).expect("valid")
    }

    fn codes(charter: &Charter) -> Vec<&'static str> {
        lint(charter, at("2030-06-01T08:00:00+08:00")).into_iter().map(|found| found.code).collect()
    }

    #[test]
    fn each_fault_is_found_by_its_name() {
        let street = Node {
            code: "990103901".into(),
            name: "street".into(),
            tier: Tier::Street,
            parent: None,
            population: None,
        };
        let actor = |source: &str, power: &str| Actor { source: source.into(), powers: vec![power.into()], node: None };
        let mut charter = Charter { nodes: vec![street.clone()], ..Charter::default() };
        assert!(codes(&charter).is_empty());
        charter.actors = vec![actor("urn:app:muster:street:{node}", "spend"), actor("urn:x", "spendd")];
        assert_eq!(codes(&charter), ["unknown-power", "duty-without-power"]);
        charter.actors.pop();
        charter.spending =
            BTreeMap::from([(Tier::Street, SpendingCeiling { item: 1, incident: 1, multiplies: false })]);
        assert_eq!(codes(&charter), ["power-without-supervisor"]);
        charter.actors.push(actor("urn:audit:{node}", "supervise"));
        assert!(codes(&charter).is_empty());
        let up = Rung::once(Milliseconds::minutes(5), vec![Party::DutyAbove(Tier::City)]);
        charter.callouts = BTreeMap::from([
            (CalloutKind::Daily, CalloutClock::default()),
            (
                CalloutKind::Emergency,
                CalloutClock {
                    acknowledge_within: Some(Milliseconds::minutes(5)),
                    ladder: vec![up],
                    ..CalloutClock::default()
                },
            ),
        ]);
        assert_eq!(codes(&charter), ["no-clock", "ladder-to-nowhere"]);
        charter.callouts.clear();
        let duty = |starts: &str, ends: Option<&str>| Duty {
            node: street.code.clone(),
            post: "duty".into(),
            people: vec!["someone".into()],
            starts: at(starts),
            ends: ends.map(at),
            shift: Milliseconds::hours(24),
        };
        charter.duties = vec![
            duty("2030-05-01T08:00:00+08:00", Some("2030-06-03T08:00:00+08:00")),
            duty("2030-06-03T20:00:00+08:00", None),
        ];
        assert_eq!(codes(&charter), ["roster-gap"]);
        charter.duties[1] = duty("2030-06-03T08:00:00+08:00", None);
        assert!(codes(&charter).is_empty());
    }
}
