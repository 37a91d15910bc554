//! What is wrong with settings, in words for whoever wrote them: place, reason, cure, in two languages.

use std::fmt;

use muster_kernel::value::Decimal;

use super::Kind;

/// One thing that is wrong with settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFault {
    /// Where: a key, a table, `table[0]` or `table[0].column`. Rows are counted from 0, as in messages on syntax.
    pub place: String,
    /// What.
    pub trouble: Trouble,
    /// What the field is, in Chinese and English, where the schema says.
    pub meaning: (String, String),
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The schema knows no such name.
    Unknown {
        /// A name that looks like it.
        like: Option<String>,
    },
    /// It must be there and is not.
    Missing,
    /// It is of another type.
    Type {
        /// The type that is wanted.
        wanted: Kind,
    },
    /// Below the least.
    TooLow {
        /// The least.
        min: Decimal,
        /// Whether characters are counted.
        characters: bool,
    },
    /// Above the greatest.
    TooHigh {
        /// The greatest.
        max: Decimal,
        /// Whether characters are counted.
        characters: bool,
    },
    /// Not one of the words.
    Word {
        /// The word.
        word: String,
        /// The words.
        words: Vec<String>,
    },
    /// Too few rows.
    Rows {
        /// How many there are.
        found: usize,
        /// The fewest.
        min: usize,
    },
    /// A column is missing that another one asks for.
    Needed {
        /// The column that asks.
        column: String,
        /// What it says.
        is: String,
    },
}

impl Kind {
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("文本", "text in quotes"),
            Self::Integer => ("整数", "a whole number"),
            Self::Decimal => ("数字", "a number"),
            Self::Flag => ("true 或 false", "true or false"),
            Self::Instant => ("带时区的时间", "a time with its offset"),
        }
    }
}

impl SettingsFault {
    /// The fault in Chinese, with the cure.
    pub fn chinese(&self) -> String {
        let said = match &self.trouble {
            Trouble::Unknown { like: Some(like) } => format!("没有这一项；是否指 `{like}`？"),
            Trouble::Unknown { like: None } => "没有这一项；请删去，或核对名称".into(),
            Trouble::Missing => "缺少这一项；请补上".into(),
            Trouble::Type { wanted } => format!("类型不对；应为{}", wanted.names().0),
            Trouble::TooLow { min, characters } => {
                format!("过{}；至少 {}", if *characters { "短" } else { "小" }, decimal_text(*min))
            }
            Trouble::TooHigh { max, characters } => {
                format!("过{}；至多 {}", if *characters { "长" } else { "大" }, decimal_text(*max))
            }
            Trouble::Word { word, words } => format!("`{word}` 不是可用的词；可用：{}", words.join("、")),
            Trouble::Rows { found, min } => format!("有 {found} 行；至少 {min} 行"),
            Trouble::Needed { column, is } => format!("`{column}` 为 `{is}` 时需要这一列；请补上"),
        };
        with_meaning(&self.place, &said, &self.meaning.0)
    }
}

impl fmt::Display for SettingsFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = |characters: bool| if characters { " characters" } else { "" };
        let said = match &self.trouble {
            Trouble::Unknown { like: Some(like) } => format!("there is no such name; is `{like}` meant?"),
            Trouble::Unknown { like: None } => "there is no such name; take it out, or look the name up".into(),
            Trouble::Missing => "is missing; add it".into(),
            Trouble::Type { wanted } => format!("must be {}", wanted.names().1),
            Trouble::TooLow { min, characters } => {
                format!(
                    "is too {}; at least {}{}",
                    if *characters { "short" } else { "low" },
                    decimal_text(*min),
                    unit(*characters)
                )
            }
            Trouble::TooHigh { max, characters } => {
                format!(
                    "is too {}; at most {}{}",
                    if *characters { "long" } else { "high" },
                    decimal_text(*max),
                    unit(*characters)
                )
            }
            Trouble::Word { word, words } => format!("`{word}` is not one of: {}", words.join(", ")),
            Trouble::Rows { found, min } => format!("has {found} rows; at least {min} are needed"),
            Trouble::Needed { column, is } => format!("is missing; a row whose `{column}` is `{is}` needs it"),
        };
        out.write_str(&with_meaning(&self.place, &said, &self.meaning.1))
    }
}

fn with_meaning(place: &str, said: &str, meaning: &str) -> String {
    if meaning.is_empty() { format!("`{place}`: {said}") } else { format!("`{place}` ({meaning}): {said}") }
}

/// A decimal as people write it.
pub(super) fn decimal_text(decimal: Decimal) -> String {
    let scale = usize::from(decimal.scale);
    if scale == 0 {
        return decimal.unscaled.to_string();
    }
    let digits = format!("{:0width$}", decimal.unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{}{whole}.{fraction}", if decimal.unscaled < 0 { "-" } else { "" })
}
