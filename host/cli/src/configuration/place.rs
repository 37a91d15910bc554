//! Where in `muster.toml` a field stands, so that whoever must correct it finds it at once.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The line of a byte, from 1.
pub(super) fn line(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

/// `FILE:LINE` of a field such as `access.oidc[0].audience`, or of the nearest table around it that stands in the file.
pub(super) fn of(path: &Path, text: &str, field: &str) -> String {
    let Ok(table) = DeTable::parse(text) else { return path.display().to_string() };
    let start = nearest(&table, field).map_or(0, |span| span.start);
    format!("{}:{}", path.display(), line(text, start))
}

fn nearest(table: &Spanned<DeTable<'_>>, field: &str) -> Option<Range<usize>> {
    let mut found = None;
    let mut table = table.get_ref();
    for step in field.split('.') {
        let (name, index) = match step.split_once('[') {
            Some((name, index)) => (name, index.trim_end_matches(']').parse::<usize>().ok()),
            None => (step, None),
        };
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref().as_ref() == name) else { return found };
        found = Some(key.span());
        let mut value = value;
        if let (DeValue::Array(rows), Some(index)) = (value.get_ref(), index) {
            let Some(row) = rows.get(index) else { return found };
            found = Some(row.span());
            value = row;
        }
        let DeValue::Table(inner) = value.get_ref() else { return found };
        table = inner;
    }
    found
}
