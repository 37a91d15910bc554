//! Everything that the interface can be asked for. The list is closed: a route without an action cannot be permitted.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The `CloudEvents` type prefix of Muster's own kinds.
const PREFIX: &str = "gov.muster.";

macro_rules! listed {
    ($($(#[$doc:meta])* $name:ident $([$(#[$wrap_doc:meta])* $wrap:ident of $inner:ident])? {
        $($(#[$case_doc:meta])* $case:ident = $word:literal, $zh:literal, $en:literal;)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$wrap_doc])* $wrap($inner),)? $($(#[$case_doc])* $case,)* }

        impl $name {
            /// All of them, in order.
            pub fn all() -> Vec<Self> {
                let mut all = Vec::new();
                $(all.extend($inner::all().into_iter().map(Self::$wrap));)?
                all.extend([$(Self::$case),*]);
                all
            }

            /// The word in files and logs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$wrap(inner) => inner.as_str(),)? $(Self::$case => $word,)* }
            }

            /// What it is called in Chinese.
            pub const fn chinese(self) -> &'static str {
                match self { $(Self::$wrap(inner) => inner.chinese(),)? $(Self::$case => $zh,)* }
            }

            /// What it is called in English.
            pub const fn english(self) -> &'static str {
                match self { $(Self::$wrap(inner) => inner.english(),)? $(Self::$case => $en,)* }
            }
        }
    )*};
}

listed! {
    /// What an event that a person or machine sends does, in groups that need the same role.
    ActKind {
        /// Something that may point to a hazard; also every kind that the kernel does not know, which it only keeps.
        Signal = "send_signal", "报送线索", "report a signal";
        /// An authority's forecast.
        Warning = "send_warning", "报送预警", "report a warning";
        /// An order to people, places or traffic.
        Order = "send_order", "下达命令", "give an order";
        /// Names the commander, or hands over.
        Command = "send_command", "任命或交接指挥员", "appoint a commander";
        /// The commander cannot be reached.
        CommandLost = "send_command_lost", "报告指挥员失联", "report that the commander is lost";
        /// Calls departments and teams, and releases them.
        Call = "send_call", "呼叫与解除", "call out and release";
        /// Acknowledges a call, reports in, hands in the plan.
        AnswerCall = "send_answer_call", "应哨与报到", "answer a call-out";
        /// Asks to spend, and hands in the papers.
        Spend = "send_spend", "申请与结算支出", "ask to spend, and settle";
        /// Decides on spending, measures and wishes for powers.
        Approve = "send_approve", "审批", "approve or refuse";
        /// Asks for powers.
        AskGrant = "send_ask_grant", "申请授权", "ask for powers";
        /// Takes given powers back.
        RevokeGrant = "send_revoke_grant", "收回授权", "take powers back";
        /// Freezes powers, and releases them.
        Freeze = "send_freeze", "冻结与解冻权力", "freeze and release powers";
        /// Hands in a report or figures.
        Report = "send_report", "报送信息与数据", "hand in a report or figures";
        /// Says how a task stands.
        Task = "send_task", "更新任务", "update a task";
        /// Begins and ends service.
        Service = "send_service", "服务签到与签退", "begin and end service";
        /// Asks for resources, offers and returns them.
        Resource = "send_resource", "申请、提供与归还资源", "ask for, offer and return resources";
        /// Decides on an award.
        DecideAward = "send_decide_award", "审定奖励", "decide on an award";
        /// Disputes an award.
        DisputeAward = "send_dispute_award", "对奖励提出异议", "dispute an award";
        /// Passes on what a resident says, or how they rate the answer.
        ReceiveFeedback = "send_receive_feedback", "登记群众诉求与评价", "pass on a resident's case or rating";
        /// Contacts the resident and resolves the case.
        HandleFeedback = "send_handle_feedback", "办理群众诉求", "handle a resident's case";
        /// Confirms an order, answers a report.
        AnswerPair = "send_answer_pair", "回应指令与报告", "confirm an order, answer a report";
        /// Answers a finding.
        AnswerFinding = "send_answer_finding", "答复监管发现", "answer a finding";
        /// Decides on a finding.
        DecideFinding = "send_decide_finding", "处理监管发现", "decide on a finding";
        /// Changes who is on duty.
        Roster = "send_roster", "调整值班", "change who is on duty";
    }

    /// One thing that the interface can be asked for.
    Action [
        /// Sends an event of a kind.
        Send of ActKind
    ] {
        /// What everybody may see of a district.
        ReadPublicView = "read_public_view", "读公开视图", "read the public view";
        /// How a district stands.
        ReadDistrict = "read_district", "读辖区概况", "read how a district stands";
        /// Incidents, with all that belongs to them.
        ReadIncidents = "read_incidents", "读事件", "read incidents";
        /// Registers (台账).
        ReadRegisters = "read_registers", "读台账", "read registers";
        /// Supervision findings.
        ReadFindings = "read_findings", "读监管发现", "read findings";
        /// Entries of the journal, raw.
        ReadEntries = "read_entries", "读日志条目", "read entries of the journal";
        /// Why an entry was decided so.
        ReadExplanations = "read_explanations", "读决策解释", "read explanations";
        /// Entries as they become durable.
        ReadStream = "read_stream", "订阅条目流", "follow the stream of entries";
        /// What is in force and on trial, and what was.
        ReadPolicies = "read_policies", "读策略", "read policies and their history";
        /// Reports of backtests.
        ReadBacktests = "read_backtests", "读回测报告", "read backtests";
        /// Dry run, backtest, shadow, and the end of a trial: nothing that answers changes.
        ProposePolicy = "propose_policy", "提出策略(影子、回测、试运行结束)", "propose a policy (dry run, backtest, shadow, end of a trial)";
        /// Canary, activation, promotion, rollback: what answers changes.
        ReleasePolicy = "release_policy", "放行策略(灰度、生效、转正、回退)", "release a policy (canary, activate, promote, roll back)";
        /// Messages that leave the host.
        ReadOutbox = "read_outbox", "读发件箱", "read the outbox";
        /// Messages that could not leave.
        ReadDeadLetters = "read_dead_letters", "读死信", "read dead letters";
        /// Sends dead letters again.
        ReplayDeadLetters = "replay_dead_letters", "重投死信", "replay dead letters";
        /// Issues, lists and revokes tokens.
        AdministerTokens = "administer_tokens", "管理令牌", "administer tokens";
        /// How every district and the host stand, with what is degraded.
        ReadStatus = "read_status", "读主机状态", "read how the host stands";
        /// Counters.
        ReadMetrics = "read_metrics", "读指标", "read metrics";
        /// Whether the process answers, and takes events.
        ReadHealth = "read_health", "读健康状态", "read health";
    }
}

