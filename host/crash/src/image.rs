//! Builds what a power loss at a moment could have left of a data folder, under a strict model of a disk.
//! Must never keep less than what was durable, and never more than what had been written.
//!
//! A sector is written whole. Of a file, a sector holds what it held after one of the writes that were not yet durable, or
//! before all of them, whatever the other sectors hold; its size likewise. A name is durable only once its folder was synced.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::chance::Chance;
use crate::history::{Change, History, Node, ROOT, Step};

/// What a disk writes whole.
pub(crate) const SECTOR: usize = 512;
type Sector = [u8; SECTOR];

/// What becomes of that which was not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// All of it is lost.
    Lost,
    /// All of it is there, but for some sectors of the last write.
    TornEnd,
    /// Each piece is kept with this chance, in per cent.
    Each(u64),
}

impl Fate {
    pub(crate) fn drawn(chance: &mut Chance) -> Self {
        match chance.below(100) {
            0..15 => Self::Lost,
            15..40 => Self::TornEnd,
            40..60 => Self::Each(20),
            60..80 => Self::Each(50),
            _ => Self::Each(85),
        }
    }
}

/// A file as it is on the disk.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) size: u64,
    pub(crate) sectors: BTreeMap<u64, Box<Sector>>,
}

/// A folder as a power loss left it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) folders: BTreeSet<String>,
    pub(crate) files: BTreeMap<String, Content>,
    /// What of that which was not durable was kept, for people.
    pub(crate) kept: Vec<String>,
}

/// A moment for a power loss: often one in which something was under way.
pub(crate) fn moment(history: &History, begin: u64, chance: &mut Chance) -> u64 {
    let later: Vec<&Step> = history.steps.iter().filter(|step| step.begin >= begin).collect();
    if later.is_empty() || chance.per_cent(30) {
        return begin + chance.below(history.end.saturating_sub(begin)) + 1;
    }
    let mut step = later[chance.place(later.len())];
    if chance.per_cent(50) {
        // Each file and folder alike, however seldom it changes.
        let nodes: BTreeSet<Node> = later.iter().map(|step| step.change.node()).collect();
        let node = nodes.iter().nth(chance.place(nodes.len())).copied();
        let of_node: Vec<&Step> = later.into_iter().filter(|step| Some(step.change.node()) == node).collect();
        step = of_node[chance.place(of_node.len())];
    }
    // Just begun, just ended, or in between.
    step.begin + 1 + chance.below(step.end + 2 - step.begin)
}

/// What was under way at a moment, by node, in order; and how many steps of each node were durable.
struct Seen<'a> {
    steps: BTreeMap<Node, Vec<&'a Step>>,
    durable: BTreeMap<Node, usize>,
}

impl<'a> Seen<'a> {
    fn at(history: &'a History, moment: u64) -> Self {
        let mut seen = Self { steps: BTreeMap::new(), durable: BTreeMap::new() };
        for step in history.steps.iter().filter(|step| step.begin < moment) {
            let node = step.change.node();
            if !matches!(step.change, Change::Sync { .. }) {
                seen.steps.entry(node).or_default().push(step);
                continue;
            }
            if step.end >= moment {
                continue;
            }
            let before = seen.steps.get(&node).map_or(&[][..], Vec::as_slice);
            let covered = before.iter().rposition(|earlier| earlier.end < step.begin).map_or(0, |last| last + 1);
            let durable = seen.durable.entry(node).or_default();
            *durable = (*durable).max(covered);
        }
        seen
    }

    fn split(&self, node: Node) -> (&[&'a Step], &[&'a Step]) {
        let steps = self.steps.get(&node).map_or(&[][..], Vec::as_slice);
        steps.split_at(self.durable.get(&node).copied().unwrap_or(0).min(steps.len()))
    }
}

impl Image {
    /// What a power loss at a moment leaves.
    pub(crate) fn at(history: &History, moment: u64, fate: Fate, chance: &mut Chance) -> Self {
        let seen = Seen::at(history, moment);
        let pending = |step: &&&Step| {
            let node = step.change.node();
            seen.split(node).1.iter().any(|pending| std::ptr::eq(*pending, **step))
        };
        let writes = seen.steps.values().flatten().filter(|step| matches!(step.change, Change::Write { .. }));
        let journal = |step: &&Step| history.path(step.change.node()).contains("journal/");
        // The one that is torn is the journal's, when the journal was writing.
        let last = writes.filter(pending).max_by_key(|step| (journal(step), step.begin)).map(|step| step.begin);
        let mut image = Self::default();
        image.add(history, &seen, (ROOT, String::new()), (fate, last), chance);
        image
    }

