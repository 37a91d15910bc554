//! The words of the field in the reader's language: places, people, times, money.

use muster_kernel::act::{Measure, Party};
use muster_kernel::record::CalloutStep;
use muster_kernel::value::Attribute;
use muster_kernel::{
    CalloutKind, Currency, IncidentId, Instant, Level, Milliseconds, Mode, NodeCode, RiskStage, Role, State, Tier,
    Value, roster,
};

use crate::language::Language;

/// Knows the names of a district and the reader's language.
pub(super) struct Speaker<'a> {
    pub(super) state: &'a State,
    pub(super) language: Language,
}

/// One of two texts: only the one in the speaker's language is made.
macro_rules! say {
    ($speaker:expr, $chinese:literal, $english:literal $(,)?) => {
        match $speaker.language {
            $crate::language::Language::Chinese => format!($chinese),
            $crate::language::Language::English => format!($english),
        }
    };
}
pub(super) use say;

impl Speaker<'_> {
    /// One of two fixed words.
    pub(super) fn word(&self, chinese: &'static str, english: &'static str) -> &'static str {
        match self.language {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }

    /// Local time to the minute, or to the second where seconds count.
    pub(super) fn time(&self, instant: Instant) -> String {
        let offset = self.state.charter().map_or(0, |charter| charter.utc_offset_seconds);
        let text = instant.to_local_text(offset);
        let end = if text.get(17..19) == Some("00") { 16 } else { 19 };
        text.get(5..end).unwrap_or(&text).replace('T', " ")
    }

    /// `, by 07-19 22:09`, or nothing.
    pub(super) fn by(&self, due: Option<Instant>) -> String {
        let Some(due) = due.map(|due| self.time(due)) else { return String::new() };
        say!(self, ",须于 {due} 前完成", ", by {due}")
    }

    /// A length of time in its two largest units.
    pub(super) fn length(&self, length: Milliseconds) -> String {
        let seconds = length.0.max(0) / 1_000;
        let units = [
            (seconds / 86_400, self.word("天", "d")),
            (seconds / 3_600 % 24, self.word("小时", "h")),
            (seconds / 60 % 60, self.word("分钟", "min")),
            (seconds % 60, self.word("秒", "s")),
        ];
        let shown = units.iter().skip_while(|(count, _)| *count == 0).take(2).filter(|(count, _)| *count > 0);
        let shown: Vec<String> = shown.map(|(count, unit)| format!("{count} {unit}")).collect();
        if shown.is_empty() { format!("0 {}", self.word("秒", "s")) } else { shown.join(" ") }
    }

    /// Money in major units, from minor ones.
    pub(super) fn money(&self, minor: i64) -> String {
        let currency = self.state.charter().map_or("", |charter| charter.currency.as_str());
        money(minor, currency)
    }

    /// An award or a posting: money in major units, or points.
    pub(super) fn amount(&self, currency: Currency, amount: i64) -> String {
        match currency {
            Currency::Money => self.money(amount),
            Currency::Points => say!(self, "{amount} 积分", "{amount} points"),
        }
    }

    /// A node by its name.
    pub(super) fn place(&self, node: &NodeCode) -> String {
        roster::exact(self.state, node.as_str()).map_or_else(|| node.to_string(), |node| node.name.clone())
    }

    /// An incident by the name that people use.
    pub(super) fn incident(&self, incident: Option<&IncidentId>) -> String {
        let Some(id) = incident else { return self.word("(无事件)", "no incident").into() };
        self.state.incidents.get(id).map_or_else(|| id.to_string(), muster_runtime::output::shown_name)
    }

    pub(super) fn party(&self, party: &Party) -> String {
        match party {
            Party::Post { node, name } if name == "duty" => {
                let place = self.place(node);
                say!(self, "{place}值班岗", "duty post of {place}")
            }
            Party::DutyAbove(tier) => {
                let tier = self.tier(*tier);
                say!(self, "{tier}值班岗", "duty post at the {tier} tier")
            }
            other => roster::title(self.state, other),
        }
    }

    pub(super) fn parties(&self, parties: &[Party]) -> String {
        let names: Vec<String> = parties.iter().map(|party| self.party(party)).collect();
        names.join(self.word("、", ", "))
    }

    pub(super) fn tier(&self, tier: Tier) -> &'static str {
        match tier {
            Tier::Team => self.word("队伍", "team"),
            Tier::Community => self.word("社区", "community"),
            Tier::Street => self.word("街镇", "street"),
            Tier::District => self.word("区县", "district"),
            Tier::City => self.word("市级", "city"),
            Tier::Province => self.word("省级", "province"),
            Tier::Nation => self.word("国家", "nation"),
        }
    }

    pub(super) fn level(&self, level: Level) -> String {
        let roman = match level {
            Level::Four => "Ⅳ",
            Level::Three => "Ⅲ",
            Level::Two => "Ⅱ",
            Level::One => "Ⅰ",
        };
        let word = level.as_str();
        say!(self, "{roman}级", "level {word}")
    }

    pub(super) fn stage(&self, stage: RiskStage) -> &'static str {
        match stage {
            RiskStage::Prevent => self.word("防", "prevent"),
            RiskStage::Control => self.word("控", "control"),
            RiskStage::Treat => self.word("治", "treat"),
            RiskStage::Eliminate => self.word("消", "eliminate"),
        }
    }

    pub(super) fn mode(&self, mode: Mode) -> &'static str {
        match mode {
            Mode::Normal => self.word("常态", "normal"),
            Mode::Emergency => self.word("应急", "emergency"),
        }
    }

    pub(super) fn callout_kind(&self, kind: CalloutKind) -> &'static str {
        match kind {
            CalloutKind::Daily => self.word("日常哨", "daily call"),
            CalloutKind::Tackle => self.word("攻坚哨", "tackle call"),
            CalloutKind::Emergency => self.word("应急哨", "emergency call"),
            CalloutKind::LeaderCall => self.word("叫应", "leader call"),
        }
    }

    pub(super) fn step(&self, step: CalloutStep) -> &'static str {
        match step {
            CalloutStep::Acknowledge => self.word("应答", "acknowledge"),
            CalloutStep::Arrive => self.word("到场", "be on scene"),
            CalloutStep::Plan => self.word("提交联合方案", "hand in the joint plan"),
        }
    }

    pub(super) fn role(&self, role: Role) -> &'static str {
        match role {
            Role::Triage => self.word("感知", "triage"),
            Role::Escalation => self.word("研判", "escalation"),
            Role::Discretion => self.word("决策", "discretion"),
            Role::Incentives => self.word("激励", "incentives"),
            Role::Oversight => self.word("监管", "oversight"),
            Role::Workflow => self.word("流程", "workflow"),
        }
    }

    /// What a measure is and where.
    pub(super) fn measure(&self, order: &Measure) -> String {
        let place = self.place(&order.node);
        let target = order.target.as_deref().map(|target| format!(" {target}")).unwrap_or_default();
        format!("{} @ {place}{target}", order.kind)
    }

    /// Details as `key value`, in order.
    pub(super) fn details(&self, details: &[Attribute]) -> String {
        let shown: Vec<String> = details.iter().map(|one| format!("{} {}", one.key, self.value(&one.value))).collect();
        shown.join(self.word("、", ", "))
    }

    fn value(&self, value: &Value) -> String {
        match value {
            Value::Unknown => self.word("不明", "unknown").into(),
            Value::Flag(flag) => self.word(if *flag { "是" } else { "否" }, if *flag { "yes" } else { "no" }).into(),
            Value::Integer(number) => number.to_string(),
            Value::Decimal(decimal) => decimal_text(decimal.unscaled, decimal.scale),
            Value::Text(text) => text.clone(),
            Value::Instant(instant) => self.time(*instant),
        }
    }
}

/// `12,345.00 CNY`. Minor units have two digits in most currencies; ISO 4217 names the others.
pub fn money(minor: i64, currency: &str) -> String {
    let digits = match currency {
        "JPY" | "KRW" | "VND" | "CLP" | "ISK" | "XAF" | "XOF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    };
    let text = decimal_text(minor, digits);
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |rest| ("-", rest));
    let mut grouped = String::new();
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{fraction} {currency}")
}

/// An exact decimal number as text.
pub(crate) fn decimal_text(unscaled: i64, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::{decimal_text, money};

    #[test]
    fn money_is_shown_in_major_units() {
        assert_eq!(money(123_456_789, "CNY"), "1,234,567.89 CNY");
        assert_eq!(money(-5, "CNY"), "-0.05 CNY");
        assert_eq!(money(1_000, "JPY"), "1,000 JPY");
        assert_eq!(decimal_text(-1_492, 1), "-149.2");
    }
}
