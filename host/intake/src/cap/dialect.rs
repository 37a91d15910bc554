//! What single sources write that is not CAP, put into the standard's words before the check. Each dialect forgives what
//! is listed here and nothing else; the check that follows is the strict one.
//!
//! `nws`, the national weather service of the USA:
//! - an empty `polygon` or `circle` is left out, and so are an `eventCode`, `parameter` or `geocode` with an empty value.
//!
//! `12379`, the national early warning system of China (GB/T 35965.1-2018, GB/T 34283-2017):
//! - the namespace may be missing; elements may stand in any order; empty ones are left out;
//! - `senderCode` is the sender, `sender` then its name; `sendTime` is `sent`; `status` is Actual where it is missing;
//! - `secClassification` and `method` are instructions to that system's own channels and are left out;
//! - times have a space where the standard has a `T`;
//! - `eventType` is a code of GB/T 35561. Two are known: 11B01 台风 and 11B03 暴雨; every other is named in the settings,
//!   as `hazards = { "GB/T35561:CODE" = "HAZARD" }`, and is its own words where the message has none. The category, where
//!   it is missing, is Met for the codes of 11B (weather) and Other for the rest;
//! - `severity` may be a colour; it becomes the parameter `warningColour` and the severity that goes with it;
//! - a `geocode` that is plain text is a code of GB/T 2260;
//! - the identifier is `SENDERCODE_yyyymmddhhmmss_N`, 31 characters, and is held to it.

use std::borrow::Cow;

use serde::Deserialize;

use super::colour;
use super::schema::{self, Version};
use super::tree::Tree;
use crate::refusal::{Reason, Refusal, quote};

/// The list of area codes.
pub(super) const AREA_CODES: &str = "GB/T2260";
/// The list of event codes.
pub(super) const EVENT_CODES: &str = "GB/T35561";

/// Digits of a sender's code.
const SENDER_DIGITS: usize = 14;
/// Digits of the time in an identifier.
const TIME_DIGITS: usize = 14;

/// How a source writes CAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Dialect {
    /// As the standard says.
    #[default]
    #[serde(rename = "strict")]
    Strict,
    /// China's early warning system.
    #[serde(rename = "12379")]
    China12379,
    /// The national weather service of the USA.
    #[serde(rename = "nws")]
    Nws,
}

impl Dialect {
    /// The word in `muster.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::China12379 => "12379",
            Self::Nws => "nws",
        }
    }

    /// The document in the standard's words.
    pub(super) fn normalise(self, tree: Tree<'_>) -> Result<Tree<'_>, Refusal> {
        match self {
            Self::Strict => Ok(tree),
            Self::Nws => Ok(without_empty(&tree)),
            Self::China12379 => china(&tree),
        }
    }
}

fn without_empty<'a>(tree: &Tree<'a>) -> Tree<'a> {
    let mut fresh = Tree::new(tree.namespace.clone(), tree.len());
    fresh.xml_events = tree.xml_events;
    if tree.len() > 0 {
        copy_nws(tree, 0, &mut fresh);
    }
    fresh
}

fn copy_nws<'a>(tree: &Tree<'a>, at: usize, fresh: &mut Tree<'a>) {
    let element = tree.at(at);
    let pair_without_value = || {
        tree.child(at, "valueName").is_some()
            && tree.child(at, "value").is_some_and(|value| tree.text(value).is_empty())
    };
    let left_out = match element.name {
        "polygon" | "circle" => tree.text(at).is_empty() && tree.children(at).next().is_none(),
        "eventCode" | "parameter" | "geocode" => pair_without_value(),
        _ => false,
    };
    if !left_out {
        fresh.open(element.name, element.line);
        fresh.push_text(element.text.clone());
        tree.children(at).for_each(|child| copy_nws(tree, child, fresh));
        fresh.close();
    }
}

fn china<'a>(tree: &Tree<'a>) -> Result<Tree<'a>, Refusal> {
    if tree.len() == 0 || tree.at(0).name != "alert" {
        let found = if tree.len() == 0 { String::new() } else { quote(tree.at(0).name) };
        return Err(Refusal::whole(Reason::NotThis { found, wanted: "the element `alert` of CAP" }));
    }
    if !tree.namespace.is_empty() && Version::of(&tree.namespace).is_none() {
        let wanted = "a namespace of CAP, or none";
        return Err(tree.refuse(0, Reason::NotThis { found: quote(&tree.namespace), wanted }));
    }
    identifier(tree)?;
    let namespace = if tree.namespace.is_empty() { Version::V1_2.namespace().into() } else { tree.namespace.clone() };
    let mut fresh = Tree::new(namespace, tree.len() + 64);
    fresh.xml_events = tree.xml_events;
    China { tree, fresh: &mut fresh }.copy(0, "alert");
    Ok(fresh)
}

