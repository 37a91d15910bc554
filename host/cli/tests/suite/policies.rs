//! Policies come and go on a running host: what never takes force, what needs people, who stands in, and the way back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::trust::{Office, Stranger};
use crate::support::{self, Server, muster, signal, variant, warning};
use serde_json::{Value as Json, json};

/// Waits until something holds; gives up when it clearly will not.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(1), "never happened: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn role<'a>(status: &'a Json, name: &str) -> &'a Json {
    status["roles"].as_array().expect("roles").iter().find(|role| role["role"] == name).expect("the role")
}

fn policies(server: &Server) -> Json {
    server.get("/v1/districts/yunhe/policies")
}

/// Runs `muster policy …` against a server; whether it went well, and what it said.
fn policy(server: &Server, arguments: &[&str]) -> (bool, String) {
    let url = server.url("");
    let mut all = vec!["--server", url.as_str(), "policy"];
    all.extend(arguments);
    muster(&all)
}

/// A request to spend on something of its own: requests for the same thing on one day would be summed.
fn spend(id: &str, minor: i64) -> Json {
    json!({
        "specversion": "1.0", "id": id, "source": "urn:app:muster:street:990103901", "type": "gov.muster.spend.requested",
        "jurisdiction": "990103901",
        "data": {"request": id, "category": format!("pumps-{id}"), "amount": {"currency": "CNY", "minor": minor}, "reason": "test"}
    })
}

fn path(file: &Path) -> &str {
    file.to_str().expect("a path in UTF-8")
}

#[test]
fn in_production_only_what_is_rightly_signed_takes_force_and_each_refusal_has_its_own_words() {
    let examples = support::examples();
    let (data, city) = (tempfile::tempdir().expect("a folder"), examples.path().join("yunhe"));
    let office = Office::open();
    for package in fs::read_dir(examples.path().join("ref-v1/packages")).expect("packages") {
        office.release(&package.expect("a package").path());
    }
    let trust = office.trust();
    // What waits outside of the host's folders: the same policy in six editions, each wrong in its own way.
    let bytes = muster_testkit::guests::policy("discretion");
    let outside = tempfile::tempdir().expect("a folder");
    let edition = |name: &str| -> PathBuf {
        let file = outside.path().join(format!("{name}.wasm"));
        fs::write(&file, variant(&bytes, name)).expect("written");
        file
    };
    let unsigned = edition("unsigned");
    let expired = edition("expired");
    office.sign(&expired, "vendor", "vendor");
    office.sign(&expired, "retired", "releaser");
    let twice = edition("twice");
    office.sign(&twice, "vendor", "vendor");
    office.sign(&twice, "vendor-second-key", "releaser");
    let tampered = edition("tampered");
    office.release(&tampered);
    Stranger::tamper(&tampered);
    let substituted = edition("substituted");
    office.release(&substituted);
    fs::write(&substituted, variant(&bytes, "another")).expect("written");
    let revoked = edition("revoked");
    office.release(&revoked);
    office.revoke(&revoked);
    let good = edition("good");
    office.release(&good);

    let server = Server::start_with(data.path(), std::slice::from_ref(&city), &["--trust", path(&trust)]);
    let before = role(&policies(&server), "discretion")["in_force"].clone();
    assert_eq!(before["evidence"]["signers"][0]["holder"], "releaser", "{before}");
    let cases = [
        (&unsigned, "nobody"),
        (&expired, "expired"),
        (&twice, "counts once"),
        (&tampered, "tampered"),
        (&substituted, "substituted"),
        (&revoked, "revoked"),
    ];
    let mut said_before = Vec::new();
    for (package, words) in cases {
        let (passed, said) = policy(&server, &["activate", "discretion", "--package", path(package), "--by", "li"]);
        assert!(!passed, "{words}: {said}");
        let refusal = said.lines().find(|line| line.contains("REFUSED")).expect("a refusal").to_owned();
        assert!(refusal.contains("trust") && refusal.contains(words), "{words}: {said}");
        assert!(!said_before.contains(&refusal), "two refusals say the same: {refusal}");
        said_before.push(refusal);
        assert_eq!(role(&policies(&server), "discretion")["in_force"], before, "{words}: took force");
    }
    let (passed, said) = policy(&server, &["activate", "discretion", "--package", path(&good), "--by", "li"]);
    assert!(passed, "{said}");
    let in_force = role(&policies(&server), "discretion")["in_force"].clone();
    assert_ne!(in_force["package"], before["package"]);
    // What is revoked while it is in force answers nothing any more: the one before stands in.
    let (_, receipt) = server.send("yunhe", &spend("q-1", 100_000));
    assert_eq!(receipt["answered"]["discretion"], in_force["package"], "{receipt}");
    office.revoke(&good);
    until("the revoked package is gone", || role(&policies(&server), "discretion")["in_force"] != in_force);
    let (_, receipt) = server.send("yunhe", &spend("q-2", 100_000));
    assert_ne!(receipt["answered"]["discretion"], in_force["package"], "{receipt}");
    server.stop();
    // Without its trust file the host does not come up, rather than let everybody in.
    let said = Server::try_start(data.path(), std::slice::from_ref(&city), &[]).err().expect("refused");
    assert!(said.contains("--trust"), "{said}");
    // And what decided is decided again, byte for byte.
    let (proved, said) = muster(&["verify", path(data.path())]);
    assert!(proved, "{said}");
}

