//! Webhooks and chat robots over real sockets: what goes over the wire, and what every kind of answer means.

use std::sync::Arc;

use crate::support::receiver::{Receiver, Reply, Request};
use crate::support::{at, plan};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use muster_kernel::{Instant, Milliseconds};
use muster_outbox::channel::signature::{Headers, Key, Verifier};
use muster_outbox::{
    AddressClass, Channels, Language, Message, MessageId, Outcome, Parcel, SecretSource, Trouble, Urgency,
};
use sha2::Sha256;

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

struct Secrets;

impl SecretSource for Secrets {
    fn file(&self, _: &str) -> Result<String, String> {
        Err("there are no files here".into())
    }

    fn environment(&self, name: &str) -> Option<String> {
        let secrets = [("OLD", OLD), ("NEW", NEW), ("TOKEN", "0a1b-2c"), ("SECRET", "SECabc")];
        secrets.into_iter().find(|(known, _)| *known == name).map(|(_, secret)| secret.into())
    }
}

fn message(text: &str) -> Message {
    Message {
        id: MessageId::parse("north/42-1a2b3c4d/3/desk").expect("an identity"),
        kind: "callout.issued".into(),
        urgency: Urgency::LifeSafety,
        at: at(0),
        subject: "【north】呼叫".into(),
        text: text.into(),
        language: Language::Chinese,
        ways: Vec::new(),
        receipt: true,
        exercise: false,
        fact: Some(serde_json::json!({ "callout": "c-1" })),
    }
}

/// Sends by a channel that the settings describe, from this machine to this machine.
fn send_with(allow: &str, way: &str, message: &Message, now: Instant) -> Outcome {
    let plan = plan(&format!(
        "allow_addresses = [{allow}]\n\
         timeouts = {{ connect_milliseconds = 500, read_milliseconds = 300, total_milliseconds = 1_000 }}\n\
         [[recipient]]\nname = \"desk\"\nlanguage = \"zh\"\n[[recipient.channel]]\nname = \"way\"\n{way}\n\
         [[subscription]]\nrecipient = \"desk\"\nfacts = [\"*\"]\n"
    ));
    let channels = Channels::build(&plan, &Secrets).expect("channels");
    let way = channels.get(&"desk".into(), &"way".into()).expect("the channel");
    way.send(Parcel { message, now })
}

fn hook(receiver: &Receiver) -> String {
    format!(
        "webhook.url = \"http://127.0.0.1:{}/hook/s3cret?key=s3cret\"\nwebhook.secrets = [\"env:NEW\", \"env:OLD\"]",
        receiver.port
    )
}

fn post(reply: Reply) -> (Receiver, Outcome) {
    let receiver = Receiver::start(move |_| reply.clone());
    let outcome = send_with("\"loopback\"", &hook(&receiver), &message("水位上涨"), at(0));
    (receiver, outcome)
}

fn trouble(outcome: Outcome) -> String {
    let (kind, trouble) = match outcome {
        Outcome::Delivered => return "delivered".into(),
        Outcome::Later { trouble, retry_after: None } => ("later".to_owned(), trouble),
        Outcome::Later { trouble, retry_after: Some(wait) } => (format!("later, in {wait:?}"), trouble),
        Outcome::Refused { trouble } => ("refused".into(), trouble),
        Outcome::Gone { trouble } => ("gone".into(), trouble),
    };
    // The port is another one each time.
    let text = trouble.to_string();
    assert!(!text.contains("s3cret") && !text.contains("0a1b-2c"), "a secret is shown: {text}");
    let port = text.split("127.0.0.1:").nth(1).map(|rest| rest.split(|one: char| !one.is_ascii_digit()).next());
    let text = match port.flatten() {
        Some(port) => text.replace(port, "PORT"),
        None => text,
    };
    format!("{kind}: {text}")
}

