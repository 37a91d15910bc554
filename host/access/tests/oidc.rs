//! Signed tokens: good ones, a table of bad ones, key sets, and keys over time. In virtual time, with real signatures.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use muster_access::oidc::{FetchError, Issuer, Issuers, KeySet, KeySource, Patience, Rule, Unverified};
use muster_access::{AccessRole, Binding, Proof, ProofFailure};
use muster_kernel::{Instant, Milliseconds};
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value as Json, json};

const ISSUER: &str = "https://id.example";
const NOW: i64 = 1_800_000_000;

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn at(seconds: i64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

/// An issuer's private keys.
struct Signer {
    p256: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
    random: SystemRandom,
}

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let ed25519 = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
        Self {
            p256: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, p256.as_ref(), &random).expect("a key"),
            ed25519: Ed25519KeyPair::from_pkcs8(ed25519.as_ref()).expect("a key"),
            random,
        }
    }

    fn p256_key(&self, kid: &str) -> Json {
        let point = self.p256.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "use": "sig",
               "x": encoded(&point[1..33]), "y": encoded(&point[33..])})
    }

    fn ed25519_key(&self, kid: &str) -> Json {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encoded(self.ed25519.public_key())})
    }

    fn set(&self) -> Vec<u8> {
        set(&[self.p256_key("ec"), self.ed25519_key("ed")])
    }

    fn sign(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", encoded(header), encoded(payload));
        let signature = if header.contains("EdDSA") || header.contains("Ed25519") {
            self.ed25519.sign(message.as_bytes()).as_ref().to_vec()
        } else {
            self.p256.sign(&self.random, message.as_bytes()).expect("signed").as_ref().to_vec()
        };
        format!("{message}.{}", encoded(signature))
    }

    fn token(&self, payload: &Json) -> String {
        self.sign(r#"{"alg":"ES256","kid":"ec","typ":"JWT"}"#, &payload.to_string())
    }
}

