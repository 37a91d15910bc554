//! Plays a stream of `CloudEvents` through a district under virtual time.
//!
//! At one instant: events in the order of the file, then timers by due time, then by key. What comes out depends on the
//! stream and the folder alone.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster_kernel::record::{Entry, Fact};
use muster_kernel::step::Input;
use muster_kernel::{Digest, Event, Instant, Milliseconds, State, snapshot};
use muster_sandbox::Limits;
use muster_store::{Disk, Journal, Options as JournalOptions, Vault};
use serde_json::{Map, Value as Json};

use crate::activation::is_in_crisis;
use crate::cloudevent;
use crate::district::{District, Outcome, exercise_of};
use crate::open::{OpenError, Parts};
use crate::output;
use crate::workshop::Workshop;
use crate::{folder, reload};

/// How a stream is played.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Virtual seconds that pass in one real second; `None`: as fast as possible.
    pub speed: Option<u32>,
    /// How long after the last event timers still fire.
    pub after: Milliseconds,
}

impl Default for Options {
    fn default() -> Self {
        // Long enough for every clock of a first grant and a daily report to run out.
        Self { speed: None, after: Milliseconds::hours(72) }
    }
}

/// Where a play ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Entries in the journal.
    pub seq: u64,
    /// The head of the chain.
    pub head: Digest,
    /// Digest of the state.
    pub state: Digest,
}

/// A line of what was decided.
pub struct Line<'a> {
    /// The entry that holds it.
    pub entry: &'a Entry,
    /// The fact.
    pub fact: &'a Fact,
    /// The line as JSON.
    pub json: &'a Map<String, Json>,
    /// The state after the entry.
    pub state: &'a State,
}

/// Plays a stream into a data folder and calls back for each fact, in order.
///
/// A folder that holds the beginning of the same stream is continued: what was decided then is not decided again.
///
/// # Errors
/// When the folder, the stream or the data folder cannot be used.
pub fn play(
    stream: &Path,
    district: &Path,
    data: &Path,
    options: Options,
    mut tell: impl FnMut(&Line<'_>),
) -> Result<Ended, OpenError> {
    let events = read_stream(stream)?;
    let _lock = muster_store::lock(data)?;
    let mut player = Player::open(district, data, events.first().map(|(arrival, _)| *arrival))?;
    let mut pace = Pace { speed: options.speed, last: None };
    let mut last = Instant::MIN;
    let mut waiting = events.into_iter().peekable();
    while let Some((arrival, event)) = waiting.next() {
        player.timers_until(arrival, false, &mut pace, &mut tell)?;
        pace.wait_for(arrival);
        player.event(arrival, event, &mut tell)?;
        let next = waiting.peek().map(|(arrival, _)| *arrival);
        if next != Some(arrival) {
            player.timers_until(arrival, true, &mut pace, &mut tell)?;
        }
        last = last.max(arrival);
    }
    player.timers_until(last + options.after, true, &mut pace, &mut tell)?;
    Ok(player.ended())
}

/// Events with the instant at which each arrives, in the order of the file.
///
/// # Errors
/// When the file cannot be read, or a line is no event; the line is named.
pub fn read_stream(stream: &Path) -> Result<Vec<(Instant, Event)>, OpenError> {
    let text = std::fs::read_to_string(stream)
        .map_err(|reason| OpenError::System { what: stream.display().to_string(), reason })?;
    let mut events = Vec::new();
    let mut latest = Instant::MIN;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |reason: String| OpenError::Stream { file: stream.into(), line: index + 1, reason };
        let json: Json = serde_json::from_str(line).map_err(|reason| wrong(reason.to_string()))?;
        let parsed = cloudevent::parse(json, latest).map_err(|reason| wrong(reason.to_string()))?;
        // The file is in arrival order; a stated time that runs back does not turn the clock back.
        latest = latest.max(parsed.recorded_time.unwrap_or(parsed.event.occurred));
        events.push((latest, parsed.event));
    }
    Ok(events)
}

struct Player {
    district: District,
    /// The drill's district, once a drill has begun.
    drill: Option<District>,
    parts: Parts,
    journal: Arc<Journal>,
}

