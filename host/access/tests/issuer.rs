//! Tokens of a real issuer: `oidc-provider` under Node.js, which logs a person in, serves a machine, and rotates its
//! keys. Keys come over HTTP as they do in production.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use muster_access::oidc::{FetchError, Issuers, KeySource};
use muster_access::{AccessRole, Binding, Proof, Settings};
use muster_kernel::Instant;
use serde_json::Value as Json;

/// The issuer's process; ends when its input is closed.
struct RealIssuer {
    process: Child,
    told: Option<ChildStdin>,
    says: BufReader<ChildStdout>,
}

impl RealIssuer {
    fn start(folder: &Path) -> (Self, String, String) {
        let mut process = Command::new("node")
            .arg("issuer.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let told = process.stdin.take();
        let says = BufReader::new(process.stdout.take().expect("piped"));
        let mut issuer = Self { process, told, says };
        let begun = issuer.next();
        let text = |field: &str| begun[field].as_str().expect("a text").to_owned();
        let (name, keys) = (text("issuer"), text("jwks"));
        (issuer, name, keys)
    }

    fn ask(&mut self, what: &str) -> Json {
        let told = self.told.as_mut().expect("open");
        writeln!(told, "{what}").and_then(|()| told.flush()).expect("told");
        let answer = self.next();
        assert!(answer.get("error").is_none(), "{what}: {answer}");
        answer
    }

    fn next(&mut self) -> Json {
        loop {
            let mut line = String::new();
            assert!(self.says.read_line(&mut line).expect("text") > 0, "the issuer ended");
            // The library prints notices for developers between the answers.
            if line.starts_with('{') {
                return serde_json::from_str(&line).expect("JSON");
            }
        }
    }
}

impl Drop for RealIssuer {
    fn drop(&mut self) {
        drop(self.told.take());
        self.process.wait().expect("ended");
    }
}

/// Over HTTP.
struct Http(String);

impl KeySource for Http {
    fn fetch(&mut self) -> Result<Vec<u8>, FetchError> {
        let failed = |reason: ureq::Error| FetchError(format!("{}: {reason}", self.0));
        let mut answer = ureq::get(&self.0).call().map_err(failed)?;
        answer.body_mut().read_to_vec().map_err(failed)
    }
}

/// The issuer's code with its packages, beside other build results. `None`: this machine has no Node.js.
fn installed() -> Option<PathBuf> {
    if Command::new("node").arg("--version").output().is_err() {
        return None;
    }
    let (from, to) = (
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/issuer"),
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("issuer"),
    );
    std::fs::create_dir_all(&to).expect("a folder");
    let lock = std::fs::read(from.join("package-lock.json")).expect("the lock");
    let is_installed = std::fs::read(to.join("installed.json")).is_ok_and(|installed| installed == lock);
    for file in ["package.json", "package-lock.json", "issuer.mjs"] {
        std::fs::copy(from.join(file), to.join(file)).expect("copied");
    }
    if !is_installed {
        let status =
            Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&to).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "`npm ci` failed in {}; it needs the npm registry once",
            to.display()
        );
        std::fs::write(to.join("installed.json"), lock).expect("written");
    }
    Some(to)
}

/// The issuer stamps its tokens with the time of day, so these are judged at that time too.
fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Instant::from_millis(i64::try_from(since.as_millis()).expect("small"))
}

fn settings(issuer: &str, keys: &str) -> Settings {
    let text = format!(
        r#"
        [[access.oidc]]
        issuer = "{issuer}"
        audience = ["muster", "console"]
        keys = "{keys}"
        retry_seconds = 1

        [[access.oidc.mapping]]
        claim = "groups"
        value = "yunhe-commander"
        binding = {{ role = "commander", district = "yunhe", node = "990100" }}

        [[access.oidc.mapping]]
        claim = "groups"
        value = "duty-{{node}}"
        binding = {{ role = "duty_officer", district = "yunhe" }}

        [[access.oidc.mapping]]
        claim = "groups"
        value = "yunhe-gauges"
        binding = {{ role = "reporter", district = "yunhe", node = "990100" }}
        sources = ["urn:iot:gauge:7"]
        "#
    );
    Settings::read(&text).expect("settings")
}

#[test]
fn a_real_issuer_logs_people_in_serves_machines_and_rotates_its_keys() {
    let Some(folder) = installed() else {
        println!(
            "IGNORED: this machine has no `node`, so the tokens of a real issuer are not tested; install Node.js 20 or later"
        );
        return;
    };
    let (mut issuer, name, address) = RealIssuer::start(&folder);
    let mut issuers: Issuers = settings(&name, &address).access.issuers();
    let prove = |issuers: &mut Issuers, token: &str, at| {
        issuers.fetch_and_prove(token, at, |_| Box::new(Http(address.clone())))
    };

    let person = issuer.ask("person");
    let person = prove(&mut issuers, person["id_token"].as_str().expect("a token"), now()).expect("an ID token");
    assert_eq!((person.subject.as_str(), person.display_name.as_str()), ("li.hua", "李华"));
    let expected = [
        Binding::at(AccessRole::DutyOfficer, "yunhe", "990100901"),
        Binding::at(AccessRole::Commander, "yunhe", "990100"),
    ];
    assert_eq!(person.bindings, expected);
    assert_eq!(person.proof, Proof::OpenIdConnect { issuer: name.clone(), subject: "li.hua".into() });

    let machine = issuer.ask("machine");
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let token = machine[algorithm].as_str().expect("a token");
        let identity = prove(&mut issuers, token, now()).unwrap_or_else(|why| panic!("{algorithm}: {why}"));
        assert_eq!(identity.subject.as_str(), "gauge-7");
        assert_eq!(identity.bindings, [Binding::at(AccessRole::Reporter, "yunhe", "990100")]);
        assert!(identity.sources.contains("urn:iot:gauge:7"));
        // The same token, shown elsewhere or later.
        let (head, signature) = token.rsplit_once('.').expect("three parts");
        let other = if signature.starts_with('A') { "B" } else { "A" };
        prove(&mut issuers, &format!("{head}.{other}{}", &signature[1..]), now()).expect_err("a changed signature");
        let later = now() + muster_kernel::Milliseconds::hours(1);
        assert!(issuers.prove(token, later).expect_err("expired").to_string().contains("`exp` was"));
    }

    issuer.ask("rotate");
    let rotated = issuer.ask("machine");
    let rotated = rotated["ES256"].as_str().expect("a token");
    // Virtual time passes, so that the unknown key may be asked for.
    let after = now() + muster_kernel::Milliseconds(2_000);
    let at_once = issuers.prove(rotated, after).expect_err("its key is not known yet");
    assert!(at_once.to_string().contains("holds no key"), "{at_once}");
    prove(&mut issuers, rotated, after).expect("the new key");
    let old = machine["ES256"].as_str().expect("a token");
    assert!(prove(&mut issuers, old, after).expect_err("the old key is gone").to_string().contains("holds no key"));
}
