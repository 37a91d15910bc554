//! Proof that one entry stands in a district's chain, for someone who has neither the journal nor trust in the host: the
//! entry itself, the way from it up to the root of the tree, and the checkpoint in which the host signed that root.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::checkpoint::{Checkpoint, unhexed};
use crate::error::Error;
use crate::journal::Journal;
use crate::merkle::{self, Hash};
use crate::vault::hexadecimal;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] Error),
    /// There is no such entry.
    #[error("{district} has no entry {seq}; its journal ends at {end}")]
    NoEntry {
        /// The district.
        district: String,
        /// The position asked for.
        seq: u64,
        /// Where the chain ends.
        end: u64,
    },
    /// No checkpoint covers it yet.
    #[error("entry {seq} of {district} is not under a signed checkpoint yet; a running host signs one each minute")]
    NotSigned {
        /// The district.
        district: String,
        /// The position asked for.
        seq: u64,
    },
}

/// Proof that an entry stands at its place. Hashes are hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The district.
    pub district: String,
    /// Position of the entry.
    pub seq: u64,
    /// The entry, to the byte.
    pub entry: String,
    /// What the entry's hash is joined with, from the leaf up (RFC 6962, 2.1.1).
    pub path: Vec<String>,
    /// The first checkpoint that covers the entry.
    pub checkpoint: Checkpoint,
}

impl Proof {
    /// The proof of an entry.
    ///
    /// # Errors
    /// When there is no such entry, no checkpoint that covers it, or the journal cannot be read.
    pub fn of(journal: &Journal, checkpoints: &[Checkpoint], district: &str, seq: u64) -> Result<Self, ProofError> {
        let end = journal.head(district).seq;
        if seq == 0 || seq > end {
            return Err(ProofError::NoEntry { district: district.into(), seq, end });
        }
        let covering =
            checkpoints.iter().filter(|found| found.district == district && (seq..=end).contains(&found.seq));
        let checkpoint = covering.min_by_key(|found| found.seq);
        let checkpoint = checkpoint.ok_or_else(|| ProofError::NotSigned { district: district.into(), seq })?.clone();
        let mut hashes: Vec<Hash> = Vec::new();
        let mut entry = String::new();
        for record in journal.read(district, 1) {
            let record = record?;
            if record.seq == seq {
                entry = String::from_utf8_lossy(&record.payload).into_owned();
            }
            hashes.push(record.hash);
            if record.seq == checkpoint.seq {
                break;
            }
        }
        let position = usize::try_from(seq - 1).unwrap_or(usize::MAX);
        let path = merkle::path(&hashes, position).unwrap_or_default();
        let path = path.iter().map(|hash| hexadecimal(hash)).collect();
        Ok(Self { district: district.into(), seq, entry, path, checkpoint })
    }

    /// Whether it holds, against a public key in hexadecimal digits that was got elsewhere, or the one it names itself.
    ///
    /// # Errors
    /// What does not hold, in words.
    pub fn holds(&self, key: Option<&str>) -> Result<(), String> {
        let Self { district, seq, entry, path, checkpoint } = self;
        if !checkpoint.is_signed() || key.is_some_and(|key| key != checkpoint.key) {
            return Err("the checkpoint does not bear the host's signature".into());
        }
        let stated: serde_json::Value =
            serde_json::from_str(entry).map_err(|reason| format!("the entry cannot be read: {reason}"))?;
        let same_place = stated["district"] == **district && stated["seq"] == *seq;
        if checkpoint.district != *district || !same_place {
            return Err(format!("the entry is not entry {seq} of {district}"));
        }
        let path: Option<Vec<Hash>> = path.iter().map(|text| unhexed(text)).collect();
        let hash: Hash = Sha256::digest(entry.as_bytes()).into();
        let root = path.and_then(|path| merkle::root_of(&hash, seq.checked_sub(1)?, checkpoint.seq, &path));
        if root.map(|root| hexadecimal(&root)).as_deref() == Some(checkpoint.root.as_str()) {
            Ok(())
        } else {
            Err(format!("the entry was changed, or does not stand at {seq} under what was signed at {}", checkpoint.at))
        }
    }
}
