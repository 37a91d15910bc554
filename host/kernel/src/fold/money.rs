//! Grants and spending: what is held, by whom, until when.

use alloc::format;
use alloc::string::String;

use super::{Moment, timers};
use crate::act::Party;
use crate::record::{Fact, Posting, SpendVerdict};
use crate::state::{AwardState, Freeze, Grant, GrantRequest, Spend, State, TimerPurpose};
use crate::{AwardId, AwardStatus, Currency, GrantId, Instant, NodeCode, RequestId, SpendId};

pub(super) fn grant_given(state: &mut State, fact: &Fact) {
    let Fact::GrantGiven {
        grant,
        incident,
        key,
        grantor,
        node,
        powers,
        multiplier_permille,
        request,
        cap,
        starts,
        expires,
        supervisor,
        ..
    } = fact
    else {
        return;
    };
    let row = Grant {
        incident: incident.clone(),
        key: key.clone(),
        grantor: grantor.clone(),
        node: node.clone(),
        powers: powers.clone(),
        multiplier_permille: *multiplier_permille,
        cap: *cap,
        used: 0,
        starts: *starts,
        expires: *expires,
        supervisor: supervisor.clone(),
        request: request.clone(),
        revoked: false,
    };
    state.index.grants_of.entry(node.clone()).or_default().insert(grant.clone());
    state.grants.put(grant.clone(), row);
    timers::set(state, format!("grant/{grant}"), *expires, TimerPurpose::Grant(grant.clone()));
}

pub(super) fn grant_expired(state: &mut State, grant: &GrantId) {
    timers::remove(state, &format!("grant/{grant}"));
    if let Some(row) = state.grants.get(grant)
        && let Some(held) = state.index.grants_of.get_mut(&row.node)
    {
        held.remove(grant);
    }
}

pub(super) fn spend_ruled(state: &mut State, moment: Moment, fact: &Fact) {
    let Fact::SpendRuled { spend, incident, by, request, verdict, reserved, grant, signature_by, decide_by, .. } = fact
    else {
        return;
    };
    let row = Spend {
        incident: incident.clone(),
        by: by.clone(),
        request: request.clone(),
        requested: moment.at,
        verdict: *verdict,
        reserved: *reserved,
        grant: grant.clone(),
        signature_by: signature_by.clone(),
        approved_above: None,
        settled: None,
    };
    use_grant(state, grant.as_ref(), *reserved);
    state.index.spends_of.entry(request.node.clone()).or_default().insert(spend.clone());
    state.spends.put(spend.clone(), row);
    if let Some(due) = decide_by {
        timers::set(state, format!("approval/{spend}"), *due, TimerPurpose::Approval(spend.clone()));
    }
    let papers = state.charter().and_then(|charter| charter.clocks.papers_within);
    if let Some(within) = papers.filter(|_| request.life_safety && *reserved > 0) {
        timers::set(state, format!("papers/{spend}"), moment.at + within, TimerPurpose::Papers(spend.clone()));
    }
}

fn use_grant(state: &mut State, grant: Option<&GrantId>, amount: i64) {
    if let Some(row) = grant.and_then(|grant| state.grants.change(grant)) {
        row.used = row.used.saturating_add(amount);
    }
}

/// Powers taken back. A grant that has lost all of them is over.
pub(super) fn grant_revoked(state: &mut State, grant: &GrantId, powers: &[String], whole: bool) {
    if let Some(row) = state.grants.change(grant) {
        row.powers.retain(|held| !powers.contains(held));
        row.revoked = whole;
    }
    if whole {
        grant_expired(state, grant);
    }
}

pub(super) fn grant_asked(state: &mut State, fact: &Fact) {
    let Fact::GrantAsked { request, incident, by, order, renews, approver, decide_by, .. } = fact else { return };
    let row = GrantRequest {
        incident: incident.clone(),
        by: by.clone(),
        order: order.clone(),
        renews: renews.clone(),
        approver: approver.clone(),
        decided: false,
    };
    state.grant_requests.put(request.clone(), row);
    wait_for_grant(state, request, *decide_by);
}

