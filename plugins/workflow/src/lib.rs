//! Processes that last: steps with a task each, a due time, and what follows.
//!
//! The steps stand in the settings, in order, one row each: `process`, `step`, `task`, who does it, `within_hours`, and,
//! where a step may fail, `compensate`: the task that makes good. This code knows no process by name.

use muster_sdk::settings::{self, Row};
use muster_sdk::workflow::{Input, Outcome, Process, Question, TimedWait, Wait};
use muster_sdk::{
    Act, Attribute, Attributes, Because, Effect, HOUR, Incident, Notice, Party, Post, TaskOrder, Tier, Value, Workflow,
    because, effect, facts, roster,
};

struct Steps;

impl Workflow for Steps {
    fn step(question: Question) -> Outcome {
        let steps = settings::rows("step", &[("process", &question.process.kind)]);
        let current = question.process.state.text("step").map(ToString::to_string);
        let place = current.as_deref().and_then(|name| position(&steps, name));
        match (&question.input, place) {
            (Input::Start, _) | (_, None) => enter(&question, &steps, 0),
            (Input::Event(event), Some(place)) => {
                if is_done(&question, &steps[place], event) {
                    enter(&question, &steps, place + 1)
                } else {
                    stay(&question, &steps[place])
                }
            }
            (Input::Timer(_), Some(place)) => overdue(&question, &steps[place]),
        }
    }

    /// The state is a step's name and when it is due: it can be carried over to any version that still has the step. One
    /// that holds no due time yet gets it at the next input.
    fn migrate(process: Process) -> Result<Vec<Attribute>, Because> {
        let steps = settings::rows("step", &[("process", &process.kind)]);
        let name = process.state.text("step").unwrap_or_default();
        if name.is_empty() || position(&steps, name).is_some() {
            return Ok(process.state);
        }
        Err(because(
            "W",
            format!("新版本没有步骤「{name}」,流程留在原版本"),
            format!("the new version has no step `{name}`; the process stays where it is"),
        ))
    }
}

muster_sdk::policy! { workflow: Steps }

fn position(steps: &[Row], name: &str) -> Option<usize> {
    steps.iter().position(|row| row.text("step") == Some(name))
}

fn key(question: &Question, row: &Row) -> String {
    format!("{}/{}", question.process.id, settings::cell(row, "step"))
}

/// Whether the event says that the step's task is done.
fn is_done(question: &Question, row: &Row, event: &muster_sdk::Event) -> bool {
    let Some(incident) = &question.incident else { return false };
    let wanted = key(question, row);
    let task = event.text("task").unwrap_or_default();
    event.text("state") == Some("done")
        && facts::tasks(&incident.id)
            .iter()
            .any(|record| (record.id == task || record.order.key == task) && record.order.key == wanted)
}

fn enter(question: &Question, steps: &[Row], place: usize) -> Outcome {
    let Some(row) = steps.get(place) else {
        return Outcome {
            state: vec![attribute("step", "done")],
            effects: Vec::new(),
            waits: Vec::new(),
            finished: true,
            because: because("W", "各步骤均已完成", "every step is done"),
        };
    };
    let due = from_now(question, row);
    let why = because(
        "W",
        row.text("zh").unwrap_or(settings::cell(row, "step")).to_string(),
        row.text("en").unwrap_or(settings::cell(row, "step")).to_string(),
    );
    let task = TaskOrder {
        key: key(question, row),
        kind: settings::cell(row, "task").into(),
        to: party(question, row),
        node: node_of(question),
        place: None,
        due: Some(due),
        life_safety: row.flag("life_safety").unwrap_or(false),
        items: 1,
        details: Vec::new(),
    };
    Outcome {
        state: state(row, due),
        effects: vec![effect(Act::OpenTask(task), why.clone())],
        waits: waits(row, due),
        finished: false,
        because: why,
    }
}

/// Whatever else happens in the incident, the step stays due when it was.
fn stay(question: &Question, row: &Row) -> Outcome {
    let due = match question.process.state.value("due") {
        Some(Value::Instant(due)) => *due,
        _ => from_now(question, row),
    };
    Outcome {
        state: state(row, due),
        effects: Vec::new(),
        waits: waits(row, due),
        finished: false,
        because: because("W", "本步骤尚未完成", "this step is not done yet"),
    }
}

