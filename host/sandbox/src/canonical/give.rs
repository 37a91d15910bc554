//! Values into a guest's memory: each part is written where it belongs as soon as it is reached, between calls of the guest's
//! allocator, as the engine does it. A guest may look.

use std::sync::Arc;

use wasmtime::{AsContextMut, StoreContextMut, bail};

use super::{Guest, Laid, Layout, no_guest};
use crate::context::Context;

/// A value that can be written into a guest.
pub(crate) trait Give: Laid {
    /// Writes the value to a place that was checked, and what it points to into room that the guest gives.
    ///
    /// # Errors
    /// When the guest does not give room, or gives what is no room.
    fn give(&self, guest: &mut Giving<'_>, at: usize) -> wasmtime::Result<()>;
}

/// A text or a list, given by its address and length.
pub(crate) trait Pointed {
    /// Writes it into the guest, and says where it lies.
    ///
    /// # Errors
    /// As [`Give::give`].
    fn pointer(&self, guest: &mut Giving<'_>) -> wasmtime::Result<(u32, u32)>;
}

/// A guest that is written to. Its handles are taken from the context for as long, which costs less than copies of them; a guest
/// that gives room may not ask anything, so nobody misses them.
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
        let before = self.store.data_mut().set_may_leave(false);
        let given = self.guest.allocator.call(self.store.as_context_mut(), (0, 0, align, size_of_room));
        self.store.data_mut().set_may_leave(before);
        let given = given?;
        if given % align != 0 {
            bail!("realloc return: result not aligned");
        }
        let given = usize::try_from(given)?;
        if given.checked_add(size).is_none_or(|end| end > self.guest.memory.data_size(&self.store)) {
            bail!("realloc return: beyond end of memory");
        }
        Ok(given)
    }

    /// Writes a value into room of its own.
    pub(crate) fn value<T: Give>(&mut self, value: &T) -> wasmtime::Result<u32> {
        let at = self.room(T::LAYOUT.align, T::LAYOUT.size)?;
        value.give(self, at)?;
        Ok(u32::try_from(at)?)
    }

    /// Writes a value to where the guest wants it.
    pub(crate) fn value_at<T: Give>(&mut self, at: u32, value: &T) -> wasmtime::Result<()> {
        let at = super::take::place(at, T::LAYOUT, self.guest.memory.data(&self.store))?;
        value.give(self, at)
    }

    fn text(&mut self, text: &str) -> wasmtime::Result<(u32, u32)> {
        let at = self.room(1, text.len())?;
        self.bytes(at, text.as_bytes());
        Ok((u32::try_from(at)?, u32::try_from(text.len())?))
    }

    fn list<T: Give>(&mut self, values: &[T]) -> wasmtime::Result<(u32, u32)> {
        let Layout { size, align, .. } = T::LAYOUT;
        let Some(whole) = values.len().checked_mul(size) else { bail!("size overflow copying a list") };
        let at = self.room(align, whole)?;
        for (number, value) in values.iter().enumerate() {
            value.give(self, at + number * size)?;
        }
        Ok((u32::try_from(at)?, u32::try_from(values.len())?))
    }

    fn pointed(&mut self, value: &impl Pointed, at: usize) -> wasmtime::Result<()> {
        let (address, length) = value.pointer(self)?;
        let pointer = u64::from(length) << 32 | u64::from(address);
        self.number(at, pointer.to_le_bytes());
        Ok(())
    }

    /// Bytes to a place that was checked: a guest's memory never shrinks.
    fn bytes(&mut self, at: usize, bytes: &[u8]) {
        self.guest.memory.data_mut(&mut self.store)[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A number to a place that was checked. There are hundreds in a question, so it is written where it stands.
    #[inline]
    fn number<const SIZE: usize>(&mut self, at: usize, bytes: [u8; SIZE]) {
        self.guest.memory.data_mut(&mut self.store)[at..at + SIZE].copy_from_slice(&bytes);
    }

    /// Names the case of a variant.
    #[inline]
    pub(crate) fn case(&mut self, at: usize, case: u8) {
        self.number(at, [case]);
    }
}

macro_rules! numbers {
    ($($number:ty)+) => {$(
        impl Give for $number {
            fn give(&self, guest: &mut Giving<'_>, at: usize) -> wasmtime::Result<()> {
                guest.number(at, self.to_le_bytes());
                Ok(())
            }
        }
    )+};
}

numbers! { u8 i16 u32 i64 }

impl Give for bool {
    fn give(&self, guest: &mut Giving<'_>, at: usize) -> wasmtime::Result<()> {
        u8::from(*self).give(guest, at)
    }
}

macro_rules! texts {
    ($($text:ty),+) => {$(
        impl Give for $text {
            fn give(&self, guest: &mut Giving<'_>, at: usize) -> wasmtime::Result<()> {
                guest.pointed(self, at)
            }
        }

        impl Pointed for $text {
            fn pointer(&self, guest: &mut Giving<'_>) -> wasmtime::Result<(u32, u32)> {
                guest.text(self)
            }
        }
    )+};
}

texts! { String, &str, Arc<str> }

macro_rules! lists {
    ($($list:ty),+) => {$(
        impl<T: Give> Give for $list {
            fn give(&self, guest: &mut Giving<'_>, at: usize) -> wasmtime::Result<()> {
                guest.pointed(self, at)
            }
        }

        impl<T: Give> Pointed for $list {
            fn pointer(&self, guest: &mut Giving<'_>) -> wasmtime::Result<(u32, u32)> {
                guest.list(self)
            }
        }
    )+};
}

lists! { Vec<T>, &[T], Arc<[T]> }

impl<T: Give> Give for &T {
    fn give(&self, guest: &mut Giving<'_>, at: usize) -> wasmtime::Result<()> {
        T::give(self, guest, at)
    }
}

impl<T: Give> Give for (T,) {
    fn give(&self, guest: &mut Giving<'_>, at: usize) -> wasmtime::Result<()> {
        self.0.give(guest, at)
    }
}

impl<T: Give, U: Give> Give for (T, U) {
    fn give(&self, guest: &mut Giving<'_>, at: usize) -> wasmtime::Result<()> {
        self.0.give(guest, at)?;
        self.1.give(guest, at + const { Layout::last(&[T::LAYOUT, U::LAYOUT]).from })
    }
}

impl<T: Give> Give for Option<T> {
    fn give(&self, guest: &mut Giving<'_>, at: usize) -> wasmtime::Result<()> {
        guest.case(at, u8::from(self.is_some()));
        match self {
            Some(value) => value.give(guest, at + Self::LAYOUT.held(T::LAYOUT).from),
            None => Ok(()),
        }
    }
}

impl<T: Give, E: Give> Give for Result<T, E> {
    fn give(&self, guest: &mut Giving<'_>, at: usize) -> wasmtime::Result<()> {
        guest.case(at, u8::from(self.is_err()));
        match self {
            Ok(value) => value.give(guest, at + Self::LAYOUT.held(T::LAYOUT).from),
            Err(value) => value.give(guest, at + Self::LAYOUT.held(E::LAYOUT).from),
        }
    }
}
