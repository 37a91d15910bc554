//! A policy's settings: the district's numbers and tables, as the policy sees them.
//!
//! Pure data. Reading TOML or a spreadsheet is done where packages are read.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::value::{Attribute, Value};

/// The cell text that matches anything.
pub const ANY: &str = "*";

/// Stands between the words of a cell that matches any of them: `rain|storm`.
pub const OR: char = '|';

/// Numbers by key and tables by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Values by dotted key.
    pub values: BTreeMap<String, Value>,
    /// Tables by name; rows in the order of the file.
    pub tables: BTreeMap<String, Vec<Row>>,
}

/// A row: its cells by column name.
pub type Row = Vec<Attribute>;

impl Settings {
    /// The setting with this key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// The rows of a table whose cells equal every given attribute; an absent cell or `*` matches anything,
    /// and `a|b` matches either.
    pub fn rows<'a>(&'a self, table: &str, matching: &'a [Attribute]) -> impl Iterator<Item = &'a Row> {
        let rows = self.tables.get(table).map(Vec::as_slice).unwrap_or_default();
        rows.iter().filter(move |row| matching.iter().all(|wanted| cell_matches(row, wanted)))
    }
}

fn cell_matches(row: &[Attribute], wanted: &Attribute) -> bool {
    match crate::value::find(row, &wanted.key) {
        None => true,
        Some(Value::Text(text)) if text == ANY => true,
        Some(Value::Text(text)) if text.contains(OR) => match &wanted.value {
            Value::Text(wanted) => text.split(OR).any(|word| word == wanted),
            _ => false,
        },
        Some(value) => *value == wanted.value,
    }
}
