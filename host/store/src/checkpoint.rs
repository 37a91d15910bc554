//! Signed checkpoints: at intervals the host signs the end of every chain, so that a tail that was cut, or a journal that
//! was written anew, is found by whoever holds the host's public key.
//!
//! The key and the checkpoints lie beside the journal. Whoever wants to be sure against the host's own operators keeps
//! copies of both elsewhere.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::folder;
use crate::journal::Journal;
use crate::known::Head;
use crate::merkle::{Hash, Tree};
use crate::vault::hexadecimal;

/// Why checkpoints cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The disk refused.
    #[error("{what}: {reason}")]
    Disk {
        /// What was tried.
        what: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A line or key cannot be read.
    #[error("{file}, line {line}: {reason}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        reason: String,
    },
    /// The journal.
    #[error(transparent)]
    Journal(#[from] crate::Error),
}

/// The signed end of a chain. Hashes, key and signature are hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The district.
    pub district: String,
    /// Position of its last entry.
    pub seq: u64,
    /// Hash of that entry.
    pub hash: String,
    /// Root of the tree over the hashes of all entries up to it.
    pub root: String,
    /// When it was signed, RFC 3339.
    pub at: String,
    /// The tree's whole subtrees, so that it grows on without reading the chain again. Not signed: they give `root`.
    pub subtrees: Vec<String>,
    /// The public key.
    pub key: String,
    /// Ed25519 (RFC 8032) over [`Checkpoint::statement`].
    pub signature: String,
}

impl Checkpoint {
    /// What is signed.
    pub fn statement(&self) -> String {
        let Self { district, seq, hash, root, at, .. } = self;
        format!("muster checkpoint v1\n{district}\n{seq}\n{hash}\n{root}\n{at}\n")
    }

    /// Whether the signature is that of the key.
    pub fn is_signed(&self) -> bool {
        let parts = || {
            let key = VerifyingKey::from_bytes(&unhexed(&self.key)?).ok()?;
            let signature = Signature::from_bytes(&unhexed(&self.signature)?);
            key.verify(self.statement().as_bytes(), &signature).ok()
        };
        parts().is_some()
    }

    fn tree(&self) -> Option<Tree> {
        let subtrees: Option<Vec<Hash>> = self.subtrees.iter().map(|text| unhexed(text)).collect();
        Tree::restored(self.seq, subtrees?).filter(|tree| hexadecimal(&tree.root()) == self.root)
    }
}

/// The checkpoints of a data folder: a file with one line for each, and the key.
pub struct Checkpoints {
    folder: PathBuf,
    key: SigningKey,
    trees: BTreeMap<String, Tree>,
}

/// The folder of the checkpoints in a data folder.
pub const FOLDER: &str = "checkpoints";
const FILE: &str = "checkpoints.jsonl";
const KEY: &str = "signing.key";
const PUBLIC: &str = "signing.pub";

impl Checkpoints {
    /// The checkpoints in a folder. Makes the folder and a key when there is none.
    ///
    /// # Errors
    /// When the disk refuses, or what is there cannot be read.
    pub fn open(folder: &Path) -> Result<Self, CheckpointError> {
        folder::make(folder).map_err(|reason| disk(folder, reason))?;
        let key = key_in(folder)?;
        cut_torn_line(folder)?;
        let mut trees = BTreeMap::new();
        for checkpoint in read(folder)? {
            // One that does not give its own root is started anew from the chain; `verify` names it.
            let tree = checkpoint.tree().unwrap_or_default();
            trees.insert(checkpoint.district, tree);
        }
        Ok(Self { folder: folder.into(), key, trees })
    }

    /// Districts whose journal ends before what was signed: district, signed position, end.
    pub fn beyond(&self, journal: &Journal) -> Vec<(String, u64, u64)> {
        let signed = self.trees.iter().map(|(district, tree)| (district, tree.size(), journal.head(district).seq));
        let beyond = signed.filter(|(_, signed, end)| signed > end);
        beyond.map(|(district, signed, end)| (district.clone(), signed, end)).collect()
    }

