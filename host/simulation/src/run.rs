//! One run: senders, operators, a machine and its accidents, one move after the other as the seed says.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use muster_kernel::record::Receipt;
use muster_kernel::{DistrictId, Event};
use muster_runtime::OpenError;
use muster_runtime::folder::Folder;
use muster_runtime::stage::{Ground, Reply, Stage};
use muster_store::{Error as JournalError, Options as JournalOptions};
use sha2::{Digest as _, Sha256};

use crate::checks;
use crate::clock::SimulatedClock;
use crate::disk::{Fault, SimulatedDisk};
use crate::report::Report;
use crate::rows::SimulatedRows;
use crate::world::{World, noise};

/// Small segments, so that every run rolls over a few of them.
const JOURNAL: JournalOptions = JournalOptions { segment_bytes: 96 << 10, low_space_bytes: 0 };
/// Events of each of the two storms that a run meets: a stretch of them, beginning anywhere.
const EVENTS: usize = 16;
/// Moves of one run.
const MOVES: u32 = 160;

/// An event that somebody sends until it is acknowledged.
pub(crate) struct Sent {
    pub(crate) district: DistrictId,
    pub(crate) event: Event,
    reply: Option<Reply>,
    pub(crate) receipt: Option<Receipt>,
}

pub(crate) struct Run<'a> {
    world: &'a World,
    pub(crate) random: fastrand::Rng,
    pub(crate) disk: SimulatedDisk,
    pub(crate) lying: bool,
    rows: Arc<SimulatedRows>,
    clock: Arc<SimulatedClock>,
    pub(crate) folders: Vec<Folder>,
    in_force: Vec<Folder>,
    pub(crate) stage: Option<Stage>,
    waiting: Vec<(DistrictId, muster_kernel::Instant, Event)>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) report: Report,
    trace: Sha256,
    /// The host said that acknowledged entries are missing, as it must after a disk that lied.
    named: bool,
}

/// Runs one seed.
///
/// # Errors
/// When something did not hold, in words.
pub fn simulate(world: &World, seed: u64) -> anyhow::Result<Report> {
    let mut run = Run::new(world, seed);
    run.start(false)?;
    for _ in 0..MOVES {
        run.one_move()?;
        if run.named {
            break;
        }
    }
    if !run.named {
        run.end()?;
    }
    run.report.trace = run.trace.clone().finalize().into();
    Ok(run.report)
}

impl<'a> Run<'a> {
    fn new(world: &'a World, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let first = random.usize(..world.cities.len());
        let second = (first + random.usize(1..world.cities.len())) % world.cities.len();
        let lying = random.u8(..16) == 0;
        let mut waiting = Vec::new();
        let mut folders = Vec::new();
        for city in [first, second] {
            let city = &world.cities[city];
            folders.push(city.folder.clone());
            let id = &city.folder.charter.district;
            // What the events before would have set up is then missing.
            let skipped = random.usize(..city.events.len() - EVENTS);
            let events = city.events.iter().skip(skipped).take(EVENTS);
            waiting.extend(events.map(|(at, event)| (id.clone(), *at, event.clone())));
        }
        waiting.sort_by_key(|(_, at, _)| *at);
        // Some are late.
        for _ in 0..waiting.len() / 8 {
            let place = random.usize(..waiting.len());
            let other = (place + random.usize(..6)).min(waiting.len() - 1);
            waiting.swap(place, other);
        }
        let begin = waiting.iter().map(|(_, at, _)| *at).min().unwrap_or_default();
        waiting.reverse();
        Self {
            world,
            disk: SimulatedDisk::new(random.u64(..), lying),
            random,
            lying,
            rows: Arc::default(),
            clock: Arc::new(SimulatedClock::at(begin)),
            in_force: folders.clone(),
            folders,
            stage: None,
            waiting,
            sent: Vec::new(),
            report: Report::default(),
            trace: Sha256::new(),
            named: false,
        }
    }

    pub(crate) fn note(&mut self, words: impl AsRef<[u8]>) {
        self.trace.update(words.as_ref());
        self.trace.update(b"\n");
    }

