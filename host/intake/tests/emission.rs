//! What is written is strict CAP 1.2, reads back as the same message, and is refused where the standard is broken.

mod common;

use muster_intake::cap::{
    Alert, Area, Category, Certainty, Circle, Info, MessageType, Named, Pair, Point, Resource, ResponseType, Scope,
    Severity, Status, Time, Urgency, Version, parse, write,
};
use proptest::prelude::*;

fn time(text: &str, offset_minutes: i16) -> Time {
    Time::new(common::at(text), offset_minutes)
}

fn warning() -> Alert<'static> {
    let corner =
        |latitude: i32, longitude: i32| Point { latitude: latitude * 1_000_000, longitude: longitude * 1_000_000 };
    Alert {
        identifier: "yh-2021-07-20-3".into(),
        sender: "office@yunhe.example".into(),
        sent: time("2021-07-20T11:50:00+08:00", 480),
        status: Status::Actual,
        message_type: MessageType::Update,
        source: None,
        scope: Some(Scope::Public),
        restriction: None,
        addresses: None,
        codes: vec![],
        note: None,
        references: vec![Named {
            sender: "office@yunhe.example".into(),
            identifier: "yh-2021-07-20-2".into(),
            sent: time("2021-07-20T01:08:00Z", 0),
        }],
        incidents: Some("yh-2021-0719".into()),
        infos: vec![Info {
            language: Some("zh-CN".into()),
            categories: vec![Category::Met, Category::Cbrne],
            event: "暴雨 & 内涝 <严重>".into(),
            responses: vec![ResponseType::Evacuate],
            urgency: Urgency::Immediate,
            severity: Severity::Extreme,
            certainty: Certainty::Observed,
            audience: None,
            event_codes: vec![Pair { name: "GB/T35561".into(), value: "11B03".into() }],
            effective: None,
            onset: None,
            expires: Some(time("2021-07-20T17:50:00+08:00", 480)),
            sender_name: Some("云河市应急管理局".into()),
            headline: Some("低洼地带立即转移".into()),
            description: Some("第一行\n第二行".into()),
            instruction: None,
            web: None,
            contact: None,
            parameters: vec![Pair { name: "warningColour".into(), value: "Red".into() }],
            resources: vec![Resource {
                description: "地图".into(),
                mime_type: Some("image/png".into()),
                size: Some("20480".into()),
                uri: Some("https://maps.yunhe.example/3.png".into()),
                deref_uri: None,
                digest: None,
            }],
            areas: vec![Area {
                description: "南区".into(),
                polygons: vec![vec![corner(346, 1134), corner(346, 1135), corner(347, 1135), corner(346, 1134)]],
                circles: vec![Circle { centre: corner(346, 1134), radius_metres: 1_500 }],
                geocodes: vec![Pair { name: "GB/T2260".into(), value: "990102".into() }],
                altitude: Some("0".into()),
                ceiling: None,
            }],
        }],
    }
}

