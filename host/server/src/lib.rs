//! The HTTP edge: events in, receipts out, and questions about what was decided.
//!
//! The only crate that speaks HTTP. It reads, asks the runtime, and says the answer; it decides nothing and holds no
//! state of its own.

mod access;
mod connection;
mod contract;
pub mod delivery;
mod etag;
mod explain;
mod front;
mod intake;
pub mod language;
mod lists;
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

use axum::Router;
use axum::extract::FromRef;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};
use contract::Operation;
use delivery::{Deliveries, routes as outbox};
use front::{Front, Rules};
use muster_access::Words;
use muster_access::tls::TlsKeeper;
use muster_runtime::Host;
use sources::Sources;
use tokio::net::TcpListener;

pub use access::{Gate, GateError, register_file};
pub use connection::ConnectionLimits;

/// The largest body that is read: an event is a few kilobytes, a batch some hundred.
pub const BODY_BYTES_MAX: usize = 1 << 20;

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

type Route = (&'static str, &'static str, MethodRouter<Service>, Way, Operation);

/// Every route there is, with what the contract says of it: nothing answers that does not stand here.
fn table() -> Vec<Route> {
    use Way::{Change, Lasting, Timed};
    use contract::operations::{districts, events, host, policies as changes};
    vec![
        ("POST", "/v1/events", post(intake::anywhere), Timed, events::anywhere()),
        ("POST", "/v1/intake/{source}", post(sources::route::take), Timed, events::of_source()),
        ("GET", "/v1/districts", get(reads::districts), Timed, districts::list()),
        ("GET", "/v1/status", get(reads::whole_status), Timed, host::status()),
        ("GET", "/v1/districts/{district}", get(reads::district), Timed, districts::one()),
        ("POST", "/v1/districts/{district}/events", post(intake::to_district), Timed, events::to_district()),
        ("POST", "/v1/districts/{district}/events/approval", post(intake::approve), Timed, events::approve()),
        ("GET", "/v1/districts/{district}/incidents", get(lists::incidents), Timed, districts::incidents()),
        ("GET", "/v1/districts/{district}/incidents/{incident}", get(lists::incident), Timed, districts::incident()),
        ("GET", "/v1/districts/{district}/registers/{register}", get(lists::register), Timed, districts::register()),
        ("GET", "/v1/public/{district}", get(public::view), Timed, districts::public()),
        ("GET", "/v1/districts/{district}/findings", get(lists::findings), Timed, districts::findings()),
        ("GET", "/v1/districts/{district}/entries", get(lists::entries), Timed, districts::entries()),
        ("GET", "/v1/districts/{district}/entries/{seq}", get(reads::entry), Timed, districts::entry()),
        (
            "GET",
            "/v1/districts/{district}/entries/{seq}/explanation",
            get(explain::explanation),
            Timed,
            districts::explanation(),
        ),
        ("GET", "/v1/districts/{district}/policies", get(policies::status), Timed, changes::status()),
        ("GET", "/v1/districts/{district}/policies/{role}/history", get(policies::history), Timed, changes::history()),
        ("GET", "/v1/backtests/{digest}", get(policies::backtest), Timed, changes::backtest()),
        ("GET", "/v1/tokens", get(access::tokens::list), Timed, host::tokens()),
        ("POST", "/v1/tokens", post(access::tokens::issue), Timed, host::issue()),
        ("POST", "/v1/tokens/{token}/revoke", post(access::tokens::revoke), Timed, host::revoke()),
        ("GET", "/v1/outbox", get(outbox::status), Timed, host::outbox()),
        ("GET", "/v1/outbox/dead-letters", get(outbox::dead_letters), Timed, host::dead_letters()),
        ("POST", "/v1/outbox/messages/{id}/{act}", post(outbox::message), Timed, host::message()),
        (
            "POST",
            "/v1/outbox/recipients/{recipient}/channels/{channel}/enable",
            post(outbox::enable),
            Timed,
            host::enable(),
        ),
        ("POST", "/v1/outbox/recipients/{recipient}/forget", post(outbox::forget), Timed, host::forget()),
        ("GET", "/v1/openapi.json", get(contract::serve), Timed, host::contract()),
        ("GET", "/metrics", get(reads::metrics), Timed, host::metrics()),
        ("GET", "/healthz", get(reads::alive), Timed, host::alive()),
        ("GET", "/readyz", get(reads::ready), Timed, host::ready()),
        ("POST", "/v1/districts/{district}/policies/{role}", post(policies::change), Change, changes::change()),
        (
            "POST",
            "/v1/districts/{district}/policies/{role}/approval",
            post(policies::approve),
            Change,
            changes::approve(),
        ),
        ("GET", "/v1/districts/{district}/stream", get(stream::entries), Lasting, districts::stream()),
    ]
}

