//! Tokens: their form, their life, where they lie, and the first one. In virtual time; the disk is real.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use muster_access::token::{
    BootstrapError, ChangeError, Deed, FileStore, IssueError, Issued, Limits, RevokeError, Shown, StoreError,
    TOKEN_BYTES, TokenId, TokenRegister, TokenStore, Wanted, bootstrap,
};
use muster_access::{
    AccessRole, Binding, Chance, ChanceError, Identity, Proof, ProofFailure, Subject, System, UNAUTHENTICATED,
};
use muster_kernel::{Instant, Milliseconds};
use proptest::prelude::*;

const LIMITS: Limits = Limits { life_max: Milliseconds::hours(24 * 90) };

/// Bytes that follow from a number.
struct Counting(u8);

impl Chance for Counting {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ChanceError> {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
        Ok(())
    }
}

struct NoChance;

impl Chance for NoChance {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), ChanceError> {
        Err(ChanceError("no entropy".into()))
    }
}

fn day(day: i64) -> Instant {
    Instant::from_millis(day * 86_400_000)
}

fn operator() -> Identity {
    Identity {
        subject: Subject::parse("ops").expect("a subject"),
        display_name: "Operations".into(),
        bindings: vec![Binding::of_host(AccessRole::Operator)],
        posts: BTreeSet::new(),
        sources: BTreeSet::new(),
        proof: Proof::ClientCertificate { subject: "CN=ops".into(), digest: muster_kernel::Digest::ZERO },
    }
}

fn wanted(subject: &str, expires: Instant) -> Wanted {
    Wanted {
        subject: Subject::parse(subject).expect("a subject"),
        display_name: subject.to_uppercase(),
        bindings: vec![Binding::at(AccessRole::DutyOfficer, "yunhe", "990100901")],
        posts: BTreeSet::new(),
        sources: BTreeSet::from(["urn:app:muster:street:990100901".to_owned()]),
        expires,
    }
}

fn issued(register: &mut TokenRegister, chance: &mut impl Chance) -> Issued {
    register.issue(wanted("li", day(30)), &operator(), day(1), LIMITS, chance).expect("issued")
}

#[test]
fn a_token_is_recognised_by_its_form() {
    let token = issued(&mut TokenRegister::default(), &mut Counting(0));
    insta::assert_snapshot!(token.text.expose(), @"muster_0001020304050607_08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627b13c4d7f");
    assert_eq!(token.text.expose().len(), TOKEN_BYTES);
    assert_eq!(format!("{:?}", token.text), "TokenText(…)");
    assert!(Shown::is_ours(token.text.expose()) && !Shown::is_ours("eyJhbGciOiJFUzI1NiJ9.e30.x"));
}

#[test]
fn a_token_proves_its_holder_until_it_ends() {
    let mut register = TokenRegister::default();
    let token = issued(&mut register, &mut System);
    let (identity, is_new_day) = register.prove(token.text.expose(), day(2)).expect("valid");
    assert_eq!((identity.subject.as_str(), is_new_day), ("li", true));
    assert_eq!(identity.bindings, wanted("li", day(30)).bindings);
    assert_eq!(identity.sources, wanted("li", day(30)).sources);
    assert_eq!(identity.proof, Proof::Token { id: token.id, one_time: false });
    assert!(!register.prove(token.text.expose(), day(2) + Milliseconds(1)).expect("valid").1, "once a day");
    assert!(!register.prove(token.text.expose(), day(1)).expect("valid").1, "a clock that was set back");
    let last = register.records().next().expect("one").last_used_day;
    assert_eq!(last, Some(2));
    register.prove(token.text.expose(), day(30) - Milliseconds(1)).expect("to the millisecond");
    let expired = register.prove(token.text.expose(), day(30)).expect_err("over");
    assert_eq!(expired, ProofFailure::ExpiredToken { id: token.id, at: day(30) });
}

