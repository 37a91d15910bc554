//! The deny-list: packages and keys that must not be believed any more, signed by those who may revoke.
//!
//! The file holds whole lists, each with a sequence number; the highest that is rightly signed is the list. A host that
//! has seen one never goes back: taking an entry back is a weakening, and needs more holders than adding one.

use muster_kernel::{Digest, Instant};

use super::judge::read;
use super::votes::Standard;
use super::{Office, Reason, Signer, Trust};
use crate::attestation::{Attestations, Denied, DenyEntry, DenyStatement, KeyId, Predicate};

/// A deny-list, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenyList {
    /// Its sequence number; 0 when there is none.
    pub sequence: u64,
    /// When it was issued, as its signers claim; `None` when there is no list.
    pub issued: Option<Instant>,
    /// What is denied.
    pub entries: Vec<DenyEntry>,
    /// SHA-256 of the list, the same for every signer.
    pub digest: Digest,
    /// Who signed, each holder once.
    pub signers: Vec<Signer>,
    /// What did not count in the file, and why.
    pub faults: Vec<Reason>,
}

/// Why a deny-list does not take effect. The one in force stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DenyError {
    /// No list in the file is signed by enough revokers.
    #[error("no list in the deny-list file is signed by enough revokers ({needed} needed){}; the list in force stays", super::reason::because(.faults))]
    NotSigned {
        /// How many distinct holders it needs.
        needed: usize,
        /// What did not count, and why.
        faults: Vec<Reason>,
    },
    /// An older list than the one in force.
    #[error("the deny-list has sequence {given}, but {known} was seen already; put back the newer list")]
    Rollback {
        /// Its sequence.
        given: u64,
        /// The sequence in force.
        known: u64,
    },
    /// Two lists of one sequence.
    #[error("there are two different deny-lists with sequence {0}; let the revokers sign one with a higher sequence")]
    Forked(u64),
    /// Something is taken back, and too few agree.
    #[error(
        "the deny-list takes {taken_back} back, which {needed} distinct revokers must sign; {signed} did: have another sign with `muster revoke --cosign`"
    )]
    Weakens {
        /// What is taken back, in words.
        taken_back: String,
        /// How many distinct holders it needs.
        needed: usize,
        /// How many signed.
        signed: usize,
    },
}

impl DenyList {
    /// No list.
    pub fn none() -> Self {
        Self {
            sequence: 0,
            issued: None,
            entries: Vec::new(),
            digest: Digest::of(b""),
            signers: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Reads the newest list that enough revokers signed.
    ///
    /// # Errors
    /// When there is no such list, or two of one sequence.
    pub fn read(file: &Attestations, trust: &Trust, at: Instant) -> Result<Self, DenyError> {
        let none = Self::none();
        let standard = Standard { trust, deny: &none, at, place: None };
        let mut faults = Vec::new();
        let mut lists: Vec<Self> = Vec::new();
        for line in &file.lines {
            match &line.envelope {
                Ok(envelope) => {
                    let keys = standard.authentic(line.number, envelope, &mut faults);
                    let Some(statement) = read(line.number, envelope, &keys, &mut faults) else { continue };
                    let Predicate::DenyList(list) = statement.predicate else { continue };
                    let statement = envelope.statement_digest();
                    for key in keys {
                        match standard.admits(line.number, key, Office::Revoker) {
                            Ok(()) => {
                                let (holder, key) = (key.holder.clone(), key.id.clone());
                                add(&mut lists, &list, Signer { holder, office: Office::Revoker, key, statement });
                            }
                            Err(reason) => faults.push(reason),
                        }
                    }
                }
                Err(what) => faults.push(Reason::Malformed { line: line.number, what: what.to_string() }),
            }
        }
        let needed = trust.change.strengthen;
        lists.retain(|list| list.signers.len() >= needed);
        lists.sort_by_key(|list| list.sequence);
        let Some(mut newest) = lists.pop() else { return Err(DenyError::NotSigned { needed, faults }) };
        if lists.last().is_some_and(|other| other.sequence == newest.sequence) {
            return Err(DenyError::Forked(newest.sequence));
        }
        newest.faults = faults;
        Ok(newest)
    }

    /// Whether this list may follow the one in force.
    ///
    /// A revoker whose key the list in force denies has no say in what follows.
    ///
    /// # Errors
    /// When it is older, or takes something back without enough holders.
    pub fn may_follow(&self, known: &Self, trust: &Trust, at: Instant) -> Result<(), DenyError> {
        if self.sequence < known.sequence {
            return Err(DenyError::Rollback { given: self.sequence, known: known.sequence });
        }
        if self.sequence == known.sequence {
            return if self.digest == known.digest { Ok(()) } else { Err(DenyError::Forked(self.sequence)) };
        }
        let signed = self.signers.iter().filter(|signer| known.key_denied(&signer.key, at).is_none()).count();
        let needed = trust.change.strengthen;
        if signed < needed {
            return Err(DenyError::NotSigned { needed, faults: self.faults.clone() });
        }
        let taken_back = known.entries.iter().find(|entry| !self.keeps(entry));
        match taken_back {
            Some(entry) if signed < trust.change.weaken => {
                let taken_back = match &entry.denied {
                    Denied::Package(digest) => format!("package {}", digest.short()),
                    Denied::Key(key) => format!("key {key}"),
                };
                Err(DenyError::Weakens { taken_back, needed: trust.change.weaken, signed })
            }
            _ => Ok(()),
        }
    }

    /// The entry that denies this package by now.
    pub fn package_denied(&self, package: &Digest, at: Instant) -> Option<&DenyEntry> {
        self.denied(at, |denied| matches!(denied, Denied::Package(digest) if digest == package))
    }

    /// The entry that denies this key by now.
    pub fn key_denied(&self, key: &KeyId, at: Instant) -> Option<&DenyEntry> {
        self.denied(at, |denied| matches!(denied, Denied::Key(id) if id == key))
    }

    /// The next list: this one with changed entries, for its signers to sign.
    pub fn next(&self, entries: Vec<DenyEntry>, at: Instant) -> DenyStatement {
        DenyStatement { sequence: self.sequence.saturating_add(1), entries, at }
    }

    fn denied(&self, at: Instant, is: impl Fn(&Denied) -> bool) -> Option<&DenyEntry> {
        self.entries.iter().filter(|entry| is(&entry.denied) && entry.since <= at).min_by_key(|entry| entry.since)
    }

    /// Whether an entry still holds in this list, no later than before.
    fn keeps(&self, entry: &DenyEntry) -> bool {
        self.entries.iter().any(|other| other.denied == entry.denied && other.since <= entry.since)
    }
}

/// Adds a signature to the list that it stands under. Each holder counts once.
fn add(lists: &mut Vec<DenyList>, list: &DenyStatement, signer: Signer) {
    let digest = list.digest();
    if lists.iter().all(|known| known.digest != digest) {
        let (sequence, entries) = (list.sequence, list.entries.clone());
        lists.push(DenyList { sequence, issued: Some(list.at), entries, digest, ..DenyList::none() });
    }
    let known = lists.iter_mut().find(|known| known.digest == digest).expect("it was added if it was not there");
    if known.signers.iter().all(|other| other.holder != signer.holder) {
        known.signers.push(signer);
    }
}
