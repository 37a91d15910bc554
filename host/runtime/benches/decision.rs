//! A full decision, from event to hashed entry, and durable decisions, each beside its floor.
//!
//! Full decision: triage, escalation and discretion in fresh instances with every limit on, the kernel's bounds, the entry
//! encoded and hashed; beside it the same step with native policies that answer at once. Durable: the same decisions in
//! batches through the journal; beside it raw append + fdatasync of the same bytes.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use muster_kernel::act::{Because, Effect};
use muster_kernel::role::{
    Asked, Binding, Call, Failure, MemoryScope, Policies, discretion, escalation, incentives, oversight, triage,
    workflow,
};
use muster_kernel::step::{Input, Step, step};
use muster_kernel::value::Attribute;
use muster_kernel::{Digest, Event, Instant, Role, State, Value};
use muster_runtime::folder::{self, Folder};
use muster_sandbox::{Bound, Capabilities, Engine, Limits, PolicySet};
use muster_store::{Disk, Journal, Options, Record};

/// The example city with packages built from their sources.
fn city() -> Folder {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the root");
    let examples = root.join("examples");
    for policy in ["triage", "escalation", "discretion", "incentives"] {
        let packages = examples.join("ref-v1/packages");
        std::fs::create_dir_all(&packages).expect("made");
        std::fs::write(packages.join(format!("{policy}.wasm")), muster_testkit::guests::policy(policy).as_slice())
            .expect("written");
    }
    folder::read(&examples.join("yunhe")).expect("the example city")
}

fn sandboxed(folder: &Folder) -> PolicySet {
    let engine = Engine::new(Limits::STANDARD).expect("an engine");
    let mut policies = PolicySet::new(engine.clone());
    for (role, files) in &folder.policies {
        let program = engine.compile(&files.package.bytes).expect("compiles");
        let granted = program.imports().and(Capabilities::all());
        let settings = Arc::new(files.settings.clone());
        let (package, settings_digest) = (files.package.digest, files.settings_digest);
        policies.bind(*role, Bound { program, package, settings, settings_digest, granted, limits: Limits::STANDARD });
    }
    policies
}

/// Native policies that answer at once: what the kernel alone costs.
struct Native;

fn at_once<T>(role: Role, answer: T) -> Asked<T> {
    let call = Call {
        role,
        package: Some(Digest::ZERO),
        settings: None,
        fuel: 0,
        failure: None,
        detail: None,
        binding: Binding::InForce,
    };
    Asked { answer: Ok(answer), call, memory: Vec::new(), log: Vec::new() }
}

impl Policies for Native {
    fn triage(&mut self, _: Binding, _: &Arc<State>, question: &triage::Question) -> Asked<triage::Answer> {
        let placement = match question.candidates.first() {
            Some(incident) => triage::Placement::Attach(incident.id.clone()),
            None => triage::Placement::RecordOnly,
        };
        let because = Because::new("L0", "归入", "belongs");
        at_once(
            Role::Triage,
            triage::Answer { placement, classification: "ponding".into(), group: None, tags: Vec::new(), because },
        )
    }
    fn escalation(
        &mut self,
        _: Binding,
        _: &Arc<State>,
        _: MemoryScope,
        _: &escalation::Question,
    ) -> Asked<Vec<Effect>> {
        at_once(Role::Escalation, Vec::new())
    }
    fn discretion(&mut self, _: Binding, _: &Arc<State>, _: &discretion::Question) -> Asked<discretion::Answer> {
        let because = Because::new("D", "可以", "yes");
        let verdict = discretion::Verdict::Allow;
        at_once(Role::Discretion, discretion::Answer { verdict, limits: Vec::new(), because })
    }
    fn incentives(
        &mut self,
        _: Binding,
        _: &Arc<State>,
        _: Instant,
        _: &incentives::Service,
    ) -> Asked<Vec<incentives::Award>> {
        at_once(Role::Incentives, Vec::new())
    }
    fn oversight(
        &mut self,
        _: Binding,
        _: &Arc<State>,
        _: &oversight::Question,
    ) -> Asked<Vec<oversight::ReasonedFinding>> {
        at_once(Role::Oversight, Vec::new())
    }
    fn migrate(
        &mut self,
        _: &Arc<State>,
        _: Instant,
        process: &workflow::Process,
    ) -> Asked<Result<Vec<Attribute>, Because>> {
        at_once(Role::Workflow, Ok(process.state.clone()))
    }
    fn workflow(
        &mut self,
        _: Binding,
        _: &Arc<State>,
        _: MemoryScope,
        _: &workflow::Question,
    ) -> Asked<workflow::Outcome> {
        let call = Call {
            role: Role::Workflow,
            package: None,
            settings: None,
            fuel: 0,
            failure: Some(Failure::Unbound),
            detail: None,
            binding: Binding::InForce,
        };
        Asked { answer: Err(Failure::Unbound), call, memory: Vec::new(), log: Vec::new() }
    }
}

