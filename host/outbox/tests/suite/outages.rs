//! Receivers that are down, slow, confused or gone, in virtual time: nothing is lost, nothing comes twice to who honours
//! the identity, and the order holds.

use crate::support::{self, Deed, World, at, desk, notice, plain};
use muster_kernel::Milliseconds;
use muster_outbox::{Command, Event, Language, MessageId, Outcome, Trouble};

const HOUR: i64 = 3_600;

#[test]
fn an_hour_of_outage_keeps_only_positions_and_loses_nothing() {
    let mut world = World::new(desk(&["hook"], ""));
    world.receiver(|_, _, now| if now < at(HOUR) { Deed::down() } else { Deed::delivered() });
    world.notices("north", 3_000);
    world.run(at(HOUR - 1));
    assert!(world.taken.is_empty());
    assert!(world.most_in_memory <= 256, "{} messages in memory", world.most_in_memory);
    assert!(world.kept.bytes() < 8_000, "{} bytes kept for 3000 messages that wait", world.kept.bytes());
    assert!(world.tried.len() < 40, "{} attempts in an hour", world.tried.len());
    world.run(at(2 * HOUR));
    world.assert_all_in_order("desk");
    assert_eq!(world.taken.len(), 3_000, "no answer was lost, so nothing went twice");
    assert!(world.letters("desk").is_empty());
    assert_eq!(world.kinds()[..1], ["channel.suspended"]);
    assert!(world.kinds().contains(&"channel.restored"));
}

#[test]
fn lost_answers_repeat_a_message_under_the_same_identity() {
    let mut world = World::new(desk(&["hook"], ""));
    let mut turn = 0;
    world.receiver(move |_, _, _| {
        turn += 1;
        if turn % 3 == 0 { Deed::delivered() } else { Deed::lost_answer() }
    });
    world.notices("north", 50);
    world.run(at(24 * HOUR));
    world.assert_all_in_order("desk");
    assert!(world.taken.len() > 50, "the receiver was given the same identity again");
}

#[test]
fn a_flapping_receiver_gets_everything_in_order() {
    let mut world = World::new(desk(&["hook"], ""));
    world.receiver(|_, _, now| match (now - at(0)).0 / 90_000 % 2 {
        0 => Deed::down(),
        _ => Deed::delivered(),
    });
    for minute in 0..60 {
        world.notices("north", 5);
        world.run(at(minute * 60));
    }
    world.run(at(3 * HOUR));
    world.assert_all_in_order("desk");
}

#[test]
fn a_slow_receiver_holds_up_nobody_else() {
    let text = format!(
        "limits.workers = 2\n[[recipient]]\nname = \"slow\"\nlanguage = \"zh\"\n{}[[recipient]]\nname = \"quick\"\nlanguage = \"zh\"\n{}\
         [[subscription]]\nrecipient = \"slow\"\nfacts = [\"*\"]\n[[subscription]]\nrecipient = \"quick\"\nfacts = [\"*\"]\n",
        support::webhook("one"),
        support::webhook("two")
    );
    let mut world = World::new(support::plan(&text));
    world.receiver(|message, _, _| match message.id.recipient.as_str() {
        // It takes the message and answers only after we have hung up.
        "slow" => {
            let trouble = Trouble::TimedOut { to: "https://one.example".into(), stage: "global".into() };
            Deed { took: true, outcome: Outcome::later(trouble), seconds: 30 }
        }
        _ => Deed::delivered(),
    });
    world.notices("north", 20);
    world.run(at(60));
    world.assert_all_in_order("quick");
    assert_eq!(world.seen("slow").len(), 1, "the next one waits for the one before");
}

#[test]
fn a_receiver_that_asks_for_time_gets_it() {
    let mut world = World::new(desk(&["hook"], ""));
    let mut first = true;
    world.receiver(move |_, _, _| {
        if !std::mem::take(&mut first) {
            return Deed::delivered();
        }
        let trouble = Trouble::Status { to: "https://hook.example".into(), status: 429, answer: "slow down".into() };
        Deed { took: false, outcome: Outcome::Later { trouble, retry_after: Some(Milliseconds(120_000)) }, seconds: 0 }
    });
    world.notices("north", 3);
    world.run(at(HOUR));
    let times: Vec<_> = world.tried.iter().map(|(.., when)| *when).collect();
    assert_eq!(times, [at(0), at(120), at(120), at(120)]);
    world.assert_all_in_order("desk");
}