/// `ZZZZZZDDDUUUXX_YYYYMMDDhhmmss_N`: the sender's code, the time and a number.
fn identifier(tree: &Tree<'_>) -> Result<(), Refusal> {
    let Some(at) = tree.child(0, "identifier") else {
        return Err(tree.refuse(0, Reason::Missing("identifier".into())));
    };
    let text = tree.text(at);
    let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.split('_');
    let parts = (parts.next(), parts.next(), parts.next(), parts.next());
    let sender = tree.child(0, "senderCode").map(|code| tree.text(code));
    match parts {
        (Some(code), Some(time), Some(number), None)
            if digits(code, SENDER_DIGITS)
                && digits(time, TIME_DIGITS)
                && digits(number, 1)
                && sender.is_none_or(|sender| sender == code) =>
        {
            Ok(())
        }
        _ => {
            let wanted = "the sender's 14 digits, `_`, the time as yyyymmddhhmmss, `_` and one digit (GB/T 35965.1)";
            Err(tree.refuse(at, Reason::Value { found: quote(text), wanted: wanted.into() }))
        }
    }
}

struct China<'t, 'a> {
    tree: &'t Tree<'a>,
    fresh: &'t mut Tree<'a>,
}

impl<'a> China<'_, 'a> {
    /// Copies an element and what is in it; `name` in the standard's words.
    ///
    /// The name of the parent is looked up and must not become an argument beside `name`: optimised by LLVM 22 (rustc 1.95
    /// to 1.97, pass `ipsccp`) such a recursion gets the first call's value at every depth.
    fn copy(&mut self, at: usize, name: &'a str) {
        let line = self.tree.at(at).line;
        let children: Vec<usize> = self.tree.children(at).filter(|child| self.is_kept(*child)).collect();
        if children.is_empty() {
            return self.leaf(at, name);
        }
        self.fresh.open(name, line);
        self.fresh.push_text(self.tree.at(at).text.clone());
        let has_code = self.tree.child(at, "senderCode").is_some();
        let mut named: Vec<(&'a str, usize)> =
            children.into_iter().map(|child| (self.name_of(child, name, has_code), child)).collect();
        // Elements that the standard does not know keep their place at the end, where the check finds them.
        named.sort_by_key(|(child, _)| schema::position(name, child).unwrap_or(usize::MAX));
        let added: &[&str] = match name {
            "alert" => &["status"],
            "info" => &["category", "event", "parameter"],
            _ => &[],
        };
        let mut added: Vec<&str> = added.iter().copied().filter(|name| self.is_wanted(at, name)).collect();
        for (child_name, child) in named {
            let place = schema::position(name, child_name);
            while added.first().is_some_and(|add| schema::position(name, add) < place || place.is_none()) {
                let add = added.remove(0);
                self.add(at, add);
            }
            self.copy(child, child_name);
        }
        for add in added {
            self.add(at, add);
        }
        self.fresh.close();
    }

    fn is_kept(&self, at: usize) -> bool {
        let empty = self.tree.text(at).is_empty() && self.tree.children(at).next().is_none();
        !empty && !matches!(self.tree.at(at).name, "secClassification" | "method")
    }

    fn name_of(&self, at: usize, parent: &str, has_code: bool) -> &'a str {
        match (parent, self.tree.at(at).name) {
            ("alert", "senderCode") => "sender",
            ("alert", "sender") if has_code => "source",
            ("alert", "sendTime") => "sent",
            ("info", "eventType") => "eventCode",
            (_, name) => name,
        }
    }

    fn kept_text(&self, at: usize, name: &str) -> Option<Cow<'a, str>> {
        let child = self.tree.child(at, name)?;
        Some(self.tree.at(child).text.clone()).filter(|text| !text.trim().is_empty())
    }

    fn is_wanted(&self, at: usize, name: &str) -> bool {
        match name {
            "parameter" => self.colour(at).is_some(),
            "status" => self.kept_text(at, "status").is_none(),
            _ => self.kept_text(at, name).is_none() && self.kept_text(at, "eventType").is_some(),
        }
    }

    fn colour(&self, at: usize) -> Option<muster_kernel::Colour> {
        colour::of_word(&self.kept_text(at, "severity")?)
    }

    /// What the standard requires and the dialect says otherwise.
    fn add(&mut self, at: usize, name: &'a str) {
        let line = self.tree.at(at).line;
        match name {
            "status" => self.fresh.leaf(name, "Actual", line),
            "category" => {
                let code = self.kept_text(at, "eventType").unwrap_or_default();
                self.fresh.leaf(name, category_of(code.trim()), line);
            }
            "event" => {
                let code = self.kept_text(at, "eventType").unwrap_or_default();
                self.fresh.leaf(name, words_of(code), line);
            }
            _ => {
                let word = self.kept_text(at, "severity").unwrap_or_default();
                self.pair("parameter", colour::PARAMETER, word, line);
            }
        }
    }

    fn pair(&mut self, name: &'a str, list: &'static str, value: Cow<'a, str>, line: u32) {
        self.fresh.open(name, line);
        self.fresh.leaf("valueName", list, line);
        self.fresh.leaf("value", value, line);
        self.fresh.close();
    }

    fn leaf(&mut self, at: usize, name: &'a str) {
        let (line, text) = (self.tree.at(at).line, self.tree.at(at).text.clone());
        match (self.tree.parent_name(at), name) {
            ("alert", "sent") | ("info", "effective" | "onset" | "expires") => {
                self.fresh.leaf(name, with_t(text), line);
            }
            ("alert", "references") => self.fresh.leaf(name, times_with_t(&text), line),
            ("info", "eventCode") => self.pair(name, EVENT_CODES, text, line),
            ("area", "geocode") => self.pair(name, AREA_CODES, text, line),
            ("info", "severity") => {
                let severity = colour::of_word(&text).map(|colour| colour::severity_of(colour).as_str());
                self.fresh.leaf(name, severity.map_or(text, Cow::Borrowed), line);
            }
            _ => self.fresh.leaf(name, text, line),
        }
    }
}

