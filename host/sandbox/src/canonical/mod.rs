//! The contract's values in a guest's memory, as the component model's canonical ABI lays them out: 32-bit addresses, texts in
//! UTF-8. What the engine does for any component, done here for the contract's types alone, for guests that are called
//! directly (see `direct`).
//!
//! It does what the engine does, in the same order: the same calls of the guest's allocator, the same charges for what is
//! copied, the same words for what is wrong. A test compares the two over all policies. It must never trust an address, a
//! length or a number that a guest gave.

mod give;
mod layout;
mod take;

pub(crate) use give::{Give, Giving, Pointed};
pub(crate) use layout::{Laid, Layout};
pub(crate) use muster_abi_derive::{Give, Take};
pub(crate) use take::{Take, Taking, no_such_case};
use wasmtime::{Memory, TypedFunc};

/// A guest's allocator: old address, old size, alignment, size.
pub(crate) type Allocator = TypedFunc<(u32, u32, u32, u32), u32>;

/// The guest's side of a call: its memory, and how to get room there.
pub(crate) struct Guest {
    pub(crate) memory: Memory,
    pub(crate) allocator: Allocator,
}

/// Something was asked of a guest, or by it, before it was there. It cannot be: a module that runs while it is made is not called
/// directly. The engine has the same word for a component whose table is not filled yet.
pub(crate) fn no_guest() -> wasmtime::Error {
    wasmtime::Trap::IndirectCallToNull.into()
}
