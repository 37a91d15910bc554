//! TLS of the running host: whom the command line believes, certificates that change under way, machines that prove
//! themselves by theirs; and signed tokens of an issuer, whose keys lie in a file.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value as Json, json};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use crate::access::fortress::Fortress;
use crate::support;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("written");
    std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o600)).expect("set");
}

/// A host's certificate and key into a folder.
fn host_pair(folder: &Path, by: &Authority) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, by).expect("signed");
    write(folder, "host.key", &key.serialize_pem());
    write(folder, "host.pem", &certificate.pem());
}

/// A machine's certificate and key, in PEM.
fn machine(by: &Authority, uri: &str) -> (String, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.subject_alt_names = vec![SanType::URI(uri.try_into().expect("ASCII"))];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().expect("a key");
    (params.signed_by(&key, by).expect("signed").pem(), key.serialize_pem())
}

/// What is answered to somebody with a token, as text.
fn ask_as(url: &str, root: &Authority, token: &str) -> String {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&[Certificate::from_der(root.der()).to_owned()]))
        .unversioned_rustls_crypto_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let agent = ureq::Agent::config_builder().tls_config(tls).build().new_agent();
    let answer = agent.get(url).header("authorization", format!("Bearer {token}")).call();
    answer.expect("answered").body_mut().read_to_string().expect("text")
}

/// Sends a signal as a machine; the status of the answer.
fn send_as(url: &str, root: &Authority, (certificate, key): &(String, String), event: &Json) -> u16 {
    let chain = [Certificate::from_pem(certificate.as_bytes()).expect("PEM")];
    let key = PrivateKey::from_pem(key.as_bytes()).expect("PEM");
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&[Certificate::from_der(root.der()).to_owned()]))
        .client_cert(Some(ClientCert::new_with_certs(&chain, key)))
        .unversioned_rustls_crypto_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let agent = ureq::Agent::config_builder().http_status_as_error(false).tls_config(tls).build().new_agent();
    let request = agent.post(format!("{url}/v1/events")).content_type("application/cloudevents+json");
    request.send(event.to_string()).expect("answered").status().as_u16()
}

const TLS: &str = "[tls]\ncertificate = \"host.pem\"\nkey = \"file:host.key\"\nclient_roots = \"devices.pem\"\n\n\
                   [[access.client_certificate]]\ncertificate = \"uri:urn:device:gauge-7\"\nsubject = \"gauge-7\"\n\
                   bindings = [{ role = \"reporter\", district = \"yunhe\", node = \"990103\" }]\n\
                   sources = [\"urn:test:grid\"]\n";

