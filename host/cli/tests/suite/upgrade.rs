//! A new binary in the place of the old one while events flow: no caller is refused, and nothing that was acknowledged is
//! lost. A binary that does not start takes nobody's place.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::{MUSTER, agent, examples, muster, signal};
use serde_json::Value as Json;

/// Callers at once: half of them keep their connection, half open a new one for each event.
const SENDERS: usize = 8;

/// One test at a time: a process that one of them forks holds what the other is just writing, and a binary that is being
/// written cannot be run.
static ALONE: Mutex<()> = Mutex::new(());

/// A host whose binary lies in a folder of its own, and what it says.
struct Process {
    child: Child,
    binary: PathBuf,
    said: Receiver<String>,
    address: String,
}

impl Process {
    fn start(folder: &Path, city: &Path, data: &Path) -> Self {
        let binary = folder.join("muster");
        fs::copy(MUSTER, &binary).expect("copied");
        let mut serve = Command::new(&binary);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).arg("--district").arg(city);
        Self::hosted(binary, serve)
    }

    /// Starts what was put together, and waits until it takes events.
    fn hosted(binary: PathBuf, mut serve: Command) -> Self {
        let mut child = serve.stderr(Stdio::piped()).spawn().expect("the binary runs");
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let (tell, said) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        let mut process = Self { child, binary, said, address: String::new() };
        let ready = process.hear("ready on");
        ready.split("http://").nth(1).expect("an address").clone_into(&mut process.address);
        process
    }

    /// Waits until the host says this, and gives the line.
    fn hear(&self, what: &str) -> String {
        loop {
            let line = self.said.recv_timeout(Duration::from_mins(1));
            let line = line.unwrap_or_else(|_| panic!("the host never said `{what}`"));
            if line.contains(what) {
                return line;
            }
        }
    }

    /// Puts another file in the place of the binary, as a package's upgrade does.
    fn put(&self, bytes: &[u8]) {
        let fresh = self.binary.with_extension("fresh");
        fs::write(&fresh, bytes).expect("written");
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).expect("made executable");
        fs::rename(&fresh, &self.binary).expect("put in place");
    }

    fn tell(&self, what: rustix::process::Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        let id = rustix::process::Pid::from_raw(id).expect("a process id");
        rustix::process::kill_process(id, what).expect("told");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_new_process_takes_over_under_load_and_nobody_is_refused() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (cities, folder) = (examples(), tempfile::tempdir().expect("a folder"));
    let data = folder.path().join("data");
    let host = Process::start(folder.path(), &cities.path().join("yunhe"), &data);
    let url = format!("http://{}/v1/districts/yunhe/events", host.address);
    let (stop, counter) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (receipts, faults) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (url, stop, counter, receipts, faults) = (&url, &stop, &counter, &receipts, &faults);
            scope.spawn(move || {
                let mut caller = agent();
                while !stop.load(Ordering::Relaxed) {
                    let id = format!("upgrade-{}", counter.fetch_add(1, Ordering::Relaxed));
                    let event = signal(&id, "990103901").to_string();
                    match caller.post(url).content_type("application/cloudevents+json").send(event) {
                        Ok(mut answer) if answer.status() == 200 => {
                            let receipt: Json = answer.body_mut().read_json().expect("a receipt");
                            let seq = receipt["seq"].as_u64().expect("a position");
                            receipts.lock().expect("no holder panics").push((id, seq));
                        }
                        Ok(answer) => faults.lock().expect("no holder panics").push(answer.status().to_string()),
                        Err(error) => faults.lock().expect("no holder panics").push(error.to_string()),
                    }
                    if sender % 2 == 1 {
                        caller = agent();
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
        }
        let binary = fs::read(MUSTER).expect("read");
        for _ in 0..3 {
            let before = counter.load(Ordering::Relaxed);
            while counter.load(Ordering::Relaxed) < before + 100 {
                std::thread::sleep(Duration::from_millis(10));
            }
            host.put(&binary);
            host.tell(rustix::process::Signal::USR2);
            host.hear("a new process takes over");
            host.hear("ready on");
        }
        let before = counter.load(Ordering::Relaxed);
        while counter.load(Ordering::Relaxed) < before + 100 {
            std::thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
    });
    let (receipts, faults) = (receipts.into_inner().expect("whole"), faults.into_inner().expect("whole"));
    assert!(
        faults.is_empty(),
        "{} of {} were refused: {:?}",
        faults.len(),
        counter.load(Ordering::Relaxed),
        &faults[..faults.len().min(5)]
    );
    println!("{} events, three upgrades, none refused", receipts.len());
    let mut in_journal = BTreeSet::new();
    let mut from = Some(1);
    let caller = agent();
    while let Some(next) = from {
        let page =
            caller.get(format!("http://{}/v1/districts/yunhe/entries?from={next}&limit=500", host.address)).call();
        let page: Json = page.expect("answered").body_mut().read_json().expect("JSON");
        for row in page["entries"].as_array().expect("entries") {
            if let Some(id) = row["entry"]["cause"]["event"]["id"].as_str() {
                let seq = row["entry"]["seq"].as_u64().expect("a position");
                assert!(in_journal.insert((id.to_owned(), seq)), "{id} stands twice");
            }
        }
        from = page["next"].as_u64();
    }
    for receipt in &receipts {
        assert!(in_journal.contains(receipt), "{receipt:?} was acknowledged and is gone");
    }
    drop(caller);
    host.tell(rustix::process::Signal::TERM);
    host.hear("everything that was acknowledged");
    let (proved, said) = muster(&["verify", data.to_str().expect("UTF-8")]);
    assert!(proved, "{said}");
}

#[test]
fn a_binary_or_settings_that_do_not_start_take_nobodys_place() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (cities, folder) = (examples(), tempfile::tempdir().expect("a folder"));
    let (city, data) = (cities.path().join("yunhe"), folder.path().join("data"));
    let host = Process::start(folder.path(), &city, &data);
    let answers = || {
        let answer = agent().get(format!("http://{}/healthz", host.address)).call().expect("answered");
        assert_eq!(answer.status(), 200);
    };
    host.put(b"#!/bin/sh\necho this edition is broken >&2\nexit 1\n");
    host.tell(rustix::process::Signal::USR2);
    let said = host.hear("no new process takes over");
    assert!(said.contains("this edition is broken"), "{said}");
    answers();
    host.put(&fs::read(MUSTER).expect("read"));
    let settings = city.join("district.toml");
    let whole = fs::read_to_string(&settings).expect("read");
    fs::write(&settings, format!("{whole}\n[nonsense\n")).expect("written");
    host.tell(rustix::process::Signal::USR2);
    let said = host.hear("no new process takes over");
    assert!(said.contains("district.toml"), "{said}");
    answers();
    fs::write(&settings, whole).expect("written");
    host.tell(rustix::process::Signal::USR2);
    host.hear("a new process takes over");
    host.hear("ready on");
    answers();
}

#[test]
fn who_says_stop_is_heard_while_a_new_binary_hangs() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (cities, folder) = (examples(), tempfile::tempdir().expect("a folder"));
    let mut host = Process::start(folder.path(), &cities.path().join("yunhe"), &folder.path().join("data"));
    let hangs = folder.path().join("hangs");
    let script = format!("#!/bin/sh\necho $$ > {0}.new\nmv {0}.new {0}\nexec sleep 600\n", hangs.display());
    host.put(script.as_bytes());
    host.tell(rustix::process::Signal::USR2);
    while !hangs.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    // What runs goes on meanwhile.
    let answer = agent().get(format!("http://{}/healthz", host.address)).call().expect("answered");
    assert_eq!(answer.status(), 200);
    host.tell(rustix::process::Signal::TERM);
    host.hear("everything that was acknowledged");
    assert!(host.child.wait().expect("ended").success());
    let hung = fs::read_to_string(&hangs).expect("its number");
    assert!(!Path::new("/proc").join(hung.trim()).exists(), "the binary that hangs outlives the host");
}

