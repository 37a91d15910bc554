//! Channels one after the other, receipts, who goes first, and where a recipient begins.

use crate::support::{Deed, World, at, desk, notice, plain, plan, webhook};
use muster_kernel::Milliseconds;
use muster_outbox::{Command, CommandError, Language, MessageId};

const HOUR: i64 = 3_600;

fn with_receipts() -> muster_outbox::Plan {
    let channels = webhook("chat").replace("name =", "receipt_within_seconds = 120\nname =") + &webhook("mail");
    plan(&format!(
        "[[recipient]]\nname = \"desk\"\nlanguage = \"en\"\n{channels}\
         [[subscription]]\nrecipient = \"desk\"\nfacts = [\"notice.sent\"]\nreceipt = true\n"
    ))
}

fn ways(world: &World) -> Vec<(u64, String)> {
    world.taken.iter().map(|(id, channel, _)| (id.position.seq, channel.to_string())).collect()
}

#[test]
fn a_channel_that_fails_passes_to_the_next_and_gets_its_turn_again_once_it_works() {
    let mut world = World::new(desk(&["chat", "mail"], ""));
    world.receiver(|_, channel, now| match channel.as_str() {
        "chat" if now < at(HOUR) => Deed::down(),
        _ => Deed::delivered(),
    });
    world.notices("north", 4);
    world.run(at(60));
    world.assert_all_in_order("desk");
    assert!(ways(&world).iter().all(|(_, channel)| channel == "mail"));
    let chat = world.tried.iter().filter(|(_, channel, _)| channel.as_str() == "chat").count();
    assert!(chat <= 6, "a channel that keeps failing is left alone: {chat} attempts");
    let hop = world.events.iter().find(|event| event.kind() == "delivery.rerouted").expect("it is said");
    insta::assert_snapshot!(plain(&hop.sentence(Language::English)), @"north/1/0/desk goes on from `chat` to `mail`: https://a.example cannot be reached: refused; check the address and the network");
    insta::assert_snapshot!(plain(&hop.sentence(Language::Chinese)), @"north/1/0/desk 由 `chat` 转 `mail`：无法连接 https://a.example：refused；请检查地址和网络");
    world.run(at(2 * HOUR));
    world.notices("north", 1);
    world.run(at(2 * HOUR + 5));
    assert_eq!(ways(&world).last().expect("taken").1, "chat");
}

#[test]
fn when_all_channels_fail_they_take_turns() {
    let mut world = World::new(desk(&["chat", "mail"], ""));
    world.receiver(|_, channel, now| match channel.as_str() {
        "mail" if now >= at(HOUR) => Deed::delivered(),
        _ => Deed::down(),
    });
    world.notices("north", 2);
    world.run(at(3 * HOUR));
    world.assert_all_in_order("desk");
    assert!(world.letters("desk").is_empty());
}

#[test]
fn what_one_channel_refuses_goes_by_the_next_at_once_and_dies_when_all_refuse() {
    let mut world = World::new(desk(&["chat", "mail"], ""));
    world.receiver(|message, channel, _| match (message.id.position.seq, channel.as_str()) {
        (1, "chat") | (2, _) => Deed::refused(),
        _ => Deed::delivered(),
    });
    world.notices("north", 3);
    world.run(at(0));
    assert_eq!(ways(&world), [(1, "mail".into()), (3, "chat".into())]);
    assert_eq!(world.letters("desk"), [world.id(2)]);
}

#[test]
fn without_a_receipt_in_time_the_next_channel_is_taken() {
    let mut world = World::new(with_receipts());
    world.notices("north", 2);
    world.run(at(60));
    let ids = [world.id(1), world.id(2)];
    let receipt = |seq: usize| Command::Receipt { id: ids[seq - 1].clone(), by: "li".into() };
    let step = world.outbox.command(receipt(1), world.now).expect("awaited");
    world.carry_out(step);
    assert_eq!(world.outbox.command(receipt(1), world.now), Err(CommandError::NotAwaited(world.id(1))), "it is over");
    world.run(at(119));
    assert_eq!(ways(&world), [(1, "chat".into()), (2, "chat".into())], "the order did not wait for a receipt");
    world.restart();
    world.run(at(121));
    assert_eq!(ways(&world).last(), Some(&(2, "mail".into())), "also after a restart");
    let hop = world.events.iter().find(|event| event.kind() == "delivery.rerouted").expect("it is said");
    insta::assert_snapshot!(plain(&hop.sentence(Language::English)), @"north/2/0/desk goes on from `chat` to `mail`: no receipt came within 120 seconds after the delivery by `chat`");
    world.run(at(HOUR));
    assert_eq!(world.letters("desk"), [world.id(2)], "nobody ever read it: a person must know");
    assert_eq!(world.taken.len(), 3);
    // A late receipt closes it.
    let step = world.outbox.command(receipt(2), world.now).expect("the letter is answered");
    world.carry_out(step);
    assert!(world.letters("desk").is_empty());
}

