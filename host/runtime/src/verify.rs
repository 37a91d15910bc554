//! Re-executes what a journal holds: every decision again, with the exact package bytes, settings and fuel it was made
//! with, compared byte for byte.
//!
//! One thread folds the chain and hands out stretches of it with the state before each; the workers decide them anew.
//! So one district is verified on all cores. Nothing here writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, bounded};
use muster_kernel::record::{Cause, Entry, Fact};
use muster_kernel::step::{Input, step};
use muster_kernel::{Digest, DistrictId, Event, State, fold};
use muster_sandbox::PolicySet;
use muster_store::Journal;

use crate::bindings;
use crate::open::{OpenError, Parts};
use crate::recorded::Recorded;

/// What was verified of a district.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Entries that were decided anew and came out the same.
    pub entries: u64,
    /// Calls of policies that were executed anew.
    pub calls: u64,
    /// Calls that cannot be executed anew, because the host had stopped them by the clock or could not start them: their
    /// recorded failure was taken as it stands.
    pub taken: u64,
    /// The first entry that comes out otherwise, in words.
    pub divergence: Option<Divergence>,
}

/// An entry that comes out otherwise than it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// The position.
    pub seq: u64,
    /// What caused the decision.
    pub cause: String,
    /// The role and package whose answer differs, where one can be named.
    pub policy: Option<String>,
    /// The first field that differs.
    pub field: String,
    /// What the journal says.
    pub then: String,
    /// What comes out now.
    pub now: String,
}

impl core::fmt::Display for Divergence {
    fn fmt(&self, words: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { seq, cause, policy, field, then, now } = self;
        write!(words, "entry {seq} ({cause})")?;
        if let Some(policy) = policy {
            write!(words, ", {policy}")?;
        }
        write!(words, ", {field}: then {then}, now {now}")
    }
}

/// Progress and an early end, shared by all who work on one district.
pub struct Progress {
    /// Entries done so far.
    pub entries: AtomicU64,
    /// Nothing from here on need be looked at: something was found there. What stands before may still hold the first
    /// difference, and is looked at to the end.
    end: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self { entries: AtomicU64::new(0), end: AtomicU64::new(u64::MAX) }
    }
}

impl Progress {
    fn is_over(&self, seq: u64) -> bool {
        seq >= self.end.load(Ordering::Relaxed)
    }
}

/// A stretch of a chain, and the state before its first entry.
struct Stretch {
    state: State,
    from: u64,
    to: u64,
}

/// A journal and a vault that are read to be verified.
pub struct Verifier {
    parts: Parts,
}

impl Verifier {
    /// Opens a data folder for reading.
    ///
    /// # Errors
    /// When the journal is damaged or the disk refuses.
    pub fn open(data: &std::path::Path) -> Result<Self, OpenError> {
        Ok(Self { parts: Parts::read_only(data)? })
    }

    /// Verifies what a host holds that is not served meanwhile.
    pub(crate) fn of(parts: &Parts) -> Self {
        Self { parts: Parts { view: None, ..parts.clone() } }
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.parts.journal
    }

    /// Folds a district's chain without executing anything.
    ///
    /// # Errors
    /// When an entry cannot be read.
    pub fn fold(&self, district: &DistrictId, progress: &Progress) -> Result<State, OpenError> {
        let mut state = State::default();
        self.fold_into(&mut state, district, u64::MAX, progress)?;
        Ok(state)
    }