/// A host under the development profile, with thresholds that the reference profile leaves open.
struct City {
    _examples: tempfile::TempDir,
    data: tempfile::TempDir,
    folder: PathBuf,
    server: Server,
}

impl City {
    fn new() -> Self {
        let examples = support::examples();
        let (data, folder) = (tempfile::tempdir().expect("a folder"), examples.path().join("yunhe"));
        let file = folder.join("district.toml");
        let text = fs::read_to_string(&file).expect("read");
        fs::write(&file, format!("{text}\n[change]\nlooser_max = 0\nfailures_max = 3\n")).expect("written");
        let server = Server::start(data.path(), std::slice::from_ref(&folder));
        Self { _examples: examples, data, folder, server }
    }

    /// The settings of the reference limits, with the street's limit for one item set to something else.
    fn limits(&self, name: &str, item: &str) -> PathBuf {
        let text = fs::read_to_string(self.folder.join("../ref-v1/settings/discretion.toml")).expect("read");
        let changed = text.replace("item = 10_000_000", &format!("item = {item}"));
        assert_ne!(text, changed, "the reference limits hold another number");
        let file = self.data.path().join(name);
        fs::write(&file, changed).expect("written");
        file
    }
}

#[test]
fn a_wider_policy_is_stopped_by_the_backtest_until_two_people_answer_for_it() {
    let city = City::new();
    let server = &city.server;
    for number in 0..5 {
        server.send("yunhe", &spend(&format!("q-{number}"), 8_000_000));
    }
    let wider = city.limits("wider.toml", "90_000_000");
    let asked = ["activate", "discretion", "--settings", path(&wider), "--by", "li"];
    let (passed, said) = policy(server, &asked);
    assert!(!passed && said.contains("backtest") && said.contains("looser_max"), "{said}");
    let report = said.lines().find_map(|line| line.split_once("policy backtest ")).expect("a report").1;
    let (_, report) = policy(server, &["backtest", report]);
    let report: Json = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["directions"]["looser"], 5, "{report}");
    assert_eq!(report["examples"][0]["differences"][0]["subject"], "verdict", "{report}");
    // One person alone does not answer for it, nor the same one twice.
    let mut alone = asked.to_vec();
    alone.extend(["--reason", "the pumps are late"]);
    assert!(!policy(server, &alone).0);
    let mut twice = alone.clone();
    twice.extend(["--second", "li"]);
    assert!(!policy(server, &twice).0);
    let mut two = alone.clone();
    two.extend(["--second", "wang"]);
    let (passed, said) = policy(server, &two);
    assert!(passed, "{said}");
    let in_force = role(&policies(server), "discretion")["in_force"].clone();
    assert_eq!(in_force["evidence"]["exceptions"][0]["people"], json!(["li", "wang"]), "{in_force}");
    assert_eq!(in_force["evidence"]["exceptions"][0]["reason"], "the pumps are late");
    // The way back needs nobody's leave.
    let (passed, said) = policy(server, &["rollback", "discretion", "--by", "zhao"]);
    assert!(passed, "{said}");
    let (_, history) = policy(server, &["history", "discretion"]);
    assert_eq!(history.lines().filter(|line| line.starts_with("entry")).count(), 3, "{history}");
    // A stricter one passes by itself.
    let stricter = city.limits("stricter.toml", "1_000_000");
    let (passed, said) = policy(server, &["activate", "discretion", "--settings", path(&stricter), "--by", "li"]);
    assert!(passed && said.contains("stricter 5"), "{said}");
    server.get("/v1/districts/yunhe");
}

