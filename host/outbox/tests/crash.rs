//! Power fails between any two steps: at a receiver that honours identities nothing is lost, nothing comes twice, and
//! the order holds.

mod support;

use proptest::prelude::*;
use support::{Deed, World, at, notice, plan, webhook};

fn two_recipients() -> muster_outbox::Plan {
    let recipient = |name: &str| {
        format!(
            "[[recipient]]\nname = \"{name}\"\nlanguage = \"zh\"\nfrom_beginning = true\n{}{}",
            webhook("first"),
            webhook("second")
        )
    };
    let subscription = |name: &str| {
        format!("[[subscription]]\nrecipient = \"{name}\"\nfacts = [\"notice.sent\"]\nreceipt = {}\n", name == "b")
    };
    plan(&format!(
        "limits.workers = 2\nlimits.queue = 5\nlimits.attempts = 100000\n{}{}{}{}",
        recipient("a"),
        recipient("b"),
        subscription("a"),
        subscription("b")
    ))
}

#[derive(Debug, Clone)]
enum Story {
    /// An entry of one of two districts with so many facts.
    Commit(bool, usize),
    /// Time goes on by so many seconds.
    Wait(i64),
    /// Power will fail at this step from now on.
    Crash(u32),
}

fn stories() -> impl Strategy<Value = Vec<Story>> {
    let story = prop_oneof![
        4 => (any::<bool>(), 0..4_usize).prop_map(|(north, facts)| Story::Commit(north, facts)),
        3 => (0..900_i64).prop_map(Story::Wait),
        3 => (1..60_u32).prop_map(Story::Crash),
    ];
    prop::collection::vec(story, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_nothing_comes_twice_and_the_order_holds(
        stories in stories(),
        deeds in prop::collection::vec(0..5_u8, 1..40),
    ) {
        let mut world = World::new(two_recipients());
        let mut turn = 0;
        // Whatever happens at first, receivers work in the end. Nothing is refused, so nothing leaves the order.
        world.receiver(move |_, _, now| {
            turn += 1;
            match deeds[turn % deeds.len()] {
                _ if now > at(60_000) => Deed::delivered(),
                0 | 1 => Deed::delivered(),
                2 => Deed::down(),
                3 => Deed::lost_answer(),
                _ => Deed { seconds: 20, ..Deed::lost_answer() },
            }
        });
        for story in stories {
            match story {
                Story::Commit(north, facts) => {
                    let facts = (0..facts).map(|number| notice(None, &number.to_string())).collect();
                    world.commit(if north { "north" } else { "south" }, facts);
                }
                Story::Wait(seconds) => {
                    let until = world.now + muster_kernel::Milliseconds(seconds * 1_000);
                    world.run(until);
                }
                Story::Crash(steps) => world.crash_in = Some(steps),
            }
        }
        world.run(at(300_000));
        world.assert_all_in_order("a");
        world.assert_all_in_order("b");
        prop_assert!(world.letters("a").is_empty());
        // Without receipts each message of `b` went by both channels, and is then before a person.
        prop_assert_eq!(world.letters("b").len(), world.seen("b").len());
        // A lane begins anew where it was: no more is kept than cursors and what a person has to see.
        let again = {
            let before = world.taken.len();
            world.restart();
            world.run(at(500_000));
            world.taken.len() - before
        };
        prop_assert_eq!(again, 0, "what is through is not sent again");
    }
}

/// Every single step of one story, not only those that chance hits.
#[test]
fn power_may_fail_at_every_single_step() {
    let mut step = 1;
    loop {
        let mut world = World::new(two_recipients());
        let mut turn = 0;
        world.receiver(move |_, _, _| {
            turn += 1;
            if turn % 4 == 1 { Deed::lost_answer() } else { Deed::delivered() }
        });
        for number in 0..4 {
            world.commit("north", vec![notice(None, "x"), notice(None, "y")]);
            world.commit("south", if number % 2 == 0 { vec![notice(None, "z")] } else { Vec::new() });
        }
        world.crash_in = Some(step);
        world.run(at(100_000));
        world.assert_all_in_order("a");
        world.assert_all_in_order("b");
        if world.crash_in.is_some() {
            assert!(step > 50, "the story has fewer steps than it should");
            return;
        }
        step += 1;
    }
}
