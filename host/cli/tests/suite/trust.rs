//! Trust from end to end with the real binary: keys are made, a package is signed, judged, tampered with, revoked.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

const MUSTER: &str = env!("CARGO_BIN_EXE_muster");

/// A folder with a package, keys and a trust file.
struct Desk {
    folder: tempfile::TempDir,
}

/// Runs the binary; whether it went well, and what it said.
fn muster(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(MUSTER).args(arguments).env("LC_ALL", "C").output().expect("the binary runs");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn well(arguments: &[&str]) -> String {
    let (well, said) = muster(arguments);
    assert!(well, "{arguments:?}: {said}");
    said
}

fn refused(arguments: &[&str]) -> String {
    let (well, said) = muster(arguments);
    assert!(!well, "{arguments:?}: {said}");
    said
}

impl Desk {
    /// Vendor, certifier, two releasers, two admins, two revokers; a release needs a vendor and a releaser.
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a folder") };
        let package = muster_testkit::guests::policy("triage");
        fs::write(desk.path("triage.wasm"), package.as_slice()).expect("written");
        let people = [
            ("vendor", "vendor"),
            ("releaser-a", "releaser"),
            ("releaser-b", "releaser"),
            ("admin-a", "trust_admin"),
            ("admin-b", "trust_admin"),
            ("revoker-a", "revoker"),
            ("revoker-b", "revoker"),
        ];
        let mut trust = String::from("profile = \"production\"\n");
        for (holder, office) in people {
            let said = well(&["keygen", "--holder", holder, "--out", &desk.text(&format!("{holder}.key"))]);
            let entry = said.replace("offices = []", &format!("offices = [\"{office}\"]"));
            let entry = entry
                .replace("from = ", "from = 2020-01-01T00:00:00Z")
                .replace("until = ", "until = 2120-01-01T00:00:00Z");
            trust.push_str(&entry);
        }
        trust
            .push_str("[[rule]]\nneeds = [{ office = \"vendor\", count = 1 }, { office = \"releaser\", count = 1 }]\n");
        fs::write(desk.path("trust.toml"), trust).expect("written");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn key(&self, holder: &str) -> String {
        self.text(&format!("{holder}.key"))
    }

    fn sign(&self, holder: &str, office: &str) {
        well(&["sign", &self.text("triage.wasm"), "--key", &self.key(holder), "--office", office]);
    }

    /// The judgement, as JSON.
    fn judge(&self, more: &[&str]) -> Json {
        let (package, trust) = (self.text("triage.wasm"), self.text("trust.toml"));
        let mut arguments = vec!["--output", "json", "verify-package", &package, "--trust", &trust];
        arguments.extend(["--district", "yunhe", "--role", "triage"]);
        arguments.extend(more);
        let output = Command::new(MUSTER).args(&arguments).output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let judged: Json = serde_json::from_str(&said)
            .unwrap_or_else(|reason| panic!("{reason}: {said} {}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(judged["accepted"] == true, output.status.success(), "{judged}");
        judged
    }

    fn code(&self, more: &[&str]) -> String {
        self.judge(more)["reason"]["code"].as_str().unwrap_or("accepted").to_owned()
    }
}

#[test]
fn from_a_new_key_to_a_package_that_may_be_used_and_back() {
    let desk = Desk::new();
    assert_eq!(desk.code(&[]), "unsigned");
    desk.sign("vendor", "vendor");
    assert_eq!(desk.code(&[]), "too_few_signers");
    // One key alone never fills both places, whatever office it claims.
    desk.sign("vendor", "releaser");
    assert_eq!(desk.code(&[]), "without_office");
    desk.sign("releaser-a", "releaser");
    let judged = desk.judge(&[]);
    assert_eq!(judged["accepted"], true, "{judged}");
    assert_eq!(judged["signers"][1]["holder"], "releaser-a");
    // A day after all keys expired.
    assert_eq!(desk.code(&["--at", "2120-01-02T00:00:00Z"]), "key_expired");
    assert_eq!(desk.code(&["--at", "2019-12-31T00:00:00Z"]), "key_not_yet_valid");
    // Substituted: another package in its place.
    let package = fs::read(desk.path("triage.wasm")).expect("read");
    fs::write(desk.path("triage.wasm"), muster_testkit::guests::policy("workflow").as_slice()).expect("written");
    assert_eq!(desk.code(&[]), "substituted");
    fs::write(desk.path("triage.wasm"), package).expect("written");
    // Tampered: one character of a payload.
    let attestations = fs::read_to_string(desk.path("triage.wasm.dsse.jsonl")).expect("read");
    let place = attestations.find("\"payload\":\"").expect("a payload") + 40;
    let other = if attestations.as_bytes()[place] == b'A' { "B" } else { "A" };
    let tampered = format!("{}{other}{}", &attestations[..place], &attestations[place + 1..]);
    fs::write(desk.path("triage.wasm.dsse.jsonl"), tampered).expect("written");
    assert_eq!(desk.code(&[]), "tampered");
    let said = well(&["inspect", &desk.text("triage.wasm"), "--trust", &desk.text("trust.toml")]);
    assert!(said.contains("TAMPERED WITH: vendor"), "{said}");
    let said = refused(&[
        "verify-package",
        &desk.text("triage.wasm"),
        "--trust",
        &desk.text("trust.toml"),
        "--district",
        "yunhe",
        "--role",
        "triage",
        "--lang",
        "zh",
    ]);
    assert!(said.contains("不得使用：证明文件第 1 行被篡改"), "{said}");
}

#[test]
fn a_deny_list_grows_by_itself_and_shrinks_only_by_two() {
    let desk = Desk::new();
    desk.sign("vendor", "vendor");
    desk.sign("releaser-a", "releaser");
    let (list, package) = (desk.text("deny.dsse.jsonl"), desk.text("triage.wasm"));
    let deny = ["--deny", list.as_str()];
    let (a, b) = (desk.key("revoker-a"), desk.key("revoker-b"));
    let why = ["--reason-zh", "误判", "--reason-en", "it misjudges"];
    refused(&["revoke", &list, "--key", &a, "--package", &package]);
    well(&[["revoke", &list, "--key", &a, "--package", &package].as_slice(), &why].concat());
    assert_eq!(desk.code(&deny), "package_revoked");
    let judged = desk.judge(&deny);
    assert!(judged["reason"]["zh"].as_str().is_some_and(|text| text.contains("误判")), "{judged}");
    let digest = judged_digest(&package);
    let said = well(&["revoke", &list, "--key", &a, "--take-back", &digest]);
    assert!(said.contains("deny-list 2: 0 entries, 1 signatures"), "{said}");
    let said = well(&["revoke", &list, "--key", &b, "--cosign"]);
    assert!(said.contains("deny-list 2: 0 entries, 2 signatures"), "{said}");
    assert_eq!(desk.code(&deny), "accepted");
    assert_eq!(desk.judge(&deny)["deny_sequence"], 2);
    // A list that a vendor signed is no list.
    let own = desk.text("own.dsse.jsonl");
    well(&[["revoke", &own, "--key", &desk.key("vendor"), "--package", &package].as_slice(), &why].concat());
    let trust = desk.text("trust.toml");
    let place = ["--district", "yunhe", "--role", "triage"];
    let said = refused(&[["verify-package", &package, "--trust", &trust, "--deny", &own].as_slice(), &place].concat());
    assert!(said.contains("may not sign as revoker"), "{said}");
}

fn judged_digest(package: &str) -> String {
    let said = well(&["--output", "json", "inspect", package]);
    let inspected: Json = serde_json::from_str(&said).expect("JSON");
    inspected["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn inspect_shows_manifest_binary_and_signers() {
    let desk = Desk::new();
    desk.sign("vendor", "vendor");
    let package = desk.text("triage.wasm");
    let inspected: Json = serde_json::from_str(&well(&["--output", "json", "inspect", &package])).expect("JSON");
    assert_eq!(inspected["id"], "ref/triage");
    assert_eq!(inspected["roles"], serde_json::json!(["triage"]));
    assert_eq!(inspected["lies"], Json::Null);
    assert!(
        inspected["contents"]["imports"]
            .as_array()
            .is_some_and(|names| { names.iter().any(|name| name == "muster:policy/settings@1.0.0") })
    );
    assert!(inspected["description"]["zh"].is_string() && inspected["settings_schema"]["key"].is_object());
    assert_eq!(inspected["attestations"][0]["statement"]["predicate"]["id"], "ref/triage");
    assert_eq!(inspected["attestations"][0]["signatures"][0]["holder"], Json::Null);
    let said = well(&["inspect", &package, "--trust", &desk.text("trust.toml")]);
    assert!(said.contains("signed by vendor") && said.contains("answers for: triage"), "{said}");
}

#[test]
fn secrets_are_kept_from_others_and_never_printed_or_overwritten() {
    let desk = Desk::new();
    let (key, package) = (desk.key("vendor"), desk.text("triage.wasm"));
    let secret = fs::read_to_string(&key).expect("read");
    let seed = secret.lines().find_map(|line| line.strip_prefix("seed ")).expect("a seed").to_owned();
    assert_eq!(fs::metadata(&key).expect("there").permissions().mode() & 0o777, 0o600);
    let said = refused(&["keygen", "--holder", "vendor", "--out", &key]);
    assert!(said.contains("a new file") && fs::read_to_string(&key).is_ok_and(|now| now == secret), "{said}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("set");
    let said = refused(&["sign", &package, "--key", &key]);
    assert!(said.contains("others can read") && said.contains("chmod 600"), "{said}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("set");
    let broken = desk.path("broken.key");
    fs::write(&broken, secret.replace("muster secret key 1", "muster secret key 2")).expect("written");
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o600)).expect("set");
    let mut all = well(&["keygen", "--holder", "other", "--out", &desk.key("other")]);
    all += &refused(&["sign", &package, "--key", &broken.display().to_string()]);
    all += &well(&["sign", &package, "--key", &key]);
    assert!(!all.contains(&seed), "{all}");
    let other = fs::read_to_string(desk.key("other")).expect("read");
    let other = other.lines().find_map(|line| line.strip_prefix("seed ")).expect("a seed");
    assert!(!all.contains(other), "{all}");
}

#[test]
fn approvals_and_trust_files_are_signed_with_what_they_need() {
    let desk = Desk::new();
    let package = desk.text("triage.wasm");
    let key = desk.key("releaser-a");
    let base = ["approve", &package, "--key", &key, "--district", "yunhe", "--role", "triage", "--reason", "the dyke"];
    let said = refused(&[base.as_slice(), &["--kind", "break-glass"]].concat());
    assert!(said.contains("always has an end"), "{said}");
    let said = refused(&[base.as_slice(), &["--kind", "override", "--expires", "2020-01-01T00:00:00Z"]].concat());
    assert!(said.contains("over already"), "{said}");
    well(&[base.as_slice(), &["--kind", "break-glass", "--expires", "2119-01-01T00:00:00Z"]].concat());
    let said = well(&["inspect", &package, "--trust", &desk.text("trust.toml")]);
    assert!(said.contains("approval (break_glass) for triage in yunhe: the dyke, signed by releaser-a"), "{said}");

    let old = desk.text("trust.toml");
    let new = desk.text("new.toml");
    let text = fs::read_to_string(&old).expect("read");
    let weaker = text.replace("\"production\"", "\"development\"");
    fs::write(&new, &weaker).expect("written");
    let admin = desk.key("admin-a");
    let sign = ["sign-trust", new.as_str(), "--key", &admin, "--reason", "a test", "--replaces", &old];
    let said = refused(&sign);
    assert!(said.contains("write `serial = 2`"), "{said}");
    fs::write(&new, format!("serial = 2\n{weaker}")).expect("written");
    let said = well(&sign);
    assert!(said.contains("weaker: changes the profile") && said.contains("signers needed: 2"), "{said}");
    assert!(Path::new(&format!("{new}.dsse.jsonl")).exists());
}
