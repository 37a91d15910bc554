//! The settings: what a whole file says, and what is said about wrong ones.

use muster_access::listen::{Listening, listen};
use muster_access::settings::{ClientCertificates, KeysFrom, TlsVersion};
use muster_access::{AccessRole, Action, Binding, SecretReference, Settings, SettingsError};
use muster_kernel::Milliseconds;

const WHOLE: &str = include_str!("samples/muster.toml");

#[test]
fn a_whole_file() {
    let settings = Settings::read(WHOLE).expect("settings");
    let access = &settings.access;
    assert_eq!(access.limits().life_max, Milliseconds::hours(24 * 30));
    assert_eq!((access.pace().burst, access.pace().refill), (5, Milliseconds(60_000)));
    assert_eq!(access.second_person_rules().persons.get(&Action::ReleasePolicy), Some(&2));
    assert_eq!(access.oidc[0].keys, KeysFrom::Address("https://id.yunhe.example/jwks".into()));
    assert_eq!(access.issuers().iter().map(|issuer| issuer.rules.len()).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(access.client_certificate[0].bindings, [Binding::at(AccessRole::Reporter, "yunhe", "990100")]);
    let tls = settings.tls.as_ref().expect("given");
    assert_eq!(tls.key, SecretReference::File("/etc/muster/host.key".into()));
    assert_eq!((tls.minimum_version, tls.client_certificates), (TlsVersion::V13, ClientCertificates::Required));
    let everywhere = "0.0.0.0:7310".parse().expect("an address");
    assert_eq!(listen(everywhere, settings.posture(false)), Listening::Allowed);
}

#[test]
fn without_settings_nothing_is_open() {
    let settings = Settings::read("").expect("settings");
    assert_eq!(settings, Settings::default());
    assert!(!settings.access.insecure && !settings.access.development && !settings.access.public_view);
    let everywhere = "0.0.0.0:7310".parse().expect("an address");
    assert!(matches!(listen(everywhere, settings.posture(true)), Listening::Refused(_)));
    let development = Settings::read("[access]\ndevelopment = true\ninsecure = true").expect("settings");
    assert!(matches!(listen(everywhere, development.posture(true)), Listening::AllowedLoudly(_)));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let changed = |from: &str, to: &str| {
        assert!(WHOLE.contains(from), "{from}");
        match Settings::read(&WHOLE.replacen(from, to, 1)).expect_err(to) {
            SettingsError::Syntax(reason) => {
                let line = reason.lines().last().unwrap_or_default();
                format!("syntax: {line}")
            }
            field @ SettingsError::Field { .. } => field.to_string(),
        }
    };
    let said = [
        changed("token_days_max = 30", "token_days_max = 0"),
        changed("token_days_max = 30", "token_days_max = 30\ntokens_days = 3"),
        changed("failures = 5", "failures = 0"),
        changed("release_policy = 2", "release_policy = 1"),
        changed("release_policy = 2", "release_policies = 2"),
        changed("audience = [\"muster\"]", "audience = []"),
        changed("https://id.yunhe.example/jwks", "http://id.yunhe.example/jwks"),
        changed("https://id.yunhe.example/jwks", "http://127.0.0.1.thief.example/jwks"),
        changed("skew_seconds = 30", "skew_seconds = 301"),
        changed("subject_prefix = \"hq:\"", "subject_prefix = \"\""),
        changed("duty-{node}", "duty-{node}-{node}"),
        changed("duty-{node}", "duty"),
        changed(
            "role = \"duty_officer\", district = \"yunhe\"",
            "role = \"duty_officer\", district = \"yunhe\", node = \"1\"",
        ),
        changed("role = \"commander\"", "role = \"emperor\""),
        changed("role = \"commander\", district = \"yunhe\"", "role = \"commander\", district = \"yunhe.exercise\""),
        changed("role = \"commander\", district = \"yunhe\"", "role = \"operator\", district = \"yunhe\""),
        changed("uri:urn:device:gauge-7", "gauge-7"),
        changed("uri:urn:device:gauge-8", "uri:urn:device:gauge-7"),
        changed("key = \"file:/etc/muster/host.key\"", "key = \"MIGHAgEAMBMGByqGSM49\""),
        changed("client_roots = \"/etc/muster/devices.pem\"\n", ""),
        changed("minimum_version = \"1.3\"", "minimum_version = \"1.1\""),
    ];
    assert!(said.iter().all(|line| !line.contains("MIGHAgEAMBMGByqGSM49")), "a secret written out is not repeated");
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn plain_key_sets_are_taken_from_the_machine_itself_only() {
    for (place, taken) in [
        ("http://127.0.0.1:8080/jwks", true),
        ("http://[::1]/jwks", true),
        ("http://localhost/jwks", true),
        ("http://localhost.thief.example/jwks", false),
        ("http://127.0.0.1:80@thief.example/jwks", false),
        ("http://127.0.0.1@thief.example/jwks", false),
        ("ftp://id.example/jwks", false),
        ("https://", false),
        ("file:", false),
        ("file:/etc/muster/jwks.json", true),
    ] {
        let read = Settings::read(&WHOLE.replacen("https://id.yunhe.example/jwks", place, 1));
        assert_eq!(read.is_ok(), taken, "{place}");
    }
}