fn with_t(text: Cow<'_, str>) -> Cow<'_, str> {
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    match text.as_bytes().get(10) {
        Some(b' ') => Cow::Owned(text.replacen(' ', "T", 1)),
        _ => text,
    }
}

/// The times within `references`, each behind a comma.
fn times_with_t(text: &str) -> String {
    let mut fresh = String::with_capacity(text.len());
    for (place, part) in text.split(',').enumerate() {
        if place > 0 {
            fresh.push(',');
        }
        let is_date = part.get(..11).is_some_and(|date| date.ends_with(' ') && date.as_bytes()[4] == b'-');
        fresh.push_str(&if is_date { part.replacen(' ', "T", 1) } else { part.to_owned() });
    }
    fresh
}

/// The events of GB/T 35561 whose code, hazard and words are confirmed by messages that were seen.
const EVENTS: [(&str, &str, &str); 2] = [("11B01", "typhoon", "台风"), ("11B03", "rainstorm", "暴雨")];

/// The category of a class of GB/T 35561: only that of the weather is known here.
fn category_of(code: &str) -> &'static str {
    if code.starts_with("11B") { "Met" } else { "Other" }
}

/// The words of an event code; the code itself where they are not known.
fn words_of(code: Cow<'_, str>) -> Cow<'_, str> {
    let known = EVENTS.iter().find(|(known, _, _)| *known == code.trim());
    known.map_or(code, |(_, _, words)| Cow::Borrowed(*words))
}

/// The hazard of an event code of GB/T 35561. Any that is not known here is named in the settings' `hazards`.
pub(super) fn hazard_of(code: &str) -> Option<&'static str> {
    EVENTS.iter().find(|(known, _, _)| *known == code).map(|(_, hazard, _)| *hazard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_in_the_place_of_the_severity_is_both() {
        let bytes = include_bytes!("../../tests/samples/china-12379.xml");
        let tree = Dialect::China12379.normalise(super::super::tree::read(bytes).expect("XML")).expect("the dialect");
        let info = tree.child(0, "info").expect("an info");
        let said: Vec<(&str, &str)> = tree.children(info).map(|at| (tree.at(at).name, tree.text(at))).collect();
        assert!(said.contains(&("severity", "Extreme")), "{said:?}");
    }
}
