//! The contract of the HTTP interface against the host itself: the document is fresh, answers are as it says, both ways,
//! and what a caller may ask for is held to it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::sync::OnceLock;

use crate::support::{self, Server, agent, shape, signal, warning};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

fn contract() -> &'static Json {
    static CONTRACT: OnceLock<Json> = OnceLock::new();
    CONTRACT.get_or_init(|| serde_json::from_str(&muster_server::openapi()).expect("JSON"))
}

/// The example city after its storm: something stands in nearly every list.
struct City {
    server: Server,
    _data: TempDir,
    _examples: TempDir,
}

impl City {
    fn after_the_storm() -> Self {
        let examples = support::examples();
        let data = tempfile::tempdir().expect("a folder");
        let server = Server::start(data.path(), &[examples.path().join("yunhe")]);
        let stream = fs::read_to_string(examples.path().join("yunhe/streams/rainstorm.jsonl")).expect("a stream");
        for line in stream.lines() {
            let event: Json = serde_json::from_str(line).expect("an event");
            let (status, receipt) = server.send("yunhe", &event);
            assert_eq!(status, 200, "{receipt}");
        }
        Self { server, _data: data, _examples: examples }
    }
}

/// Holds an answer to a schema of the contract, to the letter.
fn is_as_said(what: &str, schema: &Json, answer: &Json) {
    let faults = shape::faults(contract(), schema, answer);
    assert!(faults.is_empty(), "{what}: {}", faults.join("\n"));
}

/// What the contract says of an answer.
fn said(path: &str, method: &str, status: u16) -> &'static Json {
    let said = &contract()["paths"][path][method]["responses"][status.to_string()];
    assert!(said.is_object(), "the contract knows no {status} of {method} {path}");
    said
}

#[test]
fn the_document_in_the_repository_is_the_one_that_is_served() {
    let text = fs::read_to_string(support::root().join("docs/openapi.json")).expect("docs/openapi.json");
    assert!(text == muster_server::openapi(), "write it anew: muster openapi > docs/openapi.json");
}

