//! What a candidate would have decided otherwise: the district's recent entries are decided again with the candidate as
//! a shadow of the policy that answered then. Nothing is written, and the past stays as it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use muster_kernel::change::ChangeRules;
use muster_kernel::compare::{Difference, Direction};
use muster_kernel::record::{Activation, BacktestSummary, Cause, Entry, Fact};
use muster_kernel::role::{Binding, Failure};
use muster_kernel::state::Trial;
use muster_kernel::step::step;
use muster_kernel::{Digest, DistrictId, Instant, PolicyMode, State, fold};
use muster_sandbox::{Bound, PolicySet};
use serde::Serialize;

use super::report::Words;
use crate::bindings;
use crate::open::{OpenError, Parts};
use crate::recorded::Recorded;
use crate::verify::input_of;

/// Examples of changed decisions that a report shows.
const EXAMPLES_MAX: usize = 20;
/// Subjects that a report counts by name.
const SUBJECTS_MAX: usize = 50;
/// States before the window that are kept for the next backtest; a state may be large, and most districts are quiet.
const BASES_MAX: usize = 8;

/// A decision that would have been another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The entry.
    pub seq: u64,
    /// When it was decided.
    pub at: Instant,
    /// What was decided on.
    pub cause: String,
    /// How the candidate failed to answer.
    pub failure: Option<Failure>,
    /// Where its answer differs.
    pub differences: Vec<Difference>,
}

/// What a backtest found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The district.
    pub district: DistrictId,
    /// The candidate.
    pub candidate: Activation,
    /// The policy in force now.
    pub in_force: Option<Digest>,
    /// The first entry that was decided again.
    pub from: u64,
    /// The last one.
    pub to: u64,
    /// Questions that both were asked.
    pub questions: u32,
    /// Answers that differ.
    pub changed: u32,
    /// Questions that the candidate failed to answer.
    pub failed: u32,
    /// Answers by the directions in which they changed; one answer may have several.
    pub directions: BTreeMap<Direction, u32>,
    /// Changes by what they are about and for whom, the most frequent ones.
    pub subjects: Vec<(String, u32)>,
    /// Some changed decisions, from the newest on.
    pub examples: Vec<Example>,
    /// Within the thresholds.
    pub passed: bool,
    /// Which thresholds were passed over.
    pub reasons: Vec<Words>,
}

impl Report {
    /// In numbers, as the entry of the activation keeps it.
    pub fn summary(&self, report: Digest) -> BacktestSummary {
        let of = |direction| self.directions.get(&direction).copied().unwrap_or(0);
        BacktestSummary {
            report,
            entries: u32::try_from(self.to + 1 - self.from).unwrap_or(u32::MAX),
            questions: self.questions,
            changed: self.changed,
            stricter: of(Direction::Stricter),
            looser: of(Direction::Looser),
            failed: self.failed,
            passed: self.passed,
        }
    }

    /// In a sentence.
    pub fn words(&self) -> Words {
        let Self { questions, changed, failed, .. } = self;
        let entries = self.to + 1 - self.from;
        let directions = |word: fn(Direction) -> &'static str| {
            let parts = self.directions.iter().map(|(direction, count)| format!("{} {count}", word(*direction)));
            let parts = parts.collect::<Vec<_>>().join(", ");
            if parts.is_empty() { parts } else { format!(" ({parts})") }
        };
        let (zh, en) = (directions(direction_in_chinese), directions(Direction::as_str));
        Words::new(
            format!("最近 {entries} 条、{questions} 次询问中,{changed} 次答复不同{zh},{failed} 次未能作答"),
            format!(
                "of {questions} questions in {entries} entries, {changed} are answered otherwise{en}, {failed} not at all"
            ),
        )
    }
}

fn direction_in_chinese(direction: Direction) -> &'static str {
    match direction {
        Direction::Stricter => "更严",
        Direction::Looser => "更宽",
        Direction::More => "增加",
        Direction::Fewer => "减少",
        Direction::Other => "其他",
    }
}

/// Runs backtests, and keeps the states that they begin from.
#[derive(Default)]
pub(crate) struct Backtester {
    bases: Mutex<BTreeMap<DistrictId, State>>,
}

