//! Ordered tables that remember which rows changed, so that the view can be written behind in small pieces.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::borrow::Borrow;

/// Rows by key, in key order.
#[derive(Debug, Clone)]
pub struct Table<K, V> {
    rows: BTreeMap<K, V>,
    touched: BTreeSet<K>,
}

impl<K: Ord + Clone, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), touched: BTreeSet::new() }
    }
}

impl<K: Ord + Clone, V> Table<K, V> {
    /// The row with this key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.rows.get(key)
    }

    /// Whether there is a row with this key.
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.rows.contains_key(key)
    }

    /// The row with this key, to be changed.
    pub fn change(&mut self, key: &K) -> Option<&mut V> {
        let row = self.rows.get_mut(key)?;
        self.touched.insert(key.clone());
        Some(row)
    }

    /// Puts a row.
    pub fn put(&mut self, key: K, row: V) {
        self.touched.insert(key.clone());
        self.rows.insert(key, row);
    }

    /// Removes a row.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let row = self.rows.remove(key)?;
        self.touched.insert(key.clone());
        Some(row)
    }

    /// All rows, in key order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    /// All rows, without their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.values()
    }

    /// Rows from this key on.
    pub fn range_from<'a, Q: Ord + ?Sized>(
        &'a self,
        key: &Q,
    ) -> impl DoubleEndedIterator<Item = (&'a K, &'a V)> + use<'a, K, V, Q>
    where
        K: Borrow<Q>,
    {
        self.rows.range::<Q, _>((core::ops::Bound::Included(key), core::ops::Bound::Unbounded))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The keys that changed since the last time, each with its row or `None` when it was removed.
    pub fn take_touched(&mut self) -> impl Iterator<Item = (K, Option<&V>)> {
        let touched = core::mem::take(&mut self.touched);
        touched.into_iter().map(|key| {
            let row = self.rows.get(&key);
            (key, row)
        })
    }

    /// A table of rows that were loaded: none of them is a change. Built at once, which for a million rows takes a fraction
    /// of what putting them one by one would.
    pub fn restored(rows: Vec<(K, V)>) -> Self {
        Self { rows: rows.into_iter().collect(), touched: BTreeSet::new() }
    }
}
