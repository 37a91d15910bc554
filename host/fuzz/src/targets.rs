//! The targets: what reads bytes from outside, with real inputs to begin from and what must hold of whatever it takes.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use muster_kernel::record::Entry;
use muster_kernel::settings::Settings;
use muster_kernel::step::{Input, step};
use muster_kernel::{Digest, Instant, State, fold, snapshot};
use muster_packages::Package;
use muster_packages::attestation::{Attestations, Envelope, Predicate, Release, ReleaseOffice, SecretKey, Statement};
use muster_packages::trust::{Case, DenyList, Trust};
use muster_runtime::{cloudevent, folder, play};
use muster_sandbox::{Engine, Limits, PolicySet};
use muster_store::{Disk, Journal, MemoryMedia, Options, Proof, Record, checkpoint};
use serde_json::Value as Json;

use crate::either_way;
use crate::journal::Given;

/// Real inputs, and what the targets need to try others.
pub struct World {
    examples: tempfile::TempDir,
    scratch: tempfile::TempDir,
    engine: Engine,
    /// A city with its charter, and the entries of its storm.
    state: Arc<State>,
    entries: Vec<Vec<u8>>,
    at: Instant,
}

/// One reader.
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// Real inputs.
    pub inputs: Vec<Vec<u8>>,
    /// How many times costlier one try is than one of the cheapest target.
    pub cost: u32,
    /// Tries one input; panics when something does not hold.
    pub run: fn(&World, &[u8]),
}

impl World {
    /// Plays a storm, and keeps what it left.
    ///
    /// # Errors
    /// When the examples cannot be read or played.
    pub fn read() -> anyhow::Result<Self> {
        let examples = muster_testkit::examples::examples();
        let scratch = tempfile::tempdir()?;
        let city = examples.path().join("yunhe");
        let data = scratch.path().join("data");
        play::play(&city.join("streams/rainstorm.jsonl"), &city, &data, play::Options::default(), |_| {})?;
        let journal = Journal::open_read_only(Disk::open(&data.join("journal"))?, Options::default())?;
        let records = journal.read("yunhe", 1).collect::<Result<Vec<Record>, _>>()?;
        let mut state = State::default();
        for record in records.iter().take(60) {
            fold::fold(&mut state, &Entry::from_bytes(&record.payload)?, Digest(record.hash));
        }
        let at = state.core.now;
        let entries = records.into_iter().map(|record| record.payload).collect();
        let engine = Engine::new(Limits::STANDARD)?;
        Ok(Self { examples, scratch, engine, state: Arc::new(state), entries, at })
    }

    /// All targets.
    ///
    /// # Errors
    /// When an example cannot be read.
    pub fn targets(&self) -> anyhow::Result<Vec<Target>> {
        let target = |name, inputs, cost, run| Target { name, inputs, cost, run };
        let stream = std::fs::read_to_string(self.examples.path().join("yunhe/streams/rainstorm.jsonl"))?;
        let events = stream.lines().map(|line| line.as_bytes().to_vec()).collect();
        let packages = self.files("ref-v1/packages")?;
        let items = snapshot::take_changes(&mut State::clone(&self.state));
        let items = items.into_iter().filter_map(|(key, value)| Some(joined(&key, &value?))).collect();
        Ok(vec![
            target("event", events, 4, event),
            target("entry", self.entries.iter().take(120).cloned().collect(), 8, entry),
            target("segment", vec![self.segment()?], 4, segment),
            target("settings", self.files("ref-v1/settings")?, 2, settings),
            target("district", vec![std::fs::read(self.city().join("district.toml"))?], 40, district),
            target("package", packages.clone(), 2, package),
            target("component", packages, 200, component),
            target("checkpoint", vec![self.checkpoints()?], 4, checkpoints),
            target("proof", vec![self.proof()?], 1, proof),
            target("view", items, 1, view),
            target("trust", vec![trust_file().into_bytes()], 2, trust),
            target("attestations", vec![release().into_bytes()], 2, attestations),
        ])
    }

    fn city(&self) -> PathBuf {
        self.examples.path().join("yunhe")
    }

