//! The outbox (送达): what was decided reaches people and systems.
//!
//! It follows the journal's entries once they are durable and turns facts into messages to recipients: at least once,
//! in order for each recipient, never dropped in silence. Three layers:
//!
//! - [`Outbox`] decides. It is a pure state machine: time comes in as an argument, chance as a seed.
//! - [`Kept`] is what survives a stop: positions in the journal, not messages. [`Channel`] carries one message one way.
//! - [`Carrier`] runs the two with threads, a clock and the journal of the host.
//!
//! It never decides what is right in a crisis, never writes the journal, and never reads the state of a district: how a
//! fact is said, and what lies above a node, comes in behind [`DistrictView`].

mod about;
mod address;
mod carrier;
pub mod channel;
mod event;
mod kept;
mod machine;
mod message;
mod outcome;
mod secret;
pub mod settings;
mod subscription;
mod template;
mod view;

pub use address::{AddressClass, AddressPolicy};
pub use carrier::{Carrier, CarrierError, Clock, Journal, JournalError, Parts, SystemClock};
pub use channel::{Channel, Channels, Parcel};
pub use event::Event;
pub use kept::{Awaiting, Change, DeadLetter, Disabled, Hop, Kept, KeptError, Key, Memory, Progress, Row, read_row};
pub use machine::{Attempt, Command, CommandError, EndpointStatus, Limits, Outbox, RecipientStatus, Step, Wanted};
pub use message::{ChannelName, Language, Mark, Message, MessageId, Position, RecipientName, Urgency};
pub use outcome::{Outcome, Trouble};
pub use secret::{Secret, SecretError, SecretSource, SystemSecrets};
pub use settings::{Plan, Settings, SettingsError};
pub use subscription::{FactPattern, Subscription};
pub use template::{Fields, Template, TemplateError};
pub use view::{DistrictView, IncidentPlace, Said};
