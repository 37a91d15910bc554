//! From signatures to votes: whose signature is right, valid here and now, and in which office; and whether votes of
//! distinct holders satisfy what is needed.

use muster_kernel::{Digest, DistrictId, Instant, Role};

use super::{DenyList, Key, Need, Office, Reason, Scope, Trust, covers_district, covers_role};
use crate::attestation::Envelope;

/// A signature that counts.
#[derive(Debug, Clone)]
pub(super) struct Vote<'a> {
    pub(super) key: &'a Key,
    pub(super) office: Office,
    pub(super) statement: Digest,
}

/// Against what a signature is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standard<'a> {
    pub(super) trust: &'a Trust,
    pub(super) deny: &'a DenyList,
    pub(super) at: Instant,
    /// Where and for which role; `None` for what concerns the whole host.
    pub(super) place: Option<(&'a DistrictId, Role)>,
}

impl<'a> Standard<'a> {
    /// The known keys whose signatures are right, before anything in the payload is believed. What is wrong is told.
    pub(super) fn authentic(self, line: usize, envelope: &Envelope, faults: &mut Vec<Reason>) -> Vec<&'a Key> {
        let signed = envelope.signed_bytes();
        let mut keys: Vec<&Key> = Vec::new();
        for signature in &envelope.signatures {
            let Some(key) = self.trust.key(&signature.key) else {
                // Foreign text is shown, but not at any length.
                let key = signature.key.chars().filter(|one| !one.is_control()).take(64).collect();
                faults.push(Reason::UnknownKey { line, key });
                continue;
            };
            if !key.public.signed(&signed, &signature.bytes) {
                let Key { id, holder, .. } = key;
                faults.push(Reason::Tampered { line, key: id.to_string(), holder: holder.clone() });
            } else if keys.iter().all(|other| other.id != key.id) {
                keys.push(key);
            }
        }
        keys
    }

    /// Whether this key may speak here and now in this office.
    pub(super) fn admits(self, line: usize, key: &Key, office: Office) -> Result<(), Reason> {
        let (id, holder) = (key.id.to_string(), key.holder.clone());
        if let Some(since) = self.revoked_since(key) {
            return Err(Reason::RevokedKey { line, key: id, holder, since });
        }
        if self.at < key.from {
            return Err(Reason::NotYetValid { line, key: id, holder, from: key.from });
        }
        if self.at >= key.until {
            return Err(Reason::Expired { line, key: id, holder, until: key.until });
        }
        if let Some((district, role)) = self.place {
            if !covers_district(&key.districts, district) {
                return Err(Reason::OutOfScope { line, key: id, holder, scope: Scope::District(district.clone()) });
            }
            if !covers_role(&key.roles, role) {
                return Err(Reason::OutOfScope { line, key: id, holder, scope: Scope::Role(role) });
            }
        }
        if !key.offices.contains(&office) {
            return Err(Reason::WithoutOffice { line, key: id, holder, office });
        }
        Ok(())
    }

    /// Since when the key is revoked, in the trust file or on the deny-list, if it is by now.
    ///
    /// When a statement was signed is the signer's claim, and whoever stole a key can claim any time. So a revoked key
    /// loses all that it ever signed.
    fn revoked_since(self, key: &Key) -> Option<Instant> {
        let listed = self.deny.key_denied(&key.id, self.at).map(|entry| entry.since);
        let named = key.revoked_since.filter(|since| *since <= self.at);
        listed.into_iter().chain(named).min()
    }
}

/// The distinct holders among votes.
pub(super) fn holders(votes: &[Vote<'_>]) -> Vec<String> {
    let mut holders: Vec<String> = votes.iter().map(|vote| vote.key.holder.clone()).collect();
    holders.sort();
    holders.dedup();
    holders
}

/// Checks that distinct holders fill every place of a rule; one who holds two offices fills one place only.
pub(super) fn satisfy(rule: usize, needs: &[Need], votes: &[Vote<'_>]) -> Result<(), Reason> {
    let by_holder = |vote: usize| votes.iter().position(|other| other.key.holder == votes[vote].key.holder);
    let Some(open) = open_need(needs, votes, by_holder) else { return Ok(()) };
    // Would it have been enough if every signature counted for itself?
    if open_need(needs, votes, Some).is_none()
        && let Some(holder) = repeated_holder(votes)
    {
        return Err(Reason::SameHolderTwice { holder, rule, need: open });
    }
    let of_office: Vec<Vote<'_>> = votes.iter().filter(|vote| vote.office == open.office).cloned().collect();
    Err(Reason::TooFew { rule, need: open, signed: holders(&of_office) })
}

fn repeated_holder(votes: &[Vote<'_>]) -> Option<String> {
    let repeated =
        |(index, vote): &(usize, &Vote<'_>)| votes[..*index].iter().any(|other| other.key.holder == vote.key.holder);
    votes.iter().enumerate().find(repeated).map(|(_, vote)| vote.key.holder.clone())
}

/// A need that cannot be filled when each unit fills one place; `None` when all can. `unit` names the unit that a vote
/// belongs to by the index of one of its votes.
fn open_need(needs: &[Need], votes: &[Vote<'_>], unit: impl Fn(usize) -> Option<usize>) -> Option<Need> {
    // Who fills which place: a bipartite matching, grown place by place along augmenting paths.
    let mut filled_by: Vec<(Need, Option<usize>)> =
        needs.iter().flat_map(|need| std::iter::repeat_n((*need, None), need.count)).collect();
    let units: Vec<Option<usize>> = (0..votes.len()).map(unit).collect();
    for place in 0..filled_by.len() {
        let mut tried = vec![false; votes.len()];
        if !fill(place, &mut filled_by, votes, &units, &mut tried) {
            return Some(filled_by[place].0);
        }
    }
    None
}

/// Finds somebody for a place, moving others along if need be. Its depth is at most the number of places.
fn fill(
    place: usize,
    filled_by: &mut [(Need, Option<usize>)],
    votes: &[Vote<'_>],
    units: &[Option<usize>],
    tried: &mut [bool],
) -> bool {
    for (vote, unit) in votes.iter().zip(units) {
        let Some(unit) = *unit else { continue };
        if vote.office != filled_by[place].0.office || std::mem::replace(&mut tried[unit], true) {
            continue;
        }
        let taken = filled_by.iter().position(|(_, by)| *by == Some(unit));
        if taken.is_none_or(|taken| fill(taken, filled_by, votes, units, tried)) {
            filled_by[place].1 = Some(unit);
            return true;
        }
    }
    false
}