#[test]
fn in_an_emergency_the_glass_is_broken_by_two_with_a_reason_and_an_end() {
    let city = City::new();
    let server = &city.server;
    server.send("yunhe", &warning("w-1", "990100", "red"));
    for number in 0..5 {
        server.send("yunhe", &spend(&format!("q-{number}"), 18_000_000));
    }
    let wider = city.limits("wider.toml", "90_000_000");
    let override_ =
        ["activate", "discretion", "--settings", path(&wider), "--by", "li", "--second", "wang", "--reason", "water"];
    let (passed, said) = policy(server, &override_);
    assert!(!passed && said.contains("while an emergency is on"), "{said}");
    let mut never = override_.to_vec();
    never.extend(["--expires", "2199-01-01T00:00:00Z"]);
    let (passed, said) = policy(server, &never);
    assert!(!passed && said.contains("hours"), "{said}");
    let soon = muster_runtime::Clock::now(&muster_runtime::RealClock) + muster_kernel::Milliseconds(4_000);
    let soon = soon.to_local_text(0);
    let mut broken = override_.to_vec();
    broken.extend(["--expires", &soon]);
    let (passed, said) = policy(server, &broken);
    assert!(passed, "{said}");
    let in_force = role(&policies(server), "discretion")["in_force"].clone();
    assert_eq!(in_force["evidence"]["exceptions"][0]["kind"], "break_glass", "{in_force}");
    until("its time is over", || role(&policies(server), "discretion")["in_force"]["expires"].is_null());
}

/// A policy with a section more, that means nothing to anybody: another package of the same version.
fn edition(city: &City, wasm: &[u8]) -> PathBuf {
    let file = city.data.path().join("edition.wasm");
    fs::write(&file, [wasm, &[0, 3, 1, b'e', 1]].concat()).expect("written");
    file
}

#[test]
fn what_a_broken_glass_let_in_is_no_measure_for_the_next() {
    let city = City::new();
    let server = &city.server;
    let asking = city.data.path().join("asking.wasm");
    let bytes = muster_testkit::guests::hostile("hostile");
    fs::write(&asking, bytes.as_slice()).expect("written");
    let settings = city.data.path().join("trap.toml");
    fs::write(&settings, "behaviour = \"trap\"\n").expect("written");
    let soon = muster_runtime::Clock::now(&muster_runtime::RealClock) + muster_kernel::Milliseconds(3_600_000);
    let soon = soon.to_local_text(0);
    let asked = |package| {
        ["activate", "discretion", "--package", package, "--settings", path(&settings), "--by", "li"].to_vec()
    };
    let mut glass = asked(path(&asking));
    glass.extend(["--second", "wang", "--reason", "water", "--expires", &soon]);
    let (passed, said) = policy(server, &glass);
    assert!(passed, "{said}");
    let next = edition(&city, &bytes);
    let (passed, said) = policy(server, &asked(path(&next)));
    assert!(!passed && said.contains("it asks for more than the policy in force: calendar, memory"), "{said}");
}

#[test]
fn two_packages_of_a_workflow_never_share_a_version() {
    let city = City::new();
    let before = role(&policies(&city.server), "workflow")["in_force"]["package"].clone();
    let other = edition(&city, &muster_testkit::guests::policy("workflow"));
    let (passed, said) = policy(&city.server, &["activate", "workflow", "--package", path(&other), "--by", "li"]);
    assert!(!passed && said.contains("is that of another package"), "{said}");
    assert_eq!(role(&policies(&city.server), "workflow")["in_force"]["package"], before);
}

