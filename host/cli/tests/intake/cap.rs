//! Every sample of CAP that the readers keep, with its trap, at the running host.

use serde_json::{Value as Json, json};

use crate::host::{SOURCES, Scene, XML, counted, entries, entry, fact, fresh, refused, said, sample, take};
use crate::support::Server;

/// The samples' shortest kin: an Alert, Update or Cancel about rain at nodes.
fn message(number: u32, kind: &str, references: &[u32], nodes: &[&str], colour: &str) -> String {
    let reference = |number: &u32| format!("99,m{number},2021-07-19T21:{number:02}:00+08:00\n");
    let references: String = references.iter().map(reference).collect();
    let references =
        if references.is_empty() { String::new() } else { format!("<references>{references}</references>") };
    let code = |node: &&str| format!("<geocode><valueName>GB/T2260</valueName><value>{node}</value></geocode>");
    let geocodes: String = nodes.iter().map(code).collect();
    let urgency = if colour == "Past" { "Past" } else { "Immediate" };
    let info = format!(
        "<info><category>Met</category><event>暴雨</event><urgency>{urgency}</urgency><severity>Severe</severity>\
         <certainty>Likely</certainty><eventCode><valueName>GB/T35561</valueName><value>11B03</value></eventCode>\
         <expires>2021-07-20T03:59:00+08:00</expires><parameter><valueName>warningColour</valueName>\
         <value>{colour}</value></parameter><area><areaDesc>x</areaDesc>{geocodes}</area></info>"
    );
    let info = if nodes.is_empty() { "" } else { &info };
    format!(
        "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>m{number}</identifier><sender>99</sender>\
         <sent>2021-07-19T21:{number:02}:00+08:00</sent><status>Actual</status><msgType>{kind}</msgType>\
         <scope>Public</scope>{references}{info}</alert>"
    )
}

/// Messages that belong together, moved in time together: the last one was sent a minute ago.
fn series(messages: &[String]) -> Vec<String> {
    const PART: &str = "\n<!-- next -->\n";
    let newest_first: Vec<&str> = messages.iter().rev().map(String::as_str).collect();
    let moved = fresh(&newest_first.join(PART));
    moved.rsplit(PART).map(str::to_owned).collect()
}

/// Node and change of each item's warning, and the positions of what it stands in place of.
fn warnings(server: &Server, items: &[Json]) -> Vec<(String, String, Json)> {
    let of = |item| {
        let recorded = fact(&entry(server, item), "warning.recorded").expect("a warning");
        let text = |value: &Json| value.as_str().expect("text").to_owned();
        (text(&recorded["warning"]["node"]), text(&recorded["change"]), recorded["supersedes"].clone())
    };
    items.iter().map(of).collect()
}

fn row(node: &str, change: &str, supersedes: Json) -> (String, String, Json) {
    (node.into(), change.into(), supersedes)
}

#[test]
fn an_alert_opens_an_incident_at_every_node_and_the_same_message_again_gives_the_same_receipts() {
    let scene = Scene::new(SOURCES);
    let server = scene.start();
    let red = fresh(&sample("rainstorm-red.xml"));
    let items = take(&server, "weather", &red);
    assert_eq!(items.len(), 2);
    assert_eq!(items[0]["place"], json!({"path": "alert"}));
    assert_eq!(warnings(&server, &items), [row("990102", "new", Json::Null), row("990103", "new", Json::Null)]);
    // The sender's name of the incident is understood.
    let incident = server.get("/v1/districts/yunhe/incidents/yh-2021-0719");
    assert_eq!((&incident["hazard"], &incident["id"]), (&json!("rainstorm"), &items[0]["receipt"]["incident"]));
    let again = take(&server, "weather", &red);
    for (first, again) in items.iter().zip(&again) {
        assert_eq!(again["receipt"]["duplicate"], true);
        for field in ["district", "seq", "hash"] {
            assert_eq!(first["receipt"][field], again["receipt"][field], "{field}");
        }
    }
    assert_eq!(counted(&server, "cap", "taken"), 4);
}

