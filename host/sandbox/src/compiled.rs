//! The compiled form of a program as bytes: the component, and its module when that is called directly. What the engine made, it
//! hands over unread.

use serde::{Deserialize, Serialize};

use crate::direct::Names;

/// Parts of a compiled program.
#[derive(Serialize, Deserialize)]
pub(crate) struct Compiled {
    /// What the engine made of the component.
    pub(crate) component: Vec<u8>,
    /// What it made of the module, and the module's names, when calls go there.
    pub(crate) module: Option<(Vec<u8>, Names)>,
}
