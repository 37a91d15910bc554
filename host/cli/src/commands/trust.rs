//! `muster keygen`, `sign`, `approve` and `sign-trust`: whoever holds a key says something, and signs it.

use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use muster_kernel::Digest;
use muster_packages::attestation::{
    Approval, ApprovalKind, Envelope, Predicate, Release, ReleaseOffice, SecretKey, Statement, TrustChange,
};
use muster_packages::trust::{Trust, change};

use super::keys;
use crate::arguments::{Approve, Keygen, Kind, Sign, SignOffice, SignTrust};

pub(crate) fn keygen(wanted: &Keygen) -> anyhow::Result<ExitCode> {
    let holder = wanted.holder.trim();
    ensure!(
        !holder.is_empty() && !holder.contains(char::is_control),
        "`--holder` names the person or organisation that holds the key, in one line"
    );
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the system gives no random bytes")?;
    let key = SecretKey::from_seed(holder, seed);
    keys::keep_secret(&wanted.out, &key)?;
    let public = key.public();
    say!("# The secret key is in {}: keep it where only {holder} can read it.", wanted.out.display());
    say!("# For trust.toml; offices: vendor, certifier, releaser, trust_admin, revoker.");
    say!("[[key]]");
    say!("id = \"{}\"", public.id());
    say!("public = \"{public}\"");
    // Debug text of a string is a TOML string for every text without control characters.
    say!("holder = {holder:?}");
    say!("offices = []");
    say!("from = ");
    say!("until = ");
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn sign(wanted: &Sign) -> anyhow::Result<ExitCode> {
    let package = keys::package(&wanted.package)?;
    muster_packages::check_claims(&package.manifest, &package.contents)?;
    let office = match wanted.office {
        SignOffice::Vendor => ReleaseOffice::Vendor,
        SignOffice::Releaser => ReleaseOffice::Releaser,
    };
    let settings = (!wanted.settings.is_empty()).then(|| keys::settings_digest(&wanted.settings)).transpose()?;
    let (id, version) = (package.manifest.id.clone(), package.manifest.version.clone());
    let release = Release { id, version, office, settings, at: keys::instant(None)? };
    let statement = Statement::about(keys::name(&wanted.package), package.digest, Predicate::Release(release));
    let key = keys::secret(&wanted.key)?;
    let file = keys::beside(&wanted.package);
    keys::append(&file, &signed(&statement, &key))?;
    let (id, version) = (&package.manifest.id, &package.manifest.version);
    say!("{id} {version} ({}) signed by {} → {}", package.digest.short(), key.holder, file.display());
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn approve(wanted: &Approve) -> anyhow::Result<ExitCode> {
    let package = keys::package(&wanted.package)?;
    let kind = match wanted.kind {
        Kind::Override => ApprovalKind::Override,
        Kind::Widen => ApprovalKind::Widen,
        Kind::BreakGlass => ApprovalKind::BreakGlass,
    };
    let settings = match &wanted.settings_digest {
        Some(text) => Digest::parse(text).context("`--settings-digest` is 64 lower-case hexadecimal digits")?,
        None => keys::settings_digest(&wanted.settings)?,
    };
    let expires = wanted.expires.as_deref().map(|text| keys::instant(Some(text))).transpose()?;
    let now = keys::instant(None)?;
    ensure!(kind != ApprovalKind::BreakGlass || expires.is_some(), "breaking the glass always has an end: `--expires`");
    ensure!(expires.is_none_or(|expires| expires > now), "`--expires` is over already");
    let approval = Approval {
        kind,
        district: wanted.district.as_str().into(),
        role: keys::role(&wanted.role)?,
        settings,
        reason: wanted.reason.clone(),
        expires,
        at: now,
    };
    let statement = Statement::about(keys::name(&wanted.package), package.digest, Predicate::Approval(approval));
    // What no host would read is not signed.
    Statement::read(&statement.to_payload())?;
    let key = keys::secret(&wanted.key)?;
    let file = keys::beside(&wanted.package);
    keys::append(&file, &signed(&statement, &key))?;
    say!(
        "{} of {} for {} in {}, settings {}: approved by {} → {}",
        kind.as_str(),
        package.digest.short(),
        wanted.role,
        wanted.district,
        settings.short(),
        key.holder,
        file.display()
    );
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn sign_trust(wanted: &SignTrust) -> anyhow::Result<ExitCode> {
    let bytes = keys::bounded(&wanted.file, muster_packages::trust::FILE_BYTES_MAX)?;
    let trust = Trust::read(&bytes).with_context(|| wanted.file.display().to_string())?;
    if let Some(old) = &wanted.replaces {
        let old = keys::trust(old)?;
        let change = change(&old, &trust);
        change.strengthens.iter().for_each(|line| say!("stricter: {line}"));
        change.weakens.iter().for_each(|line| say!("weaker: {line}"));
        ensure!(
            trust.serial > old.serial,
            "the new file has serial {}; write `serial = {}`",
            trust.serial,
            old.serial + 1
        );
        let needed = if change.weakens.is_empty() { old.change.strengthen } else { old.change.weaken };
        say!("signers needed: {needed}");
    }
    let consent = TrustChange { serial: trust.serial, reason: wanted.reason.clone(), at: keys::instant(None)? };
    let statement = Statement::about(keys::name(&wanted.file), trust.digest, Predicate::TrustChange(consent));
    let key = keys::secret(&wanted.key)?;
    let file = keys::beside(&wanted.file);
    keys::append(&file, &signed(&statement, &key))?;
    say!("trust file {} (serial {}) signed by {} → {}", trust.digest.short(), trust.serial, key.holder, file.display());
    Ok(ExitCode::SUCCESS)
}

fn signed(statement: &Statement, key: &SecretKey) -> Envelope {
    let mut envelope = Envelope::of(statement.to_payload());
    envelope.sign(key);
    envelope
}