#[test]
fn a_message_is_written_as_the_standard_orders_it() {
    let text = write(&warning()).expect("a message");
    insta::assert_snapshot!(text, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
      <identifier>yh-2021-07-20-3</identifier>
      <sender>office@yunhe.example</sender>
      <sent>2021-07-20T11:50:00+08:00</sent>
      <status>Actual</status>
      <msgType>Update</msgType>
      <scope>Public</scope>
      <references>office@yunhe.example,yh-2021-07-20-2,2021-07-20T01:08:00-00:00</references>
      <incidents>yh-2021-0719</incidents>
      <info>
        <language>zh-CN</language>
        <category>Met</category>
        <category>CBRNE</category>
        <event>暴雨 &amp; 内涝 &lt;严重&gt;</event>
        <responseType>Evacuate</responseType>
        <urgency>Immediate</urgency>
        <severity>Extreme</severity>
        <certainty>Observed</certainty>
        <eventCode>
          <valueName>GB/T35561</valueName>
          <value>11B03</value>
        </eventCode>
        <expires>2021-07-20T17:50:00+08:00</expires>
        <senderName>云河市应急管理局</senderName>
        <headline>低洼地带立即转移</headline>
        <description>第一行
    第二行</description>
        <parameter>
          <valueName>warningColour</valueName>
          <value>Red</value>
        </parameter>
        <resource>
          <resourceDesc>地图</resourceDesc>
          <mimeType>image/png</mimeType>
          <size>20480</size>
          <uri>https://maps.yunhe.example/3.png</uri>
        </resource>
        <area>
          <areaDesc>南区</areaDesc>
          <polygon>34.6,113.4 34.6,113.5 34.7,113.5 34.6,113.4</polygon>
          <circle>34.6,113.4 1.500</circle>
          <geocode>
            <valueName>GB/T2260</valueName>
            <value>990102</value>
          </geocode>
          <altitude>0</altitude>
        </area>
      </info>
    </alert>
    "#);
    assert_eq!(parse(text.as_bytes()), Ok((Version::V1_2, warning())));
}

#[test]
fn what_the_standard_does_not_allow_is_not_written() {
    let refused = |change: fn(&mut Alert<'static>)| {
        let mut alert = warning();
        change(&mut alert);
        write(&alert).expect_err("refused").to_string()
    };
    insta::assert_snapshot!(refused(|alert| alert.references.clear()), @"alert: `references` is missing; a message of the type Update must name the messages it is about");
    insta::assert_snapshot!(refused(|alert| alert.scope = None), @"alert: `scope` is missing or empty; it is required");
    insta::assert_snapshot!(refused(|alert| alert.scope = Some(Scope::Private)), @"alert: `addresses` is missing or empty; it is required");
    insta::assert_snapshot!(refused(|alert| alert.sender = "two words".into()), @"alert/sender: `two words` is not allowed; it must be without spaces, commas, `<` and `&`");
    insta::assert_snapshot!(refused(|alert| alert.infos[0].categories.clear()), @"alert/info: `category` is missing or empty; it is required");
    insta::assert_snapshot!(refused(|alert| alert.infos[0].certainty = Certainty::VeryLikely), @"alert/info/certainty: `Very Likely` is not allowed; it must be Observed (1.0: Very Likely), Likely, Possible, Unlikely or Unknown");
    insta::assert_snapshot!(refused(|alert| alert.infos[0].resources[0].mime_type = None), @"alert/info/resource: `mimeType` is missing or empty; it is required");
    insta::assert_snapshot!(refused(|alert| { alert.infos[0].areas[0].polygons[0].pop(); }), @"alert/info/area/polygon: `34.6,113.4 34.6,113.5 34.7,113.5` is not allowed; it must be at least four points, and the last one the same as the first");
    insta::assert_snapshot!(refused(|alert| alert.infos[0].parameters[0].value = "".into()), @"alert/info/parameter/value: `value` is missing or empty; it is required");
    insta::assert_snapshot!(refused(|alert| alert.infos[0].headline = Some("\u{1}".into())), @"line 26: not well-formed XML: the control character U+0001 is not allowed; send the message whole, with `&` and `<` escaped");
    insta::assert_snapshot!(refused(|alert| alert.infos[0].headline = Some(" x ".into())), @"`the message` is not allowed; it must be texts without white space around them, and CAP 1.2 throughout");
    insta::assert_snapshot!(refused(|alert| alert.infos = vec![alert.infos[0].clone(); 33]), @"alert/info[33]: `info` is given more than 32 times");
}

#[test]
fn every_sample_in_version_1_2_can_be_passed_on() {
    for name in ["rainstorm-red.xml", "typhoon-update.xml", "gas-leak-languages.xml", "exercise.xml"] {
        let bytes = common::sample(name);
        let (_, alert) = parse(&bytes).expect("a message");
        let text = write(&alert).expect("a message");
        assert_eq!(parse(text.as_bytes()), Ok((Version::V1_2, alert)), "{name}");
    }
}

proptest! {
    /// Whatever texts, times and points it holds: it is written so that it reads back the same, or not at all.
    #[test]
    fn what_is_written_reads_back_the_same(
        texts in proptest::collection::vec(".{0,40}", 6),
        millis in 0_i64..4_000_000_000_000,
        offset in -840_i16..=840,
        latitude in -900_000_000_i32..=900_000_000,
        longitude in -1_800_000_000_i32..=1_800_000_000,
        radius in any::<u32>(),
    ) {
        let mut alert = warning();
        let info = &mut alert.infos[0];
        info.event = texts[0].clone().into();
        info.headline = Some(texts[1].clone().into());
        info.description = Some(texts[2].clone().into());
        info.parameters[0].value = texts[3].clone().into();
        info.areas[0].description = texts[4].clone().into();
        alert.note = Some(texts[5].clone().into());
        alert.sent = Time::new(muster_kernel::Instant::from_millis(millis), offset);
        let point = Point { latitude, longitude };
        let other = Point { latitude: -latitude, longitude };
        let area = &mut alert.infos[0].areas[0];
        area.polygons = vec![vec![point, other, point, point]];
        area.circles = vec![Circle { centre: point, radius_metres: radius }];
        if let Ok(text) = write(&alert) {
            prop_assert_eq!(parse(text.as_bytes()), Ok((Version::V1_2, alert)));
        }
    }
}
