//! Changing the trust file: what a new one makes stricter, what weaker, and whether enough of the old one's admins agree.
//!
//! Whatever gives anybody more say, or asks for less, is a weakening; also a new key, for whoever holds it can speak.

use muster_kernel::{DistrictId, Instant, Role};

use super::judge::{about, read};
use super::votes::Standard;
use super::{DenyList, Key, Need, Office, Profile, Reason, Rule, Signer, Trust, TrustError};
use super::{covers_district, covers_role};
use crate::attestation::{ApprovalKind, Attestations, Predicate};

/// What a new trust file changes, in words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// What becomes stricter.
    pub strengthens: Vec<String>,
    /// What becomes weaker.
    pub weakens: Vec<String>,
}

/// A new trust file that may take effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The new trust.
    pub trust: Trust,
    /// What it changes.
    pub change: Change,
    /// Who consented.
    pub signers: Vec<Signer>,
}

/// Why a new trust file does not take effect. The old one stays in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// It cannot be used at all.
    #[error(transparent)]
    Unusable(#[from] TrustError),
    /// An older file than the one in force.
    #[error("the new trust file has serial {given}, and {known} is in force; write `serial = {}`, and have it signed", .known.saturating_add(1))]
    Serial {
        /// Its serial number.
        given: u64,
        /// The serial number in force.
        known: u64,
    },
    /// Too few of the old file's admins signed.
    #[error("the new trust file {}: {needed} distinct trust admins of the file in force must sign it, {signed} did{}; sign it with `muster sign-trust`", described(.change), super::reason::because(.faults))]
    TooFew {
        /// How many distinct holders it needs.
        needed: usize,
        /// How many signed.
        signed: usize,
        /// What it changes.
        change: Change,
        /// What did not count, and why.
        faults: Vec<Reason>,
    },
}

impl Trust {
    /// Whether a new trust file may replace this one.
    ///
    /// The first trust file of a host is taken as it is, with [`Trust::read`]: whoever starts a host decides whom it
    /// trusts. Every later one needs the consent of this one's admins over its exact bytes.
    ///
    /// # Errors
    /// When it cannot be used, is older, or too few admins signed it.
    pub fn accept(
        &self,
        new: &[u8],
        attestations: &Attestations,
        deny: &DenyList,
        at: Instant,
    ) -> Result<Accepted, ChangeError> {
        let trust = Self::read(new)?;
        let change = change(self, &trust);
        if trust.digest == self.digest {
            return Ok(Accepted { trust, change, signers: Vec::new() });
        }
        if trust.serial <= self.serial {
            return Err(ChangeError::Serial { given: trust.serial, known: self.serial });
        }
        let (signers, faults) = self.consents(&trust, attestations, deny, at);
        let needed = if change.weakens.is_empty() { self.change.strengthen } else { self.change.weaken };
        if signers.len() < needed {
            return Err(ChangeError::TooFew { needed, signed: signers.len(), change, faults });
        }
        Ok(Accepted { trust, change, signers })
    }

    fn consents(
        &self,
        new: &Self,
        attestations: &Attestations,
        deny: &DenyList,
        at: Instant,
    ) -> (Vec<Signer>, Vec<Reason>) {
        let standard = Standard { trust: self, deny, at, place: None };
        let (mut signers, mut faults) = (Vec::<Signer>::new(), Vec::new());
        for line in &attestations.lines {
            let Ok(envelope) = &line.envelope else { continue };
            let keys = standard.authentic(line.number, envelope, &mut faults);
            let Some(statement) = read(line.number, envelope, &keys, &mut faults) else { continue };
            let Predicate::TrustChange(consent) = &statement.predicate else { continue };
            // The file beside a trust file holds the consents to its predecessors too: they are no fault.
            if consent.serial != new.serial || !about(line.number, &statement, new.digest, &mut faults) {
                continue;
            }
            for key in keys {
                match standard.admits(line.number, key, Office::TrustAdmin) {
                    Err(reason) => faults.push(reason),
                    Ok(()) if signers.iter().all(|signer| signer.holder != key.holder) => signers.push(Signer {
                        holder: key.holder.clone(),
                        office: Office::TrustAdmin,
                        key: key.id.clone(),
                        statement: envelope.statement_digest(),
                    }),
                    Ok(()) => {}
                }
            }
        }
        (signers, faults)
    }
}

/// What a new trust file makes stricter and what weaker.
pub fn change(old: &Trust, new: &Trust) -> Change {
    let mut change = Change::default();
    change.profile(old.profile, new.profile);
    // No limit is the widest limit.
    let days = |trust: &Trust| trust.deny_list_days_max.map_or(u64::MAX, u64::from);
    change.less_is_stricter("the age of the deny-list", days(old), days(new));
    change.more_is_stricter("signers to strengthen the trust", old.change.strengthen, new.change.strengthen);
    change.more_is_stricter("signers to weaken the trust", old.change.weaken, new.change.weaken);
    for kind in [ApprovalKind::Override, ApprovalKind::Widen, ApprovalKind::BreakGlass] {
        let what = format!("signers for the approval {}", kind.as_str());
        change.more_is_stricter(&what, old.approval.of(kind), new.approval.of(kind));
    }
    for key in &new.keys {
        match old.keys.iter().find(|known| known.id == key.id) {
            Some(known) => change.key(known, key),
            None => change.weakens.push(format!("adds key {} of {}", key.id, key.holder)),
        }
    }
    for key in old.keys.iter().filter(|key| new.keys.iter().all(|other| other.id != key.id)) {
        change.strengthens.push(format!("removes key {} of {}", key.id, key.holder));
    }
    change.rules(old, new);
    change
}