#[test]
fn tls_is_believed_by_its_authority_and_its_certificate_changes_under_way() {
    let (first, second, devices) = (authority("first"), authority("second"), authority("devices"));
    let host = Fortress::start("");
    let folder = host.folder.path();
    host_pair(folder, &first);
    write(folder, "first.pem", &first.pem());
    write(folder, "second.pem", &second.pem());
    write(folder, "devices.pem", &devices.pem());
    let settings = std::fs::read_to_string(folder.join("muster.toml")).expect("settings") + TLS;
    write(folder, "muster.toml", &settings);
    // The same data, now behind TLS.
    let Fortress { server, operator, folder, cities } = host;
    server.stop();
    let server = support::Server::configured(&folder.path().join("muster.toml"));
    let url = format!("https://{}", server.address);
    let status = |ca: &str| {
        let ca = folder.path().join(ca).display().to_string();
        let variables = BTreeMap::from([("MUSTER_TOKEN", operator.as_str())]);
        support::muster_with(&["status", "--server", &url, "--ca", &ca], &variables)
    };
    let (fine, said) = status("first.pem");
    assert!(fine, "{said}");
    assert!(!status("second.pem").0, "another authority vouches for nobody here");
    assert!(support::agent().get(server.url("/healthz")).call().is_err(), "plain text is not answered");

    // Whoever watches learns from the counters when the certificate ends.
    let seen = |path: &str| ask_as(&format!("{url}{path}"), &first, &operator);
    let status_of_all: Json = serde_json::from_str(&seen("/v1/status")).expect("JSON");
    let ends = status_of_all["access"]["certificate_ends"].as_str().expect("an instant");
    let ends = muster_kernel::Instant::parse(ends).expect("an instant").as_millis().div_euclid(1_000);
    let gauge = format!("muster_tls_certificate_expires_timestamp_seconds {ends}");
    let text = seen("/metrics");
    assert!(text.lines().any(|line| line == gauge), "{gauge} in {text}");

    // Machines prove themselves by a certificate that the settings name.
    let gauge = machine(&devices, "urn:device:gauge-7");
    assert_eq!(send_as(&url, &first, &gauge, &support::signal("g-1", "990103901")), 200);
    assert_eq!(send_as(&url, &first, &gauge, &support::warning("g-2", "990103", "red")), 403, "another's source");
    let unknown = machine(&devices, "urn:device:gauge-8");
    assert_eq!(send_as(&url, &first, &unknown, &support::signal("g-3", "990103901")), 401);

    // A broken file changes nothing and is told of; a new pair takes the place of the old one.
    let before = std::fs::read_to_string(folder.path().join("host.pem")).expect("PEM");
    write(folder.path(), "host.pem", "broken");
    until("the broken file is told of", || status("first.pem").1.contains("newest TLS files are not in force"));
    let text = seen("/metrics");
    assert!(text.contains("muster_degraded{part=\"tls\"} 1\n"), "{text}");
    write(folder.path(), "host.pem", &before);
    host_pair(folder.path(), &second);
    until("the new certificate serves", || status("second.pem").0);
    assert!(!status("first.pem").0);
    drop(cities);
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(1), "never happened: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A token that an issuer signed.
fn signed(key: &Ed25519KeyPair, claims: &Json) -> String {
    let encoded = |value: &Json| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encoded(&json!({"alg": "EdDSA", "kid": "k"})), encoded(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()));
    format!("{text}.{signature}")
}

#[test]
fn a_signed_token_of_an_issuer_is_taken_with_what_its_claims_stand_for() {
    let key = || {
        let random = ring::rand::SystemRandom::new();
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
        Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key")
    };
    let (issuers, strangers) = (key(), key());
    let set = tempfile::tempdir().expect("a folder");
    let public = URL_SAFE_NO_PAD.encode(issuers.public_key().as_ref());
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": public}]});
    write(set.path(), "keys.json", &keys.to_string());
    let host = Fortress::start(&format!(
        "[[access.oidc]]\nissuer = \"https://id.yunhe.example\"\naudience = [\"muster\"]\nkeys = \"file:{}\"\n\n\
         [[access.oidc.mapping]]\nclaim = \"groups\"\nvalue = \"duty-{{node}}\"\n\
         binding = {{ role = \"duty_officer\", district = \"yunhe\" }}\nsources = [\"urn:app:muster:duty:{{node}}\"]\n",
        set.path().join("keys.json").display()
    ));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let claims = |audience: &str, expires: u64| {
        json!({"iss": "https://id.yunhe.example", "sub": "li", "aud": audience, "exp": expires, "iat": now - 1_000,
               "groups": ["duty-990103"]})
    };
    let ask = |token: &str, node: &str| {
        host.get(&format!("/v1/districts/yunhe/registers/tasks?node={node}"), Some(token)).status
    };
    let good = signed(&issuers, &claims("muster", now + 600));
    // Twice: verified, and then remembered.
    for _ in 0..2 {
        assert_eq!((ask(&good, "990103"), ask(&good, "990105")), (200, 403));
    }
    for wrong in [
        signed(&strangers, &claims("muster", now + 600)),
        signed(&issuers, &claims("another host", now + 600)),
        signed(&issuers, &claims("muster", now - 600)),
    ] {
        assert_eq!(ask(&wrong, "990103"), 401);
    }
}