    /// Signs the end of every chain that moved since. Gives how many were signed.
    ///
    /// # Errors
    /// When the disk refuses or the journal cannot be read.
    pub fn sign(&mut self, journal: &Journal, at: &str) -> Result<usize, CheckpointError> {
        let mut lines = Vec::new();
        let mut signed = 0;
        let behind = journal.heads().into_iter().map(|(district, head)| {
            let size = self.trees.get(&district).map_or(0, Tree::size);
            (district, head.seq, size)
        });
        let behind = behind.filter(|(_, seq, size)| size < seq).map(|(district, _, size)| (district, size)).collect();
        let mut last = BTreeMap::new();
        for record in journal.read_onward(&behind) {
            let record = record?;
            self.trees.entry(record.district.clone()).or_default().add(&record.hash);
            last.insert(record.district, Head { seq: record.seq, hash: record.hash });
        }
        for (district, head) in last {
            let tree = &self.trees[&district];
            let checkpoint = signed_by(&self.key, district, head, tree, at);
            serde_json::to_writer(&mut lines, &checkpoint).expect("a checkpoint holds only what JSON can say");
            lines.push(b'\n');
            signed += 1;
        }
        if signed > 0 {
            let file = self.folder.join(FILE);
            let append = || {
                let mut handle = OpenOptions::new().create(true).append(true).open(&file)?;
                handle.write_all(&lines)?;
                handle.sync_all()?;
                folder::sync(&self.folder)
            };
            append().map_err(|reason| disk(&file, reason))?;
        }
        Ok(signed)
    }
}

fn signed_by(key: &SigningKey, district: String, head: Head, tree: &Tree, at: &str) -> Checkpoint {
    let mut checkpoint = Checkpoint {
        district,
        seq: head.seq,
        hash: hexadecimal(&head.hash),
        root: hexadecimal(&tree.root()),
        at: at.into(),
        subtrees: tree.subtrees().iter().map(|hash| hexadecimal(hash)).collect(),
        key: hexadecimal(key.verifying_key().as_bytes()),
        signature: String::new(),
    };
    checkpoint.signature = hexadecimal(&key.sign(checkpoint.statement().as_bytes()).to_bytes());
    checkpoint
}

/// All checkpoints in a folder, oldest first; none when it has none.
///
/// A line that was being written when the power went may have kept any part of itself. What cannot be read proves nothing
/// and is left out; whoever could garble a line could also have deleted it.
///
/// # Errors
/// When the disk refuses.
pub fn read(folder: &Path) -> Result<Vec<Checkpoint>, CheckpointError> {
    let file = folder.join(FILE);
    let bytes = match std::fs::read(&file) {
        Ok(bytes) => bytes,
        Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(reason) => return Err(disk(&file, reason)),
    };
    let whole = &bytes[..whole(&bytes)];
    let lines = whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut checkpoints = Vec::new();
    for line in lines {
        match serde_json::from_slice(line) {
            Ok(checkpoint) => checkpoints.push(checkpoint),
            Err(reason) => {
                tracing::warn!(target: "muster::checkpoint", file = %file.display(), %reason, "a torn line is left out");
            }
        }
    }
    Ok(checkpoints)
}