impl Change {
    fn profile(&mut self, old: Profile, new: Profile) {
        let text = format!("changes the profile from {} to {}", old.as_str(), new.as_str());
        match (old, new) {
            (Profile::Production, Profile::Development) => self.weakens.push(text),
            (Profile::Development, Profile::Production) => self.strengthens.push(text),
            (Profile::Production, Profile::Production) | (Profile::Development, Profile::Development) => {}
        }
    }

    fn more_is_stricter(&mut self, what: &str, old: usize, new: usize) {
        match old.cmp(&new) {
            std::cmp::Ordering::Less => self.strengthens.push(format!("{what}: {old} become {new}")),
            std::cmp::Ordering::Greater => self.weakens.push(format!("{what}: {old} become {new}")),
            std::cmp::Ordering::Equal => {}
        }
    }

    fn less_is_stricter(&mut self, what: &str, old: u64, new: u64) {
        let days = |days: u64| if days == u64::MAX { "any".into() } else { format!("{days} days") };
        let text = format!("{what}: {} becomes {}", days(old), days(new));
        match old.cmp(&new) {
            std::cmp::Ordering::Greater => self.strengthens.push(text),
            std::cmp::Ordering::Less => self.weakens.push(text),
            std::cmp::Ordering::Equal => {}
        }
    }

    fn key(&mut self, old: &Key, new: &Key) {
        let what = format!("key {} of {}", old.id, old.holder);
        if old.holder != new.holder {
            // One holder made two could sign twice; two made one is a change of persons all the same.
            self.weakens.push(format!("{what}: gives it to {}", new.holder));
        }
        self.range(&what, "offices", within(&new.offices, &old.offices), within(&old.offices, &new.offices));
        let scope = |inner: &Key, outer: &Key| {
            (outer.districts.is_empty() || (!inner.districts.is_empty() && within(&inner.districts, &outer.districts)))
                && (outer.roles.is_empty() || (!inner.roles.is_empty() && within(&inner.roles, &outer.roles)))
        };
        self.range(&what, "scope", scope(new, old), scope(old, new));
        let validity = |inner: &Key, outer: &Key| inner.from >= outer.from && inner.until <= outer.until;
        self.range(&what, "validity", validity(new, old), validity(old, new));
        let revoked = |key: &Key| key.revoked_since.unwrap_or(Instant::MAX);
        self.range(&what, "revocation", revoked(new) <= revoked(old), revoked(old) <= revoked(new));
    }

    /// `narrower`: the new fits in the old; `wider`: the old fits in the new.
    fn range(&mut self, what: &str, of: &str, narrower: bool, wider: bool) {
        if !narrower {
            self.weakens.push(format!("{what}: its {of} reaches further"));
        }
        if !wider {
            self.strengthens.push(format!("{what}: its {of} reaches less far"));
        }
    }

    /// What the rules ask for, compared at every place that either file can tell from others.
    fn rules(&mut self, old: &Trust, new: &Trust) {
        let rules = old.rules.iter().chain(&new.rules);
        let mut districts: Vec<Option<&DistrictId>> = rules.flat_map(|rule| rule.districts.iter().map(Some)).collect();
        districts.push(None);
        districts.sort_unstable();
        districts.dedup();
        for district in districts {
            for role in Role::ALL {
                for crisis in [false, true] {
                    let place = Place { district, role: *role, crisis };
                    let (before, after) = (place.needs(old), place.needs(new));
                    if !implies((&after, new.profile), (&before, old.profile)) {
                        self.weakens.push(format!("asks for less {place}"));
                    }
                    if !implies((&before, old.profile), (&after, new.profile)) {
                        self.strengthens.push(format!("asks for more {place}"));
                    }
                }
            }
        }
    }
}

fn within<T: PartialEq>(inner: &[T], outer: &[T]) -> bool {
    inner.iter().all(|one| outer.contains(one))
}

/// A place that rules can tell from others. No district: any that no rule names.
struct Place<'a> {
    district: Option<&'a DistrictId>,
    role: Role,
    crisis: bool,
}

impl Place<'_> {
    /// What must be satisfied here. Empty: no rule, which in production lets nothing through.
    fn needs<'a>(&self, trust: &'a Trust) -> Vec<&'a [Need]> {
        let covers = |rule: &&Rule| {
            let district = match self.district {
                Some(district) => covers_district(&rule.districts, district),
                None => rule.districts.is_empty(),
            };
            district && covers_role(&rule.roles, self.role)
        };
        let needs = |rule: &'a Rule| if self.crisis { rule.crisis.as_slice() } else { rule.needs.as_slice() };
        trust.rules.iter().filter(covers).map(needs).collect()
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let district = self.district.map_or("any other district", DistrictId::as_str);
        write!(out, "for {} in {district}{}", self.role, if self.crisis { " in a crisis" } else { "" })
    }
}

/// Whether whoever gets through what one file asks gets through what the other asks.
fn implies(these: (&[&[Need]], Profile), those: (&[&[Need]], Profile)) -> bool {
    match (these.0.is_empty(), those.0.is_empty()) {
        // A change of profile is told by itself.
        (true, true) => true,
        // Without a rule nothing gets through in production; anything does in development.
        (true, false) => these.1 == Profile::Production,
        (false, true) => those.1 == Profile::Development,
        (false, false) => those.0.iter().all(|that| these.0.iter().any(|this| at_least(this, that))),
    }
}

fn at_least(this: &[Need], that: &[Need]) -> bool {
    that.iter().all(|need| this.iter().any(|other| other.office == need.office && other.count >= need.count))
}

fn described(change: &Change) -> String {
    if change.weakens.is_empty() {
        return "weakens nothing".into();
    }
    format!("weakens ({})", change.weakens.join("; "))
}
