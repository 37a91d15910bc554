//! E-mail over real sockets: a server that answers by script, and the real server `aiosmtpd`.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::support::{at, plan};
use muster_outbox::{Channels, Language, Message, MessageId, Outcome, Parcel, SystemSecrets, Urgency};

fn message() -> Message {
    Message {
        id: MessageId::parse("north/42-1a2b3c4d/3/desk").expect("an identity"),
        kind: "callout.issued".into(),
        urgency: Urgency::LifeSafety,
        at: at(0),
        subject: "【north】呼叫".into(),
        text: "水位上涨。\n.\n一行只有一个点".into(),
        language: Language::Chinese,
        ways: Vec::new(),
        receipt: false,
        exercise: false,
        fact: None,
    }
}

fn send(allow: &str, port: u16, host: &str, encryption: &str) -> Outcome {
    send_this(&message(), allow, port, host, encryption)
}

fn send_this(message: &Message, allow: &str, port: u16, host: &str, encryption: &str) -> Outcome {
    let plan = plan(&format!(
        "allow_addresses = [{allow}]\n\
         timeouts = {{ connect_milliseconds = 1_000, read_milliseconds = 2_000, total_milliseconds = 5_000 }}\n\
         [[recipient]]\nname = \"desk\"\nlanguage = \"zh\"\n[[recipient.channel]]\nname = \"way\"\n\
         mail = {{ host = \"{host}\", port = {port}, encryption = \"{encryption}\", from = \"Muster <muster@example.org>\", \
         to = [\"duty@example.org\", \"deputy@example.org\"] }}\n\
         [[subscription]]\nrecipient = \"desk\"\nfacts = [\"*\"]\n"
    ));
    let channels = Channels::build(&plan, &SystemSecrets).expect("channels");
    let way = channels.get(&"desk".into(), &"way".into()).expect("the channel");
    way.send(Parcel { message, now: at(0) })
}

fn said(outcome: Outcome, port: u16) -> String {
    let said = match outcome {
        Outcome::Delivered => "delivered".into(),
        Outcome::Later { trouble, .. } => format!("later: {trouble}"),
        Outcome::Refused { trouble } => format!("refused: {trouble}"),
        Outcome::Gone { trouble } => format!("gone: {trouble}"),
    };
    said.replace(&port.to_string(), "PORT")
}

/// A server that takes one conversation. `refuse` names a command and what it answers to it instead.
fn scripted(refuse: Option<(&'static str, &'static str)>) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, heard) = channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        // The other side may hang up at any time; what was heard until then is what counts.
        let _ = sender.send(converse(&stream, refuse));
    });
    (port, heard)
}

fn converse(mut stream: &TcpStream, refuse: Option<(&str, &str)>) -> String {
    let mut heard = String::new();
    let mut data = false;
    let mut lines = BufReader::new(stream).lines();
    let _ = stream.write_all(b"220 test ESMTP\r\n");
    while let Some(Ok(line)) = lines.next() {
        heard += &line;
        heard.push('\n');
        let answer = match refuse {
            Some((command, answer)) if !data && line.starts_with(command) => answer,
            _ if data && line == "." => {
                data = false;
                "250 taken"
            }
            _ if data => continue,
            _ if line.starts_with("EHLO") => "250 8BITMIME",
            _ if line.starts_with("DATA") => {
                data = true;
                "354 go on"
            }
            _ if line.starts_with("QUIT") => "221 bye",
            _ => "250 ok",
        };
        let _ = stream.write_all(format!("{answer}\r\n").as_bytes());
    }
    heard
}

