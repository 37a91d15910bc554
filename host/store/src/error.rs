//! What can go wrong with the journal, in words for the one who must act.

use std::sync::Arc;

/// The journal cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error("{what}: {reason}")]
    Disk {
        /// What was tried, with the file.
        what: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A record is damaged where no crash could have damaged it.
    #[error(
        "the journal is damaged: segment {segment}, byte {offset}: {reason}; nothing was changed: restore the segment \
         from a backup, or ask for the last record before it"
    )]
    Damaged {
        /// The segment's file name.
        segment: String,
        /// Where in it.
        offset: u64,
        /// What is wrong, with district and position where they can be read.
        reason: String,
    },
    /// Another process writes this folder.
    #[error("the data folder {folder} is in use by another process; stop that host first, or give another folder")]
    Locked {
        /// The folder.
        folder: String,
    },
}

impl Error {
    pub(crate) fn disk(what: impl Into<String>, reason: impl Into<std::io::Error>) -> Self {
        Self::Disk { what: what.into(), reason: reason.into() }
    }
}

/// Records were not made durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The journal stopped earlier, for this reason. Nothing is acknowledged until the host is started anew.
    #[error("the journal stopped: {0}, then restart the host")]
    Poisoned(Arc<str>),
    /// A record that no reader would take. Nothing of it was written, and nothing after it is.
    #[error(
        "district {district}: entry {seq} would take {bytes} bytes in the journal, where {most} are the most; nothing of \
         it was written, and the journal stopped: send less in one event, and restart the host, which then is as it was \
         before this entry"
    )]
    TooLarge {
        /// The district.
        district: String,
        /// The position of the entry.
        seq: u64,
        /// What it would take.
        bytes: usize,
        /// What it may take.
        most: usize,
    },
    /// The records do not continue the district's chain.
    #[error("district {district}: the records continue position {given}, the journal stands at {head}")]
    Head {
        /// The district.
        district: String,
        /// The position the records would follow.
        given: u64,
        /// The position of the journal.
        head: u64,
    },
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}
