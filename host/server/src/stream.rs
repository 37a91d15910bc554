//! Entries as they become durable, as server-sent events. Resumes from any position; never skips one.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use muster_access::{Action, Proof};
use muster_kernel::{Instant, Milliseconds};
use muster_runtime::Committed;
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_stream::Stream;

use crate::Service;
use crate::access::Caller;
use crate::connection::Peer;
use crate::language::Language;
use crate::problem::{Kind, Problem};
use crate::reads;

/// Entries read from the journal at once while a reader catches up.
const CATCH_UP: usize = 200;
/// Where a reader says what it has seen.
const LAST_EVENT_ID: &str = "last-event-id";
/// How often an idle stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// So long an entry may be followed with a signed token, before it is shown again.
const SIGNED_FOR: Milliseconds = Milliseconds::minutes(15);

/// Where a stream begins.
#[derive(Debug, Deserialize)]
pub(crate) struct From {
    #[serde(default)]
    from: Option<u64>,
}

/// `GET /v1/districts/{district}/stream`: from `?from=`, after `Last-Event-ID`, or from now on.
pub(crate) async fn entries(
    State(service): State<Service>,
    Path(district): Path<String>,
    Query(wanted): Query<From>,
    caller: Caller,
    Extension(peer): Extension<Arc<Peer>>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let (host, language) = (Arc::clone(&service.host), caller.language);
    caller.in_district(&host, Action::ReadStream, &district, None).await?;
    // Subscribed before the head is read: nothing falls between the past and the present.
    let live = host.subscribe(&district).map_err(|error| Problem::of_query(&error, language))?;
    let status = host.status(&district, false).await.map_err(|error| Problem::of_query(&error, language))?;
    // Whatever is no position was refused before.
    let last =
        headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    let next = last.map_or(wanted.from.unwrap_or(status.seq + 1), |last| last + 1).max(1);
    if next > status.seq + 1 {
        let field = if last.is_some() { LAST_EVENT_ID } else { "from" };
        return Err(ahead(next, status.seq, field, language));
    }
    let (sender, receiver) = mpsc::channel(CATCH_UP);
    let until = match caller.identity.proof {
        // Its end is known to the issuer only; whoever follows for longer shows it again.
        Proof::OpenIdConnect { .. } => host.now() + SIGNED_FOR,
        _ => Instant::MAX,
    };
    let feed = Feed { service, caller, until, district, live, next, waiting: VecDeque::new() };
    tokio::spawn(feed.run(sender, peer.stop.clone()));
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// A reader who has seen what this journal does not hold would miss what came in its place.
fn ahead(next: u64, head: u64, field: &str, language: Language) -> Problem {
    let (zh, en) = (
        format!(
            "从第 {next} 条起读取,但最新一条是第 {head} 条;日志末尾曾丢失,或这是别处的位置;请用 `from` 重新指定起点"
        ),
        format!(
            "the stream is to begin at entry {next}, but entry {head} is the newest: the journal's end was lost, or the \
             position is another journal's; say with `from` where to begin"
        ),
    );
    Problem::new(Kind::BadRequest, language, language.of(&zh, &en)).field(Some(field))
}

/// What comes next, or nothing when nobody waits for it any more: the reader left, or the host stops. A reader who left
/// keeps nothing here, however long a quiet district has no entry.
async fn wanted<T, Sent>(
    next: impl Future<Output = Option<T>>,
    sender: &mpsc::Sender<Sent>,
    stop: &mut watch::Receiver<bool>,
) -> Option<T> {
    tokio::select! {
        next = next => next,
        () = sender.closed() => None,
        _ = stop.changed() => None,
    }
}

/// One reader's way through the journal. It reads the past, then follows; a reader that lags reads the past again.
struct Feed {
    service: Service,
    caller: Caller,
    until: Instant,
    district: String,
    live: broadcast::Receiver<Arc<Committed>>,
    next: u64,
    waiting: VecDeque<Committed>,
}

impl Feed {
    async fn run(mut self, sender: mpsc::Sender<Result<Event, Infallible>>, mut stop: watch::Receiver<bool>) {
        while let Some(event) = wanted(self.following(), &sender, &mut stop).await {
            // A token that ended meanwhile sees no entry more.
            let now = self.service.host.now();
            if now >= self.until || !self.service.gate.still_holds(&self.caller.identity, now) {
                return;
            }
            if sender.send(Ok(event)).await.is_err() {
                return;
            }
        }
    }

    /// The next entry, or nothing when the host stops.
    async fn following(&mut self) -> Option<Event> {
        loop {
            if let Some(committed) = self.waiting.pop_front() {
                self.next = committed.entry.seq + 1;
                let event = Event::default().id(committed.entry.seq.to_string()).event("entry");
                return event.json_data(reads::committed(&committed)).ok();
            }
            let past = reads::read(&self.service.host, self.district.clone(), self.next, CATCH_UP).await.ok()?;
            self.waiting.extend(past);
            if self.waiting.is_empty() {
                match self.live.recv().await {
                    // What became durable is read from the journal: one way in, one order.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// What comes of a wait in which no entry comes.
    fn in_a_quiet_district(sender: &mpsc::Sender<()>, stop: &mut watch::Receiver<bool>) -> Poll<Option<()>> {
        pin!(wanted(std::future::pending::<Option<()>>(), sender, stop)).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn nobody_waits_for_a_reader_who_left_or_a_host_that_stops() {
        let (sender, receiver) = mpsc::channel(1);
        let (tell_stop, mut stop) = watch::channel(false);
        assert_eq!(in_a_quiet_district(&sender, &mut stop), Poll::Pending);
        drop(receiver);
        assert_eq!(in_a_quiet_district(&sender, &mut stop), Poll::Ready(None), "the reader left");
        let (sender, _receiver) = mpsc::channel(1);
        tell_stop.send(true).expect("heard");
        assert_eq!(in_a_quiet_district(&sender, &mut stop), Poll::Ready(None), "the host stops");
    }
}
