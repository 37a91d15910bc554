//! An XML document as a flat list of elements, read within limits. It never reads a document type declaration, expands no
//! entity but the five of XML itself, and fetches nothing.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use crate::refusal::{Place, Reason, Refusal, quote};

/// Bytes of one message.
pub const BYTES_MAX: usize = 256 << 10;
/// Levels of elements. CAP has five: alert, info, area, geocode, value.
pub const DEPTH_MAX: usize = 8;
/// Elements of one message.
pub const ELEMENTS_MAX: usize = 4_096;
/// Things that the XML reader may meet: starts, ends, pieces of text, references, comments.
pub const XML_EVENTS_MAX: usize = 16_384;
/// Bytes of an element's name with its prefix.
const ELEMENT_NAME_BYTES_MAX: usize = 256;
/// Namespaces that may be bound at once.
const NAMESPACES_MAX: usize = 16;

/// The namespace of XML signatures. A signature may end an alert; it is passed over, never checked.
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// One element. Its children follow it in the tree, up to `end`.
#[derive(Debug, Clone)]
pub(crate) struct Element<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: Cow<'a, str>,
    pub(crate) line: u32,
    end: usize,
    parent: usize,
}

/// All elements in the order of the document; the first is the root.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree<'a> {
    pub(crate) namespace: Cow<'a, str>,
    elements: Vec<Element<'a>>,
    open: Vec<usize>,
    /// How much the XML reader met.
    pub(crate) xml_events: usize,
}

impl<'a> Tree<'a> {
    /// An empty tree to build.
    pub(crate) fn new(namespace: impl Into<Cow<'a, str>>, elements: usize) -> Self {
        let elements = Vec::with_capacity(elements);
        Self { namespace: namespace.into(), elements, open: Vec::with_capacity(DEPTH_MAX), xml_events: 0 }
    }

    pub(crate) fn open(&mut self, name: &'a str, line: u32) {
        let parent = self.open.last().copied().unwrap_or(0);
        self.open.push(self.elements.len());
        self.elements.push(Element { name, text: Cow::Borrowed(""), line, end: 0, parent });
    }

    pub(crate) fn close(&mut self) {
        if let Some(element) = self.open.pop() {
            self.elements[element].end = self.elements.len();
        }
    }

    /// An element that holds text only.
    pub(crate) fn leaf(&mut self, name: &'a str, text: impl Into<Cow<'a, str>>, line: u32) {
        self.open(name, line);
        self.push_text(text.into());
        self.close();
    }

    pub(crate) fn push_text(&mut self, piece: Cow<'a, str>) {
        let Some(element) = self.open.last().copied() else { return };
        let text = &mut self.elements[element].text;
        if text.is_empty() { *text = piece } else { text.to_mut().push_str(&piece) }
    }

    pub(crate) fn at(&self, element: usize) -> &Element<'a> {
        &self.elements[element]
    }

    pub(crate) fn len(&self) -> usize {
        self.elements.len()
    }

    /// The name of the element that an element stands in; its own for the root.
    pub(crate) fn parent_name(&self, element: usize) -> &'a str {
        self.elements[self.elements[element].parent].name
    }

    /// The text of an element without white space around it.
    pub(crate) fn text(&self, element: usize) -> &str {
        self.elements[element].text.trim()
    }

    /// Where the children of an element stand, in order.
    pub(crate) fn children(&self, element: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.elements[element].end;
        let mut next = element + 1;
        std::iter::from_fn(move || {
            let child = (next < end).then_some(next)?;
            next = self.elements[child].end;
            Some(child)
        })
    }

    /// The first child with a name.
    pub(crate) fn child(&self, element: usize, name: &str) -> Option<usize> {
        self.children(element).find(|child| self.at(*child).name == name)
    }

    /// The children with a name.
    pub(crate) fn named<'t>(&'t self, element: usize, name: &'static str) -> impl Iterator<Item = usize> + 't {
        self.children(element).filter(move |child| self.at(*child).name == name)
    }

    /// Path of an element as a refusal names it; elements that occur several times are numbered from 1.
    pub(crate) fn path(&self, element: usize) -> String {
        let name = self.at(element).name;
        let name = quote(name);
        if element == 0 {
            return name;
        }
        let parent = self.at(element).parent;
        let same: Vec<usize> =
            self.children(parent).filter(|child| self.at(*child).name == self.at(element).name).collect();
        let path = self.path(parent);
        match same.iter().position(|child| *child == element) {
            Some(place) if same.len() > 1 => format!("{path}/{name}[{}]", place + 1),
            _ => format!("{path}/{name}"),
        }
    }

    /// A refusal at an element.
    pub(crate) fn refuse(&self, element: usize, reason: Reason) -> Refusal {
        let line = Some(self.at(element).line).filter(|line| *line > 0);
        Refusal { place: Place { path: self.path(element), line }, reason }
    }
}