    fn one_move(&mut self) -> anyhow::Result<()> {
        match self.random.u32(..100) {
            0..30 => self.send_next()?,
            30..36 => self.send_noise()?,
            36..44 => self.send_again()?,
            44..62 => self.stage()?.decide(),
            62..78 => {
                let most = self.random.usize(1..8);
                self.stage()?.commit(most);
            }
            78..82 => self.stage()?.hand_over_view(),
            82..87 => while self.random.bool() && self.stage()?.keep_view() {},
            87..91 => self.step_clock(),
            91..94 => self.reload()?,
            94..97 => self.arm(),
            97 => self.rows.fail(true),
            _ => self.restart()?,
        }
        self.settle()
    }

    pub(crate) fn stage(&mut self) -> anyhow::Result<&mut Stage> {
        self.stage.as_mut().context("no host is up")
    }

    /// Reads what was answered, checks it, and starts anew if the host went down or its journal stopped.
    fn settle(&mut self) -> anyhow::Result<()> {
        if self.named {
            return Ok(());
        }
        checks::replies(self)?;
        let down = self.disk.is_off();
        // An operator does not come at once to a journal that stopped; the host goes on without acknowledging anything.
        let stopped = self.stage()?.is_poisoned() && self.random.u8(..4) == 0;
        if down || stopped {
            self.report.stopped += u64::from(!down);
            self.restart()?;
        }
        Ok(())
    }

    fn submit(&mut self, district: DistrictId, event: Event) -> anyhow::Result<()> {
        self.note(format!("send {district} {}", event.id));
        let reply = self.stage()?.submit(&district, event.clone())?;
        self.report.sent += 1;
        self.sent.push(Sent { district, event, reply: Some(reply), receipt: None });
        Ok(())
    }

    fn send_next(&mut self) -> anyhow::Result<()> {
        let Some((district, at, event)) = self.waiting.pop() else { return Ok(()) };
        self.clock.reach(at);
        self.submit(district, event)
    }

    fn send_noise(&mut self) -> anyhow::Result<()> {
        let Some((district, _, like)) = self.waiting.last().cloned() else { return Ok(()) };
        let event = noise(&like, self.report.sent, &mut self.random);
        self.submit(district, event)
    }

    /// A sender that got no answer, or lost it, sends the same event again.
    fn send_again(&mut self) -> anyhow::Result<()> {
        if self.sent.is_empty() {
            return Ok(());
        }
        let place = self.random.usize(..self.sent.len());
        let (district, event) = (self.sent[place].district.clone(), self.sent[place].event.clone());
        self.submit(district, event)
    }

    fn step_clock(&mut self) {
        let millis = match self.random.u32(..8) {
            0 => -self.random.i64(1..600_000),
            1..4 => self.random.i64(1..1_000),
            4..7 => self.random.i64(1..120_000),
            _ => self.random.i64(1..3_600_000),
        };
        self.clock.step(millis);
    }

