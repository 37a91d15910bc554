//! Turns: what one district takes before the others have theirs, and what it leaves for the next.

use muster_kernel::state::{Timer, TimerPurpose};
use muster_kernel::{Milliseconds, Role, fold};
use muster_sandbox::{Engine, Limits, PolicySet};
use muster_store::{MemoryMedia, Options, Writer};
use muster_testkit::district as scene;

use super::*;
use crate::clock::VirtualClock;

type Told = oneshot::Receiver<Result<Receipt, SubmitError>>;

/// A shard that is moved by hand, a minute after everything of the scene.
struct Bench {
    shard: Shard,
    writer: Writer,
    queue: Sender<Message>,
    mailboxes: BTreeMap<DistrictId, Arc<Mailbox>>,
}

impl Bench {
    /// Each district with so many timers that fell due at the scene's instant.
    fn new(districts: &[(&str, usize)]) -> Self {
        let options = Options { segment_bytes: 1 << 20, low_space_bytes: 0 };
        let (opened, writer) = Journal::open_unattended(MemoryMedia::new(), options).expect("a journal");
        let (queue, commands) = crossbeam_channel::unbounded();
        let clock = Arc::new(VirtualClock::at(scene::now() + Milliseconds::minutes(1)));
        let (poisoned, metrics, followed) = (Arc::default(), Arc::new(Metrics::new()), Arc::default());
        let journal = Arc::new(opened.journal);
        let mut shard = Shard::new(commands, journal, clock, None, poisoned, metrics, followed);
        let engine = Engine::new(Limits::STANDARD).expect("an engine");
        let mut mailboxes = BTreeMap::new();
        for (name, timers) in districts {
            let mut state = State::clone(&scene::state());
            for number in 0..*timers {
                let purpose = TimerPurpose::PolicyExpiry(Role::Discretion);
                state.timers.put(format!("test/{number:05}"), Timer { due: scene::now(), purpose });
            }
            fold::rebuild_index(&mut state);
            let (id, mailbox) = (DistrictId::from(*name), Mailbox::new());
            let district = District::new(id.clone(), state, PolicySet::new(engine.clone()));
            shard.seat(district, Arc::clone(&mailbox), Changes::default());
            mailboxes.insert(id, mailbox);
        }
        Self { shard, writer, queue, mailboxes }
    }

    fn submit(&self, district: &str) -> Told {
        let id = DistrictId::from(district);
        self.mailboxes[&id].signals.fetch_add(1, Ordering::Relaxed);
        let (reply, told) = oneshot::channel();
        let command = Command::Submit(Submission { event: scene::ponding(), reply, permission: None });
        self.queue.send(Message { district: id, command }).expect("the shard listens");
        told
    }

    fn waiting_timers(&self, district: &str) -> usize {
        let district = self.shard.district(&DistrictId::from(district)).expect("seated");
        district.state.timers.iter().filter(|(key, _)| key.starts_with("test/")).count()
    }

    fn commit(&mut self) {
        while self.writer.commit_waiting(usize::MAX) {}
    }
}

#[test]
fn timers_without_end_keep_neither_other_districts_nor_events_of_their_own_waiting() {
    let mut bench = Bench::new(&[("full", 3 * TIMERS_MAX), ("quiet", 1)]);
    let (mut of_full, mut of_quiet) = (bench.submit("full"), bench.submit("quiet"));
    assert!(!bench.shard.work());
    assert_eq!(bench.waiting_timers("full"), 2 * TIMERS_MAX, "one turn");
    assert_eq!(bench.waiting_timers("quiet"), 0);
    bench.commit();
    for told in [&mut of_full, &mut of_quiet] {
        let receipt = told.try_recv().expect("answered").expect("taken");
        assert!(receipt.seq > 0);
    }
    // The rest follows without any event, a turn at a time, and then there is rest.
    for left in [1, 0, 0] {
        assert!(bench.shard.sleep().is_zero() == (bench.waiting_timers("full") > 0));
        assert!(!bench.shard.work());
        assert_eq!(bench.waiting_timers("full"), left * TIMERS_MAX);
    }
}

#[test]
fn timers_that_one_turn_has_room_for_go_before_the_event_as_ever() {
    let mut bench = Bench::new(&[("full", TIMERS_MAX)]);
    let mut told = bench.submit("full");
    bench.shard.work();
    bench.commit();
    let receipt = told.try_recv().expect("answered").expect("taken");
    assert_eq!(receipt.seq, TIMERS_MAX as u64 + 1);
    assert_eq!(bench.waiting_timers("full"), 0);
}
