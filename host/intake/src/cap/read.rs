//! From a checked document to the message. What the check has let through is read here without further judgement.

use std::borrow::Cow;

use super::geometry;
use super::message::{Alert, Area, Info, Named, Pair, Resource, Text};
use super::schema::{self, Version};
use super::time::Time;
use super::tree::Tree;
use super::word::{Category, Certainty, MessageType, ResponseType, Scope, Severity, Status, Urgency};
use crate::refusal::{Reason, Refusal};

/// Reads a message of strict CAP.
///
/// # Errors
/// The first breach of the standard or of a limit, with its place.
pub fn parse(bytes: &[u8]) -> Result<(Version, Alert<'_>), Refusal> {
    of(&super::tree::read(bytes)?)
}

/// Checks a document and reads it.
pub(super) fn of<'a>(tree: &Tree<'a>) -> Result<(Version, Alert<'a>), Refusal> {
    let version = schema::check(tree)?;
    let read = Read { tree, version };
    Ok((version, read.alert()?))
}

struct Read<'t, 'a> {
    tree: &'t Tree<'a>,
    version: Version,
}

impl<'a> Read<'_, 'a> {
    fn alert(&self) -> Result<Alert<'a>, Refusal> {
        Ok(Alert {
            identifier: self.required(0, "identifier")?,
            sender: self.required(0, "sender")?,
            sent: self.time(0, "sent")?.ok_or_else(|| self.missing(0, "sent"))?,
            status: self.word(0, "status", Status::parse)?,
            message_type: self.word(0, "msgType", MessageType::parse)?,
            source: self.text(0, "source"),
            scope: self.text(0, "scope").and_then(|text| Scope::parse(&text)),
            restriction: self.text(0, "restriction"),
            addresses: self.text(0, "addresses"),
            codes: self.texts(0, "code"),
            note: self.text(0, "note"),
            references: self.references()?,
            incidents: self.text(0, "incidents"),
            infos: self.tree.named(0, "info").map(|info| self.info(info)).collect::<Result<_, _>>()?,
        })
    }

    fn info(&self, at: usize) -> Result<Info<'a>, Refusal> {
        let resources = self.tree.named(at, "resource").map(|resource| self.resource(resource));
        let areas = self.tree.named(at, "area").map(|area| self.area(area));
        Ok(Info {
            language: self.text(at, "language"),
            categories: self.texts(at, "category").iter().filter_map(|text| Category::parse(text)).collect(),
            event: self.required(at, "event")?,
            responses: self.texts(at, "responseType").iter().filter_map(|text| ResponseType::parse(text)).collect(),
            urgency: self.word(at, "urgency", Urgency::parse)?,
            severity: self.word(at, "severity", Severity::parse)?,
            certainty: self.word(at, "certainty", Certainty::parse)?,
            audience: self.text(at, "audience"),
            event_codes: self.pairs(at, "eventCode")?,
            effective: self.time(at, "effective")?,
            onset: self.time(at, "onset")?,
            expires: self.time(at, "expires")?,
            sender_name: self.text(at, "senderName"),
            headline: self.text(at, "headline"),
            description: self.text(at, "description"),
            instruction: self.text(at, "instruction"),
            web: self.text(at, "web"),
            contact: self.text(at, "contact"),
            parameters: self.pairs(at, "parameter")?,
            resources: resources.collect::<Result<_, _>>()?,
            areas: areas.collect::<Result<_, _>>()?,
        })
    }

    fn resource(&self, at: usize) -> Result<Resource<'a>, Refusal> {
        Ok(Resource {
            description: self.required(at, "resourceDesc")?,
            mime_type: self.text(at, "mimeType"),
            size: self.text(at, "size"),
            uri: self.text(at, "uri"),
            deref_uri: self.text(at, "derefUri"),
            digest: self.text(at, "digest"),
        })
    }

    fn area(&self, at: usize) -> Result<Area<'a>, Refusal> {
        let refuse = |element| move |reason| self.tree.refuse(element, reason);
        let polygons = self.tree.named(at, "polygon");
        let polygons = polygons.map(|place| geometry::polygon(self.tree.text(place)).map_err(refuse(place)));
        let circles = self.tree.named(at, "circle");
        let circles = circles.map(|place| geometry::circle(self.tree.text(place)).map_err(refuse(place)));
        Ok(Area {
            description: self.required(at, "areaDesc")?,
            polygons: polygons.collect::<Result<_, _>>()?,
            circles: circles.collect::<Result<_, _>>()?,
            geocodes: self.pairs(at, "geocode")?,
            altitude: self.text(at, "altitude"),
            ceiling: self.text(at, "ceiling"),
        })
    }

    fn references(&self) -> Result<Vec<Named<'a>>, Refusal> {
        let Some(element) = self.tree.child(0, "references") else { return Ok(Vec::new()) };
        let refuse = |reason| self.tree.refuse(element, reason);
        match trimmed(&self.tree.at(element).text) {
            Cow::Borrowed(text) => super::reference::parse(text, self.version).map_err(refuse),
            Cow::Owned(text) => {
                let found = super::reference::parse(&text, self.version).map_err(refuse)?;
                let owned = |text: Text<'_>| Text::Owned(text.into_owned());
                let named = found.into_iter().map(|named| Named {
                    sender: owned(named.sender),
                    identifier: owned(named.identifier),
                    sent: named.sent,
                });
                Ok(named.collect())
            }
        }
    }

    fn pairs(&self, at: usize, name: &'static str) -> Result<Vec<Pair<'a>>, Refusal> {
        self.tree.named(at, name).map(|element| self.pair(element)).collect()
    }

    fn pair(&self, element: usize) -> Result<Pair<'a>, Refusal> {
        if self.version > Version::V1_0 {
            return Ok(Pair { name: self.required(element, "valueName")?, value: self.required(element, "value")? });
        }
        let split = |text: &str| text.split_once('=').map(|(name, value)| (name.trim().len(), value.trim().len()));
        let text = trimmed(&self.tree.at(element).text);
        let (name, value) = split(&text).ok_or_else(|| self.missing(element, "="))?;
        let (head, tail) = (cut(&text, 0, name), cut(&text, text.len() - value, text.len()));
        Ok(Pair { name: head, value: tail })
    }

    fn text(&self, at: usize, name: &str) -> Option<Text<'a>> {
        let element = self.tree.child(at, name)?;
        Some(trimmed(&self.tree.at(element).text)).filter(|text| !text.is_empty())
    }

    fn texts(&self, at: usize, name: &'static str) -> Vec<Text<'a>> {
        let texts = self.tree.named(at, name).map(|element| trimmed(&self.tree.at(element).text));
        texts.filter(|text| !text.is_empty()).collect()
    }

    fn required(&self, at: usize, name: &str) -> Result<Text<'a>, Refusal> {
        self.text(at, name).ok_or_else(|| self.missing(at, name))
    }

    fn time(&self, at: usize, name: &str) -> Result<Option<Time>, Refusal> {
        let Some(element) = self.tree.child(at, name) else { return Ok(None) };
        let time = Time::parse(self.tree.text(element), self.version);
        time.map(Some).map_err(|reason| self.tree.refuse(element, reason))
    }

    fn word<W>(&self, at: usize, name: &str, parse: fn(&str) -> Option<W>) -> Result<W, Refusal> {
        self.text(at, name).and_then(|text| parse(&text)).ok_or_else(|| self.missing(at, name))
    }

    fn missing(&self, at: usize, name: &str) -> Refusal {
        self.tree.refuse(at, Reason::Missing(name.into()))
    }
}

fn trimmed<'a>(text: &Cow<'a, str>) -> Text<'a> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

fn cut<'a>(text: &Text<'a>, from: usize, to: usize) -> Text<'a> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[from..to]),
        Cow::Owned(text) => Cow::Owned(text[from..to].to_owned()),
    }
}
