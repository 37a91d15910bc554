//! The misbehaviours, one function each.
#![expect(unsafe_code, reason = "a hostile guest forges what safe Rust would not let it make")]

use core::hint::black_box;
use core::mem::ManuallyDrop;

use muster_sdk::{
    Act, Because, Effect, HOUR, Level, LevelAdvice, Measure, Notice, Party, Sentence, TaskOrder, Value, effect, facts,
    log, memory, roster,
};

const MEBIBYTE: usize = 1 << 20;

/// Carries out the misbehaviour with this name. Some never return, some end in a forged reason, the others in `None`.
pub(crate) fn carry_out(name: &str) -> Option<Because> {
    match name {
        "endless_loop" => endless_loop(),
        "memory_bomb" => memory_bomb(),
        "swallowed_memory_bomb" => swallowed_memory_bomb(),
        "trap" => panic!("this policy gives up"),
        "deep_recursion" => drop(black_box(descend(black_box(1_000_000_000)))),
        "log_flood" => log_flood("flood", 1_000),
        "log_giants" => log_flood(&giant(200 << 10), usize::MAX),
        "log_one_giant" => log_flood(&giant(MEBIBYTE), 1),
        "memory_flood" => memory_flood(),
        "memory_giants" => memory_giants(),
        "question_flood" => question_flood(),
        "giant_strings" => return Some(said(giant(MEBIBYTE), 1)),
        "aliased_strings" => return Some(said(giant(128 << 10), 1_000)),
        "garbled_text" => return Some(garbled()),
        _ => {}
    }
    None
}

fn endless_loop() {
    let mut turns = 0_u64;
    while black_box(true) {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Takes memory that is never touched, so that it is the memory and not the fuel that runs out.
fn memory_bomb() {
    while black_box(true) {
        black_box(ManuallyDrop::new(Vec::<u8>::with_capacity(MEBIBYTE)));
    }
}

/// Asks for far too much, hears no, and runs on as if nothing had happened until the fuel is gone.
fn swallowed_memory_bomb() {
    let refused = Vec::<u8>::new().try_reserve_exact(64 * MEBIBYTE);
    assert!(black_box(refused).is_err(), "the host gave 64 MiB");
    endless_loop();
}

#[expect(unconditional_recursion, reason = "the point of it")]
fn descend(depth: u64) -> u64 {
    // Used after the call as well, so that it stays a call and the frame stays on the stack.
    let frame = black_box([depth; 16]);
    descend(depth.wrapping_sub(1)) ^ black_box(&frame)[0]
}

fn log_flood(line: &str, times: usize) {
    for _ in 0..times {
        log::info(line);
    }
}

fn memory_flood() {
    for number in 0..u64::MAX {
        memory::set(&number.to_string(), &Value::Integer(1));
    }
}

/// Few changes, each as large as one question may be.
fn memory_giants() {
    let text = Value::Text(giant(200 << 10));
    for key in ["a", "b", "c"] {
        memory::set(key, &text);
    }
}

/// A text that costs the guest nothing to make: memory that was never written reads as zeros, and zeros are text.
#[expect(clippy::uninit_vec, reason = "in a fresh instance this memory reads as zeros")]
fn giant(length: usize) -> String {
    let mut bytes = Vec::with_capacity(length);
    // SAFETY: a fresh instance's memory is zero beyond what was handed out, and the allocator hands out the end.
    unsafe {
        bytes.set_len(length);
        String::from_utf8_unchecked(bytes)
    }
}

/// Asks the host for as long as it answers: each question costs the guest little and the host much.
fn question_flood() {
    while black_box(true) {
        drop(black_box(roster::below("990100", muster_sdk::Tier::Street)));
        drop(black_box(facts::find_incident("nobody")));
    }
}

/// A reason whose sentences all say `text`, from one and the same place in memory.
fn said(text: String, times: usize) -> Because {
    let text = ManuallyDrop::new(text);
    let alias = || {
        let start = text.as_ptr().cast_mut();
        // SAFETY: unsound on purpose. All aliases are only read before the instance ends, and freeing memory in the
        // guest's allocator at worst moves a number.
        unsafe { String::from_raw_parts(start, text.len(), text.len()) }
    };
    let sentence = || Sentence { language: "en".into(), text: alias() };
    Because { rule: "1".into(), source: None, sentences: (0..times).map(|_| sentence()).collect() }
}

/// A rule that is not UTF-8.
fn garbled() -> Because {
    // SAFETY: unsound on purpose: the bytes are handed to the host and never read here.
    let rule = unsafe { String::from_utf8_unchecked(vec![0xff, 0xfe, 0xfd]) };
    Because { rule, source: None, sentences: Vec::new() }
}

/// So many times the same notice.
pub(crate) fn effects(count: usize, because: Because) -> Vec<Effect> {
    let notice = Act::Notify(Notice { to: Vec::new(), sentences: Vec::new() });
    vec![effect(notice, because); count]
}

/// Effects on nodes that no charter knows.
pub(crate) fn effects_nowhere(now: i64, because: &Because) -> Vec<Effect> {
    let nowhere = || String::from("no-such-node");
    let advice = LevelAdvice {
        scheme: "flood".into(),
        node: nowhere(),
        level: Level::I,
        confirm_within: None,
        ladder: Vec::new(),
    };
    let measure = Measure {
        key: "m".into(),
        kind: "close_road".into(),
        node: nowhere(),
        target: None,
        starts: None,
        ends: Some(now + HOUR),
        exceptions: Vec::new(),
        life_safety: true,
        scope: Vec::new(),
        until_below: None,
        radius_metres: None,
    };
    let task = TaskOrder {
        key: "t".into(),
        kind: "inspect".into(),
        to: Party::Team("no-such-team".into()),
        node: nowhere(),
        place: None,
        due: None,
        life_safety: false,
        items: u32::MAX,
        details: Vec::new(),
    };
    let acts = [Act::RecommendLevel(advice), Act::StartMeasure(measure), Act::OpenTask(task)];
    acts.into_iter().map(|act| effect(act, because.clone())).collect()
}
