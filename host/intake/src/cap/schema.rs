//! The order and number of CAP's elements, as the schemas of CAP 1.0, 1.1 and 1.2 state them, and what the standard says
//! beside them. The reader and the writer are held to the same tables.

use super::geometry;
use super::time::Time;
use super::tree::Tree;
use super::word::{Category, Certainty, MessageType, ResponseType, Scope, Severity, Status, Urgency};
use crate::refusal::{Reason, Refusal, quote};

/// Bytes of one text.
pub const TEXT_BYTES_MAX: usize = 64 << 10;
/// Bytes of `identifier` and `sender`: they go into the event's id.
pub const NAME_BYTES_MAX: usize = 256;

/// A version of the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// CAP 1.0.
    V1_0,
    /// CAP 1.1.
    V1_1,
    /// CAP 1.2; ITU-T X.1303 bis.
    V1_2,
}

use Version::{V1_0, V1_1, V1_2};

impl Version {
    /// Its namespace.
    pub const fn namespace(self) -> &'static str {
        match self {
            V1_0 => "http://www.incident.com/cap/1.0",
            V1_1 => "urn:oasis:names:tc:emergency:cap:1.1",
            V1_2 => "urn:oasis:names:tc:emergency:cap:1.2",
        }
    }

    /// The version with this namespace.
    pub fn of(namespace: &str) -> Option<Self> {
        [V1_0, V1_1, V1_2].into_iter().find(|version| version.namespace() == namespace)
    }

    /// Its number.
    pub const fn as_str(self) -> &'static str {
        match self {
            V1_0 => "1.0",
            V1_1 => "1.1",
            V1_2 => "1.2",
        }
    }
}

