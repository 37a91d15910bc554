//! The border's own words for what a district holds. Converted by hand: the kernel's types are free to change.

use muster_kernel::act::Party;
use muster_kernel::state::{CallState, Finding, Incident, State, Task};
use muster_kernel::{FindingId, IncidentId, Instant, TaskId, Value, facts, roster};
use muster_runtime::output::shown_name;
use serde_json::{Value as Json, json};

use crate::sentence::decimal_text;

pub(crate) fn local(state: &State, instant: Instant) -> String {
    instant.to_local_text(state.charter().map_or(0, |charter| charter.utc_offset_seconds))
}

pub(crate) fn maybe_local(state: &State, instant: Option<Instant>) -> Option<String> {
    instant.map(|instant| local(state, instant))
}

pub(crate) fn who(state: &State, party: &Party) -> String {
    roster::title(state, party)
}

/// An incident, or what belongs to none.
type Scope = Option<IncidentId>;

/// An incident in a list.
pub(crate) fn brief(state: &State, id: &IncidentId, row: &Incident) -> Json {
    let view = facts::view(state, id, row);
    json!({
        "id": id,
        "name": shown_name(row),
        "hazard": row.hazard,
        "scheme": row.scheme,
        "node": row.node,
        "place": roster::exact(state, row.node.as_str()).map(|node| node.name.clone()),
        "opened": local(state, row.opened),
        "stage": row.stage,
        "mode": view.mode,
        "life_safety": row.life_safety,
        "level": {"recommended": view.response.recommended, "in_force": view.response.in_force, "floor": view.floor},
        "part_of": row.parent,
        "commander": row.command.as_ref().map(|command| who(state, &command.commander)),
        "hazard_cleared": row.hazard_cleared,
        "closed": maybe_local(state, row.closed),
    })
}

/// Everything about an incident that someone on duty asks for.
pub(crate) fn full(state: &State, id: &IncidentId, row: &Incident) -> Json {
    let mut view = brief(state, id, row);
    let key = Some(id.clone());
    view["names"] = json!(row.names);
    view["signals"] = json!(row.signals);
    view["figures"] = row
        .figures
        .values()
        .map(|figure| {
            json!({
                "name": figure.name, "value": figure.value, "stage": figure.stage,
                "as_of": local(state, figure.as_of), "source": figure.source,
            })
        })
        .collect();
    view["levels"] = levels(state, &key);
    view["callouts"] = callouts(state, &key);
    view["measures"] = measures(state, &key);
    view["tasks"] = tasks(state, &key);
    view["reports"] = reports(state, &key);
    view["spending"] = spending(state, &key);
    view["grants"] = grants(state, &key);
    view["findings"] = findings(state, |row| row.incident.as_ref() == Some(id));
    view
}

fn levels(state: &State, incident: &Scope) -> Json {
    let keys = state.index.responses_of.get(incident).into_iter().flatten();
    let rows = keys.filter_map(|key| {
        let row = state.responses.get(key)?;
        Some(json!({
            "scheme": key.scheme, "node": key.node, "recommended": row.recommended, "in_force": row.in_force,
            "since": maybe_local(state, row.since), "ordered": row.ordered,
            "confirmation": row.confirmation.as_ref().map(|waiting| json!({
                "level": waiting.level, "by": who(state, &waiting.by), "due": local(state, waiting.due),
            })),
        }))
    });
    rows.collect()
}

fn call(state: &State, call: &CallState) -> Json {
    json!({
        "party": call.called.title,
        "person": call.called.person,
        "acknowledged": maybe_local(state, call.acknowledged),
        "acknowledged_by": call.acknowledged_by,
        "en_route": maybe_local(state, call.en_route),
        "planned": maybe_local(state, call.planned),
        "reported_in": maybe_local(state, call.reported_in),
        "released": maybe_local(state, call.released),
        "missed": call.missed,
    })
}

fn callouts(state: &State, incident: &Scope) -> Json {
    let rows = state.callouts.iter().filter(|(_, row)| row.incident == *incident).map(|(id, row)| {
        let by =
            |within: Option<muster_kernel::Milliseconds>| maybe_local(state, within.map(|within| row.issued + within));
        json!({
            "id": id, "names": row.names, "kind": row.order.kind, "caller": row.order.caller, "place": row.order.place,
            "issued": local(state, row.issued), "acknowledge_by": by(row.order.acknowledge_within),
            "arrive_by": by(row.order.arrive_within), "plan_by": by(row.order.plan_within),
            "called": row.calls.iter().map(|one| call(state, one)).collect::<Vec<_>>(),
        })
    });
    rows.collect()
}

