//! The registers (台账) of a district: powers, resources, feedback, awards, findings, rosters and the rest, each a list
//! that someone on duty asks for. Reading only, now or as of then.

use muster_kernel::role::workflow::Wait;
use muster_kernel::state::{Grant, State};
use muster_kernel::{FindingStatus, GrantId, Instant, NodeCode, facts, roster};
use serde_json::{Map, Value as Json, json};

use crate::access::permit::Reach;
use crate::views::{local, maybe_local, plain, task, who};

/// The registers, by name.
pub(crate) const NAMES: [&str; 16] = [
    "policies",
    "powers",
    "grants",
    "resources",
    "feedback",
    "rates",
    "awards",
    "ledger",
    "pairs",
    "tasks",
    "processes",
    "duty",
    "sources",
    "command",
    "waiting",
    "timers",
];

/// Registers that narrow to a node. Every other one is that of the whole district.
const WITH_PLACES: [&str; 8] = ["powers", "grants", "resources", "feedback", "rates", "tasks", "duty", "command"];

/// Whether a register narrows to a node.
pub(crate) fn has_places(name: &str) -> bool {
    WITH_PLACES.contains(&name)
}

/// Registers that are no lists of rows.
const WITHOUT_ROWS: [&str; 5] = ["powers", "grants", "resources", "rates", "sources"];

/// Whether a register is a list of rows, so that it has pages.
pub(crate) fn is_list(name: &str) -> bool {
    !WITHOUT_ROWS.contains(&name)
}

/// The field of a register's rows that a filter is about; `None`: it has no such field.
pub(crate) fn field_of(register: &str, filter: &str) -> Option<&'static str> {
    match (filter, register) {
        ("kind", "tasks" | "pairs" | "processes") => Some("kind"),
        ("kind", "feedback") => Some("class"),
        ("status", "tasks") => Some("state"),
        ("status", "awards") => Some("status"),
        ("incident", "awards" | "processes" | "command") => Some("incident"),
        _ => None,
    }
}

/// Which rows of a list.
pub(crate) struct Rows {
    /// Fields, and what stands in them.
    pub(crate) wanted: Vec<(&'static str, String)>,
    /// So many are left out at the beginning.
    pub(crate) from: usize,
    /// So many are on one page; `None`: all.
    pub(crate) limit: Option<usize>,
}

impl Rows {
    /// The rows that are wanted, and whether there are more after them. What is no list stays as it is.
    pub(crate) fn of(&self, register: Json) -> (Json, bool) {
        let Json::Array(rows) = register else { return (register, false) };
        let wanted = |row: &Json| self.wanted.iter().all(|(field, value)| row[field] == value.as_str());
        let mut rows: Vec<Json> = rows.into_iter().filter(wanted).skip(self.from).collect();
        let more = self.limit.is_some_and(|limit| rows.len() > limit);
        rows.truncate(self.limit.unwrap_or(usize::MAX));
        (Json::Array(rows), more)
    }
}

/// The part of a district that is asked for, and may be read.
pub(crate) struct Part {
    node: String,
    reach: Reach,
}

impl Part {
    /// A node with what may be read below it; without a node, the root's.
    pub(crate) fn new(state: &State, node: Option<&str>, reach: Reach) -> Self {
        let root = || state.charter().map(|charter| charter.root.to_string()).unwrap_or_default();
        Self { node: node.map_or_else(root, ToOwned::to_owned), reach }
    }

    /// The whole district.
    pub(crate) fn whole(state: &State) -> Self {
        Self::new(state, None, Reach::Below)
    }

