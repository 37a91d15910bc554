//! A world in virtual time around the outbox: a journal, receivers that do as they are told, and power that can fail
//! between any two steps. It judges nothing by itself; the tests do.

pub(crate) mod receiver;

use std::collections::{BTreeMap, BTreeSet};

use muster_kernel::act::{Because, Notice, Party, Sentence};
use muster_kernel::record::{Cause, Entry, Fact};
use muster_kernel::{Digest, DistrictId, IncidentId, Instant, Milliseconds, NodeCode};
use muster_outbox::{
    Attempt, ChannelName, DistrictView, Event, IncidentPlace, Kept, Language, Memory, Message, MessageId, Outbox,
    Outcome, Plan, RecipientName, Said, Settings, Step, Trouble,
};

pub(crate) fn at(seconds: i64) -> Instant {
    Instant::parse("2021-07-19T10:00:00Z").expect("an instant") + Milliseconds(seconds * 1_000)
}

pub(crate) fn plan(text: &str) -> Plan {
    let settings: Settings = toml::from_str(text).expect("settings");
    settings.check().expect("settings that hold together")
}

/// One recipient `desk` with webhook channels of these names, told of every notice.
pub(crate) fn desk(channels: &[&str], more: &str) -> Plan {
    let mut text = format!("[[recipient]]\nname = \"desk\"\nlanguage = \"en\"\n{more}\n");
    for channel in channels {
        text += &webhook(channel);
    }
    plan(&(text + "[[subscription]]\nrecipient = \"desk\"\nfacts = [\"notice.sent\"]\n"))
}

pub(crate) fn webhook(name: &str) -> String {
    format!(
        "[[recipient.channel]]\nname = \"{name}\"\nwebhook.url = \"https://{name}.example/\"\n\
         webhook.secrets = [\"env:KEY\"]\n"
    )
}

pub(crate) fn notice(incident: Option<&str>, text: &str) -> Fact {
    Fact::NoticeSent {
        incident: incident.map(IncidentId::from),
        notice: Notice {
            to: vec![Party::Post { node: "990103".into(), name: "duty_leader".into() }],
            sentences: vec![Sentence { language: "en".into(), text: text.into() }],
        },
        because: Because::new("host:test", "测试", "a test"),
    }
}

pub(crate) fn entry(district: &str, seq: u64, facts: Vec<Fact>) -> Entry {
    Entry {
        version: 1,
        district: district.into(),
        seq,
        prev: Digest::of(b""),
        at: at(0) + Milliseconds(i64::try_from(seq).expect("small")),
        cause: Cause::Migration,
        calls: Vec::new(),
        facts,
    }
}

/// Says facts plainly; the incident `grave` has lives at stake and lies in 990103, below 9901.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) ways: Vec<String>,
}

impl DistrictView for View {
    fn say(&self, entry: &Entry, fact: &Fact, language: Language) -> Said {
        let text = match fact {
            Fact::NoticeSent { notice, .. } => notice.sentences[0].text.clone(),
            other => format!("{} in entry {}", other.kind(), entry.seq),
        };
        let label = match language {
            Language::Chinese => "通知",
            Language::English => "notice",
        };
        Said { label: label.into(), text }
    }

    fn name(&self, district: &DistrictId, _: Language) -> String {
        district.as_str().into()
    }

    fn utc_offset_seconds(&self, _: &DistrictId) -> i32 {
        8 * 3_600
    }

    fn lineage(&self, _: &DistrictId, node: &NodeCode) -> Vec<NodeCode> {
        [6, 4, 2].iter().filter_map(|length| node.as_str().get(..*length)).map(NodeCode::from).collect()
    }

    fn incident(&self, _: &DistrictId, incident: &IncidentId) -> Option<IncidentPlace> {
        Some(IncidentPlace { node: "990103".into(), life_safety: incident.as_str() == "grave" })
    }

    fn ways(&self, _: &Entry, _: &Fact) -> Vec<String> {
        self.ways.clone()
    }
}

/// What a receiver does with an attempt.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    /// It has the message, whatever it answers.
    pub(crate) took: bool,
    /// What we hear.
    pub(crate) outcome: Outcome,
    /// After how many seconds we hear it.
    pub(crate) seconds: i64,
}

impl Deed {
    pub(crate) fn delivered() -> Self {
        Self { took: true, outcome: Outcome::Delivered, seconds: 0 }
    }

