//! Every way in which a package is not believed, each with its own message; and what nobody can slip past the judge.

mod support;

use std::fmt::Write as _;

use muster_kernel::{Digest, Role};
use muster_packages::attestation::{ConformanceResult, Denied, ReleaseOffice};
use muster_packages::trust::{Case, DenyList, Office, Profile, Reason, Trust};
use proptest::prelude::*;
use support::*;

/// A way to be refused in production.
struct Refused {
    name: &'static str,
    trust: Trust,
    file: String,
    deny: DenyList,
    change: fn(&mut Case<'_>),
}

impl Refused {
    fn new(name: &'static str, file: String) -> Self {
        Self { name, trust: production(), file, deny: DenyList::none(), change: |_| {} }
    }
}

fn table() -> Vec<Refused> {
    let people = people();
    let vendor = signed(&vendor_release(PACKAGE), &[&people.vendor]);
    let certified = signed(&conformance(PACKAGE, ConformanceResult::Passed), &[&people.certifier]);
    let scoped = |more: &str| {
        let keys = entry(&people.stranger, "\"vendor\"", more);
        trust("production", &(keys + RULE))
    };
    let by_stranger = signed(&vendor_release(PACKAGE), &[&people.stranger]) + &certified;
    let foreign = signed(&vendor_release(PACKAGE), &[&people.vendor]).replacen("\"signatures\"", "\"signature\"", 1);
    vec![
        Refused::new("unsigned", String::new()),
        Refused::new("single-signed", vendor.clone()),
        Refused::new(
            "one holder with two keys in two offices",
            vendor.clone() + &signed(&conformance(PACKAGE, ConformanceResult::Passed), &[&people.vendor_again]),
        ),
        Refused {
            trust: trust("production", "[[rule]]\nneeds = [{ office = \"vendor\", count = 2 }]\n"),
            ..Refused::new(
                "one holder with two keys in one office",
                signed(&vendor_release(PACKAGE), &[&people.vendor, &people.vendor_again]),
            )
        },
        Refused {
            trust: trust("production", "[[rule]]\nneeds = [{ office = \"vendor\", count = 2 }]\n"),
            ..Refused::new("one key that signed two statements", vendor.clone() + &vendor)
        },
        Refused::new("tampered", tampered(&vendor) + &certified),
        Refused { change: |case| case.package = Digest::of(b"another"), ..Refused::new("substituted", both()) },
        Refused {
            change: |case| case.at = at("2022-01-01T00:00:00Z"),
            ..Refused::new("expired: its last instant is the one before", both())
        },
        Refused { change: |case| case.at = at("2020-12-31T23:59:59Z"), ..Refused::new("not yet valid", both()) },
        Refused { trust: scoped("districts = [\"hailan\"]"), ..Refused::new("another district", by_stranger.clone()) },
        Refused { trust: scoped("roles = [\"oversight\"]"), ..Refused::new("another role", by_stranger.clone()) },
        Refused {
            trust: scoped("revoked_since = 2021-07-01T00:00:00Z"),
            ..Refused::new("a key revoked in the trust file", by_stranger.clone())
        },
        Refused {
            deny: deny(vec![denies(Denied::Key(people.vendor.public().id()), "2021-07-01T00:00:00Z")]),
            ..Refused::new("a key on the deny-list", both())
        },
        Refused {
            deny: deny(vec![denies(Denied::Package(Digest::of(PACKAGE)), "2021-07-01T00:00:00Z")]),
            ..Refused::new("a package on the deny-list", both())
        },
        Refused::new("without office", certified.clone() + &signed(&vendor_release(PACKAGE), &[&people.certifier])),
        Refused::new(
            "signed for other settings",
            certified.clone()
                + &signed(&release(PACKAGE, ReleaseOffice::Vendor, Some(Digest::of(b"x"))), &[&people.vendor]),
        ),
        Refused::new(
            "certified as failed",
            vendor.clone() + &signed(&conformance(PACKAGE, ConformanceResult::Failed), &[&people.certifier]),
        ),
        Refused::new("an unknown key", by_stranger),
        Refused::new("not an envelope", certified.clone() + &foreign),
        Refused { trust: trust("production", ""), ..Refused::new("no rule", both()) },
        Refused { change: |case| case.crisis = true, ..Refused::new("a crisis needs more", both()) },
        Refused {
            trust: Trust { deny_list_days_max: Some(30), ..production() },
            ..Refused::new("no deny-list where one is required", both())
        },
        Refused {
            trust: Trust { deny_list_days_max: Some(30), ..production() },
            deny: deny(Vec::new()),
            change: |case| case.at = at("2021-08-18T00:00:00.001Z"),
            ..Refused::new("a deny-list one millisecond too old", both())
        },
    ]
}

/// The last character of the payload's first half changed.
fn tampered(line: &str) -> String {
    let place = line.find("\"payload\":\"").expect("a payload") + 60;
    let other = if line.as_bytes()[place] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &line[..place], &line[place + 1..])
}

