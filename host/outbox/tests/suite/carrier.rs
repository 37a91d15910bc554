//! The whole way with threads and sockets: from the journal to a receiver, over a stop and a start, a store that fails
//! and a channel that panics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::receiver::{Receiver, Reply};
use crate::support::{View, entry, notice, plain, plan};
use muster_kernel::DistrictId;
use muster_kernel::record::Entry;
use muster_outbox::{
    Carrier, CarrierError, Change, Channel, Channels, Command, Event, Journal, JournalError, Kept, KeptError, Key,
    Memory, MessageId, Outcome, Parcel, Parts, Plan, Row, SecretSource, SystemClock,
};

/// How long a test waits for what must come; it never decides anything but that it did not.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone, Default)]
struct Shared<T>(Arc<Mutex<T>>);

impl Journal for Shared<Vec<Entry>> {
    fn heads(&self) -> Result<BTreeMap<DistrictId, u64>, JournalError> {
        let entries = self.0.lock().expect("entries");
        Ok(entries.last().map(|entry| (entry.district.clone(), entry.seq)).into_iter().collect())
    }

    fn entries(&self, _: &DistrictId, after: u64, most: usize) -> Result<Vec<Entry>, JournalError> {
        let entries = self.0.lock().expect("entries");
        Ok(entries.iter().filter(|entry| entry.seq > after).take(most).cloned().collect())
    }
}

/// A journal with one more district, sorted before the others, that cannot be read.
struct Torn(Shared<Vec<Entry>>);

impl Journal for Torn {
    fn heads(&self) -> Result<BTreeMap<DistrictId, u64>, JournalError> {
        let mut heads = self.0.heads()?;
        heads.insert("east".into(), 1);
        Ok(heads)
    }

    fn entries(&self, district: &DistrictId, after: u64, most: usize) -> Result<Vec<Entry>, JournalError> {
        if district.as_str() == "east" {
            return Err(JournalError { district: district.clone(), after, reason: "a bad block".into() });
        }
        self.0.entries(district, after, most)
    }
}

/// Rows that outlive a carrier, in a store that fails so many times.
#[derive(Clone, Default)]
struct Store {
    rows: Shared<Memory>,
    failures: Shared<u32>,
}

impl Kept for Store {
    fn load(&self) -> Result<BTreeMap<Key, Row>, KeptError> {
        self.rows.0.lock().expect("rows").load()
    }

    fn apply(&mut self, changes: &[Change]) -> Result<(), KeptError> {
        let mut failures = self.failures.0.lock().expect("a number");
        if *failures > 0 {
            *failures -= 1;
            return Err(KeptError::Store("no space".into()));
        }
        self.rows.0.lock().expect("rows").apply(changes)
    }
}

struct Secrets;

impl SecretSource for Secrets {
    fn file(&self, _: &str) -> Result<String, String> {
        Err("there are no files here".into())
    }

    fn environment(&self, _: &str) -> Option<String> {
        Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into())
    }
}

struct Bench {
    plan: Plan,
    journal: Shared<Vec<Entry>>,
    store: Store,
    channels: Channels,
}

impl Bench {
    fn new(port: u16) -> Self {
        let plan = plan(&format!(
            "allow_addresses = [\"loopback\"]\nlimits.pause_milliseconds = 10\n\
             [[recipient]]\nname = \"desk\"\nlanguage = \"en\"\nfrom_beginning = true\n\
             [[recipient.channel]]\nname = \"hook\"\nwebhook.url = \"http://127.0.0.1:{port}/\"\n\
             webhook.secrets = [\"env:KEY\"]\n[[subscription]]\nrecipient = \"desk\"\nfacts = [\"notice.sent\"]\n"
        ));
        let channels = Channels::build(&plan, &Secrets).expect("channels");
        Self { plan, journal: Shared::default(), store: Store::default(), channels }
    }

    fn commit(&self, count: u64) -> u64 {
        let mut entries = self.journal.0.lock().expect("entries");
        for _ in 0..count {
            let seq = u64::try_from(entries.len()).expect("small") + 1;
            entries.push(entry("north", seq, vec![notice(None, "x")]));
        }
        u64::try_from(entries.len()).expect("small")
    }

    /// The identities of all that was committed.
    fn identities(&self) -> Vec<String> {
        let entries = self.journal.0.lock().expect("entries");
        entries.iter().map(|entry| MessageId::of(entry, 0, "desk".into()).to_string()).collect()
    }

    fn start(&self) -> (Carrier, Inbox<Event>, Inbox<CarrierError>) {
        self.start_from(Box::new(self.journal.clone()))
    }

    fn start_from(&self, journal: Box<dyn Journal>) -> (Carrier, Inbox<Event>, Inbox<CarrierError>) {
        let (events, heard): (Sender<Event>, _) = channel();
        let (troubles, trouble) = channel();
        let carrier = Carrier::start(Parts {
            plan: self.plan.clone(),
            kept: Box::new(self.store.clone()),
            journal,
            view: Box::new(View::default()),
            clock: Arc::new(SystemClock),
            channels: self.channels.clone(),
            on_event: Box::new(move |event| drop(events.send(event))),
            on_trouble: Box::new(move |error| drop(troubles.send(error))),
            seed: 7,
        });
        (carrier.expect("it starts"), heard, trouble)
    }
}

