//! A load of events on a running host: so many senders, each with one request under way, and what they saw.
//!
//! It speaks plain HTTP/1.1 over kept connections and reads no more of an answer than it must, so that it takes little
//! from the host beside it. It never judges what it measured.

mod connection;
mod pattern;
mod spread;
mod times;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value as Json;

use connection::Connection;
use pattern::Pattern;
pub(crate) use spread::Spread;
pub(crate) use times::Times;

/// What is sent, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// Host and port.
    pub(crate) address: String,
    /// What the senders show, as in the header `Authorization`.
    pub(crate) authorization: Option<String>,
    /// The paths that take events.
    pub(crate) spread: Spread,
    /// The event; each one sent gets an identity of its own, and its number where the event asks for it.
    pub(crate) event: Json,
    /// What begins every identity, so that no event of an earlier run is sent again.
    pub(crate) run: String,
    /// Senders at once.
    pub(crate) senders: usize,
    /// Events in all.
    pub(crate) events: u64,
    /// Events in one request; 1: each by itself.
    pub(crate) batch: u64,
    /// Events a second over all senders; `None`: as fast as answers come.
    pub(crate) rate: Option<f64>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Events that got a receipt.
    pub(crate) taken: u64,
    /// Events that got a refusal, whatever it was.
    pub(crate) refused: u64,
    /// From the first request to the last answer.
    pub(crate) wall: Duration,
    /// Of requests.
    pub(crate) times: Times,
}

impl Outcome {
    /// Events a second that got a receipt.
    pub(crate) fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let taken = self.taken as f64;
        taken / self.wall.as_secs_f64().max(1e-9)
    }
}

impl Load {
    /// Sends all of it.
    ///
    /// # Errors
    /// When a connection fails: a host that refuses answers, and that is counted.
    pub(crate) async fn run(&self) -> anyhow::Result<Outcome> {
        let next = Arc::new(AtomicU64::new(0));
        let begun = Instant::now();
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..self.senders {
            senders.spawn(self.clone().sender(Arc::clone(&next), begun));
        }
        let mut all = Outcome::default();
        while let Some(sender) = senders.join_next().await {
            let outcome = sender.context("a sender was stopped")??;
            all.taken += outcome.taken;
            all.refused += outcome.refused;
            all.times.extend(outcome.times);
        }
        all.wall = begun.elapsed();
        Ok(all)
    }

    async fn sender(self, next: Arc<AtomicU64>, begun: Instant) -> anyhow::Result<Outcome> {
        let mut connection = Connection::open(&self.address, self.authorization.as_deref()).await?;
        let mut outcome = Outcome::default();
        let pattern = Pattern::of(&self.event)?;
        let kind = if self.batch == 1 { "application/cloudevents+json" } else { "application/cloudevents-batch+json" };
        let mut body = Vec::new();
        loop {
            let first = next.fetch_add(self.batch, Ordering::Relaxed);
            if first >= self.events {
                return Ok(outcome);
            }
            let last = (first + self.batch).min(self.events);
            body.clear();
            for number in first..last {
                if self.batch > 1 {
                    body.push(if number == first { b'[' } else { b',' });
                }
                pattern.write(&self.run, number, &mut body);
            }
            if self.batch > 1 {
                body.push(b']');
            }
            #[expect(clippy::cast_precision_loss, reason = "numbers of events are far below 2^52")]
            let due = self.rate.map(|rate| begun + Duration::from_secs_f64(first as f64 / rate));
            let asked = at(due).await;
            let answer = connection.post(self.spread.path(first / self.batch), kind, &body).await?;
            outcome.times.add(asked.elapsed());
            let sent = last - first;
            if answer.status != 200 {
                outcome.refused += sent;
                continue;
            }
            let refused = if self.batch == 1 { 0 } else { answer.count(br#""problem":"#) };
            outcome.refused += refused;
            outcome.taken += sent - refused.min(sent);
        }
    }
}

/// Waits until a request is due, and says since when it counts. A sender that was still waiting for the host then is late from
/// that instant on; one that was free waits for its own clock, which ticks in milliseconds, and that is not the host's time.
async fn at(due: Option<Instant>) -> Instant {
    match due {
        Some(due) if due > Instant::now() => tokio::time::sleep_until(due.into()).await,
        Some(due) => return due,
        None => {}
    }
    Instant::now()
}

/// Processor time that a process has used so far, from Linux's `/proc`. `None` where there is none.
pub(crate) fn processor_time(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat")).ok()?;
    // The name stands in brackets and may hold anything; fields are counted from behind it.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Duration::from_millis((user + system) * 1_000 / rustix::param::clock_ticks_per_second()))
}

/// Host and port of `http://HOST:PORT`.
///
/// # Errors
/// When it is another kind of address.
pub(crate) fn address_of(server: &str) -> anyhow::Result<String> {
    let Some(rest) = server.strip_prefix("http://") else {
        bail!("{server} is not an address of the form http://HOST:PORT, and the load is sent without TLS");
    };
    let address = rest.split('/').next().unwrap_or_default();
    Ok(if address.contains(':') { address.to_owned() } else { format!("{address}:80") })
}
