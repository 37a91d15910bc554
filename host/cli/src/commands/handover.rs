//! A new process at the old one's sockets: what runs answers what it took, and ends; the new one opens the data and answers
//! what waits. Nobody who calls meanwhile is refused. It must never end what runs before the new binary has shown that it
//! starts and takes the settings.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use listenfd::ListenFd;
use rustix::io::FdFlags;
use tokio::net::TcpListener;

/// Callers that may wait until they are accepted: all that a city's systems may open while a process takes over.
const WAITING: u32 = 4_096;

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

    /// Whether the binary that lies there now starts, and takes the settings as they are now.
    ///
    /// # Errors
    /// What it says against them.
    pub(crate) fn rehearse(&self) -> anyhow::Result<()> {
        let mut rehearsal = Command::new(&self.binary);
        rehearsal.args(&self.arguments).arg("--dry-run").env_remove("LISTEN_FDS");
        let output = rehearsal.output().with_context(|| self.binary.display().to_string())?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{} does not start: {}", self.binary.display(), said.trim());
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
