//! `cargo xtask contract-test`: thousands of made-up requests, right ones and wrong ones, against the real binary, each answer
//! held to the contract. Schemathesis makes the requests and judges; this starts a host for it, with the example cities after
//! their storm and a caller who holds every role. It must never touch a host that is in use.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::{Value as Json, json};

use crate::run;

/// The version whose judgement counts. Another one may ask other questions: raise it by hand, and look at what it finds.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// Requests for each route and kind of body: a whole run, and one for every change.
const WHOLE: u32 = 200;
const SHORT: u32 = 6;
/// The same requests every time; what is found can be asked again.
const SEED: &str = "20210719";
const DISTRICTS: [&str; 2] = ["yunhe", "lanzhu"];
/// A recipient that is never there, so that deliveries have something to tell.
const SETTINGS: &str = r#"
data = "data"

[access.guessing]
failures = 1000
refill_seconds = 1

[intake.weather]
format = "cap"
source = "urn:org:cn:990100:weather-bureau"
geocodes."GB/T2260" = { "*" = "=" }
hazards = { "暴雨" = "rainstorm" }

[intake.monitoring]
format = "alertmanager"
source = "urn:app:alertmanager"
default_node = "990100"

[intake.gauges]
format = "json_lines"
source = "urn:iot:gauges"

[intake.gauges.mapping]
kind = "ponding"
id = ["station", "time"]
time = "time"
place = { field = "node" }
fields.depth_cm = { field = "depth", unit = "cm", required = true }

[intake.grid]
format = "cloudevents"

[outbox]
allow_addresses = ["loopback"]

[[outbox.recipient]]
name = "duty-desk"
language = "zh"
from_beginning = true

[[outbox.recipient.channel]]
name = "hook"
webhook.url = "http://127.0.0.1:9/hook"
webhook.secrets = ["env:CONTRACT_TEST_HOOK"]

[[outbox.subscription]]
recipient = "duty-desk"
facts = ["callout.*"]
"#;

/// Files with tokens: the first one, that of an operator, that of somebody who holds every role.
const FIRST: &str = "first-token";
const OPERATOR: &str = "operator";
const EVERYTHING: &str = "everything";
/// What signs deliveries to nobody.
const HOOK: &str = "whsec_bm9ib2R5IHdpbGwgZXZlciByZWFkIHRoaXMgb25l";

/// Runs the test; a short one when it is only to be seen that nothing broke.
pub(crate) fn contract_test(root: &Path, muster: &Path, is_short: bool) -> anyhow::Result<()> {
    let place = root.join("target/contract-test");
    let tool = installed(&place)?;
    let folder = place.join("host");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::create_dir_all(folder.join("data"))?;
    let host = Host::start(root, muster, &folder)?;
    host.everything(root)?;
    let described = Command::new(muster).arg("openapi").output()?;
    ensure!(described.status.success(), "muster openapi fails");
    let mut described: Json = serde_json::from_slice(&described.stdout)?;
    let contract = folder.join("openapi.json");
    close(&mut described["components"]["schemas"]);
    std::fs::write(&contract, described.to_string())?;

    let cases = if is_short { SHORT } else { WHOLE };
    let mut test = Command::new(tool);
    test.current_dir(&folder).arg("--config-file").arg(root.join("host/xtask/schemathesis.toml")).arg("run");
    test.arg(&contract).args(["--url", &host.address, "--seed", SEED, "--max-examples", &cases.to_string()]);
    test.env("MUSTER_TOKEN", std::fs::read_to_string(folder.join(EVERYTHING))?.trim()).env("NO_COLOR", "1");
    let tested = test.status().context("schemathesis does not run")?;
    host.is_open().context("after the test")?;
    ensure!(
        tested.success(),
        "the host does not keep to its contract; what it said is in {}",
        folder.join("host.log").display()
    );
    Ok(())
}

/// Closes every object that the contract leaves open for fields to come: today's answers have none but these.
fn close(schema: &mut Json) {
    match schema {
        Json::Object(words) => {
            if words.contains_key("properties") && words.contains_key("required") {
                words.entry("additionalProperties").or_insert(json!(false));
            }
            words.values_mut().for_each(close);
        }
        Json::Array(all) => all.iter_mut().for_each(close),
        _ => {}
    }
}