    /// Somebody edits a district's folder, or takes the edit back.
    fn reload(&mut self) -> anyhow::Result<()> {
        let place = self.random.usize(..self.folders.len());
        let wanted = if self.random.bool() {
            self.folders[place].clone()
        } else {
            self.world.changed(&self.folders[place], &mut self.random)
        };
        let stage = self.stage.as_mut().context("no host is up")?;
        match stage.reload(&wanted) {
            Ok(()) => {
                self.in_force[place] = wanted;
                self.note(format!("reload {place}"));
            }
            // What asks for more than what answers now is not let in; what was in force serves on.
            Err(OpenError::NotInForce(_)) => self.note(format!("reload {place} refused")),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn arm(&mut self) {
        let fault = [Fault::Write, Fault::Sync, Fault::Full, Fault::Power][self.random.usize(..4)];
        let after = self.random.u32(..12);
        self.note(format!("arm {fault:?} {after}"));
        self.disk.arm(after, fault);
    }

    /// While the host is down, somebody deletes the view, or its file system damages it.
    fn spoil_view(&mut self) {
        match self.random.u32(..10) {
            0 => self.rows.delete(),
            1 => self.rows.garble(self.folders[0].charter.district.as_str()),
            _ => {}
        }
    }

    /// The process ends at once, or the machine with it; then it comes up again.
    fn restart(&mut self) -> anyhow::Result<()> {
        self.stage = None;
        for sent in &mut self.sent {
            sent.reply = None;
        }
        let power = self.disk.is_off() || self.random.bool();
        self.note(format!("restart {power}"));
        if power {
            self.disk.power_loss();
            self.rows.crash(&mut self.random);
        }
        self.spoil_view();
        let faults = self.random.u8(..4) == 0;
        if faults {
            self.arm();
        } else {
            self.disk.disarm();
        }
        self.rows.fail(false);
        self.start(faults)
    }

    fn open(&self) -> Result<Stage, OpenError> {
        let ground = Ground {
            media: self.disk.clone(),
            journal: JOURNAL,
            vault: self.world.vault.clone(),
            view: self.rows.clone(),
            workshop: self.world.workshop.clone(),
            clock: self.clock.clone(),
        };
        Stage::open(ground, &self.in_force.iter().collect::<Vec<_>>())
    }

    fn start(&mut self, faults: bool) -> anyhow::Result<()> {
        self.report.starts += 1;
        match self.open() {
            Ok(stage) => {
                self.report.torn += u64::from(stage.cut_bytes > 0);
                self.stage = Some(stage);
                checks::after_start(self)
            }
            Err(OpenError::Lost { .. } | OpenError::Journal(JournalError::Damaged { .. })) if self.lying => {
                self.report.named_losses += 1;
                self.named = true;
                Ok(())
            }
            Err(error) if faults => {
                self.note(format!("start failed: {error}"));
                self.report.failed_starts += 1;
                if self.disk.is_off() {
                    self.disk.power_loss();
                    self.rows.crash(&mut self.random);
                }
                self.disk.disarm();
                self.start(false)
            }
            Err(error) => bail!("the host does not start: {error}"),
        }
    }

    /// All faults end, every sender gets its answer, the machine goes down once more, and everything is checked.
    fn end(&mut self) -> anyhow::Result<()> {
        self.disk.disarm();
        self.rows.fail(false);
        while let Some((district, at, event)) = self.waiting.pop() {
            self.clock.reach(at);
            self.submit(district, event)?;
        }
        self.drain()?;
        let unanswered: Vec<(DistrictId, Event)> = self.unanswered();
        for (district, event) in unanswered {
            if !self.named {
                self.submit(district, event)?;
            }
        }
        self.drain()?;
        if self.named {
            return Ok(());
        }
        ensure!(self.unanswered().is_empty(), "with all faults gone, an event is still not acknowledged");
        self.stage = None;
        self.disk.power_loss();
        self.rows.crash(&mut self.random);
        self.start(false)?;
        if self.named { Ok(()) } else { checks::at_the_end(self) }
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        if self.named {
            return Ok(());
        }
        self.stage()?.decide();
        while self.stage()?.commit(4) {}
        checks::replies(self)?;
        if self.stage()?.is_poisoned() {
            self.restart()?;
            self.disk.disarm();
        }
        Ok(())
    }

    fn unanswered(&self) -> Vec<(DistrictId, Event)> {
        let answered = |sent: &Sent| {
            let same = |other: &&Sent| other.event.id == sent.event.id && other.event.source == sent.event.source;
            self.sent.iter().filter(same).any(|other| other.receipt.is_some())
        };
        let unanswered = self.sent.iter().filter(|sent| !answered(sent));
        unanswered.map(|sent| (sent.district.clone(), sent.event.clone())).collect()
    }

    /// Receipts that came since the last look.
    pub(crate) fn fresh_receipts(&mut self) -> Vec<(usize, Receipt)> {
        let mut fresh = Vec::new();
        for (place, sent) in self.sent.iter_mut().enumerate() {
            let Some(reply) = &mut sent.reply else { continue };
            if let Ok(answer) = reply.try_recv() {
                sent.reply = None;
                if let Ok(receipt) = answer {
                    sent.receipt = Some(receipt.clone());
                    fresh.push((place, receipt));
                }
            }
        }
        fresh
    }
}
