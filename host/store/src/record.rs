//! The bytes of one record. See `docs/journal-format.md`.
//!
//! ```text
//! length   u32 LE   bytes that follow the checksum
//! checksum u32 LE   CRC-32C of the bytes that follow it
//! version  u8       2
//! commit   u64 LE   where in the segment the write began that made this record durable
//! name     u8 + …   length and bytes of the district's id
//! seq      u64 LE
//! prev     32       hash of the record before, of the same district
//! hash     32       SHA-256 of the payload
//! payload  …        one entry as JSON
//! ```

use sha2::{Digest as _, Sha256};

/// Length and checksum.
pub(crate) const PREFIX: usize = 8;
/// What precedes the payload, without prefix and name.
const FIXED: usize = 1 + 8 + 1 + 8 + 32 + 32;
/// The largest record: far above any entry, far below any segment. No reader takes a larger one, so none is written.
pub(crate) const RECORD_BYTES_MAX: usize = 16 << 20;
const VERSION: u8 = 2;

/// One record of a district's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The district's id, at most 255 bytes.
    pub district: String,
    /// Position, from 1.
    pub seq: u64,
    /// Hash of the record before; zeros for the first.
    pub prev: [u8; 32],
    /// SHA-256 of the payload.
    pub hash: [u8; 32],
    /// One entry as JSON.
    pub payload: Vec<u8>,
}

/// A record where it stands among other bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordView<'a> {
    pub(crate) district: &'a str,
    pub(crate) seq: u64,
    pub(crate) prev: [u8; 32],
    pub(crate) hash: [u8; 32],
    pub(crate) payload: &'a [u8],
}

/// A record with what its frame says.
pub(crate) struct Framed<'a> {
    pub(crate) record: RecordView<'a>,
    /// Bytes of the whole frame.
    pub(crate) length: usize,
    /// Where in the segment the write began that this record was part of: all before it was durable by then.
    pub(crate) commit: u64,
}

/// What the bytes at a place are.
pub(crate) enum Read<'a> {
    /// A whole record.
    Record(Framed<'a>),
    /// Zeros or nothing: the journal ends here.
    End,
    /// Something else, with the reason.
    Bad(&'static str),
}

impl Record {
    /// What is written of the district's id.
    fn name(&self) -> &[u8] {
        &self.district.as_bytes()[..self.district.len().min(255)]
    }

    /// Bytes that follow the checksum: what [`RECORD_BYTES_MAX`] limits.
    pub(crate) fn length(&self) -> usize {
        FIXED + self.name().len() + self.payload.len()
    }

    /// Appends the record's bytes, as part of the write that begins at `commit`.
    pub(crate) fn write(&self, commit: u64, bytes: &mut Vec<u8>) {
        let (name, length) = (self.name(), self.length());
        bytes.reserve(PREFIX + length);
        bytes.extend_from_slice(&u32::try_from(length).expect("the writer takes none above its limit").to_le_bytes());
        let checksum_at = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        bytes.push(VERSION);
        bytes.extend_from_slice(&commit.to_le_bytes());
        bytes.push(u8::try_from(name.len()).expect("cut to 255 above"));
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&self.seq.to_le_bytes());
        bytes.extend_from_slice(&self.prev);
        bytes.extend_from_slice(&self.hash);
        bytes.extend_from_slice(&self.payload);
        let checksum = crc32c::crc32c(&bytes[checksum_at + 4..]);
        bytes[checksum_at..checksum_at + 4].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Whether the hash is that of the payload.
    pub(crate) fn hash_holds(&self) -> bool {
        Sha256::digest(&self.payload).as_slice() == self.hash
    }
}

impl<'a> RecordView<'a> {
    /// Reads the record at the beginning of the bytes.
    pub(crate) fn read(bytes: &'a [u8]) -> Read<'a> {
        let Some((prefix, rest)) = bytes.split_at_checked(PREFIX) else {
            return if bytes.iter().all(|byte| *byte == 0) { Read::End } else { Read::Bad("a cut prefix") };
        };
        let length = u32::from_le_bytes(prefix[..4].try_into().expect("four bytes")) as usize;
        if length == 0 && prefix.iter().all(|byte| *byte == 0) {
            return Read::End;
        }
        if !(FIXED..=RECORD_BYTES_MAX).contains(&length) {
            return Read::Bad("an impossible length");
        }
        let Some(body) = rest.get(..length) else { return Read::Bad("a cut record") };
        let checksum = u32::from_le_bytes(prefix[4..].try_into().expect("four bytes"));
        if crc32c::crc32c(body) != checksum {
            return Read::Bad("a wrong checksum");
        }
        match Self::parse(body) {
            Some((record, commit)) => Read::Record(Framed { record, length: PREFIX + length, commit }),
            None => Read::Bad("an unknown form"),
        }
    }

    fn parse(body: &'a [u8]) -> Option<(Self, u64)> {
        let (version, rest) = body.split_first()?;
        if *version != VERSION {
            return None;
        }
        let (commit, rest) = rest.split_at_checked(8)?;
        let (name_length, rest) = rest.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*name_length))?;
        let (seq, rest) = rest.split_at_checked(8)?;
        let (prev, rest) = rest.split_at_checked(32)?;
        let (hash, payload) = rest.split_at_checked(32)?;
        let record = Self {
            district: std::str::from_utf8(name).ok()?,
            seq: u64::from_le_bytes(seq.try_into().ok()?),
            prev: prev.try_into().ok()?,
            hash: hash.try_into().ok()?,
            payload,
        };
        Some((record, u64::from_le_bytes(commit.try_into().ok()?)))
    }

    /// How many bytes must be there to read what begins with these.
    pub(crate) fn wanted(bytes: &[u8]) -> usize {
        let length = bytes.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
        // What no record can be is told from its prefix.
        PREFIX + if length > RECORD_BYTES_MAX { 0 } else { length }
    }

    pub(crate) fn to_record(self) -> Record {
        let Self { district, seq, prev, hash, payload } = self;
        Record { district: district.into(), seq, prev, hash, payload: payload.to_vec() }
    }
}
