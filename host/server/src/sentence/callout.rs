//! Call-outs: who is called, who came, who was silent.

use muster_kernel::record::{CalledParty, Fact};
use muster_kernel::{CalloutId, Instant, Milliseconds};

use super::{Saying, Speaker, say};

pub(super) fn say(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::CalloutIssued { .. } => issued(speaker, fact),
        Fact::CalloutNamed { callout, name } => {
            let callout = of(speaker, callout);
            speaker.record(
                ("呼叫", "call-out"),
                say!(speaker, "{callout} 的外部编号为 {name}", "{callout} is known outside as {name}"),
            )
        }
        Fact::CalloutAcknowledged { party, occurred: at, after, on_time, .. } => {
            let (party, at, after) = (speaker.party(party), speaker.time(*at), speaker.length(*after));
            let late = late(speaker, *on_time);
            let text = say!(
                speaker,
                "{party} 于 {at} 应答,用时 {after}{late}",
                "{party} acknowledged at {at}, after {after}{late}"
            );
            speaker.decision(("应答", "acknowledged"), text)
        }
        Fact::CalloutReportedIn { party, unit, headcount, occurred: at, after, on_time, .. } => {
            let (party, at, after) = (speaker.party(party), speaker.time(*at), speaker.length(*after));
            let strength = strength(speaker, unit.as_deref(), *headcount);
            let late = late(speaker, *on_time);
            let text = say!(
                speaker,
                "{party}{strength} 于 {at} 到场报到,用时 {after}{late}",
                "{party}{strength} reported in at {at}, after {after}{late}"
            );
            speaker.decision(("报到", "on scene"), text)
        }
        Fact::CalloutEscalated { party, missed, due, to, .. } => {
            let (party, step, due) = (speaker.party(party), speaker.step(*missed), speaker.time(*due));
            let told = told(speaker, to);
            let text = say!(speaker, "{party} 未在 {due} 前{step}{told}", "{party} did not {step} by {due}{told}");
            speaker.alarm(("逾期", "overdue"), text)
        }
        Fact::CalloutReleased { party, by, .. } => {
            let (party, by) = (speaker.party(party), speaker.place(by));
            speaker.decision(("解除", "released"), say!(speaker, "{by} 解除对 {party} 的呼叫", "{by} releases {party}"))
        }
        _ => None,
    }
}

fn issued(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    let Fact::CalloutIssued { order, called, acknowledge_by, arrive_by, plan_by, stated, .. } = fact else {
        return None;
    };
    let kind = speaker.callout_kind(order.kind);
    let (caller, called) = (speaker.place(&order.caller), called_parties(speaker, called));
    let deadlines = deadlines(speaker, [*acknowledge_by, *arrive_by, *plan_by]);
    let stated = if *stated { speaker.word("(据来报)", " (as stated by the sender)") } else { "" };
    let text = say!(
        speaker,
        "{caller} {kind}呼叫 {called}{deadlines}{stated}",
        "{caller} calls {called} ({kind}){deadlines}{stated}"
    );
    speaker.ask(("呼叫", "called"), text)
}

/// `: acknowledge by …, be on scene by …`, as far as there are deadlines.
fn deadlines(speaker: &Speaker<'_>, due: [Option<Instant>; 3]) -> String {
    let words = [("应答", "acknowledge"), ("到场", "be on scene"), ("提交联合方案", "hand in the joint plan")];
    let one = |(due, word): (Option<Instant>, (&'static str, &'static str))| {
        let (time, word) = (speaker.time(due?), speaker.word(word.0, word.1));
        Some(say!(speaker, "{time} 前{word}", "{word} by {time}"))
    };
    let parts: Vec<String> = due.into_iter().zip(words).filter_map(one).collect();
    if parts.is_empty() {
        return String::new();
    }
    format!("{}{}", speaker.word(":", ": "), parts.join(speaker.word(",", ", ")))
}

fn called_parties(speaker: &Speaker<'_>, called: &[CalledParty]) -> String {
    let names: Vec<String> = called.iter().map(|called| speaker.party(&called.party)).collect();
    names.join(speaker.word("、", ", "))
}

fn strength(speaker: &Speaker<'_>, unit: Option<&str>, headcount: Option<i64>) -> String {
    match (unit, headcount) {
        (None, None) => String::new(),
        (Some(unit), None) => format!(" ({unit})"),
        (unit, Some(count)) => {
            let unit = unit.map(|unit| format!("{unit} ")).unwrap_or_default();
            say!(speaker, " ({unit}{count} 人)", " ({unit}{count} people)")
        }
    }
}

fn late(speaker: &Speaker<'_>, on_time: bool) -> &'static str {
    if on_time { "" } else { speaker.word("(超时)", " (late)") }
}

/// `; so and so is told`, or nothing.
pub(super) fn told(speaker: &Speaker<'_>, to: &[muster_kernel::act::Party]) -> String {
    if to.is_empty() {
        return String::new();
    }
    let to = speaker.parties(to);
    say!(speaker, ",已报 {to}", "; {to} is told")
}

/// A call-out in words: its kind and who calls.
fn of(speaker: &Speaker<'_>, callout: &CalloutId) -> String {
    let Some(row) = speaker.state.callouts.get(callout) else { return callout.to_string() };
    let (kind, caller) = (speaker.callout_kind(row.order.kind), speaker.place(&row.order.caller));
    say!(speaker, "{caller} 的{kind}呼叫", "the {kind} of {caller}")
}

/// How late something is, in words; nothing when it is in time.
pub(super) fn late_by(speaker: &Speaker<'_>, late: Option<Milliseconds>) -> String {
    let Some(late) = late.filter(|late| late.0 > 0) else { return String::new() };
    let late = speaker.length(late);
    say!(speaker, "(迟到 {late})", " ({late} after it happened)")
}
