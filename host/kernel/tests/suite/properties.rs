//! Whatever events arrive, in whatever order: folding gives the state, nothing panics, and the sums hold.

use crate::support::{CITY, STREET, Scripted, World};
use muster_kernel::record::{Entry, Fact};
use muster_kernel::step::Input;
use muster_kernel::{Digest, Milliseconds, State, Value, fold, snapshot};
use proptest::collection::vec;
use proptest::prelude::*;

/// The kinds of events that the kernel acts on, and one that it does not know.
const KINDS: [&str; 15] = [
    "signal.reported",
    "warning.received",
    "order.issued",
    "callout.issued",
    "callout.acknowledged",
    "callout.reported_in",
    "callout.released",
    "spend.requested",
    "approval.decided",
    "measure.decided",
    "report.submitted",
    "casualty.updated",
    "task.updated",
    "volunteer.checked_out",
    "something.else",
];
const SOURCES: [&str; 5] =
    ["urn:street:990103901", "urn:secretary:990103901", "urn:hq:990100", "urn:rescue", "urn:nobody"];
const PLACES: [&str; 5] = [CITY, STREET, "990103901001", "990000", "nowhere"];
const KEYS: [&str; 14] = [
    "kind",
    "scheme",
    "level",
    "callout",
    "issued",
    "request",
    "category",
    "amount.minor",
    "decision",
    "measure",
    "report_kind",
    "dead",
    "departments.0",
    "team",
];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Unknown),
        any::<bool>().prop_map(Value::Flag),
        (-5_i64..5_000).prop_map(Value::Integer),
        prop::sample::select(vec![
            "response_level",
            "flood",
            "I",
            "III",
            "emergency_whistle",
            "q-1",
            "q-2",
            "c-1",
            "approved",
            "refused",
            "update",
            "rescue",
            "2030-06-01T07:58:00+08:00",
            "done",
            "pumps",
            "",
        ])
        .prop_map(|text| Value::Text(text.into())),
    ]
}

#[derive(Debug, Clone)]
struct Happening {
    kind: usize,
    source: usize,
    place: usize,
    data: Vec<(usize, Value)>,
    wait_minutes: i64,
}

fn happening() -> impl Strategy<Value = Happening> {
    (0..KINDS.len(), 0..SOURCES.len(), 0..PLACES.len(), vec((0..KEYS.len(), value()), 0..8), 0_i64..200)
        .prop_map(|(kind, source, place, data, wait_minutes)| Happening { kind, source, place, data, wait_minutes })
}

fn play(happenings: &[Happening], works: bool) -> World {
    let mut world = World::new(Scripted { works, ..Scripted::default() });
    for (number, happening) in happenings.iter().enumerate() {
        world.now = world.now + Milliseconds::minutes(happening.wait_minutes);
        while world.state.next_due().is_some_and(|due| due <= world.now) {
            world.step(Input::Timer);
        }
        let data: Vec<(&str, Value)> = happening.data.iter().map(|(key, value)| (KEYS[*key], value.clone())).collect();
        let kind = format!("gov.muster.{}", KINDS[happening.kind]);
        world.event(&number.to_string(), SOURCES[happening.source], &kind, PLACES[happening.place], &data);
    }
    world
}

proptest! {
    #[test]
    fn folding_the_journal_gives_the_state(happenings in vec(happening(), 0..40), works: bool) {
        let world = play(&happenings, works);
        let mut folded = State::default();
        for step in &world.steps {
            prop_assert_eq!(Digest::of(&step.payload), step.hash);
            let entry = Entry::from_bytes(&step.payload).expect("what was written can be read");
            prop_assert_eq!(&entry, &step.entry);
            fold::fold(&mut folded, &entry, step.hash);
        }
        prop_assert_eq!(snapshot::digest(&folded), snapshot::digest(&world.state));
        let items = snapshot::take_changes(&mut folded).into_iter().filter_map(|(key, value)| Some((key, value?)));
        let loaded = snapshot::load(items).expect("what was written can be read");
        prop_assert_eq!(snapshot::digest(&loaded), snapshot::digest(&world.state));
        prop_assert_eq!(loaded.next_timer(), world.state.next_timer());
    }

    #[test]
    fn held_sums_never_pass_the_ceiling(amounts in vec(1_i64..2_000, 1..12)) {
        let mut world = World::new(Scripted::default());
        world.signal("s");
        let mut held = 0;
        for (number, amount) in amounts.iter().enumerate() {
            let Fact::SpendRuled { reserved, .. } = world.spend(&number.to_string(), *amount) else { unreachable!() };
            held += reserved;
            prop_assert!(reserved <= 1_000);
            prop_assert!(held <= 3_000);
        }
    }

    #[test]
    fn the_same_events_twice_change_nothing(happenings in vec(happening(), 1..15)) {
        let mut world = play(&happenings, true);
        let incidents = world.state.incidents.len();
        for (number, happening) in happenings.iter().enumerate() {
            let kind = format!("gov.muster.{}", KINDS[happening.kind]);
            let facts = world.event(&number.to_string(), SOURCES[happening.source], &kind, CITY, &[]);
            prop_assert!(matches!(facts.as_slice(), [Fact::EventDuplicate { .. }]), "{:?}", facts);
        }
        prop_assert_eq!(world.state.incidents.len(), incidents);
    }
}