    fn fold_into(
        &self,
        state: &mut State,
        district: &DistrictId,
        count: u64,
        progress: &Progress,
    ) -> Result<(), OpenError> {
        let records = self.parts.journal.read(district.as_str(), state.core.seq + 1);
        for record in records.take(usize::try_from(count).unwrap_or(usize::MAX)) {
            let record = record?;
            let entry = read(district, record.seq, &record.payload)?;
            fold::fold(state, &entry, Digest(record.hash));
            progress.entries.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Decides every entry of a district anew, on so many threads.
    ///
    /// # Errors
    /// When an entry cannot be read, or the vault does not hold what an entry names.
    pub fn execute(&self, district: &DistrictId, threads: usize, progress: &Progress) -> Result<Verified, OpenError> {
        /// Fewer stretches than this for each thread would leave threads waiting at the end.
        const STRETCHES: u64 = 8;
        const ENTRIES_MIN: u64 = 64;
        let threads = threads.max(1);
        let last = self.parts.journal.head(district.as_str()).seq;
        let length = (last / (threads as u64 * STRETCHES)).max(ENTRIES_MIN);
        let (give, take) = bounded::<Stretch>(threads);
        std::thread::scope(|scope| {
            let work = || scope.spawn(|| self.work(district, take.clone(), progress));
            let workers: Vec<_> = (0..threads).map(|_| work()).collect();
            let folded = self.hand_out(district, length, last, &give, progress);
            drop(give);
            let mut sum = Verified::default();
            for worker in workers {
                sum = add(sum, worker.join().expect("a worker does not panic")?);
            }
            folded.map(|()| sum)
        })
    }

    /// Decides stretches until there are no more, or somebody found a difference.
    fn work(
        &self,
        district: &DistrictId,
        stretches: Receiver<Stretch>,
        progress: &Progress,
    ) -> Result<Verified, OpenError> {
        let mut ended = Ok(Verified::default());
        // It takes stretches to the end also when it is done, so that whoever hands them out never waits for nobody.
        for stretch in &stretches {
            let from = stretch.from;
            if progress.is_over(from) {
                continue;
            }
            let done = self.stretch(district, stretch, progress);
            let end = match &done {
                Ok(done) => done.divergence.as_ref().map_or(u64::MAX, |found| found.seq),
                Err(_) => from,
            };
            progress.end.fetch_min(end, Ordering::Relaxed);
            ended = ended.and_then(|sum| done.map(|done| add(sum, done)));
        }
        ended
    }

    fn hand_out(
        &self,
        district: &DistrictId,
        length: u64,
        last: u64,
        give: &crossbeam_channel::Sender<Stretch>,
        progress: &Progress,
    ) -> Result<(), OpenError> {
        let mut state = State::default();
        let uncounted = Progress::default();
        while state.core.seq < last && !progress.is_over(state.core.seq + 1) {
            let from = state.core.seq + 1;
            let to = last.min(state.core.seq + length);
            if give.send(Stretch { state: state.clone(), from, to }).is_err() {
                return Ok(());
            }
            self.fold_into(&mut state, district, to + 1 - from, &uncounted)?;
        }
        Ok(())
    }

    fn stretch(&self, district: &DistrictId, stretch: Stretch, progress: &Progress) -> Result<Verified, OpenError> {
        let Stretch { state, from, to } = stretch;
        let mut verified = Verified::default();
        let none = PolicySet::new(self.parts.workshop.engine().clone());
        let mut policies = self.follow(&none, &state)?;
        let mut state = Arc::new(state);
        for record in self.parts.journal.read(district.as_str(), from) {
            let record = record?;
            if record.seq > to || progress.is_over(record.seq) {
                break;
            }
            let entry = read(district, record.seq, &record.payload)?;
            let mut recorded = Recorded::new(&mut policies, &entry);
            let decided = step(&mut state, entry.at, input_of(&entry), &mut recorded);
            verified.calls += recorded.executed;
            verified.taken += recorded.taken;
            if decided.payload != record.payload {
                verified.divergence = Some(divergence(&entry, &record.payload, &decided.payload));
                break;
            }
            if bindings::are_changed_by(&entry) {
                policies = self.follow(&policies, &state)?;
            }
            verified.entries += 1;
            progress.entries.fetch_add(1, Ordering::Relaxed);
        }
        Ok(verified)
    }

    /// What the state says is bound. All of it must be there: what cannot be asked again proves nothing.
    fn follow(&self, policies: &PolicySet, state: &State) -> Result<PolicySet, OpenError> {
        let mut missing = None;
        let followed = bindings::follow(policies, state, |_, _, activation| {
            self.parts.from_vault(activation).map_err(|error| missing = missing.take().or(Some(error))).ok()
        });
        missing.map_or(Ok(followed), Err)
    }
}

fn add(sum: Verified, more: Verified) -> Verified {
    Verified {
        entries: sum.entries + more.entries,
        calls: sum.calls + more.calls,
        taken: sum.taken + more.taken,
        divergence: [sum.divergence, more.divergence].into_iter().flatten().min_by_key(|found| found.seq),
    }
}

pub(crate) fn read(district: &DistrictId, seq: u64, payload: &[u8]) -> Result<Entry, OpenError> {
    Entry::from_bytes(payload).map_err(|reason| OpenError::Entry {
        district: district.clone(),
        seq,
        reason: reason.to_string(),
    })
}

/// What made the district decide. A charter stands among the entry's facts.
pub(crate) fn input_of(entry: &Entry) -> Input {
    match &entry.cause {
        Cause::Event(event) => Input::Event(Event::clone(event)),
        Cause::Timer { .. } => Input::Timer,
        Cause::Activation(activation) => Input::Activate(activation.clone()),
        Cause::Migration => Input::Migrate,
        Cause::Withdrawal(withdrawal) => Input::Withdraw(withdrawal.clone()),
        Cause::Charter { digest } => {
            let charter = entry.facts.iter().find_map(|fact| match fact {
                Fact::CharterActivated { charter } => Some(charter.clone()),
                _ => None,
            });
            Input::Charter { charter: charter.unwrap_or_default(), digest: *digest }
        }
    }
}

/// The first difference between two entries, in words.
fn divergence(entry: &Entry, then: &[u8], now: &[u8]) -> Divergence {
    let parsed = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap_or_default();
    let found = first_difference("", &parsed(then), &parsed(now));
    let (field, then, now) = found.unwrap_or_else(|| {
        ("the bytes".into(), "another spelling of the same values".into(), "the one spelling there is".into())
    });
    // Where one call differs, its role is to blame; where a fact does, whoever was asked.
    let index = field.strip_prefix("calls.").and_then(|rest| rest.split('.').next()).and_then(|text| text.parse().ok());
    let calls = match index {
        Some(index) => entry.calls.get::<usize>(index).into_iter().collect::<Vec<_>>(),
        None => entry.calls.iter().collect(),
    };
    let named = calls.iter().map(|call| {
        let package = call.package.map(|package| package.short()).unwrap_or_default();
        format!("{} {package}", call.role)
    });
    let named = named.collect::<Vec<_>>().join(", ");
    let cause = match &entry.cause {
        Cause::Event(event) => format!("event {} of {}", event.id, event.source),
        Cause::Timer { key, .. } => format!("timer {key}"),
        Cause::Charter { .. } => "charter".into(),
        Cause::Activation(activation) => format!("activation of {} for {}", activation.name, activation.role),
        Cause::Migration => "migration of processes".into(),
        Cause::Withdrawal(withdrawal) => format!("withdrawal of {}", withdrawal.package.short()),
    };
    Divergence { seq: entry.seq, cause, policy: (!named.is_empty()).then_some(named), field, then, now }
}

/// Path, value then and value now of the first place where two values differ.
fn first_difference(path: &str, then: &serde_json::Value, now: &serde_json::Value) -> Option<(String, String, String)> {
    use serde_json::Value;
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            let keys: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
            keys.into_iter().find_map(|key| {
                let value = |of: &serde_json::Map<String, Value>| of.get(key).cloned().unwrap_or_default();
                first_difference(&below(key), &value(then), &value(now))
            })
        }
        (Value::Array(then), Value::Array(now)) => (0..then.len().max(now.len())).find_map(|index| {
            let value = |of: &Vec<Value>| of.get(index).cloned().unwrap_or_default();
            first_difference(&below(&index.to_string()), &value(then), &value(now))
        }),
        (then, now) if then == now => None,
        (then, now) => Some((path.to_owned(), shown(then), shown(now))),
    }
}

fn shown(value: &serde_json::Value) -> String {
    const CHARACTERS_MAX: usize = 120;
    let text = if value.is_null() { "nothing".into() } else { value.to_string() };
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
