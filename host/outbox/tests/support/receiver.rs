//! An HTTP receiver on a real socket of this machine that answers as it is told, byte for byte.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::thread;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Method and target, for instance `POST /hook?x=1`.
    pub(crate) line: String,
    /// Headers, names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// What a receiver writes; then it closes the connection, or resets it.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Bytes(String),
    /// Writes, then resets the connection (RST).
    Reset(String),
    /// Writes nothing until the other side hangs up.
    Silence,
    /// Writes, then nothing more until the other side hangs up.
    Stall(String),
}

impl Reply {
    pub(crate) fn status(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}"))
    }
}

pub(crate) struct Receiver {
    pub(crate) port: u16,
    pub(crate) requests: Inbox<Request>,
}

impl Receiver {
    pub(crate) fn start(mut reply: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (sender, requests) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let Some(request) = read(&stream) else { continue };
                let answer = reply(&request);
                if !serve(&mut stream, &request, &sender, answer) {
                    return;
                }
            }
        });
        Self { port, requests }
    }

    pub(crate) fn next(&self) -> Request {
        self.requests.try_recv().expect("a request came")
    }
}

fn serve(stream: &mut TcpStream, request: &Request, sender: &Sender<Request>, reply: Reply) -> bool {
    // Who waits for the answer must find the request here already.
    let open = sender.send(request.clone()).is_ok();
    match reply {
        Reply::Bytes(text) => drop(stream.write_all(text.as_bytes())),
        Reply::Reset(text) => {
            drop(stream.write_all(text.as_bytes()));
            let socket = socket2::SockRef::from(&*stream);
            socket.set_linger(Some(std::time::Duration::ZERO)).expect("linger");
        }
        Reply::Silence => drop(stream.read(&mut [0])),
        Reply::Stall(text) => {
            drop(stream.write_all(text.as_bytes()));
            drop(stream.read(&mut [0]));
        }
    }
    open
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let line = line.strip_suffix(" HTTP/1.1\r\n")?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { line, headers, body: String::from_utf8(body).ok()? })
}
