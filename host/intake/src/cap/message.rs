//! A CAP message as a plain struct: what the reader gives and the writer takes. Every field is named as in CAP 1.2,
//! section 3.2; texts borrow from the document where they can.

use std::borrow::Cow;

use super::geometry::{Circle, Point};
use super::time::Time;
use super::word::{Category, Certainty, MessageType, ResponseType, Scope, Severity, Status, Urgency};
use crate::earlier::Reference;

/// Text of a message.
pub type Text<'a> = Cow<'a, str>;

/// `alert`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert<'a> {
    /// Unique among the sender's messages; without spaces, commas, `<` and `&`; at most 256 bytes.
    pub identifier: Text<'a>,
    /// Who sends; as `identifier`.
    pub sender: Text<'a>,
    /// When.
    pub sent: Time,
    /// How it is to be handled.
    pub status: Status,
    /// What it is to others.
    pub message_type: MessageType,
    /// The operator or device.
    pub source: Option<Text<'a>>,
    /// For whom; optional only in CAP 1.0.
    pub scope: Option<Scope>,
    /// Required for [`Scope::Restricted`].
    pub restriction: Option<Text<'a>>,
    /// Required for [`Scope::Private`].
    pub addresses: Option<Text<'a>>,
    /// Codes of special handling; at most 64.
    pub codes: Vec<Text<'a>>,
    /// Its purpose, for an Exercise or an Error.
    pub note: Option<Text<'a>>,
    /// The messages it is about; required for all but [`MessageType::Alert`]; at most 64.
    pub references: Vec<Named<'a>>,
    /// The incidents it belongs to.
    pub incidents: Option<Text<'a>>,
    /// What is said; at most 32.
    pub infos: Vec<Info<'a>>,
}

/// An earlier message as a message names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<'a> {
    /// Its `sender`.
    pub sender: Text<'a>,
    /// Its `identifier`.
    pub identifier: Text<'a>,
    /// Its `sent`.
    pub sent: Time,
}

/// `info`: one language's account of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info<'a> {
    /// RFC 3066 code; `en-US` when absent.
    pub language: Option<Text<'a>>,
    /// At least one from CAP 1.1 on.
    pub categories: Vec<Category>,
    /// What kind of event, in words.
    pub event: Text<'a>,
    /// What those in the area should do.
    pub responses: Vec<ResponseType>,
    /// When to act.
    pub urgency: Urgency,
    /// How severe.
    pub severity: Severity,
    /// How certain.
    pub certainty: Certainty,
    /// For whom.
    pub audience: Option<Text<'a>>,
    /// The event in the codes of lists.
    pub event_codes: Vec<Pair<'a>>,
    /// From when on the information counts.
    pub effective: Option<Time>,
    /// When the event is expected to begin.
    pub onset: Option<Time>,
    /// Until when the information counts.
    pub expires: Option<Time>,
    /// The sender's name for people.
    pub sender_name: Option<Text<'a>>,
    /// The headline.
    pub headline: Option<Text<'a>>,
    /// What happens.
    pub description: Option<Text<'a>>,
    /// What to do.
    pub instruction: Option<Text<'a>>,
    /// Where to read more; never fetched.
    pub web: Option<Text<'a>>,
    /// Whom to ask.
    pub contact: Option<Text<'a>>,
    /// Further values.
    pub parameters: Vec<Pair<'a>>,
    /// Files that belong to it; never fetched.
    pub resources: Vec<Resource<'a>>,
    /// Where.
    pub areas: Vec<Area<'a>>,
}

/// `valueName` and `value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The list or name.
    pub name: Text<'a>,
    /// The code or value.
    pub value: Text<'a>,
}

/// `resource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource<'a> {
    /// What it is.
    pub description: Text<'a>,
    /// Its media type; required from CAP 1.2 on.
    pub mime_type: Option<Text<'a>>,
    /// Its size in bytes.
    pub size: Option<Text<'a>>,
    /// Where it is; never fetched.
    pub uri: Option<Text<'a>>,
    /// The file itself in base64.
    pub deref_uri: Option<Text<'a>>,
    /// SHA-1 of it.
    pub digest: Option<Text<'a>>,
}

/// `area`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area<'a> {
    /// In words.
    pub description: Text<'a>,
    /// Closed polygons: the last point is the first.
    pub polygons: Vec<Vec<Point>>,
    /// Circles.
    pub circles: Vec<Circle>,
    /// In the codes of lists.
    pub geocodes: Vec<Pair<'a>>,
    /// Lowest altitude in feet above mean sea level.
    pub altitude: Option<Text<'a>>,
    /// Highest altitude.
    pub ceiling: Option<Text<'a>>,
}

impl Alert<'_> {
    /// What others call this message.
    pub fn reference(&self) -> Reference {
        Reference {
            sender: self.sender.to_string(),
            identifier: self.identifier.to_string(),
            sent: self.sent.instant(),
        }
    }
}

impl Named<'_> {
    /// The reference with its point in time.
    pub fn reference(&self) -> Reference {
        Reference {
            sender: self.sender.to_string(),
            identifier: self.identifier.to_string(),
            sent: self.sent.instant(),
        }
    }
}

impl Info<'_> {
    /// The language, `en-US` where none is given (CAP 1.2, section 3.2.2).
    pub fn language(&self) -> &str {
        self.language.as_deref().unwrap_or("en-US")
    }
}
