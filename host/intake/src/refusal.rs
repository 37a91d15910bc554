//! Why bytes were not taken: what, where, why, and what would cure it, in both languages.
//!
//! A refusal is an answer to the sender. It never carries more of the input than a short piece of it.

use std::fmt;

use muster_kernel::InstantError;

/// Bytes of the sender's own words that a refusal repeats.
const QUOTE_BYTES_MAX: usize = 80;

/// Where in the input something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Path of the element or field, for instance `alert/info[2]/area[1]/polygon[1]` or `alerts.3.startsAt`. Empty for
    /// the whole.
    pub path: String,
    /// Line, from 1, where it is known.
    pub line: Option<u32>,
}

/// Why an input was not taken, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}{reason}")]
pub struct Refusal {
    /// Where.
    pub place: Place,
    /// Why, with the cure.
    pub reason: Reason,
}

/// Why an input was not taken. Each says in its message what would cure it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Over a limit of this host.
    #[error("over the limit of {limit} {what}; send less at once")]
    TooLarge {
        /// What is counted: bytes, levels, infos.
        what: &'static str,
        /// The most that is taken.
        limit: usize,
    },
    /// Not UTF-8, or another encoding is declared.
    #[error("the text is not UTF-8; send UTF-8")]
    NotUtf8,
    /// A document type declaration, or an entity of one.
    #[error("a document type declaration or an entity ({0}) is never read; send the message without it")]
    Doctype(String),
    /// Not well-formed XML.
    #[error("not well-formed XML: {0}; send the message whole, with `&` and `<` escaped")]
    NotXml(String),
    /// Not JSON, or JSON of another shape.
    #[error("not the JSON that is expected: {0}")]
    NotJson(String),
    /// Not a message of a format that the source speaks.
    #[error("`{found}` is not {wanted}")]
    NotThis {
        /// What was found.
        found: String,
        /// What was expected.
        wanted: &'static str,
    },
    /// An element or field that does not belong there.
    #[error("`{0}` does not belong here; leave it out, or name the dialect that the source speaks")]
    Unknown(String),
    /// A required element or field is missing or empty.
    #[error("`{0}` is missing or empty; it is required")]
    Missing(String),
    /// Given more often than is allowed.
    #[error("`{name}` is given more than {limit} times")]
    TooMany {
        /// The element or field.
        name: String,
        /// How often it may be given.
        limit: usize,
    },
    /// Elements in another order than the standard's.
    #[error("`{name}` stands after `{after}`; the standard wants it before")]
    OutOfOrder {
        /// The element.
        name: String,
        /// The element that must come later.
        after: String,
    },
    /// A value that is not allowed.
    #[error("`{found}` is not allowed; it must be {wanted}")]
    Value {
        /// What was found.
        found: String,
        /// What is allowed.
        wanted: String,
    },
    /// A time that cannot be read.
    #[error("{0}")]
    Time(InstantError),
    /// A point whose latitude and longitude seem to be the wrong way round.
    #[error("`{0}` has its latitude and longitude the wrong way round; the standard wants latitude,longitude")]
    Swapped(String),
    /// An Update, Cancel, Ack or Error that does not say of what.
    #[error("`references` is missing; a message of the type {0} must name the messages it is about")]
    NoReferences(String),
    /// None of the messages that this one takes back is known.
    #[error(
        "none of the messages it is about is known from this source ({0}): nothing is taken back by guesswork; send \
         the first message before this one"
    )]
    UnknownReferences(String),
    /// A draft.
    #[error("the status is Draft: it is not meant to be acted on; send it with the status Actual or Exercise")]
    Draft,
    /// An exercise from a source that sends none.
    #[error("the status is Exercise, and drills are not taken from this source; set `exercise` for it in muster.toml")]
    Exercise,
    /// A sender that the source does not speak for.
    #[error("the sender `{0}` is not among `cap.senders` of this source; add it in muster.toml")]
    Sender(String),
    /// An event that no word of the source's map stands for.
    #[error("no hazard is known for {0}; add one of them to `hazards` of this source in muster.toml")]
    UnknownHazard(String),
    /// A place that no row of the source's map stands for.
    #[error("no node is known for {0}; add it to `geocodes` of this source in muster.toml, or set `default_node`")]
    UnknownPlace(String),
    /// Something given twice.
    #[error("`{0}` is given twice; give it once")]
    Twice(String),
}

impl Refusal {
    /// A refusal of the whole input.
    pub(crate) fn whole(reason: Reason) -> Self {
        Self { place: Place::default(), reason }
    }