#[test]
fn an_endpoint_that_is_gone_is_switched_off_and_everything_waits_for_a_person() {
    let mut world = World::new(desk(&["hook"], ""));
    world.receiver(|_, _, now| {
        if now >= at(2 * HOUR) {
            return Deed::delivered();
        }
        let trouble = Trouble::GoneForGood { to: "https://hook.example".into() };
        Deed { took: false, outcome: Outcome::Gone { trouble }, seconds: 0 }
    });
    world.notices("north", 4);
    world.run(at(HOUR));
    assert_eq!(world.tried.len(), 1, "it is not called any more");
    assert_eq!(world.kinds(), ["channel.disabled"]);
    insta::assert_snapshot!(world.events[1].sentence(Language::English), @"channel `hook` of desk is switched off: https://hook.example says that it is gone for good (410); the channel is switched off: put the right address into the settings, then switch it on again");
    insta::assert_snapshot!(world.events[1].sentence(Language::Chinese), @"desk 的渠道 `hook` 已关闭：https://hook.example 声明已永久停用（410），该渠道已关闭；请在设置中写入正确地址，再重新启用");
    world.restart();
    world.run(at(2 * HOUR));
    assert_eq!(world.tried.len(), 1, "also after a restart");
    let enable = Command::Enable { recipient: "desk".into(), channel: "hook".into(), by: "li".into() };
    let step = world.outbox.command(enable.clone(), world.now).expect("enabled");
    world.carry_out(step);
    world.run(at(3 * HOUR));
    world.assert_all_in_order("desk");
    let error = world.outbox.command(enable, world.now).expect_err("enabled before");
    insta::assert_snapshot!(error, @"`hook` of desk is not switched off");
}

