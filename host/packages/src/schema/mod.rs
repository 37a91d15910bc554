//! The schema of a policy's settings: which keys and tables there are, of what type, within which bounds.
//!
//! It travels in the manifest, so whoever writes settings learns of a typo from `muster check`, not in the storm. It says
//! nothing about what the settings mean to the policy.

mod check;
mod fault;

use std::collections::BTreeMap;

use muster_kernel::value::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use fault::{SettingsFault, Trouble};

/// The most keys, tables and columns of one schema.
const NAMES_MAX: usize = 2_000;

/// What settings may be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Whether keys and tables that are not listed are let through.
    #[serde(default, skip_serializing_if = "is_false")]
    pub open: bool,
    /// Keys, with dots for sections.
    #[serde(default, rename = "key", skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, Field>,
    /// Tables.
    #[serde(default, rename = "table", skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Table>,
}

/// One value: a key's, or a cell's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Whether it must be there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// The least number, or the fewest characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Bound>,
    /// The greatest number, or the most characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Bound>,
    /// The only words allowed; any when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// Whether a text may be `*` for any, or several words with `|` between them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub alternatives: bool,
    /// Whether a text is a list of words with spaces between them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub list: bool,
    /// What it is, in Chinese.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub zh: String,
    /// What it is, in English.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub en: String,
}

/// The types of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number with or without a point.
    Decimal,
    /// `true` or `false`.
    Flag,
    /// A point in time with its offset.
    Instant,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The fewest rows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_min: usize,
    /// Whether columns that are not listed are let through.
    #[serde(default, skip_serializing_if = "is_false")]
    pub open: bool,
    /// Another table whose columns and conditions this one has too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// Columns.
    #[serde(default, rename = "column", skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, Field>,
    /// Columns that a row needs when another says something.
    #[serde(default, rename = "when", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What it is, in Chinese.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub zh: String,
    /// What it is, in English.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub en: String,
}

/// When a column says this word, the row needs these columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The column.
    pub column: String,
    /// The word that it says.
    pub is: String,
    /// The columns that are needed then.
    pub needs: Vec<String>,
}

/// A bound: an exact number. In TOML and JSON a whole number, or text such as `"0.5"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound(pub Decimal);

/// What a schema says that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Not the TOML of a schema.
    #[error("it cannot be read: {0}")]
    Syntax(String),
    /// A field that cannot be.
    #[error("`{place}`: {reason}")]
    Field {
        /// Which key, or table and column.
        place: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Schema {
    /// Reads a schema from TOML.
    ///
    /// # Errors
    /// When the text is no schema, or one that cannot be.
    pub fn read(text: &str) -> Result<Self, SchemaError> {
        let schema: Self = toml::from_str(text).map_err(|reason| SchemaError::Syntax(reason.to_string()))?;
        schema.validate()?;
        Ok(schema)
    }

    /// Whether the schema can be.
    ///
    /// # Errors
    /// The first thing that cannot.
    pub fn validate(&self) -> Result<(), SchemaError> {
        let columns: usize = self.tables.values().map(|table| table.columns.len() + 1).sum();
        if self.keys.len() + columns > NAMES_MAX {
            return Err(wrong("schema".into(), "at most 2000 keys, tables and columns are read"));
        }
        self.keys.iter().try_for_each(|(name, field)| validate_field(format!("key.{name}"), field))?;
        self.tables.iter().try_for_each(|(name, table)| self.validate_table(name, table))
    }

    /// The column of a table, its own or that of the table it is like.
    pub(crate) fn column<'a>(&'a self, table: &'a Table, name: &str) -> Option<&'a Field> {
        table.columns.get(name).or_else(|| self.model(table)?.columns.get(name))
    }

    /// The table that a table is like.
    pub(crate) fn model(&self, table: &Table) -> Option<&Table> {
        table.like.as_ref().and_then(|like| self.tables.get(like))
    }

    fn validate_table(&self, name: &str, table: &Table) -> Result<(), SchemaError> {
        if let Some(like) = &table.like {
            let model = self.tables.get(like);
            let model = model.ok_or_else(|| wrong(format!("table.{name}.like"), "there is no such table"))?;
            if model.like.is_some() {
                return Err(wrong(format!("table.{name}.like"), "that table is like another; name the first one"));
            }
        }
        for (column, field) in &table.columns {
            validate_field(format!("table.{name}.column.{column}"), field)?;
        }
        for condition in &table.conditions {
            let mut named = condition.needs.iter().chain([&condition.column]);
            if named.any(|column| self.column(table, column).is_none()) {
                return Err(wrong(format!("table.{name}.when"), "names a column that the table does not have"));
            }
        }
        Ok(())
    }
}

fn validate_field(place: String, field: &Field) -> Result<(), SchemaError> {
    let text = field.kind == Kind::Text;
    let bounded = field.min.is_some() || field.max.is_some();
    if !text && (!field.words.is_empty() || field.alternatives || field.list) {
        return Err(wrong(place, "words, alternatives and list are for texts"));
    }
    if field.alternatives && field.list {
        return Err(wrong(place, "a text is either a list or alternatives"));
    }
    if bounded && matches!(field.kind, Kind::Flag | Kind::Instant) {
        return Err(wrong(place, "bounds are for numbers and for the length of texts"));
    }
    if let (Some(min), Some(max)) = (field.min, field.max)
        && min.0 > max.0
    {
        return Err(wrong(place, "min is above max"));
    }
    Ok(())
}

fn wrong(place: String, reason: &'static str) -> SchemaError {
    SchemaError::Field { place, reason }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.scale {
            0 => serializer.serialize_i64(self.0.unscaled),
            _ => serializer.serialize_str(&fault::decimal_text(self.0)),
        }
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Whole(i64),
            Text(String),
        }
        let decimal = match Written::deserialize(deserializer)? {
            Written::Whole(number) => Some(Decimal { unscaled: number, scale: 0 }),
            Written::Text(text) => Decimal::parse(&text),
        };
        decimal.map(Bound).ok_or_else(|| serde::de::Error::custom("a bound is a whole number, or text such as \"0.5\""))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references over")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references over")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}