fn wait_for_grant(state: &mut State, request: &RequestId, due: Instant) {
    timers::set(state, format!("grant-request/{request}"), due, TimerPurpose::GrantRequest(request.clone()));
}

pub(super) fn grant_escalated(state: &mut State, request: &RequestId, to: &Party, decide_by: Instant) {
    if let Some(row) = state.grant_requests.change(request) {
        row.approver = to.clone();
        wait_for_grant(state, request, decide_by);
    }
}

pub(super) fn grant_decided(state: &mut State, request: &RequestId) {
    timers::remove(state, &format!("grant-request/{request}"));
    if let Some(row) = state.grant_requests.change(request) {
        row.decided = true;
    }
}

pub(super) fn power_frozen(state: &mut State, moment: Moment, fact: &Fact) {
    let Fact::PowerFrozen { node, power, frozen, by, .. } = fact else { return };
    let key = (node.clone(), power.clone());
    if *frozen {
        state.freezes.put(key, Freeze { by: by.clone(), since: moment.at });
    } else {
        state.freezes.remove(&key);
    }
}

pub(super) fn spend_settled(state: &mut State, spend: &SpendId, amount: i64, released: i64) {
    timers::remove(state, &format!("papers/{spend}"));
    let Some(row) = state.spends.change(spend) else { return };
    row.settled = Some(amount);
    row.reserved = amount;
    let grant = row.grant.clone();
    use_grant(state, grant.as_ref(), -released);
}

pub(super) fn booked(state: &mut State, currency: Currency, postings: &[Posting]) {
    for posting in postings {
        let key = (currency, posting.account.clone());
        let before = state.accounts.get(&key).copied().unwrap_or_default();
        state.accounts.put(key, before.saturating_add(posting.amount));
    }
}

pub(super) fn award(state: &mut State, moment: Moment, fact: &Fact) {
    let Fact::AwardBooked { award, incident, to, currency, amount, status, .. } = fact else { return };
    let row = AwardState {
        incident: incident.clone(),
        to: to.clone(),
        currency: *currency,
        amount: *amount,
        status: *status,
        booked: moment.at,
    };
    state.awards.put(award.clone(), row);
    if *status == AwardStatus::Settled {
        award_lapses(state, moment, award, *currency);
    }
}

fn award_lapses(state: &mut State, moment: Moment, award: &AwardId, currency: Currency) {
    let pot = state.charter().and_then(|charter| charter.funds.pots.get(&currency));
    if let Some(valid) = pot.and_then(|pot| pot.valid) {
        timers::set(state, format!("award/{award}"), moment.at + valid, TimerPurpose::Award(award.clone()));
    }
}

pub(super) fn award_decided(state: &mut State, moment: Moment, award: &AwardId, status: AwardStatus) {
    let Some(row) = state.awards.change(award) else { return };
    row.status = status;
    let currency = row.currency;
    match status {
        AwardStatus::Settled => award_lapses(state, moment, award, currency),
        _ => timers::remove(state, &format!("award/{award}")),
    }
}

pub(super) fn approval_escalated(state: &mut State, spend: &SpendId, to: &Party, decide_by: Instant) {
    if let Some(row) = state.spends.change(spend) {
        row.signature_by = Some(to.clone());
        timers::set(state, format!("approval/{spend}"), decide_by, TimerPurpose::Approval(spend.clone()));
    }
}

pub(super) fn approval_decided(state: &mut State, spend: &SpendId, approved: bool, covered_by: Option<&NodeCode>) {
    timers::remove(state, &format!("approval/{spend}"));
    let Some(row) = state.spends.change(spend) else { return };
    row.signature_by = None;
    if approved {
        row.verdict = SpendVerdict::Allowed;
        // What a higher tier covers does not count against the grant of the lower one.
        if covered_by.is_some() {
            row.approved_above = covered_by.cloned();
            row.grant = None;
        }
        row.reserved = row.request.amount;
    } else {
        row.verdict = SpendVerdict::Refused;
        let (grant, freed) = (row.grant.clone(), core::mem::take(&mut row.reserved));
        use_grant(state, grant.as_ref(), -freed);
    }
}
