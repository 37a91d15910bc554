//! `muster build`, `inspect` and `check`: for those who write policies and keep a district's folder.

use std::process::ExitCode;

use anyhow::Context;
use muster_packages::Package;
use muster_runtime::{Clock as _, RealClock};
use muster_sandbox::{Capability, Engine, Limits};
use muster_server::language::Language;
use serde_json::json;

use crate::arguments::{Build, Check, Inspect, Output};

pub(crate) fn build(wanted: &Build) -> anyhow::Result<ExitCode> {
    let built = muster_packages::build(&wanted.crate_dir)?;
    let manifest = &built.package.manifest;
    let name = format!("{}.wasm", manifest.id.rsplit('/').next().unwrap_or("policy"));
    let out = wanted.out.clone().unwrap_or_else(|| wanted.crate_dir.join(name));
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    // Written beside and renamed: a host that watches the folder never sees half a package.
    let fresh = out.with_extension("wasm.new");
    std::fs::write(&fresh, &built.package.bytes).with_context(|| fresh.display().to_string())?;
    std::fs::rename(&fresh, &out).with_context(|| out.display().to_string())?;
    say!("{} {} → {}  {}", manifest.id, manifest.version, out.display(), built.package.digest.short());
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn inspect(wanted: &Inspect, output: Output) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(&wanted.file).with_context(|| wanted.file.display().to_string())?;
    let package = Package::read(bytes)?;
    let program = Engine::new(Limits::STANDARD)?.compile(&package.bytes)?;
    let roles: Vec<&str> = program.roles().iter().map(|role| role.as_str()).collect();
    let imports = Capability::ALL.into_iter().filter(|capability| program.imports().has(*capability));
    let imports: Vec<&str> = imports.map(Capability::interface).collect();
    let manifest = &package.manifest;
    match output {
        Output::Json => say!(
            "{}",
            json!({
                "id": manifest.id, "version": manifest.version, "contract": manifest.contract, "title": manifest.title,
                "roles": roles, "imports": imports, "digest": package.digest, "bytes": package.bytes.len(),
            })
        ),
        Output::Text => {
            say!("{} {}  for {}", manifest.id, manifest.version, manifest.contract);
            manifest.title.iter().for_each(|(language, title)| say!("  {language}: {title}"));
            say!("  answers for: {}", roles.join(", "));
            say!("  asks the host for: {}", imports.join(", "));
            say!("  {} bytes, digest {}", package.bytes.len(), package.digest);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with a folder, or, when it can be used, what should be looked at before the crisis.
pub(crate) fn check(wanted: &Check) -> anyhow::Result<ExitCode> {
    let folder = muster_runtime::folder::read(&wanted.folder)?;
    let engine = Engine::new(Limits::STANDARD)?;
    for (role, files) in &folder.policies {
        let program = engine.compile(&files.package.bytes).with_context(|| files.package.manifest.id.clone())?;
        let offered = program.roles();
        anyhow::ensure!(
            offered.contains(role),
            "{} does not answer for {role}; bind it to what it answers for",
            files.package.manifest.id
        );
    }
    let charter = &folder.charter;
    let advice = muster_runtime::lint::lint(charter, RealClock.now());
    for found in &advice {
        match super::language(wanted.lang) {
            Language::Chinese => say!("{}: {}", found.code, found.chinese),
            Language::English => say!("{}: {}", found.code, found.english),
        }
    }
    say!(
        "{}: {} nodes, {} departments, {} policies: {}",
        charter.district,
        charter.nodes.len(),
        charter.departments.len(),
        folder.policies.len(),
        if advice.is_empty() { "nothing to complain about".to_owned() } else { format!("{} to look at", advice.len()) }
    );
    Ok(if advice.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