/// A small spend request: it names no incident, so all three roles are asked.
fn request(number: u64) -> Event {
    let now = Instant::parse("2030-06-01T08:00:00+08:00").expect("valid");
    let text = |text: &str| Value::Text(text.into());
    let data = [
        ("request", text(&format!("q-{number}"))),
        ("category", text(&format!("c-{number}"))),
        ("amount.currency", text("CNY")),
        ("amount.minor", Value::Integer(1)),
        ("reason", text("沙袋")),
    ];
    Event {
        id: number.to_string(),
        source: "urn:app:muster:street:990103901".into(),
        kind: "gov.muster.spend.requested".into(),
        subject: None,
        occurred: now,
        recorded: now,
        node: "990103901".into(),
        place: "990103901".into(),
        incident: None,
        exercise: false,
        attributes: data.into_iter().map(|(key, value)| Attribute::new(key, value)).collect(),
    }
}

struct District<P> {
    state: Arc<State>,
    policies: P,
    number: u64,
}

impl<P: Policies> District<P> {
    fn new(folder: &Folder, policies: P) -> Self {
        let mut district = Self { state: Arc::new(State::default()), policies, number: 0 };
        let (charter, digest) = (folder.charter.clone(), folder.charter_digest);
        district.input(Input::Charter { charter: Box::new(charter), digest });
        district
    }

    fn input(&mut self, input: Input) -> Step {
        let now = Instant::parse("2030-06-01T08:00:00+08:00").expect("valid");
        step(&mut self.state, now, input, &mut self.policies)
    }

    fn decide(&mut self) -> Step {
        self.number += 1;
        self.input(Input::Event(request(self.number)))
    }
}

/// A district that has decided much costs more to sum up; every so often a fresh one begins.
const FRESH_EVERY: u64 = 200;

fn full_decision(criterion: &mut Criterion) {
    let folder = city();
    let mut group = criterion.benchmark_group("full decision");
    let policies = sandboxed(&folder);
    let mut district = District::new(&folder, policies.clone());
    let first = district.decide();
    assert_eq!(first.entry.calls.len(), 3, "three roles are asked: {:?}", first.entry.calls);
    assert!(first.entry.calls.iter().all(|call| call.failure.is_none()));
    group.bench_function("sandboxed", |bencher| {
        bencher.iter(|| {
            if district.number >= FRESH_EVERY {
                district = District::new(&folder, policies.clone());
            }
            district.decide()
        });
    });
    let mut district = District::new(&folder, Native);
    group.bench_function("native policies", |bencher| {
        bencher.iter(|| {
            if district.number >= FRESH_EVERY {
                district = District::new(&folder, Native);
            }
            district.decide()
        });
    });
    group.finish();
}

fn durable_events(criterion: &mut Criterion) {
    let folder = city();
    let place = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("a folder on the disk that is measured");
    let mut group = criterion.benchmark_group("durable events");
    for batch in [1_u64, 64] {
        group.throughput(Throughput::Elements(batch));
        let media = Disk::open(&place.path().join(format!("journal-{batch}"))).expect("a folder");
        let journal = Journal::open(media, Options::default()).expect("a journal").journal;
        let policies = sandboxed(&folder);
        let mut names = 0_u64;
        let mut bytes = 0;
        group.bench_function(BenchmarkId::new("decided and journaled", batch), |bencher| {
            let mut district = District::new(&folder, policies.clone());
            names += 1;
            let mut name = format!("d-{names}");
            let mut head = (0, [0; 32]);
            bencher.iter(|| {
                if district.number >= FRESH_EVERY {
                    names += 1;
                    (district, name, head) =
                        (District::new(&folder, policies.clone()), format!("d-{names}"), (0, [0; 32]));
                }
                let records: Vec<Record> = (0..batch)
                    .map(|_| {
                        let decided = district.decide();
                        let record = Record {
                            district: name.clone(),
                            seq: head.0 + 1,
                            prev: head.1,
                            hash: decided.hash.0,
                            payload: decided.payload,
                        };
                        head = (record.seq, record.hash);
                        record
                    })
                    .collect();
                bytes = records.iter().map(|record| record.payload.len() + 90).sum();
                journal.append_and_wait(records).expect("durable");
            });
        });
        let raw =
            OpenOptions::new().create(true).truncate(true).write(true).open(place.path().join("raw")).expect("a file");
        raw.write_all_at(&vec![0; 64 << 20], 0).and_then(|()| raw.sync_all()).expect("written");
        let block = vec![7_u8; bytes];
        let mut offset = 0;
        group.bench_function(BenchmarkId::new("append + fdatasync of the same bytes", batch), |bencher| {
            bencher.iter(|| {
                raw.write_all_at(&block, offset % (48 << 20)).and_then(|()| raw.sync_data()).expect("synced");
                offset += block.len() as u64;
            });
        });
    }
    group.finish();
}

criterion_group!(benches, full_decision, durable_events);
criterion_main!(benches);
