//! The ordered words of the field. Their order is their meaning, so comparisons read as in the rules.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $text:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$case_doc])* #[serde(rename = $text)] $case,)*
        }

        impl $name {
            /// All words, in order.
            pub const ALL: &[Self] = &[$(Self::$case),*];

            /// The word as it stands in files, journals and answers.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$case => $text,)* }
            }

            /// The word with this text, if it is one.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$case),)* _ => None }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    )*};
}

words! {
    /// Tiers of government, lowest first (层级). A county counts as `district`.
    Tier {
        /// 队伍
        Team = "team",
        /// 社区
        Community = "community",
        /// 街道、乡镇
        Street = "street",
        /// 区、县
        District = "district",
        /// 市
        City = "city",
        /// 省
        Province = "province",
        /// 国家
        Nation = "nation",
    }

    /// Response level, mildest first (响应级别). Not the event grade and not the warning colour.
    Level {
        /// Ⅳ
        Four = "IV",
        /// Ⅲ
        Three = "III",
        /// Ⅱ
        Two = "II",
        /// Ⅰ, the most severe
        One = "I",
    }

    /// Warning colour, mildest first (预警颜色).
    Colour {
        /// 蓝
        Blue = "blue",
        /// 黄
        Yellow = "yellow",
        /// 橙
        Orange = "orange",
        /// 红
        Red = "red",
    }

    /// Risk stage of an incident (防-控-治-消). It may go back.
    RiskStage {
        /// 防
        Prevent = "prevent",
        /// 控
        Control = "control",
        /// 治
        Treat = "treat",
        /// 消
        Eliminate = "eliminate",
    }

    /// Mode of a jurisdiction (常态、应急).
    Mode {
        /// 常态
        Normal = "normal",
        /// 应急
        Emergency = "emergency",
    }

    /// How firm a figure is.
    FigureStage {
        /// As first reported.
        Provisional = "provisional",
        /// Verified, by the field or by a second source.
        Verified = "verified",
        /// Replaces an earlier figure; may be lower.
        Correction = "correction",
    }

    /// Kinds of call-out (呼叫).
    CalloutKind {
        /// 日常哨
        Daily = "daily",
        /// 攻坚哨
        Tackle = "tackle",
        /// 应急哨
        Emergency = "emergency",
        /// 叫应: call the leader on duty and get an answer
        LeaderCall = "leader_call",
    }

    /// When a step of a ladder applies.
    RungCondition {
        /// Always.
        Always = "always",
        /// While the silent party's place is in emergency mode.
        InEmergency = "in_emergency",
        /// Outside working time.
        OutsideWorkingTime = "outside_working_time",
    }
    /// Where a proposal or measure stands.
    MeasureStatus {
        /// Waits for a person's decision.
        Proposed = "proposed",
        /// Waits, and its time has passed.
        Overdue = "overdue",
        /// In force.
        InForce = "in_force",
        /// Refused by who had to decide.
        Refused = "refused",
        /// Ended.
        Ended = "ended",
    }

    /// What a policy is asked.
    Role {
        /// 感知
        Triage = "triage",
        /// 研判
        Escalation = "escalation",
        /// 决策
        Discretion = "discretion",
        /// 激励
        Incentives = "incentives",
        /// 监管
        Oversight = "oversight",
        /// 流程
        Workflow = "workflow",
    }

    /// How a policy that was activated runs.
    PolicyMode {
        /// It answers.
        Enforce = "enforce",
        /// It runs beside the policy in force, is recorded, and has no effect (影子运行).
        Shadow = "shadow",
        /// It answers for part of the incidents (灰度).
        Canary = "canary",
        /// It waits as the certified baseline (认证基线), to answer when the others fail.
        Baseline = "baseline",
    }

    /// How badly a line in a policy's log matters.
    LogSeverity {
        /// For the author.
        Debug = "debug",
        /// Worth knowing.
        Info = "info",
        /// Something is odd.
        Warning = "warning",
        /// Something is wrong.
        Error = "error",
    }

    /// Classes of public feedback, the most urgent first (群众诉求).
    FeedbackClass {
        /// 生命安全
        LifeSafety = "life_safety",
        /// 水电气热
        Utilities = "utilities",
        /// 一般
        General = "general",
        /// 疑难
        Complex = "complex",
    }
    /// Where a finding stands (监管发现).
    FindingStatus {
        /// Nobody has answered.
        Open = "open",
        /// Answered; the supervisor has not decided.
        Answered = "answered",
        /// Answered with a reason that may excuse it (容错); the supervisor has not decided.
        ExcuseForReview = "excuse_for_review",
        /// The excuse was accepted.
        Excused = "excused",
        /// Upheld against who it concerns.
        Upheld = "upheld",
        /// Closed.
        Closed = "closed",
    }
    /// Where an award stands.
    AwardStatus {
        /// Waits for the budget check.
        Pending = "pending",
        /// Booked to who earned it.
        Settled = "settled",
        /// Not paid.
        Refused = "refused",
        /// Disputed: frozen until decided.
        Disputed = "disputed",
        /// Not used in its time.
        Expired = "expired",
    }
    /// What is booked.
    Currency {
        /// Service points.
        Points = "points",
        /// Money in minor units.
        Money = "money",
    }
}

impl Default for Level {
    /// The mildest.
    fn default() -> Self {
        Self::Four
    }
}

impl Default for Tier {
    /// The lowest.
    fn default() -> Self {
        Self::Team
    }
}
