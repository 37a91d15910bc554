//! From a topic and its payload to a signal. Pure: it knows no connection and no clock.

use muster_kernel::value::Attribute;
use muster_kernel::{Event, Instant, Value};
use serde_json::value::RawValue;

use super::TopicRefusal;
use super::settings::MqttSettings;
use crate::flat;
use crate::mapping::{Mapping, Object};
use crate::place::Places;
use crate::refusal::{Reason, Refusal};
use crate::settings::{Check, SettingsError};

/// Bytes of a topic that is read; MQTT allows 65,535.
const TOPIC_BYTES_MAX: usize = 256;

/// One level of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Level {
    Fixed(String),
    Named(String),
}

#[derive(Debug, Clone)]
struct Topic {
    levels: Vec<Level>,
    mapping: Mapping,
}

/// The topics of a broker and what their payloads say.
#[derive(Debug, Clone)]
pub struct Topics {
    known: Vec<Topic>,
    source: String,
    exercise: bool,
    places: Places,
}

impl Topics {
    pub(super) fn new(check: &Check<'_>, settings: &MqttSettings, places: Places) -> Result<Self, SettingsError> {
        let known = settings.topic.iter().enumerate().map(|(number, topic)| {
            let field = format!("topic[{number}]");
            let levels = levels(&topic.pattern).map_err(|reason| {
                let cure =
                    "write levels parted by `/`, each a fixed word or `{name}`, for instance `city/{area}/level`";
                check.wrong(format!("{field}.pattern"), reason, cure)
            })?;
            topic.mapping.check(check, &format!("{field}.mapping"))?;
            Ok(Topic { levels, mapping: topic.mapping.clone() })
        });
        let known = known.collect::<Result<_, SettingsError>>()?;
        Ok(Self { known, source: settings.source.clone(), exercise: settings.exercise, places })
    }

    /// What the broker is asked for: each pattern with `+` for its named parts.
    pub fn filters(&self) -> impl Iterator<Item = String> + '_ {
        self.known.iter().map(|topic| {
            let levels = topic.levels.iter().map(|level| match level {
                Level::Fixed(word) => word.as_str(),
                Level::Named(_) => "+",
            });
            levels.collect::<Vec<_>>().join("/")
        })
    }

    /// The signal that a message is. The first pattern that fits its topic counts.
    ///
    /// # Errors
    /// When no pattern fits, the payload is not JSON, or something that the mapping needs is missing.
    pub fn read(&self, topic: &str, payload: &[u8], now: Instant) -> Result<Event, TopicRefusal> {
        let refuse =
            |refusal: Refusal| TopicRefusal { topic: crate::refusal::quote(topic), bytes: payload.len(), refusal };
        self.event(topic, payload, now).map_err(refuse)
    }

    fn event(&self, topic: &str, payload: &[u8], now: Instant) -> Result<Event, Refusal> {
        if topic.len() > TOPIC_BYTES_MAX {
            return Err(Refusal::whole(Reason::TooLarge { what: "bytes of a topic", limit: TOPIC_BYTES_MAX }));
        }
        let found = self.known.iter().find_map(|known| Some((known, parts(&known.levels, topic)?)));
        let Some((known, mut values)) = found else {
            let found = crate::refusal::quote(topic);
            return Err(Refusal::whole(Reason::NotThis { found, wanted: "a topic of the settings" }));
        };
        values.extend(fields(payload)?);
        let prefix = format!("mqtt:{topic}#");
        let object = Object {
            values: &values,
            bytes: payload,
            source: &self.source,
            prefix: &prefix,
            subject: Some(topic),
            exercise: self.exercise,
        };
        known.mapping.event(&object, &self.places, now)
    }
}

/// A payload that is no object is its own field `value`.
fn fields(payload: &[u8]) -> Result<Vec<Attribute>, Refusal> {
    if payload.trim_ascii_start().starts_with(b"{") {
        return flat::read(payload);
    }
    if payload.len() > flat::BYTES_MAX {
        return Err(Refusal::whole(Reason::TooLarge { what: "bytes for one object", limit: flat::BYTES_MAX }));
    }
    let value: &RawValue = serde_json::from_slice(payload).map_err(|reason| flat::not_json(&reason))?;
    flat::read(format!("{{\"value\":{value}}}").as_bytes())
}

fn levels(pattern: &str) -> Result<Vec<Level>, String> {
    if pattern.is_empty() || pattern.len() > TOPIC_BYTES_MAX || pattern.chars().any(char::is_control) {
        return Err("is empty, too long, or holds control characters".into());
    }
    let mut found: Vec<Level> = Vec::new();
    for level in pattern.split('/') {
        let named = level.strip_prefix('{').and_then(|level| level.strip_suffix('}'));
        let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let level = match named {
            Some(name) if plain(name) => Level::Named(name.into()),
            Some(name) => return Err(format!("has the part `{name}`, which is no name")),
            None if level.contains(['+', '#', '{', '}']) => {
                return Err(format!("has the level `{level}`, which is neither fixed nor named"));
            }
            None => Level::Fixed(level.into()),
        };
        if matches!(level, Level::Named(_)) && found.contains(&level) {
            return Err("names a part twice".into());
        }
        found.push(level);
    }
    Ok(found)
}

