//! What the tests of trust share: people with keys, a trust file that names them, and statements that they sign.
#![allow(dead_code, reason = "each test file uses its part")]

use muster_kernel::{Digest, DistrictId, Instant, Role};
use muster_packages::attestation::{
    Approval, ApprovalKind, Attestations, Conformance, ConformanceResult, Denied, DenyEntry, DenyStatement, Envelope,
    Predicate, Release, ReleaseOffice, SecretKey, Statement, TrustChange,
};
use muster_packages::trust::{ApprovalCase, Case, DenyList, Trust};

pub(crate) const PACKAGE: &[u8] = b"the exact bytes of a package";

pub(crate) fn at(text: &str) -> Instant {
    Instant::parse(text).expect("an instant")
}

pub(crate) fn now() -> Instant {
    at("2021-07-20T12:00:00Z")
}

/// A key that follows from a number.
pub(crate) fn key(holder: &str, seed: u8) -> SecretKey {
    SecretKey::from_seed(holder, [seed; 32])
}

/// One `[[key]]` that is valid in 2021; `more` is added or replaces.
pub(crate) fn entry(key: &SecretKey, offices: &str, more: &str) -> String {
    let valid = if more.contains("until") { "" } else { "from = 2021-01-01T00:00:00Z\nuntil = 2022-01-01T00:00:00Z\n" };
    let (id, public, holder) = (key.public().id(), key.public(), &key.holder);
    format!(
        "[[key]]\nid = \"{id}\"\npublic = \"{public}\"\nholder = \"{holder}\"\noffices = [{offices}]\n{valid}{more}\n"
    )
}

/// The people of most tests: numbers 1 to 9.
pub(crate) struct People {
    pub(crate) vendor: SecretKey,
    pub(crate) vendor_again: SecretKey,
    pub(crate) certifier: SecretKey,
    pub(crate) releasers: [SecretKey; 2],
    pub(crate) admins: [SecretKey; 2],
    pub(crate) revokers: [SecretKey; 2],
    pub(crate) stranger: SecretKey,
}

pub(crate) fn people() -> People {
    People {
        vendor: key("Ankang Software", 1),
        vendor_again: key("Ankang Software", 2),
        certifier: key("Provincial Test Centre", 3),
        releasers: [key("李华", 4), key("王敏", 5)],
        admins: [key("Operations A", 6), key("Operations B", 7)],
        revokers: [key("Security A", 8), key("Security B", 9)],
        stranger: key("Nobody", 99),
    }
}

/// Vendor and certifier for everything; in a crisis a releaser too.
pub(crate) const RULE: &str = r#"
[[rule]]
needs = [{ office = "vendor", count = 1 }, { office = "certifier", count = 1 }]
crisis = [{ office = "vendor", count = 1 }, { office = "certifier", count = 1 }, { office = "releaser", count = 1 }]
"#;

pub(crate) fn trust_text(profile: &str, more: &str) -> String {
    let people = people();
    let keys = [
        entry(&people.vendor, "\"vendor\"", ""),
        entry(&people.vendor_again, "\"vendor\", \"certifier\"", ""),
        entry(&people.certifier, "\"certifier\"", ""),
        entry(&people.releasers[0], "\"releaser\"", ""),
        entry(&people.releasers[1], "\"releaser\"", ""),
        entry(&people.admins[0], "\"trust_admin\"", ""),
        entry(&people.admins[1], "\"trust_admin\"", ""),
        entry(&people.revokers[0], "\"revoker\"", ""),
        entry(&people.revokers[1], "\"revoker\"", ""),
    ];
    format!("profile = \"{profile}\"\n{}{more}", keys.concat())
}

pub(crate) fn trust(profile: &str, more: &str) -> Trust {
    Trust::read(trust_text(profile, more).as_bytes()).expect("a trust file")
}

pub(crate) fn production() -> Trust {
    trust("production", RULE)
}

pub(crate) fn signed(statement: &Statement, keys: &[&SecretKey]) -> String {
    let mut envelope = Envelope::of(statement.to_payload());
    for key in keys {
        envelope.sign(key);
    }
    envelope.to_line() + "\n"
}

pub(crate) fn release(package: &[u8], office: ReleaseOffice, settings: Option<Digest>) -> Statement {
    let (id, version) = ("ankang/triage".to_owned(), "1.2.0".to_owned());
    let release = Release { id, version, office, settings, at: now() };
    Statement::about("triage.wasm", Digest::of(package), Predicate::Release(release))
}

pub(crate) fn vendor_release(package: &[u8]) -> Statement {
    release(package, ReleaseOffice::Vendor, None)
}

pub(crate) fn conformance(package: &[u8], result: ConformanceResult) -> Statement {
    let conformance = Conformance {
        result,
        corpus: Digest::of(b"corpus"),
        host: "0.1.0".into(),
        fuel_max: 25_000,
        memory_bytes_max: 65_536,
        report: None,
        at: now(),
    };
    Statement::about("triage.wasm", Digest::of(package), Predicate::Conformance(conformance))
}

/// Vendor and certifier, rightly signed.
pub(crate) fn both() -> String {
    let people = people();
    signed(&vendor_release(PACKAGE), &[&people.vendor])
        + &signed(&conformance(PACKAGE, ConformanceResult::Passed), &[&people.certifier])
}

pub(crate) fn settings() -> Digest {
    Digest::of(b"settings")
}

pub(crate) fn approval(kind: ApprovalKind, district: &str, expires: Option<&str>) -> Statement {
    let approval = Approval {
        kind,
        district: district.into(),
        role: Role::Triage,
        settings: settings(),
        reason: "the dyke at Liuqu gives way".into(),
        expires: expires.map(at),
        at: now(),
    };
    Statement::about("triage.wasm", Digest::of(PACKAGE), Predicate::Approval(approval))
}

pub(crate) fn denies(denied: Denied, since: &str) -> DenyEntry {
    DenyEntry { denied, reason_zh: "私钥外泄".into(), reason_en: "the key leaked".into(), since: at(since) }
}

pub(crate) fn deny_statement(sequence: u64, entries: Vec<DenyEntry>) -> Statement {
    Statement::deny_list(DenyStatement { sequence, entries, at: at("2021-07-19T00:00:00Z") })
}

pub(crate) fn deny(entries: Vec<DenyEntry>) -> DenyList {
    let file = signed(&deny_statement(1, entries), &[&people().revokers[0]]);
    DenyList::read(&read(&file), &production(), now()).expect("a list")
}

pub(crate) fn consent(new: &[u8], serial: u64, keys: &[&SecretKey]) -> Attestations {
    let change = TrustChange { serial, reason: "rotation".into(), at: now() };
    read(&signed(&Statement::about("trust.toml", Digest::of(new), Predicate::TrustChange(change)), keys))
}

pub(crate) fn read(file: &str) -> Attestations {
    Attestations::read(file.as_bytes()).expect("a file")
}

pub(crate) fn yunhe() -> DistrictId {
    "yunhe".into()
}

/// The case of most tests.
pub(crate) fn case(district: &DistrictId) -> Case<'_> {
    Case { package: Digest::of(PACKAGE), district, role: Role::Triage, settings: settings(), at: now(), crisis: false }
}

pub(crate) fn approval_case(kind: ApprovalKind, district: &DistrictId) -> ApprovalCase<'_> {
    let Case { package, role, settings, at, .. } = case(district);
    ApprovalCase { kind, package, district, role, settings, at }
}