/// Reads a document.
///
/// # Errors
/// When it is not UTF-8, holds a document type declaration, is not well-formed, or is over a limit.
pub(crate) fn read(bytes: &[u8]) -> Result<Tree<'_>, Refusal> {
    let mut tree = Tree::default();
    fill(&mut tree, bytes)?;
    Ok(tree)
}

/// How much the XML reader meets before it is through, or refuses.
pub(crate) fn xml_events(bytes: &[u8]) -> usize {
    let mut tree = Tree::default();
    // What a refusal says is not asked here: what was met until then counts.
    let _through_or_refused = fill(&mut tree, bytes);
    tree.xml_events
}

fn fill<'a>(tree: &mut Tree<'a>, bytes: &'a [u8]) -> Result<(), Refusal> {
    if bytes.len() > BYTES_MAX {
        return Err(Refusal::whole(Reason::TooLarge { what: "bytes", limit: BYTES_MAX }));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::whole(Reason::NotUtf8))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    without_declarations(text)?;
    let mut walk = Walk { text, seen: 0, line: 1, root_closed: false, signature: 0 };
    let mut reader = NsReader::from_str(text);
    reader.resolver_mut().set_max_namespace_bindings(NAMESPACES_MAX);
    reader.config_mut().check_comments = true;
    // Every element has a `<`, and an end as a rule: half of them are the elements.
    let opens = text.bytes().filter(|byte| *byte == b'<').count();
    *tree = Tree::new("", (opens / 2 + 1).min(ELEMENTS_MAX));
    loop {
        let start = reader.buffer_position();
        let event = reader.read_event();
        tree.xml_events += 1;
        walk.advance(start);
        let event = event.map_err(|reason| walk.refuse(tree, Reason::NotXml(quote(&reason.to_string()))))?;
        if tree.xml_events > XML_EVENTS_MAX {
            return Err(walk.refuse(tree, Reason::TooLarge { what: "tags and pieces of text", limit: XML_EVENTS_MAX }));
        }
        if matches!(event, Event::Eof) {
            break;
        }
        walk.take(tree, &reader, event)?;
    }
    if !walk.root_closed {
        return Err(walk.refuse(tree, Reason::NotXml("it ends in the middle".into())));
    }
    Ok(())
}

/// Before anything else is read: neither a document type nor an entity may stand anywhere, not even in a comment, and
/// `<!` begins nothing but comments and character data.
fn without_declarations(text: &str) -> Result<(), Refusal> {
    for (place, _) in text.match_indices("<!") {
        let behind = &text[place + 2..];
        if behind.starts_with("--") || behind.starts_with("[CDATA[") {
            continue;
        }
        let word = behind.trim_start();
        let declared = |name: &&&str| word.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name));
        let declaration = ["DOCTYPE", "ENTITY", "ELEMENT", "ATTLIST", "NOTATION"].iter().find(declared);
        let neither = || Reason::NotXml("`<!` begins neither a comment nor character data".into());
        let reason = declaration.map_or_else(neither, |name| Reason::Doctype(format!("<!{name}")));
        let line = Some(line_at(&text[..place]));
        return Err(Refusal { place: Place { path: String::new(), line }, reason });
    }
    let illegal = text.char_indices().find(|(_, letter)| {
        matches!(letter, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
    });
    if let Some((place, letter)) = illegal {
        let line = Some(line_at(&text[..place]));
        let reason = Reason::NotXml(format!("the control character U+{:04X} is not allowed", u32::from(letter)));
        return Err(Refusal { place: Place { path: String::new(), line }, reason });
    }
    Ok(())
}

fn line_at(before: &str) -> u32 {
    let lines = before.bytes().filter(|byte| *byte == b'\n').count();
    u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1)
}

/// The way through a document.
struct Walk<'a> {
    text: &'a str,
    /// Up to where lines are counted.
    seen: usize,
    line: u32,
    root_closed: bool,
    /// Levels of a signature that is being passed over.
    signature: usize,
}

impl<'a> Walk<'a> {
    fn advance(&mut self, position: u64) {
        let position = usize::try_from(position).unwrap_or(usize::MAX).min(self.text.len());
        if let Some(passed) = self.text.as_bytes().get(self.seen..position) {
            let lines = passed.iter().fold(0_u32, |lines, byte| lines.saturating_add(u32::from(*byte == b'\n')));
            self.line = self.line.saturating_add(lines);
            self.seen = position;
        }
    }

    fn refuse(&self, tree: &Tree<'_>, reason: Reason) -> Refusal {
        let path = tree.open.last().map(|element| tree.path(*element)).unwrap_or_default();
        Refusal { place: Place { path, line: Some(self.line) }, reason }
    }