impl ActKind {
    /// The kind of an event by its `CloudEvents` type, with or without the prefix `gov.muster.`.
    ///
    /// A type that is not known is a signal: the kernel keeps and assesses it, and it does nothing by itself.
    pub fn of(event_type: &str) -> Self {
        let word = event_type.strip_prefix(PREFIX).unwrap_or(event_type);
        match word {
            "warning.received" => Self::Warning,
            "order.issued" => Self::Order,
            "commander.appointed" | "command.assumed" | "command.appointed" | "command.handed_over" => Self::Command,
            "command.lost" | "commander.lost" => Self::CommandLost,
            "callout.issued" | "callout.released" => Self::Call,
            "callout.acknowledged"
            | "callout.en_route"
            | "callout.departed"
            | "callout.reported_in"
            | "callout.planned"
            | "callout.plan_submitted"
            | "plan.submitted" => Self::AnswerCall,
            "spend.requested" | "spend.settled" | "spend.papers" | "spend.documented" => Self::Spend,
            "approval.decided" | "measure.decided" | "grant.decided" | "grant.approved" => Self::Approve,
            "grant.requested" | "grant.renewed" | "grant.renewal_requested" => Self::AskGrant,
            "grant.revoked" => Self::RevokeGrant,
            "power.frozen" | "power.released" | "power.unfrozen" => Self::Freeze,
            "report.submitted" | "casualty.updated" | "figures.updated" => Self::Report,
            "task.updated" => Self::Task,
            "volunteer.checked_in" | "service.started" | "volunteer.checked_out" | "service.ended" => Self::Service,
            "resource.requested" | "resource.offered" | "resource.returned" | "resource.released" => Self::Resource,
            "award.decided" | "award.confirmed" => Self::DecideAward,
            "award.disputed" => Self::DisputeAward,
            "feedback.received" | "feedback.opened" | "feedback.submitted" | "feedback.rated" => Self::ReceiveFeedback,
            "feedback.contacted" | "feedback.resolved" | "feedback.closed" => Self::HandleFeedback,
            "order.confirmed" | "report.answered" | "pair.answered" => Self::AnswerPair,
            "finding.answered" | "finding.excused" => Self::AnswerFinding,
            "finding.decided" | "finding.closed" => Self::DecideFinding,
            "duty.overridden" | "roster.overridden" => Self::Roster,
            _ => Self::Signal,
        }
    }
}

impl Action {
    /// What sending an event of this `CloudEvents` type is.
    pub fn of_event(event_type: &str) -> Self {
        Self::Send(ActKind::of(event_type))
    }

    /// Whether only the host itself writes events of this `CloudEvents` type. Nobody may send one.
    pub fn is_of_the_host(event_type: &str) -> bool {
        event_type.strip_prefix(PREFIX).unwrap_or(event_type).starts_with("access.")
    }

    /// The action with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::all().into_iter().find(|action| action.as_str() == word)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::parse(&word).ok_or_else(|| {
            let known: Vec<&str> = Self::all().into_iter().map(Self::as_str).collect();
            serde::de::Error::custom(format!("`{word}` is no action; there are: {}", known.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's list is private to it; its text is not.
    const KERNEL: &str = include_str!("../../kernel/src/step/event_kind.rs");

    #[test]
    fn every_kind_that_does_something_in_the_kernel_is_told_from_a_signal() {
        let list = KERNEL
            .split_once("fn of(")
            .expect("the kernel's list")
            .1
            .split_once("_ => Self::Other")
            .expect("its end")
            .0;
        let kinds: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        assert!(kinds.len() > 50, "the kernel's list was read: {kinds:?}");
        // What the host itself writes is never sent, so it needs no role.
        for kind in kinds.into_iter().filter(|kind| !Action::is_of_the_host(kind)) {
            let ours = ActKind::of(kind);
            assert_eq!(ours == ActKind::Signal, kind == "signal.reported", "{kind} is {ours:?}");
            assert_eq!(ours, ActKind::of(&format!("{PREFIX}{kind}")));
        }
    }

    #[test]
    fn words_are_distinct_and_read_back() {
        for action in Action::all() {
            assert_eq!(Action::parse(action.as_str()), Some(action));
        }
        assert_eq!(Action::parse("read_everything"), None);
    }
}