/// Method and path of every route, for those who check that none is left open.
pub fn routes() -> Vec<(&'static str, &'static str)> {
    table().into_iter().map(|(method, path, ..)| (method, path)).collect()
}

/// The contract of the interface: `OpenAPI` 3.1, as JSON.
pub fn openapi() -> String {
    let routes: Vec<_> = table().into_iter().map(|(method, path, _, _, about)| (method, path, about)).collect();
    let mut text = serde_json::to_string_pretty(&contract::document(&routes)).expect("the contract is JSON");
    text.push('\n');
    text
}

/// The routes of a host, without the front before them.
fn routes_of(service: Service) -> Router {
    let mut router = Router::new();
    for (_, path, answer, way, about) in table() {
        let rules = Arc::new(Rules::of(path, way, &about));
        router = router.route(path, answer.route_layer(middleware::from_fn_with_state(rules, front::kept_to)));
    }
    router.fallback(problem::no_such_route).with_state(service)
}

/// Serves until `stop` resolves, then lets running requests end.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let tls = service.tls.clone();
    connection::serve(listener, Front::new(service), tls, limits, stop).await;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value as Json;

    use super::*;

    fn contract() -> Json {
        serde_json::from_str(&openapi()).expect("JSON")
    }

    #[test]
    fn the_contract_describes_every_route_and_nothing_else() {
        let contract = contract();
        let paths = contract["paths"].as_object().expect("paths");
        let described: BTreeSet<(String, &str)> = paths
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().expect("methods").keys().map(move |method| (method.to_uppercase(), path.as_str()))
            })
            .collect();
        let served: BTreeSet<(String, &str)> =
            routes().into_iter().map(|(method, path)| (method.to_owned(), path)).collect();
        assert_eq!(described, served);
        let operations = paths.values().flat_map(|item| item.as_object().expect("methods").values());
        let ids: BTreeSet<&str> = operations.map(|one| one["operationId"].as_str().expect("an id")).collect();
        assert_eq!(ids.len(), served.len(), "an id names one operation");
    }

    #[test]
    fn every_shape_that_is_named_is_there_and_every_one_that_is_there_is_named() {
        fn names<'a>(json: &'a Json, found: &mut BTreeSet<&'a str>) {
            match json {
                Json::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(Json::as_str));
                    fields.values().for_each(|value| names(value, found));
                }
                Json::Array(items) => items.iter().for_each(|value| names(value, found)),
                _ => {}
            }
        }
        let contract = contract();
        let mut named = BTreeSet::new();
        names(&contract, &mut named);
        for name in &named {
            let place = name.strip_prefix('#').expect("within the document");
            assert!(contract.pointer(place).is_some(), "{name} is not there");
        }
        for (kind, all) in contract["components"].as_object().expect("components") {
            for name in all.as_object().expect("by name").keys().filter(|_| kind != "securitySchemes") {
                let place = format!("#/components/{kind}/{name}");
                assert!(named.contains(place.as_str()), "nothing names {place}");
            }
        }
    }
}