    fn add(
        &mut self,
        history: &History,
        seen: &Seen<'_>,
        (folder, path): (Node, String),
        (fate, last): (Fate, Option<u64>),
        chance: &mut Chance,
    ) {
        let (durable, pending) = seen.split(folder);
        let mut names = BTreeMap::new();
        let mut apply = |step: &Step| {
            let Change::Names { names: changed, .. } = &step.change else { return };
            for (name, node) in changed {
                match node {
                    Some(node) => drop(names.insert(name.clone(), *node)),
                    None => drop(names.remove(name)),
                }
            }
        };
        for step in durable {
            apply(step);
        }
        for step in pending {
            if kept(fate, chance) {
                self.kept.push(format!("names in /{path} of {}", step.begin));
                apply(step);
            }
        }
        for (name, node) in names {
            let path = if path.is_empty() { name } else { format!("{path}/{name}") };
            if history.folders[node] {
                self.folders.insert(path.clone());
                self.add(history, seen, (node, path), (fate, last), chance);
            } else {
                let content = self.content(&path, seen.split(node), (fate, last), chance);
                self.files.insert(path, content);
            }
        }
    }

    fn content(
        &mut self,
        path: &str,
        (durable, pending): (&[&Step], &[&Step]),
        (fate, last): (Fate, Option<u64>),
        chance: &mut Chance,
    ) -> Content {
        let mut content = Content::default();
        for step in durable {
            let places: Vec<u64> = content.touched(&step.change).collect();
            for sector in places {
                content.apply(sector, &step.change);
            }
            content.size = size_after(content.size, &step.change);
        }
        // By sector, the steps that changed it, oldest first: it holds what it held after some of them.
        let mut by_sector = BTreeMap::<u64, Vec<&Step>>::new();
        for step in pending {
            let grown = by_sector.keys().copied().filter(|sector| reaches(&step.change, *sector));
            let touched: BTreeSet<u64> = content.touched(&step.change).chain(grown).collect();
            for sector in touched {
                by_sector.entry(sector).or_default().push(step);
            }
        }
        let mut count = 0;
        for (sector, steps) in by_sector {
            let keep = |step: &&&Step| match fate {
                Fate::TornEnd if Some(step.begin) == last => chance.per_cent(50),
                fate => kept(fate, chance),
            };
            let kept: Vec<&Step> = steps.iter().take_while(keep).copied().collect();
            count += kept.len();
            for step in kept {
                content.apply(sector, &step.change);
            }
        }
        if !pending.is_empty() {
            self.kept.push(format!("{path}: {count} sectors of {} writes", pending.len()));
        }
        for step in pending.iter().take_while(|_| kept(fate, chance)) {
            content.size = size_after(content.size, &step.change);
        }
        content
    }

    /// Lays the image down in an empty folder.
    pub(crate) fn lay(&self, folder: &Path) -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        self.folders.iter().try_for_each(|path| fs::create_dir_all(folder.join(path)))?;
        for (path, content) in &self.files {
            let file = File::create_new(folder.join(path))?;
            file.set_len(content.size)?;
            for (sector, bytes) in &content.sectors {
                let begin = sector * SECTOR as u64;
                let room = usize::try_from(content.size.saturating_sub(begin)).unwrap_or(SECTOR).min(SECTOR);
                file.write_all_at(&bytes[..room], begin)?;
            }
        }
        Ok(())
    }
}

fn kept(fate: Fate, chance: &mut Chance) -> bool {
    match fate {
        Fate::Lost => false,
        Fate::TornEnd => true,
        Fate::Each(per_cent) => chance.per_cent(per_cent),
    }
}

fn size_after(size: u64, change: &Change) -> u64 {
    match change {
        Change::Write { place, bytes, .. } => size.max(place + bytes.len() as u64),
        Change::Size { size, .. } => *size,
        Change::Grow { size: least, .. } => size.max(*least),
        Change::Names { .. } | Change::Sync { .. } => size,
    }
}

/// Whether a change that makes a file shorter blanks a sector.
fn reaches(change: &Change, sector: u64) -> bool {
    matches!(change, Change::Size { size, .. } if (sector + 1) * SECTOR as u64 > *size)
}

impl Content {
    /// The sectors that a change touches.
    fn touched(&self, change: &Change) -> Box<dyn Iterator<Item = u64> + '_> {
        match change {
            Change::Write { place, bytes, .. } if !bytes.is_empty() => {
                Box::new(place / SECTOR as u64..=(place + bytes.len() as u64 - 1) / SECTOR as u64)
            }
            Change::Size { size, .. } => {
                Box::new(self.sectors.range(size / SECTOR as u64..).map(|(sector, _)| *sector))
            }
            _ => Box::new(std::iter::empty()),
        }
    }

    /// What a change makes of one sector.
    fn apply(&mut self, sector: u64, change: &Change) {
        let begin = sector * SECTOR as u64;
        let held = self.sectors.entry(sector).or_insert_with(|| Box::new([0; SECTOR]));
        for (at, held) in (begin..).zip(held.iter_mut()) {
            match change {
                Change::Write { place, bytes, .. } => {
                    let byte = at.checked_sub(*place).and_then(|at| bytes.get(usize::try_from(at).ok()?));
                    *held = byte.copied().unwrap_or(*held);
                }
                Change::Size { size, .. } if at >= *size => *held = 0,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
