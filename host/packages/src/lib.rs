//! Packages at rest: policy components with their manifest, the settings they run with, and who answers for them.
//!
//! It reads and writes bytes and never runs them: no engine here, no async, no network, no clock.

pub mod attestation;
mod build;
mod component;
mod manifest;
pub mod settings;
pub mod trust;

pub use build::{BuildError, Built, build};
pub use component::{ComponentError, componentize};
pub use manifest::{Manifest, Package, PackageError};
