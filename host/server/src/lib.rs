//! The HTTP edge: events in, receipts out, and questions about what was decided.
//!
//! The only crate that speaks HTTP. It reads, asks the runtime, and says the answer; it decides nothing and holds no
//! state of its own.

mod access;
mod connection;
pub mod delivery;
mod explain;
mod intake;
pub mod language;
mod policies;
mod problem;
mod public;
mod reads;
mod registers;
pub mod sentence;
pub mod sources;
mod stream;
pub mod traces;
mod views;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use delivery::{Deliveries, routes as outbox};
use muster_access::Words;
use muster_access::tls::TlsKeeper;
use muster_runtime::Host;
use sources::Sources;
use tokio::net::TcpListener;

pub use access::{Gate, GateError, register_file};
pub use connection::ConnectionLimits;

/// The largest body that is read: an event is a few kilobytes, a batch some hundred.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// The longest that one answer may take. A commit takes milliseconds; what takes longer is stuck.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The longest that a change of a policy may take: its package is large, and its way in is long.
const CHANGE_WITHIN: Duration = Duration::from_mins(5);

/// A host with the gate before it, and TLS when there is any.
#[derive(Clone)]
pub struct Service {
    /// The host.
    pub host: Arc<Host>,
    /// Who may come in.
    pub gate: Arc<Gate>,
    /// TLS in force; without it connections are plain text.
    pub tls: Option<Arc<TlsKeeper>>,
    /// What the status must say as long as the host runs so: how it listens, and whom it lets in without proof.
    pub warnings: Arc<[Words]>,
    /// What carries out to people and systems.
    pub deliveries: Deliveries,
    /// What a city already speaks.
    pub sources: Sources,
}

impl FromRef<Service> for Arc<Host> {
    fn from_ref(service: &Service) -> Self {
        Self::clone(&service.host)
    }
}

impl FromRef<Service> for Deliveries {
    fn from_ref(service: &Service) -> Self {
        service.deliveries.clone()
    }
}

/// How a route is served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Answered within a moment, or given up.
    Timed,
    /// A package comes in: larger than an event, and slower than an answer.
    Change,
    /// Lasts as long as its reader.
    Lasting,
}

type Route = (&'static str, &'static str, MethodRouter<Service>, Way);

/// Every route there is: nothing answers that does not stand here.
fn table() -> Vec<Route> {
    use Way::{Change, Lasting, Timed};
    vec![
        ("POST", "/v1/events", post(intake::anywhere), Timed),
        ("POST", "/v1/intake/{source}", post(sources::route::take), Timed),
        ("GET", "/v1/districts", get(reads::districts), Timed),
        ("GET", "/v1/status", get(reads::whole_status), Timed),
        ("GET", "/v1/districts/{district}", get(reads::district), Timed),
        ("POST", "/v1/districts/{district}/events", post(intake::to_district), Timed),
        ("POST", "/v1/districts/{district}/events/approval", post(intake::approve), Timed),
        ("GET", "/v1/districts/{district}/incidents", get(reads::incidents), Timed),
        ("GET", "/v1/districts/{district}/incidents/{incident}", get(reads::incident), Timed),
        ("GET", "/v1/districts/{district}/registers/{register}", get(reads::register), Timed),
        ("GET", "/v1/public/{district}", get(public::view), Timed),
        ("GET", "/v1/districts/{district}/findings", get(reads::findings), Timed),
        ("GET", "/v1/districts/{district}/entries", get(reads::entries), Timed),
        ("GET", "/v1/districts/{district}/entries/{seq}", get(reads::entry), Timed),
        ("GET", "/v1/districts/{district}/entries/{seq}/explanation", get(explain::explanation), Timed),
        ("GET", "/v1/districts/{district}/policies", get(policies::status), Timed),
        ("GET", "/v1/districts/{district}/policies/{role}/history", get(policies::history), Timed),
        ("GET", "/v1/backtests/{digest}", get(policies::backtest), Timed),
        ("GET", "/v1/tokens", get(access::tokens::list), Timed),
        ("POST", "/v1/tokens", post(access::tokens::issue), Timed),
        ("POST", "/v1/tokens/{token}/revoke", post(access::tokens::revoke), Timed),
        ("GET", "/v1/outbox", get(outbox::status), Timed),
        ("GET", "/v1/outbox/dead-letters", get(outbox::dead_letters), Timed),
        ("POST", "/v1/outbox/messages/{id}/{act}", post(outbox::message), Timed),
        ("POST", "/v1/outbox/recipients/{recipient}/channels/{channel}/enable", post(outbox::enable), Timed),
        ("POST", "/v1/outbox/recipients/{recipient}/forget", post(outbox::forget), Timed),
        ("GET", "/metrics", get(reads::metrics), Timed),
        ("GET", "/healthz", get(reads::alive), Timed),
        ("GET", "/readyz", get(reads::ready), Timed),
        ("POST", "/v1/districts/{district}/policies/{role}", post(policies::change), Change),
        ("POST", "/v1/districts/{district}/policies/{role}/approval", post(policies::approve), Change),
        ("GET", "/v1/districts/{district}/stream", get(stream::entries), Lasting),
    ]
}

/// Method and path of every route, for those who check that none is left open.
pub fn routes() -> Vec<(&'static str, &'static str)> {
    table().into_iter().map(|(method, path, _, _)| (method, path)).collect()
}

/// The service over a host.
fn router(service: Service) -> Router {
    let of = |way: Way| {
        let routes = table().into_iter().filter(move |(_, _, _, of)| *of == way);
        routes.fold(Router::new(), |router, (_, path, answer, _)| router.route(path, answer))
    };
    let timed = of(Way::Timed).layer(middleware::from_fn(|request, next| within(ANSWER_WITHIN, request, next)));
    let change = of(Way::Change).layer(middleware::from_fn(|request, next| within(CHANGE_WITHIN, request, next)));
    timed
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(change.layer(DefaultBodyLimit::max(policies::BODY_BYTES_MAX)))
        .merge(of(Way::Lasting))
        .fallback(problem::no_such_route)
        // Outside of every route: whatever is added later is behind the door, too.
        .layer(middleware::from_fn_with_state(service.clone(), access::at_the_door))
        .layer(middleware::from_fn(problem::in_words))
        .layer(middleware::from_fn(traced))
        .with_state(service)
}

/// Serves until `stop` resolves, then lets running requests end.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let tls = service.tls.clone();
    connection::serve(listener, router(service), tls, limits, stop).await;
}

async fn within(limit: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => problem::too_slow(),
    }
}

async fn traced(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    tracing::debug!(target: "muster::http", %method, path, status = response.status().as_u16());
    response
}
