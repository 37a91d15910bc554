//! `muster build` and `check`: for those who write policies and keep a district's folder.

use std::process::ExitCode;

use anyhow::Context;
use muster_kernel::DistrictId;
use muster_runtime::{Clock as _, RealClock};
use muster_sandbox::{Engine, Limits};
use muster_server::language::Language;

use crate::arguments::{Build, Check, Lang, Serve};
use crate::configuration::Configuration;

pub(crate) fn build(wanted: &Build) -> anyhow::Result<ExitCode> {
    let built = muster_packages::build(&wanted.crate_dir)?;
    let manifest = &built.package.manifest;
    if let Some(missing) = manifest.missing_texts().first() {
        anyhow::bail!(
            "the policy has no {0} in {1}: add it to `{0}` in `[package.metadata.muster]` of {2}",
            missing.field,
            missing.language,
            wanted.crate_dir.join("Cargo.toml").display()
        );
    }
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

/// What is wrong with a folder, or, when it can be used, what should be looked at before the crisis.
pub(crate) fn check(wanted: &Check) -> anyhow::Result<ExitCode> {
    if wanted.what.is_dir() {
        let fine = check_district(&wanted.what, wanted.lang)? == Checked::Fine;
        return Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let serve = Serve { config: Some(wanted.what.clone()), ..Serve::default() };
    let configuration = Configuration::of(&serve, |name| std::env::var(name).ok())?;
    super::serve::check_named(&configuration)?;
    let (mut fine, mut charters) = (true, Vec::new());
    for folder in &configuration.districts {
        fine &= check_district(folder, wanted.lang)? != Checked::Faulty;
        charters.push(muster_runtime::folder::read(folder)?.charter);
    }
    let districts: Vec<DistrictId> = charters.iter().map(|charter| charter.district.clone()).collect();
    configuration.check_intake(Some(&districts))?;
    let unheard = super::serve::unheard(&configuration, &charters)?;
    for found in &unheard {
        match super::language(wanted.lang) {
            Language::Chinese => say!("{}: {}", found.code, found.chinese),
            Language::English => say!("{}: {}", found.code, found.english),
        }
    }
    if !unheard.is_empty() {
        say!("[outbox]: {} to look at", unheard.len());
    }
    let access = &configuration.settings.access;
    if access.development || access.insecure {
        fine = false;
        say!("{}: [access] lets callers in without proof or protection; never in service", wanted.what.display());
    }
    say!("{}: {}", wanted.what.display(), if fine { "nothing to complain about" } else { "see above" });
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was found in a district's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checked {
    /// Nothing.
    Fine,
    /// It can be used; something should be looked at before the crisis.
    ToLookAt,
    /// It cannot be used as it stands.
    Faulty,
}

/// One district's folder. Whether nothing is to be looked at.
fn check_district(path: &std::path::Path, lang: Option<Lang>) -> anyhow::Result<Checked> {
    let folder = muster_runtime::folder::read(path)?;
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
    if faulty_settings(&folder.policies, super::language(lang)) {
        return Ok(Checked::Faulty);
    }
    let charter = &folder.charter;
    let advice = muster_runtime::lint::lint(charter, RealClock.now());
    for found in &advice {
        match super::language(lang) {
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
    Ok(if advice.is_empty() { Checked::Fine } else { Checked::ToLookAt })
}

/// Whether settings do not keep to the schema of their package. What is wrong is said.
fn faulty_settings(
    policies: &std::collections::BTreeMap<muster_kernel::Role, muster_runtime::folder::BoundFiles>,
    language: Language,
) -> bool {
    let mut faulty = false;
    for (role, files) in policies {
        let schema = files.package.manifest.settings_schema.as_ref();
        for fault in schema.map(|schema| schema.check(&files.settings)).unwrap_or_default() {
            faulty = true;
            match language {
                Language::Chinese => say!("{role} 的参数: {}", fault.chinese()),
                Language::English => say!("settings of {role}: {fault}"),
            }
        }
    }
    faulty
}