impl Player {
    fn open(path: &Path, data: &Path, begin: Option<Instant>) -> Result<Self, OpenError> {
        let folder = folder::read(path)?;
        let disk = Disk::open(&data.join("journal"));
        let disk = disk.map_err(|reason| OpenError::System { what: data.display().to_string(), reason })?;
        let journal = Arc::new(Journal::open(disk, JournalOptions::default())?.journal);
        let vault = Vault::open(&data.join("vault"))?;
        let parts = Parts::untrusting(Workshop::new(Limits::STANDARD)?, Arc::clone(&journal), vault, None);
        let drill = parts.bring_up(&exercise_of(&folder.charter.district))?;
        let drill = (drill.state.core.seq > 0).then_some(drill);
        let mut player =
            Self { district: parts.bring_up(&folder.charter.district)?, drill, parts: parts.clone(), journal };
        let now = begin.unwrap_or(Instant::MIN);
        let state = &player.district.state;
        let changes = reload::difference(&parts, &folder, &state.core, is_in_crisis(state), now, "start");
        if let Some(problem) = changes.problem() {
            return Err(OpenError::NotInForce(problem));
        }
        player.turn(&mut |_| {}, |district, outcome| {
            if let Some((charter, digest)) = changes.charter {
                district.set_charter(now, charter, digest, outcome);
            }
            for install in changes.installs {
                district.install(now, install, outcome);
            }
        })?;
        Ok(player)
    }

    /// An event goes to the district, or, in a drill, to the drill's: the real one never sees it.
    fn event(&mut self, now: Instant, event: Event, tell: &mut impl FnMut(&Line<'_>)) -> Result<(), OpenError> {
        if !event.exercise {
            return self.turn(tell, |district, outcome| district.event(now, event, outcome));
        }
        let mut drill = match self.drill.take() {
            Some(drill) => drill,
            None => self.parts.bring_up(&exercise_of(&self.district.id))?,
        };
        let begins = self.district.for_drill(&drill);
        let decided = decide_and_tell(&mut drill, &self.journal, tell, |drill, outcome| {
            if let Some((charter, digest)) = begins.charter {
                drill.set_charter(now, charter, digest, outcome);
            }
            for install in begins.installs {
                drill.install(now, install, outcome);
            }
            drill.event(now, event, outcome);
        });
        self.drill = Some(drill);
        decided
    }

    /// Decides, makes it durable, and only then tells.
    fn turn(
        &mut self,
        tell: &mut impl FnMut(&Line<'_>),
        decide: impl FnOnce(&mut District, &mut Outcome),
    ) -> Result<(), OpenError> {
        decide_and_tell(&mut self.district, &self.journal, tell, decide)
    }

    /// Fires timers one by one, at their own instants: before an instant, or up to and with it.
    fn timers_until(
        &mut self,
        end: Instant,
        inclusive: bool,
        pace: &mut Pace,
        tell: &mut impl FnMut(&Line<'_>),
    ) -> Result<(), OpenError> {
        let within = |due: &Instant| *due < end || inclusive && *due == end;
        loop {
            let real = self.district.state.next_due().filter(within);
            let drilled = self.drill.as_ref().and_then(|drill| drill.state.next_due()).filter(within);
            match (real, drilled) {
                (Some(due), other) if other.is_none_or(|other| due <= other) => {
                    pace.wait_for(due);
                    self.turn(tell, |district, outcome| district.decide(due, Input::Timer, outcome))?;
                }
                (_, Some(due)) => {
                    pace.wait_for(due);
                    let Some(drill) = &mut self.drill else { return Ok(()) };
                    let fire = |drill: &mut District, outcome: &mut Outcome| drill.decide(due, Input::Timer, outcome);
                    decide_and_tell(drill, &self.journal, tell, fire)?;
                }
                _ => return Ok(()),
            }
        }
    }

    fn ended(&self) -> Ended {
        let core = &self.district.state.core;
        Ended { seq: core.seq, head: core.head, state: snapshot::digest(&self.district.state) }
    }
}

/// Decides, makes it durable, and only then tells.
fn decide_and_tell(
    district: &mut District,
    journal: &Journal,
    tell: &mut impl FnMut(&Line<'_>),
    decide: impl FnOnce(&mut District, &mut Outcome),
) -> Result<(), OpenError> {
    let mut outcome = Outcome::default();
    decide(district, &mut outcome);
    if outcome.records.is_empty() {
        return Ok(());
    }
    journal.append_and_wait(outcome.records)?;
    for committed in outcome.entries {
        for (fact, json) in output::lines(&committed.entry, committed.hash, &district.state) {
            tell(&Line { entry: &committed.entry, fact: &fact, json: &json, state: &district.state });
        }
    }
    Ok(())
}

/// Keeps virtual time at so many times real time.
struct Pace {
    speed: Option<u32>,
    last: Option<Instant>,
}

impl Pace {
    fn wait_for(&mut self, instant: Instant) {
        if let (Some(speed), Some(last)) = (self.speed, self.last) {
            let millis = u64::try_from((instant - last).0).unwrap_or(0);
            std::thread::sleep(Duration::from_millis(millis / u64::from(speed.max(1))));
        }
        self.last = Some(instant);
    }
}