/// The step is late: the tier above is told, and what makes good is begun where the row names it.
fn overdue(question: &Question, row: &Row) -> Outcome {
    let name = settings::cell(row, "step");
    let why = because("W", format!("步骤「{name}」逾期"), format!("the step `{name}` is late"));
    let notice = Notice { to: vec![Party::DutyAbove(Tier::City)], sentences: why.sentences.clone() };
    let mut effects = vec![effect(Act::Notify(notice), why.clone())];
    let due = from_now(question, row);
    effects.extend(row.text("compensate").map(|kind| compensation(question, kind, due, &why)));
    Outcome { state: state(row, due), effects, waits: waits(row, due), finished: false, because: why }
}

fn compensation(question: &Question, kind: &str, due: i64, why: &Because) -> Effect {
    let node = node_of(question);
    let task = TaskOrder {
        key: format!("{}/compensate/{kind}", question.process.id),
        kind: kind.into(),
        to: Party::Post(Post { node: node.clone(), name: "duty".into() }),
        node,
        place: None,
        due: Some(due),
        life_safety: false,
        items: 1,
        details: Vec::new(),
    };
    effect(Act::OpenTask(task), why.clone())
}

fn from_now(question: &Question, row: &Row) -> i64 {
    question.now + row.integer("within_hours").unwrap_or(24) * HOUR
}

fn state(row: &Row, due: i64) -> Vec<Attribute> {
    let due = Attribute { key: "due".into(), value: Value::Instant(due) };
    vec![attribute("step", settings::cell(row, "step")), due]
}

fn waits(row: &Row, due: i64) -> Vec<Wait> {
    vec![
        Wait::EventOf("task.updated".into()),
        Wait::Until(TimedWait { key: settings::cell(row, "step").into(), at: due }),
    ]
}

fn node_of(question: &Question) -> String {
    let root = || roster::find("").map(|node| node.code).unwrap_or_default();
    question.incident.as_ref().map_or_else(root, |incident: &Incident| incident.node.clone())
}

fn party(question: &Question, row: &Row) -> Party {
    let node = node_of(question);
    let service = row.text("services").and_then(|service| roster::department(&node, service));
    service.unwrap_or_else(|| Party::Post(Post { node, name: row.text("post").unwrap_or("duty").into() }))
}

fn attribute(key: &str, text: &str) -> Attribute {
    Attribute { key: key.into(), value: Value::Text(text.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_sdk::testing::Harness;

    fn settings() -> Harness {
        let text = |text: &str| Value::Text(text.into());
        Harness::new().add_node("d", Tier::District, None).row(
            "step",
            &[
                ("process", text("resettlement")),
                ("step", text("register")),
                ("task", text("register_evacuees")),
                ("within_hours", Value::Integer(4)),
                ("compensate", text("search")),
            ],
        )
    }

    /// The answer to an input at an instant, from a state.
    fn step(now: i64, state: Vec<Attribute>, input: Input) -> Outcome {
        let process = Process { id: "p".into(), kind: "resettlement".into(), version: String::new(), state };
        settings().run(|| Steps::step(Question { now, process, input, incident: None })).0
    }

    fn other_work() -> Input {
        Input::Event(muster_sdk::Event {
            id: "1".into(),
            source: "urn:s".into(),
            kind: "gov.muster.task.updated".into(),
            subject: None,
            occurred: 0,
            recorded: 0,
            node: "d".into(),
            place: "d".into(),
            incident: None,
            exercise: false,
            attributes: vec![attribute("task", "something else"), attribute("state", "done")],
        })
    }

    fn due(outcome: &Outcome) -> i64 {
        let times = outcome.waits.iter().filter_map(|wait| match wait {
            Wait::Until(wait) => Some(wait.at),
            Wait::EventOf(_) => None,
        });
        times.min().expect("a step has a due time")
    }

    #[test]
    fn other_work_of_the_incident_does_not_move_the_due_time_of_a_step() {
        let mut outcome = step(0, Vec::new(), Input::Start);
        assert_eq!(due(&outcome), 4 * HOUR);
        for hour in 1..=3 {
            outcome = step(hour * HOUR, outcome.state, other_work());
            assert_eq!(due(&outcome), 4 * HOUR, "after {hour} h");
        }
        let late = step(4 * HOUR, outcome.state, Input::Timer("register".into()));
        assert!(late.effects.iter().any(|effect| matches!(&effect.act, Act::Notify(_))));
        assert_eq!(due(&late), 8 * HOUR, "it is said again");
        let stays = step(5 * HOUR, late.state, other_work());
        assert_eq!(due(&stays), 8 * HOUR);
    }

    #[test]
    fn a_state_without_a_due_time_gets_one_and_keeps_it() {
        let old = vec![attribute("step", "register")];
        let first = step(HOUR, old, other_work());
        assert_eq!(due(&first), 5 * HOUR);
        assert_eq!(due(&step(2 * HOUR, first.state, other_work())), 5 * HOUR);
    }
}
