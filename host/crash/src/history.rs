//! What the calls of a trace did to the data folder, as steps with a begin and an end, and what was acknowledged when.
//! Must never leave out a call that changes the folder: one that it does not understand is an error.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde_json::Value as Json;

use crate::trace::Call;

/// A file or folder, whatever its name is at a time.
pub(crate) type Node = usize;
/// The folder that holds the data folder. It was there before, and stays.
pub(crate) const ROOT: Node = 0;

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Bytes at a place of a file.
    Write { node: Node, place: u64, bytes: Vec<u8> },
    /// A file gets exactly this size.
    Size { node: Node, size: u64 },
    /// A file gets at least this size.
    Grow { node: Node, size: u64 },
    /// All at once, names of a folder stand for other nodes, or for none.
    Names { folder: Node, names: Vec<(String, Option<Node>)> },
    /// All that was done to this file, or to the names in this folder, is made durable.
    Sync { node: Node },
}

impl Change {
    /// The file or folder that is changed.
    pub(crate) fn node(&self) -> Node {
        match self {
            Self::Write { node, .. } | Self::Size { node, .. } | Self::Grow { node, .. } | Self::Sync { node } => *node,
            Self::Names { folder, .. } => *folder,
        }
    }
}

/// A change, and between when and when it took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) change: Change,
}

/// A receipt that left the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Acknowledged {
    pub(crate) seq: u64,
    pub(crate) hash: String,
    /// When it began to leave: from then on it must be durable.
    pub(crate) from: u64,
}

/// All that happened to a data folder.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) steps: Vec<Step>,
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// Which nodes are folders.
    pub(crate) folders: Vec<bool>,
    /// Behind the last call.
    pub(crate) end: u64,
    names: BTreeMap<Node, BTreeMap<String, Node>>,
    sizes: BTreeMap<Node, u64>,
}

/// An open file: what `write` goes on from.
struct Open {
    place: u64,
    appends: bool,
}

/// The open files, by number and file. The number alone would not do: calls are taken as they began, and of two opens
/// that ran at once the one that began first may have got a number that the other had, used and closed meanwhile.
type Opens = BTreeMap<(i64, Node), Open>;

/// What a file system call is asked about.
enum Place {
    Outside,
    Within(PathBuf),
}

impl History {
    pub(crate) fn new() -> Self {
        Self { folders: vec![true], names: BTreeMap::from([(ROOT, BTreeMap::new())]), ..Self::default() }
    }

    /// Begins with what stands in a folder, all of it durable.
    pub(crate) fn of_folder(folder: &Path) -> anyhow::Result<Self> {
        let mut history = Self::new();
        history.add_folder(folder, ROOT)?;
        history.end = 2;
        Ok(history)
    }

