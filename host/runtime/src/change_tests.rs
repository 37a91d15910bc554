//! Changes that something overtakes while they are prepared.

use std::fs;

use muster_kernel::record::{Evidence, Exception};
use muster_kernel::state::Past;
use muster_packages::attestation::{Denied, DenyEntry, DenyStatement, Envelope, SecretKey, Statement};
use muster_testkit::{examples, guests};

use super::*;
use crate::host::HostOptions;

/// The same policy with other bytes: a custom section more, that means nothing to anybody.
fn edition(name: u8) -> Vec<u8> {
    let mut bytes = guests::policy("discretion").to_vec();
    bytes.extend([0, 3, 1, b'e', name]);
    bytes
}

/// A trust file that lets in what nobody signed, and one person who may revoke.
fn trust(revoker: &SecretKey) -> String {
    let public = revoker.public();
    format!(
        "profile = \"development\"\n[[key]]\nid = \"{}\"\npublic = \"{public}\"\nholder = \"revoker\"\n\
         offices = [\"revoker\"]\nfrom = 2020-01-01T00:00:00Z\nuntil = 2120-01-01T00:00:00Z\n",
        public.id()
    )
}

fn deny(revoker: &SecretKey, package: Digest, now: Instant) -> String {
    let entry = DenyEntry {
        denied: Denied::Package(package),
        reason_zh: "误判".into(),
        reason_en: "it misjudges".into(),
        since: now,
    };
    let list = DenyStatement { sequence: 1, entries: vec![entry], at: now };
    let mut envelope = Envelope::of(Statement::deny_list(list).to_payload());
    envelope.sign(revoker);
    envelope.to_line() + "\n"
}

#[test]
fn what_is_revoked_while_it_is_looked_at_never_takes_force() {
    let (examples, desk) = (examples::examples(), tempfile::tempdir().expect("a folder"));
    let revoker = SecretKey::from_seed("revoker", [7; 32]);
    let file = desk.path().join("trust.toml");
    fs::write(&file, trust(&revoker)).expect("written");
    let mut options = HostOptions::live(desk.path().join("data"), vec![examples.path().join("yunhe")]);
    options.trust = Some(file.clone());
    let host = Host::open(options).expect("a host");
    let (inner, id) = (&host.inner, DistrictId::from("yunhe"));
    let seat = &inner.seats[&id];
    let in_force = || {
        let (core, _) = inner.core_of(&id).expect("it serves");
        core.activation(Role::Discretion, Binding::InForce).expect("one is bound").package
    };
    // Every step before the last, as `change` takes them.
    let admitted = |name: u8| {
        let (core, crisis) = inner.core_of(&id).expect("it serves");
        let wanted = Wanted {
            role: Role::Discretion,
            mode: PolicyMode::Enforce,
            permille: None,
            package: Some(edition(name)),
            settings: None,
            attestations: None,
            expires: None,
            dry_run: false,
        };
        let who = Who { by: "li".into(), ..Who::default() };
        let candidate = inner.candidate(&core, seat, wanted, &who).expect("a candidate");
        let judged_by = inner.parts.trust.standing();
        let (parts, now) = (&inner.parts, inner.clock.now());
        let scene = Scene { parts, district: &id, core: &core, crisis, now, dry_run: false };
        let (attempt, install) = scene.admit(&candidate);
        let install = install.unwrap_or_else(|| panic!("{attempt:?}"));
        (judged_by, attempt, install)
    };
    let before = in_force();
    let (judged_by, mut attempt, install) = admitted(1);
    fs::write(file.with_file_name("deny.dsse.jsonl"), deny(&revoker, install.activation.package, host.now()))
        .expect("written");
    inner.trust_changed();
    assert_eq!(inner.parts.trust.standing().deny.sequence, 1, "{:?}", inner.parts.trust.standing().problem);
    inner.install(&id, &judged_by, install, &mut attempt);
    assert_eq!(attempt.seq, None);
    let refused = attempt.refusal().expect("a refusal");
    assert!(refused.words.en.contains("deny-list changed"), "{refused:?}");
    assert_eq!(in_force(), before, "a revoked package took force");
    // What is judged by the lists in force takes force as ever, and goes when it is revoked afterwards.
    let (judged_by, mut attempt, install) = admitted(2);
    let package = install.activation.package;
    inner.install(&id, &judged_by, install, &mut attempt);
    assert!(attempt.seq.is_some(), "{attempt:?}");
    assert_eq!(in_force(), package);
    host.close();
}

/// A state in which these were in force, one after the other.
fn after(history: &[Activation]) -> Core {
    let mut core = Core::default();
    let past = |activation: &Activation| Past { seq: 1, at: Instant::MAX, activation: activation.clone() };
    core.standby.entry(Role::Discretion).or_default().history = history.iter().map(past).collect();
    core.policies.extend(history.last().map(|last| (Role::Discretion, last.clone())));
    core
}

#[test]
fn a_rollback_never_brings_back_what_was_let_in_for_a_time() {
    let plain = |name: &str| {
        Activation::plain(Role::Discretion, name, "1.0.0", Digest::of(name.as_bytes()), Digest::ZERO, "none")
    };
    let broken = Activation { expires: Some(Instant::from_millis(1)), ..plain("broken") };
    let kind = Exception::BREAK_GLASS.to_owned();
    let exception = Exception { kind, people: vec!["li".into(), "wang".into()], reason: "water".into() };
    let evidence = Evidence { exceptions: vec![exception], ..Evidence::default() };
    let endless = Activation { evidence: Some(Box::new(evidence)), ..plain("endless") };
    let (first, second) = (plain("first"), plain("second"));
    let core = after(&[second.clone(), broken.clone(), endless.clone(), second.clone()]);
    for to in [None, Some(broken.package), Some(endless.package)] {
        assert!(matches!(past(&core, Role::Discretion, to), Err(ChangeError::NoPast(..))), "{to:?}");
    }
    let core = after(&[first.clone(), second.clone(), broken, endless, second]);
    assert_eq!(past(&core, Role::Discretion, None).expect("a past"), &first);
}