/// What an element holds.
#[derive(Clone, Copy)]
enum Content {
    Text,
    /// Text without spaces, commas, `<` and `&`.
    Name,
    Time,
    /// A word of a list that belongs to a version.
    Word(fn(&str, Version) -> bool, &'static str),
    /// `valueName` and `value`; in CAP 1.0 the text `name=value`.
    Pair,
    Polygon,
    Circle,
    Number,
    Elements(&'static [Rule]),
}

/// One element of a sequence.
struct Rule {
    name: &'static str,
    content: Content,
    /// From which version on it is required.
    required: Option<Version>,
    /// How often it may be given. The standard sets no bound where this is above 1.
    most: usize,
    since: Version,
    until: Version,
}

const fn rule(name: &'static str, content: Content) -> Rule {
    Rule { name, content, required: None, most: 1, since: V1_0, until: V1_2 }
}

impl Rule {
    const fn required(self) -> Self {
        self.required_since(V1_0)
    }
    const fn required_since(mut self, version: Version) -> Self {
        self.required = Some(version);
        self
    }
    const fn most(mut self, most: usize) -> Self {
        self.most = most;
        self
    }
    const fn since(mut self, version: Version) -> Self {
        self.since = version;
        self
    }
    const fn until(mut self, version: Version) -> Self {
        self.until = version;
        self
    }
}

const ALERT: &[Rule] = &[
    rule("identifier", Content::Name).required(),
    rule("sender", Content::Name).required(),
    rule("sent", Content::Time).required(),
    rule("status", Content::Word(Status::allowed, "Actual, Exercise, System, Test or Draft")).required(),
    rule("msgType", Content::Word(MessageType::allowed, "Alert, Update, Cancel, Ack or Error")).required(),
    rule("password", Content::Text).until(V1_0),
    rule("source", Content::Text),
    rule("scope", Content::Word(Scope::allowed, "Public, Restricted or Private")).required_since(V1_1),
    rule("restriction", Content::Text),
    rule("addresses", Content::Text),
    rule("code", Content::Text).most(64),
    rule("note", Content::Text),
    rule("references", Content::Text),
    rule("incidents", Content::Text),
    rule("info", Content::Elements(INFO)).most(32),
];

const INFO: &[Rule] = &[
    rule("language", Content::Text),
    rule("category", Content::Word(Category::allowed, "a category of its version, for instance Met"))
        .required_since(V1_1)
        .most(16),
    rule("event", Content::Text).required(),
    rule("responseType", Content::Word(ResponseType::allowed, "a response type of its version, for instance Shelter"))
        .since(V1_1)
        .most(16),
    rule("urgency", Content::Word(Urgency::allowed, "Immediate, Expected, Future, Past or Unknown")).required(),
    rule("severity", Content::Word(Severity::allowed, "Extreme, Severe, Moderate, Minor or Unknown")).required(),
    rule(
        "certainty",
        Content::Word(Certainty::allowed, "Observed (1.0: Very Likely), Likely, Possible, Unlikely or Unknown"),
    )
    .required(),
    rule("audience", Content::Text),
    rule("eventCode", Content::Pair).most(64),
    rule("effective", Content::Time),
    rule("onset", Content::Time),
    rule("expires", Content::Time),
    rule("senderName", Content::Text),
    rule("headline", Content::Text),
    rule("description", Content::Text),
    rule("instruction", Content::Text),
    rule("web", Content::Text),
    rule("contact", Content::Text),
    rule("parameter", Content::Pair).most(128),
    rule("resource", Content::Elements(RESOURCE)).most(32),
    rule("area", Content::Elements(AREA)).most(128),
];

const RESOURCE: &[Rule] = &[
    rule("resourceDesc", Content::Text).required(),
    rule("mimeType", Content::Text).required_since(V1_2),
    rule("size", Content::Number),
    rule("uri", Content::Text),
    rule("derefUri", Content::Text).since(V1_1),
    rule("digest", Content::Text),
];

const AREA: &[Rule] = &[
    rule("areaDesc", Content::Text).required(),
    rule("polygon", Content::Polygon).most(64),
    rule("circle", Content::Circle).most(64),
    rule("geocode", Content::Pair).most(512),
    rule("altitude", Content::Number),
    rule("ceiling", Content::Number),
];

const PAIR: &[Rule] = &[rule("valueName", Content::Text).required(), rule("value", Content::Text).required()];

/// Where an element stands in the sequence of its parent, for dialects that order elements anew.
pub(super) fn position(parent: &str, name: &str) -> Option<usize> {
    let rules = match parent {
        "alert" => ALERT,
        "info" => INFO,
        "area" => AREA,
        "resource" => RESOURCE,
        _ => PAIR,
    };
    rules.iter().position(|rule| rule.name == name)
}

/// Holds a document to the standard and says which version it is.
///
/// # Errors
/// The first breach, with its place.
pub(super) fn check(tree: &Tree<'_>) -> Result<Version, Refusal> {
    if tree.len() == 0 || tree.at(0).name != "alert" {
        let found = if tree.len() == 0 { String::new() } else { quote(tree.at(0).name) };
        return Err(Refusal::whole(Reason::NotThis { found, wanted: "the element `alert` of CAP" }));
    }
    let wanted = "a namespace of CAP 1.0, 1.1 or 1.2";
    let version = Version::of(&tree.namespace)
        .ok_or_else(|| tree.refuse(0, Reason::NotThis { found: quote(&tree.namespace), wanted }))?;
    sequence(tree, version, 0, ALERT)?;
    beside_the_schema(tree, version)?;
    Ok(version)
}

fn sequence(tree: &Tree<'_>, version: Version, parent: usize, rules: &[Rule]) -> Result<(), Refusal> {
    if !tree.text(parent).is_empty() {
        return Err(tree.refuse(parent, Reason::Unknown(quote(tree.text(parent)))));
    }
    let (mut at, mut count) = (0_usize, 0_usize);
    for child in tree.children(parent) {
        let name = tree.at(child).name;
        let known = rules.iter().position(|rule| rule.name == name);
        let known = known.filter(|place| (rules[*place].since..=rules[*place].until).contains(&version));
        let Some(place) = known else { return Err(tree.refuse(child, Reason::Unknown(quote(name)))) };
        if place < at {
            let after = rules[at].name.to_owned();
            return Err(tree.refuse(child, Reason::OutOfOrder { name: name.into(), after }));
        }
        count = if place == at { count + 1 } else { 1 };
        at = place;
        if count > rules[place].most {
            return Err(tree.refuse(child, Reason::TooMany { name: name.into(), limit: rules[place].most }));
        }
        content(tree, version, child, &rules[place])?;
    }
    let required = rules.iter().filter(|rule| rule.required.is_some_and(|since| version >= since));
    let mut missing = required.filter(|rule| tree.child(parent, rule.name).is_none());
    missing.next().map_or(Ok(()), |rule| Err(tree.refuse(parent, Reason::Missing(rule.name.into()))))
}

fn content(tree: &Tree<'_>, version: Version, element: usize, rule: &Rule) -> Result<(), Refusal> {
    let wrong = |wanted: &str| Reason::Value { found: quote(tree.text(element)), wanted: wanted.into() };
    let text = tree.text(element);
    let sized = |limit: usize| {
        let reason = Reason::TooLarge { what: "bytes of text", limit };
        if text.len() > limit { Err(tree.refuse(element, reason)) } else { Ok(()) }
    };
    if !matches!(rule.content, Content::Elements(_) | Content::Pair) {
        leaf(tree, element)?;
        sized(TEXT_BYTES_MAX)?;
        let must = rule.required.is_some_and(|since| version >= since) || !matches!(rule.content, Content::Text);
        if must && text.is_empty() {
            return Err(tree.refuse(element, Reason::Missing(rule.name.into())));
        }
    }
    match rule.content {
        Content::Text => Ok(()),
        Content::Name => {
            sized(NAME_BYTES_MAX)?;
            let restricted = |letter: char| letter.is_whitespace() || matches!(letter, ',' | '<' | '&');
            let reason = || wrong("without spaces, commas, `<` and `&`");
            if text.contains(restricted) { Err(tree.refuse(element, reason())) } else { Ok(()) }
        }
        Content::Time => Time::parse(text, version).map(|_| ()).map_err(|reason| tree.refuse(element, reason)),
        Content::Word(allowed, wanted) => {
            if allowed(text, version) {
                Ok(())
            } else {
                Err(tree.refuse(element, wrong(wanted)))
            }
        }
        Content::Number => {
            let number = muster_kernel::value::Decimal::parse(text).is_some();
            // CAP 1.0 and 1.1 let `altitude` and `ceiling` be any text.
            let free = version < V1_2 && rule.name != "size";
            if number || free { Ok(()) } else { Err(tree.refuse(element, wrong("a number of at most 18 digits"))) }
        }
        Content::Polygon => geometry::polygon(text).map(|_| ()).map_err(|reason| tree.refuse(element, reason)),
        Content::Circle => geometry::circle(text).map(|_| ()).map_err(|reason| tree.refuse(element, reason)),
        Content::Pair if version == V1_0 => {
            leaf(tree, element)?;
            let named = text.split_once('=').is_some_and(|(name, value)| !name.is_empty() && !value.is_empty());
            if named { sized(TEXT_BYTES_MAX) } else { Err(tree.refuse(element, wrong("`name=value`"))) }
        }
        Content::Pair => sequence(tree, version, element, PAIR),
        Content::Elements(rules) => sequence(tree, version, element, rules),
    }
}

fn leaf(tree: &Tree<'_>, element: usize) -> Result<(), Refusal> {
    let inner = tree.children(element).next();
    inner.map_or(Ok(()), |child| Err(tree.refuse(child, Reason::Unknown(quote(tree.at(child).name)))))
}

/// What the standard demands beside its schema (CAP 1.2, section 3.2), and the bound on points.
fn beside_the_schema(tree: &Tree<'_>, version: Version) -> Result<(), Refusal> {
    let text = |name: &str| tree.child(0, name).map(|element| tree.text(element)).filter(|text| !text.is_empty());
    let kind = text("msgType").unwrap_or_default();
    match (kind, tree.child(0, "references").filter(|element| !tree.text(*element).is_empty())) {
        ("Alert", None) => {}
        (_, None) => return Err(tree.refuse(0, Reason::NoReferences(kind.into()))),
        (_, Some(element)) => super::reference::parse(tree.text(element), version)
            .map(|_| ())
            .map_err(|reason| tree.refuse(element, reason))?,
    }
    let needed = match text("scope") {
        Some("Restricted") => Some("restriction"),
        Some("Private") => Some("addresses"),
        _ => None,
    };
    if let Some(name) = needed.filter(|name| text(name).is_none()) {
        return Err(tree.refuse(0, Reason::Missing(name.into())));
    }
    let mut points = 0;
    for info in tree.named(0, "info") {
        for area in tree.named(info, "area") {
            for polygon in tree.named(area, "polygon") {
                points += tree.text(polygon).split_ascii_whitespace().count();
                if points > geometry::POINTS_MAX {
                    let reason = Reason::TooLarge { what: "points", limit: geometry::POINTS_MAX };
                    return Err(tree.refuse(polygon, reason));
                }
            }
        }
    }
    Ok(())
}
