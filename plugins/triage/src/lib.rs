//! Sense: sorts events by the district's tables and ties them to incidents.
//!
//! No hazard, kind or number stands here: the tables `hazard`, `warning` and `signal` of the settings say what opens an
//! incident, what opens a watch and what belongs to one that is open.

mod place;

use muster_sdk::settings::{self, Row};
use muster_sdk::triage::{Answer, NewIncident, NewWatch, Placement, Question};
use muster_sdk::{Attributes, Because, Event, HOUR, Incident, Triage, because, calendar, roster};

/// Sorts events, for those who call the policy as a plain function.
pub struct Sorter;

impl Triage for Sorter {
    fn classify(question: Question) -> Answer {
        let event = &question.event;
        match event.kind.rsplit("muster.").next().unwrap_or_default() {
            "warning.received" => warning(&question),
            "signal.reported" => signal(&question),
            "order.issued" => order(&question),
            _ => act(&question),
        }
    }
}

muster_sdk::policy! { triage: Sorter }

fn answer(placement: Placement, classification: &str, because: Because) -> Answer {
    Answer { placement, classification: classification.into(), group: None, tags: Vec::new(), because }
}

fn attach(incident: &Incident) -> Placement {
    Placement::Attach(incident.id.clone())
}

/// The scheme under which a hazard is answered.
fn scheme_of(hazard: &str) -> String {
    let rows = settings::rows("hazard", &[("hazard", hazard)]);
    rows.first().map_or_else(|| hazard.into(), |row| settings::cell(row, "scheme").into())
}

/// The incident that the sender named, if it is among those that may be meant.
fn named(question: &Question) -> Option<&Incident> {
    let name = question.event.incident.as_ref()?;
    let bears = |incident: &&Incident| incident.name == *name || incident.names.contains(name) || incident.id == *name;
    question.candidates.iter().find(bears)
}

/// The incident of a scheme at the event's node or above it; the nearest first, then the newest.
fn of_scheme<'a>(question: &'a Question, scheme: &str) -> Option<&'a Incident> {
    let fits = |incident: &Incident| incident.scheme == scheme && incident.parent.is_none();
    nearest(question, &fits)
}

/// The nearest incident that fits, at the event's node or above it.
fn nearest<'a>(question: &'a Question, fits: &dyn Fn(&Incident) -> bool) -> Option<&'a Incident> {
    let fitting: Vec<&Incident> = question.candidates.iter().filter(|incident| fits(incident)).collect();
    if fitting.is_empty() {
        return None;
    }
    let at = |node: String| fitting.iter().copied().find(|incident| incident.node == node);
    place::lineage(&question.event.node).find_map(at)
}

fn warning(question: &Question) -> Answer {
    let event = &question.event;
    let hazard = event.text("hazard").unwrap_or_default();
    let colour = event.text("colour").unwrap_or("none");
    let scheme = scheme_of(hazard);
    if let Some(incident) = of_scheme(question, &scheme) {
        let why = because(
            "L3",
            format!("{hazard}预警({colour})归入在办事件 {}", incident.name),
            format!("{hazard} warning ({colour}) belongs to the open incident {}", incident.name),
        );
        return answer(attach(incident), "warning", why);
    }
    let rows = settings::rows("warning", &[("hazard", hazard), ("colour", colour)]);
    match rows.first().and_then(|row| row.text("opens")) {
        Some("incident") => {
            let why = because(
                "L3",
                format!("{hazard} {colour} 预警:立案"),
                format!("{hazard} warning, {colour}: an incident is opened"),
            );
            let new = new_incident(event, hazard, scheme, false, None);
            answer(Placement::Open(new), "warning", why)
        }
        Some("watch") => {
            let why = because(
                "W2",
                format!("{hazard} {colour} 预警:列入关注"),
                format!("{hazard} warning, {colour}: a watch is kept"),
            );
            answer(Placement::Watch(new_watch(event, hazard)), "warning", why)
        }
        _ => {
            let why = because("L3", "该预警不立案,仅存证", "this warning opens nothing; it is kept");
            answer(Placement::RecordOnly, "warning", why)
        }
    }
}

fn signal(question: &Question) -> Answer {
    let event = &question.event;
    let kind = event.text("kind").unwrap_or("unknown");
    let rows = settings::rows("signal", &[("kind", kind)]);
    let row = rows.first();
    // A kind that no row knows, of a hazard that a scheme answers: it opens an incident where none is open.
    let known_hazard =
        event.text("hazard").is_some_and(|hazard| !settings::rows("hazard", &[("hazard", hazard)]).is_empty());
    let default = if known_hazard && row.is_none() { "open_unknown" } else { "attach" };
    let opens = row.and_then(|row| row.text("place")).unwrap_or(default);
    match (named(question), opens, row) {
        (None, "open", Some(row)) => open_by_signal(question, kind, row),
        (None, "open_unknown", None) => open_by_hazard(question, kind),
        (None, "watch", Some(row)) => {
            let hazard = hazard_of(event, row);
            let why = because("W2", format!("{kind}:列入关注,不立案"), format!("{kind}: a watch is kept, no incident"));
            answer(Placement::Watch(new_watch(event, &hazard)), kind, why)
        }
        (Some(incident), _, row) => grouped(attached(incident, kind), row, event),
        (None, _, row) => {
            if let Some(incident) = likely(question, row) {
                grouped(attached(incident, kind), row, event)
            } else {
                let why = because("host", format!("{kind}:无在办事件可归"), format!("{kind}: belongs to nothing open"));
                answer(Placement::RecordOnly, kind, why)
            }
        }
    }
}

