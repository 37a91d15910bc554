//! The misbehaviours, one function each.
#![expect(unsafe_code, reason = "a hostile guest forges what safe Rust would not let it make")]

use core::hint::black_box;
use core::mem::ManuallyDrop;

use muster_sdk::{
    Act, Because, Effect, HOUR, Level, LevelAdvice, Measure, Notice, Party, Sentence, TaskOrder, Tier, Value, calendar,
    effect, facts, log, memory, roster, settings, types,
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
        "working_days" => drop(black_box(calendar::add_working_days(0, u32::MAX))),
        "giant_strings" => return Some(said(giant(MEBIBYTE), 1)),
        "aliased_strings" => return Some(said(giant(128 << 10), 1_000)),
        "garbled_text" => return Some(garbled()),
        "curious" => return Some(curious()),
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

/// Asks everything that there is to ask, and tells what it heard.
fn curious() -> Because {
    const CODES: [&str; 4] = ["990103901", "990103", "99", "nowhere"];
    let mut heard = Vec::new();
    macro_rules! hear {
        ($($asked:expr),+ $(,)?) => { $(heard.push(format!("{} = {:?}", stringify!($asked), $asked));)+ };
    }
    hear!(settings::get("behaviour"), settings::get("scale"), settings::get("nothing"));
    hear!(settings::rows("rule", &[]), settings::rows("rule", &[("kind", "rain")]), settings::rows("nothing", &[]));
    for value in [
        Value::Flag(true),
        Value::Integer(-7),
        Value::Decimal(types::Decimal { unscaled: -1492, scale: 1 }),
        Value::Text("雨".into()),
        Value::Instant(1_790_000_000_000),
        Value::Unknown,
    ] {
        memory::set("kept", &value);
        hear!(memory::get("kept"));
    }
    for code in CODES {
        for tier in [Tier::Team, Tier::Street, Tier::Nation] {
            hear!(roster::at_tier(code, tier), roster::below(code, tier));
        }
        hear!(roster::find(code), roster::department(code, "drainage"));
        hear!(facts::warnings(code, None), facts::warnings(code, Some("flood")), facts::grants(code));
        hear!(facts::warning_history(code, "flood", 0), facts::call_outs_issued(code, 0));
        let within = Some(code.into());
        hear!(facts::spent(&facts::SpendingFilter { node: within.clone(), since: Some(0), ..filter() }));
        hear!(facts::spent(&facts::SpendingFilter { within, category: Some("pumps".into()), ..filter() }));
    }
    for id in settings::text("ids").split('|') {
        hear!(facts::find_incident(id), facts::children(id), facts::responses(id));
        hear!(facts::open_call_outs(id), facts::measures(id), facts::tasks(id));
        hear!(facts::find_request(id), facts::find_offer(id));
    }
    hear!(calendar::local(0), calendar::next_clock(0, 8, 30), calendar::add_working_days(0, 3));
    let sentences = heard.into_iter().map(|text| Sentence { language: "en".into(), text });
    Because { rule: "1".into(), source: Some("asked".into()), sentences: sentences.collect() }
}

fn filter() -> facts::SpendingFilter {
    facts::SpendingFilter { incident: None, node: None, within: None, category: None, vendor: None, since: None }
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