#[test]
fn a_webhook_is_a_signed_cloudevent() {
    let (receiver, outcome) = post(Reply::status(202, "", "thanks"));
    assert_eq!(outcome, Outcome::Delivered);
    let Request { line, headers, body } = receiver.next();
    assert_eq!(line, "POST /hook/s3cret?key=s3cret");
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    let came = Headers {
        id: &headers["webhook-id"],
        timestamp: &headers["webhook-timestamp"],
        signature: &headers["webhook-signature"],
    };
    assert_eq!(MessageId::parse(came.id), MessageId::parse("north/42-1a2b3c4d/3/desk"));
    // A receiver that knows the old key only, and one that knows the new one only.
    for key in [OLD, NEW] {
        let mut verifier = Verifier::new(vec![Key::parse(key).expect("a key")]);
        assert_eq!(verifier.verify(came, body.as_bytes(), at(10)), Ok(()));
    }
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).expect("JSON"), @r#"
    {
      "specversion": "1.0",
      "id": "north/42-1a2b3c4d/3/desk",
      "source": "urn:muster:district:north",
      "type": "gov.muster.callout.issued",
      "subject": "desk",
      "time": "2021-07-19T10:00:00.000Z",
      "datacontenttype": "application/json",
      "sequence": "42",
      "exercise": false,
      "data": {
        "district": "north",
        "entry": 42,
        "index": 3,
        "urgency": "life_safety",
        "language": "zh",
        "text": "水位上涨",
        "receipt": true,
        "fact": {
          "callout": "c-1"
        }
      }
    }
    "#);
}

#[test]
fn every_answer_has_its_meaning() {
    let answer = |reply| trouble(post(reply).1);
    insta::assert_snapshot!(answer(Reply::status(500, "", "out of\norder")), @"later: http://127.0.0.1:PORT answered 500: out of order");
    insta::assert_snapshot!(answer(Reply::status(404, "", "")), @"later: http://127.0.0.1:PORT answered 404: nothing");
    insta::assert_snapshot!(answer(Reply::status(422, "", "no such desk")), @"refused: http://127.0.0.1:PORT answered 422: no such desk");
    insta::assert_snapshot!(answer(Reply::status(410, "", "")), @"gone: http://127.0.0.1:PORT says that it is gone for good (410); the channel is switched off: put the right address into the settings, then switch it on again");
    insta::assert_snapshot!(answer(Reply::status(429, "retry-after: 120\r\n", "")), @"later, in 120000 ms: http://127.0.0.1:PORT answered 429: nothing");
    insta::assert_snapshot!(answer(Reply::status(503, "retry-after: Mon, 19 Jul 2021 10:05:00 GMT\r\n", "")), @"later, in 300000 ms: http://127.0.0.1:PORT answered 503: nothing");
    insta::assert_snapshot!(answer(Reply::status(302, "location: https://elsewhere.example/s3cret\r\n", "")), @"later: http://127.0.0.1:PORT redirects (302) to https://elsewhere.example; redirects are not followed: if that place is right, write it into the settings");
    insta::assert_snapshot!(answer(Reply::status(308, "location: /s3cret\r\n", "")), @"later: http://127.0.0.1:PORT redirects (308) to an address of its own; redirects are not followed: if that place is right, write it into the settings");
    insta::assert_snapshot!(answer(Reply::Bytes("220 mail.example.org ESMTP\r\n".into())), @"later: the exchange with http://127.0.0.1:PORT broke off: protocol: http parse fail: invalid HTTP version; it may have taken the message");
    insta::assert_snapshot!(answer(Reply::Bytes(String::new())), @"later: the exchange with http://127.0.0.1:PORT broke off: Peer disconnected; it may have taken the message");
    insta::assert_snapshot!(answer(Reply::Reset("HTTP/1.1 20".into())), @"later: the exchange with http://127.0.0.1:PORT broke off: Connection reset by peer (os error 104); it may have taken the message");
    insta::assert_snapshot!(answer(Reply::Silence), @"later: http://127.0.0.1:PORT did not answer in time (receive response); it may have taken the message");
    insta::assert_snapshot!(answer(Reply::Stall("HTTP/1.1 200 OK\r\nx-".into())), @"later: http://127.0.0.1:PORT did not answer in time (receive response); it may have taken the message");
    let long = answer(Reply::status(500, "", &"x".repeat(1 << 20)));
    assert!(long.ends_with(&format!("answered 500: {}…", "x".repeat(200))), "{long}");
    let echo = answer(Reply::status(404, "", "no such place: /hook/s3cret?key=s3cret"));
    assert!(echo.ends_with("answered 404: no such place: …"), "{echo}");
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Receiver::start(|_| Reply::status(200, "", ""));
    let location = format!("location: http://127.0.0.1:{}/\r\n", other.port);
    for status in [301, 302, 303, 307, 308] {
        let (receiver, outcome) = post(Reply::status(status, &location, ""));
        assert!(matches!(outcome, Outcome::Later { trouble: Trouble::Redirected { .. }, .. }), "{outcome:?}");
        receiver.next();
    }
    assert!(other.requests.try_recv().is_err(), "nobody came to the other place");
}

