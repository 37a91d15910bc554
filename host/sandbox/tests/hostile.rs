use std::time::Instant as W;
mod common;
use muster_kernel::role::Policies;
use muster_sandbox::*;
use muster_testkit::{district, guests};
#[test]
fn explore() {
    let engine = Engine::new(common::patient()).unwrap();
    let program = engine.compile(&guests::hostile("hostile")).unwrap();
    let state = district::state();
    for b in [
        "good",
        "endless_loop",
        "memory_bomb",
        "swallowed_memory_bomb",
        "trap",
        "deep_recursion",
        "log_flood",
        "log_giants",
        "memory_flood",
        "memory_giants",
        "question_flood",
        "giant_strings",
        "aliased_strings",
        "garbled_text",
        "million_effects",
        "many_effects",
        "unknown_nodes",
    ] {
        let mut p = common::bind(&engine, &program, common::behaviour(b), Capabilities::all());
        for _ in 0..2 {
            let t = W::now();
            let a = p.escalation(&state, Some(district::INCIDENT.into()), &district::escalation());
            println!(
                "{b} {:?} fuel {} {:?} {:?} mem {} log {} n {:?}",
                t.elapsed(),
                a.call.fuel,
                a.call.failure,
                a.call.detail,
                a.memory.len(),
                a.log.len(),
                a.answer.map(|e| e.len())
            );
        }
    }
}
