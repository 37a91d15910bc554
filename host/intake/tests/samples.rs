//! Real messages in all versions and dialects, read into events as people can check them.

mod common;

use common::{briefs, events, sample, text, whole};
use muster_intake::Nothing;

const KEYS: [&str; 6] = ["hazard", "colour", "msgtype", "expires", "reason", "cap.version"];

#[test]
fn a_strict_message_becomes_a_warning_at_every_node() {
    let events = events("weather", &sample("rainstorm-red.xml"), "2021-07-19T22:00:00+08:00", &Nothing);
    insta::assert_snapshot!(briefs(&events, &KEYS), @r#"
    warning.received at 990102 cap:99010041600000,99010041600000_20210719215900_0,2021-07-19T13:59:00.000Z/rainstorm/990102 hazard=rainstorm colour=red msgtype=alert expires=2021-07-19T19:59:00.000Z cap.version=1.2
    warning.received at 990103 cap:99010041600000,99010041600000_20210719215900_0,2021-07-19T13:59:00.000Z/rainstorm/990103 hazard=rainstorm colour=red msgtype=alert expires=2021-07-19T19:59:00.000Z cap.version=1.2
    "#);
    insta::assert_snapshot!(whole(&events[0]), @r#"
    warning.received at 990102 cap:99010041600000,99010041600000_20210719215900_0,2021-07-19T13:59:00.000Z/rainstorm/990102
    source urn:org:cn:990100:weather-bureau subject Some("cap/99010041600000_20210719215900_0")
    occurred 2021-07-19T13:59:00.000Z incident Some("yh-2021-0719")
    hazard = rainstorm
    colour = red
    expires = 2021-07-19T19:59:00.000Z
    effective = 2021-07-19T13:59:00.000Z
    onset = 2021-07-19T13:59:00.000Z
    urgency = Immediate
    severity = Extreme
    certainty = Observed
    category.0 = Met
    response.0 = Shelter
    response.1 = Execute
    eventcode = 11B03
    web = https://weather.yunhe.example/20210719215900
    contact = 000-00000000
    parameter.0.name = warningColour
    parameter.0.value = Red
    parameter.1.name = rainfallThresholdMm
    parameter.1.value = 100
    text = 云河市气象台发布暴雨红色预警信号
    texts.zh-CN.event = 暴雨
    texts.zh-CN.sender_name = 云河市气象台
    texts.zh-CN.headline = 云河市气象台发布暴雨红色预警信号
    texts.zh-CN.description = 市区局部降水量已达50毫米以上,预计未来3小时累积降水量将达100毫米以上。
    texts.zh-CN.instruction = 停止集会、停课、停业(除特殊行业外)。
    area.0.description = 云河市区(东、西、南三区)
    area.0.polygon.0.points = 34.97,113.42 34.97,113.86 34.62,113.86 34.62,113.42 34.97,113.42
    area.0.polygon.0.crosses_itself = false
    area.0.geocode.0 = GB/T2260=990102
    area.0.geocode.1 = GB/T2260=990103
    cap.reference = 99010041600000,99010041600000_20210719215900_0,2021-07-19T13:59:00.000Z
    cap.version = 1.2
    cap.dialect = strict
    cap.status = Actual
    cap.msgtype = Alert
    cap.scope = Public
    cap.source = 云河市气象台
    cap.incidents = yh-2021-0719
    msgtype = alert
    "#);
}

#[test]
fn the_national_dialect_is_put_into_the_standards_words() {
    let events = events("national", &sample("china-12379.xml"), "2021-07-20T16:02:00+08:00", &Nothing);
    assert_eq!(events.len(), 1);
    insta::assert_snapshot!(whole(&events[0]), @r#"
    warning.received at 990100 cap:99010041600000,99010041600000_20210720160100_0,2021-07-20T08:01:00.000Z/rainstorm/990100
    source urn:org:cn:national:12379 subject Some("cap/99010041600000_20210720160100_0")
    occurred 2021-07-20T08:01:00.000Z incident None
    hazard = rainstorm
    colour = red
    expires = 2021-07-21T08:01:00.000Z
    effective = 2021-07-20T08:01:00.000Z
    urgency = Immediate
    severity = Extreme
    certainty = Observed
    category.0 = Met
    eventcode = 11B03
    parameter.0.name = warningColour
    parameter.0.value = Red
    text = 云河市气象局发布暴雨红色预警[Ⅰ级/特别严重]
    texts.zh-CN.event = 暴雨
    texts.zh-CN.headline = 云河市气象局发布暴雨红色预警[Ⅰ级/特别严重]
    texts.zh-CN.description = 过去3小时南区降水量已达100毫米以上,预计未来3小时仍将持续。
    texts.zh-CN.instruction = 停止集会、停课、停业。
    area.0.description = 云河市
    area.0.geocode.0 = GB/T2260=990100000000
    cap.reference = 99010041600000,99010041600000_20210720160100_0,2021-07-20T08:01:00.000Z
    cap.version = 1.2
    cap.dialect = 12379
    cap.status = Actual
    cap.msgtype = Alert
    cap.scope = Public
    cap.source = 云河市气象局
    msgtype = alert
    "#);
}

#[test]
fn the_weather_services_empty_elements_are_forgiven_by_its_dialect_only() {
    let bytes = sample("flash-flood-nws.xml");
    let now = "2024-05-02T19:00:00-05:00";
    let events = events("nws", &bytes, now, &Nothing);
    insta::assert_snapshot!(briefs(&events, &["hazard", "colour", "unmapped.0", "unmapped.1", "texts.en-US.description"]), @r#"
    warning.received at 990102 cap:webmaster@weather.example,urn:oid:2.49.0.1.840.0.0000000000000000000000000000000000000001.001.1,2024-05-02T23:42:00.000Z/flash_flood/990102 hazard=flash_flood colour=orange unmapped.0=SAME=048471 unmapped.1=UGC=TXZ176 texts.en-US.description=* Flash Flood Warning for...
      the north of the county...

    * Between 3 and 5 inches of rain have fallen & more is expected.
    "#);
    let strict = common::registry(&common::SOURCES.replace("cap.dialect = \"nws\"", "cap.dialect = \"strict\""));
    let muster_intake::Reader::Adapter(strict) = &strict.find("nws").expect("a source").reader else { panic!() };
    let moment = muster_intake::Moment { now: common::at(now), earlier: &Nothing };
    insta::assert_snapshot!(strict.read(&bytes, &moment).expect_err("strict"), @"alert/info/parameter[2]/value (line 33): `value` is missing or empty; it is required");
}

#[test]
fn several_languages_are_one_warning_for_each_hazard_and_area() {
    let events = events("office", &sample("gas-leak-languages.xml"), "2026-03-14T09:06:00+08:00", &Nothing);
    let keys = [
        "hazard",
        "severity",
        "expires",
        "text",
        "texts.zh-CN.headline",
        "texts.en-US.headline",
        "texts.ug-CN.headline",
        "area.0.description",
    ];
    insta::assert_snapshot!(briefs(&events, &keys), @r#"
    warning.received at 970199901 cap:office@lanzhu.example,gas-2026-0314-0007,2026-03-14T01:05:00.000Z/gas/970199901 hazard=gas severity=Moderate expires=2026-03-14T03:05:00.000Z text=燃气泄漏:周边请勿靠近 texts.zh-CN.headline=燃气泄漏:周边请勿靠近 texts.en-US.headline=Gas leak: keep away texts.ug-CN.headline=گاز چىقىش: يېقىنلاشماڭ area.0.description=外围街道
    warning.received at 970199901003 cap:office@lanzhu.example,gas-2026-0314-0007,2026-03-14T01:05:00.000Z/gas/970199901003 hazard=gas severity=Extreme expires=2026-03-14T05:05:00.000Z text=燃气泄漏:立即撤离 texts.zh-CN.headline=燃气泄漏:立即撤离 texts.en-US.headline=Gas leak: leave now area.0.description=核心区(集贸市场)
    "#);
}

#[test]
fn versions_1_0_and_1_1_are_read_with_what_was_theirs() {
    let events = events("office", &sample("cap-1.0.xml"), "2003-06-17T15:00:00-07:00", &Nothing);
    insta::assert_snapshot!(briefs(&events, &["hazard", "certainty", "eventcode", "area.0.altitude", "cap.version", "unmapped.0"]), @"warning.received at 970100 cap:office@weather.example,KSTO1055887203,2003-06-17T21:57:00.000Z/thunderstorm/970100 hazard=thunderstorm certainty=Very Likely eventcode=SVR area.0.altitude=from the valley up cap.version=1.0 unmapped.0=FIPS6=006109");
    // What belongs to another version is no element of this one.
    let newer = text("cap-1.0.xml").replace("http://www.incident.com/cap/1.0", "urn:oasis:names:tc:emergency:cap:1.2");
    insta::assert_snapshot!(common::refusal("office", newer.as_bytes(), "2003-06-17T15:00:00-07:00"), @"alert/password (line 8): `password` does not belong here; leave it out, or name the dialect that the source speaks");
}

#[test]
fn a_drill_is_marked_and_goes_nowhere_near_what_is_real() {
    let now = "2026-03-20T10:01:00+08:00";
    let events = events("office", &sample("exercise.xml"), now, &Nothing);
    insta::assert_snapshot!(briefs(&events, &KEYS), @"warning.received at 970199901003 cap:drill@lanzhu.example,drill-2026-q1-0001,2026-03-20T02:00:00.000Z/gas/970199901003 hazard=gas msgtype=alert expires=2026-03-20T04:00:00.000Z cap.version=1.2 DRILL");
    let refusing =
        common::SOURCES.replace("default_node = \"970100\"", "default_node = \"970100\"\nexercise = \"refuse\"");
    let registry = common::registry(&refusing);
    let muster_intake::Reader::Adapter(office) = &registry.find("office").expect("a source").reader else { panic!() };
    let moment = muster_intake::Moment { now: common::at(now), earlier: &Nothing };
    let refusal = office.read(&sample("exercise.xml"), &moment).expect_err("refused");
    insta::assert_snapshot!(refusal, @"alert/status: the status is Exercise, and drills are not taken from this source; set `exercise` for it in muster.toml");
    insta::assert_snapshot!(refusal.chinese(), @"alert/status:状态为 Exercise,而该来源不接收演练;可在 muster.toml 中设置其 `exercise`");
}

#[test]
fn an_alertmanager_call_is_answered_alert_by_alert() {
    let items =
        common::read("monitoring", &sample("alertmanager.json"), "2021-07-20T08:02:00Z", &Nothing).expect("items");
    let shown = items.iter().map(|item| match &item.read {
        Ok(event) => whole(event),
        Err(refusal) => format!("REFUSED {refusal}"),
    });
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n\n"), @r#"
    signal.reported at 990102 alertmanager:b1d3a5f70c9e2468/2021-07-20T08:01:00.123Z/firing
    source urn:app:alertmanager subject Some("alert/PumpStationDown")
    occurred 2021-07-20T08:01:00.123Z incident None
    kind = PumpStationDown
    state = firing
    severity = severe
    severity_said = critical
    text = Pump station P-07 does not answer
    labels.alertname = PumpStationDown
    labels.area = 990102
    labels.severity = critical
    labels.station = P-07
    annotations.description = No answer for five minutes.
    annotations.summary = Pump station P-07 does not answer
    fingerprint = b1d3a5f70c9e2468
    generator = http://prometheus.example/graph
    group = {}:{alertname="PumpStationDown"}
    receiver = muster
    truncated_alerts = 2
    starts = 2021-07-20T08:01:00.123Z

    signal.reported at 990103 alertmanager:00aa11bb22cc33dd/2021-07-20T07:00:00.000Z/resolved
    source urn:app:alertmanager subject Some("alert/PumpStationDown")
    occurred 2021-07-20T07:45:00.000Z incident None
    kind = alert_resolved
    of_kind = PumpStationDown
    state = resolved
    severity = warning
    severity_said = warning
    labels.alertname = PumpStationDown
    labels.area = 990103
    labels.severity = warning
    labels.station = P-03
    fingerprint = 00aa11bb22cc33dd
    group = {}:{alertname="PumpStationDown"}
    receiver = muster
    truncated_alerts = 2
    ends = 2021-07-20T07:45:00.000Z
    resolves = alertmanager:00aa11bb22cc33dd/2021-07-20T07:00:00.000Z/firing
    starts = 2021-07-20T07:00:00.000Z

    REFUSED alerts.2.startsAt: `yesterday` is not an RFC 3339 time with an offset, for instance 2021-07-19T18:00:00+08:00
    "#);
    let old = text("alertmanager.json").replace("\"version\": \"4\"", "\"version\": \"3\"");
    insta::assert_snapshot!(common::refusal("monitoring", old.as_bytes(), "2021-07-20T08:02:00Z"), @"version: `3` is not version 4 of the webhook");
}

#[test]
fn json_lines_are_answered_line_by_line() {
    let lines = concat!(
        r#"{"station":"RG-7","time":"2021-07-20T16:00:00+08:00","reading":{"depth":27.5},"battery":null}"#,
        "\n\n",
        r#"{"station":"RG-7","time":"2021-07-20T16:01:00+08:00","reading":{}}"#,
        "\n",
        r#"{"station":"RG-9","time":"2021-07-20T16:01:00+08:00","reading":{"depth":1}}"#,
        "\nnot json\n",
    );
    let items = common::read("gauges", lines.as_bytes(), "2021-07-20T16:02:00+08:00", &Nothing).expect("items");
    let shown = items.iter().map(|item| match &item.read {
        Ok(event) => whole(event),
        Err(refusal) => format!("REFUSED {refusal}"),
    });
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n\n"), @r#"
    signal.reported at 990102 RG-7/2021-07-20T16:00:00+08:00
    source urn:iot:gauges subject None
    occurred 2021-07-20T08:00:00.000Z incident None
    kind = ponding
    hazard = rainstorm
    depth_cm = 275e-1
    units.depth_cm = cm
    data.station = RG-7
    data.time = 2021-07-20T16:00:00+08:00
    data.battery = unknown

    REFUSED reading.depth (line 3): `reading.depth` is missing or empty; it is required

    REFUSED station (line 4): no node is known for `station=RG-9`; add it to `geocodes` of this source in muster.toml, or set `default_node`

    REFUSED line 5: not the JSON that is expected: expected ident at line 1 column 2
    "#);
}
