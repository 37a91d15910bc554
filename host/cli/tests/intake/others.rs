//! Alertmanager, JSON lines and `CloudEvents` of a source: each item is answered in its place.

use serde_json::{Value as Json, json};

use crate::host::{LINES, SOURCES, Scene, counted, entry, fact, said, sample};
use crate::support::signal;

const JSON: &str = "application/json";

#[test]
fn alerts_that_fire_and_are_resolved_are_two_signals_and_repeats_count_once() {
    let scene = Scene::new(SOURCES);
    let server = scene.start();
    let call = sample("alertmanager.json");
    let (status, _, answer) = server.post("/v1/intake/monitoring", JSON, call.as_bytes());
    assert_eq!(status, 200, "what is wrong for good is not asked for again: {answer:#}");
    let places: Vec<&Json> = answer.as_array().expect("items").iter().map(|item| &item["place"]["path"]).collect();
    assert_eq!(places, ["alerts.0", "alerts.1", "alerts.2"]);
    let problem = &answer[2]["problem"];
    assert_eq!(
        (&problem["type"], &problem["field"]),
        (&json!("urn:muster:problem:intake:time"), &json!("alerts.2.startsAt"))
    );
    let firing = entry(&server, &answer[0]);
    assert_eq!((said(&firing, "state"), said(&firing, "severity")), (json!("firing"), json!("severe")));

    // Now the same alert is over.
    let mut over: Json = serde_json::from_str(&call).expect("JSON");
    over["alerts"][0]["status"] = json!("resolved");
    over["alerts"][0]["endsAt"] = json!("2021-07-20T09:01:00Z");
    let (status, _, answer) = server.post("/v1/intake/monitoring", JSON, over.to_string().as_bytes());
    assert_eq!(status, 200, "{answer:#}");
    let resolved = entry(&server, &answer[0]);
    assert_eq!(
        resolved["cause"]["event"]["id"],
        said(&firing, "fingerprint")
            .as_str()
            .map(|fingerprint| format!("alertmanager:{fingerprint}/2021-07-20T08:01:00.123Z/resolved"))
            .expect("text")
    );
    assert_eq!(said(&resolved, "resolves"), firing["cause"]["event"]["id"]);
    assert_eq!(said(&resolved, "kind"), "alert_resolved");
    assert_eq!(answer[1]["receipt"]["duplicate"], true, "what Alertmanager repeats counts once");
    assert_eq!((counted(&server, "alertmanager", "taken"), counted(&server, "alertmanager", "time")), (4, 2));
}

#[test]
fn lines_are_answered_one_by_one_in_both_languages() {
    let scene = Scene::new(SOURCES);
    let server = scene.start();
    let lines = concat!(
        r#"{"station":"RG-7","time":"2021-07-20T16:00:00+08:00","reading":{"depth":27.5}}"#,
        "\n\n",
        r#"{"station":"RG-7","time":"2021-07-20T16:01:00+08:00","reading":{}}"#,
        "\n",
        r#"{"station":"RG-9","time":"2021-07-20T16:01:00+08:00","reading":{"depth":1}}"#,
        "\nnot json\n",
    );
    let (status, _, answer) = server.post("/v1/intake/gauges", LINES, lines.as_bytes());
    assert_eq!(status, 200, "{answer:#}");
    let lines: Vec<&Json> = answer.as_array().expect("items").iter().map(|item| &item["place"]["line"]).collect();
    assert_eq!(lines, [1, 3, 4, 5]);
    let codes: Vec<&Json> = (1..4).map(|at| &answer[at]["problem"]["type"]).collect();
    let wanted = ["missing", "unknown-place", "not-json"].map(|code| format!("urn:muster:problem:intake:{code}"));
    assert_eq!(codes, wanted.each_ref());
    let reading = entry(&server, &answer[0]);
    assert_eq!((said(&reading, "kind"), said(&reading, "units.depth_cm")), (json!("ponding"), json!("cm")));
    assert!(fact(&reading, "event.placed").is_some(), "{reading:#}");
    // A line alone that is wrong is a problem; so is a whole of nothing but such lines.
    let request = ureq::http::Request::builder().method("POST").uri(server.url("/v1/intake/gauges"));
    let request = request.header("content-type", LINES).header("accept-language", "zh").body("not json\n");
    let mut answer = crate::support::agent().run(request.expect("a request")).expect("answered");
    assert_eq!(answer.status(), 400);
    let problem: Json = answer.body_mut().read_json().expect("JSON");
    assert!(
        problem["title"] == "来源报文未被接受"
            && problem["detail"].as_str().is_some_and(|said| said.contains("第 1 行")),
        "{problem:#}"
    );
    assert_eq!(problem["items"][0]["problem"]["line"], 1);
}

#[test]
fn what_may_be_taken_later_is_asked_for_again_by_the_status_alone() {
    // No disk has so much room: signals are refused for as long as it is so.
    let scene = Scene::with("low_space_mebibytes = 1000000000000", SOURCES);
    let server = scene.start();
    let call = sample("alertmanager.json");
    let (status, kind, answer) = server.post("/v1/intake/monitoring", JSON, call.as_bytes());
    assert_eq!((status, kind.as_str()), (503, "application/problem+json"), "{answer:#}");
    assert_eq!(answer["type"], "urn:muster:problem:low-space");
    assert_eq!(answer["items"].as_array().map(Vec::len), Some(3));
    assert_eq!(counted(&server, "alertmanager", "low-space"), 2);
}

#[test]
fn cloudevents_of_a_source_go_to_its_district() {
    let scene = Scene::new(SOURCES);
    let server = scene.start();
    let event = signal("ce-1", "990103901").to_string();
    let (status, _, receipt) = server.post("/v1/intake/events", "application/cloudevents+json", event.as_bytes());
    assert_eq!((status, &receipt["district"]), (200, &json!("yunhe")), "{receipt:#}");
    let (_, answer) = server.send("yunhe", &signal("ce-1", "990103901"));
    assert_eq!(
        (&answer["duplicate"], &answer["seq"]),
        (&json!(true), &receipt["seq"]),
        "one way in, whatever its route"
    );
}