#[test]
fn answers_are_as_the_contract_says_field_by_field() {
    let city = City::after_the_storm();
    let server = &city.server;
    let check = |path: &str, query: &str, parts: &[(&str, &str)]| {
        let at = parts.iter().fold(path.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
        let mut response = agent().get(server.url(&format!("{at}{query}"))).call().expect("answered");
        let status = response.status().as_u16();
        let answer: Json = response.body_mut().read_json().expect("JSON");
        assert_eq!(status, 200, "{at}: {answer}");
        let schema = &said(path, "get", status)["content"]["application/json"]["schema"];
        is_as_said(&at, schema, &answer);
        answer
    };
    let yunhe = ("district", "yunhe");
    for path in ["/v1/districts", "/v1/status", "/v1/tokens", "/healthz", "/readyz"] {
        check(path, "", &[]);
    }
    check("/v1/districts/{district}", "", &[yunhe]);
    check("/v1/public/{district}", "", &[yunhe]);
    check("/v1/districts/{district}/policies", "", &[yunhe]);
    check("/v1/districts/{district}/policies/{role}/history", "", &[yunhe, ("role", "escalation")]);
    let findings = check("/v1/districts/{district}/findings", "", &[yunhe]);
    assert_ne!(findings["findings"], json!([]), "the storm left findings");
    let incidents = check("/v1/districts/{district}/incidents", "", &[yunhe]);
    for row in incidents["incidents"].as_array().expect("incidents") {
        let id = row["id"].as_str().expect("an id");
        check("/v1/districts/{district}/incidents/{incident}", "", &[yunhe, ("incident", id)]);
    }
    let mut seen = 0;
    let entries = check("/v1/districts/{district}/entries", "?limit=500", &[yunhe]);
    for row in entries["entries"].as_array().expect("entries") {
        let seq = row["entry"]["seq"].to_string();
        check("/v1/districts/{district}/entries/{seq}", "", &[yunhe, ("seq", &seq)]);
        check("/v1/districts/{district}/entries/{seq}/explanation", "", &[yunhe, ("seq", &seq)]);
        seen += 1;
    }
    assert!(seen > 40, "a storm has more than {seen} entries");
    let registers =
        contract()["paths"]["/v1/districts/{district}/registers/{register}"]["get"]["parameters"][1].clone();
    for name in registers["schema"]["enum"].as_array().expect("names") {
        let name = name.as_str().expect("a name");
        for query in ["", "?node=990103901", "?as_of=2"] {
            let answer = check("/v1/districts/{district}/registers/{register}", query, &[yunhe, ("register", name)]);
            // Each register by its own shape: that it has any of them says little.
            let shape = format!("#/components/schemas/Register{}{}", name[..1].to_uppercase(), &name[1..]);
            is_as_said(name, &json!({"$ref": shape}), &answer);
        }
    }
}

#[test]
fn what_is_taken_in_is_answered_as_the_contract_says() {
    let city = City::after_the_storm();
    let post = |path: &str, media: &str, parts: &[(&str, &str)], body: &Json| {
        let at = parts.iter().fold(path.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
        let (status, kind, answer) = city.server.post(&at, media, body.to_string().as_bytes());
        is_as_said(&at, &said(path, "post", status)["content"][&kind]["schema"], &answer);
        (status, answer)
    };
    let (yunhe, triage, json) = (("district", "yunhe"), ("role", "triage"), "application/json");
    let events = "/v1/districts/{district}/events";
    let batch = json!([signal("b-1", "990103901"), {"specversion": "1.0"}, warning("b-2", "990100", "red")]);
    for path in [events, "/v1/districts/{district}/events/approval"] {
        assert_eq!(post(path, "application/cloudevents+json", &[yunhe], &signal("c-1", "990103901")).0, 200);
        assert_eq!(post(path, "application/cloudevents-batch+json", &[yunhe], &batch).0, 200);
    }
    assert_eq!(post("/v1/events", "text/plain", &[], &json!(1)).0, 415);

    let policy = "/v1/districts/{district}/policies/{role}";
    let (status, attempt) =
        post(policy, json, &[yunhe, triage], &json!({"action": "activate", "by": "li", "dry_run": true}));
    assert_eq!(status, 200, "{attempt}");
    let nobody = json!({"action": "activate", "by": " ", "dry_run": true});
    for path in [policy, "/v1/districts/{district}/policies/{role}/approval"] {
        let (status, problem) = post(path, json, &[yunhe, triage], &nobody);
        assert_eq!((status, &problem["field"]), (400, &json!("by")), "{problem}");
    }
    let report = attempt["backtest"].as_str().expect("a backtest");
    let backtest = city.server.get(&format!("/v1/backtests/{report}"));
    is_as_said("a backtest", &json!({"$ref": "#/components/schemas/Backtest"}), &backtest);
    let nonsense = json!([{"name": "triage.toml", "text": "nonsense = 1\n"}]);
    let (status, refused) =
        post(policy, json, &[yunhe, triage], &json!({"action": "activate", "by": "li", "settings": nonsense}));
    assert_eq!((status, refused["attempt"].is_object()), (422, true), "{refused}");

    let wanted = json!({"subject": "wang", "bindings": [{"role": "reporter", "district": "yunhe"}], "days": 1});
    let (status, issued) = post("/v1/tokens", json, &[], &wanted);
    assert_eq!(status, 200, "{issued}");
    let id = ("token", issued["id"].as_str().expect("an id"));
    assert_eq!(post("/v1/tokens/{token}/revoke", json, &[id], &json!({"reason": "a test"})).0, 200);
    let tokens = city.server.get("/v1/tokens");
    is_as_said("tokens", &json!({"$ref": "#/components/schemas/Tokens"}), &tokens);
}

#[test]
fn an_answer_at_hand_is_not_sent_again_until_something_in_it_changes() {
    let city = City::after_the_storm();
    let ask = |path: &str, tag: Option<&str>, method: &str| {
        let mut request = ureq::http::Request::builder().method(method).uri(city.server.url(path));
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        let mut response = agent().run(request.body(()).expect("a request")).expect("answered");
        let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let body = response.body_mut().read_to_string().expect("text");
        (response.status().as_u16(), tag.unwrap_or_else(|| panic!("{path} has no tag")), body)
    };
    let paths = [
        "/v1/districts",
        "/v1/districts/yunhe",
        "/v1/districts/yunhe/incidents",
        "/v1/districts/yunhe/incidents/yh-2021-0719",
        "/v1/districts/yunhe/findings",
        "/v1/districts/yunhe/registers/tasks",
        "/v1/districts/yunhe/policies",
        "/v1/public/yunhe",
        "/v1/openapi.json",
    ];
    for path in paths {
        let (status, tag, body) = ask(path, None, "GET");
        assert_eq!((status, body.is_empty()), (200, false), "{path}");
        assert_eq!(ask(path, None, "HEAD").1, tag, "the head tells the tag of the whole: {path}");
        for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
            let (status, again, body) = ask(path, Some(&known), "GET");
            assert_eq!((status, &again, body.as_str()), (304, &tag, ""), "{path} with {known}");
        }
        assert_eq!(ask(path, Some("\"other\""), "GET").0, 200, "{path}");
    }
    let (_, tag, _) = ask("/v1/districts/yunhe", None, "GET");
    city.server.send("yunhe", &signal("e-1", "990103901"));
    let (status, after, _) = ask("/v1/districts/yunhe", Some(&tag), "GET");
    assert_eq!(status, 200, "something happened");
    assert_ne!(after, tag);
}

#[test]
fn lists_come_in_pages_and_filters_leave_out_what_they_say() {
    let city = City::after_the_storm();
    let get = |path: &str| city.server.get(&format!("/v1/districts/yunhe/{path}"));
    let all = get("findings")["findings"].as_array().expect("findings").clone();
    assert!(all.len() > 2, "enough for pages: {all:?}");
    let (mut paged, mut from) = (Vec::new(), String::new());
    loop {
        let page = get(&format!("findings?limit=2{from}"));
        let rows = page["findings"].as_array().expect("findings");
        assert!(rows.len() <= 2);
        paged.extend(rows.clone());
        let Some(next) = page["next"].as_str() else { break };
        from = format!("&from={next}");
    }
    assert_eq!(paged, all, "every finding once and in order");
    let code = all[0]["code"].as_str().expect("a code");
    let chosen = get(&format!("findings?code={code}"));
    let expected: Vec<&Json> = all.iter().filter(|row| row["code"] == code).collect();
    assert_eq!(chosen["findings"].as_array().expect("findings").iter().collect::<Vec<_>>(), expected);

    let incidents = get("incidents");
    let all = incidents["incidents"].as_array().expect("incidents");
    let fields = [("level", "/level/in_force"), ("stage", "/stage"), ("mode", "/mode"), ("hazard", "/hazard")];
    for (name, field) in fields {
        let value = all.iter().find_map(|row| row.pointer(field)?.as_str()).expect("a value");
        let chosen = get(&format!("incidents?{name}={value}"));
        let expected: Vec<&Json> = all.iter().filter(|row| row.pointer(field) == Some(&json!(value))).collect();
        assert_eq!(chosen["incidents"].as_array().expect("incidents").iter().collect::<Vec<_>>(), expected, "{name}");
    }
    let both = ["open", "closed"].map(|status| {
        let chosen = get(&format!("incidents?status={status}"));
        let chosen = chosen["incidents"].as_array().expect("incidents").clone();
        assert!(chosen.iter().all(|row| row["closed"].is_null() == (status == "open")), "{status}: {chosen:?}");
        chosen.len()
    });
    assert_eq!(both.iter().sum::<usize>(), all.len());

    let entries = get("entries?limit=500");
    let all = entries["entries"].as_array().expect("entries");
    for cause in ["event", "timer", "charter", "activation"] {
        let (mut chosen, mut from) = (Vec::new(), 1);
        loop {
            let page = get(&format!("entries?cause={cause}&limit=7&from={from}"));
            chosen.extend(page["entries"].as_array().expect("entries").clone());
            let Some(next) = page["next"].as_u64() else { break };
            assert!(next > from, "a page leads on");
            from = next;
        }
        let expected: Vec<&Json> = all.iter().filter(|row| row["entry"]["cause"].get(cause).is_some()).collect();
        assert!(!expected.is_empty(), "the storm has a {cause}");
        assert_eq!(chosen.iter().collect::<Vec<_>>(), expected, "{cause}");
    }
    let warnings = get("entries?type=warning.received");
    let kinds =
        warnings["entries"].as_array().expect("entries").iter().map(|row| &row["entry"]["cause"]["event"]["type"]);
    assert!(kinds.clone().count() > 0 && kinds.into_iter().all(|kind| kind == "gov.muster.warning.received"));
}

#[test]
fn registers_are_paged_by_links() {
    let city = City::after_the_storm();
    let ask = |path: &str| {
        let mut response = agent().get(city.server.url(path)).call().expect("answered");
        let link = response.headers().get("link").and_then(|link| link.to_str().ok()).map(str::to_owned);
        let rows: Json = response.body_mut().read_json().expect("JSON");
        (rows.as_array().unwrap_or_else(|| panic!("{path}: {rows}")).clone(), link)
    };
    let (all, none) = ask("/v1/districts/yunhe/registers/tasks");
    assert!(all.len() > 2 && none.is_none(), "{} tasks", all.len());
    let kind = all[0]["kind"].as_str().expect("a kind");
    for filter in [String::new(), format!("&kind={kind}")] {
        let expected: Vec<Json> = all.iter().filter(|row| filter.is_empty() || row["kind"] == kind).cloned().collect();
        let (mut paged, mut next) = (Vec::new(), Some(format!("/v1/districts/yunhe/registers/tasks?limit=2{filter}")));
        while let Some(path) = next {
            let (rows, link) = ask(&path);
            paged.extend(rows);
            next = link.map(|link| {
                link.split_once('<').and_then(|(_, rest)| rest.split_once('>')).expect("a link").0.to_owned()
            });
        }
        assert_eq!(paged, expected);
    }
}

#[test]
fn a_parameter_that_does_not_fit_is_named_with_the_reason_and_the_cure() {
    let city = City::after_the_storm();
    // Path, the field at fault, what the reader is told.
    let cases = [
        ("incidents?limit=0", "limit", "from 1 to 500"),
        ("incidents?limit=501", "limit", "from 1 to 500"),
        ("incidents?status=opened", "status", "there are: open, closed"),
        ("incidents?staus=open", "staus", "takes no `staus`; there are: node, status"),
        ("incidents?level=I&level=II", "level", "write it once"),
        ("incidents?hazard=", "hazard", "1 to 200 bytes"),
        ("findings?as_of=yesterday", "as_of", "a position such as `812`"),
        ("entries?from=first", "from", "a whole number"),
        ("entries/first", "seq", "a whole number"),
        ("stream?from=-1", "from", "a whole number"),
        ("stream?from=1000000", "from", "is the newest"),
        ("registers/rates?limit=5", "limit", "no list"),
        ("registers/tasks?incident=i-1", "incident", "there are: kind, status"),
        ("policies?limit=5", "limit", "takes no `limit`"),
    ];
    for (path, field, words) in cases {
        let url = city.server.url(&format!("/v1/districts/yunhe/{path}"));
        let mut response = agent().get(url).call().expect("answered");
        assert_eq!(response.status(), 400, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        let problem: Json = response.body_mut().read_json().expect("JSON");
        assert_eq!((&problem["type"], &problem["field"]), (&json!("urn:muster:problem:bad-request"), &json!(field)));
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{path}: {problem}");
        is_as_said(path, &json!({"$ref": "#/components/schemas/Problem"}), &problem);
    }
    let url = city.server.url("/v1/districts/yunhe/stream");
    for last in ["first", "1000000"] {
        let mut response = agent().get(&url).header("last-event-id", last).call().expect("answered");
        let problem: Json = response.body_mut().read_json().expect("JSON");
        let field = problem["field"].as_str().unwrap_or_default().to_lowercase();
        assert_eq!((response.status().as_u16(), field.as_str()), (400, "last-event-id"), "{problem}");
    }
    let chinese =
        agent().get(city.server.url("/v1/districts/yunhe/incidents?limit=0")).header("accept-language", "zh-CN");
    let problem: Json = chinese.call().expect("answered").body_mut().read_json().expect("JSON");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("请填写 1 到 500 的整数")), "{problem}");
}