#[test]
fn a_success_counts_though_the_rest_of_the_answer_is_lost() {
    let (_, outcome) = post(Reply::Reset("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".into()));
    assert_eq!(outcome, Outcome::Delivered);
}

#[test]
fn what_is_not_there_or_not_allowed_is_not_called() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("an address").port();
    let way = format!("webhook.url = \"http://127.0.0.1:{free}/\"\nwebhook.secrets = [\"env:NEW\"]");
    insta::assert_snapshot!(trouble(send_with("\"loopback\"", &way, &message("x"), at(0))), @"later: http://127.0.0.1:PORT cannot be reached: Connection refused (os error 111); check the address and the network");

    let receiver = Receiver::start(|_| Reply::status(200, "", ""));
    insta::assert_snapshot!(trouble(send_with("\"private\"", &hook(&receiver), &message("x"), at(0))), @"later: 127.0.0.1 (127.0.0.1:PORT) is a loopback address, which is not allowed; if it is meant, put it into `allow_addresses`");
    // A name that leads to this machine is this machine.
    let named = hook(&receiver).replace("127.0.0.1", "localhost");
    let outcome = send_with("", &named, &message("x"), at(0));
    assert!(
        matches!(outcome, Outcome::Later { trouble: Trouble::Forbidden { class: AddressClass::Loopback, .. }, .. }),
        "{outcome:?}"
    );
    assert!(receiver.requests.try_recv().is_err(), "nobody called");
    // What answers is no TLS.
    let receiver = Receiver::start(|_| Reply::status(200, "", ""));
    let tls = hook(&receiver).replace("http://", "https://");
    let outcome = send_with("\"loopback\"", &tls, &message("x"), at(0));
    assert!(matches!(outcome, Outcome::Later { .. }), "{outcome:?}");
}

