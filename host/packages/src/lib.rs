//! Packages at rest: policy components with their manifest, and the settings they run with.
//!
//! It reads and writes bytes and never runs them: no engine here, no async, no network.

mod build;
mod component;
mod manifest;
pub mod settings;

pub use build::{BuildError, Built, build};
pub use component::{ComponentError, componentize};
pub use manifest::{Manifest, Package, PackageError};
