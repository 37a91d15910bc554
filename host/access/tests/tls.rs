//! TLS with real certificates and real handshakes in memory, in virtual time: versions, client certificates,
//! revocation, files that change, and what is said when they are wrong.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use muster_access::tls::client::{Machine, identify};
use muster_access::tls::{Refresh, TlsError, TlsKeeper, load};
use muster_access::{AccessRole, Binding, Proof, Settings, System, TlsSettings};
use muster_kernel::Instant;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
    date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection, SupportedProtocolVersion};

const JUNE_2027: i64 = 1_812_000_000_000;

/// A clock that stands still.
#[derive(Debug)]
struct At(Instant);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        let millis = u64::try_from(self.0.as_millis()).expect("after 1970");
        Some(UnixTime::since_unix_epoch(Duration::from_millis(millis)))
    }
}

fn at() -> Instant {
    Instant::from_millis(JUNE_2027)
}

fn clock() -> Arc<dyn TimeProvider> {
    Arc::new(At(at()))
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = dated(CertificateParams::new(Vec::new()).expect("parameters"), 2020, 2040);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

fn dated(mut params: CertificateParams, from: i32, until: i32) -> CertificateParams {
    params.distinguished_name = rcgen::DistinguishedName::new();
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
    params
}

struct Pair {
    pem: String,
    key: String,
}

fn host(authority: &Authority, name: &str, from: i32, until: i32) -> Pair {
    let mut params = dated(CertificateParams::new(vec!["muster.example".to_owned()]).expect("parameters"), from, until);
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    signed(authority, &params)
}

fn machine(authority: &Authority, serial: u8, uri: &str) -> Pair {
    let mut params = dated(CertificateParams::new(Vec::new()).expect("parameters"), 2020, 2030);
    params.distinguished_name.push(DnType::CommonName, "gauge-7");
    params.distinguished_name.push(DnType::OrganizationName, "Yunhe Water, Ltd");
    params.subject_alt_names = vec![SanType::URI(uri.try_into().expect("ASCII"))];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.serial_number = Some(SerialNumber::from_slice(&[serial]));
    signed(authority, &params)
}

fn signed(authority: &Authority, params: &CertificateParams) -> Pair {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("signed");
    Pair { pem: certificate.pem(), key: key.serialize_pem() }
}

/// The files of a host.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(pair: &Pair) -> Self {
        let files = Self { folder: tempfile::tempdir().expect("a folder") };
        files.put(pair);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).expect("set");
    }

    fn put(&self, pair: &Pair) {
        self.write("host.pem", &pair.pem);
        self.write("host.key", &pair.key);
    }

    fn settings(&self, more: &str) -> TlsSettings {
        let folder = self.folder.path().display();
        let more = more.replace("FOLDER", &folder.to_string());
        let text = format!("[tls]\ncertificate = \"{folder}/host.pem\"\nkey = \"file:{folder}/host.key\"\n{more}");
        Settings::read(&text).expect("settings").tls.expect("given")
    }

    /// What is said, without the folder's name.
    fn said(&self, error: &TlsError) -> String {
        error.to_string().replace(&self.folder.path().display().to_string(), "/etc/muster")
    }
}

fn client(roots: &Authority, pair: Option<&Pair>, versions: &[&'static SupportedProtocolVersion]) -> ClientConnection {
    let mut store = RootCertStore::empty();
    store.add(roots.der().clone()).expect("a root");
    let builder = ClientConfig::builder_with_details(Arc::new(rustls::crypto::ring::default_provider()), clock())
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(store);
    let config = match pair {
        None => builder.with_no_client_auth(),
        Some(pair) => builder
            .with_client_auth_cert(
                CertificateDer::pem_slice_iter(pair.pem.as_bytes()).map(|found| found.expect("PEM")).collect(),
                PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("PEM"),
            )
            .expect("a pair"),
    };
    ClientConnection::new(Arc::new(config), ServerName::try_from("muster.example").expect("a name")).expect("a client")
}

/// A handshake and one question with its answer, in memory.
fn talk(keeper: &TlsKeeper, mut client: ClientConnection) -> Result<ServerConnection, rustls::Error> {
    let mut server = ServerConnection::new(keeper.config())?;
    client.writer().write_all(b"who?").expect("buffered");
    let mut wire = Vec::new();
    let mut heard = Vec::new();
    for _ in 0..10 {
        wire.clear();
        while client.wants_write() {
            client.write_tls(&mut wire).expect("in memory");
        }
        let mut arriving = wire.as_slice();
        while !arriving.is_empty() {
            server.read_tls(&mut arriving).expect("in memory");
            server.process_new_packets()?;
        }
        let mut bytes = [0; 16];
        while let Ok(count @ 1..) = server.reader().read(&mut bytes) {
            heard.extend_from_slice(&bytes[..count]);
        }
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).expect("in memory");
        }
        let mut arriving = wire.as_slice();
        while !arriving.is_empty() {
            client.read_tls(&mut arriving).expect("in memory");
            client.process_new_packets()?;
        }
    }
    assert_eq!(heard, b"who?");
    Ok(server)
}