#[test]
fn from_outside_all_failures_are_one_and_the_log_tells_them_apart() {
    let mut register = TokenRegister::default();
    let token = issued(&mut register, &mut Counting(0));
    let other = issued(&mut register, &mut Counting(100));
    let foreign = issued(&mut TokenRegister::default(), &mut Counting(200));
    register.revoke(other.id, &operator(), day(2), "lost").expect("revoked");
    // The id of one token with the secret of another, rightly checksummed.
    let mixed = {
        let body = format!("{}{}", &token.text.expose()[..24], &other.text.expose()[24..88]);
        format!("{body}{:08x}", crc32c::crc32c(body.as_bytes()))
    };
    let mistyped = token.text.expose().replacen("0102", "0103", 1);
    let mut prove = |text: &str, at| register.prove(text, at).expect_err("no proof");
    let failures = [
        prove("muster_", day(2)),
        prove(&mistyped, day(2)),
        prove(foreign.text.expose(), day(2)),
        prove(&mixed, day(2)),
        prove(token.text.expose(), day(30)),
        prove(other.text.expose(), day(2)),
    ];
    let logged: Vec<String> = failures.iter().map(|failure| format!("{}: {failure}", failure.code())).collect();
    insta::assert_snapshot!(logged.join("\n"), @r##"
malformed: what was shown is neither a token of this host nor a signed token (JWT)
checksum: the checksum of token 0001030304050607 is wrong: it was mistyped or cut off
unknown_token: there is no token c8c9cacbcccdcecf
wrong_secret: the secret shown for token 0001020304050607 is wrong
expired_token: token 0001020304050607 expired at 1970-01-31T00:00:00.000Z
revoked_token: token 6465666768696a6b was revoked at 1970-01-03T00:00:00.000Z
"##);
    for failure in &failures {
        let outward = failure.outward();
        assert_eq!((outward.zh.as_str(), outward.en.as_str()), UNAUTHENTICATED);
    }
}

#[test]
fn only_an_operator_issues_and_nobody_promotes_themselves() {
    let mut register = TokenRegister::default();
    let mut issue = |wanted, by: &Identity| register.issue(wanted, by, day(1), LIMITS, &mut Counting(0)).map(|_| ());
    let duty = Identity { bindings: wanted("li", day(2)).bindings, ..operator() };
    assert!(matches!(issue(wanted("wang", day(2)), &duty), Err(IssueError::NotPermitted(_))));
    assert!(matches!(issue(wanted("OPS", day(2)), &operator()), Err(IssueError::OwnGain(_))));
    let same = Wanted { bindings: operator().bindings, ..wanted("ops", day(2)) };
    issue(same, &operator()).expect("one's own role may be renewed");
}

#[test]
fn what_a_token_may_not_be() {
    let mut register = TokenRegister::default();
    let mut refused = |wanted: Wanted| {
        register.issue(wanted, &operator(), day(1), LIMITS, &mut Counting(0)).expect_err("refused").to_string()
    };
    let with = |binding| Wanted { bindings: vec![binding], ..wanted("li", day(2)) };
    let drill = Binding::at(AccessRole::Commander, "yunhe.exercise", "990100");
    let messages = [
        refused(wanted("li", day(1))),
        refused(wanted("li", day(92))),
        refused(wanted("li", Instant::MAX)),
        refused(Wanted { bindings: Vec::new(), ..wanted("li", day(2)) }),
        refused(Wanted { display_name: " ".into(), ..wanted("li", day(2)) }),
        refused(with(Binding { district: None, ..wanted("li", day(2)).bindings[0].clone() })),
        refused(with(Binding { node: Some("990100".into()), ..Binding::of_host(AccessRole::Operator) })),
        refused(with(drill)),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r##"
`expires` is 1970-01-02T00:00:00.000Z; it must lie after 1970-01-02T00:00:00.000Z, and by `token_days_max` at 1970-04-02T00:00:00.000Z or before
`expires` is 1970-04-03T00:00:00.000Z; it must lie after 1970-01-02T00:00:00.000Z, and by `token_days_max` at 1970-04-02T00:00:00.000Z or before
`expires` is 2200-01-01T00:00:00.000Z; it must lie after 1970-01-02T00:00:00.000Z, and by `token_days_max` at 1970-04-02T00:00:00.000Z or before
`bindings` has 0; 1 to 256 are allowed
`display_name` has 1; 1 to 500 bytes are allowed
`bindings[0]`: the role duty officer is held in a district; say `district`
`bindings[0]`: the role operator is held for the whole host; leave out `district`, `node`, `tier` and `exercise`
`bindings[0]`: `yunhe.exercise` is where the drills of a district are played; name the district and say `exercise = true`
"##);
    assert!(register.is_empty(), "what is refused changes nothing");
    let error =
        register.issue(wanted("li", day(2)), &operator(), day(1), LIMITS, &mut NoChance).expect_err("no chance");
    assert!(matches!(error, IssueError::Chance(_)) && register.is_empty());
}

#[test]
fn a_revoked_token_ends_at_once_and_the_journal_hears_of_it() {
    let mut register = TokenRegister::default();
    let token = issued(&mut register, &mut System);
    assert!(
        matches!(token.acts.as_slice(), [act] if matches!(&act.deed, Deed::Issued { token: id, .. } if *id == token.id))
    );
    let stranger = Identity { bindings: Vec::new(), ..operator() };
    assert!(matches!(register.revoke(token.id, &stranger, day(2), "why not"), Err(RevokeError::NotPermitted(_))));
    assert_eq!(register.revoke(token.id, &operator(), day(2), " "), Err(RevokeError::Reason(1)));
    let (own, _) = register.prove(token.text.expose(), day(2)).expect("still valid");
    let act = register.revoke(token.id, &own, day(2), "left on a train").expect("one's own");
    insta::assert_snapshot!(
        serde_json::to_string(&act).expect("JSON").replace(&token.id.to_string(), "ID"), @r##"{"at":"1970-01-03T00:00:00.000Z","by":"li","proof":{"kind":"token","id":"ID","one_time":false},"deed":{"kind":"revoked","token":"ID","subject":"li","reason":"left on a train"}}"##);
    assert!(matches!(register.prove(token.text.expose(), day(2)), Err(ProofFailure::RevokedToken { .. })));
    assert!(matches!(register.revoke(token.id, &operator(), day(3), "again"), Err(RevokeError::Already { .. })));
    let unknown = TokenId::parse("00000000000000ff").expect("an id");
    assert_eq!(register.revoke(unknown, &operator(), day(3), "who"), Err(RevokeError::Unknown(unknown)));
    assert_eq!(register.forget_ended(day(2)), 0);
    assert_eq!(register.forget_ended(day(3)), 1);
}

#[test]
fn the_register_is_replaced_as_a_whole_and_holds_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.json");
    let store = FileStore::new(&path);
    let mut register = store.load().expect("none yet");
    assert!(register.is_empty());
    let token = issued(&mut register, &mut System);
    // A half-written file of a run that was killed.
    std::fs::write(folder.path().join("tokens.new"), "{").expect("written");
    store.replace(&register).expect("kept");
    let mut read = store.load().expect("read");
    read.prove(token.text.expose(), day(2)).expect("the same token");
    let text = std::fs::read_to_string(&path).expect("text");
    assert!(!text.contains(&token.text.expose()[24..88]) && text.contains(&token.id.to_string()));
    let mode = std::fs::metadata(&path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
    assert!(matches!(store.load(), Err(StoreError::TooOpen { mode: 0o644, .. })));
    for broken in ["", "{}", r#"{"version":2,"tokens":[]}"#, r#"{"version":1,"tokens":[],"more":1}"#] {
        std::fs::write(&path, broken).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        assert!(matches!(store.load(), Err(StoreError::Form { .. })), "{broken}");
    }
}

#[test]
fn the_first_token_is_made_once_and_used_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, path) = (FileStore::new(folder.path().join("tokens.json")), folder.path().join("first"));
    let mut register = store.load().expect("none yet");
    let act = bootstrap(&mut register, &store, &path, day(1), &mut System).expect("made");
    assert!(matches!(act.deed, Deed::Bootstrapped { expires, .. } if expires == day(2)));
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).expect("text");
    let again = bootstrap(&mut register, &store, &folder.path().join("second"), day(1), &mut System);
    assert!(matches!(again, Err(BootstrapError::NotFirst)));

    let mut register = store.load().expect("kept");
    let (first, _) = register.prove(text.trim_end(), day(1)).expect("valid");
    let operator = Wanted { bindings: vec![Binding::of_host(AccessRole::Operator)], ..wanted("ops", day(20)) };
    let issued = register.issue(operator.clone(), &first, day(1), LIMITS, &mut System).expect("issued");
    assert!(matches!(issued.acts.as_slice(), [issue, end]
        if matches!(issue.deed, Deed::Issued { .. }) && matches!(end.deed, Deed::Revoked { .. })));
    assert!(matches!(register.prove(text.trim_end(), day(1)), Err(ProofFailure::RevokedToken { .. })));
    // A second request that was proved before the first one was done.
    let late = register.issue(operator, &first, day(1), LIMITS, &mut System).expect_err("used");
    assert!(matches!(late, IssueError::Ended(_)));
}