impl Backtester {
    /// Decides the newest entries of a district again. `None`: it has none, or the profile wants no backtest.
    pub(crate) fn run(
        &self,
        parts: &Parts,
        district: &DistrictId,
        candidate: &Activation,
        bound: &Bound,
        rules: &ChangeRules,
    ) -> Result<Option<Report>, OpenError> {
        let last = parts.journal.head(district.as_str()).seq;
        if rules.backtest_entries == 0 || last == 0 {
            return Ok(None);
        }
        let from = last.saturating_sub(u64::from(rules.backtest_entries)) + 1;
        let base = self.base(parts, district, from - 1)?;
        let mut tally = Tally::new(parts, district, candidate, bound, from, last);
        tally.in_force = base.core.policies.get(&candidate.role).map(|in_force| in_force.package);
        tally.run(base)?;
        Ok(Some(tally.report(rules)))
    }

    /// The state after an entry. The one of the last time is folded on; it is never older than a window.
    fn base(&self, parts: &Parts, district: &DistrictId, seq: u64) -> Result<State, OpenError> {
        let known = self.bases.lock().expect("no holder panics").remove(district);
        let mut state = known.filter(|state| state.core.seq <= seq).unwrap_or_default();
        let behind = usize::try_from(seq - state.core.seq).unwrap_or(usize::MAX);
        for record in parts.journal.read(district.as_str(), state.core.seq + 1).take(behind) {
            let record = record?;
            let entry = crate::verify::read(district, record.seq, &record.payload)?;
            fold::fold(&mut state, &entry, Digest(record.hash));
        }
        let mut bases = self.bases.lock().expect("no holder panics");
        if bases.len() >= BASES_MAX {
            bases.pop_first();
        }
        bases.insert(district.clone(), state.clone());
        Ok(state)
    }
}

struct Tally<'a> {
    parts: &'a Parts,
    district: &'a DistrictId,
    candidate: Activation,
    bound: &'a Bound,
    from: u64,
    to: u64,
    in_force: Option<Digest>,
    questions: u32,
    changed: u32,
    failed: u32,
    directions: BTreeMap<Direction, u32>,
    subjects: BTreeMap<String, u32>,
    examples: Vec<Example>,
}

impl<'a> Tally<'a> {
    fn new(
        parts: &'a Parts,
        district: &'a DistrictId,
        candidate: &Activation,
        bound: &'a Bound,
        from: u64,
        to: u64,
    ) -> Self {
        let candidate = Activation { mode: PolicyMode::Shadow, permille: None, ..candidate.clone() };
        Self {
            parts,
            district,
            candidate,
            bound,
            from,
            to,
            in_force: None,
            questions: 0,
            changed: 0,
            failed: 0,
            directions: BTreeMap::new(),
            subjects: BTreeMap::new(),
            examples: Vec::new(),
        }
    }

    /// Entries in which the role was not asked are folded; the others are decided again, with the candidate beside.
    fn run(&mut self, mut state: State) -> Result<(), OpenError> {
        let none = PolicySet::new(self.parts.workshop.engine().clone());
        let mut policies = self.follow(&none, &mut state);
        let mut state = Arc::new(state);
        for record in self.parts.journal.read(self.district.as_str(), self.from) {
            let record = record?;
            if record.seq > self.to {
                break;
            }
            let entry = crate::verify::read(self.district, record.seq, &record.payload)?;
            let asked = entry.calls.iter().any(|call| call.role == self.candidate.role);
            if asked {
                let mut recorded = Recorded::beside(&mut policies, &entry);
                let decided = step(&mut state, entry.at, input_of(&entry), &mut recorded);
                self.count(&entry, &decided.entry.facts);
            } else {
                fold::fold(Arc::make_mut(&mut state), &entry, Digest(record.hash));
            }
            if bindings::are_changed_by(&entry) {
                policies = self.follow(&policies, Arc::make_mut(&mut state));
            } else if asked {
                self.stand_trial(Arc::make_mut(&mut state));
            }
        }
        Ok(())
    }

