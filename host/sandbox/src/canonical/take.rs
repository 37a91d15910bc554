//! Values from a guest's memory. Every address, length and case is the guest's word, and is checked.

use wasmtime::bail;

use super::{Laid, Layout};

/// A value that can be read from a guest.
pub(crate) trait Take: Laid + Sized {
    /// Reads a value from its bytes, and what it points to from the guest.
    ///
    /// # Errors
    /// When the bytes are not a value of the contract, or too much is copied.
    fn take(guest: &mut Taking<'_>, bytes: &[u8]) -> wasmtime::Result<Self>;
}

/// A guest that is read from: once, by one question or one answer.
pub(crate) struct Taking<'a> {
    memory: &'a [u8],
    /// What may still be copied, in the engine's units: a text's bytes, and a list's elements by their size on the host.
    left: usize,
}

/// The engine's words: its type for it is private, and a failure is told by them.
#[derive(Debug, thiserror::Error)]
#[error(
    "too much data is being copied between the host and the guest: fuel allocated for hostcalls has been exhausted"
)]
struct TooMuchCopied;

/// A guest named a case that its type does not have.
pub(crate) fn no_such_case<T>(number: u32) -> wasmtime::Result<T> {
    bail!("unexpected discriminant: {number}")
}

/// The place that a guest names for a value, if it is one.
pub(super) fn place(at: u32, layout: Layout, memory: &[u8]) -> wasmtime::Result<usize> {
    let at = usize::try_from(at)?;
    if at % layout.align != 0 {
        bail!("pointer not aligned");
    }
    let Some(end) = at.checked_add(layout.size) else { bail!("pointer size overflow") };
    if end > memory.len() {
        bail!("pointer out of bounds");
    }
    Ok(at)
}

impl<'a> Taking<'a> {
    /// Reads up to `transfer` units from a guest's memory.
    pub(crate) fn new(memory: &'a [u8], transfer: usize) -> Self {
        Self { memory, left: transfer }
    }

    /// An answer, from where the guest says that it lies.
    pub(crate) fn answer<T: Take>(&mut self, at: u32) -> wasmtime::Result<T> {
        let at = usize::try_from(at)?;
        if at % T::LAYOUT.align != 0 {
            bail!("return pointer not aligned");
        }
        let bytes = self.memory.get(at..).and_then(|rest| rest.get(..T::LAYOUT.size));
        let Some(bytes) = bytes else { bail!("pointer out of bounds of memory") };
        T::take(self, bytes)
    }

    /// What a question hands over in one place, because it is more than a call has room for.
    pub(crate) fn handed_over<T: Take>(&mut self, at: u32) -> wasmtime::Result<T> {
        let at = place(at, T::LAYOUT, self.memory)?;
        T::take(self, &self.memory[at..at + T::LAYOUT.size])
    }

    /// A text by its address and length.
    pub(crate) fn text(&mut self, at: u32, length: u32) -> wasmtime::Result<&'a str> {
        let (at, length) = (usize::try_from(at)?, usize::try_from(length)?);
        let end = at.checked_add(length).filter(|end| *end <= self.memory.len());
        let Some(end) = end else { bail!("string pointer/length out of bounds of memory") };
        self.charge(Some(length))?;
        Ok(std::str::from_utf8(&self.memory[at..end])?)
    }

    /// A list by its address and length.
    pub(crate) fn list<T: Take>(&mut self, at: u32, length: u32) -> wasmtime::Result<Vec<T>> {
        const { assert!(T::LAYOUT.size > 0, "the contract has no lists of nothing") }
        let (at, length) = (usize::try_from(at)?, usize::try_from(length)?);
        let end = length.checked_mul(T::LAYOUT.size).and_then(|size| at.checked_add(size));
        let Some(end) = end.filter(|end| *end <= self.memory.len()) else {
            bail!("list pointer/length out of bounds of memory")
        };
        self.charge(length.checked_mul(size_of::<T>()))?;
        if at % T::LAYOUT.align != 0 {
            bail!("list pointer is not aligned");
        }
        let mut values = Vec::with_capacity(length);
        for bytes in self.memory[at..end].chunks_exact(T::LAYOUT.size) {
            values.push(T::take(self, bytes)?);
        }
        Ok(values)
    }

    fn charge(&mut self, units: Option<usize>) -> wasmtime::Result<()> {
        let left = units.and_then(|units| self.left.checked_sub(units));
        self.left = left.ok_or_else(|| wasmtime::Error::new(TooMuchCopied))?;
        Ok(())
    }
}

macro_rules! numbers {
    ($($number:ty)+) => {$(
        impl Take for $number {
            fn take(_: &mut Taking<'_>, bytes: &[u8]) -> wasmtime::Result<Self> {
                Ok(Self::from_le_bytes(bytes.try_into()?))
            }
        }
    )+};
}

numbers! { u8 i16 u32 i64 }

impl Take for bool {
    fn take(_: &mut Taking<'_>, bytes: &[u8]) -> wasmtime::Result<Self> {
        Ok(bytes[0] != 0)
    }
}

fn pointer(guest: &mut Taking<'_>, bytes: &[u8]) -> wasmtime::Result<(u32, u32)> {
    Ok((u32::take(guest, &bytes[..4])?, u32::take(guest, &bytes[4..8])?))
}

impl Take for String {
    fn take(guest: &mut Taking<'_>, bytes: &[u8]) -> wasmtime::Result<Self> {
        let (at, length) = pointer(guest, bytes)?;
        guest.text(at, length).map(str::to_owned)
    }
}

impl<T: Take> Take for Vec<T> {
    fn take(guest: &mut Taking<'_>, bytes: &[u8]) -> wasmtime::Result<Self> {
        let (at, length) = pointer(guest, bytes)?;
        guest.list(at, length)
    }
}

impl<T: Take> Take for Option<T> {
    fn take(guest: &mut Taking<'_>, bytes: &[u8]) -> wasmtime::Result<Self> {
        match bytes[0] {
            0 => Ok(None),
            1 => T::take(guest, &bytes[const { Self::LAYOUT.held(T::LAYOUT) }.range()]).map(Some),
            _ => bail!("invalid option discriminant"),
        }
    }
}

impl<T: Take, E: Take> Take for Result<T, E> {
    fn take(guest: &mut Taking<'_>, bytes: &[u8]) -> wasmtime::Result<Self> {
        match bytes[0] {
            0 => T::take(guest, &bytes[const { Self::LAYOUT.held(T::LAYOUT) }.range()]).map(Ok),
            1 => E::take(guest, &bytes[const { Self::LAYOUT.held(E::LAYOUT) }.range()]).map(Err),
            _ => bail!("invalid expected discriminant"),
        }
    }
}