#[test]
fn every_refusal_has_its_own_message() {
    let district = yunhe();
    let mut text = String::new();
    for refused in table() {
        let mut case = case(&district);
        (refused.change)(&mut case);
        let judged = refused.trust.judge(&case, &read(&refused.file), &refused.deny);
        let refusal = judged.expect_err(refused.name);
        writeln!(text, "## {} [{}]\n{refusal}\n{}\n", refused.name, refusal.reason.code(), refusal.chinese())
            .expect("written");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_signed_as_the_rules_want_it_is_used_and_the_signers_are_named() {
    let district = yunhe();
    let evidence = production().judge(&case(&district), &read(&both()), &DenyList::none()).expect("signed by both");
    let signers: Vec<_> = evidence.signers.iter().map(|signer| (signer.holder.as_str(), signer.office)).collect();
    assert_eq!(signers, [("Ankang Software", Office::Vendor), ("Provincial Test Centre", Office::Certifier)]);
    assert!(evidence.warnings.is_empty());
    assert_eq!(evidence.attestations, Digest::of(both().as_bytes()));
}

#[test]
fn a_crisis_rule_is_satisfied_by_three() {
    let district = yunhe();
    let file = both() + &signed(&release(PACKAGE, ReleaseOffice::Releaser, None), &[&people().releasers[0]]);
    let case = Case { crisis: true, ..case(&district) };
    let evidence = production().judge(&case, &read(&file), &DenyList::none()).expect("three signed");
    assert_eq!(evidence.signers.len(), 3);
}

#[test]
fn who_holds_two_offices_fills_the_place_that_nobody_else_can() {
    // The vendor's second key may certify too; the certifier may not release. Whoever comes first in the file, the
    // places are filled so that both are.
    let people = people();
    let certified = conformance(PACKAGE, ConformanceResult::Passed);
    let lines = [
        signed(&certified, &[&people.vendor_again]),
        signed(&vendor_release(PACKAGE), &[&people.vendor_again]),
        signed(&certified, &[&people.certifier]),
    ];
    let district = yunhe();
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
        let file: String = order.iter().map(|index| lines[*index].as_str()).collect();
        production().judge(&case(&district), &read(&file), &DenyList::none()).expect("both places are filled");
    }
}

#[test]
fn every_rule_that_matches_must_be_satisfied() {
    let more = format!(
        "{RULE}[[rule]]\nroles = [\"triage\"]\ndistricts = [\"yunhe\"]\nneeds = [{{ office = \"releaser\", count = 1 }}]\n"
    );
    let trust = trust("production", &more);
    let (yunhe, hailan, drill) = (yunhe(), "hailan".into(), "yunhe.exercise".into());
    let judge = |case: &Case<'_>| trust.judge(case, &read(&both()), &DenyList::none());
    judge(&case(&hailan)).expect("only the first rule matches");
    judge(&Case { role: Role::Workflow, ..case(&yunhe) }).expect("only the first rule matches");
    for district in [yunhe, drill] {
        let refusal = judge(&case(&district)).expect_err("a releaser is missing");
        assert!(matches!(refusal.reason, Reason::TooFew { rule: 2, .. }), "{refusal}");
    }
}

#[test]
fn old_lines_that_no_longer_count_do_no_harm_beside_those_that_do() {
    let people = people();
    let old = signed(&vendor_release(b"the version before"), &[&people.vendor]);
    let stolen = signed(&vendor_release(PACKAGE), &[&people.vendor_again]);
    let deny = deny(vec![denies(Denied::Key(people.vendor_again.public().id()), "2021-07-01T00:00:00Z")]);
    let district = yunhe();
    let judged = production().judge(&case(&district), &read(&(old + &stolen + &both())), &deny);
    let evidence = judged.expect("the others are enough");
    assert_eq!(evidence.warnings.iter().map(Reason::code).collect::<Vec<_>>(), ["substituted", "key_revoked"]);
    assert_eq!((evidence.signers.len(), evidence.deny_sequence), (2, 1));
}

#[test]
fn a_revocation_ahead_of_its_time_does_not_count_yet() {
    let people = people();
    let deny = deny(vec![denies(Denied::Key(people.vendor.public().id()), "2021-07-20T12:00:01Z")]);
    let district = yunhe();
    production().judge(&case(&district), &read(&both()), &deny).expect("one second early");
    let later = Case { at: at("2021-07-20T12:00:01Z"), ..case(&district) };
    production().judge(&later, &read(&both()), &deny).expect_err("now it counts");
}

#[test]
fn development_warns_where_production_refuses_but_never_about_what_was_revoked_or_tampered_with() {
    let district = yunhe();
    for refused in table() {
        let mut case = case(&district);
        (refused.change)(&mut case);
        let trust = Trust { profile: Profile::Development, ..refused.trust };
        let judged = trust.judge(&case, &read(&refused.file), &refused.deny);
        let name = refused.name;
        if name.contains("tampered")
            || name.contains("deny-list") && name.starts_with("a ") && !name.contains("old")
            || name.contains("revoked")
        {
            judged.expect_err(name);
        } else if name != "no rule" {
            assert!(!judged.expect(name).warnings.is_empty(), "{name}");
        }
    }
    assert!(trust("development", "").warning().is_some() && production().warning().is_none());
}

proptest! {
    /// Whatever byte of the attestations is changed: either it is refused, or what was signed is still exactly that
    /// (base64 has two alphabets).
    #[test]
    fn no_changed_byte_of_an_envelope_is_believed(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = both().into_bytes();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != byte);
        bytes[place] = byte;
        let district = yunhe();
        let Ok(file) = muster_packages::attestation::Attestations::read(&bytes) else { return Ok(()) };
        if let Ok(evidence) = production().judge(&case(&district), &file, &DenyList::none()) {
            let honest = production().judge(&case(&district), &read(&both()), &DenyList::none()).expect("honest");
            prop_assert_eq!(evidence.signers, honest.signers);
            let envelopes = |file: &muster_packages::attestation::Attestations| {
                file.envelopes().cloned().collect::<Vec<_>>()
            };
            prop_assert_eq!(envelopes(&file), envelopes(&read(&both())));
        }
    }

    #[test]
    fn no_changed_byte_of_a_package_is_believed(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = PACKAGE.to_vec();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != byte);
        bytes[place] = byte;
        let district = yunhe();
        let case = Case { package: Digest::of(&bytes), ..case(&district) };
        let refusal = production().judge(&case, &read(&both()), &DenyList::none());
        let substituted = matches!(refusal.expect_err("another package").reason, Reason::Substituted { .. });
        prop_assert!(substituted);
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        drop(muster_packages::attestation::Attestations::read(&bytes));
        drop(Trust::read(&bytes));
        drop(muster_packages::attestation::Statement::read(&bytes));
    }
}