#[test]
fn a_receipt_for_a_message_whose_answer_was_lost_ends_its_way() {
    let mut world = World::new(with_receipts());
    world.receiver(|message, _, _| match message.id.position.seq {
        1 => Deed::lost_answer(),
        _ => Deed::delivered(),
    });
    world.notices("north", 2);
    world.run(at(0));
    assert_eq!(world.seen("desk").len(), 1, "the second waits");
    let receipt = Command::Receipt { id: world.id(1), by: "li".into() };
    let step = world.outbox.command(receipt, world.now).expect("it arrived, says who has it");
    world.carry_out(step);
    world.run(at(1));
    assert_eq!(world.seen("desk").len(), 2);
    let never = Command::Receipt { id: MessageId::parse("north/9/0/desk").expect("an identity"), by: "li".into() };
    let error = world.outbox.command(never, world.now).expect_err("never sent");
    insta::assert_snapshot!(error, @"no receipt is waited for north/9/0/desk: it was receipted before, or never sent");
}

#[test]
fn a_step_of_a_ladder_may_name_the_way() {
    let mut world = World::new(desk(&["chat", "mail", "system"], ""));
    world.view.ways = vec!["telephone".into(), "system".into()];
    world.receiver(|_, channel, _| if channel.as_str() == "system" { Deed::refused() } else { Deed::delivered() });
    world.notices("north", 1);
    world.run(at(0));
    let tried: Vec<&str> = world.tried.iter().map(|(_, channel, _)| channel.as_str()).collect();
    assert_eq!(tried, ["system", "chat"], "what it names first, then as usual");
}

#[test]
fn life_safety_goes_first_across_recipients_and_never_within_one() {
    let recipient = |name| format!("[[recipient]]\nname = \"{name}\"\nlanguage = \"zh\"\n{}", webhook("hook"));
    let subscription = |(name, district)| {
        format!("[[subscription]]\nrecipient = \"{name}\"\nfacts = [\"*\"]\ndistricts = [\"{district}\"]\n")
    };
    let recipients: Vec<String> = ["a", "b", "c"].map(recipient).to_vec();
    let subscriptions = [("a", "990101"), ("b", "990102"), ("c", "990103")].map(subscription).to_vec();
    let text = ["limits.workers = 1\n".to_owned(), recipients.concat(), subscriptions.concat()].concat();
    let mut world = World::new(plan(&text));
    world.receiver(|_, _, _| Deed { seconds: 1, ..Deed::delivered() });
    world.commit("990101", vec![notice(None, "x"), notice(None, "y")]);
    world.commit("990102", vec![notice(None, "x"), notice(None, "y")]);
    // The grave one stands behind an ordinary one: that one is in its way, so it goes first, too.
    world.commit("990103", vec![notice(None, "x"), notice(Some("grave"), "y")]);
    world.run(at(60));
    let order: Vec<String> =
        world.taken.iter().map(|(id, ..)| format!("{}{}", id.recipient, id.position.index)).collect();
    assert_eq!(order, ["c0", "c1", "a0", "a1", "b0", "b1"]);
}

#[test]
fn a_rate_is_held_for_each_recipient() {
    let mut world = World::new(desk(&["hook"], "rate = { messages = 20, per_seconds = 60 }"));
    world.notices("north", 60);
    world.run(at(59));
    assert_eq!(world.taken.len(), 39, "a burst of twenty, then one every three seconds");
    world.run(at(HOUR));
    world.assert_all_in_order("desk");
}

#[test]
fn a_new_recipient_begins_now_and_misses_nothing_from_then_on() {
    let mut world = World::new(plan(""));
    world.notices("north", 5);
    world.plan = desk(&["hook"], "");
    world.restart();
    world.notices("north", 1);
    world.notices("south", 2);
    // Not even what comes to be durable before the outbox hears of it.
    world.restart();
    world.run(at(1));
    let seen: Vec<String> = world.seen("desk").iter().map(|id| plain(&id.to_string())).collect();
    assert_eq!(seen, ["north/6/0/desk", "south/1/0/desk", "south/2/0/desk"]);

    let mut world = World::new(plan(""));
    world.notices("north", 5);
    world.plan = desk(&["hook"], "from_beginning = true");
    world.restart();
    world.run(at(1));
    world.assert_all_in_order("desk");
}

#[test]
fn what_belongs_to_nobody_any_more_is_said_and_forgotten_only_by_a_person() {
    let mut world = World::new(desk(&["hook"], ""));
    world.receiver(|_, _, _| Deed::refused());
    world.notices("north", 2);
    world.run(at(1));
    let forget = Command::Forget { recipient: "desk".into() };
    let error = world.outbox.command(forget.clone(), world.now).expect_err("it is named");
    insta::assert_snapshot!(error, @"desk cannot be forgotten: only what the settings do not name any more can; take it out of them first");
    world.plan = plan("");
    world.events.clear();
    world.restart();
    insta::assert_snapshot!(world.events[0].sentence(Language::English), @"the settings do not name desk any more, which has 2 dead letters; name it again to send them, or forget it");
    let step = world.outbox.command(forget, world.now).expect("forgotten");
    world.carry_out(step);
    assert_eq!(world.kept.bytes(), 0);
}

#[test]
fn unread_entries_cost_few_writes_and_are_not_read_for_ever() {
    let mut world = World::new(desk(&["hook"], ""));
    for _ in 0..1_000 {
        world.commit("north", Vec::new());
    }
    world.run(at(1));
    world.restart();
    assert!(world.outbox.status()[0].entries_behind < 64, "most is not read again");
    assert_eq!(world.outbox.wanted()[0].after, 1_000 - world.outbox.status()[0].entries_behind);
    world.run(at(2));
    world.notices("north", 1);
    world.run(at(3) + Milliseconds(1));
    assert_eq!(world.seen("desk").len(), 1);
}
