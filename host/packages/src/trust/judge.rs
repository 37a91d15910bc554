//! The judgement: may this package be used here, for this role, now?

use muster_kernel::{Digest, DistrictId, Instant, Role};
use serde::Serialize;

use super::votes::{Standard, Vote, satisfy};
use super::{DenyList, Office, Profile, Reason, Refusal, Scope, Trust, covers_district, covers_role};
use crate::attestation::{
    Attestations, ConformanceResult, Envelope, KeyId, Predicate, ReleaseOffice, Statement, StatementError,
};

/// What is judged.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The digest of the package's exact bytes.
    pub package: Digest,
    /// Where it would be used.
    pub district: &'a DistrictId,
    /// For which role.
    pub role: Role,
    /// The digest of the settings that it would run with.
    pub settings: Digest,
    /// The instant of the judgement, by the host's clock.
    pub at: Instant,
    /// True when the district is in crisis mode: the crisis rules hold.
    pub crisis: bool,
}

/// Why a package may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// How strict the judgement was.
    pub profile: Profile,
    /// Whose signatures counted, each in its office, in the order of the file.
    pub signers: Vec<Signer>,
    /// What was wrong without weighing enough; in development, also what would refuse in production.
    pub warnings: Vec<Reason>,
    /// SHA-256 of the trust file.
    pub trust: Digest,
    /// SHA-256 of the file of attestations.
    pub attestations: Digest,
    /// The sequence of the deny-list that was asked; 0 when there was none.
    pub deny_sequence: u64,
}

/// Somebody whose signature counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// The person or organisation.
    pub holder: String,
    /// In which office.
    pub office: Office,
    /// With which key.
    pub key: KeyId,
    /// SHA-256 of the statement that was signed.
    pub statement: Digest,
}

impl Signer {
    pub(super) fn of(vote: &Vote<'_>) -> Self {
        let Vote { key, office, statement } = vote;
        Self { holder: key.holder.clone(), office: *office, key: key.id.clone(), statement: *statement }
    }
}

impl Trust {
    /// Judges whether a package may be used.
    ///
    /// In production every matching rule must be satisfied, each by distinct holders. In development what is missing
    /// is a warning. In both, a revoked package and a tampered attestation refuse, and so does a revoked key whose
    /// signature would have been needed. What is in force already is not judged again by itself: whoever keeps it in
    /// force after a change of the deny-list or of the trust asks again.
    ///
    /// # Errors
    /// The reason that weighs most, and all others.
    pub fn judge(&self, case: &Case<'_>, attestations: &Attestations, deny: &DenyList) -> Result<Evidence, Refusal> {
        if let Some(entry) = deny.package_denied(&case.package, case.at) {
            let why = (entry.reason_zh.clone(), entry.reason_en.clone());
            return Err(Refusal::of(Reason::RevokedPackage { package: case.package, since: entry.since, why }));
        }
        let standard = Standard { trust: self, deny, at: case.at, place: Some((case.district, case.role)) };
        let mut faults = Vec::new();
        let mut votes = Vec::new();
        for line in &attestations.lines {
            match &line.envelope {
                Ok(envelope) => votes.extend(count(standard, case, line.number, envelope, &mut faults)),
                Err(what) => faults.push(Reason::Malformed { line: line.number, what: what.to_string() }),
            }
        }
        let mut lacking = self.lacking(case, &votes);
        lacking.extend(self.stale(deny, case.at));
        self.weigh(&faults, &lacking)?;
        faults.append(&mut lacking);
        Ok(Evidence {
            profile: self.profile,
            signers: votes.iter().map(Signer::of).collect(),
            warnings: faults,
            trust: self.digest,
            attestations: attestations.digest,
            deny_sequence: deny.sequence,
        })
    }