fn hmac(key: &str, data: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key");
    mac.update(data.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Sends by a robot whose service answers with this body.
fn robot(service: &str, more: &str, answer: &str, text: &str) -> (Request, Outcome) {
    let answer = answer.to_owned();
    let receiver = Receiver::start(move |_| Reply::status(200, "content-type: application/json\r\n", &answer));
    let port = receiver.port;
    let way = format!("{service}.token = \"env:TOKEN\"\n{service}.url = \"http://127.0.0.1:{port}/robot\"\n{more}");
    let outcome = send_with("\"loopback\"", &way, &message(text), at(0));
    (receiver.next(), outcome)
}

#[test]
fn dingtalk_is_signed_in_the_query_and_says_errors_in_a_200() {
    let more = "dingtalk.secret = \"env:SECRET\"\ndingtalk.mention = [\"13800000000\"]";
    let (request, outcome) = robot("dingtalk", more, r#"{"errcode":0,"errmsg":"ok"}"#, "水位");
    assert_eq!(outcome, Outcome::Delivered);
    let timestamp = at(0).as_millis();
    let sign = hmac("SECabc", &format!("{timestamp}\nSECabc"));
    let sign = sign.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    assert_eq!(request.line, format!("POST /robot?access_token=0a1b-2c&timestamp={timestamp}&sign={sign}"));
    insta::assert_snapshot!(request.body, @r#"{"msgtype":"text","text":{"content":"水位 @13800000000"},"at":{"atMobiles":["13800000000"],"isAtAll":false}}"#);
    let code = |code: i64| trouble(robot("dingtalk", "", &format!(r#"{{"errcode":{code},"errmsg":"words"}}"#), "x").1);
    insta::assert_snapshot!(code(310_000), @"later: DingTalk answered with code 310000: words; the robot's safety settings refuse it: check secret, keyword, address list and the clock");
    insta::assert_snapshot!(code(130_101), @"later, in 60000 ms: DingTalk answered with code 130101: words; a robot may send 20 messages a minute; set `rate` for the recipient");
    insta::assert_snapshot!(code(300_001), @"gone: DingTalk answered with code 300001: words; there is no such robot, or it was switched off: put the right token in place, then switch the channel on");
    insta::assert_snapshot!(code(430_101), @"refused: DingTalk answered with code 430101: words; the service does not take this content");
    insta::assert_snapshot!(code(77), @"later: DingTalk answered with code 77: words; look the code up in the service's documentation");
    insta::assert_snapshot!(trouble(robot("dingtalk", "", "<html>login</html>", "x").1), @"later: the exchange with http://127.0.0.1:PORT broke off: an answer without a code: <html>login</html>; it may have taken the message");
}

#[test]
fn wecom_has_its_key_in_the_address_and_short_texts() {
    let (request, outcome) = robot("wecom", "", r#"{"errcode":0,"errmsg":"ok"}"#, &"涨".repeat(2_000));
    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!(request.line, "POST /robot?key=0a1b-2c");
    let body: serde_json::Value = serde_json::from_str(&request.body).expect("JSON");
    let text = body["text"]["content"].as_str().expect("a text");
    assert!((2_040..=2_048).contains(&text.len()), "{} bytes", text.len());
    assert!(text.ends_with("涨…（已截断，全文见 north/42-1a2b3c4d/3/desk）"), "{text}");
    let code = |code: i64| trouble(robot("wecom", "", &format!(r#"{{"errcode":{code},"errmsg":"words"}}"#), "x").1);
    insta::assert_snapshot!(code(45_009), @"later, in 60000 ms: WeCom answered with code 45009: words; a robot may send 20 messages a minute; set `rate` for the recipient");
    insta::assert_snapshot!(code(93_000), @"gone: WeCom answered with code 93000: words; there is no such robot: put the right key in place, then switch the channel on");
    insta::assert_snapshot!(code(40_058), @"refused: WeCom answered with code 40058: words; the service does not take this content");
}

#[test]
fn feishu_is_signed_in_the_body() {
    let more = "feishu.secret = \"env:SECRET\"\nfeishu.mention = [\"ou_1\"]";
    let (request, outcome) = robot("feishu", more, r#"{"code":0,"msg":"success"}"#, "<at user_id=\"all\"></at>");
    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!(request.line, "POST /robot/0a1b-2c");
    let body: serde_json::Value = serde_json::from_str(&request.body).expect("JSON");
    let timestamp = at(0).as_millis() / 1_000;
    assert_eq!(body["timestamp"], timestamp.to_string());
    assert_eq!(body["sign"], hmac(&format!("{timestamp}\nSECabc"), ""));
    assert_eq!(body["content"]["text"], "＜at user_id=\"all\"＞＜/at＞ <at user_id=\"ou_1\"></at>");
    let code = |code: i64| trouble(robot("feishu", "", &format!(r#"{{"code":{code},"msg":"words"}}"#), "x").1);
    insta::assert_snapshot!(code(19_021), @"later: Feishu answered with code 19021: words; the signature does not match, or the clock is more than an hour off: check secret and clock");
    insta::assert_snapshot!(code(11_232), @"later, in 60000 ms: Feishu answered with code 11232: words; a robot may send 100 messages a minute and 5 a second; set `rate` for the recipient");
    insta::assert_snapshot!(code(19_024), @"refused: Feishu answered with code 19024: words; the robot wants a keyword that the text lacks: put it into the template");
    insta::assert_snapshot!(code(19_001), @"gone: Feishu answered with code 19001: words; there is no such robot: put the right token in place, then switch the channel on");
}

#[test]
fn a_channel_can_be_put_in_by_hand() {
    struct Own;
    impl muster_outbox::Channel for Own {
        fn send(&self, parcel: Parcel<'_>) -> Outcome {
            assert_eq!(parcel.now, at(0) + Milliseconds(1));
            Outcome::Delivered
        }
    }
    let mut channels = Channels::default();
    channels.insert("desk".into(), "own".into(), Arc::new(Own));
    let own = channels.get(&"desk".into(), &"own".into()).expect("it is there");
    assert_eq!(own.send(Parcel { message: &message("x"), now: at(0) + Milliseconds(1) }), Outcome::Delivered);
}
