//! From rows to acts: one row, one act. The column `effect` says which.

use muster_sdk::settings::{self, Row};
use muster_sdk::types::Custom;
use muster_sdk::{
    Act, Attribute, Attributes, CallOutKind, CallOutOrder, Effect, Event, GrantOrder, HOUR, Incident, Level, MINUTE,
    Measure, MeasureConfirmation, Mode, ModeChange, Notice, Party, Post, ProcessOrder, Proposal, ReportDuty,
    ResourceLine, ResourceOrder, RiskStage, Rung, RungCondition, TaskOrder, Tier, Value, calendar, effect, log, memory,
    roster,
};

use crate::{condition, text, waiting};

/// Where and when acts are proposed.
pub(crate) struct Scene<'a> {
    pub(crate) now: i64,
    pub(crate) event: &'a Event,
    /// The node that the acts are about.
    pub(crate) place: &'a str,
    pub(crate) incident: Option<&'a Incident>,
    /// The level that was reached, for rows that follow from one.
    pub(crate) level: Option<Level>,
}

impl Scene<'_> {
    /// The acts of all rows of a table that apply. A row with `after_minutes` applies now and is done when its time comes.
    pub(crate) fn effects_of(&self, table: &str, rows: &[Row]) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            // Row by row: what one remembers, the next has seen.
            if !condition::holds(row, self.event, self.incident, self.place, self.now) {
                continue;
            }
            match row.integer("after_minutes") {
                Some(minutes) => {
                    // Once is once, also while it waits; a row that only remembers does so when its time comes.
                    if settings::cell(row, "effect") != "remember" {
                        self.remember(row);
                    }
                    effects.push(waiting::later(self, table, place, row, minutes));
                }
                None => effects.extend(self.done(row)),
            }
        }
        effects
    }

    /// A row is done now, whatever its conditions.
    pub(crate) fn done(&self, row: &Row) -> Option<Effect> {
        self.remember(row);
        Some(effect(self.act(row)?, text::because_of(row, self.event)))
    }

    fn remember(&self, row: &Row) {
        if let Some(key) = row.text("remember") {
            memory::set(key, &Value::Instant(self.now));
        }
    }

    fn scheme(&self) -> &str {
        self.incident.map_or("", |incident| &incident.scheme)
    }

    fn act(&self, row: &Row) -> Option<Act> {
        match settings::cell(row, "effect") {
            "stage" => RiskStage::parse(settings::cell(row, "stage")).map(Act::SetStage),
            "mode" => Some(Act::SetMode(ModeChange {
                node: self.place.into(),
                scheme: self.scheme().into(),
                mode: Mode::Emergency,
            })),
            "callout" => self.call_out(row),
            "propose" => Some(Act::Propose(self.proposal(row))),
            "start" => Some(Act::StartMeasure(self.measure(row))),
            "confirm" => Some(Act::ConfirmMeasure(MeasureConfirmation {
                key: self.key(row, settings::cell(row, "measure")),
                people: row.text("people_field").and_then(|field| self.event.integer(field)),
            })),
            "task" => self.task(row),
            "grant" => self.grant(row),
            "report" => Some(Act::RequireReport(self.report(row))),
            "support" => self.support(row),
            "process" => Some(Act::StartProcess(ProcessOrder {
                key: settings::cell(row, "process").into(),
                kind: settings::cell(row, "process").into(),
                details: self.details(row),
            })),
            "record" => Some(Act::Custom(Custom {
                kind: row.text("record").unwrap_or("note").into(),
                details: self.details(row),
            })),
            "reassess" => Some(waiting::look_again(self.now, row.integer("hours")?)),
            "notice" => Some(Act::Notify(Notice {
                to: self.parties(row),
                sentences: text::because_of(row, self.event).sentences,
            })),
            "remember" => None,
            other => {
                log::error(&format!("a row names the effect `{other}`, which this policy does not know"));
                None
            }
        }
    }

    /// Who is meant: departments by `services`, and posts by `post` at a `tier` (`each`: at all nodes of it below).
    fn parties(&self, row: &Row) -> Vec<Party> {
        let services = row.text("services").unwrap_or_default();
        let mut parties: Vec<Party> =
            services.split_whitespace().filter_map(|service| self.department(service)).collect();
        if let Some(post) = row.text("post") {
            let nodes = match row.text("tier").and_then(|tier| self.tier(tier)) {
                None if row.text("tier") == Some("neighbours") => self.neighbours(),
                Some(tier) if row.flag("each") == Some(true) => roster::below(self.place, tier),
                Some(tier) => roster::at_tier(self.place, tier).into_iter().map(|node| node.code).collect(),
                None => vec![self.place.to_string()],
            };
            parties.extend(nodes.into_iter().map(|node| Party::Post(Post { node, name: post.into() })));
        }
        parties
    }

    /// The other nodes of the same tier under the same node above.
    fn neighbours(&self) -> Vec<String> {
        let Some(here) = roster::find(self.place) else { return Vec::new() };
        let Some(parent) = here.parent else { return Vec::new() };
        roster::below(&parent, here.tier).into_iter().filter(|code| *code != here.code).collect()
    }

    /// A tier by its word, or `above`: the next above the place.
    fn tier(&self, word: &str) -> Option<Tier> {
        match word {
            "above" => roster::find(self.place).map(|node| next_above(node.tier)),
            word => Tier::parse(word),
        }
    }

    fn department(&self, service: &str) -> Option<Party> {
        let found = roster::department(self.place, service);
        if found.is_none() {
            log::error(&format!("no department serves `{service}` for node {}", self.place));
        }
        found
    }

    fn key(&self, row: &Row, kind: &str) -> String {
        let place = self.event.text("place.code").unwrap_or(self.place);
        match row.text("once") {
            Some("incident") => kind.into(),
            _ => format!("{kind}/{place}"),
        }
    }

    fn call_out(&self, row: &Row) -> Option<Act> {
        let kind = settings::cell(row, "callout");
        let to = self.parties(row);
        if to.is_empty() {
            return None;
        }
        let who = row.text("services").or_else(|| row.text("post")).unwrap_or_default();
        Some(Act::CallOut(CallOutOrder {
            key: self.key(row, &format!("{kind}/{who}")),
            kind: CallOutKind::parse(kind)?,
            caller: self.place.into(),
            to,
            place: self.event.text("place.code").unwrap_or(self.place).into(),
            acknowledge_within: None,
            arrive_within: None,
            plan_within: None,
            ladder: Vec::new(),
            arrival_ladder: Vec::new(),
            life_safety: row.flag("life_safety").unwrap_or(false),
        }))
    }

    fn measure(&self, row: &Row) -> Measure {
        let kind = settings::cell(row, "measure");
        Measure {
            key: self.key(row, kind),
            kind: kind.into(),
            node: self.place.into(),
            target: match row.text("target") {
                Some(target) => Some(text::filled(&target.replace("{scheme}", self.scheme()), self.event)),
                None => self.event.text("place.name").map(Into::into),
            },
            starts: None,
            ends: None,
            exceptions: row.text("exceptions").unwrap_or_default().split_whitespace().map(Into::into).collect(),
            life_safety: row.flag("life_safety").unwrap_or(false),
            scope: self.words(row, "scope"),
            until_below: row.text("until_below").and_then(Level::parse),
            radius_metres: row.integer("radius_metres").and_then(|metres| u32::try_from(metres).ok()),
        }
    }

    /// The words of a cell; `{field}` stands for what the event says.
    fn words(&self, row: &Row, column: &str) -> Vec<String> {
        let cell = row.text(column).map(|cell| text::filled(cell, self.event)).unwrap_or_default();
        cell.split_whitespace().map(Into::into).collect()
    }

    fn proposal(&self, row: &Row) -> Proposal {
        let mut deciders = self.parties(row);
        if deciders.is_empty() {
            deciders.push(Party::Post(Post { node: self.place.into(), name: "commander".into() }));
        }
        let upward = row.text("tier").and_then(|tier| self.tier(tier)).unwrap_or(Tier::City);
        let above = Rung {
            after: 0,
            to: vec![Party::DutyAbove(next_above(upward))],
            channels: Vec::new(),
            condition: RungCondition::Always,
            repeats: 0,
            every: None,
        };
        Proposal {
            measure: self.measure(row),
            deciders,
            decide_by: self.due(row).unwrap_or(self.now),
            ladder: vec![above],
        }
    }

    /// Help asked of a tier above.
    fn support(&self, row: &Row) -> Option<Act> {
        let to = Party::DutyAbove(self.tier(settings::cell(row, "tier"))?);
        let lines = self.words(row, "resources").into_iter().map(|kind| ResourceLine { kind, quantity: 1 });
        let key = self.key(row, "support");
        Some(Act::RequestResource(ResourceOrder { key, to, lines: lines.collect(), needed_by: self.due(row) }))
    }

    /// `within_minutes` from now, or the next `by_clock` of the local day.
    fn due(&self, row: &Row) -> Option<i64> {
        if let Some(minutes) = row.integer("within_minutes") {
            return Some(self.now + minutes * MINUTE);
        }
        let (hour, minute) = row.text("by_clock")?.split_once(':')?;
        Some(calendar::next_clock(self.now, hour.parse().ok()?, minute.parse().ok()?))
    }

    fn task(&self, row: &Row) -> Option<Act> {
        let to = self.parties(row).into_iter().next()?;
        let kind = settings::cell(row, "task");
        let of_topic = row.text("topic").and_then(|topic| condition::count_of_topic(self.event, topic));
        let of_field = || row.text("items_field").and_then(|field| self.event.integer(field));
        let items = of_topic.or_else(of_field).unwrap_or(1);
        Some(Act::OpenTask(TaskOrder {
            key: self.key(row, kind),
            kind: kind.into(),
            to,
            node: self.place.into(),
            place: self.event.text("place.name").map(Into::into),
            due: self.due(row),
            life_safety: row.flag("life_safety").unwrap_or(false),
            items: u32::try_from(items).unwrap_or(1).max(1),
            details: self.details(row),
        }))
    }

    /// The event's fields that the row wants to be passed on.
    fn details(&self, row: &Row) -> Vec<Attribute> {
        let fields = row.text("details").unwrap_or_default();
        let found = fields.split_whitespace().filter_map(|field| {
            let value = self.event.value(field)?.clone();
            Some(Attribute { key: field.into(), value })
        });
        found.collect()
    }

    /// A standing grant, where the profile has it switched on.
    fn grant(&self, row: &Row) -> Option<Act> {
        if !settings::flag("standing_grant") {
            return None;
        }
        let tier = Tier::parse(settings::cell(row, "tier"))?;
        let supervisor = Tier::parse(settings::cell(row, "supervisor_tier"))?;
        Some(Act::Grant(GrantOrder {
            key: "standing".into(),
            grantor: self.place.into(),
            grantees: roster::below(self.place, tier),
            powers: row.text("powers").unwrap_or_default().split_whitespace().map(Into::into).collect(),
            multiplier_permille: u32::try_from(row.integer("multiplier_permille")?).ok()?,
            cap: row.integer("cap_minor"),
            starts: self.now,
            expires: self.now + row.integer("hours")? * HOUR,
            supervisor: Party::DutyAbove(supervisor),
        }))
    }

    fn report(&self, row: &Row) -> ReportDuty {
        let kind = settings::cell(row, "report");
        let to = match row.text("tier") {
            // A district reports to its city, whatever the tier of the place.
            Some("above") => self.tier("above").filter(|tier| *tier as u8 > Tier::District as u8).unwrap_or(Tier::City),
            word => word.and_then(Tier::parse).unwrap_or(Tier::Province),
        };
        let level = self.level.map_or("", Level::name);
        ReportDuty {
            key: format!("{kind}/{level}"),
            kind: kind.into(),
            node: self.place.into(),
            to: Party::DutyAbove(to),
            due: self.due(row).unwrap_or(self.now),
            every: row.integer("every_minutes").map(|minutes| minutes * MINUTE),
        }
    }
}

pub(crate) fn next_above(tier: Tier) -> Tier {
    match tier {
        Tier::Team => Tier::Community,
        Tier::Community => Tier::Street,
        Tier::Street => Tier::District,
        Tier::District => Tier::City,
        Tier::City => Tier::Province,
        Tier::Province | Tier::Nation => Tier::Nation,
    }
}