    /// What the rules lack.
    fn lacking(&self, case: &Case<'_>, votes: &[Vote<'_>]) -> Vec<Reason> {
        let mut lacking = Vec::new();
        let mut matched = false;
        for (index, rule) in self.rules.iter().enumerate() {
            if !covers_district(&rule.districts, case.district) || !covers_role(&rule.roles, case.role) {
                continue;
            }
            matched = true;
            let needs = if case.crisis { &rule.crisis } else { &rule.needs };
            lacking.extend(satisfy(index + 1, needs, votes).err());
        }
        if !matched && self.profile == Profile::Production {
            lacking.push(Reason::NoRule { district: case.district.clone(), role: case.role });
        }
        if votes.is_empty() {
            lacking.push(Reason::Unsigned);
        }
        lacking
    }

    fn stale(&self, deny: &DenyList, at: Instant) -> Option<Reason> {
        let days_max = self.deny_list_days_max?;
        let Some(issued) = deny.issued else { return Some(Reason::DenyListMissing) };
        let age = at.as_millis() - issued.as_millis();
        (age > i64::from(days_max) * 24 * 60 * 60 * 1_000).then_some(Reason::DenyListStale { issued, days_max })
    }

    /// Whether what is wrong weighs enough to refuse.
    fn weigh(&self, faults: &[Reason], lacking: &[Reason]) -> Result<(), Refusal> {
        let tampered = faults.iter().any(|fault| matches!(fault, Reason::Tampered { .. }));
        let revoked = faults.iter().any(|fault| matches!(fault, Reason::RevokedKey { .. }));
        let refused = match self.profile {
            Profile::Production => !lacking.is_empty(),
            Profile::Development => revoked && !lacking.is_empty(),
        };
        if !refused && !tampered {
            return Ok(());
        }
        let all = faults.iter().chain(lacking).cloned().collect();
        Refusal::among(all).map_or(Ok(()), Err)
    }
}

/// The votes of one envelope.
fn count<'a>(
    standard: Standard<'a>,
    case: &Case<'_>,
    line: usize,
    envelope: &Envelope,
    faults: &mut Vec<Reason>,
) -> Vec<Vote<'a>> {
    let keys = standard.authentic(line, envelope, faults);
    let Some(statement) = read(line, envelope, &keys, faults) else { return Vec::new() };
    if !about(line, &statement, case.package, faults) {
        return Vec::new();
    }
    let (office, settings) = match &statement.predicate {
        Predicate::Release(release) => match release.office {
            ReleaseOffice::Vendor => (Office::Vendor, release.settings),
            ReleaseOffice::Releaser => (Office::Releaser, release.settings),
        },
        Predicate::Conformance(_) => (Office::Certifier, None),
        // Approvals are asked for by name; the others do not speak of packages.
        Predicate::Approval(_) | Predicate::DenyList(_) | Predicate::TrustChange(_) => return Vec::new(),
    };
    let mut votes = Vec::new();
    for key in keys {
        let wrong = match standard.admits(line, key, office) {
            Err(reason) => reason,
            Ok(()) if settings.is_some_and(|settings| settings != case.settings) => {
                let scope = Scope::Settings(case.settings);
                Reason::OutOfScope { line, key: key.id.to_string(), holder: key.holder.clone(), scope }
            }
            Ok(()) if failed(&statement.predicate) => Reason::ConformanceFailed { line, holder: key.holder.clone() },
            Ok(()) => {
                votes.push(Vote { key, office, statement: envelope.statement_digest() });
                continue;
            }
        };
        faults.push(wrong);
    }
    votes
}

fn failed(predicate: &Predicate) -> bool {
    matches!(predicate, Predicate::Conformance(found) if found.result == ConformanceResult::Failed)
}

/// The statement, once somebody known has signed it.
pub(super) fn read(
    line: usize,
    envelope: &Envelope,
    signed_by: &[&super::Key],
    faults: &mut Vec<Reason>,
) -> Option<Statement> {
    if signed_by.is_empty() {
        return None;
    }
    let unreadable = |what: StatementError| Reason::Malformed { line, what: what.to_string() };
    Statement::read(&envelope.payload).map_err(|what| faults.push(unreadable(what))).ok()
}

/// Whether a statement speaks of this package.
pub(super) fn about(line: usize, statement: &Statement, package: Digest, faults: &mut Vec<Reason>) -> bool {
    let about = statement.subjects.iter().any(|subject| subject.digest == package);
    if !about && let Some(first) = statement.subjects.first() {
        faults.push(Reason::Substituted { line, signed: first.digest, package });
    }
    about
}
