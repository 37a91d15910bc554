//! `muster incident`: what is happening, and how one incident stands, in the reader's language. It shows what the host
//! answers and judges nothing.

use std::process::ExitCode;

use muster_server::language::Language;
use muster_server::sentence::money_text;
use serde_json::Value as Json;

use super::query::{print, rows, text, then};
use crate::arguments::{Incident, Output};
use crate::client::Client;

pub(crate) fn run(client: &Client, wanted: &Incident, output: Output) -> anyhow::Result<ExitCode> {
    let district = client.district(wanted.district.as_deref())?;
    let speaker = Speaker(super::language(None));
    let Some(name) = &wanted.name else {
        let node = wanted.node.as_deref().map(|node| format!("&node={node}")).unwrap_or_default();
        let found = client.get(&format!("/districts/{district}/incidents?limit=500{node}"))?;
        match output {
            Output::Json => print(&found)?,
            Output::Text => rows(&found["incidents"]).for_each(|row| say!("{}", speaker.brief(row))),
        }
        return Ok(ExitCode::SUCCESS);
    };
    let found =
        client.get(&format!("/districts/{district}/incidents/{name}{}", then(wanted.as_of.as_deref(), None)))?;
    match output {
        Output::Json => print(&found)?,
        Output::Text => speaker.shown(&found),
    }
    Ok(ExitCode::SUCCESS)
}

/// Words of the field for what the interface names: code, Chinese, English.
const WORDS: [(&str, &str, &str); 29] = [
    ("prevent", "防", "prevent"),
    ("control", "控", "control"),
    ("treat", "治", "treat"),
    ("eliminate", "消", "eliminate"),
    ("normal", "常态", "normal"),
    ("emergency", "应急", "emergency"),
    ("call/emergency", "应急哨", "emergency"),
    ("call/leader_call", "叫应", "leader_call"),
    ("call/tackle", "攻坚哨", "tackle"),
    ("call/daily", "日常哨", "daily"),
    ("released", "已解除", "released"),
    ("reported_in", "已报到", "reported in"),
    ("acknowledged", "已签收", "acknowledged"),
    ("acknowledge", "签收", "acknowledge"),
    ("arrive", "报到", "arrive"),
    ("plan", "联合方案", "plan"),
    ("proposed", "待批", "proposed"),
    ("overdue", "逾期未决", "overdue"),
    ("in_force", "已生效", "in force"),
    ("refused", "未批准", "refused"),
    ("ended", "已解除", "ended"),
    ("open", "未完成", "open"),
    ("done", "已完成", "done"),
    ("true", "是", "yes"),
    ("false", "否", "no"),
    ("second_signature", "待第二签字", "second signature"),
    ("allowed", "可支出", "allowed"),
    ("phone", "电话报告", "phone"),
    ("written", "书面报告", "written"),
];

/// Puts an incident into words.
#[derive(Clone, Copy)]
struct Speaker(Language);

