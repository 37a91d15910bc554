//! The traps that live feeds have set for others, one by one: what is refused names its place and its cure, and what is
//! taken back is exactly what was put out.

use crate::common::{self, at, briefs, events, refusal, take, text};
use muster_intake::{Earlier as _, Ledger, Nothing};

const NOW: &str = "2021-07-19T22:00:00+08:00";
const KEYS: [&str; 8] = [
    "hazard",
    "colour",
    "msgtype",
    "reason",
    "all_clear",
    "supersedes.0",
    "unknown_references.0",
    "area.0.polygon.0.crosses_itself",
];

/// The strict sample with one thing changed.
fn with(from: &str, to: &str) -> String {
    let sample = text("rainstorm-red.xml");
    assert!(sample.contains(from), "the sample has no `{from}`");
    sample.replacen(from, to, 1)
}

fn refused(from: &str, to: &str) -> String {
    refusal("weather", with(from, to).as_bytes(), NOW).to_string()
}

fn taken(from: &str, to: &str, keys: &[&str]) -> String {
    briefs(&events("weather", with(from, to).as_bytes(), NOW, &Nothing)[..1], keys)
}

#[test]
fn declarations_and_entities_are_refused_before_anything_else() {
    let laughs = refusal("weather", &common::sample("billion-laughs.xml"), NOW);
    insta::assert_snapshot!(laughs, @"line 2: a document type declaration or an entity (<!DOCTYPE) is never read; send the message without it");
    insta::assert_snapshot!(laughs.chinese(), @"第 2 行:不读取文档类型声明及实体(<!DOCTYPE);请去掉后再发送");
    // Also where it is said in small letters, behind the message, in a comment, or after what is wrong in another way.
    for hidden in ["<!doctype a>", "<!-- <!ENTITY x \"y\"> -->", "<![CDATA[<!DOCTYPE a>]]>"] {
        assert_eq!(
            refusal("weather", with("</alert>", &format!("{hidden}</alert>")).as_bytes(), NOW).reason.code(),
            "doctype"
        );
    }
    insta::assert_snapshot!(refused("<contact>", "<contact><!- x -->"), @"line 29: not well-formed XML: `<!` begins neither a comment nor character data; send the message whole, with `&` and `<` escaped");
    insta::assert_snapshot!(refused("<contact>", "<contact>&own;"), @"alert/info/contact (line 29): a document type declaration or an entity (&own;) is never read; send the message without it");
    insta::assert_snapshot!(refused("<contact>", "<contact>&#0;"), @"alert/info/contact (line 29): not well-formed XML: `&#0;` stands for no letter; send the message whole, with `&` and `<` escaped");
}

#[test]
fn what_is_not_whole_is_refused_with_its_line() {
    insta::assert_snapshot!(refusal("weather", &common::sample("malformed.xml"), NOW), @"alert/info/severity (line 13): not well-formed XML: ill-formed document: expected `</severity>`, but `</urgency>` was found; send the message whole, with `&` and `<` escaped");
    insta::assert_snapshot!(refusal("weather", b"", NOW), @"line 1: not well-formed XML: it ends in the middle; send the message whole, with `&` and `<` escaped");
    insta::assert_snapshot!(refusal("weather", b"<alert", NOW), @"line 1: not well-formed XML: syntax error: tag not closed: `>` not found before end of input; send the message whole, with `&` and `<` escaped");
    insta::assert_snapshot!(refusal("weather", b"{\"not\": \"xml\"}", NOW), @"line 1: not well-formed XML: text stands outside of the message; send the message whole, with `&` and `<` escaped");
    insta::assert_snapshot!(refusal("weather", &[0xff, 0xfe, 0x3c, 0x00], NOW), @"the text is not UTF-8; send UTF-8");
    insta::assert_snapshot!(refused("encoding=\"UTF-8\"", "encoding=\"GBK\""), @"line 1: the text is not UTF-8; send UTF-8");
    insta::assert_snapshot!(refused("</alert>", "</alert><alert/>"), @"line 39: not well-formed XML: a second message follows; send one at a time; send the message whole, with `&` and `<` escaped");
    insta::assert_snapshot!(refused("<contact>", "<contact>\u{b}"), @"line 29: not well-formed XML: the control character U+000B is not allowed; send the message whole, with `&` and `<` escaped");
}

