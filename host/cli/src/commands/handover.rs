//! A new process at the old one's sockets: what runs answers what it took, and ends; the new one opens the data and answers
//! what waits. Nobody who calls meanwhile is refused. It must never end what runs before the new binary has shown that it
//! starts and takes the settings, nor wait without end for that.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use listenfd::ListenFd;
use rustix::io::FdFlags;
use tokio::net::TcpListener;

/// Callers that may wait until they are accepted: all that a city's systems may open while a process takes over.
const WAITING: u32 = 4_096;
/// How long a new binary may take to show that it starts: far longer than any settings take to be read.
pub(crate) const REHEARSAL_WITHIN: Duration = Duration::from_secs(30);
/// How often a rehearsal is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What a process needs to put another in its place: how it was called itself, and the socket it listens on.
pub(crate) struct Handover {
    /// Taken at the start: the file may be another by the time it is called.
    binary: PathBuf,
    arguments: Vec<OsString>,
    handed: Mutex<ListenFd>,
    socket: Mutex<Option<std::net::TcpListener>>,
}

impl Handover {
    /// Notes how this process was called, and what socket it was handed, in the way of `sd_listen_fds(3)`. To be called
    /// before there is any other thread.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let binary = std::env::current_exe().context("this process does not know its own binary")?;
        let arguments = std::env::args_os().skip(1).collect();
        Ok(Self { binary, arguments, handed: Mutex::new(ListenFd::from_env()), socket: Mutex::default() })
    }

    /// The socket to listen on: the one that was handed over, or a new one.
    pub(crate) fn listener(&self, address: SocketAddr) -> anyhow::Result<TcpListener> {
        let handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner).take_tcp_listener(0);
        let handed = handed.context("the socket that was handed over cannot be used")?;
        let listener = if let Some(listener) = handed {
            listener.set_nonblocking(true)?;
            listener
        } else {
            let fresh =
                if address.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() };
            let opened = fresh.and_then(|socket| {
                socket.set_reuseaddr(true)?;
                socket.bind(address)?;
                socket.listen(WAITING)?.into_std()
            });
            opened.with_context(|| format!("cannot listen on {address}"))?
        };
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener.try_clone()?);
        Ok(TcpListener::from_std(listener)?)
    }

    /// Lets the socket go: who calls from now on is told at once that nobody is there.
    pub(crate) fn let_go(&self) {
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the binary that lies there now starts, and takes the settings as they are now. One that does not say so in
    /// time is ended; so is one that nobody waits for any more.
    ///
    /// # Errors
    /// What it says against them.
    pub(crate) async fn rehearse(&self, within: Duration) -> anyhow::Result<()> {
        let binary = self.binary.display();
        let mut rehearsal = Rehearsal::begin(&self.binary, &self.arguments).with_context(|| binary.to_string())?;
        let Ok(ended) = tokio::time::timeout(within, rehearsal.end()).await else {
            bail!("{binary} did not say within {} s whether it starts; it was ended", within.as_secs());
        };
        if !ended?.success() {
            bail!("{binary} does not start: {}", rehearsal.said()?.trim());
        }
        Ok(())
    }

    /// Becomes the new process. Everything of the old one must have ended. Returns only when it cannot be started.
    pub(crate) fn replace(&self) -> anyhow::Error {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(socket) = &*socket else { return anyhow::anyhow!("no socket is left to hand over") };
        // It must outlive this process's image; everything else ends with it.
        if let Err(error) = rustix::io::fcntl_setfd(socket, FdFlags::empty()) {
            return anyhow::Error::new(error).context("the socket cannot be handed over");
        }
        let mut successor = Command::new(&self.binary);
        successor
            .args(&self.arguments)
            .env("LISTEN_FDS", "1")
            .env("LISTEN_PID", std::process::id().to_string())
            .env("LISTEN_FDS_FIRST_FD", socket.as_raw_fd().to_string());
        anyhow::Error::new(successor.exec()).context(self.binary.display().to_string())
    }
}

/// A new binary that is asked whether it starts. It never outlives the question.
struct Rehearsal {
    child: Child,
    /// A file and no pipe: nobody need read it while it is written.
    said: File,
}

impl Rehearsal {
    fn begin(binary: &Path, arguments: &[OsString]) -> std::io::Result<Self> {
        let said = tempfile::tempfile()?;
        let mut rehearsal = Command::new(binary);
        rehearsal.args(arguments).arg("--dry-run").env_remove("LISTEN_FDS");
        rehearsal.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said.try_clone()?);
        Ok(Self { child: rehearsal.spawn()?, said })
    }

    /// Waits for its end, as one that may be dropped while it waits.
    async fn end(&mut self) -> std::io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn said(&mut self) -> std::io::Result<String> {
        let mut said = Vec::new();
        self.said.rewind()?;
        self.said.read_to_end(&mut said)?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        // It has ended already, as a rule.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A handover to a shell that runs this.
    fn to(script: &str) -> Handover {
        let arguments = ["-c", script].map(OsString::from).to_vec();
        Handover {
            binary: "/bin/sh".into(),
            arguments,
            handed: Mutex::new(ListenFd::empty()),
            socket: Mutex::default(),
        }
    }

    fn rehearsed(script: &str, within: Duration) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(to(script).rehearse(within)).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_binary_that_hangs_is_not_waited_for_without_end() {
        let said = rehearsed("exec sleep 600", Duration::ZERO).expect_err("no answer");
        assert!(said.contains("did not say within 0 s"), "{said}");
    }

    #[test]
    fn what_a_binary_says_against_it_is_passed_on_however_much_it_is() {
        // More than a pipe holds.
        let said = rehearsed("seq 1 50000 >&2; exit 1", REHEARSAL_WITHIN).expect_err("refused");
        assert!(said.starts_with("/bin/sh does not start: 1\n") && said.ends_with("50000"), "{}", said.len());
        rehearsed("exit 0", REHEARSAL_WITHIN).expect("it starts");
    }
}
