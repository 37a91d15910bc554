//! `muster inspect`: all that a package says of itself, what its binary says, and who says what about it.

use std::process::ExitCode;

use muster_packages::attestation::{Attestations, Envelope, Predicate, Statement};
use muster_packages::trust::Trust;
use muster_packages::{Package, check_claims};
use serde_json::{Value as Json, json};

use super::keys;
use crate::arguments::{Inspect, Output};

pub(crate) fn run(wanted: &Inspect, output: Output) -> anyhow::Result<ExitCode> {
    let package = keys::package(&wanted.file)?;
    let trust = wanted.trust.as_deref().map(keys::trust).transpose()?;
    let attestations = keys::attestations(&keys::beside(&wanted.file))?;
    match output {
        Output::Json => say!("{}", as_json(&package, &attestations, trust.as_ref())),
        Output::Text => print(&package, &attestations, trust.as_ref()),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(package: &Package, attestations: &Attestations, trust: Option<&Trust>) {
    let (manifest, contents) = (&package.manifest, &package.contents);
    say!("{} {}  for {}", manifest.id, manifest.version, manifest.contract);
    for (language, title) in &manifest.title {
        say!("  {language}: {title}");
        manifest.description.get(language).into_iter().for_each(|text| say!("      {text}"));
    }
    say!("  {} bytes, digest {}", package.bytes.len(), package.digest);
    let roles: Vec<&str> = contents.roles().iter().map(|role| role.as_str()).collect();
    say!("  answers for: {}", roles.join(", "));
    let imports: Vec<&str> = contents.capabilities().iter().map(|capability| capability.as_str()).collect();
    say!("  asks the host for: {}", imports.join(", "));
    contents.imports.iter().for_each(|name| say!("    import {name}"));
    contents.exports.iter().for_each(|name| say!("    export {name}"));
    say!(
        "  {} core modules, {} functions, {} bytes of code, {} of data, nested {} deep",
        contents.modules,
        contents.functions,
        contents.code_bytes,
        contents.data_bytes,
        contents.depth
    );
    let limits = manifest.limits.unwrap_or_default();
    let limit = |limit: Option<u64>| limit.map_or("the host's".into(), |limit| limit.to_string());
    say!("  limits wanted: fuel {}, memory {} bytes", limit(limits.fuel), limit(limits.memory_bytes));
    if let Some(schema) = &manifest.settings_schema {
        say!("  settings: {} keys, {} tables in its schema", schema.keys.len(), schema.tables.len());
    } else {
        say!("  settings: it has no schema; typos show only when it runs");
    }
    say!("  self-tests: {}", manifest.tests.len());
    manifest.tests.iter().for_each(|test| say!("    {} ({})", test.name, test.role));
    manifest.missing_texts().iter().for_each(|text| say!("  lint: no {} in {}", text.field, text.language));
    if let Err(lies) = check_claims(manifest, contents) {
        say!("  {lies}");
    }
    say!("  attestations: {}", attestations.lines.len());
    for line in &attestations.lines {
        match &line.envelope {
            Err(what) => say!("    line {}: {what}", line.number),
            Ok(envelope) => say!("    line {}: {}, {}", line.number, said(envelope, package), signers(envelope, trust)),
        }
    }
}

/// What an envelope says, in a few words. Nothing of it is believed here.
fn said(envelope: &Envelope, package: &Package) -> String {
    let statement = match Statement::read(&envelope.payload) {
        Ok(statement) => statement,
        Err(what) => return what.to_string(),
    };
    let text = match &statement.predicate {
        Predicate::Release(release) => format!("release of {} {}", release.id, release.version),
        Predicate::Conformance(found) => {
            format!("conformance {:?}, host {}, most fuel {}", found.result, found.host, found.fuel_max)
        }
        Predicate::Approval(approval) => format!(
            "approval ({}) for {} in {}: {}",
            approval.kind.as_str(),
            approval.role,
            approval.district,
            approval.reason
        ),
        Predicate::DenyList(_) | Predicate::TrustChange(_) => "not about packages".into(),
    };
    let about = statement.subjects.iter().any(|subject| subject.digest == package.digest);
    if about { text } else { format!("{text}, of ANOTHER package") }
}

fn signers(envelope: &Envelope, trust: Option<&Trust>) -> String {
    let signed = envelope.signed_bytes();
    let name = |signature: &muster_packages::attestation::Signature| {
        let key: String = signature.key.chars().filter(|one| !one.is_control()).take(64).collect();
        match trust.map(|trust| trust.key(&signature.key)) {
            None => format!("claims to be signed by {key} (give --trust to check)"),
            Some(None) => format!("claims to be signed by {key}, a key that the trust file does not name"),
            Some(Some(known)) if known.public.signed(&signed, &signature.bytes) => {
                format!("signed by {} ({key})", known.holder)
            }
            Some(Some(known)) => format!("TAMPERED WITH: {} ({key}) never signed this", known.holder),
        }
    };
    envelope.signatures.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn as_json(package: &Package, attestations: &Attestations, trust: Option<&Trust>) -> Json {
    let (manifest, contents) = (&package.manifest, &package.contents);
    let lines = attestations.lines.iter().map(|line| match &line.envelope {
        Err(what) => json!({ "line": line.number, "problem": what.to_string() }),
        Ok(envelope) => {
            let statement: Json = serde_json::from_slice(&envelope.payload).unwrap_or(Json::Null);
            let signed = envelope.signed_bytes();
            let signatures = envelope.signatures.iter().map(|signature| {
                let known = trust.and_then(|trust| trust.key(&signature.key));
                let right = known.map(|known| known.public.signed(&signed, &signature.bytes));
                json!({ "key": signature.key, "holder": known.map(|known| &known.holder), "right": right })
            });
            let signatures: Vec<Json> = signatures.collect();
            json!({ "line": line.number, "statement": statement, "signatures": signatures })
        }
    });
    json!({
        "id": manifest.id, "version": manifest.version, "contract": manifest.contract, "title": manifest.title,
        "description": manifest.description, "limits": manifest.limits, "settings_schema": manifest.settings_schema,
        "tests": manifest.tests, "claimed_roles": manifest.roles, "claimed_imports": manifest.imports,
        "roles": contents.roles(), "imports": contents.capabilities(), "contents": contents,
        "lies": check_claims(manifest, contents).err().map(|lies| lies.to_string()),
        "digest": package.digest, "bytes": package.bytes.len(),
        "attestations": lines.collect::<Vec<_>>(),
    })
}
