//! The trust file: what it may say, how it is changed, and who may change it; the deny-list; approvals.

mod support;

use std::fmt::Write as _;

use muster_kernel::Digest;
use muster_packages::attestation::{ApprovalKind, Attestations, Denied, SecretKey};
use muster_packages::trust::{ChangeError, DenyError, DenyList, Trust, change};
use support::*;

#[test]
fn what_a_trust_file_cannot_say_is_named_with_its_field() {
    let people = people();
    let text = trust_text("production", RULE);
    let vendor = people.vendor.public().id().to_string();
    let need = "needs = [{ office = \"vendor\", count = 1 }, ";
    let cases = [
        ("not TOML", "profile = ".to_owned()),
        ("an unknown word", text.replace("profile =", "proflie =")),
        ("a key's id that is not its own", text.replacen(&vendor, "0123456789abcdef", 1)),
        ("a key that is none", text.replacen(&people.vendor.public().to_string(), "12", 1)),
        ("a validity that ends before it begins", text.replacen("2022-01-01", "2020-01-01", 1)),
        ("a time without offset", text.replacen("2022-01-01T00:00:00Z", "2022-01-01T00:00:00", 1)),
        ("a key twice", format!("{text}{}", entry(&people.vendor, "\"vendor\"", ""))),
        ("two spellings of one holder", format!("{text}{}", entry(&key("ankang  software", 50), "\"vendor\"", ""))),
        ("no office", text.replacen("offices = [\"vendor\"]", "offices = []", 1)),
        ("an admin of one district", text.replacen("[\"trust_admin\"]", "[\"trust_admin\"]\ndistricts = [\"a\"]", 1)),
        ("a rule that needs nobody", text.replacen("count = 1", "count = 0", 1)),
        (
            "an office twice",
            text.replacen(need, "needs = [{ office = \"vendor\", count = 1 }, { office = \"vendor\", count = 1 }, ", 1),
        ),
        (
            "an office that does not sign packages",
            text.replacen("needs = [{ office = \"vendor\"", "needs = [{ office = \"revoker\"", 1),
        ),
        (
            "a crisis that needs less",
            text.replacen("needs = [{ office = \"vendor\", count = 1", "needs = [{ office = \"vendor\", count = 2", 1),
        ),
        ("weakening as easy as strengthening", format!("change = {{ strengthen = 2, weaken = 2 }}\n{text}")),
        ("one who breaks the glass alone", format!("approval = {{ break_glass = 1 }}\n{text}")),
        ("a change that nobody could sign", format!("change = {{ strengthen = 1, weaken = 3 }}\n{text}")),
        ("serial 0", format!("serial = 0\n{text}")),
    ];
    let mut told = String::new();
    for (name, text) in cases {
        let error = Trust::read(text.as_bytes()).expect_err(name);
        writeln!(told, "## {name}\n{error}\n").expect("written");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_change_is_said_in_words_and_nothing_that_gives_more_say_passes_for_strengthening() {
    let base = || trust_text("production", RULE);
    let people = people();
    let vendor = entry(&people.vendor, "\"vendor\"", "");
    let replaced = |with: &str| base().replace(&vendor, with);
    let changes = [
        ("development", base().replace("\"production\"", "\"development\"")),
        ("a deny-list is required", format!("deny_list_days_max = 30\n{}", base())),
        (
            "two to strengthen",
            format!("change = {{ strengthen = 2, weaken = 3 }}\n{}", base())
                .replace("[[rule]]", &format!("{}[[rule]]", entry(&key("Operations C", 60), "\"trust_admin\"", ""))),
        ),
        ("three to override", format!("approval = {{ override = 3 }}\n{}", base())),
        ("a new key", base().replace("[[rule]]", &format!("{}[[rule]]", entry(&people.stranger, "\"vendor\"", "")))),
        ("a key gone", replaced("")),
        ("a key for more offices", replaced(&entry(&people.vendor, "\"vendor\", \"releaser\"", ""))),
        ("a key for fewer districts", replaced(&entry(&people.vendor, "\"vendor\"", "districts = [\"yunhe\"]"))),
        ("a key for longer", replaced(&vendor.replace("2022-01-01", "2023-01-01"))),
        ("a key for less long", replaced(&vendor.replace("2022-01-01", "2021-12-01"))),
        ("a key revoked", replaced(&entry(&people.vendor, "\"vendor\"", "revoked_since = 2021-07-01T00:00:00Z"))),
        ("a key for somebody else", replaced(&entry(&key("Somebody", 1), "\"vendor\"", ""))),
        (
            "one signer more in a crisis",
            base().replace("office = \"releaser\", count = 1", "office = \"releaser\", count = 2"),
        ),
        (
            "a rule for one role in one district more",
            base()
                + "[[rule]]\nroles = [\"discretion\"]\ndistricts = [\"yunhe\"]\nneeds = [{ office = \"releaser\", count = 1 }]\n",
        ),
        (
            "the rule for one district only",
            base().replace("[[rule]]", "[[rule]]\ndistricts = [\"yunhe\"]\nroles = [\"triage\"]"),
        ),
        ("no rule", base().replace(RULE, "")),
    ];
    let old = Trust::read(base().as_bytes()).expect("a trust file");
    let mut told = String::new();
    for (name, text) in changes {
        let new = Trust::read(text.as_bytes()).expect(name);
        let forth = change(&old, &new);
        let back = change(&new, &old);
        // Another holder is a weakening both ways: somebody has a say who had none.
        if name != "a key for somebody else" {
            assert_eq!(forth.weakens.len(), back.strengthens.len(), "{name}: {forth:?} {back:?}");
        }
        writeln!(told, "## {name}").expect("written");
        for (word, lines) in [("strengthens", &forth.strengthens), ("weakens", &forth.weakens)] {
            // The many roles of one rule read alike.
            lines.iter().take(3).for_each(|line| writeln!(told, "{word}: {line}").expect("written"));
            if lines.len() > 3 {
                writeln!(told, "{word}: … {} in all", lines.len()).expect("written");
            }
        }
        writeln!(told).expect("written");
    }
    insta::assert_snapshot!(told);
}

fn try_change(new: &str, keys: &[&SecretKey]) -> Result<(), ChangeError> {
    let serial = Trust::read(new.as_bytes()).expect("usable").serial;
    production().accept(new.as_bytes(), &consent(new.as_bytes(), serial, keys), &DenyList::none(), now()).map(drop)
}

#[test]
fn weakening_needs_more_holders_than_strengthening() {
    let [a, b] = &people().admins;
    let stricter = format!("serial = 2\ndeny_list_days_max = 30\n{}", trust_text("production", RULE));
    let weaker = format!("serial = 2\n{}", trust_text("development", RULE));
    try_change(&stricter, &[a]).expect("one is enough to strengthen");
    assert!(matches!(try_change(&stricter, &[]), Err(ChangeError::TooFew { needed: 1, signed: 0, .. })));
    let error = try_change(&weaker, &[a]).expect_err("one is not enough to weaken");
    assert!(matches!(error, ChangeError::TooFew { needed: 2, signed: 1, .. }), "{error}");
    insta::assert_snapshot!(error, @"the new trust file weakens (changes the profile from production to development): 2 distinct trust admins of the file in force must sign it, 1 did; sign it with `muster sign-trust`");
    try_change(&weaker, &[a, b]).expect("two are");
    let error = try_change(&weaker, &[a, &people().vendor]).expect_err("a vendor is no admin");
    assert!(matches!(error, ChangeError::TooFew { signed: 1, .. }), "{error}");
}

#[test]
fn an_older_trust_file_never_comes_back() {
    let [a, b] = &people().admins;
    let old = format!("# as it was\n{}", trust_text("development", RULE));
    assert!(matches!(try_change(&old, &[a, b]), Err(ChangeError::Serial { given: 1, known: 1 })));
}

#[test]
fn a_consent_to_other_bytes_counts_for_nothing() {
    let [a, b] = &people().admins;
    let signed = format!("serial = 2\n{}", trust_text("production", RULE));
    let consent = consent(signed.as_bytes(), 2, &[a, b]);
    let slipped = format!("{signed}# one byte more");
    let error = production().accept(slipped.as_bytes(), &consent, &DenyList::none(), now()).expect_err("other bytes");
    assert!(matches!(error, ChangeError::TooFew { signed: 0, .. }), "{error}");
    production().accept(signed.as_bytes(), &consent, &DenyList::none(), now()).expect("these bytes");
}

#[test]
fn a_key_is_rotated_while_both_are_valid() {
    let people = people();
    let [a, b] = &people.admins;
    let next = key("Ankang Software", 70);
    let rotated = format!("serial = 2\n{}{}", trust_text("production", RULE), entry(&next, "\"vendor\"", ""));
    try_change(&rotated, &[a]).expect_err("a new key gives somebody a say: one is not enough");
    try_change(&rotated, &[a, b]).expect("two are");
    // In the overlap, what either key signed counts, and both together count once.
    let trust = Trust::read(rotated.as_bytes()).expect("usable");
    let district = yunhe();
    for key in [&people.vendor, &next] {
        let certified = both().lines().nth(1).expect("the certifier's line").to_owned();
        let file = signed(&vendor_release(PACKAGE), &[key]) + &certified;
        trust.judge(&case(&district), &read(&file), &DenyList::none()).expect("either key");
    }
}

#[test]
fn a_denied_admin_has_no_say() {
    let [a, b] = &people().admins;
    let deny = deny(vec![denies(Denied::Key(a.public().id()), "2021-07-01T00:00:00Z")]);
    let new = format!("serial = 2\n{}", trust_text("development", RULE));
    let error = production().accept(new.as_bytes(), &consent(new.as_bytes(), 2, &[a, b]), &deny, now());
    assert!(matches!(error, Err(ChangeError::TooFew { signed: 1, .. })));
}

fn list(sequence: u64, denied: &[Denied], keys: &[&SecretKey]) -> DenyList {
    let entries = denied.iter().map(|one| denies(one.clone(), "2021-07-01T00:00:00Z")).collect();
    let file = read(&signed(&deny_statement(sequence, entries), keys));
    DenyList::read(&file, &production(), now()).expect("a list")
}

#[test]
fn a_deny_list_only_grows_unless_two_take_something_back() {
    let [a, b] = &people().revokers;
    let (one, two) = (Denied::Package(Digest::of(b"1")), Denied::Package(Digest::of(b"2")));
    let known = list(5, std::slice::from_ref(&one), &[a]);
    let follow = |new: &DenyList| new.may_follow(&known, &production(), now());
    follow(&list(6, &[one.clone(), two.clone()], &[a])).expect("one adds");
    follow(&known).expect("the same list again");
    assert_eq!(follow(&list(4, &[one.clone(), two.clone()], &[a, b])), Err(DenyError::Rollback { given: 4, known: 5 }));
    assert_eq!(follow(&list(5, std::slice::from_ref(&two), &[a, b])), Err(DenyError::Forked(5)));
    let error = follow(&list(6, std::slice::from_ref(&two), &[a])).expect_err("one takes back");
    insta::assert_snapshot!(error, @"the deny-list takes package 6b86b273ff34 back, which 2 distinct revokers must sign; 1 did: have another sign with `muster revoke --cosign`");
    follow(&list(6, &[two], &[a, b])).expect("two take back");
}

#[test]
fn a_revoker_whose_key_is_denied_does_not_take_it_back() {
    let [a, b] = &people().revokers;
    let known = list(5, &[Denied::Key(a.public().id())], &[b]);
    let error = list(6, &[], &[a, b]).may_follow(&known, &production(), now()).expect_err("only one has a say");
    assert!(matches!(error, DenyError::Weakens { signed: 1, .. }), "{error}");
}

#[test]
fn the_newest_list_that_is_rightly_signed_is_the_list() {
    let people = people();
    let [a, _] = &people.revokers;
    let file = [
        signed(&deny_statement(1, Vec::new()), &[a]),
        signed(&deny_statement(3, Vec::new()), &[&people.vendor]),
        signed(&deny_statement(2, Vec::new()), &[a]),
    ];
    let newest = DenyList::read(&read(&file.concat()), &production(), now()).expect("a list");
    assert_eq!((newest.sequence, newest.faults.len()), (2, 1));
    let error = DenyList::read(&read(&file[1]), &production(), now()).expect_err("a vendor revokes nothing");
    assert!(matches!(error, DenyError::NotSigned { needed: 1, .. }), "{error}");
    let fork = signed(&deny_statement(2, vec![denies(Denied::Package(Digest::ZERO), "2021-07-01T00:00:00Z")]), &[a]);
    let error = DenyList::read(&read(&(file.concat() + &fork)), &production(), now()).expect_err("two of one number");
    assert_eq!(error, DenyError::Forked(2));
}

#[test]
fn approvals_are_counted_by_holder_and_hold_for_exactly_what_was_signed() {
    let [a, b] = &people().releasers;
    let end = Some("2021-07-21T00:00:00Z");
    let glass = |keys: &[&SecretKey]| signed(&approval(ApprovalKind::BreakGlass, "yunhe", end), keys);
    let district = yunhe();
    let seek = |file: &str, case: &muster_packages::trust::ApprovalCase<'_>| {
        production().approvals(case, &read(file), &DenyList::none())
    };
    let wanted = approval_case(ApprovalKind::BreakGlass, &district);
    assert!(!seek(&glass(&[a]), &wanted).suffice(), "one person does not break the glass");
    assert!(!seek(&(glass(&[a]) + &glass(&[a])), &wanted).suffice(), "nor does one person twice");
    let both = seek(&glass(&[a, b]), &wanted);
    assert!(both.suffice());
    assert_eq!((both.given[1].signer.holder.as_str(), both.expires()), ("王敏", end.map(at)));
    let expired = muster_packages::trust::ApprovalCase { at: at("2021-07-21T00:00:00Z"), ..wanted };
    assert_eq!(seek(&glass(&[a, b]), &expired).faults.len(), 2);
    let others = [
        muster_packages::trust::ApprovalCase { settings: Digest::ZERO, ..wanted },
        muster_packages::trust::ApprovalCase { role: muster_kernel::Role::Workflow, ..wanted },
        muster_packages::trust::ApprovalCase { kind: ApprovalKind::Widen, ..wanted },
        muster_packages::trust::ApprovalCase { package: Digest::ZERO, ..wanted },
    ];
    for other in others {
        assert!(seek(&glass(&[a, b]), &other).given.is_empty(), "{other:?}");
    }
    let hailan = "hailan".into();
    assert!(seek(&glass(&[a, b]), &approval_case(ApprovalKind::BreakGlass, &hailan)).given.is_empty());
}

#[test]
fn approvals_of_what_is_revoked_or_by_those_who_may_not_count_for_nothing() {
    let people = people();
    let file = signed(&approval(ApprovalKind::Widen, "yunhe", None), &[&people.vendor]);
    let district = yunhe();
    let wanted = approval_case(ApprovalKind::Widen, &district);
    let found = production().approvals(&wanted, &read(&file), &DenyList::none());
    assert_eq!((found.given.len(), found.faults[0].code()), (0, "without_office"));
    let file = signed(&approval(ApprovalKind::Widen, "yunhe", None), &[&people.releasers[0]]);
    assert!(production().approvals(&wanted, &read(&file), &DenyList::none()).suffice());
    let deny = deny(vec![denies(Denied::Package(Digest::of(PACKAGE)), "2021-07-01T00:00:00Z")]);
    assert!(!production().approvals(&wanted, &read(&file), &deny).suffice());
}

#[test]
fn breaking_the_glass_without_an_end_is_no_statement() {
    let file = signed(&approval(ApprovalKind::BreakGlass, "yunhe", None), &[&people().releasers[0]]);
    let district = yunhe();
    let wanted = approval_case(ApprovalKind::BreakGlass, &district);
    let found = production().approvals(&wanted, &read(&file), &DenyList::none());
    assert_eq!(found.faults[0].code(), "malformed");
    assert!(Attestations::none().lines.is_empty());
}