    fn add_folder(&mut self, folder: &Path, into: Node) -> anyhow::Result<()> {
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let is_folder = entry.file_type()?.is_dir();
            let node = self.fresh(is_folder);
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_folder {
                self.add_folder(&entry.path(), node)?;
            } else {
                let bytes = fs::read(entry.path())?;
                self.done(Change::Size { node, size: bytes.len() as u64 });
                // The zeros of a preallocated segment need no write.
                let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                self.done(Change::Write { node, place: 0, bytes: bytes[..used].to_vec() });
            }
            self.done(Change::Sync { node });
            self.done(Change::Names { folder: into, names: vec![(name, Some(node))] });
        }
        self.done(Change::Sync { node: into });
        Ok(())
    }

    fn done(&mut self, change: Change) {
        // Steps of the beginning stand before all calls; a sync must still begin after what it covers has ended.
        let time = u64::from(matches!(change, Change::Sync { .. }));
        self.add(time, time, change);
    }

    fn add(&mut self, begin: u64, end: u64, change: Change) {
        match &change {
            Change::Write { node, place, bytes } => {
                let size = self.sizes.entry(*node).or_default();
                *size = (*size).max(place + bytes.len() as u64);
            }
            Change::Size { node, size } => drop(self.sizes.insert(*node, *size)),
            Change::Grow { node, size } => {
                let before = self.sizes.entry(*node).or_default();
                *before = (*before).max(*size);
            }
            Change::Names { folder, names } => {
                let known = self.names.entry(*folder).or_default();
                for (name, node) in names {
                    match node {
                        Some(node) => drop(known.insert(name.clone(), *node)),
                        None => drop(known.remove(name)),
                    }
                }
            }
            Change::Sync { .. } => {}
        }
        self.steps.push(Step { begin, end, change });
    }

    fn fresh(&mut self, is_folder: bool) -> Node {
        self.folders.push(is_folder);
        let node = self.folders.len() - 1;
        if is_folder {
            self.names.insert(node, BTreeMap::new());
        }
        node
    }

    /// Goes on with the calls of a host whose data folder is in `root`.
    pub(crate) fn go_on(&mut self, root: &Path, calls: &[Call], end: u64) -> anyhow::Result<()> {
        let mut open = Opens::new();
        for call in calls.iter().filter(|call| !call.failed()) {
            self.take(root, call, &mut open)?;
        }
        self.end = end;
        Ok(())
    }

    fn take(&mut self, root: &Path, call: &Call, open: &mut Opens) -> anyhow::Result<()> {
        match call.name.as_str() {
            "write" | "writev" | "pwrite64" | "pwritev" | "sendto" | "sendmsg" => self.write(root, call, open),
            "open" | "openat" | "creat" => self.open(root, call, open),
            "mkdir" | "mkdirat" => self.make(root, call),
            "rename" | "renameat" | "renameat2" => self.rename(root, call),
            "unlink" | "unlinkat" | "rmdir" => {
                let Place::Within(path) = place_of(root, call, 0)? else { return Ok(()) };
                let (folder, name) = self.above(&path)?;
                self.step(call, Change::Names { folder, names: vec![(name, None)] })
            }
            "ftruncate" | "fallocate" => {
                let Some(node) = self.node_of(root, call)? else { return Ok(()) };
                let number = |place| -> anyhow::Result<u64> { Ok(call.argument(place)?.parse()?) };
                if call.name == "ftruncate" {
                    return self.step(call, Change::Size { node, size: number(1)? });
                }
                ensure!(call.argument(1)? == "0", call.unclear("does more than to preallocate"));
                self.step(call, Change::Grow { node, size: number(2)? + number(3)? })
            }
            "fsync" | "fdatasync" => match self.node_of(root, call)? {
                Some(node) if call.end.is_some() => self.step(call, Change::Sync { node }),
                _ => Ok(()),
            },
            // It starts writing and promises nothing.
            "sync_file_range" => Ok(()),
            other => {
                let described = call.descriptor().ok().and_then(|(_, path)| within(root, Path::new(&path)));
                let named = match place_of(root, call, 0)? {
                    Place::Within(path) => Some(path),
                    Place::Outside => described,
                };
                named.map_or(Ok(()), |path| bail!("{other} on {} is not in the model", path.display()))
            }
        }
    }

    fn step(&mut self, call: &Call, change: Change) -> anyhow::Result<()> {
        let end = call.end.with_context(|| call.unclear("was running when the host was killed"))?;
        self.add(call.begin, end, change);
        Ok(())
    }

    fn write(&mut self, root: &Path, call: &Call, open: &mut Opens) -> anyhow::Result<()> {
        let (number, path) = call.descriptor()?;
        if path.starts_with("socket:") || path.starts_with("TCP") {
            let bytes = call.texts()?.concat();
            self.acknowledged.extend(receipts_in(&bytes, call.begin));
            return Ok(());
        }
        let Some(node) = self.node_of(root, call)? else { return Ok(()) };
        let mut bytes = call.texts()?.concat();
        let written = call.outcome.as_ref().map_or(bytes.len(), |done| usize::try_from(done.value).unwrap_or(0));
        ensure!(written <= bytes.len(), call.unclear("wrote more than it was given"));
        bytes.truncate(written);
        let place = if call.name.starts_with('p') {
            call.arguments.rsplit_once(", ").context("no place")?.1.parse()?
        } else {
            let open = open.get_mut(&(number, node));
            let open = open.with_context(|| call.unclear("writes a file that was never opened"))?;
            let end = self.sizes.get(&node).copied().unwrap_or(0);
            let place = if open.appends { end } else { open.place };
            open.place = place + bytes.len() as u64;
            place
        };
        self.step(call, Change::Write { node, place, bytes })
    }

    fn open(&mut self, root: &Path, call: &Call, open: &mut Opens) -> anyhow::Result<()> {
        let Place::Within(path) = place_of(root, call, 0)? else { return Ok(()) };
        let (creates, empties) = (call.arguments.contains("O_CREAT"), call.arguments.contains("O_TRUNC"));
        let known = self.find(&path);
        let node = if let Some(node) = known {
            node
        } else {
            ensure!(creates, call.unclear("opens a file that was never made"));
            let node = self.fresh(false);
            let (folder, name) = self.above(&path)?;
            self.step(call, Change::Names { folder, names: vec![(name, Some(node))] })?;
            node
        };
        if known.is_some() && empties {
            self.step(call, Change::Size { node, size: 0 })?;
        }
        if let Some(outcome) = &call.outcome {
            let appends = call.arguments.contains("O_APPEND");
            open.insert((outcome.value, node), Open { place: 0, appends });
        }
        Ok(())
    }

    fn make(&mut self, root: &Path, call: &Call) -> anyhow::Result<()> {
        let Place::Within(path) = place_of(root, call, 0)? else { return Ok(()) };
        let node = self.fresh(true);
        let (folder, name) = self.above(&path)?;
        self.step(call, Change::Names { folder, names: vec![(name, Some(node))] })
    }

    fn rename(&mut self, root: &Path, call: &Call) -> anyhow::Result<()> {
        let (Place::Within(from), Place::Within(to)) = (place_of(root, call, 0)?, place_of(root, call, 1)?) else {
            return Ok(());
        };
        let node = self.find(&from).with_context(|| call.unclear("renames what was never made"))?;
        let ((folder, before), (onto, after)) = (self.above(&from)?, self.above(&to)?);
        ensure!(folder == onto, call.unclear("moves to another folder, which is not in the model"));
        self.step(call, Change::Names { folder, names: vec![(before, None), (after, Some(node))] })
    }

    /// The file of the data folder that a call's descriptor stands for.
    fn node_of(&self, root: &Path, call: &Call) -> anyhow::Result<Option<Node>> {
        let (_, path) = call.descriptor()?;
        // What was unlinked has no name that could come back.
        let Some(path) = within(root, Path::new(&path)).filter(|_| !path.ends_with(" (deleted)")) else {
            return Ok(None);
        };
        Ok(Some(self.find(&path).with_context(|| call.unclear("is about a file that was never made"))?))
    }

    fn find(&self, path: &Path) -> Option<Node> {
        path.iter().try_fold(ROOT, |folder, name| self.names.get(&folder)?.get(name.to_str()?).copied())
    }

    fn above(&self, path: &Path) -> anyhow::Result<(Node, String)> {
        let name = path.file_name().and_then(|name| name.to_str()).context("no name")?;
        let folder = path.parent().and_then(|folder| self.find(folder));
        Ok((folder.with_context(|| format!("{} is in no folder", path.display()))?, name.to_owned()))
    }

    /// The path of a node, as its newest name was, for people.
    pub(crate) fn path(&self, node: Node) -> String {
        let named = |wanted: Node| {
            self.names.iter().find_map(|(folder, names)| {
                names.iter().find(|(_, node)| **node == wanted).map(|(name, _)| (*folder, name.clone()))
            })
        };
        let (mut path, mut node) = (String::new(), node);
        while let Some((folder, name)) = named(node) {
            path = format!("/{name}{path}");
            node = folder;
        }
        if path.is_empty() { "(a file without a name)".into() } else { path.trim_start_matches('/').into() }
    }
}

