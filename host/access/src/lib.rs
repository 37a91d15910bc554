//! Who may do what, at which node, and how they proved who they are.
//!
//! Everything is decided here from what is handed in: the identity, the wish, the tree, the instant. The crate reads no
//! clock and opens no socket; files, chance and fetched keys come in behind narrow traits. It must never grant by
//! default: what no row of the [`matrix`] allows is refused, and a proof that cannot be checked is no proof.
//!
//! - [`permits`] answers whether an identity may do an action on a target.
//! - [`token`], [`oidc`] and [`tls::client`] turn what a caller shows into an [`Identity`].
//! - [`guard`] slows those down who guess; [`second_person`] counts approvals; [`listen`] keeps an open port closed.

pub mod action;
pub mod guard;
pub mod identity;
pub mod listen;
pub mod matrix;
pub mod oidc;
mod permit;
#[cfg(test)]
mod permit_tests;
mod proof;
mod role;
pub mod second_person;
pub mod secret;
pub mod settings;
mod surroundings;
pub mod tls;
pub mod token;
mod words;

pub use action::{ActKind, Action};
pub use identity::{
    Binding, BindingError, Claim, Identity, NotTheirs, Post, Proof, SUBJECT_BYTES_MAX, Subject, SubjectError,
};
pub use matrix::Scope;
pub use permit::{Grounds, Refusal, Target, Tree, Verdict, permits};
pub use proof::{ProofFailure, UNAUTHENTICATED, bearer};
pub use role::AccessRole;
pub use secret::{Secret, SecretError, SecretReference};
pub use settings::{AccessSettings, Settings, SettingsError, TlsSettings};
pub use surroundings::{Chance, ChanceError, FileBytes, Surroundings, System};
pub use words::Words;