#[test]
fn a_letter_carries_its_identity() {
    let (port, heard) = scripted(None);
    assert_eq!(send("\"loopback\"", port, "127.0.0.1", "none"), Outcome::Delivered);
    insta::assert_snapshot!(heard.recv().expect("a conversation"), @r#"
    EHLO example.org
    MAIL FROM:<muster@example.org>
    RCPT TO:<duty@example.org>
    RCPT TO:<deputy@example.org>
    DATA
    From: Muster <muster@example.org>
    Subject: =?utf-8?b?44CQbm9ydGjjgJHlkbzlj6s=?=
    Date: Mon, 19 Jul 2021 10:00:00 +0000
    Message-ID: <north/42-1a2b3c4d/3/desk@example.org>
    To: duty@example.org, deputy@example.org
    Importance: high
    MIME-Version: 1.0
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: base64

    5rC05L2N5LiK5rao44CCDQouDQrkuIDooYzlj6rmnInkuIDkuKrngrk=

    .
    QUIT
    "#);
}

/// A server that takes a lone carriage return for the end of a line must not hear commands that stand in an event's text.
#[test]
fn a_text_cannot_end_the_letter_and_begin_another() {
    let (port, heard) = scripted(None);
    let smuggled = Message {
        subject: "call\r\nBcc: all@example.org".into(),
        text: "flood\r.\rMAIL FROM:<forged@example.org>\r\n.\r\nQUIT\n\u{0}end".into(),
        ..message()
    };
    assert_eq!(send_this(&smuggled, "\"loopback\"", port, "127.0.0.1", "none"), Outcome::Delivered);
    let heard = heard.recv().expect("a conversation");
    assert!(!heard.contains(['\r', '\0']), "{heard:?}");
    let (_, letter) = heard.split_once("\n\n").expect("a head and a body");
    insta::assert_snapshot!(letter, @r"
    flood
    ..
    MAIL FROM:<forged@example.org>
    ..
    QUIT
     end

    .
    QUIT
    ");
    assert!(!heard.contains("\nBcc"), "{heard}");
}

#[test]
fn what_a_mail_server_says_has_its_meaning() {
    let answer = |command, answer| {
        let (port, _heard) = scripted(Some((command, answer)));
        said(send("\"loopback\"", port, "127.0.0.1", "none"), port)
    };
    insta::assert_snapshot!(answer("RCPT", "550 no such user"), @"refused: the mail server 127.0.0.1:PORT answered 550: no such user");
    insta::assert_snapshot!(answer("RCPT", "450 greylisted, come again"), @"later: the mail server 127.0.0.1:PORT answered 450: greylisted, come again");
    insta::assert_snapshot!(answer("MAIL", "530 authentication required"), @"later: the mail server 127.0.0.1:PORT answered 530: authentication required");
    insta::assert_snapshot!(answer("DATA", "421 closing"), @"later: the mail server 127.0.0.1:PORT answered 421: closing");
    insta::assert_snapshot!(answer("EHLO", "what?"), @"later: the exchange with 127.0.0.1:PORT broke off: error Tag at: what?; it may have taken the message");
}

#[test]
fn in_the_clear_it_goes_to_this_machine_only_and_elsewhere_encrypted_or_not_at_all() {
    let (port, heard) = scripted(None);
    insta::assert_snapshot!(said(send("", port, "127.0.0.1", "none"), port), @"later: 127.0.0.1:PORT is a loopback address, which is not allowed; if it is meant, put it into `allow_addresses`");
    insta::assert_snapshot!(said(send("\"private\"", 25, "10.0.0.1", "none"), 25), @"later: 10.0.0.1:PORT has no secure connection to offer: mail in the clear goes to this machine only; write tls or starttls; check its certificate and the name in the address");
    assert!(heard.try_recv().is_err(), "nobody called");
    // A server that offers no STARTTLS hears nothing of the letter.
    insta::assert_snapshot!(said(send("\"loopback\"", port, "127.0.0.1", "starttls"), port), @"later: 127.0.0.1:PORT has no secure connection to offer: STARTTLS is not supported on this server; check its certificate and the name in the address");
    assert!(!heard.recv().expect("a conversation").contains("MAIL"));
}

/// The real server, as its own process.
struct Real {
    child: Child,
    port: u16,
}

const SERVER: &str = r#"
import asyncio, sys
try:
    from aiosmtpd.smtp import SMTP
except ImportError:
    sys.exit("aiosmtpd is not installed for this python3: pip install aiosmtpd, or set MUSTER_PYTHON to one that has it")

class Print:
    async def handle_DATA(self, server, session, envelope):
        print(envelope.mail_from, envelope.rcpt_tos, repr(envelope.content.decode()), flush=True)
        return "250 taken"

async def main():
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Print()), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"#;

impl Real {
    fn start() -> (Self, impl Iterator<Item = String>) {
        let python = std::env::var("MUSTER_PYTHON").unwrap_or_else(|_| "python3".into());
        let mut child = Command::new(python)
            .args(["-c", SERVER])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is needed for this test");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let port = lines.next().and_then(|line| line.parse().ok()).expect("the server starts; it says above why not");
        (Self { child, port }, lines)
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        self.child.kill().expect("it can be ended");
        self.child.wait().expect("it ends");
    }
}

#[test]
#[ignore = "needs python3 with aiosmtpd: pip install aiosmtpd, then run with --ignored; MUSTER_PYTHON names the python"]
fn a_real_mail_server_takes_it() {
    let (server, mut lines) = Real::start();
    for _ in 0..2 {
        assert_eq!(send("\"loopback\"", server.port, "127.0.0.1", "none"), Outcome::Delivered);
        let line = lines.next().expect("a letter came");
        assert!(line.starts_with("muster@example.org ['duty@example.org', 'deputy@example.org'] "), "{line}");
        assert!(line.contains("Message-ID: <north/42-1a2b3c4d/3/desk@example.org>"), "{line}");
    }
    let outcome = said(send("\"loopback\"", server.port, "127.0.0.1", "starttls"), server.port);
    assert!(outcome.starts_with("later: "), "it offers no STARTTLS: {outcome}");
}
