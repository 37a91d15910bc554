//! The view's form of a district: one item per row, in a compact encoding, always rebuildable from the journal.
//!
//! The version changes with any change of a row's shape, or of what folding makes of the same entries; a reader that meets
//! another version folds the journal anew.

use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::state::{Core, State};
use crate::table::Table;
use crate::{Digest, fold};

/// The version of the rows' shape and of what they say.
pub const VERSION: u32 = 5;

/// An item of the view: key, and value or `None` when it was removed.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// Why items could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key names no table of this version.
    #[error("the view holds an item of an unknown table {0}")]
    UnknownTable(u8),
    /// A key or value is damaged.
    #[error("an item of table {table} of the view is damaged: {reason}")]
    Damaged {
        /// The table's number.
        table: u8,
        /// What the decoder said.
        reason: postcard::Error,
    },
    /// An empty key.
    #[error("the view holds an item without a key")]
    EmptyKey,
}

const CORE: u8 = 0;

macro_rules! tables {
    ($($number:literal => $table:ident),* $(,)?) => {
        /// What changed since the last call. The core always is among it.
        pub fn take_changes(state: &mut State) -> Vec<Change> {
            let mut changes = alloc::vec![(alloc::vec![CORE], Some(encode(&state.core)))];
            $(collect_touched($number, &mut state.$table, &mut changes);)*
            changes
        }

        /// Reads a district from its items.
        ///
        /// # Errors
        /// When an item is damaged or of another version's table: the caller then folds the journal.
        pub fn load(items: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<State, Error> {
            let mut state = State::default();
            $(let mut $table = Vec::new();)*
            for (key, value) in items {
                let (table, key) = key.split_first().ok_or(Error::EmptyKey)?;
                match *table {
                    CORE => state.core = decode::<Core>(CORE, &value)?,
                    $($number => $table.push((decode($number, key)?, decode($number, &value)?)),)*
                    other => return Err(Error::UnknownTable(other)),
                }
            }
            $(state.$table = Table::restored($table);)*
            fold::rebuild_index(&mut state);
            Ok(state)
        }

        /// SHA-256 over all rows in order: equal for equal states, whatever way they came about.
        pub fn digest(state: &State) -> Digest {
            let mut hasher = Sha256::new();
            hash_item(&mut hasher, CORE, &[], &encode(&state.core));
            $(for (key, row) in state.$table.iter() {
                hash_item(&mut hasher, $number, &encode(key), &encode(row));
            })*
            Digest(hasher.finalize().into())
        }
    };
}

// Numbers are never reused.
tables! {
    1 => identities,
    2 => incidents,
    3 => watches,
    4 => warnings,
    5 => responses,
    6 => modes,
    7 => callouts,
    8 => measures,
    9 => tasks,
    10 => grants,
    11 => spends,
    12 => reports,
    13 => findings,
    14 => timers,
    15 => memory,
    16 => services,
    17 => settled,
    18 => requests,
    19 => offers,
    20 => grant_requests,
    21 => freezes,
    22 => cases,
    23 => pairs,
    24 => awards,
    25 => accounts,
    26 => sources,
    27 => overrides,
    28 => pulses,
    29 => processes,
}

fn collect_touched<K: Ord + Clone + Serialize, V: Serialize>(
    number: u8,
    table: &mut Table<K, V>,
    changes: &mut Vec<Change>,
) {
    changes.extend(table.take_touched().map(|(key, row)| {
        let mut name = alloc::vec![number];
        name.extend(encode(&key));
        (name, row.map(encode))
    }));
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("rows hold nothing that the encoding cannot say")
}

fn decode<T: DeserializeOwned>(table: u8, bytes: &[u8]) -> Result<T, Error> {
    postcard::from_bytes(bytes).map_err(|reason| Error::Damaged { table, reason })
}

fn hash_item(hasher: &mut Sha256, table: u8, key: &[u8], value: &[u8]) {
    hasher.update([table]);
    hasher.update((key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update((value.len() as u64).to_le_bytes());
    hasher.update(value);
}
