//! `muster revoke`: the next deny-list. Numbers grow by themselves; what is on the list stays unless it is taken back.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use muster_kernel::Digest;
use muster_packages::attestation::{
    Attestations, Denied, DenyEntry, DenyStatement, Envelope, KeyId, Predicate, SecretKey, Statement,
};

use super::keys;
use crate::arguments::Revoke;

pub(crate) fn run(wanted: &Revoke) -> anyhow::Result<ExitCode> {
    let file = keys::attestations(&wanted.list)?;
    let newest = newest(&file, &wanted.list)?;
    let key = keys::secret(&wanted.key)?;
    let (envelope, list) = match (wanted.cosign, newest) {
        (true, None) => bail!("{} holds no list to sign", wanted.list.display()),
        (true, Some((mut envelope, list))) => {
            envelope.sign(&key);
            (envelope, list)
        }
        (false, newest) => next(wanted, newest.map(|(_, list)| list), &key)?,
    };
    // The newest list is all that anybody needs: it holds what the older ones held.
    keys::replace(&wanted.list, (envelope.to_line() + "\n").as_bytes())?;
    say!("deny-list {}: {} entries, {} signatures", list.sequence, list.entries.len(), envelope.signatures.len());
    for entry in &list.entries {
        let denied = match &entry.denied {
            Denied::Package(digest) => format!("package {digest}"),
            Denied::Key(key) => format!("key {key}"),
        };
        say!("  {denied} since {}: {} / {}", entry.since, entry.reason_zh, entry.reason_en);
    }
    Ok(ExitCode::SUCCESS)
}

/// The newest list in the file. Whether it is rightly signed is for the hosts to judge: they hold the trust file.
fn newest(file: &Attestations, place: &Path) -> anyhow::Result<Option<(Envelope, DenyStatement)>> {
    let mut newest: Option<(Envelope, DenyStatement)> = None;
    for line in &file.lines {
        let place = || format!("{}, line {}", place.display(), line.number);
        let envelope = line.envelope.clone().with_context(place)?;
        let Predicate::DenyList(list) = Statement::read(&envelope.payload).with_context(place)?.predicate else {
            bail!("{} is no deny-list", place());
        };
        if newest.as_ref().is_none_or(|(_, other)| other.sequence < list.sequence) {
            newest = Some((envelope, list));
        }
    }
    Ok(newest)
}

fn next(wanted: &Revoke, known: Option<DenyStatement>, key: &SecretKey) -> anyhow::Result<(Envelope, DenyStatement)> {
    let now = keys::instant(None)?;
    let since = keys::instant(wanted.since.as_deref())?;
    let (sequence, mut entries) = known.map_or((0, Vec::new()), |list| (list.sequence, list.entries));
    let changes = wanted.package.len() + wanted.denied_key.len() + wanted.take_back.len();
    ensure!(changes > 0 || wanted.renew, "say what: --package, --denied-key, --take-back, --renew or --cosign");
    for text in &wanted.take_back {
        let taken = parse(text).with_context(|| format!("`{text}` is neither a package's digest nor a key's id"))?;
        let before = entries.len();
        entries.retain(|entry| entry.denied != taken);
        ensure!(entries.len() < before, "`{text}` is not on the list");
    }
    let packages = wanted.package.iter().map(|text| match Digest::parse(text) {
        Some(digest) => Ok(Denied::Package(digest)),
        None => keys::package(Path::new(text)).map(|package| Denied::Package(package.digest)),
    });
    let denied_keys = wanted.denied_key.iter().map(|text| Ok(Denied::Key(KeyId::parse(text)?)));
    for denied in packages.chain(denied_keys) {
        let denied = denied?;
        if entries.iter().any(|entry| entry.denied == denied && entry.since <= since) {
            continue;
        }
        let reasons = (wanted.reason_zh.clone(), wanted.reason_en.clone());
        let (Some(reason_zh), Some(reason_en)) = reasons else { bail!("give --reason-zh and --reason-en") };
        entries.retain(|entry| entry.denied != denied);
        entries.push(DenyEntry { denied, reason_zh, reason_en, since });
    }
    let list = DenyStatement { sequence: sequence.saturating_add(1), entries, at: now };
    let mut envelope = Envelope::of(Statement::deny_list(list.clone()).to_payload());
    envelope.sign(key);
    Ok((envelope, list))
}

fn parse(text: &str) -> Option<Denied> {
    let key = || KeyId::parse(text).ok().map(Denied::Key);
    Digest::parse(text).map(Denied::Package).or_else(key)
}