#[test]
fn another_format_or_namespace_is_said() {
    insta::assert_snapshot!(refusal("weather", b"<feed xmlns=\"http://www.w3.org/2005/Atom\"/>", NOW), @"`feed` is not the element `alert` of CAP");
    insta::assert_snapshot!(refused("cap:1.2", "cap:1.3"), @"alert (line 2): `urn:oasis:names:tc:emergency:cap:1.3` is not a namespace of CAP 1.0, 1.1 or 1.2");
    insta::assert_snapshot!(refused("<contact>", "<x:note xmlns:x=\"urn:x\"/><contact>"), @"alert/info (line 29): `note {urn:x}` does not belong here; leave it out, or name the dialect that the source speaks");
    insta::assert_snapshot!(refused("<contact>", "<y:note/><contact>"), @"alert/info (line 29): not well-formed XML: the prefix `y` is not declared; send the message whole, with `&` and `<` escaped");
}

#[test]
fn order_number_and_words_are_the_standards() {
    insta::assert_snapshot!(refused("<sender>99010041600000</sender>", ""), @"alert (line 2): `sender` is missing or empty; it is required");
    insta::assert_snapshot!(refused("<status>Actual</status>", "<status>Real</status>"), @"alert/status (line 6): `Real` is not allowed; it must be Actual, Exercise, System, Test or Draft");
    insta::assert_snapshot!(refused("<scope>Public</scope>", "<scope>Public</scope><scope>Public</scope>"), @"alert/scope[2] (line 9): `scope` is given more than 1 times");
    insta::assert_snapshot!(refused("<scope>Public</scope>", "<scope>Public</scope><source>late</source>"), @"alert/source[2] (line 9): `source` stands after `scope`; the standard wants it before");
    insta::assert_snapshot!(refused("<scope>Public</scope>", "<scope>Restricted</scope>"), @"alert (line 2): `restriction` is missing or empty; it is required");
    insta::assert_snapshot!(refused("<urgency>Immediate</urgency>", "<urgency>Now</urgency>"), @"alert/info/urgency (line 17): `Now` is not allowed; it must be Immediate, Expected, Future, Past or Unknown");
    insta::assert_snapshot!(refused("<value>Red</value>", "<value></value>"), @"alert/info/parameter[1]/value (line 30): `value` is missing or empty; it is required");
    insta::assert_snapshot!(refused("<identifier>", "<identifier>a b,"), @"alert/identifier (line 3): `a b,99010041600000_20210719215900_0` is not allowed; it must be without spaces, commas, `<` and `&`");
    insta::assert_snapshot!(refused("2021-07-19T21:59:00+08:00", "2021-07-19 21:59:00+08:00"), @"alert/sent (line 5): `2021-07-19 21:59:00+08:00` is not allowed; it must be a time with an offset, for instance 2021-07-19T21:59:00+08:00; UTC is -00:00");
    insta::assert_snapshot!(refused("<web>", "<colour>red</colour><web>"), @"alert/info/colour (line 28): `colour` does not belong here; leave it out, or name the dialect that the source speaks");
    insta::assert_snapshot!(refused("<category>Met</category>", "stray words"), @"alert/info (line 11): `stray words` does not belong here; leave it out, or name the dialect that the source speaks");
    insta::assert_snapshot!(refused("<event>暴雨</event>", "<event>暴雨<b/></event>"), @"alert/info/event/b (line 14): `b` does not belong here; leave it out, or name the dialect that the source speaks");
}

#[test]
fn a_newline_within_a_polygon_or_a_code_is_white_space() {
    let keys = ["area.0.polygon.0.points", "area.0.geocode.0"];
    let polygon = taken("34.9700,113.8600 34.6200,113.8600", "\n  34.9700,113.8600\r\n\t34.6200,113.8600", &keys);
    assert_eq!(polygon, taken("<value>990102</value>", "<value>\n  990102\n</value>", &keys));
}