    /// The candidate stands on trial, whatever the past says, and however it did so far.
    fn stand_trial(&self, state: &mut State) {
        let trial =
            Trial { activation: self.candidate.clone(), since: state.core.now, asked: 0, changed: 0, failed: 0 };
        state.core.standby.entry(self.candidate.role).or_default().trial = Some(trial);
    }

    /// Everybody else stands as the past says. What the vault lost is answered from the record.
    fn follow(&self, policies: &PolicySet, state: &mut State) -> PolicySet {
        self.stand_trial(state);
        bindings::follow(policies, state, |role, binding, activation| {
            let is_candidate = role == self.candidate.role && binding == Binding::Candidate;
            if is_candidate { Some(self.bound.clone()) } else { self.parts.from_vault(activation).ok() }
        })
    }

    fn count(&mut self, entry: &Entry, facts: &[Fact]) {
        for fact in facts {
            let Fact::CandidateCompared { role, failure, differences, .. } = fact else { continue };
            if *role != self.candidate.role {
                continue;
            }
            self.questions += 1;
            self.failed += u32::from(failure.is_some());
            if differences.is_empty() && failure.is_none() {
                continue;
            }
            self.changed += u32::from(!differences.is_empty());
            let directions: std::collections::BTreeSet<Direction> =
                differences.iter().map(|difference| difference.direction).collect();
            for direction in directions {
                *self.directions.entry(direction).or_default() += 1;
            }
            for difference in differences {
                *self.subjects.entry(difference.subject.clone()).or_default() += 1;
            }
            let differences = differences.clone();
            let cause = cause(&entry.cause);
            self.examples.push(Example { seq: entry.seq, at: entry.at, cause, failure: *failure, differences });
        }
    }

    fn report(mut self, rules: &ChangeRules) -> Report {
        let mut subjects: Vec<(String, u32)> = std::mem::take(&mut self.subjects).into_iter().collect();
        subjects.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        subjects.truncate(SUBJECTS_MAX);
        let mut examples = std::mem::take(&mut self.examples);
        // The newest first, and failures before everything: they weigh most.
        examples.reverse();
        examples.sort_by_key(|example| example.failure.is_none());
        examples.truncate(EXAMPLES_MAX);
        let reasons = self.over(rules);
        Report {
            district: self.district.clone(),
            candidate: self.candidate,
            in_force: self.in_force,
            from: self.from,
            to: self.to,
            questions: self.questions,
            changed: self.changed,
            failed: self.failed,
            directions: self.directions,
            subjects,
            examples,
            passed: reasons.is_empty(),
            reasons,
        }
    }

    /// The thresholds that were passed over.
    fn over(&self, rules: &ChangeRules) -> Vec<Words> {
        let mut reasons = Vec::new();
        let permille = self.changed.saturating_mul(1_000).checked_div(self.questions).unwrap_or(0);
        if let Some(max) = rules.changed_permille_max.filter(|max| permille > *max) {
            reasons.push(Words::new(
                format!("{permille}‰ 的答复不同,上限 {max}‰(changed_permille_max)"),
                format!("{permille} of a thousand answers change, at most {max} may (`changed_permille_max`)"),
            ));
        }
        let looser = self.directions.get(&Direction::Looser).copied().unwrap_or(0);
        if let Some(max) = rules.looser_max.filter(|max| looser > *max) {
            reasons.push(Words::new(
                format!("{looser} 次答复变宽,上限 {max}(looser_max)"),
                format!("{looser} answers become wider, at most {max} may (`looser_max`)"),
            ));
        }
        if self.failed > rules.failed_max {
            let (failed, max) = (self.failed, rules.failed_max);
            reasons.push(Words::new(
                format!("{failed} 次未能作答,上限 {max}(failed_max)"),
                format!("it fails to answer {failed} questions, at most {max} may fail (`failed_max`)"),
            ));
        }
        reasons
    }
}

fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Event(event) => format!("{} {} ({} {})", event.kind, event.node, event.source, event.id),
        Cause::Timer { key, .. } => format!("timer {key}"),
        _ => String::from("change"),
    }
}
