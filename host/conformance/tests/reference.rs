//! The six reference policies, with the settings of the reference profile, and guests that must not pass.

use muster_conformance::{Check, Course, Nature, Report, SuiteError, Weight, certify};
use muster_kernel::settings::Settings;
use muster_kernel::{Role, Value};
use muster_packages::Package;
use muster_testkit::guests;

/// Enough to meet every subject, nature and kind of event; the whole course is for `muster certify`.
const COURSE: Course = Course { questions: 40, seed: 1 };

fn package(bytes: &[u8]) -> Package {
    Package::read(bytes.to_vec()).expect("a package")
}

fn reference(name: &str, course: &Course) -> Report {
    let settings = guests::reference_settings(name);
    certify(&package(&guests::policy(name)), &settings, course).expect("the suite runs")
}

#[test]
fn the_six_reference_policies_pass() {
    for name in ["triage", "escalation", "discretion", "incentives", "oversight", "workflow"] {
        let report = reference(name, &COURSE);
        assert!(report.passed, "{}", report.english());
        assert_eq!(report.roles.len(), 1, "{name}");
        assert_eq!(report.roles[0].role, Role::parse(name).expect("a role"));
        assert!(report.roles[0].fuel.p50 > 0 && report.roles[0].fuel.p99 >= report.roles[0].fuel.p50);
        assert!(report.checks.iter().all(|part| part.passed == Some(true)), "{}", report.english());
        assert!(report.chinese().contains("通过"));
        let streams = report.checks.iter().find(|part| part.check == Check::Invariants).expect("the part");
        assert!(!streams.words.en.contains(" 0 questions"), "{name} was never asked: {}", streams.words.en);
        println!("{}", report.english());
    }
}

#[test]
fn the_same_course_gives_the_same_report_and_another_seed_another_corpus() {
    let course = Course { questions: 10, seed: 7 };
    let report = reference("triage", &course);
    assert_eq!(report.to_json(), reference("triage", &course).to_json());
    let other = reference("triage", &Course { seed: 8, ..course });
    assert!(report.corpus.is_some());
    assert_ne!(report.corpus, other.corpus);
}

fn hostile(behaviour: &str) -> Report {
    let mut settings = Settings::default();
    settings.values.insert("behaviour".into(), Value::Text(behaviour.into()));
    let course = Course { questions: 5, seed: 1 };
    certify(&package(&guests::hostile("hostile")), &settings, &course).expect("the suite runs")
}

fn faults(report: &Report) -> Vec<(Check, &str)> {
    let faults = report.findings.iter().filter(|found| found.weight == Weight::Fault);
    faults.map(|found| (found.check, found.place.as_str())).collect()
}

#[test]
fn a_guest_that_eats_all_its_fuel_fails_by_its_budget_and_each_time_alike() {
    let report = hostile("endless_loop");
    assert!(!report.passed);
    let faults = faults(&report);
    assert!(faults.iter().all(|(check, _)| *check == Check::Budgets), "{}", report.english());
    assert!(faults.iter().any(|(_, place)| place.starts_with("discretion/everyday/")), "{}", report.english());
    for role in &report.roles {
        assert_eq!(role.fuel.max, role.fuel.limit, "{}", role.role);
        assert_eq!(role.failures.get("everyday/out_of_fuel"), Some(&3), "{:?}", role.failures);
        assert_eq!(role.failures.get("hostile/out_of_fuel"), Some(&1), "{:?}", role.failures);
    }
    assert!(report.english().contains("fault (budgets) [triage/everyday/0]"), "{}", report.english());
    assert!(report.chinese().contains("燃料用尽"), "{}", report.chinese());
}

#[test]
fn each_misbehaviour_is_found_under_its_own_name() {
    let cases = [
        ("trap", "everyday/trapped"),
        ("memory_bomb", "everyday/too_large"),
        ("garbled_text", "everyday/invalid"),
        ("log_one_giant", "everyday/too_large"),
    ];
    for (behaviour, failure) in cases {
        let report = hostile(behaviour);
        assert!(!report.passed, "{behaviour}");
        let found = faults(&report);
        let everyday = found.iter().any(|(check, place)| {
            *check == Check::Corpus && place.contains(&format!("/{}/", Nature::Everyday.as_str()))
        });
        assert!(everyday, "{behaviour}: {}", report.english());
        assert!(report.roles.iter().any(|role| role.failures.contains_key(failure)), "{}", report.english());
        // The host stands: no promise of its own was broken by it.
        let invariants = report.checks.iter().find(|part| part.check == Check::Invariants).expect("the part");
        assert_eq!(invariants.passed, Some(true), "{behaviour}");
    }
}

#[test]
fn a_guest_in_order_passes_and_settings_out_of_order_do_not() {
    let report = hostile("well");
    assert!(report.passed, "{}", report.english());
    assert_eq!(report.roles.len(), 3);
    let mut settings = guests::reference_settings("discretion");
    settings.values.insert("second_signature_above_permile".into(), Value::Integer(1));
    let report = certify(&package(&guests::policy("discretion")), &settings, &COURSE).expect("the suite runs");
    assert!(!report.passed);
    assert_eq!(faults(&report), [(Check::Settings, "settings")], "{}", report.english());
    let reached = |check: Check| report.checks.iter().find(|part| part.check == check).and_then(|part| part.passed);
    assert_eq!(reached(Check::Corpus), None);
    assert_eq!(report.corpus, None);
}

#[test]
fn no_questions_are_no_examination() {
    let course = Course { questions: 0, seed: 1 };
    let settings = Settings::default();
    let refused = certify(&package(&guests::policy("triage")), &settings, &course).expect_err("nothing to ask");
    assert!(matches!(refused, SuiteError::Questions(0)));
}
