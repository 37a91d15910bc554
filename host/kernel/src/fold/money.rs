//! Grants and spending: what is held, by whom, until when.

use alloc::format;

use super::{Moment, timers};
use crate::act::Party;
use crate::record::{Fact, SpendVerdict};
use crate::state::{Grant, Spend, State, TimerPurpose};
use crate::{GrantId, Instant, SpendId};

pub(super) fn grant_given(state: &mut State, fact: &Fact) {
    let Fact::GrantGiven {
        grant,
        incident,
        key,
        grantor,
        node,
        powers,
        multiplier_permille,
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
    };
    use_grant(state, grant.as_ref(), *reserved);
    state.index.spends_of.entry(request.node.clone()).or_default().insert(spend.clone());
    state.spends.put(spend.clone(), row);
    if let Some(due) = decide_by {
        timers::set(state, format!("approval/{spend}"), *due, TimerPurpose::Approval(spend.clone()));
    }
}

fn use_grant(state: &mut State, grant: Option<&GrantId>, amount: i64) {
    if let Some(row) = grant.and_then(|grant| state.grants.change(grant)) {
        row.used = row.used.saturating_add(amount);
    }
}

pub(super) fn approval_escalated(state: &mut State, spend: &SpendId, to: &Party, decide_by: Instant) {
    if let Some(row) = state.spends.change(spend) {
        row.signature_by = Some(to.clone());
        timers::set(state, format!("approval/{spend}"), decide_by, TimerPurpose::Approval(spend.clone()));
    }
}

pub(super) fn approval_decided(state: &mut State, spend: &SpendId, approved: bool) {
    timers::remove(state, &format!("approval/{spend}"));
    let Some(row) = state.spends.change(spend) else { return };
    row.signature_by = None;
    if approved {
        row.verdict = SpendVerdict::Allowed;
        row.reserved = row.request.amount;
    } else {
        row.verdict = SpendVerdict::Refused;
        let (grant, freed) = (row.grant.clone(), core::mem::take(&mut row.reserved));
        use_grant(state, grant.as_ref(), -freed);
    }
}