fn keeper(files: &Files, more: &str) -> TlsKeeper {
    TlsKeeper::start(files.settings(more), &System, clock(), at()).expect("TLS")
}

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
const OLD: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

#[test]
fn both_versions_are_spoken_unless_the_settings_say_otherwise() {
    let ca = authority("Test CA");
    let files = Files::new(&host(&ca, "muster", 2026, 2028));
    let keeper_of_both = keeper(&files, "");
    let newest = talk(&keeper_of_both, client(&ca, None, BOTH)).expect("a handshake");
    assert_eq!(newest.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    let old = talk(&keeper_of_both, client(&ca, None, OLD)).expect("a handshake");
    assert_eq!(old.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
    let strict = keeper(&files, "minimum_version = \"1.3\"");
    talk(&strict, client(&ca, None, OLD)).expect_err("too old");
    talk(&strict, client(&ca, None, BOTH)).expect("new enough");
    talk(&keeper_of_both, client(&authority("Other CA"), None, BOTH)).expect_err("not trusted by the client");
}

const CLIENTS: &str = "client_roots = \"FOLDER/roots.pem\"\n";

#[test]
fn a_machine_proves_itself_by_its_certificate() {
    let (ca, devices, thief) = (authority("Test CA"), authority("Devices"), authority("Devices"));
    let files = Files::new(&host(&ca, "muster", 2026, 2028));
    files.write("roots.pem", &devices.pem());
    let gauge = machine(&devices, 7, "urn:device:gauge-7");
    let optional = keeper(&files, CLIENTS);
    for versions in [BOTH, OLD] {
        let server = talk(&optional, client(&ca, Some(&gauge), versions)).expect("a handshake");
        let shown = server.peer_certificates().expect("shown");
        let machines =
            [of("uri:urn:device:gauge", "a name that is only begun alike"), of("uri:urn:device:gauge-7", "gauge-7")];
        let identity = identify(&shown[0], &machines, at()).expect("known");
        assert_eq!(identity.subject.as_str(), "gauge-7");
        assert_eq!(identity.bindings, [Binding::at(AccessRole::Reporter, "yunhe", "990100")]);
        let Proof::ClientCertificate { subject, .. } = &identity.proof else { panic!("{:?}", identity.proof) };
        insta::allow_duplicates! { insta::assert_snapshot!(subject, @r##"O=Yunhe Water\, Ltd,CN=gauge-7"##); }
        let by_subject = [of(&format!("subject:{subject}"), "by its subject")];
        assert_eq!(identify(&shown[0], &by_subject, at()).expect("known").subject.as_str(), "by its subject");
        let unknown = identify(&shown[0], &machines[..1], at()).expect_err("unknown").to_string();
        assert!(unknown.contains("uri:urn:device:gauge-7"), "{unknown}");
        let long_after = Instant::parse("2031-01-01T00:00:00Z").expect("a time");
        identify(&shown[0], &machines, long_after).expect_err("ran out while connected");
    }
    identify(b"no certificate", &[], at()).expect_err("unreadable");
    assert!(talk(&optional, client(&ca, None, BOTH)).expect("a handshake").peer_certificates().is_none());
    let forged = machine(&thief, 7, "urn:device:gauge-7");
    talk(&optional, client(&ca, Some(&forged), BOTH)).expect_err("another authority of the same name");
    let wrong_purpose = host(&devices, "gauge-7", 2026, 2028);
    talk(&optional, client(&ca, Some(&wrong_purpose), BOTH)).expect_err("a server's certificate");
    let required = keeper(&files, &format!("{CLIENTS}client_certificates = \"required\""));
    talk(&required, client(&ca, None, BOTH)).expect_err("none shown");
    talk(&required, client(&ca, Some(&gauge), BOTH)).expect("shown");
}

fn of(name: &str, subject: &str) -> Machine {
    let text = format!(
        "certificate = {name:?}\nsubject = {subject:?}\nbindings = [{{ role = \"reporter\", district = \"yunhe\", node = \"990100\" }}]"
    );
    toml::from_str(&text).expect("a machine")
}

fn revocations(authority: &Authority, serials: &[u8], until: i32) -> String {
    let revoked = |serial: &u8| RevokedCertParams {
        serial_number: SerialNumber::from_slice(&[*serial]),
        revocation_time: date_time_ymd(2026, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(until, 1, 1),
        crl_number: SerialNumber::from_slice(&[1]),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(authority).expect("signed").pem().expect("PEM")
}

#[test]
fn a_stolen_machine_is_shut_out_while_the_host_runs() {
    let (ca, devices) = (authority("Test CA"), authority("Devices"));
    let files = Files::new(&host(&ca, "muster", 2026, 2028));
    files.write("roots.pem", &devices.pem());
    files.write("revoked.pem", &revocations(&devices, &[99], 2028));
    let keeper = keeper(&files, &format!("{CLIENTS}client_revocations = [\"FOLDER/revoked.pem\"]"));
    let (stolen, other) = (machine(&devices, 7, "urn:device:gauge-7"), machine(&devices, 8, "urn:device:gauge-8"));
    talk(&keeper, client(&ca, Some(&stolen), BOTH)).expect("not revoked yet");
    files.write("revoked.pem", &revocations(&devices, &[99, 7], 2028));
    assert!(matches!(keeper.refresh(&System, at()), Refresh::Replaced { .. }));
    talk(&keeper, client(&ca, Some(&stolen), BOTH)).expect_err("revoked");
    talk(&keeper, client(&ca, Some(&other), BOTH)).expect("another machine");
    files.write("revoked.pem", &revocations(&devices, &[], 2027));
    keeper.refresh(&System, at());
    talk(&keeper, client(&ca, Some(&other), BOTH)).expect_err("the list ran out and may lack anything");
}

#[test]
fn new_files_take_the_place_of_old_ones_and_broken_ones_do_not() {
    let ca = authority("Test CA");
    let (first, second) = (host(&ca, "first", 2026, 2028), host(&ca, "second", 2027, 2029));
    let files = Files::new(&first);
    let keeper = keeper(&files, "");
    let before = keeper.config();
    assert_eq!(keeper.refresh(&System, at()), Refresh::Unchanged);
    // Between two writes the certificate is there and its key is not.
    files.write("host.pem", &second.pem);
    let Refresh::Kept { reason: TlsError::OtherKey { .. }, expires } = keeper.refresh(&System, at()) else {
        panic!("half of two sets of files");
    };
    assert_eq!(expires, Instant::parse("2028-01-01T00:00:00Z").expect("a time"));
    assert!(keeper.problem().is_some() && Arc::ptr_eq(&before, &keeper.config()));
    talk(&keeper, client(&ca, None, BOTH)).expect("the old one serves on");
    files.write("host.key", &second.key);
    let replaced = Refresh::Replaced { expires: Instant::parse("2029-01-01T00:00:00Z").expect("a time") };
    assert_eq!(keeper.refresh(&System, at()), replaced);
    assert!(keeper.problem().is_none() && !Arc::ptr_eq(&before, &keeper.config()));
    talk(&keeper, client(&ca, None, BOTH)).expect("the new one serves");
    std::fs::remove_file(files.path("host.pem")).expect("removed");
    assert!(matches!(keeper.refresh(&System, at()), Refresh::Kept { reason: TlsError::File { .. }, .. }));
    files.put(&second);
    assert_eq!(keeper.refresh(&System, at()), Refresh::Unchanged);
    assert!(keeper.problem().is_none(), "what is right again is no problem any more");
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let (ca, other) = (authority("Test CA"), authority("Other CA"));
    let good = host(&ca, "muster", 2026, 2028);
    let files = Files::new(&good);
    let mut said = Vec::new();
    let mut wrong = |name: &str, text: &str| {
        files.put(&good);
        files.write(name, text);
        let error = load(&files.settings(""), &System, clock(), at()).expect_err(name);
        said.push(files.said(&error));
    };
    wrong("host.pem", "");
    wrong("host.pem", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    wrong("host.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    wrong("host.pem", &host(&ca, "muster", 2020, 2027).pem);
    wrong("host.pem", &host(&ca, "muster", 2028, 2029).pem);
    wrong("host.pem", &format!("{}{}", good.pem, other.pem()));
    wrong("host.pem", &host(&ca, "muster", 2026, 2028).pem);
    wrong("host.key", "");
    wrong("host.key", "not a key");
    wrong("host.key", &good.pem);
    wrong("host.key", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n");
    let chain = format!("{}{}", good.pem, ca.pem());
    files.put(&Pair { pem: chain, key: good.key.clone() });
    load(&files.settings(""), &System, clock(), at()).expect("a chain in order");
    std::fs::set_permissions(files.path("host.key"), std::fs::Permissions::from_mode(0o644)).expect("set");
    said.push(files.said(&load(&files.settings(""), &System, clock(), at()).expect_err("open to all")));
    std::fs::remove_file(files.path("host.key")).expect("removed");
    said.push(files.said(&load(&files.settings(""), &System, clock(), at()).expect_err("gone")));
    insta::assert_snapshot!(said.join("\n"));
    assert!(said.iter().all(|line| !line.contains("c2VjcmV0")), "no message repeats a key");
}
