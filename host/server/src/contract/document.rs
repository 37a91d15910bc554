//! The contract as one document. Put together once from the table of routes; nothing in it is written twice.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use muster_access::Action;
use serde_json::{Map, Value as Json, json};

use super::schema::named;
use super::{JSON, Operation, shapes};
use crate::access::Caller;
use crate::problem::{Kind, PROBLEM, Problem};

const ABOUT: &str = "Districts decide on events by their policies and keep every decision in a journal. docs/http-api.md \
                     tells it in words; this document is what the host holds requests and answers to. Instants are \
                     RFC 3339, money is whole and in minor units, `null` is unknown. Fields may be added to answers; \
                     none is renamed or taken away within `v1`. A method that a path does not know is answered with \
                     `405 method-not-allowed` and `Allow`, a path that is not there with `404 not-found`.";

const TAGS: [(&str, &str); 5] = [
    ("events", "What happened, and receipts for it 事件"),
    ("districts", "Districts, incidents, registers, findings, entries 辖区、事件、台账、监管发现、日志"),
    ("policies", "What answers, what is on trial, and changes 策略"),
    ("access", "Tokens 令牌"),
    ("host", "The host itself, and what it delivers 主机与送达"),
];

/// The document over the routes of a table.
pub(crate) fn document(routes: &[(&'static str, &'static str, Operation)]) -> Json {
    let mut paths: Map<String, Json> = Map::new();
    for (method, path, operation) in routes {
        let item = paths.entry((*path).to_owned()).or_insert_with(|| json!({}));
        item[method.to_lowercase()] = described(path, operation);
    }
    let tags = TAGS.map(|(name, about)| json!({"name": name, "description": about}));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Muster", "version": "1", "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "the host that serves this document"}],
        "tags": tags,
        "security": [{"bearer": []}, {"certificate": []}],
        "paths": paths,
        "components": {
            "schemas": shapes::all(),
            "parameters": {
                "AcceptLanguage": {
                    "name": "Accept-Language", "in": "header", "required": false, "schema": {"type": "string"},
                    "description": "`zh` or `en`, for all words to people; the better liked one, else English",
                    "example": "zh-CN, en;q=0.8",
                },
                "IfNoneMatch": {
                    "name": "If-None-Match", "in": "header", "required": false, "schema": {"type": "string"},
                    "description": "entity tags of answers at hand, or `*`: the same answer is not sent again",
                },
            },
            "headers": {
                "ETag": {
                    "description": "a strong entity tag: another one when anything in the answer changes",
                    "required": true, "schema": {"type": "string", "pattern": "^\"[0-9a-f]{64}\"$"},
                },
                "RetryAfter": {
                    "description": "seconds to wait", "required": false, "schema": {"type": "integer", "minimum": 0},
                },
            },
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer",
                    "description": "a token of this host (`muster_…`), or one that a trusted issuer signed (JWT)",
                },
                "certificate": {"type": "mutualTLS", "description": "a client certificate that the settings name"},
            },
        },
    })
}

fn described(path: &str, operation: &Operation) -> Json {
    let mut parameters: Vec<Json> = operation.parameters(path).iter().map(super::Parameter::described).collect();
    parameters.push(json!({"$ref": "#/components/parameters/AcceptLanguage"}));
    if operation.tagged {
        parameters.push(json!({"$ref": "#/components/parameters/IfNoneMatch"}));
    }
    let mut described = json!({
        "operationId": operation.id, "tags": [operation.tag], "summary": operation.summary,
        "parameters": parameters, "responses": responses(path, operation),
    });
    if !operation.about.is_empty() {
        described["description"] = json!(operation.about);
    }
    if !operation.bodies.is_empty() {
        let content = operation.bodies.iter().map(|(media, schema)| ((*media).to_owned(), json!({"schema": schema})));
        described["requestBody"] = json!({"required": true, "content": content.collect::<Map<_, _>>()});
    }
    described
}

