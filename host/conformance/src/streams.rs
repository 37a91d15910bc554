//! Short streams of events through the kernel, with only this package in force: the host's promises must hold whatever
//! the package proposes. The host's own fallbacks answer for the other roles.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use muster_kernel::record::Activation;
use muster_kernel::step::{Input, Step, step};
use muster_kernel::{Instant, Milliseconds, Role, State};
use muster_runtime::activation::Words;
use muster_sandbox::PolicySet;

use crate::corpus::{Draw, Nature, events, scene};
use crate::invariants;
use crate::report::{Check, Finding, Weight};
use crate::suite::{Course, Seat};

/// Events of one stream.
const EVENTS: usize = 24;
/// Questions of the corpus for which there is one stream more.
const QUESTIONS_PER_STREAM: usize = 50;
/// The fewest and the most streams.
const STREAMS: std::ops::RangeInclusive<usize> = 2..=40;
/// Timers that are let go off between two events; a policy that sets more has them wait.
const TIMERS_MAX: usize = 64;

/// What came of the streams.
pub(crate) struct Played {
    pub(crate) findings: Vec<Finding>,
    pub(crate) streams: usize,
    pub(crate) entries: usize,
    pub(crate) asked: usize,
    pub(crate) failed: usize,
}

/// Plays the streams of a course.
pub(crate) fn play(seat: &Seat, name: (&str, &str), course: &Course) -> Played {
    let streams = (course.questions / QUESTIONS_PER_STREAM).clamp(*STREAMS.start(), *STREAMS.end());
    let mut played = Played { findings: Vec::new(), streams, entries: 0, asked: 0, failed: 0 };
    for number in 0..streams {
        let mut stream = Stream::new(seat);
        let run = catch_unwind(AssertUnwindSafe(|| stream.run(seat, name, course.seed, number)));
        let broken = run.unwrap_or_else(|_| Err(Words::new("宿主内核中止(panic)", "the host's kernel panicked")));
        played.entries += stream.entries;
        played.asked += stream.asked;
        played.failed += stream.failed;
        if let Err(what) = broken {
            let place = format!("stream/{number}/entry/{}", stream.entries + 1);
            let cure = Words::new(
                "这是宿主的缺陷:请连同策略包、设置和种子报告给宿主维护方",
                "this is a fault of the host: report it with package, settings and seed to who keeps the host",
            );
            played.findings.push(Finding { check: Check::Invariants, weight: Weight::Fault, place, what, cure });
        }
    }
    played
}

struct Stream {
    policies: PolicySet,
    state: Arc<State>,
    /// The fold of the entries as they were written.
    folded: State,
    now: Instant,
    entries: usize,
    /// Questions that the package was asked.
    asked: usize,
    /// Those of them that a fallback answered.
    failed: usize,
}

impl Stream {
    /// In the midst of the scene: incidents, a call-out and a process are there, so that every role is asked.
    fn new(seat: &Seat) -> Self {
        let state = scene::state();
        Self {
            policies: seat.policies.clone(),
            folded: (*state).clone(),
            state,
            now: scene::now(),
            entries: 0,
            asked: 0,
            failed: 0,
        }
    }

    fn run(&mut self, seat: &Seat, (id, version): (&str, &str), seed: u64, number: usize) -> Result<(), Words> {
        for role in seat.bound.program.roles() {
            let (package, settings) = (seat.bound.package, seat.bound.settings_digest);
            let engine = seat.engine.identity();
            self.step(Input::Activate(Activation::plain(role, id, version, package, settings, engine)))?;
            if role == Role::Workflow {
                // As a host does it: what runs is carried over to the version that takes its place.
                self.step(Input::Migrate)?;
            }
        }
        let mut draw = Draw::of(&format!("{seed}/stream/{number}"));
        for number in 0..EVENTS {
            self.now = self.now + Milliseconds::minutes(draw.between(0, 240));
            for _ in 0..TIMERS_MAX {
                if self.state.next_due().is_none_or(|due| due > self.now) {
                    break;
                }
                self.step(Input::Timer)?;
            }
            let nature = *draw.pick(&[Nature::Everyday, Nature::Everyday, Nature::Unusual, Nature::Hostile]);
            let mut event = match number {
                0 => events::service(number, self.now, true),
                4 => events::service(number, self.now, false),
                _ => events::event(&mut draw, nature, number, self.now),
            };
            event.exercise = false;
            self.step(Input::Event(event))?;
        }
        Ok(())
    }

    fn step(&mut self, input: Input) -> Result<(), Words> {
        let before = Arc::clone(&self.state);
        let decided: Step = step(&mut self.state, self.now, input, &mut self.policies);
        let calls = decided.entry.calls.iter().filter(|call| call.package.is_some());
        self.asked += calls.clone().count();
        self.failed += calls.filter(|call| call.failure.is_some()).count();
        invariants::written(&decided, &mut self.folded, &self.state)?;
        invariants::hold(&before, &self.state, &decided.entry)?;
        self.entries += 1;
        Ok(())
    }
}
