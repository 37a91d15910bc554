//! Promises of the host that are cheap to check after every decision: no package may bring them down.

use muster_kernel::record::{Entry, Fact, SpendVerdict};
use muster_kernel::step::Step;
use muster_kernel::{State, facts, fold, roster, snapshot};
use muster_runtime::activation::Words;

/// What was written is what was decided, and folding it gives the state.
pub(crate) fn written(decided: &Step, folded: &mut State, state: &State) -> Result<(), Words> {
    let read = Entry::from_bytes(&decided.payload).map_err(|reason| {
        Words::new(format!("写入的记录无法读回:{reason}"), format!("an entry cannot be read back: {reason}"))
    })?;
    if read != decided.entry {
        return Err(Words::new("读回的记录与所决定的不同", "an entry read back is not the one decided"));
    }
    fold::fold(folded, &read, decided.hash);
    if snapshot::digest(folded) != snapshot::digest(state) {
        return Err(Words::new("由记录折叠得到的状态与现状不同", "folding the entries does not give the state"));
    }
    Ok(())
}

/// The bounds of the charter hold after a decision.
pub(crate) fn hold(before: &State, after: &State, entry: &Entry) -> Result<(), Words> {
    for fact in &entry.facts {
        level(after, fact)?;
        spending(before, after, fact)?;
        booking(fact)?;
    }
    let overdrawn = after.accounts.iter().find(|((_, account), balance)| account != "treasury" && **balance < 0);
    if let Some(((_, account), balance)) = overdrawn {
        return Err(Words::new(
            format!("账户 {account} 余额为 {balance}"),
            format!("account {account} is at {balance}"),
        ));
    }
    Ok(())
}

/// No machine puts a level in force above the charter's bound, and none lowers one.
fn level(after: &State, fact: &Fact) -> Result<(), Words> {
    let Fact::LevelInForce { node, level, previous, ordered: false, .. } = fact else { return Ok(()) };
    let bound = after.charter().map(|charter| charter.provisional_level_max);
    if bound.is_none_or(|bound| *level > bound) || previous.is_some_and(|previous| *level < previous) {
        return Err(Words::new(
            format!("无人下令,{node} 的响应级别成为 {level}"),
            format!("level {level} holds at {node} though nobody ordered it"),
        ));
    }
    Ok(())
}

/// Nothing is spent beyond the ceilings of the node's tier, whatever a policy allows.
fn spending(before: &State, after: &State, fact: &Fact) -> Result<(), Words> {
    let Fact::SpendRuled { request, incident, verdict, .. } = fact else { return Ok(()) };
    if !matches!(verdict, SpendVerdict::Allowed | SpendVerdict::SecondSignature) {
        return Ok(());
    }
    let tier = roster::exact(after, request.node.as_str()).map(|node| node.tier);
    let charter = after.charter();
    let ceiling = tier.and_then(|tier| charter?.spending.get(&tier).copied());
    let over = |limit: i64, amount: i64| {
        Words::new(
            format!("{} 支出 {amount},超过上限 {limit}", request.node),
            format!("{} spends {amount}, over its ceiling of {limit}", request.node),
        )
    };
    let Some(ceiling) = ceiling else { return Err(over(0, request.amount)) };
    let widened = ceiling.multiplies && !before.grants.is_empty();
    let permille =
        charter.filter(|_| widened).map_or(1_000, |charter| charter.grant_multiplier_max_permille.max(1_000));
    let limit = |ceiling: i64| {
        let wide = i128::from(ceiling) * i128::from(permille) / 1_000;
        i64::try_from(wide).unwrap_or(i64::MAX)
    };
    if request.amount > limit(ceiling.item) {
        return Err(over(limit(ceiling.item), request.amount));
    }
    if let Some(incident) = incident {
        let filter = facts::SpendingFilter {
            incident: Some(incident.to_string()),
            node: Some(request.node.to_string()),
            ..facts::SpendingFilter::default()
        };
        let spent = facts::spent(before, &filter).1.saturating_add(request.amount);
        if spent > limit(ceiling.incident) {
            return Err(over(limit(ceiling.incident), spent));
        }
    }
    Ok(())
}

/// What is booked adds up to nothing.
fn booking(fact: &Fact) -> Result<(), Words> {
    let Fact::LedgerBooked { postings, .. } = fact else { return Ok(()) };
    let sum: i128 = postings.iter().map(|posting| i128::from(posting.amount)).sum();
    if sum == 0 {
        return Ok(());
    }
    Err(Words::new(format!("一笔分录合计 {sum}"), format!("postings of one booking add up to {sum}")))
}

#[cfg(test)]
mod tests {
    use muster_kernel::act::{Because, SpendRequest};
    use muster_kernel::record::Bearing;
    use muster_kernel::{Instant, Level};
    use muster_runtime::activation::proving_ground;

    use super::*;

    fn district() -> State {
        let mut state = State::default();
        state.core.charter = Some(proving_ground::charter());
        fold::rebuild_index(&mut state);
        state
    }

    fn in_force(level: Level, previous: Option<Level>, ordered: bool) -> Fact {
        Fact::LevelInForce {
            incident: None,
            scheme: "flood".into(),
            node: "990103".into(),
            level,
            previous,
            from: Instant::from_millis(0),
            ordered,
            bearing: Bearing::Own,
            latency: None,
            floor_for: Vec::new(),
            because: Because::default(),
        }
    }

    #[test]
    fn a_machine_raises_to_the_bound_and_no_further_and_lowers_nothing() {
        let state = district();
        assert!(level(&state, &in_force(Level::Two, Some(Level::Three), false)).is_ok());
        assert!(level(&state, &in_force(Level::One, None, false)).is_err());
        assert!(level(&state, &in_force(Level::Three, Some(Level::Two), false)).is_err());
        assert!(level(&state, &in_force(Level::One, None, true)).is_ok());
    }

    fn spent(node: &str, amount: i64) -> Fact {
        let request = SpendRequest {
            id: "s-1".into(),
            node: node.into(),
            category: "pumps".into(),
            vendor: None,
            amount,
            quotes: None,
            life_safety: false,
            reason: None,
        };
        Fact::SpendRuled {
            spend: "s-1".into(),
            incident: Some("i-1".into()),
            by: "urn:app:muster:street:990103901".into(),
            request,
            verdict: SpendVerdict::Allowed,
            reserved: amount,
            limits: Vec::new(),
            duties: Vec::new(),
            grant: None,
            signature_by: None,
            decide_by: None,
            because: Because::default(),
        }
    }

    #[test]
    fn a_street_spends_up_to_its_ceiling_and_a_city_without_one_nothing() {
        let state = district();
        assert!(spending(&state, &state, &spent("990103901", 10_000_000)).is_ok());
        assert!(spending(&state, &state, &spent("990103901", 10_000_001)).is_err());
        assert!(spending(&state, &state, &spent("990100", 1)).is_err());
    }
}
