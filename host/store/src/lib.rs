//! Storage: the journal that is the truth, the sled view that can be rebuilt, the vault of exact bytes, rows that must
//! not be lost, and the cache of compiled programs.
//!
//! The only crate that touches the disk or says sled. It knows nothing of events or policies: payloads are bytes.

pub mod backup;
mod batches;
pub mod checkpoint;
pub mod compiled;
mod error;
mod folder;
mod journal;
mod kept;
mod known;
mod lock;
mod media;
pub mod merkle;
mod proof;
mod record;
mod records;
mod segment;
mod vault;
mod view;
mod walk;
mod writer;

pub use batches::{Batches, BatchesError, RowChange};
pub use checkpoint::{Checkpoint, CheckpointError, Checkpoints};
pub use compiled::{Compiled, CompiledError};
pub use error::{AppendError, Error};
pub use journal::{Journal, Opened, Options, VerifyReport};
pub use kept::Kept;
pub use known::Head;
pub use lock::{DataLock, lock};
pub use media::{Disk, Media, MemoryMedia, Segment};
pub use proof::{Proof, ProofError};
pub use record::Record;
pub use vault::{Vault, VaultError};
pub use view::{Loaded, Rows, View, ViewError};
pub use writer::Writer;