/// What strict readers of bodies read, by their own account, is what the contract says.
#[test]
fn bodies_have_the_fields_that_their_readers_know() {
    let city = City::after_the_storm();
    let bodies = [
        ("/v1/districts/yunhe/policies/triage", "PolicyChange"),
        ("/v1/tokens", "NewToken"),
        ("/v1/tokens/0000000000000000/revoke", "Revocation"),
        ("/v1/outbox/recipients/nobody/forget", "OutboxAct"),
    ];
    for (path, shape) in bodies {
        let (status, _, problem) = city.server.post(path, "application/json", br#"{"no-such-field": 1}"#);
        assert_eq!(status, 400, "{path}: {problem}");
        let detail = problem["detail"].as_str().expect("a detail");
        // Names stand in backticks: the unknown one first, then all that are known.
        let known: Vec<&str> = detail.split('`').skip(1).step_by(2).skip(1).collect();
        let fields = contract()["components"]["schemas"][shape]["properties"].as_object().expect("fields");
        let mut described: Vec<&str> = fields.keys().map(String::as_str).collect();
        let mut read = known.clone();
        described.sort_unstable();
        read.sort_unstable();
        assert_eq!(described, read, "{shape}: {detail}");
    }
}

#[test]
fn a_stream_is_resumed_over_the_death_of_the_host_and_tells_every_entry_once() {
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let city = [examples.path().join("yunhe")];
    let follow = |server: &Server, last: u64, count: usize| -> Vec<(u64, Json)> {
        let url = server.url("/v1/districts/yunhe/stream");
        let response = agent().get(url).header("last-event-id", last.to_string()).call().expect("answered");
        let lines = BufReader::new(response.into_body().into_reader()).lines().map_while(Result::ok);
        let (mut seen, mut id) = (Vec::new(), 0);
        for line in lines {
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.parse().expect("a position");
            } else if let Some(text) = line.strip_prefix("data: ") {
                seen.push((id, serde_json::from_str(text).expect("JSON")));
                if seen.len() == count {
                    break;
                }
            }
        }
        seen
    };
    let server = Server::start(data.path(), &city);
    for number in 0..5 {
        let (status, receipt) = server.send("yunhe", &warning(&format!("k-{number}"), "990100", "red"));
        assert_eq!(status, 200, "{receipt}");
    }
    let mut seen = follow(&server, 0, 4);
    server.kill();
    let server = Server::start(data.path(), &city);
    let (_, receipt) = server.send("yunhe", &warning("k-after", "990100", "red"));
    let head = receipt["seq"].as_u64().expect("a position");
    let last = seen.last().expect("some").0;
    seen.extend(follow(&server, last, usize::try_from(head - last).expect("few")));
    let positions: Vec<u64> = seen.iter().map(|(id, _)| *id).collect();
    assert_eq!(positions, (1..=head).collect::<Vec<_>>(), "none is missing, none comes twice");
    for ((_, before), (_, after)) in seen.iter().zip(seen.iter().skip(1)) {
        assert_eq!(after["entry"]["prev"], before["hash"], "one chain, over the death of the host");
    }
    for (id, committed) in &seen {
        is_as_said(&format!("entry {id} of the stream"), &json!({"$ref": "#/components/schemas/Committed"}), committed);
    }
}