fn measures(state: &State, incident: &Scope) -> Json {
    let rows = state.measures.iter().filter(|(_, row)| row.incident == *incident).map(|(id, row)| {
        json!({
            "id": id, "kind": row.order.kind, "node": row.order.node, "target": row.order.target, "status": row.status,
            "deciders": row.deciders.iter().map(|party| who(state, party)).collect::<Vec<_>>(),
            "decide_by": maybe_local(state, row.decide_by), "starts": maybe_local(state, row.order.starts),
            "scope": row.order.scope, "exceptions": row.order.exceptions, "confirmed": maybe_local(state, row.confirmed),
        })
    });
    rows.collect()
}

fn tasks(state: &State, incident: &Scope) -> Json {
    let rows = state.tasks.iter().filter(|(_, row)| row.incident == *incident);
    rows.map(|(id, row)| task(state, id, row)).collect()
}

pub(crate) fn task(state: &State, id: &TaskId, row: &Task) -> Json {
    json!({
        "id": id, "kind": row.order.kind, "to": who(state, &row.order.to), "node": row.order.node,
        "place": row.order.place, "due": maybe_local(state, row.order.due), "items": row.order.items,
        "life_safety": row.order.life_safety, "state": row.state, "claim": row.claim, "said_by": row.by,
    })
}

/// A value as JSON says it; instants in local time.
pub(crate) fn plain(state: &State, value: &Value) -> Json {
    match value {
        Value::Unknown => Json::Null,
        Value::Flag(flag) => json!(flag),
        Value::Integer(number) => json!(number),
        Value::Decimal(decimal) => json!(decimal_text(decimal.unscaled, decimal.scale)),
        Value::Text(text) => json!(text),
        Value::Instant(instant) => json!(local(state, *instant)),
    }
}

fn reports(state: &State, incident: &Scope) -> Json {
    let rows = state.reports.iter().filter(|(_, row)| row.incident == *incident).map(|(id, row)| {
        json!({
            "id": id, "kind": row.duty.kind, "node": row.duty.node, "to": who(state, &row.duty.to),
            "due": local(state, row.duty.due), "submitted": maybe_local(state, row.submitted),
        })
    });
    rows.collect()
}

fn spending(state: &State, incident: &Scope) -> Json {
    let currency = state.charter().map_or("", |charter| charter.currency.as_str());
    let rows = state.spends.iter().filter(|(_, row)| row.incident == *incident).map(|(id, row)| {
        json!({
            "request": id, "node": row.request.node, "category": row.request.category, "vendor": row.request.vendor,
            "amount_minor": row.request.amount, "reserved_minor": row.reserved, "currency": currency,
            "verdict": row.verdict,
            "waits_for": row.signature_by.as_ref().map(|party| who(state, party)),
            "requested": local(state, row.requested),
        })
    });
    rows.collect()
}

fn grants(state: &State, incident: &Scope) -> Json {
    let rows = state.grants.iter().filter(|(_, row)| row.incident == *incident).map(|(id, row)| {
        json!({
            "id": id, "node": row.node, "grantor": row.grantor, "powers": row.powers,
            "multiplier_permille": row.multiplier_permille, "cap_minor": row.cap, "used_minor": row.used,
            "starts": local(state, row.starts), "expires": local(state, row.expires),
            "in_force": row.starts <= state.core.now && state.core.now < row.expires,
            "supervisor": who(state, &row.supervisor),
        })
    });
    rows.collect()
}

/// The findings that are wanted.
fn findings(state: &State, wanted: impl Fn(&Finding) -> bool) -> Json {
    let chosen = state.findings.iter().filter(|(_, row)| wanted(row));
    chosen.map(|(id, row)| finding(state, id, row)).collect()
}

pub(crate) fn finding(state: &State, id: &FindingId, row: &Finding) -> Json {
    json!({
        "id": id, "code": row.order.code, "node": row.order.node, "subject": row.order.subject,
        "incident": row.incident, "raised": local(state, row.raised), "status": row.status, "answer": row.answer,
        "answer_by": maybe_local(state, row.order.answer_by),
    })
}