fn set(keys: &[Json]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

fn payload() -> Json {
    json!({"iss": ISSUER, "sub": "li.hua", "aud": "muster", "exp": NOW + 600, "nbf": NOW, "iat": NOW, "name": "李华",
           "groups": ["yunhe-commander", "duty-990100901", "duty-all", "staff"], "realm_access": {"roles": ["auditor"]}})
}

fn with(field: &str, value: Json) -> Json {
    let mut payload = payload();
    payload[field] = value;
    payload
}

fn rule(claim: &str, value: &str, binding: Binding) -> Rule {
    Rule { claim: claim.into(), value: value.into(), binding, posts: BTreeSet::new(), sources: BTreeSet::new() }
}

fn issuers(signer: &Signer) -> Issuers {
    let mut issuer = Issuer::new(ISSUER, vec!["muster".into()], Patience::default());
    issuer.rules = vec![
        rule("groups", "yunhe-commander", Binding::at(AccessRole::Commander, "yunhe", "990100")),
        Rule {
            sources: BTreeSet::from(["urn:app:muster:street:{node}".into()]),
            ..rule("groups", "duty-{node}", Binding::in_district(AccessRole::DutyOfficer, "yunhe"))
        },
        rule("realm_access.roles", "auditor", Binding::at(AccessRole::Supervisor, "yunhe", "990100")),
        rule("groups", "nobody-has-this", Binding::of_host(AccessRole::Operator)),
    ];
    let mut issuers = Issuers::new([issuer]);
    issuers.take(ISSUER, Ok(signer.set()), at(NOW));
    issuers
}

#[test]
fn what_claims_stand_for() {
    let signer = Signer::new();
    let identity = issuers(&signer).prove(&signer.token(&payload()), at(NOW)).expect("valid");
    assert_eq!((identity.subject.as_str(), identity.display_name.as_str()), ("li.hua", "李华"));
    let expected = BTreeSet::from([
        Binding::at(AccessRole::Commander, "yunhe", "990100"),
        Binding::at(AccessRole::DutyOfficer, "yunhe", "990100901"),
        Binding::at(AccessRole::Supervisor, "yunhe", "990100"),
    ]);
    assert_eq!(identity.bindings.iter().cloned().collect::<BTreeSet<_>>(), expected);
    assert_eq!(identity.sources, BTreeSet::from(["urn:app:muster:street:990100901".to_owned()]));
    assert_eq!(identity.proof, Proof::OpenIdConnect { issuer: ISSUER.into(), subject: "li.hua".into() });
    let stranger = with("groups", json!("staff"));
    let mut stranger = stranger;
    stranger["realm_access"] = Json::Null;
    let identity = issuers(&signer).prove(&signer.token(&stranger), at(NOW)).expect("valid");
    assert!(identity.bindings.is_empty(), "a valid token without a rule gives nothing");
}

#[test]
fn good_tokens_of_every_form() {
    let signer = Signer::new();
    let issuers = issuers(&signer);
    let text = payload().to_string();
    for header in [
        r#"{"alg":"ES256","kid":"ec"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"EdDSA","kid":"ed","typ":"at+jwt"}"#,
        r#"{"alg":"Ed25519","kid":"ed","typ":"application/at+JWT"}"#,
    ] {
        issuers.prove(&signer.sign(header, &text), at(NOW)).expect(header);
    }
    for (field, value) in [
        ("aud", json!(["other", "muster"])),
        ("exp", json!(NOW - 59)),
        ("exp", json!(f64::from(1_800_000_000_u32) + 0.5)),
        ("nbf", json!(NOW + 60)),
        ("iat", json!(NOW + 60)),
        ("nbf", Json::Null),
    ] {
        issuers
            .prove(&signer.token(&with(field, value.clone())), at(NOW))
            .unwrap_or_else(|why| panic!("{field} {value}: {why}"));
    }
}

#[test]
fn bad_tokens_are_refused_each_for_its_own_reason() {
    let (signer, thief) = (Signer::new(), Signer::new());
    let issuers = issuers(&signer);
    let good = signer.token(&payload());
    let text = payload().to_string();
    let parts: Vec<&str> = good.split('.').collect();
    let (header, body, signature) = (parts[0], parts[1], parts[2]);
    let signed = |header: &str| signer.sign(header, &text);
    let claims = |field, value| signer.token(&with(field, value));
    let without = |field: &str| {
        let mut payload = payload();
        payload.as_object_mut().expect("an object").remove(field);
        signer.token(&payload)
    };
    let hmac = {
        // The classic confusion: the public key's bytes as a shared secret.
        let message = format!("{}.{body}", encoded(r#"{"alg":"HS256","kid":"ec"}"#));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, signer.p256.public_key().as_ref());
        format!("{message}.{}", encoded(ring::hmac::sign(&key, message.as_bytes())))
    };
    let own_key = {
        let header =
            json!({"alg": "ES256", "kid": "ec", "jwk": thief.p256_key("ec"), "jku": "https://thief.example/jwks"});
        thief.sign(&header.to_string(), &text)
    };
    let twice =
        format!("{},\"exp\":{}}}", text.trim_end_matches('}').replace("[\"auditor\"]", "[\"auditor\"]}"), NOW + 9_999);
    let flipped = {
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).expect("base64");
        bytes[20] ^= 1;
        format!("{header}.{body}.{}", encoded(bytes))
    };
    let table: Vec<(&str, String)> = vec![
        ("alg none", format!("{}.{body}.", encoded(r#"{"alg":"none"}"#))),
        ("alg nOnE with a signature", format!("{}.{body}.{signature}", encoded(r#"{"alg":"nOnE"}"#))),
        ("HMAC with the public key", hmac),
        ("PS256", signed(r#"{"alg":"PS256","kid":"ec"}"#)),
        ("ES384", signed(r#"{"alg":"ES384","kid":"ec"}"#)),
        ("alg of another key", signed(r#"{"alg":"ES256","kid":"ed"}"#)),
        ("RS256 named for a P-256 key", signed(r#"{"alg":"RS256","kid":"ec"}"#)),
        ("unknown kid", signed(r#"{"alg":"ES256","kid":"new"}"#)),
        ("alg twice", signed(r#"{"alg":"ES256","alg":"none"}"#)),
        ("critical extension", signed(r#"{"alg":"ES256","kid":"ec","crit":["b64"],"b64":false}"#)),
        ("logout token", signed(r#"{"alg":"ES256","kid":"ec","typ":"logout+jwt"}"#)),
        ("own key in the header", own_key),
        ("signature flipped", flipped),
        ("signature missing", format!("{header}.{body}.")),
        ("payload of another", format!("{header}.{}.{signature}", encoded(with("sub", json!("wang")).to_string()))),
        ("padding", format!("{good}=")),
        ("two parts", format!("{header}.{body}")),
        ("encrypted", format!("{header}.{body}.{body}.{body}.{signature}")),
        ("not JSON", signer.sign(r#"{"alg":"ES256"}"#, "no")),
        ("too long", format!("{header}.{}.{signature}", "A".repeat(20_000))),
        ("other audience", claims("aud", json!("payroll"))),
        ("no audience", without("aud")),
        ("expired", claims("exp", json!(NOW - 60))),
        ("no expiry", without("exp")),
        ("expiry as text", claims("exp", json!("tomorrow"))),
        ("expiry twice", signer.sign(r#"{"alg":"ES256"}"#, &twice)),
        ("not yet", claims("nbf", json!(NOW + 61))),
        ("issued to come", claims("iat", json!(NOW + 61))),
        ("other issuer", claims("iss", json!("https://other.example"))),
        ("issuer with a slash", claims("iss", json!("https://id.example/"))),
        ("no issuer", without("iss")),
        ("no subject", without("sub")),
        ("empty subject", claims("sub", json!(""))),
        ("subject as number", claims("sub", json!(7))),
        ("subject with a hidden letter", claims("sub", json!("li\u{200b}"))),
    ];
    let mut lines = Vec::new();
    for (name, token) in table {
        match issuers.prove(&token, at(NOW)) {
            Ok(identity) => panic!("{name} was taken: {identity:?}"),
            Err(failure @ ProofFailure::Jwt(_)) => lines.push(format!("{name}: {failure}")),
            Err(other) => panic!("{name}: {other}"),
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

/// RFC 7515, appendices A.2 (RS256) and A.3 (ES256): keys, and tokens with a payload that names no subject.
#[test]
fn the_signatures_of_the_standard_fit() {
    let keys = include_bytes!("samples/rfc7515-jwks.json");
    let keys = KeySet::read(keys).expect("a key set");
    for token in include_str!("samples/rfc7515-tokens.txt").lines() {
        let right = Unverified::parse(token).expect("a token").verify(&keys).expect_err("no subject");
        assert!(right.to_string().contains("missing field `sub`"), "the signature fits, and then: {right}");
        let changed = token.replacen(".eyJpc3MiOiJqb2Ui", ".eyJpc3MiOiJqb2Ei", 1);
        let wrong = Unverified::parse(&changed).expect("a token").verify(&keys).expect_err("changed");
        assert!(wrong.to_string().starts_with("the signature does not fit"), "{wrong}");
    }
}

#[test]
fn which_keys_of_a_set_are_used() {
    let signer = Signer::new();
    let (ec, ed) = (signer.p256_key("ec"), signer.ed25519_key("ed"));
    let changed = |key: &Json, field: &str, value: Json| {
        let mut key = key.clone();
        key[field] = value;
        key
    };
    let of_no_use = [
        json!({"kty": "oct", "kid": "shared", "alg": "HS256", "k": "c2VjcmV0"}),
        json!({"kty": "EC", "crv": "P-384", "kid": "p384", "x": "", "y": ""}),
        changed(&ec, "use", json!("enc")),
        changed(&ec, "key_ops", json!(["sign"])),
        changed(&ed, "alg", json!("HS256")),
        changed(&ec, "alg", json!("RS256")),
    ];
    assert!(KeySet::read(&set(&of_no_use)).expect_err("nothing").to_string().starts_with("none of the 6 keys"));
    let mixed = [of_no_use.as_slice(), &[changed(&ec, "kid", json!("good"))]].concat();
    assert_eq!(KeySet::read(&set(&mixed)).expect("one of them").len(), 1);
    let small = json!({"kty": "RSA", "kid": "small", "e": "AQAB", "n": encoded([0xff_u8; 128])});
    let refused = [
        changed(&ec, "d", json!("AAAA")),
        changed(&ec, "x", json!("AAAA")),
        changed(&ed, "x", json!("not base64!")),
        changed(&ec, "y", Json::Null),
        small,
    ];
    let mut messages: Vec<String> = refused
        .iter()
        .map(|key| KeySet::read(&set(std::slice::from_ref(key))).expect_err("refused").to_string())
        .collect();
    messages.push(KeySet::read(&set(&[ec.clone(), ec.clone()])).expect_err("twice").to_string());
    messages.push(KeySet::read(b"<html>").expect_err("no JSON").to_string());
    insta::assert_snapshot!(messages.join("\n"), @r##"
`keys[0]` (ec) holds a private key: whoever read this set can sign as the issuer; tell them to replace it
`keys[0]` (ec): `x` has not 32 bytes
`keys[0]` (ed): `x` is not base64url without padding
`keys[0]` (ec): `y` is missing
`keys[0]` (small): `n` is not a modulus of 2048 to 8192 bits without leading zeros
two keys of the set are named `ec`; a token could mean either
the key set cannot be read: expected value at line 1 column 1
"##);
    // Without `kid` two keys of one kind cannot be told apart.
    let other = Signer::new().p256_key("other");
    let keys = KeySet::read(&set(&[ec, other])).expect("two keys");
    let nameless = signer.sign(r#"{"alg":"ES256"}"#, &payload().to_string());
    let error = Unverified::parse(&nameless).expect("a token").verify(&keys).expect_err("which");
    assert_eq!(error.to_string(), "`kid` is missing, and 2 keys of the issuer could be meant");
}

/// An issuer's address, as the host reaches it.
#[derive(Clone)]
struct Address {
    answer: Rc<RefCell<Result<Vec<u8>, FetchError>>>,
    asked: Rc<RefCell<u32>>,
}

impl KeySource for Address {
    fn fetch(&mut self) -> Result<Vec<u8>, FetchError> {
        *self.asked.borrow_mut() += 1;
        self.answer.borrow().clone()
    }
}

#[test]
fn keys_rotate_and_outlive_an_issuer_that_is_away_and_nobody_makes_us_ask_without_end() {
    let (old, new) = (Signer::new(), Signer::new());
    let address = Address { answer: Rc::new(RefCell::new(Ok(old.set()))), asked: Rc::default() };
    let patience = Patience {
        fresh_for: Milliseconds::hours(1),
        stale_for: Milliseconds::hours(2),
        retry_after: Milliseconds::minutes(1),
    };
    let mut issuers = Issuers::new([Issuer::new(ISSUER, vec!["muster".into()], patience)]);
    let long = with("exp", json!(NOW + 86_400));
    let prove = |issuers: &mut Issuers, token: &str, seconds| {
        issuers.fetch_and_prove(token, at(NOW + seconds), |_| Box::new(address.clone())).map(|_| ())
    };
    let (by_old, by_new) = (old.token(&long), new.sign(r#"{"alg":"ES256","kid":"ec-2"}"#, &long.to_string()));
    prove(&mut issuers, &by_old, 0).expect("fetched at the first token");
    prove(&mut issuers, &by_old, 1).expect("known");
    assert_eq!(*address.asked.borrow(), 1);

    *address.answer.borrow_mut() = Ok(set(&[old.p256_key("ec"), new.p256_key("ec-2")]));
    let early = prove(&mut issuers, &by_new, 30).expect_err("not asked again within the minute");
    assert!(early.to_string().contains("no key `ec-2`"), "{early}");
    prove(&mut issuers, &by_new, 60).expect("an unknown key is asked for");
    assert_eq!(*address.asked.borrow(), 2);

    // Strangers with made-up keys.
    let made_up = new.sign(r#"{"alg":"ES256","kid":"made-up"}"#, &long.to_string());
    for second in 61..301 {
        prove(&mut issuers, &made_up, second).expect_err("no such key");
    }
    assert_eq!(*address.asked.borrow(), 6, "once a minute, whoever asks how often");

    *address.answer.borrow_mut() = Err(FetchError("id.example does not answer".into()));
    prove(&mut issuers, &by_new, 2 * 3_600).expect("the known keys still count");
    assert_eq!(issuers.iter().next().and_then(|issuer| issuer.keys.problem()), Some("id.example does not answer"));
    *address.answer.borrow_mut() = Ok(b"<html>maintenance</html>".to_vec());
    prove(&mut issuers, &by_new, 3 * 3_600).expect("not a key set, so the known ones still count");
    let away = prove(&mut issuers, &by_new, 4 * 3_600).expect_err("too old");
    assert!(away.to_string().contains("too old"), "{away}");
    *address.answer.borrow_mut() = Ok(set(&[new.p256_key("ec-2")]));
    prove(&mut issuers, &by_new, 4 * 3_600 + 60).expect("back again");
    let gone = prove(&mut issuers, &by_old, 4 * 3_600 + 61).expect_err("its key was taken out");
    assert!(gone.to_string().contains("no key `ec`"), "{gone}");
}

#[test]
fn unknown_issuers_are_never_asked() {
    let signer = Signer::new();
    let issuers = issuers(&signer);
    assert_eq!(issuers.fetch_due(&signer.token(&with("iss", json!("https://thief.example"))), at(NOW + 90)), None);
    assert_eq!(issuers.fetch_due("no token at all", at(NOW)), None);
}

#[test]
fn a_group_that_begins_like_a_node_is_another_group() {
    let signer = Signer::new();
    for group in [
        "duty-",
        "duty-99010x",
        "duty-990100 ",
        "Duty-990100",
        "duty-９９",
        "xduty-990100",
        &format!("duty-{}", "9".repeat(33)),
    ] {
        let mut payload = with("groups", json!(group));
        payload["realm_access"] = Json::Null;
        let identity = issuers(&signer).prove(&signer.token(&payload), at(NOW)).expect("valid");
        assert!(identity.bindings.is_empty(), "{group}");
    }
}

proptest! {
    #[test]
    fn no_text_upsets_the_reader(header in any::<String>(), payload in any::<String>(), text in any::<String>()) {
        let signer = Signer::new();
        let issuers = issuers(&signer);
        prop_assert!(issuers.prove(&text, at(NOW)).is_err());
        let token = format!("{}.{}.{}", encoded(&header), encoded(&payload), encoded(&text));
        prop_assert!(issuers.prove(&token, at(NOW)).is_err());
        let signed = signer.sign(r#"{"alg":"ES256","kid":"ec"}"#, &payload);
        prop_assert!(issuers.prove(&signed, at(NOW)).is_err());
        prop_assert!(KeySet::read(text.as_bytes()).is_err());
    }

    #[test]
    fn a_changed_letter_is_no_proof(place in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_.-]") {
        let signer = Signer::new();
        let good = signer.token(&payload());
        let place = place.index(good.len());
        // The last letter of a part may hold bits that stand for nothing; base64url then refuses it or means the same.
        prop_assume!(good[place..=place] != letter);
        let changed = format!("{}{letter}{}", &good[..place], &good[place + 1..]);
        prop_assert!(issuers(&signer).prove(&changed, at(NOW)).is_err());
    }
}
