//! Normal and emergency mode, both ways. A policy may raise; back goes only a person's order, and only when nothing that
//! the charter guards stands against it.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::Deciding;
use super::level::required;
use crate::act::{Because, ModeChange, Party, TaskOrder};
use crate::record::{Blocker, Fact};
use crate::value::{Attribute, find, find_text};
use crate::{Event, GrantId, IncidentId, Level, Mode, NodeCode, Scheme, Value, facts, roster};

impl Deciding<'_> {
    /// A policy asks for a mode. It may raise to emergency; the way back is a person's order.
    pub(super) fn set_mode(&mut self, incident: Option<IncidentId>, change: ModeChange, because: Because) {
        let key = (change.node.clone(), change.scheme.clone());
        let previous = self.state.modes.get(&key).map_or(Mode::Normal, |row| row.mode);
        if change.mode <= previous {
            return;
        }
        self.record(Fact::ModeSet {
            incident,
            node: change.node,
            scheme: change.scheme,
            mode: change.mode,
            previous,
            because,
        });
    }

    /// A person orders a mode.
    pub(super) fn order_mode(&mut self, event: &Event) -> Result<(), Because> {
        let text = find_text(&event.attributes, "mode").or_else(|| find_text(&event.attributes, "to"));
        match text.and_then(Mode::parse) {
            Some(Mode::Emergency) => {
                let scheme = Scheme::from(find_text(&event.attributes, "scheme").unwrap_or("general"));
                let change = ModeChange { node: event.node.clone(), scheme, mode: Mode::Emergency };
                let because = Because::new("host:order", "命令转入应急状态", "emergency mode is ordered");
                self.set_mode(self.incident.clone(), change, because);
                Ok(())
            }
            Some(Mode::Normal) => self.return_to_normal(event),
            None => {
                let word = required(event, "mode")?;
                Err(Because::new(
                    "host:mode",
                    format!("状态 {word} 无效,应为 normal 或 emergency"),
                    format!("`mode` is `{word}`; it must be normal or emergency"),
                ))
            }
        }
    }

    /// A person orders the return to normal. What stands against it is said, and then nothing changes.
    pub(super) fn return_to_normal(&mut self, event: &Event) -> Result<(), Because> {
        let schemes = self.emergencies_at(&event.node, find_text(&event.attributes, "scheme"));
        if schemes.is_empty() {
            return Err(Because::new(
                "host:mode",
                format!("{} 不在应急状态", event.node),
                format!("`{}` is not in emergency mode", event.node),
            ));
        }
        let stated_over = find(&event.attributes, "hazard_cleared") == Some(&Value::Flag(true));
        let blockers = self.blockers(&event.node, stated_over);
        self.mode_exit_checked(&event.node, &schemes[0].1, blockers.clone());
        if let Some(first) = blockers.first() {
            return Err(Because::new(
                "host:mode-exit",
                format!("不能转回常态:{}", text_of(&first.because, "zh")),
                format!("no return to normal: {}", text_of(&first.because, "en")),
            ));
        }
        if stated_over {
            self.hazard_stated_over(event);
        }
        let because = Because::new("host:order", "隐患已消除,命令转回常态", "the return to normal is ordered");
        for (node, scheme) in schemes {
            self.record(Fact::ModeSet {
                incident: self.incident.clone(),
                node,
                scheme,
                mode: Mode::Normal,
                previous: Mode::Emergency,
                because: because.clone(),
            });
        }
        self.end_responses(event);
        self.take_grants_back(event);
        self.open_review(event);
        self.after_action(event);
        Ok(())
    }

    /// The one who orders may state that the hazard is over, unless a measurement says that it is there.
    fn hazard_stated_over(&mut self, event: &Event) {
        let here = facts::open_within(self.state, &event.node);
        let unknown = here.filter(|(_, row)| row.hazard_cleared.is_none());
        let unknown: Vec<IncidentId> = unknown.map(|(id, _)| id.clone()).collect();
        for incident in unknown {
            let because = Because::new("M", "命令方确认隐患消除", "who orders it states that the hazard is over");
            self.record(Fact::HazardCleared { incident, cleared: true, because });
        }
    }

    /// A return to normal that names a scheme ends what is left of its response.
    fn end_responses(&mut self, event: &Event) {
        let Some(scheme) = find_text(&event.attributes, "scheme") else { return };
        let here = self
            .state
            .responses
            .iter()
            .filter(|(key, row)| key.scheme.as_str() == scheme && row.in_force.is_some())
            .filter(|(key, _)| roster::is_within(self.state, key.node.as_str(), event.node.as_str()));
        let keys: Vec<crate::state::ResponseKey> = here.map(|(key, _)| key.clone()).collect();
        for key in keys {
            let previous = self.state.responses.get(&key).and_then(|row| row.in_force);
            self.record(Fact::LevelEnded {
                incident: key.incident.clone(),
                scheme: key.scheme.clone(),
                node: key.node.clone(),
                previous,
                by: event.source.clone(),
                because: Because::new("host:order", "转回常态,响应终止", "back to normal: the response ends"),
            });
            self.end_measures_below(&key, None);
        }
    }

    /// What the review begins with: counts, so that every reader divides the same numbers.
    fn after_action(&mut self, event: &Event) {
        let rates = facts::three_rates(self.state, event.node.as_str(), self.now());
        let within = |node: &NodeCode| roster::is_within(self.state, node.as_str(), event.node.as_str());
        let callouts = self.state.callouts.values().filter(|row| within(&row.order.caller));
        let (mut called, mut missed) = (0_i64, 0_i64);
        for call in callouts.flat_map(|row| &row.calls) {
            called += 1;
            missed += i64::from(!call.missed.is_empty());
        }
        let (mut found, mut open) = (0_i64, 0_i64);
        for row in self.state.findings.values().filter(|row| within(&row.order.node)) {
            found += 1;
            open += i64::from(row.status == crate::FindingStatus::Open);
        }
        let filter = facts::SpendingFilter { within: Some(event.node.to_string()), ..facts::SpendingFilter::default() };
        let whole = |value: u32| Value::Integer(i64::from(value));
        let details = alloc::vec![
            Attribute::new("feedback_due", whole(rates.due)),
            Attribute::new("contacted_in_time", whole(rates.contacted_in_time)),
            Attribute::new("resolved", whole(rates.resolved)),
            Attribute::new("satisfied", whole(rates.satisfied)),
            Attribute::new("parties_called", Value::Integer(called)),
            Attribute::new("parties_late", Value::Integer(missed)),
            Attribute::new("findings", Value::Integer(found)),
            Attribute::new("findings_open", Value::Integer(open)),
            Attribute::new("spent_minor", Value::Integer(facts::spent(self.state, &filter).1)),
        ];
        self.record(Fact::CustomRecorded {
            incident: self.incident.clone(),
            custom_kind: "after_action".to_string(),
            details,
            because: Because::new("M", "复盘数据", "what the review begins with"),
        });
    }

    /// Where a node or one below it is in emergency, and under which scheme.
    fn emergencies_at(&self, node: &NodeCode, scheme: Option<&str>) -> Vec<(NodeCode, Scheme)> {
        let modes = self.state.modes.iter().filter(|(_, row)| row.mode == Mode::Emergency);
        modes
            .filter(|((at, of), _)| {
                roster::is_within(self.state, at.as_str(), node.as_str())
                    && scheme.is_none_or(|scheme| of.as_str() == scheme)
            })
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// After a level fell: whether the place may return to normal, and what stands against it.
    pub(super) fn check_mode_exit(&mut self, event: &Event) {
        let lowered = self.facts.iter().any(|fact| match fact {
            Fact::LevelInForce { level, previous, ordered: true, .. } => previous.is_some_and(|before| *level < before),
            Fact::LevelEnded { .. } => true,
            _ => false,
        });
        if !lowered {
            return;
        }
        if let Some((_, scheme)) = self.emergencies_at(&event.node, None).into_iter().next() {
            let mut blockers = self.blockers(&event.node, false);
            blockers.push(Blocker {
                code: "order".to_string(),
                subject: None,
                because: Because::new("M", "尚无转回常态的命令", "nobody has ordered the return to normal"),
            });
            self.mode_exit_checked(&event.node, &scheme, blockers);
        }
    }

    fn mode_exit_checked(&mut self, node: &NodeCode, scheme: &Scheme, blockers: Vec<Blocker>) {
        let because = Because::new(
            "M",
            "转回常态须:隐患消除、无未完成的生命安全任务、有指挥员命令",
            "the return to normal needs the hazard cleared, no open life-safety task, and a commander's order",
        );
        self.record(Fact::ModeExitChecked {
            incident: self.incident.clone(),
            node: node.clone(),
            scheme: scheme.clone(),
            may_return: blockers.is_empty(),
            blockers,
            because,
        });
    }

    /// What stands against a return to normal at a node. Where nothing is measured, who orders may state that a hazard is
    /// over.
    fn blockers(&self, node: &NodeCode, stated_over: bool) -> Vec<Blocker> {
        let mut found = Vec::new();
        let block = |code: &str, subject: Option<&str>, because: Because| Blocker {
            code: code.to_string(),
            subject: subject.map(ToString::to_string),
            because,
        };
        let within = |code: &NodeCode| roster::is_within(self.state, code.as_str(), node.as_str());
        let high = |level: Level| level >= Level::Two;
        for (key, response) in self.state.responses.iter().filter(|(key, _)| within(&key.node)) {
            if let Some(level) = response.in_force.filter(|level| high(*level)) {
                let because = Because::new(
                    "M",
                    format!("{} 的 {} {level} 级响应仍在用", key.node, key.scheme),
                    format!("{} {level} is in force at {}", key.scheme, key.node),
                );
                found.push(block("level", Some(key.scheme.as_str()), because));
            }
        }
        for (id, row) in facts::open_within(self.state, node) {
            let over = row.hazard_cleared.unwrap_or(stated_over);
            if !over {
                let because = Because::new(
                    "M",
                    format!("「{}」隐患尚未确认消除", row.name),
                    format!("the hazard of {} is not known to be over", row.name),
                );
                found.push(block("hazard", Some(id.as_str()), because));
            }
            let tasks = self.state.index.open_tasks.get(&Some(id.clone())).into_iter().flat_map(|tasks| tasks.values());
            for task in tasks.filter_map(|task| self.state.tasks.get(task)).filter(|task| task.order.life_safety) {
                let because = Because::new(
                    "M",
                    format!("生命安全任务「{}」未完成({} 项)", task.order.kind, task.order.items),
                    format!("the life-safety task `{}` is open ({} items)", task.order.kind, task.order.items),
                );
                found.push(block("life_safety_task", Some(&task.order.key), because));
            }
        }
        let urgent = self.state.cases.iter().filter(|(_, case)| {
            case.class == crate::FeedbackClass::LifeSafety && case.resolved != Some(true) && within(&case.node)
        });
        for (id, _) in urgent {
            let because = Because::new(
                "M",
                format!("生命安全诉求 {id} 未办结"),
                format!("the life-safety case `{id}` is not resolved"),
            );
            found.push(block("life_safety_case", Some(id.as_str()), because));
        }
        let minimum = self.state.charter().map(|charter| charter.clocks.emergency_minimum).unwrap_or_default();
        let since = self.state.modes.iter().filter(|((at, _), row)| within(at) && row.mode == Mode::Emergency);
        if let Some(since) = since.map(|(_, row)| row.since).max().filter(|since| *since + minimum > self.now()) {
            let until = self.local(since + minimum);
            let because = Because::new(
                "M",
                format!("应急状态最短保持至 {until}"),
                format!("emergency mode holds until {until} at least"),
            );
            found.push(block("minimum_stay", None, because));
        }
        found
    }

    /// With the emergency, the powers that it gave are over.
    fn take_grants_back(&mut self, event: &Event) {
        let held: Vec<GrantId> = self.state.index.grants_of.values().flatten().cloned().collect();
        for grant in held {
            let Some(row) = self.state.grants.get(&grant).cloned() else { continue };
            if row.revoked || !roster::is_within(self.state, row.node.as_str(), event.node.as_str()) {
                continue;
            }
            self.record(Fact::GrantRevoked {
                grant,
                incident: row.incident,
                node: row.node,
                powers: row.powers,
                whole: true,
                by: event.source.clone(),
                because: Because::new(
                    "M",
                    "转回常态,应急授权随之收回",
                    "back to normal: emergency powers are taken back",
                ),
            });
        }
    }

    /// What went well and what did not is looked at while people remember.
    fn open_review(&mut self, event: &Event) {
        let within = self.state.charter().and_then(|charter| charter.clocks.review_within);
        let Some(within) = within else { return };
        let order = TaskOrder {
            key: format!("review/{}", event.node),
            kind: "review".to_string(),
            to: Party::Post { node: event.node.clone(), name: "commander".to_string() },
            node: event.node.clone(),
            place: None,
            due: Some(self.now() + within),
            life_safety: false,
            items: 1,
            details: Vec::new(),
        };
        let because = Because::new("M", "转回常态后开展复盘", "after the return to normal the response is reviewed");
        self.task(order, because);
    }

    /// The hazard of an incident is over, or back.
    pub(super) fn clear_hazard(&mut self, cleared: bool, because: Because) {
        let Some(incident) = self.incident.clone() else { return };
        let known = self.state.incidents.get(&incident).and_then(|row| row.hazard_cleared);
        if known != Some(cleared) {
            self.record(Fact::HazardCleared { incident, cleared, because });
        }
    }
}

fn text_of(because: &Because, language: &str) -> alloc::string::String {
    let found = because.sentences.iter().find(|sentence| sentence.language == language);
    found.map(|sentence| sentence.text.clone()).unwrap_or_default()
}