    /// A refusal at a path.
    pub(crate) fn at(path: impl Into<String>, reason: Reason) -> Self {
        Self { place: Place { path: path.into(), line: None }, reason }
    }

    /// The refusal in Chinese, with place, reason and cure.
    pub fn chinese(&self) -> String {
        let place = match (self.place.path.as_str(), self.place.line) {
            ("", None) => String::new(),
            ("", Some(line)) => format!("第 {line} 行:"),
            (path, None) => format!("{path}:"),
            (path, Some(line)) => format!("{path}(第 {line} 行):"),
        };
        format!("{place}{}", self.reason.chinese())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path.as_str(), self.line) {
            ("", None) => Ok(()),
            ("", Some(line)) => write!(formatter, "line {line}: "),
            (path, None) => write!(formatter, "{path}: "),
            (path, Some(line)) => write!(formatter, "{path} (line {line}): "),
        }
    }
}

impl Reason {
    /// A stable word for the reason, for counters and problem details.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::NotUtf8 => "not-utf-8",
            Self::Doctype(_) => "doctype",
            Self::NotXml(_) => "not-xml",
            Self::NotJson(_) => "not-json",
            Self::NotThis { .. } => "other-format",
            Self::Unknown(_) => "unknown-element",
            Self::Missing(_) => "missing",
            Self::TooMany { .. } => "too-many",
            Self::OutOfOrder { .. } => "out-of-order",
            Self::Value { .. } => "value",
            Self::Time(_) => "time",
            Self::Swapped(_) => "swapped",
            Self::NoReferences(_) => "no-references",
            Self::UnknownReferences(_) => "unknown-references",
            Self::Draft => "draft",
            Self::Exercise => "exercise",
            Self::Sender(_) => "sender",
            Self::UnknownHazard(_) => "unknown-hazard",
            Self::UnknownPlace(_) => "unknown-place",
            Self::Twice(_) => "twice",
        }
    }

    fn chinese(&self) -> String {
        match self {
            Self::TooLarge { what, limit } => format!("超出上限 {limit} {what};请减少一次发送的内容"),
            Self::NotUtf8 => "文本不是 UTF-8;请以 UTF-8 发送".into(),
            Self::Doctype(found) => format!("不读取文档类型声明及实体({found});请去掉后再发送"),
            Self::NotXml(reason) => format!("XML 格式不正确:{reason};请发送完整报文,并转义 & 与 <"),
            Self::NotJson(reason) => format!("不是所要求的 JSON:{reason}"),
            Self::NotThis { found, wanted } => format!("`{found}` 不是 {wanted}"),
            Self::Unknown(name) => format!("此处不应有 `{name}`;请去掉,或在配置中写明该来源的方言"),
            Self::Missing(name) => format!("缺少必填的 `{name}`,或其为空"),
            Self::TooMany { name, limit } => format!("`{name}` 超过 {limit} 个"),
            Self::OutOfOrder { name, after } => format!("`{name}` 位于 `{after}` 之后;标准要求在其之前"),
            Self::Value { found, wanted } => format!("`{found}` 无效,应为 {wanted}"),
            Self::Time(reason) => format!("时间无效:{reason}"),
            Self::Swapped(point) => format!("`{point}` 的经纬度颠倒;标准要求先纬度、后经度"),
            Self::NoReferences(kind) => format!("{kind} 类报文缺少 `references`,须写明所指的报文"),
            Self::UnknownReferences(found) => {
                format!("所指报文({found})均未从该来源收到过:不凭猜测撤销;请先发送原报文")
            }
            Self::Draft => "状态为 Draft(草稿),不作处置;请以 Actual 或 Exercise 发送".into(),
            Self::Exercise => "状态为 Exercise,而该来源不接收演练;可在 muster.toml 中设置其 `exercise`".into(),
            Self::Sender(sender) => {
                format!("发布者 `{sender}` 不在该来源的 `cap.senders` 之内;可在 muster.toml 中添加")
            }
            Self::UnknownHazard(found) => {
                format!("没有与 {found} 对应的灾种;请在 muster.toml 该来源的 `hazards` 中添加")
            }
            Self::UnknownPlace(found) => {
                format!("没有与 {found} 对应的辖区;请在 muster.toml 该来源的 `geocodes` 中添加,或设置 `default_node`")
            }
            Self::Twice(name) => format!("`{name}` 重复;只应给出一次"),
        }
    }
}

/// The beginning of the sender's words, so that a refusal stays short.
pub(crate) fn quote(text: &str) -> String {
    let text = text.trim();
    if text.len() <= QUOTE_BYTES_MAX {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(QUOTE_BYTES_MAX)])
}