/// How many bytes are lines with an end.
fn whole(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

/// Takes away a last line without its end, so that the next one begins on its own.
fn cut_torn_line(folder: &Path) -> Result<(), CheckpointError> {
    let file = folder.join(FILE);
    let cut = || match std::fs::read(&file) {
        Ok(bytes) if whole(&bytes) < bytes.len() => {
            let handle = OpenOptions::new().write(true).open(&file)?;
            handle.set_len(whole(&bytes) as u64)?;
            handle.sync_all()
        }
        Err(reason) if reason.kind() != std::io::ErrorKind::NotFound => Err(reason),
        _ => Ok(()),
    };
    cut().map_err(|reason| disk(&file, reason))
}

/// Compares checkpoints with a journal. Gives how many hold, or the first fault in words.
///
/// # Errors
/// When the journal cannot be read.
pub fn check(
    checkpoints: &[Checkpoint],
    journal: &Journal,
    key: Option<&str>,
) -> Result<Result<usize, String>, CheckpointError> {
    let mut by_district = BTreeMap::<&str, Vec<&Checkpoint>>::new();
    for checkpoint in checkpoints {
        let Checkpoint { district, seq, at, .. } = checkpoint;
        if !checkpoint.is_signed() || key.is_some_and(|key| key != checkpoint.key) {
            return Ok(Err(format!(
                "the checkpoint of {district} at entry {seq} ({at}) does not bear the host's signature"
            )));
        }
        by_district.entry(district).or_default().push(checkpoint);
    }
    for (district, mut signed) in by_district {
        signed.sort_by_key(|checkpoint| checkpoint.seq);
        let head = journal.head(district);
        if let Some(Checkpoint { seq, at, .. }) = signed.last().filter(|last| last.seq > head.seq) {
            let end = head.seq;
            return Ok(Err(format!(
                "{district}: entry {seq} was signed at {at}, but the journal ends at entry {end}: its tail was cut"
            )));
        }
        let mut tree = Tree::default();
        let mut waiting = signed.into_iter().peekable();
        for record in journal.read(district, 1) {
            let record = record?;
            tree.add(&record.hash);
            while let Some(checkpoint) = waiting.next_if(|checkpoint| checkpoint.seq == record.seq) {
                if hexadecimal(&record.hash) != checkpoint.hash || hexadecimal(&tree.root()) != checkpoint.root {
                    let Checkpoint { seq, at, .. } = checkpoint;
                    return Ok(Err(format!(
                        "{district}: the entries up to {seq} are not those that were signed at {at}: the chain was written anew"
                    )));
                }
            }
        }
    }
    Ok(Ok(checkpoints.len()))
}

/// The key in a folder; a new one when there is none, for nobody but its owner to read. The public one lies beside it.
fn key_in(folder: &Path) -> Result<SigningKey, CheckpointError> {
    let file = folder.join(KEY);
    let key = match std::fs::read_to_string(&file) {
        Ok(text) => {
            let reason = "it is no key of 64 hexadecimal digits; restore it, or move it away to begin a new one";
            let unreadable = || CheckpointError::Unreadable { file: file.clone(), line: 1, reason: reason.into() };
            SigningKey::from_bytes(&unhexed(text.trim()).ok_or_else(unreadable)?)
        }
        Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => {
            let mut seed = [0; 32];
            let made = rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty());
            made.map_err(|reason| disk(&file, reason.into()))?;
            keep(&file, &hexadecimal(&seed), 0o600)?;
            SigningKey::from_bytes(&seed)
        }
        Err(reason) => return Err(disk(&file, reason)),
    };
    let public = folder.join(PUBLIC);
    let wanted = hexadecimal(key.verifying_key().as_bytes());
    if std::fs::read_to_string(&public).is_ok_and(|text| text.trim() == wanted) {
        return Ok(key);
    }
    keep(&public, &wanted, 0o644)?;
    Ok(key)
}

/// Writes a line to a file, durably and whole or not at all.
fn keep(file: &Path, line: &str, mode: u32) -> Result<(), CheckpointError> {
    let keep = || {
        let fresh = file.with_extension("new");
        let mut handle = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&fresh)?;
        writeln!(handle, "{line}")?;
        handle.sync_all()?;
        std::fs::rename(&fresh, file)?;
        file.parent().map_or(Ok(()), folder::sync)
    };
    keep().map_err(|reason| disk(file, reason))
}

pub(crate) fn unhexed<const COUNT: usize>(text: &str) -> Option<[u8; COUNT]> {
    let digits = text.as_bytes();
    if digits.len() != COUNT * 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; COUNT];
    for (byte, place) in bytes.iter_mut().zip((0..text.len()).step_by(2)) {
        *byte = u8::from_str_radix(&text[place..place + 2], 16).ok()?;
    }
    Some(bytes)
}

fn disk(place: &Path, reason: std::io::Error) -> CheckpointError {
    CheckpointError::Disk { what: place.display().to_string(), reason }
}