#[test]
fn points_the_wrong_way_round_are_noticed() {
    insta::assert_snapshot!(refused("34.9700,113.4200 34.9700", "113.4200,34.9700 34.9700"), @"alert/info/area/polygon (line 34): `113.4200,34.9700` has its latitude and longitude the wrong way round; the standard wants latitude,longitude");
    // Both readings are points of the earth; only the box of the settings tells.
    let west = "80.5,40.1 80.5,40.2 80.6,40.2 80.5,40.1";
    let polygon = "34.9700,113.4200 34.9700,113.8600 34.6200,113.8600 34.6200,113.4200 34.9700,113.4200";
    insta::assert_snapshot!(refused(polygon, west), @"alert/info/area/polygon (line 34): `80.5,40.1` has its latitude and longitude the wrong way round; the standard wants latitude,longitude");
    insta::assert_snapshot!(refused("34.9700,113.4200</polygon>", "34.9800,113.4200</polygon>"), @"alert/info/area/polygon (line 34): `34.9700,113.4200 34.9700,113.8600 34.6200,113.8600 34.6200,113.4200 34.9800,113.…` is not allowed; it must be at least four points, and the last one the same as the first");
    insta::assert_snapshot!(refused("34.9700,113.4200</polygon>", "34.9700</polygon>"), @"alert/info/area/polygon (line 34): `34.9700` is not allowed; it must be `latitude,longitude` in degrees");
}

#[test]
fn a_polygon_that_crosses_itself_is_kept_and_marked() {
    let polygon = "34.9700,113.4200 34.9700,113.8600 34.6200,113.8600 34.6200,113.4200 34.9700,113.4200";
    insta::assert_snapshot!(taken(polygon, "34,113 35,114 34,114 35,113 34,113", &KEYS), @"warning.received at 990102 cap:99010041600000,99010041600000_20210719215900_0,2021-07-19T13:59:00.000Z/rainstorm/990102 hazard=rainstorm colour=red msgtype=alert area.0.polygon.0.crosses_itself=true");
    // So many edges that it is not looked at: unknown, not false.
    let mut points: Vec<String> = (0..1_500).map(|number| format!("34.{number:04},113.5")).collect();
    points.push("34.1,114".into());
    points.push(points[0].clone());
    insta::assert_snapshot!(taken(polygon, &points.join(" "), &KEYS[7..]), @"warning.received at 990102 cap:99010041600000,99010041600000_20210719215900_0,2021-07-19T13:59:00.000Z/rainstorm/990102 area.0.polygon.0.crosses_itself=unknown");
}

#[test]
fn limits_are_named() {
    let infos = {
        let sample = text("rainstorm-red.xml");
        let (from, to) = (sample.find("  <info>").expect("an info"), sample.find("</info>").expect("an info") + 8);
        sample.replace(&sample[from..to].to_owned(), &sample[from..to].repeat(33))
    };
    insta::assert_snapshot!(refusal("weather", infos.as_bytes(), NOW), @"alert/info[33] (line 907): `info` is given more than 32 times");
    let polygon = "34.9700,113.4200 34.9700,113.8600 34.6200,113.8600 34.6200,113.4200 34.9700,113.4200";
    insta::assert_snapshot!(refused(polygon, &"34,113 ".repeat(5_000)), @"alert/info/area/polygon (line 34): over the limit of 4096 points; send less at once");
    insta::assert_snapshot!(refused("<instruction>", &format!("<instruction>{}", "x".repeat(70_000))), @"alert/info/instruction (line 27): over the limit of 65536 bytes of text; send less at once");
    insta::assert_snapshot!(refused("<instruction>", &format!("<instruction>{}", "x".repeat(300_000))), @"over the limit of 262144 bytes; send less at once");
    insta::assert_snapshot!(refused("<instruction>", &format!("<instruction>{}", "<a>".repeat(50))), @"alert/info/instruction/a/a/a/a/a (line 27): over the limit of 8 levels of elements; send less at once");
    insta::assert_snapshot!(refused("<instruction>", &format!("<instruction>{}", "&amp;".repeat(20_000))), @"alert/info/instruction (line 27): over the limit of 16384 tags and pieces of text; send less at once");
    let many = geocodes((0..300).map(|code| format!("99{code:04}")));
    insta::assert_snapshot!(refused("<geocode>", &format!("{many}<geocode>")), @"alert/info: over the limit of 128 hazards and nodes; send less at once");
    let long = format!("{}<geocode>", &many[..many.len() / 3]);
    let heavy = with("<geocode>", &long).replacen("<instruction>", &format!("<instruction>{}", "x".repeat(60_000)), 1);
    insta::assert_snapshot!(refusal("weather", heavy.as_bytes(), NOW), @"alert: over the limit of 393216 bytes for all nodes together; send less at once");
}