/// A disk that takes nothing.
struct FullDisk;

impl TokenStore for FullDisk {
    fn load(&self) -> Result<TokenRegister, StoreError> {
        Ok(TokenRegister::default())
    }

    fn replace(&self, _: &TokenRegister) -> Result<(), StoreError> {
        Err(StoreError::Disk { path: "tokens.json".into(), reason: std::io::Error::other("no space") })
    }
}

#[test]
fn what_cannot_be_kept_does_not_happen() {
    let mut register = TokenRegister::default();
    let issue = |register: &mut TokenRegister| {
        register.issue(wanted("li", day(30)), &operator(), day(1), LIMITS, &mut Counting(0)).map(|token| token.id)
    };
    let not_kept = register.change(&FullDisk, issue).expect_err("no space");
    assert_eq!(not_kept.to_string(), "the register of tokens tokens.json: no space; nothing was changed");
    assert!(matches!(not_kept, ChangeError::NotKept(_)) && register.is_empty());
    let folder = tempfile::tempdir().expect("a folder");
    let store = FileStore::new(folder.path().join("tokens.json"));
    let id = register.change(&store, issue).expect("kept");
    assert_eq!(store.load().expect("read").records().map(|record| record.id).collect::<Vec<_>>(), [id]);
}

#[test]
fn a_first_token_that_is_not_kept_is_not_left_lying_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("first");
    let mut register = TokenRegister::default();
    let refused = bootstrap(&mut register, &FullDisk, &path, day(1), &mut System);
    assert!(matches!(refused, Err(BootstrapError::Store(_))) && !path.exists() && register.is_empty());
    std::fs::write(&path, "somebody's").expect("written");
    let refused = bootstrap(&mut register, &FullDisk, &path, day(1), &mut System);
    assert!(matches!(refused, Err(BootstrapError::File { .. })));
    assert_eq!(std::fs::read_to_string(&path).expect("text"), "somebody's");
}

