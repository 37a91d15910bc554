//! What officers, supervisors and the public do and see while the host runs: acts, refusals, registers, look-back, the
//! public view and the wall around a drill.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{self, Server, warning};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const STREET: &str = "990103901";
const STREET_DESK: &str = "urn:app:muster:street:990103901";
const SECRETARY: &str = "urn:app:muster:secretary:990103901";
const AUDIT: &str = "urn:org:cn:990103:audit";

/// A city under a red warning.
struct City {
    server: Server,
    _data: TempDir,
    _examples: TempDir,
}

impl City {
    fn alarmed(adapt: impl FnOnce(&Path)) -> Self {
        let examples = support::examples();
        adapt(examples.path());
        let data = tempfile::tempdir().expect("a folder");
        let server = Server::start(data.path(), &[examples.path().join("yunhe")]);
        let (status, receipt) = server.send("yunhe", &warning("w-1", "990100", "red"));
        assert_eq!(status, 200, "{receipt}");
        Self { server, _data: data, _examples: examples }
    }

    /// `muster`, pointed at this host.
    fn muster(&self, arguments: &[&str]) -> Output {
        let server = self.server.url("");
        Command::new(env!("CARGO_BIN_EXE_muster")).args(arguments).args(["--server", &server]).output().expect("runs")
    }

