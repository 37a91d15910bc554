//! One reader at one terminal: a bash session in a fresh folder with a home, ports and a copy of the examples of its own.
//! Whatever a guide starts ends with it.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::{Block, Ends, Guide, is_shown};
use crate::support;

/// What a guide may wait for at most, one block after the other.
const PATIENCE: Duration = Duration::from_mins(2);
/// The ports that the guides name: the host's, and that of whoever is told.
const PORTS: [&str; 2] = ["7310", "8085"];

/// A shell that is told one block after the other.
pub(crate) struct Session {
    shell: Child,
    typed: ChildStdin,
    /// Scripts and answers; the shell itself works in `work` below it.
    folder: TempDir,
    /// Free ports in place of those that the guides name.
    ports: Vec<(&'static str, String)>,
    _examples: TempDir,
}

impl Session {
    /// A fresh folder with `examples` and `tls` in it, and a shell there.
    pub(crate) fn begin(guide: &Guide) -> Self {
        let (folder, examples) = (tempfile::tempdir().expect("a folder"), support::examples());
        let (work, home, bin) = (folder.path().join("work"), folder.path().join("home"), folder.path().join("bin"));
        for path in [&work, &home, &bin] {
            fs::create_dir(path).expect("made");
        }
        std::os::unix::fs::symlink(support::MUSTER, bin.join("muster")).expect("linked");
        std::os::unix::fs::symlink(examples.path(), work.join("examples")).expect("linked");
        certificates(&work.join("tls"));
        // Both are held while both are chosen, or they might be one.
        let sockets: Vec<TcpListener> =
            PORTS.iter().map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
        let free = sockets.iter().map(|socket| socket.local_addr().expect("bound").port().to_string());
        let ports: Vec<(&'static str, String)> = PORTS.into_iter().zip(free).collect();
        let address = format!("127.0.0.1:{}", ports[0].1);
        let path = std::env::var("PATH").expect("a path");
        let mut shell = Command::new("bash");
        // A process group of its own, so that all that the guide left running can be ended with it.
        shell.process_group(0).current_dir(&work).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        shell
            .env_clear()
            .env("HOME", &home)
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("TZ", "Asia/Shanghai");
        // Not `LC_ALL`: a machine without the Chinese locale would complain at every shell.
        shell.env("LANG", if guide.is_chinese() { "zh_CN.UTF-8" } else { "C.UTF-8" });
        shell.env("MUSTER_LISTEN", &address).env("MUSTER_SERVER", format!("http://{address}"));
        let mut shell = shell.spawn().expect("bash runs");
        let typed = shell.stdin.take().expect("piped");
        let mut session = Self { shell, typed, folder, ports, _examples: examples };
        session.type_in("set -euo pipefail\n");
        session
    }

    /// Plays every block, and stops at the first that does not do what the guide says.
    pub(crate) fn play(mut self, guide: &Guide) {
        for (number, block) in guide.blocks.iter().enumerate() {
            let begun = Instant::now();
            loop {
                let (well, said) = self.run(number, block, begun);
                let shown = block.answer.as_ref().is_none_or(|answer| is_shown(answer, &said));
                let as_told = shown && (well == Some(block.ends != Ends::Failing));
                if as_told {
                    break;
                }
                let again = block.ends == Ends::Sometime && well.is_some() && begun.elapsed() < PATIENCE;
                let place = guide.place(block.line);
                let ended = match well {
                    Some(true) => "ended well",
                    Some(false) => "failed",
                    None => "ended the session",
                };
                let answer = block.answer.as_deref().unwrap_or("(anything)");
                assert!(
                    again,
                    "{place}: this block {ended}:\n{}\n--- the guide shows\n{answer}\n--- it said\n{said}",
                    block.commands
                );
                sleep(Duration::from_millis(200));
            }
        }
    }

    /// Runs a block; whether it ended well, `None` when the session ended with it, and what it said.
    fn run(&mut self, number: usize, block: &Block, begun: Instant) -> (Option<bool>, String) {
        let file = |kind: &str| self.folder.path().join(format!("{number}.{kind}"));
        let (script, said, done) = (file("sh"), file("said"), file("done"));
        drop(fs::remove_file(&done));
        let there =
            |text: &str| self.ports.iter().fold(text.to_owned(), |text, (shown, free)| text.replace(shown, free));
        fs::write(&script, there(&block.commands) + "\n").expect("written");
        let (script, output, end) = (script.display(), said.display(), done.display());
        // What must end well may set variables for the blocks after it; the others are kept apart from the session.
        let line = match block.ends {
            Ends::Well => format!("exec >{output} 2>&1; . {script} </dev/null; echo 0 >{end}\n"),
            Ends::Failing | Ends::Sometime => {
                format!("exec >{output} 2>&1; set +e; (set -e; . {script} </dev/null); echo $? >{end}; set -e\n")
            }
        };
        self.type_in(&line);
        let code = self.wait(&done, begun);
        let back = |text: String| {
            self.ports.iter().fold(text, |text, (shown, free)| text.replace(&format!(":{free}"), &format!(":{shown}")))
        };
        let said = back(String::from_utf8_lossy(&fs::read(&said).unwrap_or_default()).into_owned());
        (code.map(|code| code.trim() == "0"), said)
    }

    /// Waits for the end of a block, which its file tells, or of the shell.
    fn wait(&mut self, done: &Path, begun: Instant) -> Option<String> {
        loop {
            let ended = self.shell.try_wait().expect("a child").is_some();
            if let Ok(code) = fs::read_to_string(done)
                && code.ends_with('\n')
            {
                return Some(code);
            }
            if ended || begun.elapsed() > PATIENCE {
                return None;
            }
            sleep(Duration::from_millis(20));
        }
    }

    fn type_in(&mut self, text: &str) {
        // A shell that ended takes nothing any more; what ended it is told of where its end is seen.
        drop(self.typed.write_all(text.as_bytes()));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let group = i32::try_from(self.shell.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            // A group whose last process ended by itself is gone already.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        drop(self.shell.wait());
    }
}

/// An authority, and a host's certificates by it: one that has run out, one that holds.
fn certificates(folder: &PathBuf) {
    fs::create_dir(folder).expect("made");
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("written");
    let (authority_key, key) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write("ca.pem", &authority.self_signed(&authority_key).expect("signed").pem());
    write("host.key", &key.serialize_pem());
    let issuer = Issuer::new(authority, authority_key);
    for (name, from, until) in [("expired.pem", 2020, 2021), ("fresh.pem", 2020, 2120)] {
        let mut host = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
        (host.not_before, host.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        write(name, &host.signed_by(&key, &issuer).expect("signed").pem());
    }
}
