//! Traces: each durable entry becomes a span in OpenTelemetry's form and goes to a collector. The entry is the anchor: its
//! hash names the trace, so whoever holds the journal finds the trace, and whoever sees the trace finds the entry.
//!
//! It follows behind. It must never hold up a decision: what the collector does not take in time is counted and let go.

mod span;

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use muster_access::{SecretError, SecretReference, System};
use muster_runtime::{Committed, Host, exercise_of};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use span::Span;

/// Spans that may wait for the collector.
const WAITING_MAX: usize = 4_096;
/// Spans in one request.
const TOGETHER_MAX: usize = 256;
/// So long the collector may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// So long the end of the host waits for the last spans.
const END_WITHIN: Duration = Duration::from_secs(1);

/// `[traces]`: where spans go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceSettings {
    /// The collector's address for traces, OTLP over HTTP, for instance `http://127.0.0.1:4318/v1/traces`.
    pub endpoint: String,
    /// Of a thousand entries, so many are told; entries in which a policy failed always are. All by default.
    #[serde(default = "all")]
    pub permille: u16,
    /// Where a bearer token for the collector lies.
    #[serde(default)]
    pub token: Option<SecretReference>,
}

fn all() -> u16 {
    1_000
}

/// Why spans cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// No address.
    #[error("`traces.endpoint` is `{0}`; give an address as http://127.0.0.1:4318/v1/traces")]
    Endpoint(String),
    /// More than all.
    #[error("`traces.permille` is {0}; 1 to 1000 are allowed")]
    Permille(u16),
    /// No token.
    #[error("`traces.token`: {0}")]
    Token(#[from] SecretError),
    /// The system gives no thread.
    #[error("no thread for traces: {0}")]
    Thread(#[from] std::io::Error),
}

impl TraceSettings {
    /// Whether these can be used.
    ///
    /// # Errors
    /// What cannot be.
    pub fn check(&self) -> Result<(), TraceError> {
        if !self.endpoint.starts_with("http://") && !self.endpoint.starts_with("https://") {
            return Err(TraceError::Endpoint(self.endpoint.clone()));
        }
        if !(1..=1_000).contains(&self.permille) {
            return Err(TraceError::Permille(self.permille));
        }
        Ok(())
    }
}

/// Spans on their way. They end when this is dropped; what waits is sent before, if the collector takes it soon.
pub struct Traces {
    followers: Vec<tokio::task::JoinHandle<()>>,
    /// Closed by the exporter's end.
    ended: std::sync::mpsc::Receiver<()>,
}

impl Traces {
    /// Follows every district from now on. To be called within a runtime.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn start(host: &Arc<Host>, settings: &TraceSettings) -> Result<Self, TraceError> {
        settings.check()?;
        let token = settings.token.as_ref().map(|token| token.resolve(&System)).transpose()?;
        let token = token.map(|token| String::from_utf8_lossy(token.expose()).trim().to_owned());
        let (sender, receiver) = channel(WAITING_MAX);
        let exporter = Exporter { endpoint: settings.endpoint.clone(), token, host: Arc::clone(host), failing: false };
        let (ends, ended) = std::sync::mpsc::channel();
        let run = move || {
            exporter.run(receiver);
            drop(ends);
        };
        std::thread::Builder::new().name("traces".into()).spawn(run)?;
        let mut followers = Vec::new();
        for district in host.districts().into_iter().flat_map(|id| [exercise_of(&id), id]) {
            // Listed by the host itself a moment ago, and so are its drills.
            let Ok(live) = host.subscribe(district.as_str()) else { continue };
            let (sender, host) = (sender.clone(), Arc::clone(host));
            followers.push(tokio::spawn(follow(live, sender, host, settings.permille)));
        }
        Ok(Self { followers, ended })
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // Each holds a way to the exporter: with the last of them it ends.
        self.followers.iter().for_each(tokio::task::JoinHandle::abort);
        // A collector that hangs must not keep the host from its end: callers may be waiting for the next process.
        let ended = tokio::task::block_in_place(|| self.ended.recv_timeout(END_WITHIN));
        if ended == Err(RecvTimeoutError::Timeout) {
            tracing::warn!(target: "muster::traces", "the collector did not take the last spans in time; they are let go");
        }
    }
}

/// Makes spans of a district's entries.
async fn follow(
    mut live: tokio::sync::broadcast::Receiver<Arc<Committed>>,
    sender: Sender<Span>,
    host: Arc<Host>,
    permille: u16,
) {
    let mut told = false;
    loop {
        match live.recv().await {
            Ok(committed) => {
                if span::wanted(&committed, permille) && sender.try_send(Span::of(&committed, host.now())).is_err() {
                    host.count_spans("dropped", 1);
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(target: "muster::traces", "the collector is too slow: spans are let go, and counted");
                    }
                }
            }
            Err(RecvError::Lagged(missed)) => host.count_spans("dropped", missed),
            Err(RecvError::Closed) => return,
        }
    }
}

/// The thread that speaks to the collector.
struct Exporter {
    endpoint: String,
    token: Option<String>,
    host: Arc<Host>,
    failing: bool,
}

impl Exporter {
    fn run(mut self, mut spans: Receiver<Span>) {
        let tls = ureq::tls::TlsConfig::builder()
            .root_certs(ureq::tls::RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_WITHIN))
            .tls_config(tls)
            .max_redirects(0)
            .build()
            .new_agent();
        let mut waiting = Vec::new();
        while spans.blocking_recv_many(&mut waiting, TOGETHER_MAX) > 0 {
            let count = waiting.len() as u64;
            let sent = self.send(&agent, &waiting);
            waiting.clear();
            self.host.count_spans(if sent.is_ok() { "sent" } else { "failed" }, count);
            match sent {
                Ok(()) => self.failing = false,
                // Told once until it works again.
                Err(reason) if !self.failing => {
                    self.failing = true;
                    tracing::warn!(target: "muster::traces", endpoint = self.endpoint, reason, "the collector does not take spans; decisions go on");
                }
                Err(_) => {}
            }
        }
    }

    fn send(&self, agent: &ureq::Agent, spans: &[Span]) -> Result<(), String> {
        let body = json!({"resourceSpans": [{
            "resource": {"attributes": [
                span::text("service.name", "muster"),
                span::text("service.version", env!("CARGO_PKG_VERSION")),
            ]},
            "scopeSpans": [{"scope": {"name": "muster.decision"}, "spans": spans}],
        }]});
        let mut request = agent.post(&self.endpoint).content_type("application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = request.send(body.to_string()).map_err(|reason| reason.to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(answer.status().to_string()) }
    }
}