#[test]
fn what_the_settings_do_not_know_is_refused_with_the_cure() {
    // Codes of GB/T 35561 beyond the two that are known are the settings' to name.
    let named = common::SOURCES
        .replace("cap.dialect = \"12379\"", "cap.dialect = \"12379\"\nhazards = { \"GB/T35561:11X99\" = \"gale\" }");
    let registry = common::registry(&named);
    let muster_intake::Reader::Adapter(national) = &registry.find("national").expect("a source").reader else {
        panic!()
    };
    let gale = text("china-12379.xml").replace("11B03", "11X99");
    let moment = muster_intake::Moment { now: at("2021-07-20T16:02:00+08:00"), earlier: &Nothing };
    let events: Vec<_> = national
        .read(gale.as_bytes(), &moment)
        .expect("events")
        .into_iter()
        .map(|item| item.read.expect("an event"))
        .collect();
    insta::assert_snapshot!(briefs(&events, &["hazard", "category.0", "texts.zh-CN.event"]), @"warning.received at 990100 cap:99010041600000,99010041600000_20210720160100_0,2021-07-20T08:01:00.000Z/gale/990100 hazard=gale category.0=Other texts.zh-CN.event=11X99");
    insta::assert_snapshot!(refused("<value>11B03</value>", "<value>11X99</value>"), @"alert/info: no hazard is known for `GB/T35561:11X99`, `暴雨`; add one of them to `hazards` of this source in muster.toml");
    let elsewhere = text("rainstorm-red.xml").replace("GB/T2260", "UGC");
    insta::assert_snapshot!(refusal("weather", elsewhere.as_bytes(), NOW), @"alert/info/area: no node is known for `UGC=990102`, `UGC=990103`; add it to `geocodes` of this source in muster.toml, or set `default_node`");
    insta::assert_snapshot!(refusal("weather", elsewhere.as_bytes(), NOW).chinese(), @"alert/info/area:没有与 `UGC=990102`, `UGC=990103` 对应的辖区;请在 muster.toml 该来源的 `geocodes` 中添加,或设置 `default_node`");
}

#[test]
fn tests_and_answers_are_kept_and_drafts_refused() {
    insta::assert_snapshot!(taken("<status>Actual</status>", "<status>Test</status>", &["reason", "hazard"]), @"message.recorded at the root cap:99010041600000,99010041600000_20210719215900_0,2021-07-19T13:59:00.000Z reason=status-Test");
    insta::assert_snapshot!(taken("<status>Actual</status>", "<status>System</status>", &["reason", "hazard"]), @"message.recorded at the root cap:99010041600000,99010041600000_20210719215900_0,2021-07-19T13:59:00.000Z reason=status-System");
    insta::assert_snapshot!(refused("<status>Actual</status>", "<status>Draft</status>"), @"alert/status: the status is Draft: it is not meant to be acted on; send it with the status Actual or Exercise");
    insta::assert_snapshot!(refused("<msgType>Alert</msgType>", "<msgType>Ack</msgType>"), @"alert (line 2): `references` is missing; a message of the type Ack must name the messages it is about");
    let references = "<scope>Public</scope><references>a@b,1,2021-07-19T20:00:00+08:00</references>";
    let answer =
        with("<msgType>Alert</msgType>", "<msgType>Error</msgType>").replace("<scope>Public</scope>", references);
    insta::assert_snapshot!(briefs(&events("weather", answer.as_bytes(), NOW, &Nothing), &["reason", "references.0"]), @"message.recorded at the root cap:99010041600000,99010041600000_20210719215900_0,2021-07-19T13:59:00.000Z reason=msgtype-Error references.0=a@b,1,2021-07-19T12:00:00.000Z");
}

#[test]
fn what_has_expired_does_not_come_into_force() {
    let events = events("weather", text("rainstorm-red.xml").as_bytes(), "2021-07-20T03:59:00+08:00", &Nothing);
    insta::assert_snapshot!(briefs(&events[..1], &KEYS), @"warning.lapsed at 990102 cap:99010041600000,99010041600000_20210719215900_0,2021-07-19T13:59:00.000Z/rainstorm/990102 hazard=rainstorm colour=red reason=expired-before area.0.polygon.0.crosses_itself=false");
}

