//! Holding settings against their schema.

use muster_kernel::Value;
use muster_kernel::settings::{ANY, OR, Row, Settings};
use muster_kernel::value::{Decimal, find};

use super::{Field, Kind, Schema, SettingsFault, Table, Trouble};

impl Schema {
    /// Everything that is wrong with settings; nothing when they are right.
    pub fn check(&self, settings: &Settings) -> Vec<SettingsFault> {
        let mut faults = Vec::new();
        for (name, value) in &settings.values {
            match self.keys.get(name) {
                Some(field) => check_value(name, value, field, &mut faults),
                None if self.open => {}
                None => faults.push(unknown(name, name, self.keys.keys().chain(self.tables.keys()))),
            }
        }
        let missing = self.keys.iter().filter(|(name, field)| field.required && !settings.values.contains_key(*name));
        faults.extend(missing.map(|(name, field)| fault(name.clone(), field, Trouble::Missing)));
        for (name, rows) in &settings.tables {
            match self.tables.get(name) {
                Some(table) => {
                    rows.iter()
                        .enumerate()
                        .for_each(|(index, row)| self.check_row(name, index, row, table, &mut faults));
                }
                None if self.open => {}
                None => faults.push(unknown(name, name, self.tables.keys().chain(self.keys.keys()))),
            }
        }
        for (name, table) in &self.tables {
            let found = settings.tables.get(name).map_or(0, Vec::len);
            if found < table.rows_min {
                let trouble = Trouble::Rows { found, min: table.rows_min };
                let meaning = (table.zh.clone(), table.en.clone());
                faults.push(SettingsFault { place: name.clone(), trouble, meaning });
            }
        }
        faults
    }

    fn check_row(&self, name: &str, index: usize, row: &Row, table: &Table, faults: &mut Vec<SettingsFault>) {
        let model = self.model(table);
        let open = table.open || model.is_some_and(|model| model.open);
        let columns = || table.columns.iter().chain(model.into_iter().flat_map(|model| &model.columns));
        for cell in row {
            let place = format!("{name}[{index}].{}", cell.key);
            match self.column(table, &cell.key) {
                Some(field) => check_value(&place, &cell.value, field, faults),
                None if open => {}
                None => faults.push(unknown(&place, &cell.key, columns().map(|(column, _)| column))),
            }
        }
        let absent = |column: &str| find(row, column).is_none();
        for (column, _) in columns() {
            // A column of the model may be loosened by the table's own.
            let field = self.column(table, column).filter(|field| field.required);
            if let Some(field) = field.filter(|_| absent(column)) {
                faults.push(fault(format!("{name}[{index}].{column}"), field, Trouble::Missing));
            }
        }
        let conditions = table.conditions.iter().chain(model.into_iter().flat_map(|model| &model.conditions));
        for condition in conditions.filter(|condition| says(row, &condition.column, &condition.is)) {
            for column in condition.needs.iter().filter(|column| absent(column)) {
                let Some(field) = self.column(table, column) else { continue };
                let trouble = Trouble::Needed { column: condition.column.clone(), is: condition.is.clone() };
                faults.push(fault(format!("{name}[{index}].{column}"), field, trouble));
            }
        }
    }
}

fn says(row: &Row, column: &str, word: &str) -> bool {
    matches!(find(row, column), Some(Value::Text(text)) if text == word)
}

fn fault(place: String, field: &Field, trouble: Trouble) -> SettingsFault {
    SettingsFault { place, trouble, meaning: (field.zh.clone(), field.en.clone()) }
}

fn check_value(place: &str, value: &Value, field: &Field, faults: &mut Vec<SettingsFault>) {
    let mut add = |trouble| faults.push(fault(place.into(), field, trouble));
    match (field.kind, value) {
        (Kind::Integer | Kind::Decimal, Value::Integer(number)) => {
            within(Decimal { unscaled: *number, scale: 0 }, field, false).into_iter().for_each(add);
        }
        (Kind::Decimal, Value::Decimal(number)) => within(*number, field, false).into_iter().for_each(add),
        (Kind::Text, Value::Text(text)) => {
            let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
            within(Decimal { unscaled: length, scale: 0 }, field, true).into_iter().for_each(&mut add);
            words(text, field).into_iter().for_each(add);
        }
        (Kind::Flag, Value::Flag(_)) | (Kind::Instant, Value::Instant(_)) => {}
        // A time may be written as text: policies read both.
        (Kind::Instant, Value::Text(text)) if muster_kernel::Instant::parse(text).is_ok() => {}
        (wanted, _) => add(Trouble::Type { wanted }),
    }
}

fn within(number: Decimal, field: &Field, characters: bool) -> Option<Trouble> {
    let low = field.min.filter(|min| number < min.0).map(|min| Trouble::TooLow { min: min.0, characters });
    low.or_else(|| field.max.filter(|max| number > max.0).map(|max| Trouble::TooHigh { max: max.0, characters }))
}

/// The words of a text that are not allowed.
fn words(text: &str, field: &Field) -> Vec<Trouble> {
    if field.words.is_empty() || (field.alternatives && text == ANY) {
        return Vec::new();
    }
    let parts: Vec<&str> = match (field.alternatives, field.list) {
        (true, _) => text.split(OR).collect(),
        (_, true) => text.split_whitespace().collect(),
        (false, false) => vec![text],
    };
    let wrong = parts.into_iter().filter(|part| field.words.iter().all(|word| word != part));
    wrong.map(|word| Trouble::Word { word: word.into(), words: field.words.clone() }).collect()
}

fn unknown<'a>(place: &str, name: &str, known: impl Iterator<Item = &'a String>) -> SettingsFault {
    // Two slips of the hand are a typo; more are another word.
    let nearest = known.map(|known| (distance(name, known), known)).filter(|(distance, _)| *distance <= 2).min();
    let like = nearest.map(|(_, known)| known.clone());
    SettingsFault { place: place.into(), trouble: Trouble::Unknown { like }, meaning: (String::new(), String::new()) }
}

/// How many letters must be changed, added or taken out to make one word the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut line: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut line[0], row + 1);
        for (column, wanted) in other.iter().enumerate() {
            let change = diagonal + usize::from(letter != *wanted);
            diagonal = line[column + 1];
            line[column + 1] = change.min(diagonal + 1).min(line[column] + 1);
        }
    }
    line[other.len()]
}
