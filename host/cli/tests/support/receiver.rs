//! A system that is told by webhook: a real HTTP server that verifies Standard Webhooks signatures by itself and takes no
//! message twice. It answers as it is told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value as Json;
use sha2::Sha256;

/// The secret that both sides know.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What came, and how it is answered.
pub(crate) struct Desk {
    /// The status of the next answers.
    pub(crate) answer: Box<dyn FnMut(&Json) -> u16 + Send>,
    /// Messages that were taken, each once, in the order in which they came first.
    pub(crate) taken: Vec<Json>,
    /// How often an identity that was taken came again.
    pub(crate) repeats: usize,
    /// Answers by status.
    pub(crate) answers: BTreeMap<u16, usize>,
    /// Requests that were not signed as they should be.
    pub(crate) unsigned: Vec<String>,
    /// The newest request, headers and body as they came.
    pub(crate) newest: Option<(BTreeMap<String, String>, String)>,
}

pub(crate) struct Receiver {
    pub(crate) port: u16,
    pub(crate) desk: Arc<Mutex<Desk>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let desk = Desk {
            answer: Box::new(|_| 200),
            taken: Vec::new(),
            repeats: 0,
            answers: BTreeMap::new(),
            unsigned: Vec::new(),
            newest: None,
        };
        let desk = Arc::new(Mutex::new(desk));
        let held = Arc::clone(&desk);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let desk = Arc::clone(&held);
                thread::spawn(move || stream.ok().and_then(|stream| serve(&stream, &desk)));
            }
        });
        Self { port, desk }
    }

    pub(crate) fn answer_with(&self, answer: impl FnMut(&Json) -> u16 + Send + 'static) {
        self.desk.lock().expect("no holder panics").answer = Box::new(answer);
    }

    /// Identities of what was taken, in order.
    pub(crate) fn taken(&self) -> Vec<String> {
        let desk = self.desk.lock().expect("no holder panics");
        desk.taken.iter().map(|event| event["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// How often this status was answered.
    pub(crate) fn answered(&self, status: u16) -> usize {
        self.desk.lock().expect("no holder panics").answers.get(&status).copied().unwrap_or(0)
    }
}

fn serve(stream: &TcpStream, desk: &Mutex<Desk>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let status = judge(&headers, &body, &mut desk.lock().expect("no holder panics"));
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let mut stream = stream;
    stream.write_all(answer.as_bytes()).ok()
}

fn judge(headers: &BTreeMap<String, String>, body: &[u8], desk: &mut Desk) -> u16 {
    let header = |name: &str| headers.get(name).map(String::as_str).unwrap_or_default();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let event: Json = serde_json::from_slice(body).unwrap_or_default();
    desk.newest = Some((headers.clone(), String::from_utf8_lossy(body).into_owned()));
    if !is_signed(id, timestamp, header("webhook-signature"), body) || event["id"] != id {
        desk.unsigned.push(format!("{headers:?}"));
        return 401;
    }
    let status = (desk.answer)(&event);
    *desk.answers.entry(status).or_default() += 1;
    if status == 200 {
        if desk.taken.iter().any(|one| one["id"] == id) { desk.repeats += 1 } else { desk.taken.push(event) }
    }
    status
}

/// By the standard's text, and not by the host's own code.
fn is_signed(id: &str, timestamp: &str, signature: &str, body: &[u8]) -> bool {
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).expect("Base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    let right = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    signature.split(' ').any(|one| one == right)
}
