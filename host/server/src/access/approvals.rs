//! The second person (双人复核) over HTTP: approvals are given for one exact request, proved like any other, and counted
//! when the request itself comes. They are kept in memory for as long as they hold: a host that starts anew asks again.
//! It must never count a name that somebody else wrote down.

use muster_access::second_person::{Approval, second_person};
use muster_access::{Action, Subject, Target};
use muster_kernel::{Digest, Instant};
use serde_json::{Value as Json_, json};

use super::{Caller, Gate};
use crate::problem::Problem;

/// Approvals that are kept at most.
const APPROVALS_MAX: usize = 10_000;

/// One exact thing that may need more than one person.
pub(crate) struct Thing {
    pub(crate) action: Action,
    pub(crate) target: Target,
    pub(crate) of: Digest,
}

impl Thing {
    /// A request, by what it says. Who asks for it, and why, is no part of it.
    pub(crate) fn new(action: Action, target: Target, request: &Json_) -> Self {
        let said = json!({"action": action, "target": target, "request": request});
        Self { action, target, of: Digest::of(said.to_string().as_bytes()) }
    }
}

impl Gate {
    /// Whether an action needs a second person at all.
    pub(crate) fn needs_a_second(&self, action: Action) -> bool {
        self.second_person_rules().persons.contains_key(&action)
    }

    /// Keeps the caller's yes. What they may do was asked before.
    pub(crate) fn approve(&self, caller: &Caller, thing: Thing, at: Instant) -> Json_ {
        let Thing { action, target, of } = thing;
        let until = at + self.second_person_rules().approvals_hold;
        let approval = Approval {
            subject: caller.identity.subject.clone(),
            proof: caller.identity.proof.clone(),
            action,
            target,
            of,
            given: at,
        };
        let mut approvals = self.approvals();
        approvals.retain(|known| known.of != of || known.subject != approval.subject);
        if approvals.len() >= APPROVALS_MAX {
            approvals.remove(0);
        }
        let answer = json!({"approved": of, "by": approval.subject, "action": action, "until": until});
        approvals.push(approval);
        answer
    }

    /// Who stands behind a thing, the caller first.
    pub(crate) fn persons(&self, caller: &Caller, thing: &Thing, at: Instant) -> Result<Vec<Subject>, Problem> {
        self.counted(caller, thing, at, &self.approvals())
    }

    /// The same, and the approvals are taken from those that are kept: each counts for one request, also when two come at
    /// once. Those of a request that came to nothing are to be given back.
    pub(crate) fn take(
        &self,
        caller: &Caller,
        thing: &Thing,
        at: Instant,
    ) -> Result<(Vec<Subject>, Vec<Approval>), Problem> {
        let mut approvals = self.approvals();
        let persons = self.counted(caller, thing, at, &approvals)?;
        let (taken, kept) = std::mem::take(&mut *approvals).into_iter().partition(|known| known.of == thing.of);
        *approvals = kept;
        Ok((persons, taken))
    }

    /// Keeps approvals on that counted for nothing. They hold no longer for it.
    pub(crate) fn give_back(&self, taken: Vec<Approval>) {
        let mut approvals = self.approvals();
        for approval in taken {
            // Who said yes anew meanwhile is not kept twice.
            if !approvals.iter().any(|known| known.of == approval.of && known.subject == approval.subject) {
                approvals.push(approval);
            }
        }
    }

    fn counted(
        &self,
        caller: &Caller,
        thing: &Thing,
        at: Instant,
        approvals: &[Approval],
    ) -> Result<Vec<Subject>, Problem> {
        let of = |approval: &&Approval| approval.of == thing.of && self.still_proved(approval, at);
        let approvals: Vec<Approval> = approvals.iter().filter(of).cloned().collect();
        let rules = self.second_person_rules();
        let counted = second_person(&rules, thing.action, &thing.target, thing.of, &caller.identity, &approvals, at);
        counted.map_err(|missing| caller.forbidden(&missing.words()))
    }

    /// A yes that was given with a token which was revoked since then counts no more.
    fn still_proved(&self, approval: &Approval, at: Instant) -> bool {
        match &approval.proof {
            muster_access::Proof::Token { id, .. } => self.proofs().still_holds(*id, at),
            _ => true,
        }
    }
}
