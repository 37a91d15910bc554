//! What the end-to-end tests share: the example city with packages that were built from source, and the real binary.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod trust;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;

pub(crate) const MUSTER: &str = env!("CARGO_BIN_EXE_muster");

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("two folders below the root").to_path_buf()
}

#[allow(unused_imports, reason = "each test file uses its part")]
pub(crate) use muster_testkit::examples::examples;

/// The binary under test; another one can be named, for instance one that was built for speed.
fn binary() -> PathBuf {
    std::env::var_os("MUSTER_BINARY").map_or_else(|| MUSTER.into(), PathBuf::from)
}

/// Runs the binary; whether it went well, and what it said.
pub(crate) fn muster(arguments: &[&str]) -> (bool, String) {
    muster_with(arguments, &BTreeMap::new())
}

/// The same, with variables of the environment.
pub(crate) fn muster_with(arguments: &[&str], variables: &BTreeMap<&str, &str>) -> (bool, String) {
    let mut command = Command::new(binary());
    let output = command.args(arguments).env("LC_ALL", "C").envs(variables).output().expect("the binary runs");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// The same package with other bytes: a custom section more, that means nothing to anybody.
pub(crate) fn variant(package: &[u8], edition: &str) -> Vec<u8> {
    let name = b"edition";
    let length = u8::try_from(1 + name.len() + edition.len()).expect("a short name");
    assert!(length < 128, "one byte holds the length");
    let mut bytes = package.to_vec();
    bytes.extend([0, length, u8::try_from(name.len()).expect("short")]);
    bytes.extend(name);
    bytes.extend(edition.as_bytes());
    bytes
}

/// A running host. It is killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start(data: &Path, districts: &[PathBuf]) -> Self {
        Self::start_with(data, districts, &[])
    }

    /// Starts a host with more options.
    pub(crate) fn start_with(data: &Path, districts: &[PathBuf], options: &[&str]) -> Self {
        Self::try_start(data, districts, options).unwrap_or_else(|said| panic!("the host did not come up:\n{said}"))
    }

    /// Starts a host, or gives what it said when it did not come up.
    pub(crate) fn try_start(data: &Path, districts: &[PathBuf], options: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(binary());
        command.arg("serve").arg("--data").arg(data).args(options);
        for district in districts {
            command.arg("--district").arg(district);
        }
        Self::spawn(command)
    }

    /// Starts a host by its `muster.toml`.
    pub(crate) fn configured(settings: &Path) -> Self {
        Self::try_configured(settings).unwrap_or_else(|said| panic!("the host did not come up:\n{said}"))
    }

    /// The same, or what it said when it did not come up.
    pub(crate) fn try_configured(settings: &Path) -> Result<Self, String> {
        let mut command = Command::new(binary());
        command.arg("serve").arg("--config").arg(settings);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Result<Self, String> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let address = format!("127.0.0.1:{port}");
        command.args(["--listen", &address]).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut said = Vec::new();
        for line in &mut lines {
            let line = line.expect("text");
            let ready = line.contains("ready on");
            said.push(line);
            if ready {
                // The rest is read away, so that the host never waits for its reader.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(Self { child, address });
            }
        }
        drop(child.wait());
        Err(said.join("\n"))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Json {
        let mut response = agent().get(self.url(path)).call().expect("answered");
        response.body_mut().read_json().expect("JSON")
    }

    /// What stands at a path, as text.
    pub(crate) fn text(&self, path: &str) -> String {
        agent().get(self.url(path)).call().expect("answered").body_mut().read_to_string().expect("text")
    }

    /// Posts a body; gives the status, the content type and the answer.
    pub(crate) fn post(&self, path: &str, content: &str, body: &[u8]) -> (u16, String, Json) {
        let mut response = agent().post(self.url(path)).content_type(content).send(body).expect("answered");
        let kind =
            response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
        (response.status().as_u16(), kind, response.body_mut().read_json().unwrap_or(Json::Null))
    }

    pub(crate) fn send(&self, district: &str, event: &Json) -> (u16, Json) {
        let path = format!("/v1/districts/{district}/events");
        let (status, _, answer) = self.post(&path, "application/cloudevents+json", event.to_string().as_bytes());
        (status, answer)
    }

    /// Ends the process as a power cut would: no chance to tidy up.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// Asks the process to stop and waits until it is gone.
    pub(crate) fn stop(mut self) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        let id = rustix::process::Pid::from_raw(id).expect("a process id");
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("told");
        self.child.wait().expect("gone");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().new_agent()
}

/// A signal about standing water, with an id of its own.
pub(crate) fn signal(id: &str, node: &str) -> Json {
    serde_json::json!({
        "specversion": "1.0", "id": id, "source": "urn:test:grid", "type": "gov.muster.signal.reported",
        "jurisdiction": node, "data": {"kind": "ponding", "depth_cm": 18}
    })
}

/// A warning, as the weather bureau sends it.
pub(crate) fn warning(id: &str, node: &str, colour: &str) -> Json {
    serde_json::json!({
        "specversion": "1.0", "id": id, "source": "urn:test:weather", "type": "gov.muster.warning.received",
        "jurisdiction": node, "data": {"hazard": "rainstorm", "colour": colour, "valid_h": 6}
    })
}
