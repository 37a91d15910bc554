//! `muster certify`: the conformance suite over one package, its report, and the certifier's signed word.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use muster_conformance::{Course, Report, certify, settings_of_first_test};
use muster_kernel::Digest;
use muster_kernel::settings::Settings;
use muster_packages::Package;
use muster_packages::attestation::{Conformance, ConformanceResult, Envelope, Predicate, SecretKey, Statement};
use muster_server::language::Language;

use super::keys;
use crate::arguments::{Certify, Output};

pub(crate) fn run(wanted: &Certify, output: Output) -> anyhow::Result<ExitCode> {
    let package = keys::package(&wanted.package)?;
    let settings = settings(wanted, &package)?;
    // Before the long run: a key that cannot be used is better known at once.
    let key = wanted.key.as_deref().map(keys::secret).transpose()?;
    let report = certify(&package, &settings, &Course { questions: wanted.questions, seed: wanted.seed })?;
    let bytes = report.to_json();
    if let Some(file) = &wanted.report {
        keys::replace(file, &bytes)?;
    }
    match (output, super::language(wanted.lang)) {
        (Output::Json, _) => say!("{}", String::from_utf8_lossy(&bytes).trim_end()),
        (Output::Text, Language::Chinese) => say!("{}", report.chinese().trim_end()),
        (Output::Text, Language::English) => say!("{}", report.english().trim_end()),
    }
    if let Some(key) = key {
        sign(wanted, &report, &bytes, &key)?;
    }
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The settings in the files, else those of the package's first self-test. A policy without its numbers would be judged
/// for what nobody will run.
fn settings(wanted: &Certify, package: &Package) -> anyhow::Result<Settings> {
    if !wanted.settings.is_empty() {
        return keys::settings(&wanted.settings);
    }
    let Some(settings) = settings_of_first_test(package) else {
        bail!(
            "{}: the package carries no self-test, so its settings must be given: `--settings FILE`, in the order in \
             which a district reads them",
            wanted.package.display()
        );
    };
    Ok(settings.clone())
}

/// Adds the signed result to the file beside the package, also when the package failed: who reads it must know.
fn sign(wanted: &Certify, report: &Report, bytes: &[u8], key: &SecretKey) -> anyhow::Result<()> {
    let conformance = Conformance {
        result: if report.passed { ConformanceResult::Passed } else { ConformanceResult::Failed },
        // Where nothing was asked, the corpus is that of no questions.
        corpus: report.corpus.unwrap_or_else(|| Digest::of(b"")),
        host: report.host.clone(),
        fuel_max: report.fuel_max(),
        memory_bytes_max: report.memory_bytes_max(),
        report: Some(Digest::of(bytes)),
        at: keys::instant(None)?,
    };
    let statement = Statement::about(keys::name(&wanted.package), report.package, Predicate::Conformance(conformance));
    let mut envelope = Envelope::of(statement.to_payload());
    envelope.sign(key);
    let file = keys::beside(&wanted.package);
    keys::append(&file, &envelope).context("the result could not be added to the attestations")?;
    // Beside the report, which alone is for whoever reads standard output.
    eprintln!("{} certified by {} → {}", report.package.short(), key.holder, file.display());
    Ok(())
}