fn responses(path: &str, operation: &Operation) -> Json {
    let mut responses: BTreeMap<u16, Json> = BTreeMap::new();
    for answer in &operation.answers {
        let mut headers: Map<String, Json> = Map::new();
        for (name, about) in &answer.headers {
            headers
                .insert((*name).into(), json!({"description": about, "required": false, "schema": {"type": "string"}}));
        }
        if operation.tagged {
            headers.insert("ETag".into(), json!({"$ref": "#/components/headers/ETag"}));
        }
        let content = Map::from_iter([(answer.media.to_owned(), json!({"schema": answer.schema}))]);
        let mut said = json!({"description": answer.about, "content": content});
        if !headers.is_empty() {
            said["headers"] = Json::Object(headers);
        }
        responses.insert(answer.status.as_u16(), said);
    }
    if operation.tagged {
        let headers = json!({"ETag": {"$ref": "#/components/headers/ETag"}});
        let said = json!({"description": "the answer is the one that the caller has", "headers": headers});
        responses.insert(StatusCode::NOT_MODIFIED.as_u16(), said);
    }
    for (status, kinds) in problems(path, operation) {
        let refused = problem(status, &kinds, operation.sources);
        let entry = responses.entry(status.as_u16()).or_insert_with(|| refused.clone());
        // The same status may also be an answer of its own.
        entry["content"][PROBLEM] = refused["content"][PROBLEM].clone();
    }
    responses.into_iter().map(|(status, said)| (status.to_string(), said)).collect::<Map<_, _>>().into()
}

/// The problems that an operation may answer with, by status.
fn problems(path: &str, operation: &Operation) -> BTreeMap<StatusCode, Vec<Kind>> {
    let mut kinds = operation.problems.clone();
    // Every query is read, also where none is known; every path is read as UTF-8.
    kinds.push(Kind::BadRequest);
    if path.contains("{district}") {
        kinds.extend([Kind::UnknownDistrict, Kind::Stopping, Kind::JournalStopped]);
    }
    if path.contains('{') {
        kinds.push(Kind::NotFound);
    }
    let mut by_status: BTreeMap<StatusCode, Vec<Kind>> = BTreeMap::new();
    for kind in kinds {
        let known = by_status.entry(kind.status()).or_default();
        if known.iter().all(|one| one.code() != kind.code()) {
            known.push(kind);
        }
    }
    by_status
}

fn problem(status: StatusCode, kinds: &[Kind], of_sources: bool) -> Json {
    let codes: Vec<String> = kinds.iter().map(|kind| format!("`{}`", kind.code())).collect();
    let uris: Vec<String> = kinds.iter().map(|kind| format!("urn:muster:problem:{}", kind.code())).collect();
    let types = if of_sources {
        // What may be taken later comes as 503 whatever it is, and a refused message has a reason of its own.
        json!({"anyOf": [{"enum": uris}, {"const": "urn:muster:problem:busy"}, {"pattern": super::OF_INTAKE}]})
    } else {
        json!({"enum": uris})
    };
    let schema =
        json!({"allOf": [named("Problem"), {"properties": {"type": types, "status": {"const": status.as_u16()}}}]});
    let mut said = json!({"description": codes.join(", "), "content": {PROBLEM: {"schema": schema}}});
    if [StatusCode::TOO_MANY_REQUESTS].contains(&status) {
        said["headers"] = json!({"Retry-After": {"$ref": "#/components/headers/RetryAfter"}});
    }
    if status == StatusCode::UNAUTHORIZED {
        let about = "how to show who asks";
        said["headers"] =
            json!({"WWW-Authenticate": {"description": about, "required": true, "schema": {"type": "string"}}});
    }
    said
}

/// `GET /v1/openapi.json`: for everybody who may ask at all.
pub(crate) async fn serve(caller: Caller) -> Result<Response, Problem> {
    static TEXT: OnceLock<String> = OnceLock::new();
    caller.on_host(Action::ReadHealth)?;
    let text = TEXT.get_or_init(crate::openapi);
    Ok(([(CONTENT_TYPE, JSON)], text.as_str()).into_response())
}
