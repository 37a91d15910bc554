//! Values into a guest's memory.

use std::sync::Arc;

use wasmtime::{AsContextMut, StoreContextMut, bail};

use super::{Guest, Laid, Layout, no_guest};
use crate::context::Context;

/// A value that can be written into a guest.
pub(crate) trait Give: Laid {
    /// Writes the value into its bytes, and what it points to into the guest.
    ///
    /// # Errors
    /// When the guest does not give room, or gives what is no room.
    fn give(&self, guest: &mut Giving<'_>, bytes: &mut [u8]) -> wasmtime::Result<()>;
}

/// A guest that is written to. Its handles are borrowed from the context for as long, which costs less than copies of them.
pub(crate) struct Giving<'a> {
    store: StoreContextMut<'a, Context>,
    guest: Guest,
}

impl<'a> Giving<'a> {
    /// Writes to the guest of a call.
    ///
    /// # Errors
    /// When there is no guest yet.
    pub(crate) fn to<T>(
        mut store: StoreContextMut<'a, Context>,
        give: impl FnOnce(&mut Self) -> wasmtime::Result<T>,
    ) -> wasmtime::Result<T> {
        let guest = store.data_mut().guest.take().ok_or_else(no_guest)?;
        let mut giving = Self { store, guest };
        let given = give(&mut giving);
        let Self { mut store, guest } = giving;
        store.data_mut().guest = Some(guest);
        given
    }

    /// Room in the guest, checked to lie within its memory.
    fn room(&mut self, align: usize, size: usize) -> wasmtime::Result<usize> {
        let (align, size_of_room) = (u32::try_from(align)?, u32::try_from(size)?);
        let before = self.store.data_mut().keep_within(true);
        let given = self.guest.allocator.call(self.store.as_context_mut(), (0, 0, align, size_of_room));
        self.store.data_mut().keep_within(before);
        let given = given?;
        if given % align != 0 {
            bail!("realloc return: result not aligned");
        }
        let given = usize::try_from(given)?;
        if self.guest.memory.data(&self.store).get(given..).and_then(|rest| rest.get(..size)).is_none() {
            bail!("realloc return: beyond end of memory");
        }
        Ok(given)
    }

    /// Writes a value into room of its own.
    pub(crate) fn value<T: Give>(&mut self, value: &T) -> wasmtime::Result<u32> {
        let at = self.room(T::LAYOUT.align, T::LAYOUT.size)?;
        self.at(at, T::LAYOUT.size, |guest, bytes| value.give(guest, bytes))?;
        Ok(u32::try_from(at)?)
    }

    /// Writes a value to where the guest wants it.
    pub(crate) fn value_at<T: Give>(&mut self, at: u32, value: &T) -> wasmtime::Result<()> {
        let at = super::take::place(at, T::LAYOUT, self.guest.memory.data(&self.store))?;
        self.at(at, T::LAYOUT.size, |guest, bytes| value.give(guest, bytes))
    }

    fn text(&mut self, text: &str, bytes: &mut [u8]) -> wasmtime::Result<()> {
        let at = self.room(1, text.len())?;
        self.guest.memory.data_mut(&mut self.store)[at..at + text.len()].copy_from_slice(text.as_bytes());
        pointer(bytes, at, text.len())
    }

    fn list<T: Give>(&mut self, values: &[T], bytes: &mut [u8]) -> wasmtime::Result<()> {
        let Layout { size, align, .. } = T::LAYOUT;
        let Some(whole) = values.len().checked_mul(size) else { bail!("size overflow copying a list") };
        let at = self.room(align, whole)?;
        self.at(at, whole, |guest, bytes| {
            values.iter().zip(bytes.chunks_exact_mut(size)).try_for_each(|(value, bytes)| value.give(guest, bytes))
        })?;
        pointer(bytes, at, values.len())
    }

    /// Writes to a place of the guest that was checked, through a copy of what is there: bytes that a value does not use
    /// stay as the guest left them.
    fn at(
        &mut self,
        at: usize,
        size: usize,
        write: impl FnOnce(&mut Self, &mut [u8]) -> wasmtime::Result<()>,
    ) -> wasmtime::Result<()> {
        let mut bytes = self.guest.memory.data(&self.store)[at..at + size].to_vec();
        write(self, &mut bytes)?;
        self.guest.memory.data_mut(&mut self.store)[at..at + size].copy_from_slice(&bytes);
        Ok(())
    }
}