fn within(root: &Path, path: &Path) -> Option<PathBuf> {
    path.strip_prefix(root).ok().map(Path::to_path_buf)
}

/// The path among a call's texts; relative ones are relative to the descriptor that stands first.
fn place_of(root: &Path, call: &Call, number: usize) -> anyhow::Result<Place> {
    let texts = call.texts()?;
    let Some(text) = texts.get(number) else { return Ok(Place::Outside) };
    let mut path = PathBuf::from(String::from_utf8_lossy(text).into_owned());
    if path.is_relative() {
        match call.descriptor() {
            Ok((_, base)) => path = Path::new(&base).join(path),
            Err(_) => return Ok(Place::Outside),
        }
    }
    Ok(within(root, &path).map_or(Place::Outside, Place::Within))
}

/// The receipts in what was sent to a socket.
fn receipts_in(sent: &[u8], from: u64) -> Vec<Acknowledged> {
    const BEGIN: &[u8] = b"{\"district\":";
    let places = (0..sent.len()).filter(|place| sent[*place..].starts_with(BEGIN));
    let read = |place: usize| {
        let receipt = serde_json::Deserializer::from_slice(&sent[place..]).into_iter::<Json>().next()?.ok()?;
        // An entry begins otherwise; a receipt alone says whether it is a duplicate.
        receipt.get("duplicate")?;
        Some(Acknowledged { seq: receipt["seq"].as_u64()?, hash: receipt["hash"].as_str()?.into(), from })
    };
    places.filter_map(read).collect()
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