#[test]
fn dialects_versions_and_languages_are_read_as_their_samples_say() {
    let scene = Scene::new(SOURCES);
    let server = scene.start();
    let national = take(&server, "national", &fresh(&sample("china-12379.xml")));
    let national = entry(&server, &national[0]);
    assert_eq!((said(&national, "hazard"), said(&national, "colour")), (json!("rainstorm"), json!("red")));
    assert_eq!(national["cause"]["event"]["node"], "990100");

    let flood = fresh(&sample("flash-flood-nws.xml"));
    let of_nws = entry(&server, &take(&server, "nws", &flood)[0]);
    assert_eq!((said(&of_nws, "hazard"), said(&of_nws, "unmapped.1")), (json!("flash_flood"), json!("UGC=TXZ176")));
    // Without the dialect the empty elements are refused.
    let (status, problem) = refused(&server, "weather", XML, flood.as_bytes());
    assert_eq!((status, &problem["type"]), (422, &json!("urn:muster:problem:intake:missing")), "{problem:#}");

    let leak = take(&server, "office", &fresh(&sample("gas-leak-languages.xml")));
    assert_eq!(leak.len(), 2, "one warning for each area, not for each language");
    let outer = entry(&server, &leak[0]);
    for (language, headline) in
        [("zh-CN", "燃气泄漏:周边请勿靠近"), ("en-US", "Gas leak: keep away"), ("ug-CN", "گاز چىقىش: يېقىنلاشماڭ")]
    {
        assert_eq!(said(&outer, &format!("texts.{language}.headline")), headline);
    }
    let old = entry(&server, &take(&server, "office", &fresh(&sample("cap-1.0.xml")))[0]);
    assert_eq!((said(&old, "hazard"), said(&old, "cap.version")), (json!("thunderstorm"), json!("1.0")));
}

#[test]
fn a_drill_goes_to_the_drills_district_and_nowhere_else() {
    let scene = Scene::new(SOURCES);
    let server = scene.start();
    let items = take(&server, "office", &fresh(&sample("exercise.xml")));
    assert_eq!(items[0]["receipt"]["district"], "lanzhu.exercise");
    assert_eq!(warnings(&server, &items), [row("970100", "new", Json::Null)]);
    take(&server, "weather", &fresh(&sample("rainstorm-red.xml")).replace("<status>Actual", "<status>Exercise"));
    let of_drill = server.get("/v1/districts/yunhe.exercise/incidents");
    assert_eq!(of_drill["incidents"][0]["hazard"], "rainstorm", "{of_drill:#}");
    assert_eq!(server.get("/v1/districts/yunhe/incidents")["incidents"], json!([]));
    assert!(entries(&server, "lanzhu").iter().all(|entry| entry["cause"]["event"].is_null()), "nothing real happened");
}

#[test]
fn what_has_expired_is_kept_and_does_not_come_into_force() {
    let scene = Scene::new(SOURCES);
    let server = scene.start();
    // Of years ago, as it stands.
    for item in take(&server, "weather", &sample("rainstorm-red.xml")) {
        let entry = entry(&server, &item);
        assert_eq!(entry["cause"]["event"]["type"], "gov.muster.warning.lapsed");
        assert_eq!(said(&entry, "reason"), "expired-before");
        assert_eq!(fact(&entry, "warning.recorded"), None);
    }
}

#[test]
fn an_update_takes_the_place_of_what_it_names_and_a_cancel_takes_back_exactly_that() {
    let scene = Scene::new(SOURCES);
    let server = scene.start();
    let messages = series(&[
        message(1, "Alert", &[], &["990102", "990103"], "Orange"),
        message(2, "Alert", &[], &["990105"], "Orange"),
        message(3, "Update", &[1], &["990103"], "Red"),
        message(4, "Cancel", &[1], &[], ""),
        message(5, "Cancel", &[3], &[], ""),
        message(6, "Cancel", &[9], &[], ""),
        message(7, "Update", &[2], &["990105"], "Orange"),
    ]);
    let seq = |item: &Json| item["receipt"]["seq"].clone();
    let first = take(&server, "weather", &messages[0]);
    let other = take(&server, "weather", &messages[1]);
    let update = take(&server, "weather", &messages[2]);
    assert_eq!(
        warnings(&server, &update),
        [row("990103", "raised", json!([seq(&first[1])])), row("990102", "cancelled", json!([seq(&first[0])]))]
    );
    // The Update has its place: a late Cancel of the first message takes nothing back.
    let late = entry(&server, &take(&server, "weather", &messages[3])[0]);
    assert_eq!(late["cause"]["event"]["type"], "gov.muster.message.recorded");
    assert_eq!((said(&late, "reason"), fact(&late, "warning.recorded")), (json!("superseded-before"), None));
    let cancel = take(&server, "weather", &messages[4]);
    assert_eq!(warnings(&server, &cancel), [row("990103", "cancelled", json!([seq(&update[0])]))]);
    // What the second message warned of stands.
    let prolonged = take(&server, "weather", &messages[6]);
    assert_eq!(warnings(&server, &prolonged), [row("990105", "prolonged", json!([seq(&other[0])]))]);
    // What nobody has seen is not taken back by guesswork, and another source takes back nothing.
    let (status, problem) = refused(&server, "weather", XML, messages[5].as_bytes());
    assert_eq!((status, &problem["type"]), (422, &json!("urn:muster:problem:intake:unknown-references")));
    assert_eq!(problem["field"], "alert/references");
    let (status, _) = refused(&server, "province", XML, messages[4].as_bytes());
    assert_eq!(status, 422);
    assert_eq!(counted(&server, "cap", "unknown-references"), 2);
}

