//! Packages at rest: policy components with their manifest, the settings they run with, and who answers for them.
//!
//! It reads and writes bytes and never runs them: no engine here, no async, no network, no clock.

pub mod attestation;
mod build;
mod claims;
mod component;
mod contents;
mod contract;
mod manifest;
mod package;
pub mod schema;
pub mod self_test;
pub mod settings;
pub mod trust;

pub use build::{BuildError, Built, build};
pub use claims::{ClaimsError, Lie, check_claims};
pub use component::{ComponentError, componentize};
pub use contents::{Contents, DEPTH_MAX, FUNCTIONS_MAX, MODULES_MAX, NAMES_MAX, PACKAGE_BYTES_MAX, SECTIONS_MAX};
pub use contract::{Capability, ContractError, ContractRange, HOST_CONTRACT};
pub use manifest::{LANGUAGES, LimitsWanted, MANIFEST_BYTES_MAX, Manifest, ManifestError, MissingText};
pub use package::{Package, PackageError};
pub use schema::Schema;
pub use self_test::SelfTest;
