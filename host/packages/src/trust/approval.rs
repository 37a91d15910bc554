//! Approvals: people who take responsibility, by signature, for one thing out of the ordinary.
//!
//! An approval holds for one package with one set of settings, in one district, for one role, until it expires. It never
//! stands in for the signatures that the rules need, and it never helps a package that is revoked.

use muster_kernel::{Digest, DistrictId, Instant, Role};
use serde::Serialize;

use super::judge::{about, read};
use super::votes::Standard;
use super::{DenyList, Office, Reason, Signer, Trust};
use crate::attestation::{Approval, ApprovalKind, Attestations, Envelope, Predicate};

/// For what approvals are sought.
#[derive(Debug, Clone, Copy)]
pub struct ApprovalCase<'a> {
    /// Of what.
    pub kind: ApprovalKind,
    /// The digest of the package's exact bytes.
    pub package: Digest,
    /// Where.
    pub district: &'a DistrictId,
    /// For which role.
    pub role: Role,
    /// The digest of the settings that it would run with.
    pub settings: Digest,
    /// The instant of the judgement, by the host's clock.
    pub at: Instant,
}

/// One person's approval, verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approved {
    /// Who, with which key.
    pub signer: Signer,
    /// Why.
    pub reason: String,
    /// From when on it counts no more.
    pub expires: Option<Instant>,
}

/// The approvals that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvals {
    /// One for each distinct holder, in the order of the file.
    pub given: Vec<Approved>,
    /// How many distinct holders the trust file wants.
    pub needed: usize,
    /// What did not count, and why.
    pub faults: Vec<Reason>,
}

impl Approvals {
    /// Whether enough distinct holders approved, and nothing was tampered with.
    pub fn suffice(&self) -> bool {
        let tampered = self.faults.iter().any(|fault| matches!(fault, Reason::Tampered { .. }));
        self.given.len() >= self.needed && !tampered
    }

    /// The first instant at which one of the approvals that are given expires.
    pub fn expires(&self) -> Option<Instant> {
        self.given.iter().filter_map(|approved| approved.expires).min()
    }
}

impl Trust {
    /// The verified approvals for a case, counted by holder. A revoked package has none.
    pub fn approvals(&self, case: &ApprovalCase<'_>, attestations: &Attestations, deny: &DenyList) -> Approvals {
        let mut found = Approvals { given: Vec::new(), needed: self.approval.of(case.kind), faults: Vec::new() };
        if let Some(entry) = deny.package_denied(&case.package, case.at) {
            let why = (entry.reason_zh.clone(), entry.reason_en.clone());
            found.faults.push(Reason::RevokedPackage { package: case.package, since: entry.since, why });
            return found;
        }
        let standard = Standard { trust: self, deny, at: case.at, place: Some((case.district, case.role)) };
        for line in &attestations.lines {
            match &line.envelope {
                Ok(envelope) => approve(standard, case, line.number, envelope, &mut found),
                Err(what) => found.faults.push(Reason::Malformed { line: line.number, what: what.to_string() }),
            }
        }
        found
    }
}

fn approve(standard: Standard<'_>, case: &ApprovalCase<'_>, line: usize, envelope: &Envelope, found: &mut Approvals) {
    let keys = standard.authentic(line, envelope, &mut found.faults);
    let Some(statement) = read(line, envelope, &keys, &mut found.faults) else { return };
    let Predicate::Approval(approval) = &statement.predicate else { return };
    if !meant(case, approval) || !about(line, &statement, case.package, &mut found.faults) {
        return;
    }
    for key in keys {
        if let Err(reason) = standard.admits(line, key, Office::Releaser) {
            found.faults.push(reason);
        } else if let Some(expires) = approval.expires.filter(|expires| case.at >= *expires) {
            found.faults.push(Reason::ApprovalExpired { line, holder: key.holder.clone(), expires });
        } else if found.given.iter().all(|other| other.signer.holder != key.holder) {
            let signer = Signer {
                holder: key.holder.clone(),
                office: Office::Releaser,
                key: key.id.clone(),
                statement: envelope.statement_digest(),
            };
            found.given.push(Approved { signer, reason: approval.reason.clone(), expires: approval.expires });
        }
    }
}

/// Whether an approval was given for this case. One for another district, role, kind or settings is no fault: a package
/// may carry many.
fn meant(case: &ApprovalCase<'_>, approval: &Approval) -> bool {
    approval.kind == case.kind
        && approval.district == *case.district
        && approval.role == case.role
        && approval.settings == case.settings
}
