//! What every adapter is: bytes in, events or a refusal out. It reads no clock and opens nothing.

use muster_kernel::{Event, Instant};

use crate::earlier::Earlier;
use crate::refusal::{Place, Refusal};

/// One thing that was said, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where in the input. A refusal may name a place within it.
    pub place: Place,
    /// An event, or why this part was not taken while the rest was.
    pub read: Result<Event, Refusal>,
}

/// What an adapter must be told beside the bytes.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// When the bytes arrived.
    pub now: Instant,
    /// What the source has said before, for messages that take something back.
    pub earlier: &'a dyn Earlier,
}

/// Reads one format. Made from the settings of one source; the same bytes at the same moment give the same items.
pub trait Adapter: Send + Sync {
    /// Reads what the bytes say, in their order.
    ///
    /// # Errors
    /// When nothing of it can be taken. Formats that hold several messages refuse single ones by an [`Item`].
    fn read(&self, bytes: &[u8], moment: &Moment<'_>) -> Result<Vec<Item>, Refusal>;
}