#[test]
fn updates_of_the_samples_say_what_they_do_not_know_and_an_urgency_of_the_past_is_an_all_clear() {
    let scene = Scene::new(SOURCES);
    let server = scene.start();
    let typhoon = fresh(&sample("typhoon-update.xml"));
    let items = take(&server, "province", &typhoon);
    let districts: Vec<&Json> = items.iter().map(|item| &item["receipt"]["district"]).collect();
    assert_eq!(districts, ["hailan", "hailan"], "where its places are known");
    let one = entry(&server, &items[0]);
    assert_eq!((said(&one, "msgtype"), said(&one, "colour")), (json!("update"), json!("red")));
    assert!(said(&one, "unknown_references.1").is_string(), "{one:#}");

    // The end of a warning that nobody has seen ends nothing.
    let over = sample("cap-1.1-tsunami-over.xml");
    let (status, problem) = refused(&server, "office", XML, fresh(&over).as_bytes());
    assert_eq!((status, &problem["type"]), (422, &json!("urn:muster:problem:intake:unknown-references")));
    let first = over
        .replace("TSU-2011-0004", "TSU-2011-0003")
        .replace("<sent>2011-03-12T01:30:00Z", "<sent>2011-03-11T23:00:00Z")
        .replace("<msgType>Update", "<msgType>Alert")
        .replace("<urgency>Past", "<urgency>Immediate")
        .replace("<references>centre@tsunami.example,TSU-2011-0003,2011-03-11T23:00:00Z</references>", "");
    let story = series(&[first, over]);
    let warned = take(&server, "office", &story[0]);
    let ended = take(&server, "office", &story[1]);
    let seq = &warned[0]["receipt"]["seq"];
    assert_eq!(warnings(&server, &ended), [row("970100", "cancelled", json!([seq]))]);
    let ended = entry(&server, &ended[0]);
    assert_eq!((said(&ended, "reason"), said(&ended, "all_clear")), (json!("all-clear"), json!(true)));
}

#[test]
fn a_power_cut_between_an_alert_and_its_cancel_forgets_nothing() {
    let scene = Scene::new(SOURCES);
    let server = scene.start();
    let messages = series(&[
        message(1, "Alert", &[], &["990102", "990103"], "Orange"),
        message(2, "Update", &[1], &["990102"], "Red"),
        message(3, "Cancel", &[2], &[], ""),
        message(4, "Cancel", &[1], &[], ""),
    ]);
    take(&server, "weather", &messages[0]);
    let update = take(&server, "weather", &messages[1]);
    server.kill();
    let server = scene.start();
    assert_eq!(server.get("/v1/status")["intake"]["messages_remembered"], 2);
    let cancel = take(&server, "weather", &messages[2]);
    assert_eq!(warnings(&server, &cancel), [row("990102", "cancelled", json!([update[0]["receipt"]["seq"]]))]);
    server.kill();
    let server = scene.start();
    let late = entry(&server, &take(&server, "weather", &messages[3])[0]);
    assert_eq!(said(&late, "reason"), "superseded-before");
    // And what was sent before the cuts is still known.
    let again = take(&server, "weather", &messages[2]);
    assert_eq!(again[0]["receipt"]["duplicate"], true);
    assert_eq!(again[0]["receipt"]["hash"], cancel[0]["receipt"]["hash"]);
}
