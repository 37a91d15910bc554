//! Settings files: TOML in, a policy's numbers and tables out. Errors name file, place and cure.
//!
//! Sections become dotted keys, arrays of tables become tables. Numbers stay exact: `1.5` is the decimal 1.5.

use muster_kernel::settings::{Row, Settings};
use muster_kernel::value::{Attribute, Decimal};
use muster_kernel::{Digest, Instant, Value};

/// Why a settings file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not TOML.
    #[error("{file}: {reason}")]
    Syntax {
        /// The file.
        file: String,
        /// What the reader said, with line and column.
        reason: String,
    },
    /// A value that settings cannot hold.
    #[error("{file}: `{field}`: {reason}")]
    Value {
        /// The file.
        file: String,
        /// The dotted field.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What settings are called in the journal and in approvals: SHA-256 of their compact JSON.
pub fn digest(settings: &Settings) -> Digest {
    Digest::of(&serde_json::to_vec(settings).expect("settings hold nothing that JSON cannot say"))
}

/// Reads a settings file over what earlier files said: values are replaced by key, tables by name.
///
/// # Errors
/// When the text is not TOML or holds what settings cannot hold.
pub fn read(settings: &mut Settings, text: &str, file: &str) -> Result<(), SettingsError> {
    let table: toml::Table = text
        .parse()
        .map_err(|reason: toml::de::Error| SettingsError::Syntax { file: file.into(), reason: reason.to_string() })?;
    let mut reader = Reader { file, settings };
    table.into_iter().try_for_each(|(key, value)| reader.value(key, value))
}

struct Reader<'a> {
    file: &'a str,
    settings: &'a mut Settings,
}

impl Reader<'_> {
    fn value(&mut self, field: String, value: toml::Value) -> Result<(), SettingsError> {
        match value {
            toml::Value::Table(table) => {
                table.into_iter().try_for_each(|(key, value)| self.value(format!("{field}.{key}"), value))
            }
            toml::Value::Array(rows) => self.table(field, rows),
            scalar => {
                let value = self.scalar(&field, scalar)?;
                self.settings.values.insert(field, value);
                Ok(())
            }
        }
    }

    fn table(&mut self, name: String, values: Vec<toml::Value>) -> Result<(), SettingsError> {
        let mut rows = Vec::with_capacity(values.len());
        for (number, value) in values.into_iter().enumerate() {
            let toml::Value::Table(cells) = value else {
                return Err(self.wrong(&name, "a list may only hold tables (`[[name]]`); write other lists as text"));
            };
            let mut row = Row::new();
            for (column, cell) in cells {
                self.cell(&format!("{name}[{number}]"), column, cell, &mut row)?;
            }
            rows.push(row);
        }
        self.settings.tables.insert(name, rows);
        Ok(())
    }

    fn cell(&self, place: &str, column: String, cell: toml::Value, row: &mut Row) -> Result<(), SettingsError> {
        match cell {
            toml::Value::Table(cells) => {
                cells.into_iter().try_for_each(|(key, cell)| self.cell(place, format!("{column}.{key}"), cell, row))
            }
            scalar => {
                let value = self.scalar(&format!("{place}.{column}"), scalar)?;
                row.push(Attribute { key: column, value });
                Ok(())
            }
        }
    }

    fn scalar(&self, field: &str, value: toml::Value) -> Result<Value, SettingsError> {
        Ok(match value {
            toml::Value::String(text) => Value::Text(text),
            toml::Value::Integer(number) => Value::Integer(number),
            toml::Value::Boolean(flag) => Value::Flag(flag),
            // The shortest text that reads as the same number is what was written, up to its trailing zeros.
            toml::Value::Float(number) => Decimal::parse(&number.to_string())
                .map(Value::Decimal)
                .ok_or_else(|| self.wrong(field, "a number with a point must fit 18 digits"))?,
            toml::Value::Datetime(time) => Instant::parse(&time.to_string())
                .map(Value::Instant)
                .map_err(|reason| self.wrong(field, &reason.to_string()))?,
            toml::Value::Array(_) | toml::Value::Table(_) => {
                return Err(self.wrong(field, "a cell may not hold a list; write it as text with spaces"));
            }
        })
    }

    fn wrong(&self, field: &str, reason: &str) -> SettingsError {
        SettingsError::Value { file: self.file.into(), field: field.into(), reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_tables_and_numbers_are_read_exactly() {
        let mut settings = Settings::default();
        let text = "a = 1\n[b]\nc = \"x\"\nd = 149.2\n[[limit]]\ntier = \"street\"\nitem = 5\nclock.minutes = 30\n";
        read(&mut settings, text, "settings.toml").expect("settings");
        assert_eq!(settings.get("b.d"), Some(&Value::Decimal(Decimal { unscaled: 1492, scale: 1 })));
        let rows: Vec<_> = settings.rows("limit", &[]).collect();
        assert!(rows[0].contains(&Attribute::new("item", Value::Integer(5))));
        assert!(rows[0].contains(&Attribute::new("clock.minutes", Value::Integer(30))));
    }

    #[test]
    fn a_later_file_overrides_values_and_replaces_tables() {
        let mut settings = Settings::default();
        read(&mut settings, "a = 1\nb = 2\n[[t]]\nx = 1\n[[t]]\nx = 2\n", "profile.toml").expect("profile");
        read(&mut settings, "a = 9\n[[t]]\nx = 3\n", "district.toml").expect("district");
        assert_eq!(settings.get("a"), Some(&Value::Integer(9)));
        assert_eq!(settings.get("b"), Some(&Value::Integer(2)));
        assert_eq!(settings.rows("t", &[]).count(), 1);
    }

    #[test]
    fn errors_name_file_and_place() {
        let error = read(&mut Settings::default(), "a = 1\nb = \n", "limits.toml").expect_err("broken");
        let text = error.to_string();
        assert!(text.contains("limits.toml") && text.contains("line 2"), "{text}");
        let error = read(&mut Settings::default(), "[[t]]\nx = [1]\n", "limits.toml").expect_err("a list in a cell");
        assert!(error.to_string().contains("`t[0].x`"), "{error}");
    }
}
