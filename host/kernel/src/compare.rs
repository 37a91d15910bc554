//! How two answers to one question differ: in which direction, and for whom. What shadows, canaries and backtests say.
//!
//! Reasons are not compared: two policies may decide the same for other reasons. It judges nothing.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::act::{Act, Effect, Party};
use crate::role::{discretion, incentives, oversight, triage, workflow};

/// The most differences of one answer that are kept in an entry.
pub const DIFFERENCES_MAX: usize = 8;
/// The longest text of one side of a difference.
const TEXT_CHARACTERS_MAX: usize = 200;

/// In which direction an answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Narrower: a higher level, a refusal or a second signature where there was a yes.
    Stricter,
    /// Wider: a lower level, a yes where there was none.
    Looser,
    /// Something is proposed or paid that was not.
    More,
    /// Something is not proposed or paid that was.
    Fewer,
    /// Neither more nor less, but other.
    Other,
}

impl Direction {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Stricter, Self::Looser, Self::More, Self::Fewer, Self::Other];

    /// The word as it stands in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stricter => "stricter",
            Self::Looser => "looser",
            Self::More => "more",
            Self::Fewer => "fewer",
            Self::Other => "other",
        }
    }
}

/// One place where two answers differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// In which direction.
    pub direction: Direction,
    /// What it is about and for whom, for instance `callout rescue/990103901` or `level flood 990100`.
    pub subject: String,
    /// What the policy in force says; empty: nothing.
    pub before: String,
    /// What the candidate says; empty: nothing.
    pub after: String,
}