#[test]
fn the_same_message_again_has_the_same_ids_however_its_time_is_written() {
    let once = events("weather", text("rainstorm-red.xml").as_bytes(), NOW, &Nothing);
    let again = text("rainstorm-red.xml").replace("<sent>2021-07-19T21:59:00+08:00", "<sent>2021-07-19T13:59:00-00:00");
    let again = events("weather", again.as_bytes(), "2021-07-19T23:00:00+08:00", &Nothing);
    let ids = |events: &[muster_kernel::Event]| events.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&once), ids(&again));
}

fn geocodes(codes: impl Iterator<Item = String>) -> String {
    let geocode = |code| format!("<geocode><valueName>GB/T2260</valueName><value>{code}</value></geocode>");
    codes.map(geocode).collect::<Vec<_>>().concat()
}

/// An Alert, Update or Cancel about rain in the nodes named.
fn message(number: u32, kind: &str, references: &[u32], nodes: &[&str], more: &str) -> String {
    let named = |number: &u32| format!("99,m{number},2021-07-19T21:{number:02}:00+08:00");
    let references = references.iter().map(named).collect::<Vec<_>>().join(" ");
    let references =
        if references.is_empty() { String::new() } else { format!("<references>{references}</references>") };
    let geocodes = geocodes(nodes.iter().map(ToString::to_string));
    let urgency = if more == "Past" { "Past" } else { "Immediate" };
    let colour = if more.is_empty() || more == "Past" { "Red" } else { more };
    let info = if nodes.is_empty() {
        String::new()
    } else {
        format!(
            "<info><category>Met</category><event>暴雨</event><urgency>{urgency}</urgency><severity>Severe</severity>\
             <certainty>Likely</certainty><eventCode><valueName>GB/T35561</valueName><value>11B03</value></eventCode>\
             <expires>2021-07-20T03:59:00+08:00</expires><parameter><valueName>warningColour</valueName>\
             <value>{colour}</value></parameter><area><areaDesc>x</areaDesc>{geocodes}</area></info>"
        )
    };
    format!(
        "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>m{number}</identifier><sender>99</sender>\
         <sent>2021-07-19T21:{number:02}:00+08:00</sent><status>Actual</status><msgType>{kind}</msgType>\
         <scope>Public</scope>{references}{info}</alert>"
    )
}