    /// Whether a node belongs to it.
    pub(crate) fn holds(&self, state: &State, node: &NodeCode) -> bool {
        match self.reach {
            Reach::Alone => node.as_str() == self.node,
            Reach::Below => node.as_str() == self.node || roster::is_within(state, node.as_str(), &self.node),
        }
    }
}

/// A register, of a part of the district where the register has places.
pub(crate) fn of(state: &State, name: &str, part: &Part) -> Option<Json> {
    let node = &part.node;
    Some(match name {
        "policies" => policies(state),
        "powers" => powers(state, node),
        "grants" => grants(state, part),
        "resources" => resources(state, part),
        "feedback" => feedback(state, part),
        "rates" => rates(state, node),
        "awards" => awards(state),
        "ledger" => ledger(state),
        "pairs" => pairs(state),
        "tasks" => tasks(state, part),
        "processes" => processes(state),
        "duty" => duty(state, part),
        "sources" => sources(state),
        "command" => command(state, part),
        "waiting" => waiting(state),
        "timers" => timers(state),
        _ => return None,
    })
}

/// Which package, with which settings, answers for which role.
fn policies(state: &State) -> Json {
    let rows = state.core.policies.values().map(|activation| {
        json!({
            "role": activation.role, "name": activation.name, "version": activation.version,
            "package": activation.package, "settings": activation.settings, "engine": activation.engine,
        })
    });
    rows.collect()
}

fn powers(state: &State, node: &str) -> Json {
    let Some(powers) = facts::effective_powers(state, node, state.core.now) else { return Json::Null };
    let grants = powers.grants.iter().map(|(id, row)| grant(state, id, row));
    json!({
        "node": powers.node, "mode": powers.mode, "spend_item_minor": powers.spend_item,
        "spend_incident_minor": powers.spend_incident, "measures": powers.measures, "frozen": powers.frozen,
        "grants": grants.collect::<Vec<_>>(),
    })
}

fn grant(state: &State, id: &GrantId, row: &Grant) -> Json {
    json!({
        "id": id, "key": row.key, "node": row.node, "grantor": row.grantor, "powers": row.powers,
        "multiplier_permille": row.multiplier_permille, "cap_minor": row.cap, "used_minor": row.used,
        "starts": local(state, row.starts), "expires": local(state, row.expires), "revoked": row.revoked,
        "in_force": !row.revoked && row.starts <= state.core.now && state.core.now < row.expires,
        "supervisor": who(state, &row.supervisor),
    })
}

fn grants(state: &State, part: &Part) -> Json {
    let given = state.grants.iter().filter(|(_, row)| part.holds(state, &row.node));
    let given = given.map(|(id, row)| grant(state, id, row));
    let asked = state.grant_requests.iter().filter(|(_, row)| !row.decided);
    let asked = asked.filter(|(_, row)| row.order.grantees.iter().any(|node| part.holds(state, node)));
    let asked = asked.map(|(id, row)| {
        json!({
            "request": id, "by": row.by, "grantees": row.order.grantees, "powers": row.order.powers,
            "cap_minor": row.order.cap, "expires": local(state, row.order.expires),
            "approver": who(state, &row.approver), "renews": row.renews,
        })
    });
    json!({"given": given.collect::<Vec<_>>(), "asked": asked.collect::<Vec<_>>()})
}

fn resources(state: &State, part: &Part) -> Json {
    let requests = state.requests.iter().filter(|(_, row)| part.holds(state, &row.node)).map(|(id, row)| {
        let lines = row.lines.iter().map(|line| {
            json!({"kind": line.kind, "wanted": line.wanted, "committed": line.committed,
                   "open": line.wanted.saturating_sub(line.committed)})
        });
        json!({
            "request": id, "node": row.node, "asked_of": who(state, &row.to), "lines": lines.collect::<Vec<_>>(),
            "needed_by": maybe_local(state, row.needed_by), "incident": row.incident,
        })
    });
    let offers = state.offers.iter().filter(|(_, row)| {
        let asked = row.request.as_ref().and_then(|id| state.requests.get(id)).map(|asked| &asked.node);
        part.holds(state, &row.node) || asked.is_some_and(|node| part.holds(state, node))
    });
    let offers = offers.map(|(id, row)| {
        json!({
            "offer": id, "request": row.request, "by": row.by, "node": row.node, "lines": row.lines,
            "taken": row.taken, "arrives": maybe_local(state, row.arrives),
            "valid_until": maybe_local(state, row.valid_until), "status": format!("{:?}", row.status).to_lowercase(),
        })
    });
    json!({"requests": requests.collect::<Vec<_>>(), "offers": offers.collect::<Vec<_>>()})
}

fn feedback(state: &State, part: &Part) -> Json {
    let cases = state.cases.iter().filter(|(_, row)| part.holds(state, &row.node)).map(|(id, row)| {
        json!({
            "case": id, "node": row.node, "class": row.class, "items": row.items,
            "opened": local(state, row.opened), "contact_by": local(state, row.contact_by),
            "contacted": maybe_local(state, row.contacted), "resolved": row.resolved, "satisfied": row.satisfied,
            "overdue": row.contacted.is_none() && row.contact_by <= state.core.now,
        })
    });
    cases.collect()
}

/// The three rates (三率) with the counts behind them; a rate over nothing is unknown.
fn rates(state: &State, node: &str) -> Json {
    let counts = facts::three_rates(state, node, state.core.now);
    let rate = |count: u32| (counts.due > 0).then(|| f64::from(count) / f64::from(counts.due));
    json!({
        "due": counts.due, "contacted_in_time": counts.contacted_in_time, "resolved": counts.resolved,
        "satisfied": counts.satisfied, "response_rate": rate(counts.contacted_in_time),
        "resolution_rate": rate(counts.resolved), "satisfaction_rate": rate(counts.satisfied),
    })
}

fn awards(state: &State) -> Json {
    let rows = state.awards.iter().map(|(id, row)| {
        json!({
            "award": id, "to": row.to, "currency": row.currency, "amount": row.amount, "status": row.status,
            "booked": local(state, row.booked), "incident": row.incident,
        })
    });
    rows.collect()
}

fn ledger(state: &State) -> Json {
    let accounts = state
        .accounts
        .iter()
        .map(|((currency, account), balance)| json!({"currency": currency, "account": account, "balance": balance}));
    accounts.collect()
}

fn pairs(state: &State) -> Json {
    let rows = state.pairs.iter().map(|(id, row)| {
        json!({
            "pair": id, "kind": row.kind, "from": row.from, "awaits": row.awaits, "due": local(state, row.due),
            "opened": local(state, row.opened), "complete": row.awaits.is_empty(),
            "gap": !row.awaits.is_empty() && row.due <= state.core.now,
        })
    });
    rows.collect()
}

fn tasks(state: &State, part: &Part) -> Json {
    let rows = state.tasks.iter().filter(|(_, row)| part.holds(state, &row.order.node));
    rows.map(|(id, row)| task(state, id, row)).collect()
}

fn processes(state: &State) -> Json {
    let rows = state.processes.iter().map(|(id, row)| {
        let known = row.state.iter().map(|cell| (cell.key.clone(), plain(state, &cell.value)));
        let waits = row.waits.iter().map(|wait| match wait {
            Wait::Until { key, at } => json!({"until": local(state, *at), "for": key}),
            Wait::EventOf(kind) => json!({"event": kind}),
        });
        json!({
            "process": id, "kind": row.kind, "key": row.key, "version": row.version,
            "state": known.collect::<Map<_, _>>(), "waits": waits.collect::<Vec<_>>(),
            "finished": row.finished, "incident": row.incident,
        })
    });
    rows.collect()
}

/// Who is on duty now, post by post; nobody is a gap.
fn duty(state: &State, part: &Part) -> Json {
    let duties = state.charter().map(|charter| charter.duties.as_slice()).unwrap_or_default();
    let mut posts: Vec<(&NodeCode, &str)> = duties
        .iter()
        .filter(|duty| part.holds(state, &duty.node))
        .map(|duty| (&duty.node, duty.post.as_str()))
        .collect();
    posts.sort_unstable();
    posts.dedup();
    let now = state.core.now;
    let rows = posts.into_iter().map(|(node, post)| {
        let person = roster::on_duty(state, node, post, now);
        json!({"node": node, "post": post, "person": person, "gap": person.is_none(), "at": local(state, now)})
    });
    rows.collect()
}

fn sources(state: &State) -> Json {
    let judged = state
        .sources
        .iter()
        .map(|(source, row)| json!({"source": source, "confirmed": row.confirmed, "refuted": row.refuted}));
    let heard = state
        .pulses
        .iter()
        .map(|(source, row)| json!({"source": source, "last": local(state, row.last), "silent": row.silent}));
    json!({"judged": judged.collect::<Vec<_>>(), "heard": heard.collect::<Vec<_>>()})
}

fn command(state: &State, part: &Part) -> Json {
    let open = state.incidents.iter().filter(|(_, row)| row.closed.is_none() && part.holds(state, &row.node));
    let rows = open.filter_map(|(id, row)| {
        let command = row.command.as_ref()?;
        Some(json!({
            "incident": id, "name": muster_runtime::output::shown_name(row),
            "commander": who(state, &command.commander), "person": command.person,
            "deputies": command.deputies.iter().map(|party| who(state, party)).collect::<Vec<_>>(),
            "since": local(state, command.since), "direct_reports": facts::direct_reports(state, id),
        }))
    });
    rows.collect()
}

/// Everything that waits for a person: who must sign, decide, confirm, or answer.
fn waiting(state: &State) -> Json {
    let row = |what: &str, id: &str, on: String, due: Option<Instant>| json!({"what": what, "id": id, "waits_for": on, "due": maybe_local(state, due)});
    let due_of = |key: String| state.timers.get(&key).map(|timer| timer.due);
    let mut rows: Vec<Json> = Vec::new();
    for (id, spend) in state.spends.iter() {
        if let Some(signer) = &spend.signature_by {
            rows.push(row("spend", id.as_str(), who(state, signer), due_of(format!("approval/{id}"))));
        }
    }
    for (id, request) in state.grant_requests.iter().filter(|(_, row)| !row.decided) {
        rows.push(row("grant", id.as_str(), who(state, &request.approver), due_of(format!("grant-request/{id}"))));
    }
    for id in state.index.open_measures.values().flat_map(|measures| measures.values()) {
        let Some(measure) = state.measures.get(id).filter(|row| !row.deciders.is_empty()) else { continue };
        let names: Vec<String> = measure.deciders.iter().map(|party| who(state, party)).collect();
        rows.push(row("measure", id.as_str(), names.join(", "), measure.decide_by));
    }
    for (key, response) in state.responses.iter() {
        if let Some(asked) = &response.confirmation {
            let id = format!("{} {} at {}", key.scheme, asked.level, key.node);
            rows.push(row("level", &id, who(state, &asked.by), Some(asked.due)));
        }
    }
    for (id, award) in state.awards.iter().filter(|(_, row)| row.status == muster_kernel::AwardStatus::Pending) {
        rows.push(row("award", id.as_str(), format!("budget check, {} to {}", award.amount, award.to), None));
    }
    let excuses = state.findings.iter().filter(|(_, row)| row.status == FindingStatus::ExcuseForReview);
    for (id, finding) in excuses {
        let why = finding.answer.clone().unwrap_or_default();
        rows.push(row("finding", id.as_str(), format!("supervisor: {why}"), None));
    }
    Json::Array(rows)
}

fn timers(state: &State) -> Json {
    let next = state.index.due.iter().take(200);
    next.map(|(due, key)| json!({"due": local(state, *due), "timer": key})).collect()
}
