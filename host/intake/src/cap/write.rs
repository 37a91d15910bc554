//! Strict CAP 1.2 from the plain struct. What is written has passed the same check as what is read, and is read again
//! before it is given out: nothing leaves that a strict reader would refuse or read otherwise.

use std::borrow::Cow;
use std::fmt::Display;

use quick_xml::escape::escape;

use super::message::{Alert, Area, Info, Pair, Resource, Text};
use super::schema::{self, Version};
use super::tree::{self, Tree};
use crate::refusal::{Reason, Refusal};

/// Writes a message as CAP 1.2 in UTF-8.
///
/// # Errors
/// What the standard does not allow, with its place: the same refusal that a strict reader would give.
pub fn write(alert: &Alert<'_>) -> Result<String, Refusal> {
    let tree = tree_of(alert);
    schema::check(&tree)?;
    let text = serialised(&tree);
    // Texts may hold what the struct allows and XML does not, and may lose white space at their ends.
    let read = tree::read(text.as_bytes())?;
    let (_, again) = super::read::of(&read)?;
    if again == *alert {
        return Ok(text);
    }
    let (found, wanted) =
        (String::from("the message"), "texts without white space around them, and CAP 1.2 throughout");
    Err(Refusal::whole(Reason::Value { found, wanted: wanted.into() }))
}

fn tree_of<'a>(alert: &'a Alert<'_>) -> Tree<'a> {
    let mut write = Write { tree: Tree::new(Version::V1_2.namespace(), 64) };
    write.tree.open("alert", 0);
    write.text("identifier", &alert.identifier);
    write.text("sender", &alert.sender);
    write.shown("sent", Some(alert.sent));
    write.word("status", alert.status.as_str());
    write.word("msgType", alert.message_type.as_str());
    write.optional("source", alert.source.as_ref());
    alert.scope.iter().for_each(|scope| write.word("scope", scope.as_str()));
    write.optional("restriction", alert.restriction.as_ref());
    write.optional("addresses", alert.addresses.as_ref());
    alert.codes.iter().for_each(|code| write.text("code", code));
    write.optional("note", alert.note.as_ref());
    let named = alert.references.iter().map(|named| format!("{},{},{}", named.sender, named.identifier, named.sent));
    let references = named.collect::<Vec<_>>().join(" ");
    write.shown("references", Some(references).filter(|references| !references.is_empty()));
    write.optional("incidents", alert.incidents.as_ref());
    alert.infos.iter().for_each(|info| write.info(info));
    write.tree.close();
    write.tree
}

struct Write<'a> {
    tree: Tree<'a>,
}

impl<'a> Write<'a> {
    fn text(&mut self, name: &'a str, text: &'a Text<'_>) {
        self.tree.leaf(name, Cow::Borrowed(&**text), 0);
    }

    fn word(&mut self, name: &'a str, word: &'a str) {
        self.tree.leaf(name, Cow::Borrowed(word), 0);
    }

    fn optional(&mut self, name: &'a str, text: Option<&'a Text<'_>>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn shown(&mut self, name: &'a str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.tree.leaf(name, value.to_string(), 0);
        }
    }

    fn pairs(&mut self, name: &'a str, pairs: &'a [Pair<'_>]) {
        for pair in pairs {
            self.tree.open(name, 0);
            self.text("valueName", &pair.name);
            self.text("value", &pair.value);
            self.tree.close();
        }
    }

    fn info(&mut self, info: &'a Info<'_>) {
        self.tree.open("info", 0);
        self.optional("language", info.language.as_ref());
        info.categories.iter().for_each(|category| self.word("category", category.as_str()));
        self.text("event", &info.event);
        info.responses.iter().for_each(|response| self.word("responseType", response.as_str()));
        self.word("urgency", info.urgency.as_str());
        self.word("severity", info.severity.as_str());
        self.word("certainty", info.certainty.as_str());
        self.optional("audience", info.audience.as_ref());
        self.pairs("eventCode", &info.event_codes);
        self.shown("effective", info.effective);
        self.shown("onset", info.onset);
        self.shown("expires", info.expires);
        self.optional("senderName", info.sender_name.as_ref());
        self.optional("headline", info.headline.as_ref());
        self.optional("description", info.description.as_ref());
        self.optional("instruction", info.instruction.as_ref());
        self.optional("web", info.web.as_ref());
        self.optional("contact", info.contact.as_ref());
        self.pairs("parameter", &info.parameters);
        info.resources.iter().for_each(|resource| self.resource(resource));
        info.areas.iter().for_each(|area| self.area(area));
        self.tree.close();
    }

    fn resource(&mut self, resource: &'a Resource<'_>) {
        self.tree.open("resource", 0);
        self.text("resourceDesc", &resource.description);
        self.optional("mimeType", resource.mime_type.as_ref());
        self.optional("size", resource.size.as_ref());
        self.optional("uri", resource.uri.as_ref());
        self.optional("derefUri", resource.deref_uri.as_ref());
        self.optional("digest", resource.digest.as_ref());
        self.tree.close();
    }

    fn area(&mut self, area: &'a Area<'_>) {
        self.tree.open("area", 0);
        self.text("areaDesc", &area.description);
        for polygon in &area.polygons {
            let points: Vec<String> = polygon.iter().map(ToString::to_string).collect();
            self.shown("polygon", Some(points.join(" ")));
        }
        area.circles.iter().for_each(|circle| self.shown("circle", Some(circle)));
        self.pairs("geocode", &area.geocodes);
        self.optional("altitude", area.altitude.as_ref());
        self.optional("ceiling", area.ceiling.as_ref());
        self.tree.close();
    }
}

fn serialised(tree: &Tree<'_>) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    element(tree, 0, 0, &mut text);
    text
}

fn element(tree: &Tree<'_>, at: usize, depth: usize, text: &mut String) {
    let (name, inset) = (tree.at(at).name, "  ".repeat(depth));
    let namespace = if at == 0 { format!(" xmlns=\"{}\"", tree.namespace) } else { String::new() };
    let mut children = tree.children(at).peekable();
    if children.peek().is_some() {
        text.extend([&inset, "<", name, &namespace, ">\n"]);
        children.for_each(|child| element(tree, child, depth + 1, text));
        text.extend([&inset, "</", name, ">\n"]);
    } else {
        // A carriage return would be read as a new line.
        let content = escape(&*tree.at(at).text).replace('\r', "&#13;");
        text.extend([&inset, "<", name, &namespace, ">", &content, "</", name, ">\n"]);
    }
}
