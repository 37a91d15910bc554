//! A policy's settings in the contract's form: said once, when they are bound, and shared by all calls.
//!
//! A question then copies nothing on the host's side: rows and texts are handed to the guest from where they lie, and a
//! column that is asked for by its text is looked up, not searched. What a question answers is what the kernel's
//! `Settings::rows` says; a test compares the two. What is done here is counted by nobody: it must stay within one pass over
//! the settings.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use muster_kernel::Value;
use muster_kernel::settings::{self, Settings};
use muster_kernel::value::{self, Attribute};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Linker, Lower};

use super::imports::length;
use super::lent::{AttributeOf, Lend as _, ValueOf};
use super::{Kernel, wit};
use crate::canonical::Give;
use crate::capability::Capability;
use crate::context::Context;

/// Links the interface `settings` of the contract.
pub(super) fn link(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("muster:policy/settings@1.0.0")?;
    interface.func_wrap("get", |mut store: StoreContextMut<'_, Context>, (key,): (String,)| {
        Ok((get(store.data_mut(), &key)?,))
    })?;
    interface.func_wrap(
        "rows",
        |mut store: StoreContextMut<'_, Context>, (table, matching): (String, Vec<wit::Attribute>)| {
            Ok((rows(store.data_mut(), &table, matching)?,))
        },
    )
}

/// The setting with this key.
pub(super) fn get(context: &mut Context, key: &str) -> wasmtime::Result<Option<Shared>> {
    context.need(Capability::Settings, key.len())?;
    Ok(context.shelf.get(key))
}

/// The rows of a table that match.
pub(super) fn rows(context: &mut Context, table: &str, matching: Vec<wit::Attribute>) -> wasmtime::Result<Vec<Row>> {
    let handed_over = matching.iter().map(|wanted| wanted.key.len() + length(&wanted.value)).sum::<usize>();
    context.need(Capability::Settings, table.len() + handed_over)?;
    let matching: Vec<Attribute> = matching.into_iter().map(Kernel::kernel).collect();
    Ok(context.shelf.rows(table, &matching))
}

/// A value, with its text shared.
pub(super) type Shared = ValueOf<Arc<str>>;

/// A cell, with its texts shared.
type Cell = AttributeOf<Arc<str>>;

/// A row: `row` of the contract.
#[derive(Debug, Clone, ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct Row {
    cells: Arc<[Cell]>,
}

/// Settings in the contract's form.
#[derive(Debug)]
pub(crate) struct Shelf {
    settings: Arc<Settings>,
    values: BTreeMap<String, Shared>,
    tables: BTreeMap<String, Table>,
}

/// A table and, for each column that was ever asked for, where its words stand.
#[derive(Debug)]
struct Table {
    rows: Vec<Row>,
    columns: BTreeMap<String, OnceLock<Column>>,
}

/// Where the words of a column stand: numbers of rows, ascending.
///
/// A word's rows and those that any text selects are never written out as one list: the words of one cell times the rows
/// without one would be work that no call pays for.
#[derive(Debug)]
struct Column {
    /// The rows whose cell names a word, for each word that some cell names.
    by_word: BTreeMap<String, Vec<usize>>,
    /// The rows that any text selects: those without a cell, and those with [`settings::ANY`].
    any: Vec<usize>,
}

/// The rows that a text selects in a column. No row is in both lists.
#[derive(Clone, Copy)]
struct Selection<'a> {
    named: &'a [usize],
    any: &'a [usize],
}

impl Shelf {
    /// Says settings in the contract's form.
    pub(crate) fn of(settings: &Arc<Settings>) -> Self {
        let values = settings.values.iter().map(|(key, value)| (key.clone(), value.lend()));
        let mut words = Words::default();
        let tables = settings.tables.iter().map(|(name, rows)| (name.clone(), Table::of(rows, &mut words)));
        Self { values: values.collect(), tables: tables.collect(), settings: Arc::clone(settings) }
    }

    /// What they were said from.
    pub(crate) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The setting with this key.
    pub(crate) fn get(&self, key: &str) -> Option<Shared> {
        self.values.get(key).cloned()
    }