impl Difference {
    fn new(direction: Direction, subject: impl Into<String>, before: &str, after: &str) -> Self {
        Self { direction, subject: subject.into(), before: shortened(before), after: shortened(after) }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Answers that can be held side by side.
pub trait Compare {
    /// Where `after` differs from this.
    fn differences(&self, after: &Self) -> Vec<Difference>;
}

impl Compare for triage::Answer {
    fn differences(&self, after: &Self) -> Vec<Difference> {
        use triage::Placement::{Attach, Open, RecordOnly, Watch};
        let mut found = Vec::new();
        if self.placement != after.placement {
            let direction = match (&self.placement, &after.placement) {
                (RecordOnly | Watch(_) | Attach(_), Open(_)) | (RecordOnly, Watch(_) | Attach(_)) => Direction::More,
                (Open(_), _) | (Watch(_) | Attach(_), RecordOnly) => Direction::Fewer,
                _ => Direction::Other,
            };
            found.push(Difference::new(direction, "placement", &json(&self.placement), &json(&after.placement)));
        }
        let said = |answer: &Self| format!("{} {:?} {:?}", answer.classification, answer.group, answer.tags);
        if said(self) != said(after) {
            found.push(Difference::new(Direction::Other, "classification", &said(self), &said(after)));
        }
        found
    }
}

impl Compare for Vec<Effect> {
    fn differences(&self, after: &Self) -> Vec<Difference> {
        let keyed = |effects: &Self| -> BTreeMap<(String, usize), Act> {
            let mut seen = BTreeMap::<String, usize>::new();
            let rows = effects.iter().map(|effect| {
                let subject = subject(&effect.act);
                let count = seen.entry(subject.clone()).or_default();
                *count += 1;
                ((subject, *count), effect.act.clone())
            });
            rows.collect()
        };
        let (before, after) = (keyed(self), keyed(after));
        let mut found = Vec::new();
        for (key, act) in &before {
            match after.get(key) {
                None => found.push(Difference::new(Direction::Fewer, key.0.clone(), &json(act), "")),
                Some(other) if other == act => {}
                Some(other) => {
                    let direction = change(act, other);
                    found.push(Difference::new(direction, key.0.clone(), &json(act), &json(other)));
                }
            }
        }
        let new = after.iter().filter(|(key, _)| !before.contains_key(key));
        found.extend(new.map(|(key, act)| Difference::new(Direction::More, key.0.clone(), "", &json(act))));
        found
    }
}

fn change(before: &Act, after: &Act) -> Direction {
    match (before, after) {
        (Act::RecommendLevel(before), Act::RecommendLevel(after)) if after.level > before.level => Direction::Stricter,
        (Act::RecommendLevel(before), Act::RecommendLevel(after)) if after.level < before.level => Direction::Looser,
        (Act::SetMode(before), Act::SetMode(after)) if after.mode > before.mode => Direction::Stricter,
        (Act::SetMode(before), Act::SetMode(after)) if after.mode < before.mode => Direction::Looser,
        _ => Direction::Other,
    }
}

/// What an act is about, and for whom; two acts about the same are held side by side.
fn subject(act: &Act) -> String {
    match act {
        Act::RecommendLevel(advice) => format!("level {} {}", advice.scheme, advice.node),
        Act::SetStage(_) => "stage".into(),
        Act::SetMode(change) => format!("mode {} {}", change.scheme, change.node),
        Act::Callout(order) => format!("callout {} by {} to {}", order.key, order.caller, parties(&order.to)),
        Act::Propose(proposal) => format!("proposal {} {}", proposal.measure.key, proposal.measure.node),
        Act::StartMeasure(measure) => format!("measure {} {}", measure.key, measure.node),
        Act::EndMeasure(key) => format!("end of measure {key}"),
        Act::ConfirmMeasure { key, .. } => format!("confirmation of measure {key}"),
        Act::OpenTask(order) => format!("task {} {} for {}", order.key, order.node, party(&order.to)),
        Act::ReopenTask(key) => format!("task {key} again"),
        Act::RequestResource(order) => format!("resources {} of {}", order.key, party(&order.to)),
        Act::AnswerOffer(answer) => format!("answer to offer {}", answer.offer),
        Act::Grant(order) => format!("grant {} of {}", order.key, order.grantor),
        Act::RequireReport(duty) => format!("report {} of {}", duty.key, duty.node),
        Act::Notify(notice) => format!("notice to {}", parties(&notice.to)),
        Act::SetTimer(order) => format!("timer {}", order.key),
        Act::CancelTimer(key) => format!("end of timer {key}"),
        Act::RaiseFinding(order) => format!("finding {} {}", order.code, order.node),
        Act::RecordFigure(figure) => format!("figure {}", figure.name),
        Act::Relate(_) => "larger incident".into(),
        Act::ClearHazard(_) => "hazard".into(),
        Act::StartProcess(order) => format!("process {}", order.key),
        Act::Custom { kind, .. } => format!("custom {kind}"),
    }
}

fn parties(parties: &[Party]) -> String {
    parties.iter().map(party).collect::<Vec<_>>().join(", ")
}

fn party(party: &Party) -> String {
    match party {
        Party::Post { node, name } => format!("post {name}/{node}"),
        Party::Department { node, name } => format!("{name}/{node}"),
        Party::Team(team) => format!("team {team}"),
        Party::DutyAbove(tier) => format!("duty above {tier}"),
    }
}

/// How far a verdict lets the asker go; lower is narrower.
const fn reach(verdict: &discretion::Verdict) -> u8 {
    match verdict {
        discretion::Verdict::Refuse => 0,
        discretion::Verdict::Route(_) => 1,
        discretion::Verdict::SecondSignature(_) => 2,
        discretion::Verdict::AllowWith(_) => 3,
        discretion::Verdict::Allow => 4,
    }
}

impl Compare for discretion::Answer {
    fn differences(&self, after: &Self) -> Vec<Difference> {
        if self.verdict == after.verdict {
            return Vec::new();
        }
        let direction = match reach(&after.verdict).cmp(&reach(&self.verdict)) {
            core::cmp::Ordering::Less => Direction::Stricter,
            core::cmp::Ordering::Greater => Direction::Looser,
            core::cmp::Ordering::Equal => Direction::Other,
        };
        alloc::vec![Difference::new(direction, "verdict", &json(&self.verdict), &json(&after.verdict))]
    }
}

impl Compare for Vec<incentives::Award> {
    fn differences(&self, after: &Self) -> Vec<Difference> {
        let sums = |awards: &Self| {
            let mut sums = BTreeMap::<String, i64>::new();
            for award in awards {
                let sum = sums.entry(format!("award {} {}", award.currency, award.to)).or_default();
                *sum = sum.saturating_add(award.amount);
            }
            sums
        };
        amounts(&sums(self), &sums(after))
    }
}

fn amounts(before: &BTreeMap<String, i64>, after: &BTreeMap<String, i64>) -> Vec<Difference> {
    let subjects: alloc::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |sums: &BTreeMap<String, i64>, subject: &String| sums.get(subject).copied().unwrap_or(0);
    let rows = subjects.into_iter().filter_map(|subject| {
        let (before, after) = (of(before, subject), of(after, subject));
        let direction = if after > before { Direction::More } else { Direction::Fewer };
        (before != after).then(|| Difference::new(direction, subject.clone(), &before.to_string(), &after.to_string()))
    });
    rows.collect()
}

impl Compare for Vec<oversight::ReasonedFinding> {
    fn differences(&self, after: &Self) -> Vec<Difference> {
        let counts = |found: &Self| {
            let mut counts = BTreeMap::<String, i64>::new();
            for row in found {
                *counts.entry(format!("finding {} {}", row.finding.code, row.finding.node)).or_default() += 1;
            }
            counts
        };
        amounts(&counts(self), &counts(after))
    }
}

impl Compare for workflow::Outcome {
    fn differences(&self, after: &Self) -> Vec<Difference> {
        let mut found = self.effects.differences(&after.effects);
        if self.finished != after.finished {
            let said = |outcome: &Self| if outcome.finished { "finished" } else { "goes on" };
            found.push(Difference::new(Direction::Other, "process", said(self), said(after)));
        }
        if self.waits != after.waits {
            found.push(Difference::new(Direction::Other, "waits", &json(&self.waits), &json(&after.waits)));
        }
        if self.state != after.state {
            found.push(Difference::new(Direction::Other, "state", &json(&self.state), &json(&after.state)));
        }
        found
    }
}
