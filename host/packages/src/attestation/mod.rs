//! Detached attestations: who says what about which exact bytes.
//!
//! A statement (in-toto Statement v1) is wrapped in a signed envelope (DSSE v1), one envelope a line, in a file beside
//! what it speaks of: `triage.wasm` and `triage.wasm.dsse.jsonl`. So attesting never changes the bytes attested.
//! Nothing here decides whom to believe: that is the business of [`trust`](crate::trust).

mod envelope;
mod key;
mod statement;

use muster_kernel::Digest;

pub use envelope::{Envelope, EnvelopeError, PAYLOAD_TYPE, Signature};
pub use key::{KeyError, KeyId, PublicKey, SecretKey};
pub use statement::{
    Approval, ApprovalKind, Conformance, ConformanceResult, Denied, DenyEntry, DenyStatement, Predicate, Release,
    ReleaseOffice, Statement, StatementError, Subject, TrustChange,
};

/// What is appended to a file's name to name its attestations.
pub const SUFFIX: &str = ".dsse.jsonl";
/// The largest file that is read: some hundred times what honest signers leave beside a package.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// The most envelopes in a file.
pub const LINES_MAX: usize = 256;

/// All that stands in one file of attestations. Lines that cannot be read are kept as what is wrong with them: they
/// count for nothing, and are named.
#[derive(Debug, Clone)]
pub struct Attestations {
    /// SHA-256 of the file's bytes; of no bytes when there is no file.
    pub digest: Digest,
    /// The lines that are not empty.
    pub lines: Vec<Line>,
}

/// One line of a file of attestations.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its number in the file, counted from 1.
    pub number: usize,
    /// The envelope, or why there is none.
    pub envelope: Result<Envelope, EnvelopeError>,
}

/// Why a file of attestations is not read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttestationsError {
    /// Larger than any such file may be.
    #[error("the attestations have {0} bytes; at most {FILE_BYTES_MAX} are read: keep only what speaks of this file")]
    TooLarge(usize),
    /// More lines than any such file may have.
    #[error("the attestations have more than {LINES_MAX} lines: keep only what speaks of this file")]
    TooManyLines,
    /// Not text.
    #[error("the attestations are not UTF-8 text; restore the file from whoever signed it")]
    NotText,
}

impl Attestations {
    /// No file, no attestations.
    pub fn none() -> Self {
        Self { digest: Digest::of(b""), lines: Vec::new() }
    }

    /// Reads a file: one JSON envelope a line. No signature is checked here.
    ///
    /// # Errors
    /// When the file as a whole is too large or is no text.
    pub fn read(bytes: &[u8]) -> Result<Self, AttestationsError> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(AttestationsError::TooLarge(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| AttestationsError::NotText)?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let lines = lines.take(LINES_MAX + 1);
        let lines = lines.map(|(index, line)| Line { number: index + 1, envelope: Envelope::read(line) });
        let lines: Vec<Line> = lines.collect();
        if lines.len() > LINES_MAX {
            return Err(AttestationsError::TooManyLines);
        }
        Ok(Self { digest: Digest::of(bytes), lines })
    }

    /// The envelopes that can be read.
    pub fn envelopes(&self) -> impl Iterator<Item = &Envelope> {
        self.lines.iter().filter_map(|line| line.envelope.as_ref().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_within_its_bounds() {
        assert!(Attestations::read(b"\n\n").expect("empty lines are nothing").lines.is_empty());
        assert_eq!(
            Attestations::read(&vec![b'\n'; FILE_BYTES_MAX + 1]).expect_err("too large"),
            AttestationsError::TooLarge(FILE_BYTES_MAX + 1)
        );
        let many = "{}\n".repeat(LINES_MAX + 1);
        assert_eq!(Attestations::read(many.as_bytes()).expect_err("too many"), AttestationsError::TooManyLines);
        assert_eq!(Attestations::read(b"\xff\n").expect_err("no text"), AttestationsError::NotText);
    }

    #[test]
    fn a_line_that_cannot_be_read_keeps_its_number() {
        let read = Attestations::read(b"\nnonsense\n").expect("a file");
        assert_eq!(read.lines[0].number, 2);
        assert!(matches!(read.lines[0].envelope, Err(EnvelopeError::Malformed(_))));
        assert_eq!(read.envelopes().count(), 0);
    }
}
