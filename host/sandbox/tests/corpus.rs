//! The whole corpus of hostile guests against the sandbox: each ends as it must, the same way twice, without making the
//! host grow, and a good call right after it works. One test, for it counts what this process allocates.

#[allow(dead_code, reason = "the suite uses the rest")]
#[path = "suite/common/mod.rs"]
mod common;
mod growth;

use std::collections::BTreeMap;

use muster_kernel::Value;
use muster_kernel::role::{Binding, Call, Failure, Policies};
use muster_kernel::settings::Settings;
use muster_sandbox::{Capabilities, CompileError, Engine, Limits, PolicySet, Program, Shape};
use muster_testkit::corpus::{Expect, Guest, Hostile, corpus};
use muster_testkit::{district, guests};

#[global_allocator]
static COUNTED: growth::Counted = growth::Counted;

/// The most that a call may make the host grow.
const CALL_GROWTH_MAX: usize = 8 << 20;
/// The most that compiling may take for the time it lasts.
const COMPILE_GROWTH_MAX: usize = 256 << 20;
/// The number that was promised; the list may only grow.
const GUESTS_MIN: usize = 35;

/// How a call ended: the answer in words, and what it used.
type Outcome = (Result<String, Failure>, Call);

struct Bench {
    engine: Engine,
    rust: Program,
    good: Program,
}

/// What came of a guest.
struct Came {
    what: String,
    fuel: Option<u64>,
    compile_growth: usize,
    call_growth: usize,
    /// What is not as it must be.
    wrong: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        // The clock must not stop on a busy machine what the fuel is there to stop.
        let engine = Engine::new(Limits { milliseconds: 600_000, ..Limits::STANDARD }).expect("an engine");
        let rust = engine.compile(&guests::hostile("hostile")).expect("a program");
        let good = engine.compile(&guests::policy("incentives")).expect("a program");
        Self { engine, rust, good }
    }

    fn good(&self) -> Outcome {
        let settings = guests::reference_settings("incentives");
        incentives(&mut common::bind(&self.engine, &self.good, settings, Capabilities::all()))
    }

    fn meet(&self, hostile: &Hostile) -> Came {
        match hostile.guest {
            Guest::Behaviour(behaviour) => {
                let values = BTreeMap::from([("behaviour".into(), Value::Text(behaviour.into()))]);
                let settings = Settings { values, ..Settings::default() };
                let mut policies = self.bind(hostile, &self.rust, settings);
                call(hostile, 0, || escalation(&mut policies))
            }
            Guest::Component(make) => {
                let bytes = make();
                let (compiled, growth) = growth::of(|| self.engine.compile(&bytes));
                match compiled {
                    Ok(program) => {
                        let mut policies = self.bind(hostile, &program, Settings::default());
                        call(hostile, growth, || incentives(&mut policies))
                    }
                    Err(reason) => refused(hostile, &bytes, &reason, growth),
                }
            }
        }
    }

    fn bind(&self, hostile: &Hostile, program: &Program, settings: Settings) -> PolicySet {
        let granted = Capabilities::from_names(hostile.claims.iter().copied()).expect("known names");
        common::bind(&self.engine, program, settings, granted)
    }
}

fn call(hostile: &Hostile, compile_growth: usize, mut ask: impl FnMut() -> Outcome) -> Came {
    let (outcome, call_growth) = growth::of(&mut ask);
    let mut wrong = Vec::new();
    let expected = match hostile.expect {
        Expect::Fails(failure) => Some(failure),
        Expect::Harmless => None,
        refused => {
            wrong.push(format!("must be {refused}, but it was compiled and called"));
            None
        }
    };
    if outcome.0.as_ref().err() != expected.as_ref() || outcome.1.failure != expected {
        wrong.push(format!("must be {}, but it ended like this: {outcome:?}", hostile.expect));
    }
    if ask() != outcome {
        wrong.push("not the same the second time".into());
    }
    let what = outcome.1.failure.map_or("answers".to_owned(), |failure| format!("{failure:?}"));
    Came { what, fuel: Some(outcome.1.fuel), compile_growth, call_growth, wrong }
}

fn refused(hostile: &Hostile, bytes: &[u8], reason: &CompileError, compile_growth: usize) -> Came {
    let what = reason.to_string();
    let counted = Shape::STANDARD.check(bytes);
    let (words, in_time) = match hostile.expect {
        Expect::RefusedAtRead(words) => (words, counted.is_err()),
        Expect::RefusedAtCompile(words) => (words, counted.is_ok()),
        Expect::Fails(_) | Expect::Harmless => ("", false),
    };
    let mut wrong = Vec::new();
    if !in_time || !what.contains(words) {
        let place = if counted.is_err() { "before it was compiled" } else { "when it was compiled" };
        wrong.push(format!("must be {}, but it was refused {place}: {what}", hostile.expect));
    }
    Came { what, fuel: None, compile_growth, call_growth: 0, wrong }
}

fn incentives(policies: &mut PolicySet) -> Outcome {
    let asked = policies.incentives(Binding::InForce, &district::state(), district::now(), &district::service());
    (asked.answer.map(|awards| format!("{awards:?}")), asked.call)
}

fn escalation(policies: &mut PolicySet) -> Outcome {
    let asked = policies.escalation(
        Binding::InForce,
        &district::state(),
        Some(district::INCIDENT.into()),
        &district::escalation(),
    );
    (asked.answer.map(|effects| format!("{effects:?}")), asked.call)
}

#[test]
fn every_hostile_guest_ends_as_it_must_and_costs_only_its_own_call() {
    let bench = Bench::new();
    let corpus = corpus();
    assert!(corpus.len() >= GUESTS_MIN, "the corpus has only {} guests", corpus.len());
    let names: std::collections::BTreeSet<&str> = corpus.iter().map(|hostile| hostile.name).collect();
    assert_eq!(names.len(), corpus.len(), "a name stands twice");
    let good = bench.good();
    assert!(good.0.is_ok(), "{good:?}");
    println!("{:32} {:>9} {:>13} {:>10}  what came", "guest", "fuel", "compile KiB", "call KiB");
    let mut wrong = Vec::new();
    for hostile in &corpus {
        let came = bench.meet(hostile);
        let fuel = came.fuel.map_or("-".into(), |fuel| fuel.to_string());
        let (compile, call) = (came.compile_growth >> 10, came.call_growth >> 10);
        println!("{:32} {fuel:>9} {compile:>13} {call:>10}  {}", hostile.name, came.what);
        let mut found = came.wrong;
        if came.compile_growth > COMPILE_GROWTH_MAX || came.call_growth > CALL_GROWTH_MAX {
            found.push(format!("the host grew too much: compiling {compile} KiB, calling {call} KiB"));
        }
        if bench.good() != good {
            found.push("harmed the next call".into());
        }
        wrong.extend(found.into_iter().map(|reason| format!("{}: {reason}", hostile.name)));
    }
    println!("{} guests", corpus.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
