//! What hostile or broken messages get: a problem with a stable code, the place, both languages, and a count; and a host
//! that goes on.

use serde_json::json;

use crate::host::{LINES, SOURCES, Scene, XML, counted, fresh, refused, sample, take};
use crate::support::Server;

/// Sends a message that is refused with this status and reason, and sees it counted.
fn expect(server: &Server, source: &str, media: &str, message: &[u8], wanted: (u16, &str)) {
    let format = match media {
        XML => "cap",
        LINES => "json_lines",
        _ => "alertmanager",
    };
    let before = counted(server, format, wanted.1);
    let (status, problem) = refused(server, source, media, message);
    let code = problem["type"].as_str().and_then(|kind| kind.rsplit(':').next()).unwrap_or_default().to_owned();
    assert_eq!((status, code.as_str()), wanted, "{problem:#}");
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty() && detail.len() < 2_048), "{problem:#}");
    assert_eq!(counted(server, format, wanted.1), before + 1, "it is counted");
}

#[test]
fn bombs_depths_and_sizes_are_refused_counted_and_cost_nothing_more() {
    let scene = Scene::new(SOURCES);
    let server = scene.start();
    let cap = |message: &[u8], wanted| expect(&server, "weather", XML, message, wanted);
    cap(sample("billion-laughs.xml").as_bytes(), (400, "doctype"));
    cap(b"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", (400, "doctype"));
    cap(sample("malformed.xml").as_bytes(), (400, "not-xml"));
    cap(format!("<alert>{}", "<a>".repeat(20_000)).as_bytes(), (413, "too-large"));
    cap(&vec![b'<'; 300_000], (413, "too-large"));
    cap(&vec![b'<'; (1 << 20) + 1], (413, "too-large"));
    cap(&[0xff; 1_000], (400, "not-utf-8"));
    cap(b"", (400, "not-xml"));
    let red = fresh(&sample("rainstorm-red.xml"));
    cap(red.replacen("<contact>", &format!("<contact>{}", "&amp;".repeat(20_000)), 1).as_bytes(), (413, "too-large"));
    cap(red.replace("<status>Actual", "<status>Draft").as_bytes(), (422, "draft"));
    let swapped = red.replace("34.9700,113.4200", "113.4200,34.9700");
    cap(swapped.as_bytes(), (422, "swapped"));

    let lines = |message: &[u8], wanted| expect(&server, "gauges", LINES, message, wanted);
    lines(format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000)).as_bytes(), (400, "not-json"));
    lines(&vec![b' '; (1 << 20) + 1], (413, "too-large"));
    lines("{}\n".repeat(1_001).as_bytes(), (413, "too-large"));
    let alerts = |message: &[u8], wanted| expect(&server, "monitoring", "application/json", message, wanted);
    alerts("[".repeat(100_000).as_bytes(), (400, "not-json"));
    alerts(br#"{"version":"3","alerts":[]}"#, (422, "other-format"));
    alerts(&vec![b'['; (1 << 20) + 1], (413, "too-large"));

    // Nothing of it became an event, and the next message is taken as if nothing had been.
    let before = server.get("/v1/districts/yunhe")["seq"].clone();
    let items = take(&server, "weather", &red);
    assert_eq!(items[0]["receipt"]["seq"], before.as_u64().expect("a position") + 1);
}

#[test]
fn the_place_is_named_in_the_readers_language() {
    let scene = Scene::new(SOURCES);
    let server = scene.start();
    let (_, problem) = refused(&server, "weather", XML, sample("malformed.xml").as_bytes());
    assert_eq!((&problem["field"], &problem["line"]), (&json!("alert/info/severity"), &json!(13)));
    let request = ureq::http::Request::builder().method("POST").uri(server.url("/v1/intake/weather"));
    let request = request.header("content-type", XML).header("accept-language", "zh-CN");
    let mut answer =
        crate::support::agent().run(request.body(sample("billion-laughs.xml")).expect("a request")).expect("answered");
    let problem: serde_json::Value = answer.body_mut().read_json().expect("JSON");
    assert_eq!(problem["type"], "urn:muster:problem:intake:doctype");
    assert!(problem["detail"].as_str().is_some_and(|said| said.contains("不读取文档类型声明及实体")), "{problem:#}");

    let (status, problem) = refused(&server, "nobody", XML, b"<a/>");
    assert_eq!((status, &problem["type"]), (404, &json!("urn:muster:problem:unknown-source")));
    let (status, problem) = refused(&server, "weather", "text/plain", b"<a/>");
    assert_eq!((status, &problem["type"]), (415, &json!("urn:muster:problem:unsupported-media-type")));
    assert!(problem["detail"].as_str().is_some_and(|said| said.contains("application/cap+xml")), "{problem:#}");
}
