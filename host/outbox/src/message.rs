//! What goes to a recipient, and the names by which it is known. Holds data only; never decides where it goes.

use std::fmt::{self, Write as _};

use muster_kernel::record::Entry;
use muster_kernel::{Digest, DistrictId, Instant};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// A recipient, as the settings name it: a desk, a group, a system.
    RecipientName;
    /// A recipient's channel, as the settings name it. Unique within the recipient.
    ChannelName;
}

/// The language in which a recipient is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Language {
    /// 中文
    #[serde(rename = "zh")]
    Chinese,
    /// English.
    #[serde(rename = "en")]
    English,
}

impl Language {
    /// Its BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }
}

/// How urgent a message is; the greater goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// In its turn.
    Ordinary,
    /// Lives are at stake: ahead of other recipients' ordinary messages.
    LifeSafety,
}

/// Where a fact stands in the chain of its district.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The entry, from 1.
    pub seq: u64,
    /// The fact within the entry, from 0.
    pub index: u32,
}

impl Position {
    /// Before everything.
    pub const START: Self = Self { seq: 0, index: u32::MAX };

    /// After the last fact of an entry.
    pub const fn after(seq: u64) -> Self {
        Self { seq, index: u32::MAX }
    }
}

/// What an entry says, in four bytes: the beginning of its hash. It tells an entry from another that stands in its place
/// after the journal's end was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mark(u32);

impl Mark {
    /// The mark of an entry.
    pub fn of(entry: &Entry) -> Self {
        let Digest([one, two, three, four, ..]) = Digest::of(&entry.to_bytes());
        Self(u32::from_be_bytes([one, two, three, four]))
    }
}

/// Eight hexadecimal digits, those with which the entry's hash begins.
impl fmt::Display for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", self.0)
    }
}

/// The identity of a message. It follows from the journal alone, so it is the same at every attempt and after every
/// restart: a receiver that honours it sees nothing twice. And it follows from what the entry says, not from its place
/// only: when the journal's end was lost, what comes in its place is another message, not a repetition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageId {
    /// The district.
    pub district: DistrictId,
    /// Where the fact stands.
    pub position: Position,
    /// What its entry says. `None` in what was kept before identities had it: such a message keeps its identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// Who is told.
    pub recipient: RecipientName,
}

impl MessageId {
    /// The identity of what a fact of an entry says to a recipient.
    pub fn of(entry: &Entry, index: u32, recipient: RecipientName) -> Self {
        let position = Position { seq: entry.seq, index };
        Self { district: entry.district.clone(), position, mark: Some(Mark::of(entry)), recipient }
    }

    /// Reads the text form, for instance from a receipt. `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let district = DistrictId::from(decode(parts.next()?)?);
        let entry = parts.next()?;
        let (seq, mark) = match entry.split_once('-') {
            Some((seq, mark)) => (seq, Some(Mark(u32::from_str_radix(mark, 16).ok()?))),
            None => (entry, None),
        };
        let position = Position { seq: seq.parse().ok()?, index: parts.next()?.parse().ok()? };
        let recipient = RecipientName(decode(parts.next()?)?);
        let id = Self { district, position, mark, recipient };
        // One identity has one spelling.
        (parts.next().is_none() && id.to_string() == text).then_some(id)
    }
}

/// `district/seq-mark/index/recipient`. Bytes other than ASCII letters, digits, `-` and `_` are written `~` and two
/// hexadecimal digits: the text is safe in headers and addresses, and holds no full stop, as Standard Webhooks wants.
impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", encode(self.district.as_str()), self.position.seq)?;
        if let Some(mark) = self.mark {
            write!(formatter, "-{mark}")?;
        }
        write!(formatter, "/{}/{}", self.position.index, encode(self.recipient.as_str()))
    }
}

fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'-' | b'_' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => write!(encoded, "~{byte:02x}").expect("writing to a string cannot fail"),
        }
        encoded
    })
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first == b'~' {
            let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok())?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// One fact, said to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its identity.
    pub id: MessageId,
    /// The fact's kind, for instance `callout.issued`.
    pub kind: String,
    /// How urgent it is.
    pub urgency: Urgency,
    /// When it was decided.
    pub at: Instant,
    /// In one line, for channels that have a subject.
    pub subject: String,
    /// In full.
    pub text: String,
    /// The language of both.
    pub language: Language,
    /// Channels that come first for this message, by name, as a step of a ladder named them.
    pub ways: Vec<String>,
    /// True when a receipt is waited for; without one the next channel is taken.
    pub receipt: bool,
    /// True in a drill.
    pub exercise: bool,
    /// The fact as the journal has it, for systems. `None` when it is over 32 KiB: the entry has it.
    pub fact: Option<serde_json::Value>,
}

/// The largest fact that travels with a message, in bytes of JSON. It bounds what a full queue holds in memory.
pub(crate) const FACT_BYTES_MAX: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_has_one_spelling_and_no_full_stop() {
        let position = Position { seq: 42, index: 3 };
        let mark = Some(Mark(0x0a2b_3c4d));
        let id = MessageId { district: "north.exercise".into(), position, mark, recipient: "值班台".into() };
        assert_eq!(id.to_string(), "north~2eexercise/42-0a2b3c4d/3/~e5~80~bc~e7~8f~ad~e5~8f~b0");
        assert_eq!(MessageId::parse(&id.to_string()), Some(id.clone()));
        let older = MessageId { mark: None, ..id };
        assert_eq!(older.to_string(), "north~2eexercise/42/3/~e5~80~bc~e7~8f~ad~e5~8f~b0");
        assert_eq!(MessageId::parse(&older.to_string()), Some(older));
        for wrong in [
            "",
            "a/1/2",
            "a/1/2/b/c",
            "a/01/2/b",
            "a.b/1/2/c",
            "a/1/2/~e",
            "a/1/2/~C3~A9",
            "a/1-/2/b",
            "a/1-2b3c4d/2/b",
            "a/1-0A2b3c4d/2/b",
            "a/1-0a2b3c4d5/2/b",
        ] {
            assert_eq!(MessageId::parse(wrong), None, "{wrong}");
        }
    }
    #[test]
    fn a_row_from_before_identities_had_a_mark_reads_and_is_written_as_it_was() {
        let row = r#"{"district":"north","position":{"seq":42,"index":3},"recipient":"desk"}"#;
        let id: MessageId = serde_json::from_str(row).expect("an identity");
        assert_eq!(id.to_string(), "north/42/3/desk");
        assert_eq!(serde_json::to_string(&id).expect("JSON"), row, "or its row would not be found again");
    }
}