    /// The rows of a table whose cells equal every given attribute, as `Settings::rows` has it.
    pub(crate) fn rows(&self, name: &str, matching: &[Attribute]) -> Vec<Row> {
        let Some(table) = self.tables.get(name) else { return Vec::new() };
        let row = |number: &usize| table.rows[*number].clone();
        let Some(selections) = self.selections(name, table, matching) else {
            return numbers(&self.settings, name, matching).iter().map(row).collect();
        };
        let Some((first, rest)) = selections.split_first() else { return table.rows.clone() };
        let in_all = |number: &&usize| rest.iter().all(|selection| selection.holds(**number));
        first.numbers().filter(in_all).map(row).collect()
    }

    /// What each attribute selects by itself; none for a column that no row has, since an absent cell matches anything.
    /// `None` when one of them is no text: the index knows only words.
    fn selections<'a>(&'a self, name: &str, table: &'a Table, matching: &[Attribute]) -> Option<Vec<Selection<'a>>> {
        let mut selections = Vec::with_capacity(matching.len());
        for wanted in matching {
            let Value::Text(text) = &wanted.value else { return None };
            let Some(column) = table.columns.get(&wanted.key) else { continue };
            let column = column.get_or_init(|| Column::of(&self.settings, name, &wanted.key));
            selections.push(column.selection(text));
        }
        Some(selections)
    }
}

/// The numbers of the rows that `Settings::rows` answers with: one pass, for what the index does not know.
fn numbers(settings: &Settings, table: &str, matching: &[Attribute]) -> Vec<usize> {
    let mut answered = settings.rows(table, matching).peekable();
    let all = settings.tables.get(table).into_iter().flatten().enumerate();
    let answers = |(_, row): &(usize, &settings::Row)| answered.next_if(|next| std::ptr::eq(*next, *row)).is_some();
    all.filter(answers).map(|(number, _)| number).collect()
}

impl Table {
    fn of(rows: &[settings::Row], words: &mut Words) -> Self {
        let columns = rows.iter().flatten().map(|cell| (cell.key.clone(), OnceLock::new())).collect();
        let mut cell = |cell: &Attribute| Cell { key: words.word(&cell.key), value: cell.value.lend() };
        let rows = rows.iter().map(|row| Row { cells: row.iter().map(&mut cell).collect() }).collect();
        Self { rows, columns }
    }
}

impl Column {
    /// What each word selects, as `Settings::rows` has it, in one pass: every cell is split once.
    fn of(settings: &Settings, table: &str, key: &str) -> Self {
        let mut column = Self { by_word: BTreeMap::new(), any: Vec::new() };
        for (number, row) in settings.tables.get(table).into_iter().flatten().enumerate() {
            match value::find(row, key) {
                None => column.any.push(number),
                Some(Value::Text(text)) if text == settings::ANY => column.any.push(number),
                Some(Value::Text(text)) => text.split(settings::OR).for_each(|word| column.name(word, number)),
                // No text equals what is no text.
                Some(_) => {}
            }
        }
        column
    }

    /// A row names a word, perhaps more than once.
    fn name(&mut self, word: &str, number: usize) {
        match self.by_word.get_mut(word) {
            Some(rows) if rows.last() == Some(&number) => {}
            Some(rows) => rows.push(number),
            None => drop(self.by_word.insert(word.into(), vec![number])),
        }
    }

    fn selection(&self, text: &str) -> Selection<'_> {
        let named = self.by_word.get(text).map(Vec::as_slice).unwrap_or_default();
        Selection { named, any: &self.any }
    }
}

impl<'a> Selection<'a> {
    fn holds(self, number: usize) -> bool {
        [self.named, self.any].iter().any(|rows| rows.binary_search(&number).is_ok())
    }

    /// All of them, in the order of the rows.
    fn numbers(self) -> impl Iterator<Item = &'a usize> {
        let (mut named, mut any) = (self.named.iter().peekable(), self.any.iter().peekable());
        std::iter::from_fn(move || match (named.peek(), any.peek()) {
            (Some(one), Some(other)) if one < other => named.next(),
            (_, Some(_)) => any.next(),
            (_, None) => named.next(),
        })
    }
}

