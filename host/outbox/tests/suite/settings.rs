//! Settings as people write them, what is wrong with them, and who hears of what.

use crate::support::{self, Deed, World, at, notice, plain, plan};
use muster_kernel::act::{CalloutOrder, Party};
use muster_kernel::record::{CalledParty, Fact};
use muster_kernel::{CalloutKind, act::Because};
use muster_outbox::{Channels, Message, SecretSource, Settings};

const SAMPLE: &str = include_str!("../samples/outbox.toml");

fn wrong(change: &str, to: &str) -> String {
    assert!(SAMPLE.contains(change), "the sample has no `{change}`");
    match toml::from_str::<Settings>(&SAMPLE.replacen(change, to, 1)) {
        Ok(settings) => settings.check().expect_err("it is wrong").to_string(),
        Err(error) => error.message().to_owned(),
    }
}

#[test]
fn what_is_wrong_is_named_with_its_field_and_the_cure() {
    plan(SAMPLE);
    insta::assert_snapshot!(wrong("queue = 256", "queue = 0"), @"`outbox.limits.queue` is 0; write 1 to 10000");
    insta::assert_snapshot!(wrong("queue = 256", "queues = 256"), @"unknown field `queues`, expected one of `workers`, `queue`, `dead_letters`, `awaiting`, `tries_per_channel`, `attempts`, `give_up_after_minutes`, `pause_milliseconds`, `pause_max_seconds`, `retry_after_max_seconds`, `circuit_failures`, `circuit_seconds`, `circuit_max_seconds`");
    insta::assert_snapshot!(wrong("total_milliseconds = 30_000", "total_milliseconds = 1_000"), @"`outbox.timeouts.total_milliseconds` is less than one of its parts; write at least the greater of connect and read");
    insta::assert_snapshot!(wrong(r#"["private"]"#, r#"["private", "special"]"#), @"`outbox.allow_addresses[1]` is `special`: no message can go there; write private, loopback or link_local");
    insta::assert_snapshot!(wrong("{sentence}", "{sentense}"), @"`outbox.template.text_zh` names the field `{sentense}`, which there is not; the fields are id, district, kind, label, sentence, time, seq, recipient");
    insta::assert_snapshot!(wrong(r#"name = "duty-desk""#, r#"name = "duty/desk""#), @"`outbox.recipient[0].name` must be 1 to 64 bytes, without `/` and control characters");
    insta::assert_snapshot!(wrong(r#"name = "city-platform""#, r#"name = "duty-desk""#), @"`outbox.recipient[1].name` stands here twice; give each recipient a name of its own");
    insta::assert_snapshot!(wrong("messages = 20", "messages = 0"), @"`outbox.recipient[0].rate` has a zero, which would stop everything; write at least 1");
    insta::assert_snapshot!(wrong("dingtalk.token", "wecom.token = \"env:KEY\"\ndingtalk.token"), @"`outbox.recipient[0].channel[0]` must have exactly one of webhook, mail, dingtalk, wecom, feishu");
    insta::assert_snapshot!(wrong("https://platform.example.org", "ftp://platform.example.org"), @"`outbox.recipient[1].channel[0].webhook.url` must begin with https:// (or http:// to a place that `allow_addresses` allows)");
    insta::assert_snapshot!(wrong("https://platform", "https://li:pass@platform"), @"`outbox.recipient[1].channel[0].webhook.url` holds a user name or password; take it out, secrets stand in files or the environment");
    insta::assert_snapshot!(wrong(r#"["env:HOOK_KEY", "env:HOOK_KEY_OLD"]"#, "[]"), @"`outbox.recipient[1].channel[0].webhook.secrets` is empty; a receiver could not tell our messages from others: refer to at least one");
    insta::assert_snapshot!(wrong(r#"mail.encryption = "tls""#, r#"mail.encryption = "none""#), @"`outbox.recipient[0].channel[1].mail.encryption` is `none`, and the password would go in the clear; write tls or starttls");
    insta::assert_snapshot!(wrong("mail.user", "# mail.user"), @"`outbox.recipient[0].channel[1].mail.user` and `password` go together; write both or neither");
    insta::assert_snapshot!(wrong(r#"facts = ["callout.*""#, r#"facts = ["callouts.*""#), @"`outbox.subscription[0].facts[0]` is `callouts.*`, which no kind of fact matches; write for instance callout.issued or callout.*");
    insta::assert_snapshot!(wrong("post:990103/duty_leader", "990103/duty_leader"), @"`outbox.subscription[0].parties[0]` is `990103/duty_leader`; write post:NODE/NAME, department:NODE/NAME or team:ID");
    insta::assert_snapshot!(wrong(r#"recipient = "city-platform""#, r#"recipient = "somebody""#), @"`outbox.subscription[1].recipient` is `somebody`, which no [[outbox.recipient]] has as its name");
    insta::assert_snapshot!(wrong("[[subscription]]\nrecipient = \"city-platform\"\nfacts = [\"*\"]\n", ""), @"`outbox.recipient[1].name` has no subscription and would never hear anything; add an [[outbox.subscription]]");
}

struct Secrets(&'static str, &'static str);

impl SecretSource for Secrets {
    fn file(&self, _: &str) -> Result<String, String> {
        Err("there are no files here".into())
    }

    fn environment(&self, name: &str) -> Option<String> {
        match name {
            _ if name == self.0 => Some(self.1.into()),
            "HOOK_KEY" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()),
            "HOOK_KEY_OLD" => Some("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".into()),
            "DINGTALK_TOKEN" => Some("0123abcd".into()),
            "DINGTALK_SECRET" | "MAIL_PASSWORD" => Some("SEC123".into()),
            _ => None,
        }
    }
}

#[test]
fn secrets_are_read_when_the_channels_are_built() {
    let plan = plan(SAMPLE);
    let build =
        |name, value| Channels::build(&plan, &Secrets(name, value)).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(build("", ""), Ok(()));
    insta::assert_snapshot!(build("HOOK_KEY", "short").expect_err("no key"), @"`outbox.recipient city-platform channel hook: webhook.secrets[0]` is not `whsec_` followed by Base64; make one with 32 random bytes");
    insta::assert_snapshot!(build("HOOK_KEY", " ").expect_err("empty"), @"`outbox.recipient city-platform channel hook: webhook.secrets[0]` refers to `env:HOOK_KEY`, which is empty");
    insta::assert_snapshot!(build("DINGTALK_TOKEN", "https://oapi.dingtalk.com/robot/send?access_token=1").expect_err("an address"), @"`outbox.recipient duty-desk channel chat: token` must be letters, digits, `-` and `_`: only what the robot's address ends with, not all of it");
}

fn callout(to: &str, life_safety: bool) -> Fact {
    let party = Party::Post { node: to.into(), name: "duty_leader".into() };
    let order = CalloutOrder {
        key: "k".into(),
        kind: CalloutKind::LeaderCall,
        caller: "9901".into(),
        to: vec![party.clone()],
        place: "here".into(),
        acknowledge_within: None,
        arrive_within: None,
        plan_within: None,
        ladder: Vec::new(),
        arrival_ladder: Vec::new(),
        life_safety,
    };
    Fact::CalloutIssued {
        callout: "c".into(),
        incident: None,
        order,
        called: vec![CalledParty { party, title: "值班领导".into(), person: None }],
        issued: at(0),
        acknowledge_by: None,
        arrive_by: None,
        plan_by: None,
        stated: false,
        because: Because::new("host:test", "测试", "a test"),
    }
}

/// What a recipient hears of a story, as `kind@entry`.
fn heard(subscription: &str, entries: Vec<(&str, Vec<Fact>)>) -> Vec<String> {
    let text = format!(
        "[[recipient]]\nname = \"desk\"\nlanguage = \"zh\"\n{}[[subscription]]\nrecipient = \"desk\"\n{subscription}\n",
        support::webhook("hook")
    );
    let mut world = World::new(plan(&text));
    for (district, facts) in entries {
        world.commit(district, facts);
    }
    world.run(at(1));
    world.taken.iter().map(|(id, ..)| plain(&id.to_string())).collect()
}

#[test]
fn a_recipient_hears_what_its_subscription_says_and_nothing_else() {
    let story = || {
        vec![
            ("north", vec![callout("990103", true), notice(Some("minor"), "x")]),
            ("south", vec![callout("990205", false), notice(None, "y")]),
            ("north.exercise", vec![callout("990103", true)]),
        ]
    };
    let heard = |subscription| heard(subscription, story());
    assert_eq!(heard("facts = [\"callout.*\"]"), ["north/1/0/desk", "south/1/0/desk"]);
    assert_eq!(heard("facts = [\"callout.issued\"]\ndistricts = [\"north\"]"), ["north/1/0/desk"]);
    assert_eq!(heard("facts = [\"*\"]\nlife_safety_only = true"), ["north/1/0/desk"]);
    assert_eq!(heard("facts = [\"*\"]\nparties = [\"post:990205/duty_leader\"]"), ["south/1/0/desk"]);
    // The caller is 9901; the notice belongs to an incident in 990103, below it; the other one is nowhere.
    assert_eq!(heard("facts = [\"*\"]\nnodes = [\"990103\"]"), ["north/1/1/desk"]);
    assert_eq!(heard("facts = [\"*\"]\nnodes = [\"9901\"]"), ["north/1/0/desk", "north/1/1/desk", "south/1/0/desk"]);
    let drills = "facts = [\"callout.*\"]\ndistricts = [\"north\"]\nexercises = true";
    assert_eq!(heard(drills), ["north/1/0/desk", "north~2eexercise/1/0/desk"]);
}

#[test]
fn a_message_says_it_in_the_recipients_language_and_a_drill_says_that_it_is_one() {
    let text = |language: &str, district: &str| {
        let text = format!(
            "[[recipient]]\nname = \"desk\"\nlanguage = \"{language}\"\n{}[[subscription]]\nrecipient = \"desk\"\n\
             facts = [\"*\"]\nexercises = true\n",
            support::webhook("hook")
        );
        let mut world = World::new(plan(&text));
        let (sender, receiver) = std::sync::mpsc::channel::<Message>();
        world.receiver(move |message, _, _| {
            sender.send(message.clone()).expect("heard");
            Deed::delivered()
        });
        world.commit(district, vec![notice(None, "水位 3.5 m")]);
        world.run(at(1));
        let message = receiver.recv().expect("a message");
        assert!(message.text.contains(&message.id.to_string()), "so that a receipt can name it");
        plain(&format!("{}\n---\n{}", message.subject, message.text))
    };
    insta::assert_snapshot!(text("zh", "north"), @r#"
    【north】通知
    ---
    【north】通知：水位 3.5 m
    编号 north/1/0/desk
    "#);
    insta::assert_snapshot!(text("en", "north.exercise"), @r#"
    [EXERCISE] [north.exercise] notice
    ---
    [EXERCISE] [north.exercise] notice: 水位 3.5 m
    ref north~2eexercise/1/0/desk
    "#);
}
