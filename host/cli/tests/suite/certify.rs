//! From the conformance suite to a package that may be used because a certifier says so, with the real binary.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::trust::Office;
use crate::support::{self, muster};
use serde_json::Value as Json;

/// A folder with one package.
struct Desk {
    folder: tempfile::TempDir,
    office: Office,
}

impl Desk {
    fn new(package: &[u8]) -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a folder"), office: Office::that_needs_a_certifier() };
        fs::write(desk.package(), package).expect("written");
        desk
    }

    fn package(&self) -> PathBuf {
        self.folder.path().join("policy.wasm")
    }

    fn report(&self) -> PathBuf {
        self.folder.path().join("report.json")
    }

    /// Certifies with few questions; whether it passed, and what was said.
    fn certify(&self, settings: &Path, more: &[&str]) -> (bool, String) {
        let (package, report, key) = (self.package(), self.report(), self.office.key("certifier"));
        let mut arguments = vec!["certify", text(&package), "--settings", text(settings), "--questions", "10"];
        arguments.extend(["--report", text(&report), "--key", text(&key)]);
        arguments.extend(more);
        muster(&arguments)
    }

    /// Whether the package may be used for triage, and the judgement in words.
    fn judged(&self) -> (bool, String) {
        let (package, trust) = (self.package(), self.office.trust());
        let whose = ["--trust", text(&trust), "--district", "yunhe", "--role", "triage"];
        muster(&[&["verify-package", text(&package)], whose.as_slice()].concat())
    }

    /// What the statements beside the package say, the newest last.
    fn statements(&self) -> Vec<Json> {
        let lines = fs::read_to_string(self.package().with_extension("wasm.dsse.jsonl")).expect("attestations");
        let file = muster_packages::attestation::Attestations::read(lines.as_bytes()).expect("attestations");
        file.envelopes().map(|envelope| serde_json::from_slice(&envelope.payload).expect("a statement")).collect()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn reference_settings() -> PathBuf {
    support::root().join("examples/ref-v1/settings/triage.toml")
}

#[test]
fn a_certified_package_may_be_used_where_a_certifier_is_asked_for() {
    let desk = Desk::new(&muster_testkit::guests::policy("triage"));
    desk.office.sign(&desk.package(), "vendor", "vendor");
    let (used, said) = desk.judged();
    assert!(!used, "{said}");
    let (passed, said) = desk.certify(&reference_settings(), &["--lang", "en"]);
    assert!(passed, "{said}");
    assert!(said.contains(": passed") && said.contains("certified by certifier"), "{said}");
    let (used, said) = desk.judged();
    assert!(used, "{said}");
    assert!(said.contains("certifier: certifier"), "{said}");

    let report: Json = serde_json::from_slice(&fs::read(desk.report()).expect("the report")).expect("JSON");
    assert_eq!(report["passed"], true);
    let statement = desk.statements().pop().expect("a statement");
    let found = &statement["predicate"];
    assert_eq!(found["result"], "passed");
    assert_eq!(found["corpus"], report["corpus"]);
    assert_eq!(found["host"], report["host"]);
    let report_bytes = fs::read(desk.report()).expect("the report");
    assert_eq!(found["report"], muster_kernel::Digest::of(&report_bytes).to_string());
    assert!(found["fuel_max"].as_u64().is_some_and(|fuel| fuel > 0 && fuel < 2_000_000), "{found}");
}

#[test]
fn a_failed_result_is_signed_too_and_counts_for_nothing() {
    let desk = Desk::new(&muster_testkit::guests::hostile("hostile"));
    let settings = desk.folder.path().join("settings.toml");
    fs::write(&settings, "behaviour = \"trap\"\n").expect("written");
    desk.office.sign(&desk.package(), "vendor", "vendor");
    let (passed, said) = desk.certify(&settings, &["--lang", "zh"]);
    assert!(!passed, "{said}");
    assert!(said.contains("未通过") && said.contains("[triage/everyday/0]"), "{said}");
    assert_eq!(desk.statements().pop().expect("a statement")["predicate"]["result"], "failed");
    let (used, said) = desk.judged();
    assert!(!used && said.contains("failed"), "{said}");
}

#[test]
fn without_settings_it_says_what_to_give() {
    let desk = Desk::new(&muster_testkit::guests::hostile("hostile"));
    let package = desk.package();
    let (passed, said) = muster(&["certify", text(&package)]);
    assert!(!passed && said.contains("--settings FILE"), "{said}");
    let (passed, said) =
        muster(&["certify", text(&package), "--settings", text(&reference_settings()), "--questions", "0"]);
    assert!(!passed && said.contains("from 1 to"), "{said}");
}