fn await_deliveries(events: &Inbox<Event>, count: usize) {
    let mut delivered = 0;
    while delivered < count {
        let event = events.recv_timeout(PATIENCE).expect("a delivery comes");
        delivered += usize::from(matches!(event, Event::Delivered { .. }));
    }
}

#[test]
fn from_the_journal_to_a_receiver_over_a_stop_and_a_start() {
    let mut turn = 0;
    let receiver = Receiver::start(move |_| {
        turn += 1;
        match turn % 3 {
            0 => Reply::status(503, "", "busy"),
            1 => Reply::Reset("HTTP/1.1 2".into()),
            _ => Reply::status(200, "", ""),
        }
    });
    let bench = Bench::new(receiver.port);
    bench.commit(5);
    let (carrier, events, _trouble) = bench.start();
    await_deliveries(&events, 5);
    let head = bench.commit(3);
    carrier.committed(&"north".into(), head);
    await_deliveries(&events, 1);
    carrier.stop();
    let head = bench.commit(2);
    let (carrier, events, _trouble) = bench.start();
    carrier.committed(&"north".into(), head);
    // The last one, in order, is the end of it; asking how it stands may come before the note of what was committed.
    let is_last = |event: &Event| matches!(event, Event::Delivered { id, .. } if id.position.seq == head);
    while !is_last(&events.recv_timeout(PATIENCE).expect("it goes on")) {}
    let status = carrier.status().expect("it runs").remove(0);
    assert_eq!((status.queued, status.entries_behind), (0, 0));
    let mut known = BTreeSet::new();
    let ids = receiver.requests.try_iter().map(|request| request.headers["webhook-id"].clone());
    let seen: Vec<String> = ids.filter(|id| known.insert(id.clone())).collect();
    let expected: Vec<String> = bench.identities();
    assert_eq!(seen, expected, "each once, in order");
}

#[test]
fn nothing_goes_on_before_it_is_kept() {
    let receiver = Receiver::start(|_| Reply::status(200, "", ""));
    let bench = Bench::new(receiver.port);
    let (carrier, events, trouble) = bench.start();
    *bench.store.failures.0.lock().expect("a number") = 1;
    let head = bench.commit(2);
    carrier.committed(&"north".into(), head);
    let error = trouble.recv_timeout(PATIENCE).expect("it is said");
    insta::assert_snapshot!(error, @"what the outbox keeps cannot be stored: no space; deliveries stop until it can, and nothing is lost");
    await_deliveries(&events, 2);
    // A store that never works again does not keep the host from stopping.
    *bench.store.failures.0.lock().expect("a number") = u32::MAX;
    let head = bench.commit(1);
    carrier.committed(&"north".into(), head);
    trouble.recv_timeout(PATIENCE).expect("it is said");
    carrier.stop();
    *bench.store.failures.0.lock().expect("a number") = 0;
    let (_carrier, events, _trouble) = bench.start();
    await_deliveries(&events, 1);
}

#[test]
fn a_district_that_cannot_be_read_holds_up_no_other() {
    let receiver = Receiver::start(|_| Reply::status(200, "", ""));
    let bench = Bench::new(receiver.port);
    bench.commit(3);
    let (_carrier, events, trouble) = bench.start_from(Box::new(Torn(bench.journal.clone())));
    await_deliveries(&events, 3);
    let error = trouble.recv_timeout(PATIENCE).expect("it is said");
    insta::assert_snapshot!(error, @"entries of east after 0 cannot be read: a bad block; what they say waits until they can");
}

struct Panics;

impl Channel for Panics {
    fn send(&self, parcel: Parcel<'_>) -> Outcome {
        assert!(parcel.message.id.position.seq > 1, "a fault of its own");
        Outcome::Delivered
    }
}

#[test]
fn a_channel_that_panics_costs_its_own_attempt_and_a_person_can_step_in() {
    let mut bench = Bench::new(1);
    bench.plan.limits.attempts = 2;
    bench.channels.insert("desk".into(), "hook".into(), Arc::new(Panics));
    let head = bench.commit(2);
    let (carrier, events, _trouble) = bench.start();
    carrier.committed(&"north".into(), head);
    await_deliveries(&events, 1);
    let letters = carrier.dead_letters(&"desk".into()).expect("it runs");
    insta::assert_snapshot!(letters[0].reason, @"the channel itself failed: a fault of its own; report it, and use another channel until then");
    let discard = Command::Discard { id: letters[0].message.id.clone(), by: "li".into(), reason: "told".into() };
    carrier.command(discard.clone()).expect("discarded");
    assert!(carrier.dead_letters(&"desk".into()).expect("it runs").is_empty());
    let error = carrier.command(discard).expect_err("it is gone");
    insta::assert_snapshot!(plain(&error.to_string()), @"there is no dead letter north/1/0/desk; list the dead letters of its recipient");
}
