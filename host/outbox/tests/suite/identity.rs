//! The identity of a message, where the journal's end was lost and where rows are older than its form.

use crate::support::{Deed, World, at, desk, notice};
use muster_outbox::{Change, Kept as _, Key, Memory, MessageId, Row};

#[test]
fn what_stands_in_place_of_a_lost_entry_is_a_message_of_its_own() {
    let mut world = World::new(desk(&["hook"], ""));
    world.notices("north", 3);
    world.run(at(1));
    let backup = (world.kept.clone(), world.journal.clone());
    world.commit("north", vec![notice(None, "the dam holds")]);
    world.commit("north", vec![notice(None, "all clear")]);
    world.run(at(2));
    (world.kept, world.journal) = backup;
    world.restart();
    world.commit("north", vec![notice(None, "the dam breaks")]);
    world.commit("north", vec![notice(None, "all clear")]);
    world.run(at(3));
    let seen = world.seen("desk");
    let positions: Vec<u64> = seen.iter().map(|id| id.position.seq).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5, 4], "who answers 200 to what it has reads the other fourth entry");
    assert_eq!(seen[5], world.id(4));
    assert_ne!(seen[3], seen[5]);
    assert_eq!(seen[4], world.id(5), "the same entry is the same message");
    assert_eq!(world.taken.len(), 7);
}

fn older(id: MessageId) -> MessageId {
    MessageId { mark: None, ..id }
}

/// Rows as they were before identities had a mark, read again from the beginning.
fn as_before(world: &World) -> Memory {
    let rows = world.kept.load().expect("rows").into_iter().filter_map(|(key, row)| {
        Some(match (key, row) {
            (Key::Cursor(..), _) => return None,
            (Key::Progress(id), row) => (Key::Progress(older(id)), row),
            (Key::Dead(id), Row::Dead(mut letter)) => {
                letter.message.id = older(letter.message.id);
                (Key::Dead(older(id)), Row::Dead(letter))
            }
            (Key::Awaiting(id), Row::Awaiting(mut one)) => {
                one.message.id = older(one.message.id);
                (Key::Awaiting(older(id)), Row::Awaiting(one))
            }
            other => other,
        })
    });
    let changes: Vec<Change> = rows.map(|(key, row)| Change { key, row: Some(row) }).collect();
    let mut kept = Memory::default();
    kept.apply(&changes).expect("kept");
    kept
}

fn one_dead_and_one_tried() -> World {
    let mut world = World::new(desk(&["hook"], ""));
    world.receiver(|message, _, now| match message.id.position.seq {
        1 => Deed::refused(),
        _ if now < at(60) => Deed::down(),
        _ => Deed::delivered(),
    });
    world.now = at(1);
    world.notices("north", 3);
    world.run(at(59));
    world.kept = as_before(&world);
    world
}

#[test]
fn what_was_kept_before_identities_had_a_mark_keeps_its_own() {
    let mut world = one_dead_and_one_tried();
    let [first, second, third] = [1, 2, 3].map(|seq| world.id(seq));
    world.tried.clear();
    world.restart();
    world.run(at(3_600));
    assert_eq!(world.seen("desk"), [older(second), third], "what was tried, by the name it was tried under");
    assert_eq!(world.letters("desk"), [older(first.clone())]);
    assert!(world.tried.iter().all(|(id, ..)| id.position.seq != 1), "a letter waits for a person");
    let replay = muster_outbox::Command::Replay { id: older(first.clone()), by: "li".into() };
    world.receiver(|_, _, _| Deed::delivered());
    let step = world.outbox.command(replay, world.now).expect("the letter is known by what it shows");
    world.carry_out(step);
    world.run(at(3_700));
    assert!(world.seen("desk").contains(&older(first)));
}

#[test]
fn an_older_row_of_a_lost_entry_does_not_hide_what_stands_in_its_place() {
    let mut world = one_dead_and_one_tried();
    // As after a restore: other entries, of another time, in the same places.
    for entry in world.journal.get_mut("north").expect("a chain") {
        entry.at = at(100);
    }
    world.now = at(200);
    world.receiver(|_, _, _| Deed::delivered());
    world.restart();
    world.run(at(4_000));
    assert_eq!(world.seen("desk"), [1, 2, 3].map(|seq| world.id(seq)));
}
