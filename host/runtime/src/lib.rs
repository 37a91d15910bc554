//! The runtime: one actor per district around the pure kernel, on shard threads, over one journal.
//!
//! It gathers what waits, lets the kernel decide, makes the entry durable, and only then answers. It holds the clock and
//! the threads; it makes no decision of its own and speaks no HTTP.

pub mod activation;
mod bindings;
pub mod change;
mod clock;
pub mod cloudevent;
mod condition;
mod district;
pub mod folder;
mod follow;
mod host;
pub mod lint;
mod meant;
mod metrics;
mod notary;
mod open;
pub mod output;
mod past;
pub mod play;
mod priority;
mod recorded;
mod refusal;
mod reload;
mod revocation;
mod seats;
mod shard;
pub mod stage;
mod status;
pub mod verify;
mod view_keeper;
mod workshop;

pub use clock::{Clock, RealClock, VirtualClock};
pub use condition::Degradation;
pub use district::{Committed, exercise_of, is_exercise};
pub use follow::{Follower, FollowerStanding, RecipientStanding};
pub use host::{Host, HostError, HostOptions};
pub use metrics::{BrokerStanding, Edge};
pub use open::OpenError;
pub use past::AsOf;
pub use refusal::{NotPermitted, Permission, QueryError, SubmitError};
pub use status::{DistrictStatus, PolicyStatus};
pub use workshop::Workshop;

/// Rows that must not be lost, for those who keep some beside the journal.
pub use muster_store::{Batches, BatchesError, RowChange};