    fn files(&self, folder: &str) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(self.examples.path().join(folder))? {
            paths.push(entry?.path());
        }
        paths.sort();
        paths.iter().map(|path| std::fs::read(path).with_context(|| path.display().to_string())).collect()
    }

    /// A small journal, as the journal itself writes it.
    fn segment(&self) -> anyhow::Result<Vec<u8>> {
        let media = MemoryMedia::new();
        let journal = Journal::open(media.clone(), SMALL)?.journal;
        let mut prev = [0; 32];
        for (payload, seq) in self.entries.iter().take(12).zip(1..) {
            let hash = Digest::of(payload).0;
            let record = Record { district: "yunhe".into(), seq, prev, hash, payload: payload.clone() };
            journal.append_and_wait(vec![record])?;
            prev = hash;
        }
        let bytes = media.bytes("00000000000000000001.seg");
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 65);
        Ok(bytes[..end.min(bytes.len())].to_vec())
    }

    fn checkpoints(&self) -> anyhow::Result<Vec<u8>> {
        let data = self.scratch.path().join("data");
        let journal = Journal::open_read_only(Disk::open(&data.join("journal"))?, Options::default())?;
        let folder = data.join(checkpoint::FOLDER);
        muster_store::Checkpoints::open(&folder)?.sign(&journal, "2021-07-20T00:00:00Z")?;
        Ok(std::fs::read(folder.join("checkpoints.jsonl"))?)
    }

    fn proof(&self) -> anyhow::Result<Vec<u8>> {
        let data = self.scratch.path().join("data");
        let journal = Journal::open_read_only(Disk::open(&data.join("journal"))?, Options::default())?;
        let proof = Proof::of(&journal, &checkpoint::read(&data.join(checkpoint::FOLDER))?, "yunhe", 7)?;
        Ok(serde_json::to_vec(&proof)?)
    }
}

const SMALL: Options = Options { segment_bytes: 1 << 20, low_space_bytes: 0 };

fn joined(key: &[u8], value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes();
    [&length, key, value].concat()
}

/// Whatever is an event is decided, and its entry gives the state that the decision left.
fn event(world: &World, bytes: &[u8]) {
    let Ok(json) = serde_json::from_slice::<Json>(bytes) else { return };
    let Ok(parsed) = cloudevent::parse(json, world.at) else { return };
    let mut state = Arc::clone(&world.state);
    let mut nobody = PolicySet::new(world.engine.clone());
    let decided = step(&mut state, world.at, Input::Event(parsed.event), &mut nobody);
    let read = Entry::from_bytes(&decided.payload).expect("what the kernel writes it can read");
    assert_eq!(read, decided.entry, "an entry reads back otherwise");
    let mut folded = State::clone(&world.state);
    fold::fold(&mut folded, &read, decided.hash);
    assert_eq!(snapshot::digest(&folded), snapshot::digest(&state), "the fold differs from the decision");
}

/// Whatever is an entry is written again as the same, and can be folded.
fn entry(world: &World, bytes: &[u8]) {
    let Ok(read) = Entry::from_bytes(bytes) else { return };
    let again = Entry::from_bytes(&read.to_bytes()).expect("what was read can be written and read");
    assert_eq!(again, read);
    let mut state = State::clone(&world.state);
    fold::fold(&mut state, &read, Digest::of(bytes));
    let mut items = snapshot::take_changes(&mut state);
    items.retain(|(_, value)| value.is_some());
    drop(snapshot::load(items.into_iter().filter_map(|(key, value)| Some((key, value?)))).expect("rows load again"));
}

/// Whatever opens as a journal takes another record and gives all of them back.
fn segment(_: &World, bytes: &[u8]) {
    let given = Given::new(bytes);
    let Ok(opened) = Journal::open(given.clone(), SMALL) else { return };
    let journal = opened.journal;
    let head = journal.head("yunhe");
    let payload = b"{}".to_vec();
    let hash = Digest::of(&payload).0;
    let record = Record { district: "yunhe".into(), seq: head.seq + 1, prev: head.hash, hash, payload };
    journal.append_and_wait(vec![record.clone()]).expect("a journal that opened takes records");
    journal.close();
    let journal = Journal::open(given, SMALL).expect("it opens again").journal;
    let records: Vec<Record> = journal.read("yunhe", 1).collect::<Result<_, _>>().expect("it reads");
    assert_eq!((records.len() as u64, records.last()), (head.seq + 1, Some(&record)));
}

/// Whatever are settings can be kept and read again.
fn settings(_: &World, bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut settings = Settings::default();
    if muster_packages::settings::read(&mut settings, text, "settings.toml").is_err() {
        return;
    }
    let kept = serde_json::to_vec(&settings).expect("settings can be kept");
    let again: Settings = serde_json::from_slice(&kept).expect("what was kept can be read");
    assert_eq!(serde_json::to_vec(&again).expect("kept"), kept);
}

/// A district's file is taken or refused by name.
fn district(world: &World, bytes: &[u8]) {
    let file = world.city().join("district.toml");
    let whole = std::fs::read(&file).expect("read");
    std::fs::write(&file, bytes).expect("written");
    let read = folder::read(&world.city());
    std::fs::write(&file, whole).expect("written back");
    match read {
        Ok(folder) => assert!(!folder.charter.district.as_str().is_empty(), "a district has a name"),
        Err(error) => assert!(error.to_string().contains('.'), "no file is named: {error}"),
    }
}

fn package(_: &World, bytes: &[u8]) {
    drop(Package::read(bytes.to_vec()));
}

fn component(world: &World, bytes: &[u8]) {
    either_way::component(&world.engine, bytes);
}