    pub(crate) fn later(trouble: Trouble) -> Self {
        Self { took: false, outcome: Outcome::later(trouble), seconds: 0 }
    }

    pub(crate) fn down() -> Self {
        Self::later(Trouble::Unreachable { to: "https://a.example".into(), reason: "refused".into() })
    }

    pub(crate) fn refused() -> Self {
        let trouble = Trouble::Status { to: "https://a.example".into(), status: 422, answer: "no".into() };
        Self { took: false, outcome: Outcome::Refused { trouble }, seconds: 0 }
    }

    /// The receiver has it; its answer got lost.
    pub(crate) fn lost_answer() -> Self {
        let trouble = Trouble::Broken { to: "https://a.example".into(), reason: "reset".into() };
        Self { took: true, outcome: Outcome::later(trouble), seconds: 0 }
    }
}

type Receiver = Box<dyn FnMut(&Message, &ChannelName, Instant) -> Deed>;

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) view: View,
    pub(crate) journal: BTreeMap<DistrictId, Vec<Entry>>,
    pub(crate) kept: Memory,
    pub(crate) outbox: Outbox,
    pub(crate) now: Instant,
    pub(crate) receiver: Receiver,
    /// What receivers took, in order, with repetitions.
    pub(crate) taken: Vec<(MessageId, ChannelName, Instant)>,
    /// Every attempt.
    pub(crate) tried: Vec<(MessageId, ChannelName, Instant)>,
    pub(crate) events: Vec<Event>,
    flying: Vec<(Instant, MessageId, ChannelName, Outcome)>,
    /// Power fails at the step where this comes to zero.
    pub(crate) crash_in: Option<u32>,
    pub(crate) most_in_memory: usize,
    seed: u64,
}