#[test]
fn who_says_stop_during_a_takeover_is_obeyed() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (cities, folder) = (examples(), tempfile::tempdir().expect("a folder"));
    let mut host = Process::start(folder.path(), &cities.path().join("yunhe"), &folder.path().join("data"));
    // A request under way, which the old process answers before it gives its place away.
    let mut caller = TcpStream::connect(&host.address).expect("connected");
    let event = signal("upgrade-stop", "990103901").to_string();
    let (first, rest) = event.split_at(event.len() / 2);
    let head = format!(
        "POST /v1/districts/yunhe/events HTTP/1.1\r\nHost: {}\r\nContent-Type: application/cloudevents+json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        host.address,
        event.len()
    );
    caller.write_all(head.as_bytes()).expect("sent");
    let mut answer = BufReader::new(caller.try_clone().expect("a reader"));
    let mut line = String::new();
    answer.read_line(&mut line).expect("answered");
    assert!(line.contains("100 Continue"), "the host waits for the rest: {line}");
    caller.write_all(first.as_bytes()).expect("sent");
    host.tell(rustix::process::Signal::USR2);
    host.hear("a new process takes over");
    host.tell(rustix::process::Signal::TERM);
    caller.write_all(rest.as_bytes()).expect("sent");
    line.clear();
    while !line.starts_with("HTTP/1.1 200") {
        line.clear();
        assert!(answer.read_line(&mut line).expect("answered") > 0, "the running request was not answered");
    }
    drop((caller, answer));
    host.hear("told to stop meanwhile");
    host.hear("everything that was acknowledged");
    assert!(host.child.wait().expect("ended").success());
    assert!(TcpStream::connect(&host.address).is_err(), "nobody listens any more");
}

/// Opens a socket as `sd_listen_fds(3)` has it, the file number 3, and becomes the host.
const ACTIVATED: &str = "
import os, socket, sys
waiting = socket.create_server(('127.0.0.1', 0))
os.dup2(waiting.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])
";

#[test]
fn a_socket_that_is_handed_over_is_listened_on_whatever_the_settings_say() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (cities, folder) = (examples(), tempfile::tempdir().expect("a folder"));
    let mut serve = Command::new("python3");
    serve.args(["-c", ACTIVATED, MUSTER, "serve", "--listen", "127.0.0.1:1", "--data"]).arg(folder.path().join("data"));
    serve.arg("--district").arg(cities.path().join("yunhe"));
    let host = Process::hosted(MUSTER.into(), serve);
    assert_ne!(host.address, "127.0.0.1:1");
    let answer = agent().get(format!("http://{}/healthz", host.address)).call().expect("answered");
    assert_eq!(answer.status(), 200);
}
