//! Both ways answered (双向对对碰): pairs of order and confirmation, report and answer; findings with their answers,
//! excuses (容错) and the supervisor's decision; what is heard from sources, and how often they proved right.

use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Deciding;
use super::level::required;
use crate::act::{Because, FindingOrder};
use crate::record::{Fact, PairKind};
use crate::value::{Attribute, find_text};
use crate::{Event, FindingId, FindingStatus, Instant, NodeCode, Value, roster};

impl Deciding<'_> {
    /// What an event orders or reports waits for its answer.
    pub(super) fn open_pair(
        &mut self,
        event: &Event,
        kind: PairKind,
        awaits: Vec<NodeCode>,
        due: Instant,
        because: Because,
    ) {
        let name = ["order", "report", "name"].iter().find_map(|key| find_text(&event.attributes, key));
        let pair = name.map_or_else(|| event.id.clone(), ToString::to_string);
        if self.state.pairs.contains(&pair) {
            return;
        }
        self.record(Fact::PairOpened {
            pair,
            pair_kind: kind,
            incident: self.incident.clone(),
            from: event.node.clone(),
            awaits,
            due,
            because,
        });
    }

    /// An order is confirmed from below, or a report is answered from above.
    pub(super) fn pair_answered(&mut self, event: &Event) -> Result<(), Because> {
        let named = ["order", "report", "pair", "message"].iter().find_map(|key| find_text(&event.attributes, key));
        let Some(pair) = named else { return Err(required(event, "order").err().unwrap_or_default()) };
        let Some(row) = self.state.pairs.get(pair) else {
            return Err(Because::new(
                "host:unknown-pair",
                format!("没有待确认的命令或报告 {pair}"),
                format!("no order or report `{pair}` waits for an answer"),
            ));
        };
        let asked = row.awaits.iter().find(|node| roster::is_within(self.state, event.node.as_str(), node.as_str()));
        let Some(node) = asked.cloned() else {
            return Err(Because::new(
                "host:not-asked",
                format!("{} 不在待确认之列,或已确认", event.node),
                format!("`{}` is not among those whose answer is waited for", event.node),
            ));
        };
        let fact = Fact::PairAnswered {
            pair: pair.to_string(),
            incident: row.incident.clone(),
            node,
            by: event.source.clone(),
            occurred: event.occurred,
            on_time: event.occurred <= row.due,
            complete: row.awaits.len() == 1,
        };
        self.record(fact);
        Ok(())
    }

    /// Nobody answered: a gap (沟通真空).
    pub(super) fn pair_overdue(&mut self, pair: &str) {
        let Some(row) = self.state.pairs.get(pair).cloned() else { return };
        let silent: Vec<&str> = row.awaits.iter().map(NodeCode::as_str).collect();
        let silent = silent.join(" ");
        let (chinese, english) = match row.kind {
            PairKind::Order => ("命令", "order"),
            PairKind::Report => ("报告", "report"),
        };
        let because = Because::new(
            "host:gap",
            format!("{chinese} {pair} 未获 {silent} 回应:沟通真空"),
            format!("{english} `{pair}` has no answer from {silent}: a gap"),
        );
        let subject = Self::subject_of(english, pair);
        self.overdue_finding("GAP", row.incident, row.from, subject, row.due, because);
    }

    fn finding_of(&self, event: &Event) -> Result<FindingId, Because> {
        let named = find_text(&event.attributes, "finding");
        if let Some(id) = named.map(FindingId::from).filter(|id| self.state.findings.contains(id)) {
            return Ok(id);
        }
        // People outside do not know our numbers: code and subject will do, the newest first.
        let code = find_text(&event.attributes, "code");
        let subject = find_text(&event.attributes, "subject");
        let fits = |row: &crate::state::Finding| {
            code.is_some_and(|code| row.order.code == code)
                && subject.is_none_or(|subject| row.order.subject.as_deref() == Some(subject))
                && matches!(row.status, FindingStatus::Open | FindingStatus::Answered | FindingStatus::ExcuseForReview)
                && (self.incident.is_none() || row.incident == self.incident)
        };
        // One that waits for the supervisor is meant before one that nobody has answered.
        let waits = |row: &crate::state::Finding| row.status == FindingStatus::ExcuseForReview;
        let fitting = || self.state.findings.iter().rev().filter(|(_, row)| fits(row));
        let found = fitting().find(|(_, row)| waits(row)).or_else(|| fitting().next()).map(|(id, _)| id.clone());
        found.ok_or_else(|| Because::new("host:unknown-finding", "没有这个监管发现", "there is no such finding"))
    }

    /// Who a finding concerns answers it. A reason that may excuse is for the supervisor to judge.
    pub(super) fn finding_answered(&mut self, event: &Event) -> Result<(), Because> {
        let finding = self.finding_of(event)?;
        let Some(row) = self.state.findings.get(&finding).cloned() else { return Ok(()) };
        if !matches!(row.status, FindingStatus::Open | FindingStatus::Answered | FindingStatus::ExcuseForReview) {
            return Err(Because::new("host:finding", "该发现已处理完毕", "the finding has been decided"));
        }
        self.check_concerned(event, &row.order.node, &row.order.tell)?;
        let excuse = find_text(&event.attributes, "excuse");
        let answer = excuse.or_else(|| find_text(&event.attributes, "answer"));
        let Some(answer) = answer else { return Err(required(event, "answer").err().unwrap_or_default()) };
        self.record(Fact::FindingAnswered {
            finding,
            incident: row.incident,
            by: event.source.clone(),
            answer: answer.to_string(),
            excuse: excuse.is_some(),
        });
        Ok(())
    }

    /// A supervisor decides on a finding. Nobody decides on one that they answered themselves.
    pub(super) fn finding_decided(&mut self, event: &Event) -> Result<(), Because> {
        let finding = self.finding_of(event)?;
        let Some(row) = self.state.findings.get(&finding).cloned() else { return Ok(()) };
        if !roster::may_act(self.state, &event.source, "supervise", row.order.node.as_str()) {
            return Err(Because::new(
                "host:supervise-without-power",
                format!("来源 {} 无权监管 {}", event.source, row.order.node),
                format!("source `{}` holds no power to supervise `{}`", event.source, row.order.node),
            ));
        }
        if !matches!(row.status, FindingStatus::Open | FindingStatus::Answered | FindingStatus::ExcuseForReview) {
            return Err(Because::new("host:finding", "该发现已处理完毕", "the finding has been decided"));
        }
        if row.answered_by.as_deref() == Some(event.source.as_str()) {
            return Err(Because::new(
                "host:own-finding",
                "答复人不能裁定自己答复的发现",
                "who answered a finding does not decide on it",
            ));
        }
        let word = find_text(&event.attributes, "decision").unwrap_or_default();
        let status = match word {
            "excused" | "accepted" => FindingStatus::Excused,
            "upheld" | "rejected" | "refused" => FindingStatus::Upheld,
            "closed" => FindingStatus::Closed,
            other => {
                return Err(Because::new(
                    "host:decision",
                    format!("决定 {other} 无效,应为 excused、upheld 或 closed"),
                    format!("`decision` is `{other}`; it must be excused, upheld or closed"),
                ));
            }
        };
        let because = Because::new("host:supervised", "由监管人裁定", "decided by the supervisor");
        self.record(Fact::FindingDecided {
            finding,
            incident: row.incident,
            status,
            by: event.source.clone(),
            because,
        });
        Ok(())
    }

    pub(super) fn finding_overdue(&mut self, finding: &FindingId) {
        let Some(row) = self.state.findings.get(finding).filter(|row| row.status == FindingStatus::Open) else {
            return;
        };
        let Some(due) = row.order.answer_by else { return };
        let because =
            Because::new("host:finding-overdue", "监管发现逾期未答复", "nobody answered the finding in its time");
        let incident = row.incident.clone();
        self.record(Fact::FindingOverdue { finding: finding.clone(), incident, due, because });
    }

    /// A supervisor freezes a power of a node, or lets it go.
    pub(super) fn freeze(&mut self, event: &Event, frozen: bool) -> Result<(), Because> {
        let power = required(event, "power")?.to_string();
        let node = find_text(&event.attributes, "node").and_then(|code| roster::node(self.state, code));
        let node = node.map_or_else(|| event.node.clone(), |node| node.code.clone());
        if !roster::may_act(self.state, &event.source, "supervise", node.as_str()) {
            return Err(Because::new(
                "host:supervise-without-power",
                format!("来源 {} 无权监管 {node}", event.source),
                format!("source `{}` holds no power to supervise `{node}`", event.source),
            ));
        }
        let known = self.state.freezes.contains(&(node.clone(), power.clone()));
        if known == frozen {
            return Err(Because::new("host:frozen", "该权力已处于所求状态", "the power is already as asked"));
        }
        let reason = find_text(&event.attributes, "reason").unwrap_or("由监管人决定");
        let because = Because::new("host:freeze", reason, reason);
        self.record(Fact::PowerFrozen { node, power, frozen, by: event.source.clone(), because });
        Ok(())
    }

    /// Nothing was heard in time: silence is a signal.
    pub(super) fn heartbeat_lost(&mut self, source: &str) {
        let Some(pulse) = self.state.pulses.get(source).copied() else { return };
        let known = self.state.charter().and_then(|charter| charter.heartbeats.iter().find(|row| row.source == source));
        let Some(node) = known.map(|row| row.node.clone()) else { return };
        let because = Because::new(
            "host:silence",
            format!("{source} 自 {} 起无消息:沉默即信号", self.local(pulse.last)),
            format!("nothing heard from {source} since {}: silence is a signal", self.local(pulse.last)),
        );
        self.record(Fact::HeartbeatLost { source: source.to_string(), node: node.clone(), last: pulse.last, because });
        let event = Event {
            id: format!("{source}/{}", self.moment.seq),
            source: source.to_string(),
            kind: "gov.muster.signal.reported".to_string(),
            subject: None,
            occurred: self.now(),
            recorded: self.now(),
            node: node.clone(),
            place: node.to_string(),
            incident: None,
            exercise: false,
            attributes: alloc::vec![
                Attribute::new("kind", Value::Text("heartbeat_lost".to_string())),
                Attribute::new("last_seen", Value::Instant(pulse.last)),
                Attribute::new("device", Value::Text(source.to_string())),
            ],
        };
        self.sensed(&Arc::new(event));
    }

    /// The word of a source proved right or wrong.
    pub(super) fn judge(&mut self, source: &str, confirmed: bool, because: Because) {
        self.record(Fact::SourceJudged { source: source.to_string(), confirmed, because });
    }

    /// Someone takes a post for a time.
    pub(super) fn duty_overridden(&mut self, event: &Event) -> Result<(), Because> {
        if !roster::may_act(self.state, &event.source, "roster", event.node.as_str()) {
            return Err(Because::new(
                "host:roster-without-power",
                format!("来源 {} 无权调整 {} 的值班", event.source, event.node),
                format!("source `{}` holds no power over the rosters of `{}`", event.source, event.node),
            ));
        }
        let (post, person) = (required(event, "post")?.to_string(), required(event, "person")?.to_string());
        let from = crate::value::find_instant(&event.attributes, "from").unwrap_or(event.occurred);
        let until = crate::value::find_instant(&event.attributes, "until").filter(|until| *until > from);
        let Some(until) = until else {
            return Err(Because::new(
                "host:roster",
                "替班须写明结束时间(until),且晚于开始",
                "an override needs an `until` after its `from`: it always ends",
            ));
        };
        let (node, by) = (event.node.clone(), event.source.clone());
        self.record(Fact::DutyOverridden { node, post, person, from, until, by });
        Ok(())
    }

    /// Two sources that both claim to be firm say different things.
    pub(super) fn contradiction(&mut self, incident: &crate::IncidentId, figure: &crate::act::Figure) {
        let Some(row) = self.state.incidents.get(incident) else { return };
        let Some(before) = row.figures.get(&figure.name) else { return };
        let firm = |stage| stage == crate::FigureStage::Verified;
        let differ = before.value.is_some() && figure.value.is_some() && before.value != figure.value;
        if !(differ && firm(before.stage) && firm(figure.stage) && before.source != figure.source) {
            return;
        }
        let (node, name) = (row.node.clone(), figure.name.clone());
        let (one, other) = (before.value.unwrap_or_default(), figure.value.unwrap_or_default());
        let because = Because::new(
            "host:contradicted",
            format!("{name}:{} 报 {one},{} 报 {other},均称已核实", before.source, figure.source),
            format!("{name}: {} says {one}, {} says {other}, both verified", before.source, figure.source),
        );
        let order = FindingOrder {
            code: "CONTRADICTED".to_string(),
            node,
            subject: Some(format!("figure/{name}")),
            answer_by: None,
            details: alloc::vec![
                Attribute::new("before", Value::Integer(one)),
                Attribute::new("now", Value::Integer(other)),
            ],
            tell: Vec::new(),
        };
        self.finding(Some(incident.clone()), order, because);
    }
}
