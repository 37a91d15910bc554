//! Talking to a running host over HTTP: asks, and turns problems into words.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, bail, ensure};
use muster_access::{SecretReference, System};
use serde_json::Value as Json;
use ureq::http::{Response, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use crate::commands::language;

/// The variable that holds a token.
const TOKEN: &str = "MUSTER_TOKEN";

/// A running host.
pub(crate) struct Client {
    server: String,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
}

impl Client {
    /// Nothing is read yet: most commands talk to no host.
    pub(crate) fn new(server: &str, token_file: Option<PathBuf>, ca: Option<PathBuf>) -> Self {
        Self { server: server.trim_end_matches('/').to_owned(), token_file, ca }
    }

    /// Asks for a path below `/v1`.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Json> {
        let mut request = self.agent()?.get(self.address(path)).header("accept-language", language(None).tag());
        if let Some(header) = self.authorization()? {
            request = request.header("authorization", header);
        }
        self.read(request.call())
    }

    /// Sends a JSON body to a path below `/v1`.
    pub(crate) fn post(&self, path: &str, body: &Json) -> anyhow::Result<Json> {
        let response = self.send_as(path, "application/json", body)?;
        self.read(response)
    }

    /// Sends one `CloudEvent` and gives its receipt.
    pub(crate) fn send(&self, district: Option<&str>, event: &Json) -> anyhow::Result<Json> {
        let path = district.map_or_else(|| "/events".to_owned(), |district| format!("/districts/{district}/events"));
        let response = self.send_as(&path, "application/cloudevents+json", event)?;
        self.read(response)
    }

    /// Asks for a change of a policy. Gives whether it passed, and the attempt, or the problem that holds it.
    pub(crate) fn change(&self, path: &str, body: &Json) -> anyhow::Result<(bool, Json)> {
        let response = self.send_as(path, "application/json", body)?;
        let mut response = response.with_context(|| self.unanswered())?;
        let body: Json = response.body_mut().read_json().with_context(|| self.not_a_host())?;
        let passed = response.status().is_success();
        if passed || body["attempt"].is_object() {
            return Ok((passed, body));
        }
        bail!("{}: {}", body["title"].as_str().unwrap_or_default(), body["detail"].as_str().unwrap_or_default())
    }

    fn address(&self, path: &str) -> String {
        format!("{}/v1{path}", self.server)
    }

    fn send_as(&self, path: &str, content: &str, body: &Json) -> anyhow::Result<Result<Response<Body>, ureq::Error>> {
        let request = self.agent()?.post(self.address(path)).content_type(content);
        let mut request = request.header("accept-language", language(None).tag());
        if let Some(header) = self.authorization()? {
            request = request.header("authorization", header);
        }
        Ok(request.send(body.to_string()))
    }

    fn agent(&self) -> anyhow::Result<&Agent> {
        static AGENT: OnceLock<Agent> = OnceLock::new();
        if let Some(agent) = AGENT.get() {
            return Ok(agent);
        }
        let roots = match &self.ca {
            None => RootCerts::PlatformVerifier,
            Some(path) => {
                let bytes = std::fs::read(path).with_context(|| format!("--ca {}", path.display()))?;
                let certificates = parse_pem(&bytes).filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                    Ok(_) => None,
                    Err(error) => Some(Err(error)),
                });
                let certificates = certificates.collect::<Result<Vec<_>, _>>();
                let certificates = certificates.with_context(|| format!("--ca {}: it is not PEM", path.display()))?;
                ensure!(!certificates.is_empty(), "--ca {}: it holds no certificate", path.display());
                RootCerts::new_with_certs(&certificates)
            }
        };
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder().http_status_as_error(false).tls_config(tls);
        // A redirect would take the token to somebody else.
        Ok(AGENT.get_or_init(|| config.max_redirects(0).build().new_agent()))
    }

    /// What is shown to the host. A token is never sent over plain text to another machine.
    pub(crate) fn authorization(&self) -> anyhow::Result<Option<String>> {
        let token = match &self.token_file {
            Some(path) => {
                let reference = SecretReference::File(path.clone());
                let secret = reference.resolve(&System)?;
                String::from_utf8(secret.expose().to_vec()).context("the token's file holds no text")?
            }
            None => match std::env::var(TOKEN) {
                Ok(token) if !token.is_empty() => token,
                _ => return Ok(None),
            },
        };
        ensure!(
            !self.server.starts_with("http:") || is_this_machine(&self.server),
            "{} is reached in plain text, and the token would be read on the way; use https",
            self.server
        );
        Ok(Some(format!("Bearer {}", token.trim())))
    }

    fn unanswered(&self) -> String {
        format!("no host answers at {}; start one with `muster serve`", self.server)
    }

    /// Something answers, in no words of ours: another service has the port, or stands before the host.
    fn not_a_host(&self) -> String {
        format!(
            "what answers at {} is no Muster host; see what listens there, or name the host with --server",
            self.server
        )
    }

    fn read(&self, response: Result<Response<Body>, ureq::Error>) -> anyhow::Result<Json> {
        let mut response = response.with_context(|| self.unanswered())?;
        let body: Json = response.body_mut().read_json().with_context(|| self.not_a_host())?;
        if response.status().is_success() {
            return Ok(body);
        }
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        let field = body["field"].as_str().map(|field| format!(" (field `{field}`)")).unwrap_or_default();
        bail!("{}: {}{field}", text("title"), text("detail"))
    }

    /// The districts of the host.
    pub(crate) fn districts(&self) -> anyhow::Result<Vec<String>> {
        let status = self.get("/districts")?;
        let rows = status["districts"].as_array().into_iter().flatten();
        Ok(rows.filter_map(|row| row["id"].as_str()).map(str::to_owned).collect())
    }

    /// The district that is meant: the named one, or the only one of the host.
    pub(crate) fn district(&self, named: Option<&str>) -> anyhow::Result<String> {
        if let Some(named) = named {
            return Ok(named.to_owned());
        }
        match self.districts()?.as_slice() {
            [only] => Ok(only.clone()),
            several => bail!("the host has several districts ({}); name one with --district", several.join(", ")),
        }
    }
}

fn is_this_machine(server: &str) -> bool {
    let host = server.parse::<Uri>().ok().and_then(|uri| uri.host().map(ToOwned::to_owned)).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
