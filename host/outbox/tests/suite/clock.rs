//! Clocks that are set, forward and back: nobody is held for longer than it would ever wait, and no message is given up
//! without having been tried.

use crate::support::{Deed, World, at, desk, plan, webhook};
use muster_kernel::Milliseconds;
use muster_outbox::{Command, Kept as _, Key, Outcome, Trouble};

const HOUR: i64 = 3_600;

/// The clock shows something else; this is not time that passes.
fn set(world: &mut World, seconds: i64) {
    world.now = at(seconds);
}

#[test]
fn a_clock_that_is_set_back_holds_nobody_for_longer_than_the_longest_pause() {
    let mut world = World::new(desk(&["hook"], "rate = { messages = 2, per_seconds = 60 }"));
    set(&mut world, 8 * HOUR);
    let mut works = false;
    world.receiver(move |_, _, _| {
        if std::mem::replace(&mut works, true) {
            return Deed::delivered();
        }
        let trouble = Trouble::Status { to: "https://hook.example".into(), status: 503, answer: String::new() };
        Deed { took: false, outcome: Outcome::Later { trouble, retry_after: Some(Milliseconds(60_000)) }, seconds: 0 }
    });
    world.notices("north", 3);
    world.run(at(8 * HOUR));
    assert_eq!((world.tried.len(), world.taken.len()), (1, 0));
    set(&mut world, 0);
    world.run(at(2 * HOUR));
    world.assert_all_in_order("desk");
}

#[test]
fn a_pause_that_was_kept_under_a_clock_that_ran_ahead_is_bounded_after_a_restart() {
    let mut world = World::new(desk(&["hook"], ""));
    set(&mut world, 8 * HOUR);
    world.receiver(|_, _, now| if now >= at(8 * HOUR) { Deed::down() } else { Deed::delivered() });
    world.notices("north", 3);
    world.run(at(8 * HOUR + 300));
    assert!(world.taken.is_empty());
    set(&mut world, 0);
    world.restart();
    world.run(at(601));
    world.assert_all_in_order("desk");
}

#[test]
fn a_clock_that_is_set_forward_buries_nothing_and_the_next_channel_is_tried() {
    let mut world = World::new(desk(&["chat", "mail"], ""));
    world.receiver(|_, channel, now| match channel.as_str() {
        "mail" if now > at(48 * HOUR) => Deed::delivered(),
        _ => Deed::down(),
    });
    world.notices("north", 2);
    world.run(at(1));
    assert!(world.taken.is_empty() && !world.tried.is_empty());
    set(&mut world, 49 * HOUR);
    world.run(at(50 * HOUR));
    world.assert_all_in_order("desk");
    assert!(world.letters("desk").is_empty());
}

#[test]
fn a_day_in_which_the_host_was_off_is_not_a_day_of_attempts() {
    let mut world = World::new(desk(&["hook"], ""));
    world.receiver(|_, _, now| if now < at(30 * HOUR) { Deed::down() } else { Deed::delivered() });
    world.notices("north", 1);
    world.run(at(60));
    set(&mut world, 31 * HOUR);
    world.restart();
    world.run(at(32 * HOUR));
    world.assert_all_in_order("desk");

    // But tried for a day, over stops, it is given up.
    let mut world = World::new(desk(&["hook"], ""));
    world.plan.limits.attempts = u32::MAX;
    world.restart();
    world.receiver(|_, _, _| Deed::down());
    world.notices("north", 1);
    for hour in 1..=23 {
        world.run(at(hour * HOUR));
        world.restart();
    }
    assert!(world.letters("desk").is_empty());
    world.run(at(30 * HOUR));
    assert_eq!(world.letters("desk").len(), 1);
}

fn with_receipts() -> World {
    let channels = webhook("chat").replace("name =", "receipt_within_seconds = 120\nname =") + &webhook("mail");
    World::new(plan(&format!(
        "[[recipient]]\nname = \"desk\"\nlanguage = \"en\"\n{channels}\
         [[subscription]]\nrecipient = \"desk\"\nfacts = [\"notice.sent\"]\nreceipt = true\n"
    )))
}

#[test]
fn a_receipt_that_does_not_come_is_missed_in_time_though_the_clock_was_set_back() {
    let mut world = with_receipts();
    set(&mut world, 8 * HOUR);
    world.notices("north", 1);
    world.run(at(8 * HOUR));
    assert_eq!(world.taken.len(), 1);
    set(&mut world, 0);
    world.run(at(119));
    assert_eq!(world.taken.len(), 1, "its wait begins anew");
    world.restart();
    world.run(at(121));
    assert_eq!(world.taken.len(), 2, "and is no longer than it ever was");
}

#[test]
fn a_receipt_that_comes_while_an_attempt_flies_is_kept_before_it_is_answered() {
    let mut world = with_receipts();
    world.receiver(|_, _, _| Deed { seconds: 20, ..Deed::lost_answer() });
    world.notices("north", 2);
    world.run(at(5));
    assert_eq!(world.taken.len(), 1, "it has the message, and we do not know yet");
    let receipt = Command::Receipt { id: world.id(1), by: "li".into() };
    let step = world.outbox.command(receipt.clone(), world.now).expect("it was sent");
    world.carry_out(step);
    world.outbox.command(receipt, world.now).expect_err("it was receipted");
    // The power fails before the attempt ends.
    world.restart();
    world.receiver(|_, _, _| Deed::delivered());
    world.run(at(10));
    let taken: Vec<u64> = world.taken.iter().map(|(id, ..)| id.position.seq).collect();
    assert_eq!(taken, [1, 2], "it is through, and the next one goes");
    let rows = world.kept.load().expect("rows");
    assert!(!rows.keys().any(|key| matches!(key, Key::Progress(_))), "nothing of it is left: {rows:?}");
}
