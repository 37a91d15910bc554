//! Talking to a running host over HTTP: asks, and turns problems into words.

use anyhow::{Context, bail};
use serde_json::Value as Json;
use ureq::http::Response;
use ureq::{Agent, Body};

/// A running host.
pub(crate) struct Client {
    server: String,
    agent: Agent,
}

impl Client {
    pub(crate) fn new(server: &str) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).build().new_agent();
        Self { server: server.trim_end_matches('/').to_owned(), agent }
    }

    /// Asks for a path below `/v1`.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Json> {
        let response = self.agent.get(format!("{}/v1{path}", self.server)).call();
        self.read(response)
    }

    /// Sends one `CloudEvent` and gives its receipt.
    pub(crate) fn send(&self, district: Option<&str>, event: &Json) -> anyhow::Result<Json> {
        let path = district.map_or_else(|| "/events".to_owned(), |district| format!("/districts/{district}/events"));
        let request = self.agent.post(format!("{}/v1{path}", self.server));
        let response = request.content_type("application/cloudevents+json").send(event.to_string());
        self.read(response)
    }

    /// Asks for a change of a policy. Gives whether it passed, and the attempt, or the problem that holds it.
    pub(crate) fn change(&self, path: &str, body: &Json) -> anyhow::Result<(bool, Json)> {
        let request = self.agent.post(format!("{}/v1{path}", self.server));
        let mut response = request
            .content_type("application/json")
            .send(body.to_string())
            .with_context(|| format!("no host answers at {}; start one with `muster serve`", self.server))?;
        let body: Json = response.body_mut().read_json().context("the host's answer is not JSON")?;
        let passed = response.status().is_success();
        if passed || body["attempt"].is_object() {
            return Ok((passed, body));
        }
        bail!("{}: {}", body["title"].as_str().unwrap_or_default(), body["detail"].as_str().unwrap_or_default())
    }

    fn read(&self, response: Result<Response<Body>, ureq::Error>) -> anyhow::Result<Json> {
        let mut response =
            response.with_context(|| format!("no host answers at {}; start one with `muster serve`", self.server))?;
        let body: Json = response.body_mut().read_json().context("the host's answer is not JSON")?;
        if response.status().is_success() {
            return Ok(body);
        }
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        let field = body["field"].as_str().map(|field| format!(" (field `{field}`)")).unwrap_or_default();
        bail!("{}: {}{field}", text("title"), text("detail"))
    }

    /// The district that is meant: the named one, or the only one of the host.
    pub(crate) fn district(&self, named: Option<&str>) -> anyhow::Result<String> {
        if let Some(named) = named {
            return Ok(named.to_owned());
        }
        let status = self.get("/districts")?;
        let ids: Vec<&str> =
            status["districts"].as_array().into_iter().flatten().filter_map(|row| row["id"].as_str()).collect();
        match ids.as_slice() {
            [only] => Ok((*only).to_owned()),
            several => bail!("the host has several districts ({}); name one with --district", several.join(", ")),
        }
    }
}