    /// An act at the street that must succeed.
    fn act(&self, source: &str, kind: &str, fields: &[&str]) -> String {
        let output = self.attempt(source, kind, fields);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{kind}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// An act that must be refused, with this reason.
    fn refused(&self, source: &str, kind: &str, fields: &[&str], reason: &str) {
        let before = self.register("powers", STREET);
        let output = self.attempt(source, kind, fields);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{kind} was not refused: {said}");
        assert!(said.contains(reason), "{kind}: {said}");
        assert_eq!(self.register("powers", STREET), before, "{kind} was refused and changed something");
    }

    fn attempt(&self, source: &str, kind: &str, fields: &[&str]) -> Output {
        self.muster(&[&["act", kind, "--as", source, "--node", STREET], fields].concat())
    }

    fn register(&self, name: &str, node: &str) -> Json {
        self.server.get(&format!("/v1/districts/yunhe/registers/{name}?node={node}"))
    }

    fn seq(&self, district: &str) -> u64 {
        self.server.get(&format!("/v1/districts/{district}"))["seq"].as_u64().expect("a position")
    }
}

#[test]
fn officers_act_and_the_registers_show_it() {
    let city = City::alarmed(|_| {});
    let powers = city.register("powers", STREET);
    assert_eq!(powers["mode"], "emergency");
    assert_eq!(powers["spend_item_minor"], 20_000_000, "twice the street's own limit, by the standing grant");
    let before = city.seq("yunhe");
    city.act(STREET_DESK, "spend.requested", &["request=s-1", "category=pumps", "amount.minor=800000"]);
    let powers = city.register("powers", STREET);
    assert_eq!(powers["grants"][0]["used_minor"], 800_000);
    let then = city.server.get(&format!("/v1/districts/yunhe/registers/powers?node={STREET}&as_of={before}"));
    assert_eq!(then["grants"][0]["used_minor"], 0, "looked back to entry {before}");
    // The charter and the triage policy were there after the second entry, and nothing else yet.
    let early = city.server.get("/v1/districts/yunhe/registers/policies?as_of=2");
    let now = city.register("policies", STREET);
    assert_eq!((early.as_array().map(Vec::len), now.as_array().map(Vec::len)), (Some(1), Some(6)), "{early}");

    city.refused(SECRETARY, "approval.decided", &["request=s-1", "decision=approved"], "waits for no signature");
    city.refused("urn:nobody", "spend.requested", &["request=s-2", "amount.minor=1"], "holds no power");
    city.refused(STREET_DESK, "approval.decided", &["request=s-9", "decision=approved"], "there is no");
    city.refused(STREET_DESK, "callout.released", &["callout=c-9"], "no");

    city.act(STREET_DESK, "callout.issued", &["kind=emergency_whistle", "to.0=rescue", "reason=trapped"]);
    let timers = city.register("timers", STREET).to_string();
    assert!(timers.contains("/acknowledge"), "{timers}");

    city.act(STREET_DESK, "volunteer.checked_in", &["team=t-1", "members=5"]);
    city.refused(STREET_DESK, "volunteer.checked_out", &["team=t-1", "hours=3", "verified_by=t-1"], "someone else");
    city.act(STREET_DESK, "volunteer.checked_out", &["team=t-1", "hours=3", "verified_by=grid-1"]);
    let ledger = city.register("ledger", STREET);
    assert!(ledger.is_array() || ledger.is_object(), "{ledger}");

    city.act(AUDIT, "power.frozen", &["power=spend", "reason=audit"]);
    let output = city.attempt(STREET_DESK, "spend.requested", &["request=s-3", "category=pumps", "amount.minor=100"]);
    assert!(output.status.success(), "it is routed upward, not refused");
    let shown = city.muster(&["show", "waiting", "--node", STREET]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("s-3"), "{shown:?}");
}

#[test]
fn a_process_goes_on_as_its_tasks_are_done() {
    let city = City::alarmed(|_| {});
    city.act(STREET_DESK, "signal.reported", &["kind=dam_overtopping", "downstream_evacuated=true"]);
    let step = || city.register("processes", STREET)[0].clone();
    assert_eq!(step()["state"]["step"], "register", "{}", step());
    let tasks = city.register("tasks", "990100");
    let task = tasks.as_array().and_then(|all| all.iter().find(|task| task["kind"] == "register_evacuees"));
    let task = task.and_then(|task| task["id"].as_str()).expect("the first step is somebody's task");
    let (task, done) = (format!("task={task}"), "state=done");
    let fields = [task.as_str(), done, "people=120", r#"evidence=["list:sha256:aa10"]"#];
    // It is the city's task: its own desk says so, a street's does not.
    city.refused(STREET_DESK, "task.updated", &fields, "not concerned");
    let desk = ["act", "task.updated", "--as", "urn:app:muster:city:990100", "--node", "990100"];
    let said = city.muster(&[&desk, fields.as_slice()].concat());
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    assert_eq!(step()["state"]["step"], "shelter", "{}", step());
}

#[test]
fn the_public_sees_what_it_may_and_later() {
    let city = City::alarmed(|examples| {
        let profile = examples.join("ref-v1/profile.toml");
        let text = fs::read_to_string(&profile).expect("readable");
        assert!(text.contains("public_delay_minutes = 30"), "the profile says how late the public sees");
        fs::write(&profile, text.replace("public_delay_minutes = 30", "public_delay_minutes = 0")).expect("written");
    });
    let shown = city.server.get("/v1/public/yunhe");
    assert_eq!(shown["incidents"][0]["level"], "II", "{shown}");
    let text = shown.to_string();
    for hidden in ["urn:", "commander", "source", "because", "amount"] {
        assert!(!text.contains(hidden), "the public view shows `{hidden}`: {text}");
    }
    let late = City::alarmed(|_| {});
    let shown = late.server.get("/v1/public/yunhe");
    assert_eq!(shown["incidents"], json!([]), "half an hour has not passed: {shown}");
}

#[test]
fn a_drill_is_walled_off() {
    let city = City::alarmed(|_| {});
    let (seq, powers) = (city.seq("yunhe"), city.register("powers", STREET));
    let mut drill = warning("w-drill", "990100", "red");
    drill["exercise"] = json!(true);
    let (status, receipt) = city.server.send("yunhe", &drill);
    assert_eq!((status, receipt["district"].as_str()), (200, Some("yunhe.exercise")), "{receipt}");
    city.act(STREET_DESK, "spend.requested", &["request=s-d", "amount.minor=500", "category=pumps", "--exercise"]);
    assert_eq!(city.seq("yunhe"), seq, "the drill wrote into the real journal");
    assert_eq!(city.register("powers", STREET), powers);
    let there = city.server.get(&format!("/v1/districts/yunhe.exercise/registers/powers?node={STREET}"));
    assert_eq!(there["grants"][0]["used_minor"], 500, "the drill has books of its own: {there}");
    let (status, problem) = city.server.send("yunhe.exercise", &warning("w-real", "990100", "red"));
    assert_eq!(status, 422, "a real event entered the drill: {problem}");
    assert_eq!(problem["field"], "exercise", "{problem}");
}