    fn take(&mut self, tree: &mut Tree<'a>, reader: &NsReader<&'a [u8]>, event: Event<'a>) -> Result<(), Refusal> {
        match event {
            Event::Start(start) => self.start(tree, reader, &start, false),
            Event::Empty(start) => self.start(tree, reader, &start, true),
            Event::End(_) if self.signature > 0 => {
                self.signature -= 1;
                Ok(())
            }
            Event::End(_) => {
                tree.close();
                self.root_closed = tree.open.is_empty();
                Ok(())
            }
            Event::Text(text) => self.words(tree, text.xml10_content()),
            Event::CData(text) => self.words(tree, text.xml10_content()),
            Event::GeneralRef(reference) => {
                let letter = if reference.is_char_ref() {
                    reference
                        .resolve_char_ref()
                        .ok()
                        .flatten()
                        .filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t'))
                } else {
                    match &*reference {
                        "amp" => Some('&'),
                        "lt" => Some('<'),
                        "gt" => Some('>'),
                        "quot" => Some('"'),
                        "apos" => Some('\''),
                        other => return Err(self.refuse(tree, Reason::Doctype(format!("&{};", quote(other))))),
                    }
                };
                let unknown = || Reason::NotXml(format!("`&{};` stands for no letter", quote(&reference)));
                let letter = letter.ok_or_else(|| self.refuse(tree, unknown()))?;
                self.words(tree, Cow::Owned(letter.into()))
            }
            Event::Decl(declaration) => {
                let encoding = declaration.encoding().and_then(Result::ok).map(|name| name.to_ascii_lowercase());
                match encoding.as_deref() {
                    None | Some("utf-8" | "utf8" | "us-ascii") => Ok(()),
                    Some(_) => Err(self.refuse(tree, Reason::NotUtf8)),
                }
            }
            Event::DocType(_) => Err(self.refuse(tree, Reason::Doctype("<!DOCTYPE".into()))),
            Event::Comment(_) | Event::PI(_) | Event::Eof => Ok(()),
        }
    }

    fn words(&self, tree: &mut Tree<'a>, piece: Cow<'a, str>) -> Result<(), Refusal> {
        if self.signature > 0 {
            return Ok(());
        }
        if tree.open.is_empty() {
            let stray = !piece.trim().is_empty();
            let reason = Reason::NotXml("text stands outside of the message".into());
            return if stray { Err(self.refuse(tree, reason)) } else { Ok(()) };
        }
        tree.push_text(piece);
        Ok(())
    }

    fn start(
        &mut self,
        tree: &mut Tree<'a>,
        reader: &NsReader<&'a [u8]>,
        start: &BytesStart<'a>,
        empty: bool,
    ) -> Result<(), Refusal> {
        if start.name().as_ref().len() > ELEMENT_NAME_BYTES_MAX {
            let reason = Reason::TooLarge { what: "bytes of an element's name", limit: ELEMENT_NAME_BYTES_MAX };
            return Err(self.refuse(tree, reason));
        }
        if self.root_closed {
            return Err(self.refuse(tree, Reason::NotXml("a second message follows; send one at a time".into())));
        }
        let namespace = match reader.resolver().resolve_element(start.name()).0 {
            ResolveResult::Bound(namespace) => namespace.0,
            ResolveResult::Unbound => "",
            ResolveResult::Unknown(prefix) => {
                let reason = Reason::NotXml(format!("the prefix `{}` is not declared", quote(&prefix)));
                return Err(self.refuse(tree, reason));
            }
        };
        if self.signature > 0 || (tree.open.len() == 1 && namespace == SIGNATURE) {
            self.signature += usize::from(!empty);
            return self.shallow(tree, self.signature);
        }
        let name = self.name_of(start);
        if tree.len() == 0 {
            tree.namespace = Cow::Owned(namespace.to_owned());
        } else if *namespace != *tree.namespace {
            return Err(self.refuse(tree, Reason::Unknown(format!("{} {{{}}}", quote(name), quote(namespace)))));
        }
        self.shallow(tree, tree.open.len() + 1)?;
        if tree.len() >= ELEMENTS_MAX {
            return Err(self.refuse(tree, Reason::TooLarge { what: "elements", limit: ELEMENTS_MAX }));
        }
        tree.open(name, self.line);
        if empty {
            tree.close();
            self.root_closed = tree.open.is_empty();
        }
        Ok(())
    }

    fn shallow(&self, tree: &Tree<'_>, depth: usize) -> Result<(), Refusal> {
        if depth > DEPTH_MAX {
            return Err(self.refuse(tree, Reason::TooLarge { what: "levels of elements", limit: DEPTH_MAX }));
        }
        Ok(())
    }

    /// The name without its prefix, borrowed from the document and not from the reader's event.
    fn name_of(&self, start: &BytesStart<'a>) -> &'a str {
        let local = start.local_name();
        let at = self.text[self.seen..].find(local.as_ref()).map_or(self.seen, |place| self.seen + place);
        &self.text[at..at + local.as_ref().len()]
    }
}