impl Speaker {
    fn of<'a>(self, chinese: &'a str, english: &'a str) -> &'a str {
        match self.0 {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }

    /// The word for a code; a code that has none stands as it is.
    fn word(self, code: &str) -> String {
        let known = WORDS.iter().find(|(name, ..)| *name == code);
        let bare = code.rsplit('/').next().unwrap_or(code);
        known.map_or(bare, |(_, chinese, english)| self.of(chinese, english)).to_owned()
    }

    fn brief(self, row: &Json) -> String {
        let level = &row["level"];
        let subject = format!(
            "{}  {} · {} · {}",
            text(&row["name"]),
            text(&row["hazard"]),
            text(&row["place"]),
            text(&row["scheme"])
        );
        let (in_force, recommended) = (text(&level["in_force"]), text(&level["recommended"]));
        let (stage, mode) = (self.word(&text(&row["stage"])), self.word(&text(&row["mode"])));
        let opened = text(&row["opened"]);
        match self.0 {
            Language::Chinese => {
                format!("{subject}  级别 {in_force}(建议 {recommended})  阶段 {stage}  {mode}状态  立案 {opened}")
            }
            Language::English => {
                format!(
                    "{subject}  level {in_force} (recommended {recommended})  stage {stage}  mode {mode}  since {opened}"
                )
            }
        }
    }

    fn shown(self, found: &Json) {
        say!("{}", self.brief(found));
        self.section(found, ("levels", "级别"), Self::level);
        self.section(found, ("callouts", "呼叫"), Self::callout);
        self.section(found, ("measures", "措施"), Self::measure);
        self.section(found, ("tasks", "任务"), Self::task);
        self.section(found, ("spending", "支出"), Self::spending);
        self.section(found, ("grants", "授权"), Self::grant);
        self.section(found, ("reports", "信息报送"), Self::report);
        self.section(found, ("findings", "监管发现"), |_, row| {
            format!(
                "{}  {}  {}  @ {}",
                text(&row["raised"]),
                text(&row["code"]),
                text(&row["subject"]),
                text(&row["node"])
            )
        });
    }

    fn section(self, found: &Json, (name, chinese): (&str, &str), line: impl Fn(Self, &Json) -> String) {
        let mut lines = rows(&found[name]).peekable();
        if lines.peek().is_some() {
            say!("  {}:", self.of(chinese, name));
            lines.for_each(|row| say!("    {}", line(self, row)));
        }
    }

    fn level(self, row: &Json) -> String {
        let (scheme, node, in_force, since) =
            (text(&row["scheme"]), text(&row["node"]), text(&row["in_force"]), text(&row["since"]));
        let asked = &row["confirmation"];
        let (level, by, due) = (text(&asked["level"]), text(&asked["by"]), text(&asked["due"]));
        match (self.0, asked.is_null()) {
            (Language::Chinese, true) => format!("{scheme} @ {node}:{in_force} 级自 {since} 生效"),
            (Language::Chinese, false) => {
                format!("{scheme} @ {node}:{in_force} 级自 {since} 生效;{level} 级待 {by} 在 {due} 前确认")
            }
            (Language::English, true) => format!("{scheme} at {node}: in force {in_force} since {since}"),
            (Language::English, false) => {
                format!(
                    "{scheme} at {node}: in force {in_force} since {since}; level {level} waits for {by} until {due}"
                )
            }
        }
    }

    fn callout(self, row: &Json) -> String {
        let (id, kind, issued) =
            (text(&row["id"]), self.word(&format!("call/{}", text(&row["kind"]))), text(&row["issued"]));
        let called: Vec<String> = rows(&row["called"]).map(|call| self.called(call)).collect();
        let called = called.join("; ");
        match self.0 {
            Language::Chinese => format!("{id} {kind},{issued} 发出:{called}"),
            Language::English => format!("{id} {kind} issued {issued}: {called}"),
        }
    }

    /// Who was called, and how far they came.
    fn called(self, call: &Json) -> String {
        let step = ["released", "reported_in", "acknowledged"].into_iter().find(|step| !call[*step].is_null());
        let how_far = step.map_or_else(
            || self.of("未应答", "no answer").to_owned(),
            |step| format!("{} {}", self.word(step), text(&call[step])),
        );
        let missed: Vec<String> = rows(&call["missed"]).map(|what| self.word(&text(what))).collect();
        let missed = match (missed.is_empty(), self.0) {
            (true, _) => String::new(),
            (false, Language::Chinese) => format!(",逾期:{}", missed.join("、")),
            (false, Language::English) => format!(", missed: {}", missed.join(" ")),
        };
        format!("{} ({how_far}{missed})", text(&call["party"]))
    }

    fn measure(self, row: &Json) -> String {
        let deciders: Vec<String> = rows(&row["deciders"]).map(text).collect();
        let (id, kind, node, status) =
            (text(&row["id"]), text(&row["kind"]), text(&row["node"]), self.word(&text(&row["status"])));
        let due = text(&row["decide_by"]);
        match (self.0, deciders.is_empty()) {
            (Language::Chinese, true) => format!("{id} {kind} @ {node}:{status}"),
            (Language::Chinese, false) => {
                format!("{id} {kind} @ {node}:{status}(由 {} 在 {due} 前决定)", deciders.join("、"))
            }
            (Language::English, true) => format!("{id} {kind} at {node}: {status}"),
            (Language::English, false) => {
                format!("{id} {kind} at {node}: {status} (decided by {} until {due})", deciders.join(", "))
            }
        }
    }

    fn task(self, row: &Json) -> String {
        let (id, kind, to, due) = (text(&row["id"]), text(&row["kind"]), text(&row["to"]), text(&row["due"]));
        let state = self.word(&text(&row["state"]));
        match self.0 {
            Language::Chinese => format!("{id} {kind} → {to}:{state}(时限 {due})"),
            Language::English => format!("{id} {kind} for {to}: {state} (due {due})"),
        }
    }

    fn spending(self, row: &Json) -> String {
        let (request, category, node) = (text(&row["request"]), text(&row["category"]), text(&row["node"]));
        let (minor, currency) = (row["amount_minor"].as_i64(), row["currency"].as_str());
        // A host that does not say in which currency leaves only the number as it keeps it.
        let amount = match (minor, currency) {
            (Some(minor), Some(currency)) => money_text(minor, currency),
            _ => format!("amount_minor {}", text(&row["amount_minor"])),
        };
        let (verdict, waits) = (self.word(&text(&row["verdict"])), text(&row["waits_for"]));
        let waits = match (row["waits_for"].is_null(), self.0) {
            (true, _) => String::new(),
            (false, Language::Chinese) => format!("(等待 {waits})"),
            (false, Language::English) => format!(" (waits for {waits})"),
        };
        match self.0 {
            Language::Chinese => format!("{request} {category},{node} 申请 {amount}:{verdict}{waits}"),
            Language::English => format!("{request} {category} by {node}: {amount}, {verdict}{waits}"),
        }
    }

    fn grant(self, row: &Json) -> String {
        let powers: Vec<String> = rows(&row["powers"]).map(text).collect();
        let (id, node, expires, powers) =
            (text(&row["id"]), text(&row["node"]), text(&row["expires"]), powers.join(", "));
        let in_force = self.word(&text(&row["in_force"]));
        match self.0 {
            Language::Chinese => format!("{id} 授予 {node} 至 {expires}:{powers}(有效:{in_force})"),
            Language::English => format!("{id} to {node} until {expires}: {powers} (in force: {in_force})"),
        }
    }

    fn report(self, row: &Json) -> String {
        let (kind, to, due, submitted) =
            (self.word(&text(&row["kind"])), text(&row["to"]), text(&row["due"]), &row["submitted"]);
        match (self.0, submitted.is_null()) {
            (Language::Chinese, true) => format!("{kind} → {to},时限 {due},未报"),
            (Language::Chinese, false) => format!("{kind} → {to},时限 {due},已于 {} 报", text(submitted)),
            (Language::English, true) => format!("{kind} to {to} due {due}, not submitted"),
            (Language::English, false) => format!("{kind} to {to} due {due}, submitted {}", text(submitted)),
        }
    }
}