fn parts(levels: &[Level], topic: &str) -> Option<Vec<Attribute>> {
    let mut values = Vec::new();
    let mut words = topic.split('/');
    for level in levels {
        match (level, words.next()?) {
            (Level::Fixed(fixed), word) if fixed == word => {}
            (Level::Named(name), word) if !word.is_empty() => {
                values.push(Attribute::new(format!("topic.{name}"), Value::Text(word.into())));
            }
            _ => return None,
        }
    }
    words.next().is_none().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(toml: &str) -> Result<super::super::Client, String> {
        let settings: MqttSettings = toml::from_str(toml).map_err(|reason| reason.to_string())?;
        super::super::Client::new("gauges", &settings, None).map_err(|reason| reason.to_string())
    }

    const SETTINGS: &str = r#"
        broker = "127.0.0.1"
        client_id = "muster-tests"
        source = "urn:iot:gauges"
        geocodes.area = { east = "990102" }
        [[topic]]
        pattern = "city/{area}/gauge/{device}/level"
        [topic.mapping]
        kind = "ponding"
        hazard = "rainstorm"
        id = ["time"]
        time = "time"
        time_unit = "seconds"
        place = { field = "topic.area", list = "area" }
        fields = { depth_cm = { field = "depth", unit = "cm", required = true }, device = { field = "topic.device" } }
        [[topic]]
        pattern = "siren/{device}"
        [topic.mapping]
        kind = "siren"
        id = ["*"]
        place = { node = "990100" }
        fields = { on = { field = "value" } }
    "#;

    fn read(topic: &str, payload: &str) -> String {
        let client = client(SETTINGS).expect("settings");
        match client.topics().read(topic, payload.as_bytes(), Instant::MIN) {
            Ok(event) => {
                let values = event.attributes.iter().map(|value| format!("{}={:?}", value.key, value.value));
                format!("{} at {} {} {}", event.id, event.place, event.occurred, values.collect::<Vec<_>>().join(" "))
            }
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn topic_and_payload_become_a_signal() {
        let filters: Vec<String> = client(SETTINGS).expect("settings").topics().filters().collect();
        assert_eq!(filters, ["city/+/gauge/+/level", "siren/+"]);
        insta::assert_snapshot!(read("city/east/gauge/7/level", r#"{"time":1626768000,"depth":27.5,"battery":3}"#), @r#"mqtt:city/east/gauge/7/level#1626768000 at 990102 2021-07-20T08:00:00.000Z kind=Text("ponding") hazard=Text("rainstorm") depth_cm=Decimal(Decimal { unscaled: 275, scale: 1 }) units.depth_cm=Text("cm") device=Text("7") data.topic.area=Text("east") data.time=Integer(1626768000) data.battery=Integer(3)"#);
        insta::assert_snapshot!(read("siren/3", "true"), @r#"mqtt:siren/3#sha256:b5bea41b6c623f7c09f1bf24dcae58ebab3c0cdd90ad966bc43a45b44867e12b at 990100 1900-01-01T00:00:00.000Z kind=Text("siren") on=Flag(true) data.topic.device=Text("3")"#);
        assert_eq!(read("siren/3", "true"), read("siren/3", "true"), "the same message has the same id");
        assert_ne!(read("siren/3", "true"), read("siren/4", "true"));
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_topic() {
        insta::assert_snapshot!(read("city/east/gauge/7/level", "27.5 cm"), @"topic `city/east/gauge/7/level`: line 1: not the JSON that is expected: trailing characters at line 1 column 6");
        insta::assert_snapshot!(read("city/east/gauge/7/level", r#"{"time":1626768000}"#), @"topic `city/east/gauge/7/level`: depth: `depth` is missing or empty; it is required");
        insta::assert_snapshot!(read("city/west/gauge/7/level", r#"{"time":1626768000,"depth":1}"#), @"topic `city/west/gauge/7/level`: topic.area: no node is known for `area=west`; add it to `geocodes` of this source in muster.toml, or set `default_node`");
        insta::assert_snapshot!(read("city/east/gauge", "1"), @"topic `city/east/gauge`: `city/east/gauge` is not a topic of the settings");
        insta::assert_snapshot!(read("siren/3", r#"1,"x":2"#), @"topic `siren/3`: line 1: not the JSON that is expected: trailing characters at line 1 column 2");
    }

    #[test]
    fn settings_that_cannot_work_are_named_with_their_cure() {
        let wrong = |from: &str, to: &str| client(&SETTINGS.replace(from, to)).err().expect("an error");
        insta::assert_snapshot!(wrong("siren/{device}", "siren/#"), @"muster.toml, [mqtt.gauges]: `topic[1].pattern` has the level `#`, which is neither fixed nor named; write levels parted by `/`, each a fixed word or `{name}`, for instance `city/{area}/level`");
        insta::assert_snapshot!(wrong("city/{area}/gauge/{device}", "city/{area}/gauge/{area}"), @"muster.toml, [mqtt.gauges]: `topic[0].pattern` names a part twice; write levels parted by `/`, each a fixed word or `{name}`, for instance `city/{area}/level`");
        insta::assert_snapshot!(wrong("id = [\"*\"]", "id = []"), @r#"muster.toml, [mqtt.gauges]: `topic[1].mapping.id` does not say what the same event is; name the fields that tell one object from every other, or `["*"]` for the whole object"#);
        insta::assert_snapshot!(wrong("broker", "in_flight_max = 0\nbroker"), @"muster.toml, [mqtt.gauges]: `in_flight_max` is 0; give a number from 1 to 1024");
        insta::assert_snapshot!(wrong("place = { node = \"990100\" }", "place = {}"), @"muster.toml, [mqtt.gauges]: `topic[1].mapping.place` does not say where; give `node`, or `field` and perhaps `list`");
        let said = wrong("broker", "password = \"x\"\nbroker");
        assert!(said.contains("a password is named as `file:PATH` or `env:NAME`, never written out"), "{said}");
        let said = wrong("broker", "pass = \"x\"\nbroker");
        assert!(said.contains("unknown field `pass`, expected one of `broker`, `port`"), "{said}");
    }
}