#[test]
fn an_update_takes_the_place_of_exactly_what_it_references() {
    let mut ledger = Ledger::default();
    take(&mut ledger, "weather", message(1, "Alert", &[], &["990102", "990103"], "").as_bytes(), NOW);
    take(&mut ledger, "weather", message(2, "Alert", &[], &["990104"], "").as_bytes(), NOW);
    let update = message(3, "Update", &[1], &["990103", "990105"], "Orange");
    let first = take(&mut ledger, "weather", update.as_bytes(), NOW);
    insta::assert_snapshot!(briefs(&first, &KEYS), @r#"
    warning.received at 990103 cap:99,m3,2021-07-19T13:03:00.000Z/rainstorm/990103 hazard=rainstorm colour=orange msgtype=update supersedes.0=cap:99,m1,2021-07-19T13:01:00.000Z/rainstorm/990103
    warning.received at 990105 cap:99,m3,2021-07-19T13:03:00.000Z/rainstorm/990105 hazard=rainstorm colour=orange msgtype=update
    warning.received at 990102 cap:99,m3,2021-07-19T13:03:00.000Z/rainstorm/990102 hazard=rainstorm msgtype=cancel reason=not-said-again supersedes.0=cap:99,m1,2021-07-19T13:01:00.000Z/rainstorm/990102
    "#);
    // Sent again, as after a crash between two of its events, it means the same.
    assert_eq!(briefs(&take(&mut ledger, "weather", update.as_bytes(), NOW), &KEYS), briefs(&first, &KEYS));
    // A Cancel of the first one, late: the Update has its place, and stays.
    let late = take(&mut ledger, "weather", message(4, "Cancel", &[1], &[], "").as_bytes(), NOW);
    insta::assert_snapshot!(briefs(&late, &KEYS), @"message.recorded at the root cap:99,m4,2021-07-19T13:04:00.000Z reason=superseded-before");
    let cancel = take(&mut ledger, "weather", message(5, "Cancel", &[2, 3], &[], "").as_bytes(), NOW);
    insta::assert_snapshot!(briefs(&cancel, &KEYS), @r#"
    warning.received at 990103 cap:99,m5,2021-07-19T13:05:00.000Z/rainstorm/990103 hazard=rainstorm msgtype=cancel reason=cancelled supersedes.0=cap:99,m3,2021-07-19T13:03:00.000Z/rainstorm/990103
    warning.received at 990104 cap:99,m5,2021-07-19T13:05:00.000Z/rainstorm/990104 hazard=rainstorm msgtype=cancel reason=cancelled supersedes.0=cap:99,m2,2021-07-19T13:02:00.000Z/rainstorm/990104
    warning.received at 990105 cap:99,m5,2021-07-19T13:05:00.000Z/rainstorm/990105 hazard=rainstorm msgtype=cancel reason=cancelled supersedes.0=cap:99,m3,2021-07-19T13:03:00.000Z/rainstorm/990105
    "#);
}

#[test]
fn an_update_whose_urgency_is_past_is_an_all_clear() {
    let mut ledger = Ledger::default();
    take(&mut ledger, "weather", message(1, "Alert", &[], &["990102", "990103"], "").as_bytes(), NOW);
    let over = take(&mut ledger, "weather", message(2, "Update", &[1], &["990102"], "Past").as_bytes(), NOW);
    insta::assert_snapshot!(briefs(&over, &KEYS), @r#"
    warning.received at 990102 cap:99,m2,2021-07-19T13:02:00.000Z/rainstorm/990102 hazard=rainstorm msgtype=cancel reason=all-clear all_clear=true supersedes.0=cap:99,m1,2021-07-19T13:01:00.000Z/rainstorm/990102
    warning.received at 990103 cap:99,m2,2021-07-19T13:02:00.000Z/rainstorm/990103 hazard=rainstorm msgtype=cancel reason=all-clear all_clear=true supersedes.0=cap:99,m1,2021-07-19T13:01:00.000Z/rainstorm/990103
    "#);
    let tsunami = refusal("office", &common::sample("cap-1.1-tsunami-over.xml"), "2011-03-12T01:31:00Z");
    insta::assert_snapshot!(tsunami, @"alert/references: none of the messages it is about is known from this source (centre@tsunami.example,TSU-2011-0003,2011-03-11T23:00:00.000Z): nothing is taken back by guesswork; send the first message before this one");
}

#[test]
fn nothing_is_taken_back_by_guesswork() {
    let mut ledger = Ledger::default();
    insta::assert_snapshot!(refusal("weather", message(4, "Cancel", &[1], &["990102"], "").as_bytes(), NOW), @"alert/references: none of the messages it is about is known from this source (99,m1,2021-07-19T13:01:00.000Z): nothing is taken back by guesswork; send the first message before this one");
    insta::assert_snapshot!(refusal("weather", message(4, "Update", &[], &["990102"], "").as_bytes(), NOW), @"alert (line 1): `references` is missing; a message of the type Update must name the messages it is about");
    let wrong = message(4, "Cancel", &[1], &[], "").replace("99,m1,", "m1,");
    insta::assert_snapshot!(refusal("weather", wrong.as_bytes(), NOW), @"alert/references (line 1): `m1,2021-07-19T21:01:00+08:00` is not allowed; it must be sender,identifier,sent");
    // An Update of what is not known still warns, and says what it does not know.
    let update = take(&mut ledger, "weather", message(4, "Update", &[1], &["990102"], "").as_bytes(), NOW);
    insta::assert_snapshot!(briefs(&update, &KEYS), @"warning.received at 990102 cap:99,m4,2021-07-19T13:04:00.000Z/rainstorm/990102 hazard=rainstorm colour=red msgtype=update unknown_references.0=99,m1,2021-07-19T13:01:00.000Z");
    // The first message comes after its Update: it does not come into force any more.
    let late = take(&mut ledger, "weather", message(1, "Alert", &[], &["990102", "990103"], "").as_bytes(), NOW);
    insta::assert_snapshot!(briefs(&late, &KEYS), @"warning.lapsed at the root cap:99,m1,2021-07-19T13:01:00.000Z reason=superseded-before");
    // Another source does not take back what this one has said.
    let reference = muster_intake::Reference {
        sender: "99".into(),
        identifier: "m4".into(),
        sent: at("2021-07-19T21:04:00+08:00"),
    };
    assert!(ledger.message("urn:org:cn:990100:weather-bureau", &reference).is_some());
    assert_eq!(ledger.message("urn:org:cn:national:12379", &reference), None);
}

#[test]
fn a_drill_takes_back_nothing_real() {
    let mut ledger = Ledger::default();
    take(&mut ledger, "weather", message(1, "Alert", &[], &["990102"], "").as_bytes(), NOW);
    let drill = message(2, "Cancel", &[1], &[], "").replace("Actual", "Exercise");
    let refused = common::read("weather", drill.as_bytes(), NOW, &ledger).expect_err("a drill");
    assert_eq!(refused.reason.code(), "unknown-references");
}

/// Takes an Alert, Update or Cancel of a status, and tells in brief what it means.
fn said(ledger: &mut Ledger, status: &str, message: &str) -> String {
    let message = message.replace("Actual", status);
    briefs(&take(ledger, "weather", message.as_bytes(), NOW), &["reason", "msgtype", "supersedes.0"])
}

#[test]
fn a_test_takes_back_nothing_real_and_does_not_stand_before_who_may() {
    for status in ["Test", "System"] {
        let mut ledger = Ledger::default();
        take(&mut ledger, "weather", message(1, "Alert", &[], &["990102"], "").as_bytes(), NOW);
        let test = said(&mut ledger, status, &message(2, "Cancel", &[1], &[], ""));
        assert!(test.ends_with(&format!("reason=status-{status}")), "{test}");
        // The real Cancel finds the warning as it was.
        let cancel = said(&mut ledger, "Actual", &message(3, "Cancel", &[1], &[], ""));
        assert_eq!(
            cancel,
            "warning.received at 990102 cap:99,m3,2021-07-19T13:03:00.000Z/rainstorm/990102 reason=cancelled \
             msgtype=cancel supersedes.0=cap:99,m1,2021-07-19T13:01:00.000Z/rainstorm/990102"
        );
        // And what a test has named before it came comes into force all the same.
        let mut ledger = Ledger::default();
        said(&mut ledger, status, &message(2, "Update", &[1], &["990102"], ""));
        let late = said(&mut ledger, "Actual", &message(1, "Alert", &[], &["990102"], ""));
        assert_eq!(
            late, "warning.received at 990102 cap:99,m1,2021-07-19T13:01:00.000Z/rainstorm/990102 msgtype=alert",
            "{status}"
        );
    }
}

#[test]
fn a_drill_that_names_what_has_not_come_does_not_keep_it_from_force() {
    let mut ledger = Ledger::default();
    said(&mut ledger, "Exercise", &message(2, "Update", &[1], &["990102"], ""));
    let alert = message(1, "Alert", &[], &["990102"], "");
    let real = "warning.received at 990102 cap:99,m1,2021-07-19T13:01:00.000Z/rainstorm/990102 msgtype=alert";
    assert_eq!(said(&mut ledger.clone(), "Actual", &alert), real);
    // The ledger itself forgets what the drill said, so that a real Cancel takes it back.
    said(&mut ledger, "Actual", &alert);
    let cancel = said(&mut ledger, "Actual", &message(3, "Cancel", &[1], &[], ""));
    assert!(cancel.contains("reason=cancelled"), "{cancel}");
    // A real Update that follows a drill's counts, whoever named the message first.
    for order in [["Exercise", "Actual"], ["Actual", "Exercise"]] {
        let mut ledger = Ledger::default();
        for (number, status) in (2..).zip(order) {
            said(&mut ledger, status, &message(number, "Update", &[1], &["990102"], ""));
        }
        let late = said(&mut ledger, "Actual", &alert);
        assert_eq!(
            late, "warning.lapsed at the root cap:99,m1,2021-07-19T13:01:00.000Z reason=superseded-before",
            "{order:?}"
        );
    }
}
