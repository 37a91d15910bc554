//! A view in memory that loses what a crash would lose: the newest writes, whole ones, never one before an older one.
//! So does sled.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use muster_store::{Head, Loaded, Rows, ViewError};

type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// The view of a simulated host.
#[derive(Default)]
pub(crate) struct SimulatedRows(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    durable: BTreeMap<String, District>,
    seen: BTreeMap<String, District>,
    unsynced: Vec<Write>,
    failing: bool,
}

#[derive(Default, Clone)]
struct District {
    mark: Option<(u32, Head)>,
    items: BTreeMap<Vec<u8>, Vec<u8>>,
}

#[derive(Clone)]
enum Write {
    Change(String, u32, Head, Changes),
    Forget(String),
}

impl Write {
    fn apply(self, districts: &mut BTreeMap<String, District>) {
        match self {
            Self::Forget(district) => drop(districts.remove(&district)),
            Self::Change(district, version, position, changes) => {
                let district = districts.entry(district).or_default();
                district.mark = Some((version, position));
                for (key, value) in changes {
                    match value {
                        Some(value) => drop(district.items.insert(key, value)),
                        None => drop(district.items.remove(&key)),
                    }
                }
            }
        }
    }
}

impl SimulatedRows {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no holder panics")
    }

    /// From now on every write fails, or none.
    pub(crate) fn fail(&self, failing: bool) {
        self.inner().failing = failing;
    }

    /// The machine goes down: the newest writes are lost, some or all of them, but what was flushed stays.
    pub(crate) fn crash(&self, random: &mut fastrand::Rng) {
        let mut inner = self.inner();
        let kept = random.usize(..=inner.unsynced.len());
        let writes: Vec<Write> = std::mem::take(&mut inner.unsynced);
        for write in writes.into_iter().take(kept) {
            write.apply(&mut inner.durable);
        }
        inner.seen = inner.durable.clone();
        inner.failing = false;
    }

    /// Somebody deletes the view.
    pub(crate) fn delete(&self) {
        *self.inner() = Inner::default();
    }

    /// Items of a district become garbage that is no item.
    pub(crate) fn garble(&self, district: &str) {
        let mut inner = self.inner();
        let inner = &mut *inner;
        for districts in [&mut inner.seen, &mut inner.durable] {
            if let Some(value) = districts.get_mut(district).and_then(|district| district.items.values_mut().next()) {
                *value = vec![0xa5; 3];
            }
        }
    }

    fn write_all(&self, write: Write) -> Result<(), ViewError> {
        let mut inner = self.inner();
        if inner.failing {
            let reason = std::io::Error::other("the view's disk failed");
            return Err(ViewError::Disk { folder: "simulated".into(), reason });
        }
        inner.unsynced.push(write.clone());
        write.apply(&mut inner.seen);
        Ok(())
    }
}

impl Rows for SimulatedRows {
    fn load(&self, district: &str) -> Result<Option<Loaded>, ViewError> {
        let inner = self.inner();
        let loaded = inner.seen.get(district).and_then(|district| {
            let (version, position) = district.mark?;
            let items = district.items.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            Some(Loaded { version, position, items })
        });
        Ok(loaded)
    }

    fn write(&self, district: &str, version: u32, position: Head, changes: Changes) -> Result<(), ViewError> {
        self.write_all(Write::Change(district.into(), version, position, changes))
    }

    fn forget(&self, district: &str) -> Result<(), ViewError> {
        self.write_all(Write::Forget(district.into()))
    }

    fn flush(&self) -> Result<(), ViewError> {
        let mut inner = self.inner();
        for write in std::mem::take(&mut inner.unsynced) {
            write.apply(&mut inner.durable);
        }
        Ok(())
    }
}