fn attached(incident: &Incident, kind: &str) -> Answer {
    let why = because(
        "L0",
        format!("{kind}归入事件 {}", incident.name),
        format!("{kind} belongs to the incident {}", incident.name),
    );
    answer(attach(incident), kind, why)
}

/// Signals of one group count as one: a row names the group, the place and the local day make it one of its kind.
fn grouped(answer: Answer, row: Option<&Row>, event: &Event) -> Answer {
    let group = row.and_then(|row| row.text("group")).map(|group| {
        let local = calendar::local(event.occurred);
        format!("{group}/{}/{:02}{:02}", event.node, local.month, local.day)
    });
    Answer { group, ..answer }
}

/// A signal of a hazard that the district knows, of a kind that it does not.
fn open_by_hazard(question: &Question, kind: &str) -> Answer {
    let event = &question.event;
    let hazard = event.text("hazard").unwrap_or("unknown");
    let scheme = scheme_of(hazard);
    if let Some(incident) = of_scheme(question, &scheme) {
        return attached(incident, kind);
    }
    let why = because("L0", format!("{kind}({hazard}):立案"), format!("{kind} ({hazard}): an incident is opened"));
    answer(Placement::Open(new_incident(event, hazard, scheme, false, None)), kind, why)
}

fn hazard_of(event: &Event, row: &Row) -> String {
    event.text("hazard").or_else(|| row.text("hazard")).unwrap_or("unknown").into()
}

fn open_by_signal(question: &Question, kind: &str, row: &Row) -> Answer {
    let event = &question.event;
    let hazard = hazard_of(event, row);
    let scheme = row.text("scheme").map_or_else(|| scheme_of(&hazard), Into::into);
    let life_safety = row.flag("life_safety").unwrap_or(false);
    let parent = row.text("part_of").and_then(|scheme| of_scheme(question, scheme));
    if let Some(open) = same_place(question, &scheme, &hazard, parent) {
        return attached(open, kind);
    }
    let why = because(
        row.text("rule").unwrap_or("L1"),
        format!("{kind}:单独立案"),
        format!("{kind}: an incident of its own is opened"),
    );
    let parent = parent.map(|incident| incident.id.clone());
    answer(Placement::Open(new_incident(event, &hazard, scheme, life_safety, parent)), kind, why)
}

/// An open incident of the same scheme and hazard at this very node, or one above it that is not the larger incident: the
/// signal belongs to it.
fn same_place<'a>(
    question: &'a Question,
    scheme: &str,
    hazard: &str,
    parent: Option<&Incident>,
) -> Option<&'a Incident> {
    let other = |incident: &Incident| {
        incident.scheme == scheme && incident.hazard == hazard && parent.is_none_or(|parent| parent.id != incident.id)
    };
    let above = |incident: &Incident| place::lineage(&incident.node).any(|node| node == question.event.node);
    nearest(question, &other).or_else(|| question.candidates.iter().find(|incident| other(incident) && above(incident)))
}

/// The incident that a signal without a name most likely belongs to: one of the signal's scheme (`*`: the larger one,
/// whatever its scheme) at the node or above; else one that threatens lives at the very node; else the nearest.
fn likely<'a>(question: &'a Question, row: Option<&Row>) -> Option<&'a Incident> {
    let of_row = match row.and_then(|row| row.text("scheme")) {
        Some("*") => nearest(question, &|incident| incident.parent.is_none()),
        Some(scheme) => of_scheme(question, scheme),
        None => None,
    };
    let here = || nearest(question, &|incident| incident.life_safety && incident.node == question.event.node);
    of_row.or_else(here).or_else(|| nearest(question, &|_| true))
}

/// An order belongs to the incident of its scheme where it is ordered.
fn order(question: &Question) -> Answer {
    let scheme = question.event.text("scheme").unwrap_or_default();
    if let Some(incident) = named(question).or_else(|| of_scheme(question, scheme)) {
        attached(incident, "order")
    } else {
        let why = because("L5", "命令所涉预案无在办事件,仅记录", "no open incident under the order's scheme; recorded");
        answer(Placement::RecordOnly, "order", why)
    }
}

/// A person's act that names an incident in words we do not know: the newest at that very node that has no outside name
/// yet, else the nearest.
fn act(question: &Question) -> Answer {
    let node = &question.event.node;
    let unnamed = |incident: &&Incident| incident.node == *node && incident.names.is_empty();
    let found = named(question).or_else(|| question.candidates.iter().find(unnamed)).or_else(|| likely(question, None));
    match found {
        Some(incident) => attached(incident, "act"),
        None => answer(Placement::RecordOnly, "act", because("L0", "无在办事件", "nothing is open")),
    }
}

fn new_incident(event: &Event, hazard: &str, scheme: String, life_safety: bool, parent: Option<String>) -> NewIncident {
    NewIncident {
        name: name(event, hazard),
        scheme,
        hazard: hazard.into(),
        node: event.node.clone(),
        life_safety,
        parent,
    }
}

/// The district's pattern for names, filled with the local date.
fn name(event: &Event, hazard: &str) -> Option<String> {
    let Some(muster_sdk::Value::Text(pattern)) = settings::get("incident_name") else { return None };
    let local = calendar::local(event.occurred);
    let name = pattern
        .replace("{year}", &local.year.to_string())
        .replace("{month}", &format!("{:02}", local.month))
        .replace("{day}", &format!("{:02}", local.day))
        .replace("{hazard}", hazard)
        .replace("{node}", &event.node);
    Some(name)
}

fn new_watch(event: &Event, hazard: &str) -> NewWatch {
    let hours = settings::integer("watch_hours");
    let until = event.occurred + hours * HOUR;
    let node = roster::find(&event.node).map_or_else(|| event.node.clone(), |node| node.code);
    NewWatch { hazard: hazard.into(), node, until: Some(until) }
}