/// Schemathesis, in a virtual environment of its own.
fn installed(place: &Path) -> anyhow::Result<PathBuf> {
    let environment = place.join("venv");
    let (tool, stamp) = (environment.join("bin/schemathesis"), environment.join("muster-version"));
    if std::fs::read_to_string(&stamp).is_ok_and(|version| version == SCHEMATHESIS) {
        return Ok(tool);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    run(Command::new(environment.join("bin/python")).args(["-m", "pip", "install", "--quiet", SCHEMATHESIS]))?;
    std::fs::write(stamp, SCHEMATHESIS)?;
    Ok(tool)
}

/// A host of this test alone. It ends with it.
struct Host<'a> {
    muster: &'a Path,
    folder: &'a Path,
    child: Child,
    address: String,
}

impl<'a> Host<'a> {
    fn start(root: &Path, muster: &'a Path, folder: &'a Path) -> anyhow::Result<Self> {
        let districts = DISTRICTS.map(|name| root.join("examples").join(name).display().to_string());
        let settings = folder.join("muster.toml");
        std::fs::write(&settings, format!("districts = {districts:?}\n{SETTINGS}"))?;
        let first = folder.join(FIRST);
        run(Command::new(muster)
            .args(["token", "bootstrap", "--data"])
            .arg(folder.join("data"))
            .arg("--to")
            .arg(first))?;
        let mut serve = Command::new(muster);
        serve.arg("serve").arg("--config").arg(settings).args(["--listen", "127.0.0.1:0"]);
        let mut child = serve
            .envs([("MUSTER_LOG", "error,muster=info"), ("CONTRACT_TEST_HOOK", HOOK)])
            .stderr(Stdio::piped())
            .spawn()?;
        let (address, lines) = crate::ready(&mut child)?;
        // What it says later is for whoever looks into a failure.
        let log = std::fs::File::create(folder.join("host.log"))?;
        std::thread::spawn(move || {
            use std::io::Write as _;
            let mut log = log;
            lines.map_while(Result::ok).for_each(|line| drop(writeln!(log, "{line}")));
        });
        Ok(Self { muster, folder, child, address })
    }

    /// The command, as somebody whose token lies in the folder.
    fn muster(&self, token: &str) -> Command {
        let mut command = Command::new(self.muster);
        command.args(["--server", &self.address, "--output", "json", "--token-file"]).arg(self.folder.join(token));
        command.stdout(Stdio::null());
        command
    }

    /// Makes somebody who holds every role, and sends the storm.
    fn everything(&self, root: &Path) -> anyhow::Result<()> {
        let issue = |by: &str, subject: &str, to: &str| {
            let mut issue = self.muster(by);
            issue.args(["token", "issue", "--subject", subject, "--days", "1", "--to"]).arg(self.folder.join(to));
            issue
        };
        run(issue(FIRST, "olga", OPERATOR).args(["--role", "operator"]))?;
        let stream = root.join("examples/yunhe/streams/rainstorm.jsonl");
        let mut all = issue(OPERATOR, "contract", EVERYTHING);
        for binding in bindings() {
            all.args(["--binding", &binding.to_string()]);
        }
        let more = ["urn:app:alertmanager", "urn:iot:gauges", "urn:test:grid"].map(str::to_owned);
        for source in sources(&stream)?.into_iter().chain(more) {
            all.args(["--source", &source]);
        }
        run(&mut all)?;
        run(self.muster(EVERYTHING).arg("send").arg(stream))
    }

    /// Whether the token is still one: a test that locked itself out has tested nothing since.
    fn is_open(&self) -> anyhow::Result<()> {
        run(self.muster(EVERYTHING).arg("status"))
    }
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        // Nothing of it is needed any more.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Every role, at the top of the tree of every district, and that of the host.
fn bindings() -> Vec<Json> {
    let roles = [
        "public_reader",
        "reporter",
        "responder",
        "duty_officer",
        "commander",
        "approver",
        "supervisor",
        "policy_author",
        "policy_releaser",
    ];
    let placed = DISTRICTS.iter().zip(["990000", "970000"]).flat_map(|(district, node)| {
        roles.iter().map(move |role| json!({"role": role, "district": district, "node": node}))
    });
    placed.chain([json!({"role": "operator"})]).collect()
}

/// The sources of a stream of events, and the one in the contract's example.
fn sources(stream: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(stream).with_context(|| stream.display().to_string())?;
    let mut sources = vec!["urn:test:grid".to_owned()];
    for line in text.lines() {
        let event: Json = serde_json::from_str(line)?;
        sources.push(event["source"].as_str().context("an event has a source")?.to_owned());
    }
    sources.sort_unstable();
    sources.dedup();
    Ok(sources)
}