#[test]
fn what_a_receiver_will_never_take_is_a_dead_letter_and_holds_up_nothing() {
    let mut world = World::new(desk(&["hook"], ""));
    world.receiver(|message, _, now| match message.id.position.seq {
        2 if now < at(HOUR) => Deed::refused(),
        _ => Deed::delivered(),
    });
    world.notices("north", 3);
    world.run(at(10));
    let seen: Vec<u64> = world.seen("desk").iter().map(|id| id.position.seq).collect();
    assert_eq!(seen, [1, 3]);
    let dead = world.id(2);
    assert_eq!(world.letters("desk"), std::slice::from_ref(&dead));
    let failed = world.events.iter().find(|event| event.alarms()).expect("it is said");
    insta::assert_snapshot!(plain(&failed.sentence(Language::English)), @"north/2/0/desk reached nobody by any channel, after 1 attempts; it is a dead letter: https://a.example answered 422: no. Tell the recipient another way, then replay or discard the letter");
    insta::assert_snapshot!(plain(&failed.sentence(Language::Chinese)), @"north/2/0/desk 经所有渠道均未送达（共 1 次），已列为死信：https://a.example 返回 422：no。请以其他方式通知对方，再重发或作废该死信");
    let signal = serde_json::to_string_pretty(&failed.signal().expect("a signal")).expect("JSON");
    assert!(signal.contains(&format!("\"id\": \"delivery.failed/{dead}\"")), "{signal}");
    insta::assert_snapshot!(plain(&signal), @r#"
    {
      "specversion": "1.0",
      "id": "delivery.failed/north/2/0/desk",
      "source": "urn:muster:outbox",
      "type": "gov.muster.signal.reported",
      "subject": "north/2/0/desk",
      "time": "2021-07-19T10:00:00.000Z",
      "data": {
        "kind": "delivery.failed",
        "recipient": "desk",
        "fact": "notice.sent",
        "entry": 2,
        "attempts": 1,
        "reason": {
          "zh": "https://a.example 返回 422：no",
          "en": "https://a.example answered 422: no"
        }
      }
    }
    "#);
    // It survives a restart, and is delivered when a person wants it.
    world.run(at(HOUR));
    world.restart();
    assert_eq!(world.letters("desk"), std::slice::from_ref(&dead));
    let replay = Command::Replay { id: dead, by: "li".into() };
    let step = world.outbox.command(replay, world.now).expect("replayed");
    world.carry_out(step);
    world.restart();
    world.run(at(HOUR + 10));
    assert!(world.letters("desk").is_empty());
    assert_eq!(world.seen("desk").len(), 3);
}

#[test]
fn a_message_is_given_up_after_its_time_and_after_its_attempts() {
    let mut world = World::new(desk(&["hook"], ""));
    world.plan.limits.give_up_after = Milliseconds::hours(2);
    world.restart();
    world.receiver(|message, _, _| if message.id.position.seq == 1 { Deed::down() } else { Deed::delivered() });
    world.notices("north", 2);
    world.run(at(2 * HOUR - 1));
    assert!(world.seen("desk").is_empty() && world.letters("desk").is_empty());
    world.run(at(4 * HOUR));
    assert_eq!(world.letters("desk"), [world.id(1)]);
    assert_eq!(world.seen("desk"), [world.id(2)]);

    let mut world = World::new(desk(&["hook"], ""));
    world.plan.limits.attempts = 7;
    world.restart();
    world.receiver(|_, _, _| Deed::down());
    world.notices("north", 1);
    world.run(at(24 * HOUR));
    assert_eq!(world.tried.len(), 7);
    assert_eq!(world.letters("desk").len(), 1);
}

#[test]
fn without_room_for_a_dead_letter_the_recipient_stands_still_and_that_is_said_once() {
    let mut world = World::new(desk(&["hook"], ""));
    world.plan.limits.dead_letters = 2;
    world.restart();
    world.receiver(|message, _, _| if message.id.position.seq <= 3 { Deed::refused() } else { Deed::delivered() });
    world.notices("north", 5);
    world.run(at(HOUR));
    assert_eq!(world.letters("desk").len(), 2);
    assert!(world.seen("desk").is_empty(), "the third is in the way, and is not thrown away");
    let halted = world.kinds().into_iter().filter(|kind| *kind == "recipient.halted").count();
    assert_eq!(halted, 1);
    assert!(world.outbox.status()[0].halted);
    world.restart();
    world.run(at(HOUR + 5));
    let first = world.id(1);
    let discard = |reason: &str| Command::Discard { id: first.clone(), by: "li".into(), reason: reason.into() };
    let error = world.outbox.command(discard(" "), world.now).expect_err("no reason");
    insta::assert_snapshot!(error, @"a message is discarded with a reason only; say why");
    let step = world.outbox.command(discard("told by telephone"), world.now).expect("discarded");
    world.carry_out(step);
    world.run(at(HOUR + 10));
    assert_eq!(world.letters("desk"), [world.id(2), world.id(3)]);
    assert_eq!(world.seen("desk"), [world.id(4), world.id(5)]);
}

#[test]
fn a_failure_to_tell_of_a_failed_delivery_makes_no_further_signal() {
    let trouble = Trouble::NoReceipt { channel: "hook".into(), seconds: 300 };
    let failed = |fact: &str| Event::Failed {
        id: MessageId::parse("north/1/0/desk").expect("an identity"),
        fact: fact.into(),
        at: at(0),
        attempts: 1,
        reason: trouble.clone(),
    };
    assert!(failed("event.placed").signal().is_none());
    assert!(failed("notice.sent").signal().is_some());
}

#[test]
fn the_same_inputs_give_the_same_steps() {
    let run = || {
        let mut world = World::new(desk(&["one", "two"], ""));
        world.receiver(|message, channel, now| match (message.id.position.seq + now.as_millis().unsigned_abs()) % 5 {
            0 => Deed::delivered(),
            1 if channel.as_str() == "two" => Deed::refused(),
            _ => Deed::lost_answer(),
        });
        for _ in 0..20 {
            world.commit("north", vec![notice(Some("grave"), "x"), notice(None, "y")]);
            world.commit("south", vec![notice(None, "z")]);
        }
        world.run(at(5 * HOUR));
        (world.tried, world.events)
    };
    assert_eq!(run(), run());
}