#[test]
fn a_shadow_is_compared_a_canary_answers_in_part_and_a_failing_policy_gives_way() {
    let city = City::new();
    let server = &city.server;
    server.send("yunhe", &spend("q-1", 8_000_000));
    let stricter = city.limits("stricter.toml", "1_000_000");
    let (passed, said) = policy(server, &["shadow", "discretion", "--settings", path(&stricter), "--by", "li"]);
    assert!(passed, "{said}");
    server.send("yunhe", &spend("q-2", 8_000_000));
    let trial = role(&policies(server), "discretion")["trial"].clone();
    assert_eq!((&trial["asked"], &trial["changed"], &trial["failed"]), (&json!(1), &json!(1), &json!(0)), "{trial}");
    let (passed, said) = policy(server, &["promote", "discretion", "--by", "li"]);
    assert!(passed, "{said}");
    let status = policies(server);
    assert!(role(&status, "discretion")["trial"].is_null());
    assert!(role(&status, "discretion")["last_known_good"].is_object(), "{status}");
    // A policy that asks for more and traps: both are seen, two people want it all the same, and it does not last.
    let hostile = city.data.path().join("hostile.wasm");
    fs::write(&hostile, muster_testkit::guests::hostile("hostile").as_slice()).expect("written");
    let settings = city.data.path().join("trap.toml");
    fs::write(&settings, "behaviour = \"trap\"\n").expect("written");
    let mut wanted =
        vec!["activate", "discretion", "--package", path(&hostile), "--settings", path(&settings), "--by", "li"];
    let (passed, said) = policy(server, &wanted);
    assert!(!passed && said.contains("it asks for more than the policy in force: calendar, memory"), "{said}");
    wanted.extend(["--second", "wang", "--reason", "to see what happens"]);
    let (passed, said) = policy(server, &wanted);
    assert!(passed && said.contains("fails to answer"), "{said}");
    let exceptions = role(&policies(server), "discretion")["in_force"]["evidence"]["exceptions"].clone();
    assert_eq!((&exceptions[0]["kind"], &exceptions[1]["kind"]), (&json!("widen"), &json!("override")));
    let good = role(&policies(server), "discretion")["last_known_good"]["package"].clone();
    for number in 0..3 {
        let (status, receipt) = server.send("yunhe", &spend(&format!("t-{number}"), 100_000));
        assert_eq!(status, 200);
        assert_eq!(receipt["fallbacks"]["discretion"], "last_known_good", "{receipt}");
        assert_eq!(receipt["answered"]["discretion"], good, "{receipt}");
    }
    assert_eq!(role(&policies(server), "discretion")["in_force"]["package"], good);
    let (_, receipt) = server.send("yunhe", &spend("t-9", 100_000));
    assert!(receipt["fallbacks"].is_null(), "{receipt}");
    // All of it can be decided again.
    let data = city.data.path().to_path_buf();
    city.server.stop();
    let (proved, said) = muster(&["verify", path(&data)]);
    assert!(proved, "{said}");
}

#[test]
fn what_people_changed_stays_until_the_folder_itself_changes() {
    let city = City::new();
    let stricter = city.limits("stricter.toml", "1_000_000");
    let (passed, said) = policy(&city.server, &["activate", "discretion", "--settings", path(&stricter), "--by", "li"]);
    assert!(passed, "{said}");
    let in_force = role(&policies(&city.server), "discretion")["in_force"]["settings"].clone();
    let City { _examples, data, folder, server } = city;
    server.stop();
    let server = Server::start(data.path(), std::slice::from_ref(&folder));
    assert_eq!(role(&policies(&server), "discretion")["in_force"]["settings"], in_force);
    let file = folder.join("../ref-v1/settings/discretion.toml");
    let text = fs::read_to_string(&file).expect("read");
    fs::write(&file, text.replace("item = 10_000_000", "item = 9_000_000")).expect("written");
    until("the folder's new settings", || role(&policies(&server), "discretion")["in_force"]["settings"] != in_force);
    server.send("yunhe", &signal("s-1", "990103901"));
}

#[test]
fn a_typo_in_settings_is_told_with_its_place_and_changes_nothing() {
    let city = City::new();
    let before = role(&policies(&city.server), "discretion")["in_force"].clone();
    let text = fs::read_to_string(city.folder.join("../ref-v1/settings/discretion.toml")).expect("read");
    let typo = city.data.path().join("typo.toml");
    fs::write(&typo, text.replacen("second_signature_above_permille", "second_signature_above_permile", 1))
        .expect("written");
    let (passed, said) = policy(&city.server, &["activate", "discretion", "--settings", path(&typo), "--by", "li"]);
    assert!(!passed && said.contains("second_signature_above_permile"), "{said}");
    assert_eq!(role(&policies(&city.server), "discretion")["in_force"], before);
}
