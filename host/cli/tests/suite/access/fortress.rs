//! A host that lets nobody in without proof, and those who hold its tokens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use ureq::http::{HeaderMap, Method, Request};

use crate::support::{self, Server};

/// What a host answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Json,
}

/// A host with a `muster.toml`, an operator, and two cities.
pub(crate) struct Fortress {
    pub(crate) server: Server,
    pub(crate) operator: String,
    pub(crate) folder: TempDir,
    pub(crate) cities: TempDir,
}

impl Fortress {
    /// Yunhe and Lanzhu, with more settings.
    pub(crate) fn start(more: &str) -> Self {
        let cities = support::examples();
        let folder = tempfile::tempdir().expect("a folder");
        let city = |name: &str| cities.path().join(name).display().to_string();
        let settings = format!("data = \"data\"\ndistricts = [{:?}, {:?}]\n{more}\n", city("yunhe"), city("lanzhu"));
        std::fs::write(folder.path().join("muster.toml"), settings).expect("written");
        std::fs::create_dir(folder.path().join("data")).expect("made");
        let first = folder.path().join("first-token");
        let data = folder.path().join("data").display().to_string();
        let (made, said) =
            support::muster(&["token", "bootstrap", "--data", &data, "--to", &first.display().to_string()]);
        assert!(made, "{said}");
        let server = Server::configured(&folder.path().join("muster.toml"));
        let first = std::fs::read_to_string(first).expect("a token").trim().to_owned();
        let fortress = Self { server, operator: first, folder, cities };
        let operator = fortress.issue("olga", json!([{"role": "operator"}]), &[]);
        Self { operator, ..fortress }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A token for somebody.
    pub(crate) fn issue(&self, subject: &str, bindings: Json, sources: &[&str]) -> String {
        let body = json!({"subject": subject, "bindings": bindings, "sources": sources, "days": 1});
        let answer = self.post("/v1/tokens", Some(&self.operator), &body);
        assert_eq!(answer.status, 200, "{subject}: {}", answer.body);
        answer.body["token"].as_str().expect("a token").to_owned()
    }

    pub(crate) fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.ask("GET", path, token, &[], None)
    }

    pub(crate) fn post(&self, path: &str, token: Option<&str>, body: &Json) -> Answer {
        self.ask("POST", path, token, &[], Some(("application/json", body)))
    }

    /// Any request, with the token in its place.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<(&str, &Json)>,
    ) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = Request::builder().method(method).uri(self.server.url(path));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some((kind, body)) => {
                let request = request.header("content-type", kind).body(body.to_string()).expect("a request");
                support::agent().run(request)
            }
            None => support::agent().run(request.body(()).expect("a request")),
        };
        let mut response = response.unwrap_or_else(|reason| panic!("{path}: {reason}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // A stream has no end to wait for.
        let lasts = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let body = if lasts { Json::Null } else { response.body_mut().read_json().unwrap_or(Json::Null) };
        Answer { status, headers, body }
    }

    /// The counters, as the operator sees them.
    pub(crate) fn metrics(&self) -> String {
        let request = support::agent().get(self.server.url("/metrics"));
        let request = request.header("authorization", format!("Bearer {}", self.operator));
        request.call().expect("answered").body_mut().read_to_string().expect("text")
    }

    /// `muster`, as somebody who has a token.
    pub(crate) fn muster(&self, token: &str, arguments: &[&str]) -> (bool, String) {
        let server = self.server.url("");
        let arguments = [arguments, &["--server", &server]].concat();
        support::muster_with(&arguments, &BTreeMap::from([("MUSTER_TOKEN", token)]))
    }

    /// What stands in a district's journal under a kind of event.
    pub(crate) fn recorded(&self, district: &str, reader: &str, kind: &str) -> Vec<Json> {
        let answer = self.get(&format!("/v1/districts/{district}/entries?limit=500"), Some(reader));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let rows = answer.body["entries"].as_array().expect("entries").clone();
        rows.into_iter().filter(|row| row["entry"]["cause"].to_string().contains(kind)).collect()
    }
}

/// The id of a token: what may be named.
pub(crate) fn id_of(token: &str) -> &str {
    &token[7..23]
}

/// The mode of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).expect("there").permissions().mode() & 0o777
}
