//! `muster call-list`: who to phone and by what rule, on paper for the hour when nothing else works. Needs the district's
//! folder; with a data folder also what is open. Never a running host.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use muster_kernel::act::Rung;
use muster_kernel::charter::{CalloutClock, Charter};
use muster_kernel::step::{Input, step};
use muster_kernel::{Digest, Instant, Milliseconds, State, roster};
use muster_runtime::verify::{Progress, Verifier};
use muster_runtime::{Clock, RealClock, folder};
use muster_sandbox::{Engine, Limits, PolicySet};
use muster_server::sentence::money_text;

pub(crate) fn run(district: &Path, data: Option<&Path>) -> anyhow::Result<ExitCode> {
    let charter = folder::read(district)?.charter;
    let now = RealClock.now();
    let (state, note) = match data.map(|data| folded(data, &charter)) {
        Some(Ok(state)) if state.charter().is_some() => (state, None),
        Some(Err(reason)) => (
            of_charter(&charter, now)?,
            Some(format!(
                "日志无法读取,以下只按辖区配置 / the journal cannot be read, this is the folder alone: {reason:#}"
            )),
        ),
        _ => (of_charter(&charter, now)?, None),
    };
    say!("{}", written(&state, state.charter().context("a charter")?, now, note.as_deref()));
    Ok(ExitCode::SUCCESS)
}

fn folded(data: &Path, charter: &Charter) -> anyhow::Result<State> {
    Ok(Verifier::open(data)?.fold(&charter.district, &Progress::default())?)
}

/// A district that has its charter and nothing else.
fn of_charter(charter: &Charter, now: Instant) -> anyhow::Result<State> {
    let mut state = Arc::new(State::default());
    let mut nobody = PolicySet::new(Engine::new(Limits::STANDARD)?);
    step(&mut state, now, Input::Charter { charter: Box::new(charter.clone()), digest: Digest::ZERO }, &mut nobody);
    Ok(Arc::unwrap_or_clone(state))
}

fn written(state: &State, charter: &Charter, now: Instant, note: Option<&str>) -> String {
    let mut page = String::new();
    let name = charter.name.get("zh").map_or(charter.district.as_str(), String::as_str);
    let local = |instant: Instant| instant.to_local_text(charter.utc_offset_seconds);
    let mut line = |text: String| writeln!(page, "{text}").expect("writing to a string cannot fail");
    line(format!("# {name} 呼叫名册 / call list  {}", local(now)));
    if let Some(note) = note {
        line(format!("!! {note}"));
    }
    line("\n## 值班 / on duty".into());
    for node in &charter.nodes {
        let mut posts: Vec<&str> =
            charter.duties.iter().filter(|duty| duty.node == node.code).map(|duty| duty.post.as_str()).collect();
        if posts.is_empty() {
            posts.push("duty");
        }
        posts.sort_unstable();
        posts.dedup();
        for post in posts {
            let above = roster::title(state, &roster::duty_above(state, node.code.as_str()));
            let person = roster::on_duty(state, &node.code, post, now);
            let person = person.map_or_else(|| format!("无人登记 / nobody on record → {above}"), ToOwned::to_owned);
            line(format!("- {} {} ({}) {post}: {person}", node.code, node.name, node.tier));
        }
    }
    line("\n## 按事项找部门 / departments by service".into());
    for department in &charter.departments {
        line(format!("- {} ← {} ({})", department.title, department.services.join(", "), department.node));
    }
    line("\n## 呼叫时限 / clocks of a call".into());
    for (kind, clock) in &charter.callouts {
        line(format!("- {kind}: {}", terms(clock)));
    }
    line("\n## 谁可自行决定多少 / who may spend what alone".into());
    for (tier, ceiling) in &charter.spending {
        let [item, incident] = [ceiling.item, ceiling.incident].map(|minor| money_text(minor, &charter.currency));
        line(format!("- {tier}: 单项 / item {item}, 单次事件 / incident {incident}"));
    }
    line("- 生命安全撤离:任何一级均可立即决定 / evacuation for life safety: every tier, at once".into());
    line("\n## 尚未应答的呼叫 / calls that nobody has answered".into());
    let mut open = 0;
    for (id, row) in state.callouts.iter() {
        for call in row.calls.iter().filter(|call| call.acknowledged.is_none() && call.released.is_none()) {
            open += 1;
            line(format!("- {id} {} → {} ({})", row.order.kind, call.called.title, local(row.issued)));
        }
    }
    if open == 0 {
        line("- 无 / none".into());
    }
    page
}

fn terms(clock: &CalloutClock) -> String {
    let minutes = |time: Option<Milliseconds>| time.map(|time| format!("{} min", time.as_minutes()));
    let days = clock.acknowledge_working_days.map(|days| format!("{days} d"));
    let parts = [
        ("签收 / acknowledge", days.or_else(|| minutes(clock.acknowledge_within))),
        ("到场 / on scene", minutes(clock.arrive_within)),
        ("方案 / plan", minutes(clock.plan_within)),
        ("无人签收则上报 / silence climbs", ladder(&clock.ladder)),
        ("无人到场则上报 / absence climbs", ladder(&clock.arrival_ladder)),
    ];
    let stated = parts.into_iter().filter_map(|(what, value)| Some(format!("{what} {}", value?)));
    stated.collect::<Vec<_>>().join("; ")
}

fn ladder(rungs: &[Rung]) -> Option<String> {
    let steps = rungs.iter().map(|rung| {
        let to = rung.to.iter().map(|party| roster::title(&State::default(), party)).collect::<Vec<_>>().join(", ");
        format!("{} min → {to}", rung.after.as_minutes())
    });
    let steps = steps.collect::<Vec<_>>();
    (!steps.is_empty()).then(|| steps.join(", "))
}
