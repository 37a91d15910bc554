//! The real host as a process of its own: found or built, started, asked, stopped and killed.
//! Must never end a process that it did not start.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;

/// How long anything may take before it counts as never. Generous: this machine may be busy with other work.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);
/// The district of the example city.
pub(crate) const DISTRICT: &str = "yunhe";

/// The folder of the workspace.
pub(crate) fn workspace() -> anyhow::Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.ancestors().nth(2).context("this crate stands two folders below the root")?.to_path_buf())
}

/// The `muster` binary: the one that `MUSTER_BINARY` names, or built.
pub(crate) fn built() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("MUSTER_BINARY").map(PathBuf::from) {
        ensure!(named.is_file(), "MUSTER_BINARY names {}, and there is no such file", named.display());
        return Ok(named);
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace()?)
        .args(["build", "--package", "muster", "--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "muster does not build");
    let messages = String::from_utf8_lossy(&output.stdout);
    let executables = messages.lines().rev().filter_map(|line| line.split_once("\"executable\":\""));
    let found = executables.filter_map(|(_, rest)| rest.split_once('"')).map(|(path, _)| PathBuf::from(path));
    found.into_iter().find(|path| path.ends_with("muster")).context("cargo names no executable `muster`")
}

/// A running host. It is killed when dropped.
pub(crate) struct Host {
    child: Child,
    pub(crate) address: String,
    said: Arc<Mutex<String>>,
}

/// What ended a start before the host was ready.
pub(crate) struct NotUp {
    /// What the host said.
    pub(crate) said: String,
}

/// A host that was started and is perhaps not ready yet.
pub(crate) struct Starting {
    child: Child,
    said: Arc<Mutex<String>>,
    ready: std::sync::mpsc::Receiver<Option<String>>,
}

impl Starting {
    /// Starts a host; `before` stands before its command, for a recorder that hands its process over to it.
    pub(crate) fn begin(muster: &Path, data: &Path, city: &Path, before: &[String]) -> anyhow::Result<Self> {
        let words = before.iter().map(Into::into).chain([muster.as_os_str().to_owned()]);
        let mut words = words.chain(["serve".into(), "--data".into(), data.into(), "--district".into(), city.into()]);
        let program = words.next().context("no program")?;
        let mut command = Command::new(program);
        command.args(words).args(["--listen", "127.0.0.1:0"]).env("NO_COLOR", "1");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stderr.take().context("no pipe")?).lines();
        let said = Arc::new(Mutex::new(String::new()));
        let (tell, ready) = channel();
        let hears = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("ready on http://") {
                    drop(tell.send(Some(address.trim().to_owned())));
                }
                let mut said = hears.lock().unwrap_or_else(PoisonError::into_inner);
                // A host that speaks without end must not take our memory.
                if said.len() < 1 << 20 {
                    said.push_str(&line);
                    said.push('\n');
                }
            }
            drop(tell.send(None));
        });
        Ok(Self { child, said, ready })
    }

    /// Ends it at once, wherever it is.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until it serves.
    pub(crate) fn ready(mut self) -> Result<Host, NotUp> {
        let came = self.ready.recv_timeout(PATIENCE);
        if let Ok(Some(address)) = came {
            return Ok(Host { child: self.child, address, said: self.said });
        }
        drop(self.child.kill());
        let ended = self.child.wait().map_or_else(|reason| reason.to_string(), |status| status.to_string());
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match came {
            Err(RecvTimeoutError::Timeout) => said.push_str("(it was not ready in time)"),
            _ => said = format!("{said}(it ended: {ended})"),
        }
        Err(NotUp { said })
    }
}

impl Host {
    pub(crate) fn start(muster: &Path, data: &Path, city: &Path) -> anyhow::Result<Result<Self, NotUp>> {
        Ok(Starting::begin(muster, data, city, &[])?.ready())
    }

    /// What the host said so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn events(&self) -> String {
        format!("http://{}/v1/districts/{DISTRICT}/events", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> anyhow::Result<(u16, Json)> {
        let mut response = agent().get(format!("http://{}{path}", self.address)).call()?;
        let status = response.status().as_u16();
        // A page of long entries is long.
        let body = response.body_mut().with_config().limit(1 << 30).read_to_string()?;
        Ok((status, serde_json::from_str(&body).unwrap_or(Json::Null)))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = Pid::from_raw(i32::try_from(self.child.id())?).context("no process")?;
        Ok(kill_process(id, signal)?)
    }

    /// Ends the process as `kill -9` does: no chance to tidy up.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks the process to stop and waits until it is gone; gives what it said.
    pub(crate) fn stop(mut self) -> anyhow::Result<String> {
        self.signal(Signal::TERM)?;
        let begun = std::time::Instant::now();
        let status: ExitStatus = loop {
            match self.child.try_wait()? {
                Some(status) => break status,
                None if begun.elapsed() > PATIENCE => bail!("the host does not stop:\n{}", self.said()),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let said = self.said();
        ensure!(status.success(), "the host stopped with {status}:\n{said}");
        Ok(said)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs `muster` to its end; gives what it said when it failed.
pub(crate) fn muster(muster: &Path, words: &[&std::ffi::OsStr]) -> anyhow::Result<Result<(), String>> {
    let output = Command::new(muster).args(words).output().with_context(|| muster.display().to_string())?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Ok(if output.status.success() { Ok(()) } else { Err(said) })
}

pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
    config.build().new_agent()
}

/// A row of the journal as the host shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) seq: u64,
    pub(crate) hash: String,
    /// The id of the event that caused it, if one did.
    pub(crate) event: Option<String>,
    /// Where that event had taken effect before: the entry then only says so.
    pub(crate) duplicate_of: Option<u64>,
}

/// All entries from a position on, as the host shows them.
pub(crate) fn entries(host: &Host, from: u64) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut next = Some(from);
    while let Some(from) = next {
        let (status, page) = host.get(&format!("/v1/districts/{DISTRICT}/entries?from={from}&limit=500"))?;
        ensure!(status == 200, "entries from {from}: {status} {page}");
        for row in page["entries"].as_array().context("no entries")? {
            let seq = row["entry"]["seq"].as_u64().ok_or_else(|| anyhow!("an entry without a position: {row}"))?;
            let hash = row["hash"].as_str().context("no hash")?.to_owned();
            let event = row["entry"]["cause"]["event"]["id"].as_str().map(str::to_owned);
            let mut facts = row["entry"]["facts"].as_array().into_iter().flatten();
            let duplicate_of = facts.find_map(|fact| fact["event.duplicate"]["first"].as_u64());
            rows.push(Row { seq, hash, event, duplicate_of });
        }
        next = page["next"].as_u64();
    }
    Ok(rows)
}