proptest! {
    #[test]
    fn no_text_upsets_the_reader(text in any::<String>()) {
        prop_assert!(Shown::parse(&text).is_err());
        let prefixed = format!("muster_{text}");
        prop_assert!(Shown::parse(&prefixed).is_err());
    }

    #[test]
    fn a_token_with_any_other_letter_in_it_is_no_proof(seed in any::<u8>(), place in 0..TOKEN_BYTES, letter in any::<char>()) {
        let mut register = TokenRegister::default();
        let token = issued(&mut register, &mut Counting(seed));
        let mut letters: Vec<char> = token.text.expose().chars().collect();
        prop_assume!(letters[place] != letter);
        letters[place] = letter;
        let changed: String = letters.into_iter().collect();
        // One letter is within what CRC-32C tells for certain: it is never taken for a guess.
        let told = matches!(register.prove(&changed, day(2)), Err(ProofFailure::Malformed | ProofFailure::Checksum(_)));
        prop_assert!(told);
        for end in 0..TOKEN_BYTES {
            prop_assert!(Shown::parse(&token.text.expose()[..end]).is_err());
        }
    }

    #[test]
    fn random_tokens_of_the_right_form_prove_nothing(id in any::<u64>(), secret in any::<[u8; 32]>()) {
        use std::fmt::Write as _;
        let mut register = TokenRegister::default();
        issued(&mut register, &mut Counting(0));
        let mut text = format!("muster_{id:016x}_");
        for byte in secret {
            write!(text, "{byte:02x}").expect("a string");
        }
        let text = format!("{text}{:08x}", crc32c::crc32c(text.as_bytes()));
        prop_assert!(matches!(register.prove(&text, day(2)), Err(ProofFailure::UnknownToken(_) | ProofFailure::WrongSecret(_))));
    }
}