/// A text or a list, given by its address and length.
pub(crate) trait Pointed {
    /// Writes it into the guest, and says where it lies.
    ///
    /// # Errors
    /// As [`Give::give`].
    fn pointer(&self, guest: &mut Giving<'_>) -> wasmtime::Result<(u32, u32)>;
}

impl<T: Give> Pointed for T {
    fn pointer(&self, guest: &mut Giving<'_>) -> wasmtime::Result<(u32, u32)> {
        const { assert!(T::LAYOUT.size == Layout::TEXT_OR_LIST.size, "not a text or a list") }
        let mut bytes = [0; 8];
        self.give(guest, &mut bytes)?;
        let half = |from: usize| u32::from_le_bytes([bytes[from], bytes[from + 1], bytes[from + 2], bytes[from + 3]]);
        Ok((half(0), half(4)))
    }
}

fn pointer(bytes: &mut [u8], at: usize, length: usize) -> wasmtime::Result<()> {
    u32::try_from(at)?.give_number(&mut bytes[..4]);
    u32::try_from(length)?.give_number(&mut bytes[4..8]);
    Ok(())
}

/// A number in its own bytes.
trait Number {
    fn give_number(self, bytes: &mut [u8]);
}

macro_rules! numbers {
    ($($number:ty)+) => {$(
        impl Number for $number {
            fn give_number(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }
        }

        impl Give for $number {
            fn give(&self, _: &mut Giving<'_>, bytes: &mut [u8]) -> wasmtime::Result<()> {
                self.give_number(bytes);
                Ok(())
            }
        }
    )+};
}

numbers! { u8 i16 u32 i64 }

impl Give for bool {
    fn give(&self, _: &mut Giving<'_>, bytes: &mut [u8]) -> wasmtime::Result<()> {
        bytes[0] = u8::from(*self);
        Ok(())
    }
}

macro_rules! texts {
    ($($text:ty),+) => {$(
        impl Give for $text {
            fn give(&self, guest: &mut Giving<'_>, bytes: &mut [u8]) -> wasmtime::Result<()> {
                guest.text(self, bytes)
            }
        }
    )+};
}

texts! { String, &str, Arc<str> }

macro_rules! lists {
    ($($list:ty),+) => {$(
        impl<T: Give> Give for $list {
            fn give(&self, guest: &mut Giving<'_>, bytes: &mut [u8]) -> wasmtime::Result<()> {
                guest.list(self, bytes)
            }
        }
    )+};
}

lists! { Vec<T>, &[T], Arc<[T]> }

impl<T: Give> Give for &T {
    fn give(&self, guest: &mut Giving<'_>, bytes: &mut [u8]) -> wasmtime::Result<()> {
        T::give(self, guest, bytes)
    }
}

impl<T: Give> Give for (T,) {
    fn give(&self, guest: &mut Giving<'_>, bytes: &mut [u8]) -> wasmtime::Result<()> {
        self.0.give(guest, bytes)
    }
}

impl<T: Give, U: Give> Give for (T, U) {
    fn give(&self, guest: &mut Giving<'_>, bytes: &mut [u8]) -> wasmtime::Result<()> {
        self.0.give(guest, &mut bytes[const { Layout::last(&[T::LAYOUT]) }.range()])?;
        self.1.give(guest, &mut bytes[const { Layout::last(&[T::LAYOUT, U::LAYOUT]) }.range()])
    }
}

impl<T: Give> Give for Option<T> {
    fn give(&self, guest: &mut Giving<'_>, bytes: &mut [u8]) -> wasmtime::Result<()> {
        bytes[0] = u8::from(self.is_some());
        match self {
            Some(value) => value.give(guest, &mut bytes[const { Self::LAYOUT.held(T::LAYOUT) }.range()]),
            None => Ok(()),
        }
    }
}

impl<T: Give, E: Give> Give for Result<T, E> {
    fn give(&self, guest: &mut Giving<'_>, bytes: &mut [u8]) -> wasmtime::Result<()> {
        bytes[0] = u8::from(self.is_err());
        match self {
            Ok(value) => value.give(guest, &mut bytes[const { Self::LAYOUT.held(T::LAYOUT) }.range()]),
            Err(value) => value.give(guest, &mut bytes[const { Self::LAYOUT.held(E::LAYOUT) }.range()]),
        }
    }
}
