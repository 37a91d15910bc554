//! The data of an event that came from a CAP message: the kernel's own words first, the message's words below `cap`,
//! `texts`, `area` and `parameter`.

use std::collections::BTreeSet;

use muster_kernel::value::Attribute;
use muster_kernel::{Event, Instant, Value};

use super::dialect::Dialect;
use super::geometry::{self, EDGE_PAIRS_MAX};
use super::group::Group;
use super::message::{Alert, Area, Info};
use super::schema::Version;

/// Values of one event; the host takes no more.
pub(super) const ATTRIBUTES_MAX: usize = 512;

/// Attributes in the making.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<Attribute>);

impl Attributes {
    pub(super) fn into_vec(self) -> Vec<Attribute> {
        self.0
    }

    fn add(&mut self, key: &str, value: Value) {
        self.0.push(Attribute::new(key, value));
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.add(key, Value::Text(text.into()));
    }

    pub(super) fn flag(&mut self, key: &str, flag: bool) {
        self.add(key, Value::Flag(flag));
    }

    fn instant(&mut self, key: &str, instant: Option<Instant>) {
        if let Some(instant) = instant {
            self.add(key, Value::Instant(instant));
        }
    }

    fn optional(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    fn list<'t>(&mut self, key: &str, texts: impl Iterator<Item = &'t str>) {
        texts.enumerate().for_each(|(place, text)| self.text(&format!("{key}.{place}"), text));
    }

    /// What the envelope says.
    pub(super) fn message(&mut self, alert: &Alert<'_>, version: Version, dialect: Dialect) {
        self.text("cap.reference", &alert.reference().to_string());
        self.text("cap.version", version.as_str());
        self.text("cap.dialect", dialect.as_str());
        self.text("cap.status", alert.status.as_str());
        self.text("cap.msgtype", alert.message_type.as_str());
        self.optional("cap.scope", alert.scope.map(super::Scope::as_str));
        self.optional("cap.source", alert.source.as_deref());
        self.optional("cap.restriction", alert.restriction.as_deref());
        self.optional("cap.addresses", alert.addresses.as_deref());
        self.optional("cap.note", alert.note.as_deref());
        self.optional("cap.incidents", alert.incidents.as_deref());
        self.list("cap.code", alert.codes.iter().map(|code| &**code));
        let references = alert.references.iter().map(|named| named.reference().to_string());
        references.enumerate().for_each(|(place, text)| self.text(&format!("references.{place}"), &text));
    }

    /// What is said of one hazard at one node.
    pub(super) fn group(&mut self, group: &Group<'_>, expires: Option<Instant>) {
        self.optional("colour", group.colours.first().map(|colour| colour.as_str()));
        if group.colours.len() > 1 {
            // Two accounts of one warning differ: the higher counts, and people see that they differ.
            self.list("colours_differ", group.colours.iter().map(|colour| colour.as_str()));
        }
        self.instant("expires", expires);
        let Some((first, _)) = group.infos.first() else { return };
        self.instant("effective", first.effective.map(super::Time::instant));
        self.instant("onset", first.onset.map(super::Time::instant));
        self.text("urgency", first.urgency.as_str());
        self.text("severity", first.severity.as_str());
        self.text("certainty", first.certainty.as_str());
        self.list("category", first.categories.iter().map(|word| word.as_str()));
        self.list("response", first.responses.iter().map(|word| word.as_str()));
        self.optional("audience", first.audience.as_deref());
        self.optional("eventcode", first.event_codes.first().map(|code| &*code.value));
        self.optional("web", first.web.as_deref());
        self.optional("contact", first.contact.as_deref());
        for (place, parameter) in first.parameters.iter().enumerate() {
            self.text(&format!("parameter.{place}.name"), &parameter.name);
            self.text(&format!("parameter.{place}.value"), &parameter.value);
        }
        for (place, resource) in first.resources.iter().enumerate() {
            self.text(&format!("resource.{place}.description"), &resource.description);
            self.optional(&format!("resource.{place}.mime_type"), resource.mime_type.as_deref());
            self.optional(&format!("resource.{place}.uri"), resource.uri.as_deref());
            self.optional(&format!("resource.{place}.digest"), resource.digest.as_deref());
        }
        self.texts(group.infos.iter().map(|(info, _)| *info));
        // Other languages mostly say the same areas again.
        let mut budget = EDGE_PAIRS_MAX;
        let areas = group.infos.iter().find(|(_, areas)| !areas.is_empty()).map(|(_, areas)| areas.as_slice());
        for (place, area) in areas.unwrap_or_default().iter().enumerate() {
            self.area(&format!("area.{place}"), area, &mut budget);
        }
    }

    /// The words of every language, the most severe info of each; the first one's headline is the event's text.
    pub(super) fn texts<'i>(&mut self, infos: impl Iterator<Item = &'i Info<'i>>) {
        let mut languages = BTreeSet::new();
        for info in infos {
            let language = info.language();
            if !languages.insert(language) {
                continue;
            }
            if languages.len() == 1 {
                self.text("text", info.headline.as_deref().or(info.description.as_deref()).unwrap_or(&info.event));
            }
            let mut say = |key: &str, text: Option<&str>| self.optional(&format!("texts.{language}.{key}"), text);
            say("event", Some(&info.event));
            say("sender_name", info.sender_name.as_deref());
            say("headline", info.headline.as_deref());
            say("description", info.description.as_deref());
            say("instruction", info.instruction.as_deref());
        }
    }

    fn area(&mut self, key: &str, area: &Area<'_>, budget: &mut usize) {
        self.text(&format!("{key}.description"), &area.description);
        for (place, points) in area.polygons.iter().enumerate() {
            let key = format!("{key}.polygon.{place}");
            let mut text = String::with_capacity(points.len() * 24);
            for point in points {
                text.push_str(if text.is_empty() { "" } else { " " });
                text.push_str(&point.to_string());
            }
            self.add(&format!("{key}.points"), Value::Text(text));
            let crosses = geometry::crosses_itself(points, budget).map_or(Value::Unknown, Value::Flag);
            self.add(&format!("{key}.crosses_itself"), crosses);
        }
        for (place, circle) in area.circles.iter().enumerate() {
            self.text(&format!("{key}.circle.{place}"), &circle.to_string());
        }
        for (place, geocode) in area.geocodes.iter().enumerate() {
            self.text(&format!("{key}.geocode.{place}"), &format!("{}={}", geocode.name, geocode.value));
        }
        self.optional(&format!("{key}.altitude"), area.altitude.as_deref());
        self.optional(&format!("{key}.ceiling"), area.ceiling.as_deref());
    }
}

/// About how many bytes an event holds.
pub(super) fn bytes(event: &Event) -> usize {
    let value = |value: &Value| if let Value::Text(text) = value { text.len() } else { 0 };
    event.attributes.iter().map(|attribute| attribute.key.len() + value(&attribute.value) + 64).sum()
}
