//! The sandbox: one guest call within limits, and how it ended.
//!
//! It runs policy components with wasmtime. It knows nothing of files, journals or networks, and it decides nothing: an
//! answer that comes back from here is still only a proposal. A guest starts with nothing; what it may ask is granted
//! call by call, what it may use is counted.

mod abi;
mod canonical;
mod capability;
mod compiled;
mod context;
mod direct;
mod engine;
mod joins;
mod limits;
mod margins;
mod policies;
mod program;
mod shape;
mod version;

pub use capability::{Capabilities, Capability, UnknownCapability};
pub use engine::{Engine, EngineError};
pub use limits::{Limits, Wanted};
pub use margins::{Margins, Resource, Seen, Used};
pub use policies::{Bound, PolicySet, Watch};
pub use program::{CompileError, Program};
pub use shape::{Shape, ShapeError};
pub use version::CONTRACT;