/// A checkpoint that still bears its signature still says the same.
fn checkpoints(world: &World, bytes: &[u8]) {
    let folder = world.scratch.path().join("checkpoints");
    std::fs::create_dir_all(&folder).expect("made");
    std::fs::write(folder.join("checkpoints.jsonl"), bytes).expect("written");
    let read = checkpoint::read(&folder).expect("lines that cannot be read are left out");
    let whole = checkpoint::read(&world.scratch.path().join("data").join(checkpoint::FOLDER)).expect("read");
    for found in read.iter().filter(|found| found.is_signed() && whole.iter().any(|known| known.key == found.key)) {
        let same = whole.iter().any(|known| known.statement() == found.statement());
        assert!(same, "a changed checkpoint bears the signature: {found:?}");
    }
}

/// Nothing but the entry itself is proved.
fn proof(world: &World, bytes: &[u8]) {
    let Ok(proof) = serde_json::from_slice::<Proof>(bytes) else { return };
    let whole = checkpoint::read(&world.scratch.path().join("data").join(checkpoint::FOLDER)).expect("read");
    let key = whole.first().map(|checkpoint| checkpoint.key.clone());
    if proof.holds(key.as_deref()).is_ok() {
        let place = usize::try_from(proof.seq).expect("small") - 1;
        assert_eq!(proof.entry.as_bytes(), world.entries[place], "another entry was proved");
    }
}

/// Rows that load are rows of a state.
fn view(_: &World, bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_at_checked(2) else { return };
    let length = usize::from(u16::from_le_bytes([length[0], length[1]])).min(rest.len());
    let (key, value) = rest.split_at(length);
    if let Ok(state) = snapshot::load(std::iter::once((key.to_vec(), value.to_vec()))) {
        assert_eq!(snapshot::digest(&state), snapshot::digest(&state));
    }
}

/// The package that the attestations are about.
const ATTESTED: Digest = Digest([7; 32]);

fn vendor() -> SecretKey {
    SecretKey::from_seed("vendor", [3; 32])
}

/// One vendor, whose word is enough.
fn trust_file() -> String {
    let key = vendor();
    let (id, public) = (key.public().id(), key.public());
    let admins = [("one", [1; 32]), ("two", [2; 32])].map(|(holder, seed)| {
        let admin = SecretKey::from_seed(holder, seed).public();
        format!(
            "[[key]]\nid = \"{}\"\npublic = \"{admin}\"\nholder = \"{holder}\"\noffices = [\"trust_admin\"]\n\
             from = 2020-01-01T00:00:00Z\nuntil = 2120-01-01T00:00:00Z\n",
            admin.id()
        )
    });
    format!(
        "profile = \"production\"\n{}[[key]]\nid = \"{id}\"\npublic = \"{public}\"\nholder = \"vendor\"\n\
         offices = [\"vendor\"]\nfrom = 2020-01-01T00:00:00Z\nuntil = 2120-01-01T00:00:00Z\n\
         [[rule]]\nneeds = [{{ office = \"vendor\", count = 1 }}]\n",
        admins.concat()
    )
}

/// A release, signed by the vendor.
fn release() -> String {
    let release = Release {
        id: "ref/triage".into(),
        version: "1.0.0".into(),
        office: ReleaseOffice::Vendor,
        settings: None,
        at: Instant::from_millis(1_900_000_000_000),
    };
    let statement = Statement::about("triage.wasm", ATTESTED, Predicate::Release(release));
    let mut envelope = Envelope::of(statement.to_payload());
    envelope.sign(&vendor());
    envelope.to_line() + "\n"
}

/// A trust file that is read can be compared with itself: nothing is weaker or stricter.
fn trust(_: &World, bytes: &[u8]) {
    if let Ok(trust) = Trust::read(bytes) {
        let change = muster_packages::trust::change(&trust, &trust);
        assert!(change.weakens.is_empty() && change.strengthens.is_empty(), "{change:?}");
    }
}

/// Whatever stands in a file of attestations: the package is let in only by the statement that the vendor signed.
fn attestations(_: &World, bytes: &[u8]) {
    let Ok(file) = Attestations::read(bytes) else { return };
    let trust = Trust::read(trust_file().as_bytes()).expect("a trust file");
    let district = muster_kernel::DistrictId::from("yunhe");
    let case = Case {
        package: ATTESTED,
        district: &district,
        role: muster_kernel::Role::Triage,
        settings: Digest::ZERO,
        at: Instant::from_millis(1_900_000_000_000),
        crisis: false,
    };
    if let Ok(evidence) = trust.judge(&case, &file, &DenyList::none()) {
        let whole = Attestations::read(release().as_bytes()).expect("a file of attestations");
        let signed: Vec<Digest> = whole.envelopes().map(Envelope::statement_digest).collect();
        assert!(evidence.signers.iter().all(|signer| signed.contains(&signer.statement)), "{evidence:?}");
    }
    drop(DenyList::read(&file, &trust, case.at));
}