/// Power failed: what was not kept is gone.
struct PowerLoss;

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let (outbox, step) = Outbox::open(&plan, BTreeMap::new(), BTreeMap::new(), at(0), 1);
        let mut kept = Memory::default();
        kept.apply(&step.changes).expect("kept");
        Self {
            plan,
            view: View::default(),
            journal: BTreeMap::new(),
            kept,
            outbox,
            now: at(0),
            receiver: Box::new(|_, _, _| Deed::delivered()),
            taken: Vec::new(),
            tried: Vec::new(),
            events: step.events,
            flying: Vec::new(),
            crash_in: None,
            most_in_memory: 0,
            seed: 1,
        }
    }

    pub(crate) fn receiver(&mut self, receiver: impl FnMut(&Message, &ChannelName, Instant) -> Deed + 'static) {
        self.receiver = Box::new(receiver);
    }

    /// Writes the next entry of a district.
    pub(crate) fn commit(&mut self, district: &str, facts: Vec<Fact>) -> u64 {
        let chain = self.journal.entry(district.into()).or_default();
        let seq = u64::try_from(chain.len()).expect("small") + 1;
        chain.push(entry(district, seq, facts));
        self.outbox.committed(&district.into(), seq);
        seq
    }

    pub(crate) fn notices(&mut self, district: &str, count: u64) {
        for number in 1..=count {
            self.commit(district, vec![notice(None, &format!("notice {number}"))]);
        }
    }

    pub(crate) fn heads(&self) -> BTreeMap<DistrictId, u64> {
        let length = |chain: &Vec<Entry>| u64::try_from(chain.len()).expect("small");
        self.journal.iter().map(|(district, chain)| (district.clone(), length(chain))).collect()
    }

    /// Starts again from what was kept.
    pub(crate) fn restart(&mut self) {
        self.flying.clear();
        self.seed += 1;
        let rows = self.kept.load().expect("rows");
        let (outbox, step) = Outbox::open(&self.plan, rows, self.heads(), self.now, self.seed);
        self.outbox = outbox;
        self.kept.apply(&step.changes).expect("kept");
        self.events.extend(step.events);
    }

    fn power(&mut self) -> Result<(), PowerLoss> {
        let Some(left) = &mut self.crash_in else { return Ok(()) };
        *left = left.saturating_sub(1);
        if *left > 0 {
            return Ok(());
        }
        self.crash_in = None;
        Err(PowerLoss)
    }

    pub(crate) fn carry_out(&mut self, step: Step) {
        self.try_carry_out(step).unwrap_or_else(|PowerLoss| self.restart());
    }

    fn try_carry_out(&mut self, step: Step) -> Result<(), PowerLoss> {
        self.power()?;
        self.kept.apply(&step.changes).expect("kept");
        self.power()?;
        self.events.extend(step.events);
        for Attempt { message, channel, .. } in step.attempts {
            self.power()?;
            let deed = (self.receiver)(&message, &channel, self.now);
            self.tried.push((message.id.clone(), channel.clone(), self.now));
            if deed.took {
                self.taken.push((message.id.clone(), channel.clone(), self.now));
            }
            self.power()?;
            self.flying.push((self.now + Milliseconds(deed.seconds * 1_000), message.id, channel, deed.outcome));
        }
        Ok(())
    }

    /// Does all that can be done at this instant.
    fn turn(&mut self) -> Result<(), PowerLoss> {
        loop {
            self.most_in_memory = self.most_in_memory.max(self.outbox.in_memory());
            self.flying.sort_by_key(|(ends, ..)| *ends);
            if self.flying.first().is_some_and(|(ends, ..)| *ends <= self.now) {
                let (_, id, channel, outcome) = self.flying.remove(0);
                let step = self.outbox.ended(&id, &channel, outcome, self.now);
                self.try_carry_out(step)?;
                continue;
            }
            let mut read = false;
            for wanted in self.outbox.wanted() {
                let after = usize::try_from(wanted.after).expect("small");
                for entry in self.journal[&wanted.district].iter().skip(after).take(16).cloned().collect::<Vec<_>>() {
                    read = true;
                    let step = self.outbox.entry(&entry, &self.view);
                    self.try_carry_out(step)?;
                }
            }
            let step = self.outbox.tick(self.now);
            let begun = !step.attempts.is_empty();
            self.try_carry_out(step)?;
            if !begun && !read {
                return Ok(());
            }
        }
    }

    /// Lets time run until then, from one instant at which something can change to the next.
    pub(crate) fn run(&mut self, until: Instant) {
        loop {
            while self.turn().is_err() {
                self.restart();
            }
            let ends = self.flying.iter().map(|(ends, ..)| *ends).min();
            let next = [ends, self.outbox.wake(self.now)].into_iter().flatten().min();
            match next {
                Some(next) if next <= until => self.now = next.max(self.now + Milliseconds(1)),
                _ => break,
            }
        }
        self.now = until;
    }

    /// What a receiver that honours identities has seen, in order.
    pub(crate) fn seen(&self, recipient: &str) -> Vec<MessageId> {
        let recipient = RecipientName::from(recipient);
        let mut known = BTreeSet::new();
        let own = self.taken.iter().map(|(id, ..)| id).filter(|id| id.recipient == recipient);
        own.filter(|id| known.insert((*id).clone())).cloned().collect()
    }

    /// Nothing lost, nothing twice, in order within each district.
    #[track_caller]
    pub(crate) fn assert_all_in_order(&self, recipient: &str) {
        let seen = self.seen(recipient);
        let mut expected = BTreeSet::new();
        for entry in self.journal.values().flatten() {
            for (index, fact) in (0_u32..).zip(&entry.facts) {
                if fact.kind() == "notice.sent" {
                    expected.insert(MessageId::of(entry, index, recipient.into()));
                }
            }
        }
        assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), expected, "nothing lost, nothing invented");
        for district in self.journal.keys() {
            let positions: Vec<_> = seen.iter().filter(|id| &id.district == district).map(|id| id.position).collect();
            assert!(positions.is_sorted(), "{recipient} saw {district} out of order: {positions:?}");
        }
    }

    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.events.iter().map(Event::kind).filter(|kind| *kind != "delivery.attempted").collect()
    }

    pub(crate) fn letters(&self, recipient: &str) -> Vec<MessageId> {
        self.outbox.dead_letters(&recipient.into()).map(|letter| letter.message.id.clone()).collect()
    }

    /// The identity of the first fact of an entry of `north`, as `desk` is told of it.
    pub(crate) fn id(&self, seq: usize) -> MessageId {
        MessageId::of(&self.journal[&DistrictId::from("north")][seq - 1], 0, "desk".into())
    }
}

/// What is said, without the marks in its identities: eight digits that follow from all that the entry says.
pub(crate) fn plain(text: &str) -> String {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.split_once('/') {
        Some((mark, rest)) if mark.len() == 8 && mark.bytes().all(|one| one.is_ascii_hexdigit()) => text + "/" + rest,
        _ => text + "-" + part,
    })
}
