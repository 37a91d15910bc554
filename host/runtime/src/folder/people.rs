//! The part of a district's files that says who is there and by when they answer: rosters, teams, vendors, agreements,
//! control units, heartbeats, clocks and funds.

use std::collections::{BTreeMap, BTreeSet};

use muster_kernel::charter::{
    Agreement, Calendar, Charter, Clocks, ControlUnit, Duty, Funds, Heartbeat, Pot, Team, Vendor,
};
use muster_kernel::{Currency, FeedbackClass, Instant, Milliseconds, NodeCode};
use serde::Deserialize;

/// Days that are not what their weekday says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CalendarFile {
    #[serde(default)]
    holidays: BTreeSet<String>,
    #[serde(default)]
    workdays: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DutyFile {
    pub(super) node: String,
    pub(super) post: String,
    pub(super) people: Vec<String>,
    starts: String,
    ends: Option<String>,
    shift_hours: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeartbeatFile {
    source: String,
    node: String,
    every_minutes: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClocksFile {
    #[serde(default)]
    feedback_hours: BTreeMap<FeedbackClass, i64>,
    order_confirmed_minutes: Option<i64>,
    report_answered_minutes: Option<i64>,
    finding_answered_hours: Option<i64>,
    oversight_hours: Option<i64>,
    emergency_minimum_minutes: Option<i64>,
    review_days: Option<i64>,
    papers_hours: Option<i64>,
    public_delay_minutes: Option<i64>,
    span_max: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FundsFile {
    #[serde(default)]
    budgets: BTreeMap<String, i64>,
    #[serde(default)]
    pots: BTreeMap<Currency, PotFile>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct PotFile {
    budget: i64,
    check_above: i64,
    valid_days: Option<i64>,
}

/// All of it, as read.
#[derive(Debug, Default)]
pub(super) struct People {
    pub(super) calendar: CalendarFile,
    pub(super) duty: Vec<DutyFile>,
    pub(super) team: Vec<Team>,
    pub(super) vendor: Vec<Vendor>,
    pub(super) agreement: Vec<Agreement>,
    pub(super) unit: Vec<ControlUnit>,
    pub(super) heartbeat: Vec<HeartbeatFile>,
    pub(super) exemptions: Vec<String>,
    pub(super) clocks: ClocksFile,
    pub(super) funds: FundsFile,
}

impl CalendarFile {
    pub(super) fn over(&mut self, own: Self) {
        self.holidays.extend(own.holidays);
        self.workdays.extend(own.workdays);
    }
}

impl ClocksFile {
    pub(super) fn over(&mut self, own: Self) {
        self.feedback_hours.extend(own.feedback_hours);
        self.order_confirmed_minutes = own.order_confirmed_minutes.or(self.order_confirmed_minutes);
        self.report_answered_minutes = own.report_answered_minutes.or(self.report_answered_minutes);
        self.finding_answered_hours = own.finding_answered_hours.or(self.finding_answered_hours);
        self.oversight_hours = own.oversight_hours.or(self.oversight_hours);
        self.emergency_minimum_minutes = own.emergency_minimum_minutes.or(self.emergency_minimum_minutes);
        self.review_days = own.review_days.or(self.review_days);
        self.papers_hours = own.papers_hours.or(self.papers_hours);
        self.public_delay_minutes = own.public_delay_minutes.or(self.public_delay_minutes);
        self.span_max = own.span_max.or(self.span_max);
    }

    fn clocks(self) -> Clocks {
        let hours = |value: i64| Milliseconds::hours(value);
        Clocks {
            feedback: self.feedback_hours.into_iter().map(|(class, value)| (class, hours(value))).collect(),
            order_confirmed: self.order_confirmed_minutes.map(Milliseconds::minutes),
            report_answered: self.report_answered_minutes.map(Milliseconds::minutes),
            finding_answered: self.finding_answered_hours.map(hours),
            oversight_every: self.oversight_hours.filter(|value| *value > 0).map(hours),
            emergency_minimum: self.emergency_minimum_minutes.map(Milliseconds::minutes).unwrap_or_default(),
            review_within: self.review_days.map(|days| hours(24 * days)),
            span_max: self.span_max,
            papers_within: self.papers_hours.map(hours),
            public_delay: self.public_delay_minutes.map(Milliseconds::minutes),
        }
    }
}

impl FundsFile {
    pub(super) fn over(&mut self, own: Self) {
        self.budgets.extend(own.budgets);
        self.pots.extend(own.pots);
    }

    fn funds(self) -> Funds {
        let pot = |file: PotFile| Pot {
            budget: file.budget,
            check_above: file.check_above,
            valid: file.valid_days.map(|days| Milliseconds::hours(24 * days)),
        };
        Funds {
            budgets: self.budgets.into_iter().map(|(node, amount)| (NodeCode::from(node), amount)).collect(),
            pots: self.pots.into_iter().map(|(currency, file)| (currency, pot(file))).collect(),
        }
    }
}

/// Why a roster cannot be used: the field, and what is wrong with it.
pub(super) type Wrong = (String, String);

fn duty(file: DutyFile) -> Result<Duty, Wrong> {
    let field = format!("duty of `{}` at `{}`", file.post, file.node);
    let at = |text: &str, name: &str| {
        Instant::parse(text).map_err(|reason| (format!("{field}.{name}"), format!("is `{text}`: {reason}")))
    };
    if file.people.is_empty() {
        return Err((format!("{field}.people"), "names nobody: leave the roster out, or name who takes turns".into()));
    }
    if file.shift_hours <= 0 {
        return Err((format!("{field}.shift_hours"), "must be at least 1".into()));
    }
    Ok(Duty {
        starts: at(&file.starts, "starts")?,
        ends: file.ends.as_deref().map(|text| at(text, "ends")).transpose()?,
        node: NodeCode::from(file.node),
        post: file.post,
        people: file.people,
        shift: Milliseconds::hours(file.shift_hours),
    })
}

impl People {
    /// Puts all of it into a charter.
    pub(super) fn settle(self, charter: &mut Charter) -> Result<(), Wrong> {
        charter.calendar = Calendar { holidays: self.calendar.holidays, workdays: self.calendar.workdays };
        charter.duties = self.duty.into_iter().map(duty).collect::<Result<_, _>>()?;
        charter.teams = self.team;
        charter.vendors = self.vendor;
        charter.agreements = self.agreement;
        charter.units = self.unit;
        let heartbeat = |file: HeartbeatFile| Heartbeat {
            source: file.source,
            node: NodeCode::from(file.node),
            every: Milliseconds::minutes(file.every_minutes.max(1)),
        };
        charter.heartbeats = self.heartbeat.into_iter().map(heartbeat).collect();
        charter.exemptions = self.exemptions;
        charter.clocks = self.clocks.clocks();
        charter.funds = self.funds.funds();
        self_check(charter)
    }
}

/// Whatever names a node names one that is there.
fn self_check(charter: &Charter) -> Result<(), Wrong> {
    let known: BTreeSet<&NodeCode> = charter.nodes.iter().map(|node| &node.code).collect();
    let duties = charter.duties.iter().map(|row| ("duty", &row.node));
    let teams = charter.teams.iter().map(|row| ("team", &row.node));
    let units = charter.units.iter().map(|row| ("unit", &row.node));
    let heartbeats = charter.heartbeats.iter().map(|row| ("heartbeat", &row.node));
    let agreements = charter.agreements.iter().map(|row| ("agreement", &row.receiver));
    let budgets = charter.funds.budgets.keys().map(|node| ("funds.budgets", node));
    let givers = charter.agreements.iter().map(|row| ("agreement", &row.giver));
    let mut named = duties.chain(teams).chain(units).chain(heartbeats).chain(agreements).chain(givers).chain(budgets);
    match named.find(|(_, node)| !known.contains(node)) {
        Some((field, node)) => Err((field.into(), format!("names `{node}`, which is no `[[node]]`"))),
        None => Ok(()),
    }
}
