//! The front of the host: what every request passes before and behind its route. It is let in or refused, held to its
//! route's rules and time, and answered in words.
//!
//! It is one function around the router and one layer at each route. Each layer of the framework copies, for each request,
//! all layers that lie below it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tower_service::Service as _;

use crate::contract::Operation;
use crate::contract::parameter::{Parameter, misfit};
use crate::{BODY_BYTES_MAX, Service, Way, access, etag, policies, problem};

/// The longest that one answer may take. A commit takes milliseconds; what takes longer is stuck.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The longest that a change of a policy may take: its package is large, and its way in is long.
const CHANGE_WITHIN: Duration = Duration::from_mins(5);

/// All routes behind one door. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Front {
    service: Service,
    routes: Router,
}

impl Front {
    pub(crate) fn new(service: Service) -> Self {
        Self { routes: crate::routes_of(service.clone()), service }
    }

    /// Answers a request. Outside of every route: whatever is added later is behind the door, too.
    pub(crate) async fn answer(mut self, mut request: Request) -> Response {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let language = problem::language(request.headers());
        let response = match access::at_the_door(&self.service, &mut request).await {
            Ok(()) => self.routes.call(request).await.into_response(),
            Err(refusal) => refusal,
        };
        let response = problem::in_words(language, &method, uri.path(), response).await;
        tracing::debug!(
            target: "muster::http", %method, path = uri.path(), status = response.status().as_u16()
        );
        response
    }
}

/// What a route holds its requests to.
pub(crate) struct Rules {
    parameters: Vec<Parameter>,
    /// `None`: the answer lasts as long as its reader.
    within: Option<Duration>,
    body_bytes: usize,
    tagged: bool,
}

impl Rules {
    pub(crate) fn of(path: &'static str, way: Way, about: &Operation) -> Self {
        let (within, body_bytes) = match way {
            Way::Timed => (Some(ANSWER_WITHIN), BODY_BYTES_MAX),
            Way::Change => (Some(CHANGE_WITHIN), policies::BODY_BYTES_MAX),
            Way::Lasting => (None, BODY_BYTES_MAX),
        };
        Self { parameters: about.parameters(path), within, body_bytes, tagged: about.is_tagged() }
    }
}

/// Holds a request to its route's rules.
pub(crate) async fn kept_to(
    State(rules): State<Arc<Rules>>,
    path: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(problem) = misfit(&rules.parameters, &path, &request) {
        return problem.into_response();
    }
    DefaultBodyLimit::max(rules.body_bytes).apply(&mut request);
    let answering =
        async { if rules.tagged { etag::conditional(request, next).await } else { next.run(request).await } };
    let Some(within) = rules.within else { return answering.await };
    match tokio::time::timeout(within, answering).await {
        Ok(response) => response,
        Err(_) => problem::too_slow(),
    }
}
