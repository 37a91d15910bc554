//! Revocations that begin to count later, that only the trust file tells of, or whose evidence is gone.

use std::fs;
use std::path::{Path, PathBuf};

use muster_kernel::role::Binding;
use muster_kernel::{Digest, Milliseconds, PolicyMode};
use muster_packages::attestation::{
    Denied, DenyEntry, DenyStatement, Envelope, Predicate, Release, ReleaseOffice, SecretKey, Statement,
};
use muster_testkit::{examples, guests};
use tempfile::TempDir;

use super::*;
use crate::change::{Change, Wanted, Who};
use crate::clock::{Clock as _, RealClock, VirtualClock};
use crate::host::{Host, HostOptions};

/// A host under a trust file, whose clock is moved by hand.
struct Desk {
    host: Host,
    clock: Arc<VirtualClock>,
    trust: PathBuf,
    vendor: SecretKey,
    revoker: SecretKey,
    folder: TempDir,
    _examples: TempDir,
}

impl Desk {
    /// `vendor_revoked`: what the trust file says of the vendor's key from the start.
    fn new(vendor_revoked: Option<Milliseconds>) -> Self {
        let (examples, folder) = (examples::examples(), tempfile::tempdir().expect("a folder"));
        let now = RealClock.now();
        let clock = Arc::new(VirtualClock::at(now));
        let (vendor, revoker) = (SecretKey::from_seed("vendor", [3; 32]), SecretKey::from_seed("revoker", [7; 32]));
        let key = |key: &SecretKey, office: &str, revoked: Option<Milliseconds>| {
            let (id, public) = (key.public().id(), key.public());
            let revoked = revoked.map(|after| format!("revoked_since = {}\n", now + after)).unwrap_or_default();
            format!(
                "[[key]]\nid = \"{id}\"\npublic = \"{public}\"\nholder = \"{office}\"\noffices = [\"{office}\"]\n\
                 from = 2020-01-01T00:00:00Z\nuntil = 2120-01-01T00:00:00Z\n{revoked}"
            )
        };
        let keys = key(&vendor, "vendor", vendor_revoked) + &key(&revoker, "revoker", None);
        let trust = folder.path().join("trust.toml");
        fs::write(&trust, format!("profile = \"development\"\n{keys}")).expect("written");
        let mut options = HostOptions::live(folder.path().join("data"), vec![examples.path().join("yunhe")]);
        options.trust = Some(trust.clone());
        options.clock = Arc::clone(&clock) as Arc<dyn crate::Clock>;
        let host = Host::open(options).expect("a host");
        Self { host, clock, trust, vendor, revoker, folder, _examples: examples }
    }

    /// Activates the policy with other bytes, signed by the vendor. Gives its digest.
    fn activate(&self) -> Digest {
        let mut bytes = guests::policy("discretion").to_vec();
        bytes.extend([0, 3, 1, b'e', 1]);
        let package = Digest::of(&bytes);
        let (id, version) = ("test/discretion".into(), "1.0.0".into());
        let release = Release { id, version, office: ReleaseOffice::Vendor, settings: None, at: self.host.now() };
        let mut envelope =
            Envelope::of(Statement::about("discretion.wasm", package, Predicate::Release(release)).to_payload());
        envelope.sign(&self.vendor);
        let wanted = Wanted {
            role: Role::Discretion,
            mode: PolicyMode::Enforce,
            permille: None,
            package: Some(bytes),
            settings: None,
            attestations: Some((envelope.to_line() + "\n").into_bytes()),
            expires: None,
            dry_run: false,
        };
        let who = Who { by: "li".into(), ..Who::default() };
        let attempt = self.host.change_policy("yunhe", Change::Activate(Box::new(wanted)), &who).expect("tried");
        assert!(attempt.seq.is_some(), "{attempt:?}");
        assert_eq!(self.in_force(), Some(package));
        package
    }

    fn in_force(&self) -> Option<Digest> {
        let (core, _) = self.host.inner.core_of(&DistrictId::from("yunhe")).expect("it serves");
        core.activation(Role::Discretion, Binding::InForce).map(|bound| bound.package)
    }

    fn deny(&self, denied: Denied, since: Instant) {
        let entry = DenyEntry { denied, reason_zh: "误判".into(), reason_en: "it misjudges".into(), since };
        let list = DenyStatement { sequence: 1, entries: vec![entry], at: self.host.now() };
        let mut envelope = Envelope::of(Statement::deny_list(list).to_payload());
        envelope.sign(&self.revoker);
        fs::write(self.trust.with_file_name("deny.dsse.jsonl"), envelope.to_line() + "\n").expect("written");
        self.host.inner.trust_changed();
        let standing = self.host.inner.parts.trust.standing();
        assert_eq!(standing.deny.sequence, 1, "{:?}", standing.problem);
    }

    /// Takes what was signed about the policy in force out of the vault.
    fn lose_attestations(&self) {
        let (core, _) = self.host.inner.core_of(&DistrictId::from("yunhe")).expect("it serves");
        let bound = core.activation(Role::Discretion, Binding::InForce).expect("one is bound");
        let kept = bound.evidence.as_ref().and_then(|evidence| evidence.attestations).expect("signed").to_string();
        let file = self.folder.path().join("data/vault").join(Path::new(&kept[..2])).join(format!("{kept}.bin"));
        fs::remove_file(file).expect("it was kept");
    }

    /// Waits until the host itself has taken a package out of force.
    fn until_gone(&self, package: Digest) {
        for _ in 0..1_200 {
            if self.in_force() != Some(package) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("a revoked package answers on");
    }
}

#[test]
fn what_is_revoked_from_an_instant_on_leaves_at_that_instant() {
    let desk = Desk::new(None);
    let package = desk.activate();
    let since = desk.host.now() + Milliseconds::hours(1);
    desk.deny(Denied::Package(package), since);
    assert_eq!(desk.in_force(), Some(package), "it counts from later on");
    desk.clock.set(since);
    desk.until_gone(package);
}

#[test]
fn a_key_that_the_trust_file_alone_revokes_takes_its_packages_with_it() {
    let after = Milliseconds::hours(1);
    let desk = Desk::new(Some(after));
    let package = desk.activate();
    assert_eq!(desk.host.inner.parts.trust.standing().deny.sequence, 0, "there is no deny-list");
    desk.clock.set(desk.host.now() + after + after);
    desk.until_gone(package);
}

#[test]
fn what_is_revoked_goes_although_what_was_signed_about_it_is_lost() {
    let desk = Desk::new(None);
    let package = desk.activate();
    desk.lose_attestations();
    desk.deny(Denied::Package(package), desk.host.now());
    assert_ne!(desk.in_force(), Some(package));
    let desk = Desk::new(None);
    let package = desk.activate();
    desk.lose_attestations();
    desk.host.inner.trust_changed();
    assert_eq!(desk.in_force(), Some(package), "nothing is revoked yet");
    desk.deny(Denied::Key(desk.vendor.public().id()), desk.host.now());
    assert_ne!(desk.in_force(), Some(package));
}
