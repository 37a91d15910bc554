//! The HTTP edge: events in, receipts out, and questions about what was decided.
//!
//! The only crate that speaks HTTP. It reads, asks the runtime, and says the answer; it decides nothing and holds no
//! state of its own.

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
mod stream;
mod views;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use delivery::{Deliveries, routes as outbox};
use muster_runtime::Host;
use tokio::net::TcpListener;

/// The largest body that is read: an event is a few kilobytes, a batch some hundred.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// The longest that one answer may take. A commit takes milliseconds; what takes longer is stuck.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The service over a host and its deliveries.
pub fn router(host: Arc<Host>, deliveries: Deliveries) -> Router {
    let timed = Router::new()
        .route("/v1/events", post(intake::anywhere))
        .route("/v1/districts", get(reads::districts))
        .route("/v1/status", get(reads::districts))
        .route("/v1/districts/{district}", get(reads::district))
        .route("/v1/districts/{district}/events", post(intake::to_district))
        .route("/v1/districts/{district}/incidents", get(reads::incidents))
        .route("/v1/districts/{district}/incidents/{incident}", get(reads::incident))
        .route("/v1/districts/{district}/registers/{register}", get(reads::register))
        .route("/v1/public/{district}", get(public::view))
        .route("/v1/districts/{district}/findings", get(reads::findings))
        .route("/v1/districts/{district}/entries", get(reads::entries))
        .route("/v1/districts/{district}/entries/{seq}", get(reads::entry))
        .route("/v1/districts/{district}/entries/{seq}/explanation", get(explain::explanation))
        .route("/v1/districts/{district}/policies", get(policies::status))
        .route("/v1/districts/{district}/policies/{role}/history", get(policies::history))
        .route("/v1/backtests/{digest}", get(policies::backtest))
        .route("/v1/outbox", get(outbox::status))
        .route("/v1/outbox/dead-letters", get(outbox::dead_letters))
        .route("/v1/outbox/messages/{id}/{act}", post(outbox::message))
        .route("/v1/outbox/recipients/{recipient}/channels/{channel}/enable", post(outbox::enable))
        .route("/v1/outbox/recipients/{recipient}/forget", post(outbox::forget))
        .route("/metrics", get(reads::metrics))
        .route("/healthz", get(reads::alive))
        .route("/readyz", get(reads::ready))
        .layer(middleware::from_fn(within_time));
    // A package is larger than an event, and its way in takes longer than an answer.
    let change = post(policies::change).layer(DefaultBodyLimit::max(policies::BODY_BYTES_MAX));
    let router = timed.layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    let router = router.route("/v1/districts/{district}/policies/{role}", change);
    let router = router.route("/v1/districts/{district}/stream", get(stream::entries));
    router
        .fallback(problem::no_such_route)
        .layer(middleware::from_fn(problem::in_words))
        .layer(middleware::from_fn(traced))
        .layer(Extension(deliveries))
        .with_state(host)
}

/// Serves until `stop` resolves, then lets running requests end.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    host: Arc<Host>,
    deliveries: Deliveries,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(host, deliveries)).with_graceful_shutdown(stop).await
}

async fn within_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
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