/// Names of columns, each kept once.
#[derive(Default)]
struct Words(BTreeMap<String, Arc<str>>);

impl Words {
    fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let word: Arc<str> = text.into();
        self.0.insert(text.into(), Arc::clone(&word));
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf() -> Shelf {
        let text = |text: &str| Value::Text(text.into());
        let table = vec![
            vec![Attribute::new("kind", text("rain")), Attribute::new("level", Value::Integer(1))],
            vec![Attribute::new("kind", text("rain|storm")), Attribute::new("place", text("here"))],
            vec![Attribute::new("kind", text("*")), Attribute::new("level", Value::Integer(2))],
            vec![Attribute::new("place", text("there"))],
            vec![Attribute::new("kind", Value::Flag(true)), Attribute::new("place", text("other"))],
            vec![Attribute::new("kind", text("rain||rain|snow|*")), Attribute::new("place", text("here|*"))],
            vec![Attribute::new("kind", text("|")), Attribute::new("place", text(""))],
            vec![Attribute::new("kind", text("snow")), Attribute::new("kind", text("rain"))],
        ];
        let mut settings = Settings::default();
        settings.tables.insert("rule".into(), table);
        settings.values.insert("hours".into(), Value::Integer(6));
        Shelf::of(&Arc::new(settings))
    }

    /// Whatever is asked, the shelf answers with the rows that the kernel's settings answer with.
    #[test]
    fn the_index_answers_as_the_kernel_does() {
        let shelf = shelf();
        let texts = ["rain", "storm", "rain|storm", "*", "here", "there", "other", "other+", "", "snow", "|", "here|*"];
        let values = texts.map(|text| Value::Text(text.into()));
        let values: Vec<Value> =
            values.into_iter().chain([Value::Integer(1), Value::Flag(true), Value::Unknown]).collect();
        let wanted = ["kind", "place", "level", "absent"]
            .map(|key| values.iter().map(move |value| Attribute::new(key, value.clone())));
        let wanted: Vec<Attribute> = wanted.into_iter().flatten().collect();
        let check = |matching: &[Attribute]| {
            let answered: Vec<_> = shelf.rows("rule", matching).iter().map(|row| Arc::as_ptr(&row.cells)).collect();
            let expected = numbers(&shelf.settings, "rule", matching);
            let expected: Vec<_> =
                expected.iter().map(|number| Arc::as_ptr(&shelf.tables["rule"].rows[*number].cells)).collect();
            assert_eq!(answered, expected, "{matching:?}");
        };
        check(&[]);
        for one in &wanted {
            check(std::slice::from_ref(one));
            for other in &wanted {
                check(&[one.clone(), other.clone()]);
            }
        }
        assert_eq!(numbers(&shelf.settings, "rule", &[]).len(), 8, "the comparison is not of nothing with nothing");
        assert!(shelf.rows("no such table", &[]).is_empty());
    }

    /// A cell with as many words as the settings of a self-test have room for, among rows that any text selects. An index
    /// that looks at the table anew for each word, or writes the rows out for each, does not come to an end here.
    #[test]
    fn a_cell_of_very_many_words_is_split_once() {
        let words: Vec<String> = (0..150_000).map(|number| format!("{number:x}")).collect();
        let cell = |text: String| vec![Attribute::new("kind", Value::Text(text))];
        let mut table: Vec<settings::Row> = (0..50_000).map(|_| cell("*".into())).collect();
        table.insert(20_000, cell(words.join("|")));
        let mut settings = Settings::default();
        settings.tables.insert("rule".into(), table);
        let shelf = Shelf::of(&Arc::new(settings));
        let selected = |word: &str| shelf.rows("rule", &[Attribute::new("kind", Value::Text(word.into()))]).len();
        assert_eq!((selected("0"), selected("249ef"), selected("249f0")), (50_001, 50_001, 50_000));
        let column = shelf.tables["rule"].columns["kind"].get().expect("it was asked for");
        assert_eq!((column.by_word.len(), column.any.len()), (150_000, 50_000));
        let order: Vec<usize> = column.selection("0").numbers().copied().collect();
        assert!(order.is_sorted(), "rows come in the order of the file");
    }
}
