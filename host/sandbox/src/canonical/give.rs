//! Values into a guest's memory: first all the room that a value needs is asked of the guest, in the order of the ABI, then it is
//! written. The guest runs while it gives room, and at no other time.

use std::sync::Arc;

use wasmtime::{AsContextMut, StoreContextMut, bail};

use super::rooms::{Room, Rooms};
use super::{Guest, Laid, Layout, no_guest};
use crate::context::Context;

/// A value that can be written into a guest.
pub(crate) trait Give: Laid {
    /// Counts the room for what the value points to, in the order in which [`Give::give`] takes it.
    fn count(&self, rooms: &mut Rooms);

    /// Writes the value to a place, and what it points to into its rooms.
    ///
    /// # Errors
    /// When the value was not the one that was counted.
    fn give(&self, guest: &mut Writing<'_>, at: usize) -> wasmtime::Result<()>;
}

/// A text or a list, given by its address and length.
pub(crate) trait Pointed {
    /// Counts the room that it needs, in the order in which [`Pointed::pointer`] takes it.
    fn rooms(&self, rooms: &mut Rooms);

    /// Writes it into its rooms, and says where it lies.
    ///
    /// # Errors
    /// As [`Give::give`].
    fn pointer(&self, guest: &mut Writing<'_>) -> wasmtime::Result<(u32, u32)>;
}

/// A guest's memory, and the room that it gave.
pub(crate) struct Writing<'a> {
    memory: &'a mut [u8],
    rooms: std::slice::Iter<'a, Room>,
}

impl Writing<'_> {
    /// The next room, and its address.
    fn room(&mut self, size: usize) -> wasmtime::Result<usize> {
        match self.rooms.next() {
            Some(room) if room.size == size => Ok(room.at),
            _ => bail!("the value is not the one that room was asked for"),
        }
    }

    /// Bytes at a place that was checked.
    fn bytes(&mut self, at: usize, bytes: &[u8]) {
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn text(&mut self, text: &str) -> wasmtime::Result<(u32, u32)> {
        let at = self.room(text.len())?;
        self.bytes(at, text.as_bytes());
        Ok((u32::try_from(at)?, u32::try_from(text.len())?))
    }

    fn list<T: Give>(&mut self, values: &[T]) -> wasmtime::Result<(u32, u32)> {
        let at = self.room(values.len().saturating_mul(T::LAYOUT.size))?;
        for (number, value) in values.iter().enumerate() {
            value.give(self, at + number * T::LAYOUT.size)?;
        }
        Ok((u32::try_from(at)?, u32::try_from(values.len())?))
    }

    fn pointed(&mut self, value: &impl Pointed, at: usize) -> wasmtime::Result<()> {
        let (address, length) = value.pointer(self)?;
        self.bytes(at, &address.to_le_bytes());
        self.bytes(at + 4, &length.to_le_bytes());
        Ok(())
    }

    /// Names the case of a variant.
    pub(crate) fn case(&mut self, at: usize, case: u8) {
        self.memory[at] = case;
    }
}

/// Writes a question into room of its own, and gives its address.
pub(crate) fn question<T: Give>(mut store: StoreContextMut<'_, Context>, value: &T) -> wasmtime::Result<u32> {
    let mut rooms = Rooms::default();
    rooms.add(T::LAYOUT.align, T::LAYOUT.size);
    value.count(&mut rooms);
    written(store.as_context_mut(), rooms, |writing| {
        let at = writing.room(T::LAYOUT.size)?;
        value.give(writing, at)?;
        Ok(u32::try_from(at)?)
    })
}

/// Writes a question's texts and lists, and gives their addresses and lengths.
pub(crate) fn parameters<const COUNT: usize>(
    store: StoreContextMut<'_, Context>,
    values: [&dyn Pointed; COUNT],
) -> wasmtime::Result<[(u32, u32); COUNT]> {
    let mut rooms = Rooms::default();
    values.iter().for_each(|value| value.rooms(&mut rooms));
    written(store, rooms, |writing| {
        let mut pointers = [(0, 0); COUNT];
        for (pointer, value) in pointers.iter_mut().zip(values) {
            *pointer = value.pointer(writing)?;
        }
        Ok(pointers)
    })
}

/// Writes an answer to where the guest wants it.
pub(crate) fn answer<T: Give>(mut store: StoreContextMut<'_, Context>, at: u32, value: &T) -> wasmtime::Result<()> {
    let Some(Guest { memory, .. }) = &store.data().guest else { return Err(no_guest()) };
    let at = super::take::place(at, T::LAYOUT, memory.data(&store))?;
    let mut rooms = Rooms::default();
    value.count(&mut rooms);
    written(store.as_context_mut(), rooms, |writing| value.give(writing, at))
}

/// Has the guest give room, and writes.
fn written<T>(
    mut store: StoreContextMut<'_, Context>,
    mut rooms: Rooms,
    write: impl FnOnce(&mut Writing<'_>) -> wasmtime::Result<T>,
) -> wasmtime::Result<T> {
    // Taken from the context for as long: a guest that gives room may not ask, so nobody misses it.
    let guest = store.data_mut().guest.take().ok_or_else(no_guest)?;
    let before = store.data_mut().keep_within(true);
    let given = rooms.ask(&mut store, &guest);
    let written =
        given.and_then(|rooms| write(&mut Writing { memory: guest.memory.data_mut(&mut store), rooms: rooms.iter() }));
    store.data_mut().keep_within(before);
    store.data_mut().guest = Some(guest);
    written
}

macro_rules! numbers {
    ($($number:ty)+) => {$(
        impl Give for $number {
            fn count(&self, _: &mut Rooms) {}

            fn give(&self, guest: &mut Writing<'_>, at: usize) -> wasmtime::Result<()> {
                guest.bytes(at, &self.to_le_bytes());
                Ok(())
            }
        }
    )+};
}

numbers! { u8 i16 u32 i64 }

impl Give for bool {
    fn count(&self, _: &mut Rooms) {}

    fn give(&self, guest: &mut Writing<'_>, at: usize) -> wasmtime::Result<()> {
        u8::from(*self).give(guest, at)
    }
}

macro_rules! texts {
    ($($text:ty),+) => {$(
        impl Give for $text {
            fn count(&self, rooms: &mut Rooms) {
                self.rooms(rooms);
            }

            fn give(&self, guest: &mut Writing<'_>, at: usize) -> wasmtime::Result<()> {
                guest.pointed(self, at)
            }
        }

        impl Pointed for $text {
            fn rooms(&self, rooms: &mut Rooms) {
                rooms.add(1, self.len());
            }

            fn pointer(&self, guest: &mut Writing<'_>) -> wasmtime::Result<(u32, u32)> {
                guest.text(self)
            }
        }
    )+};
}

texts! { String, &str, Arc<str> }

macro_rules! lists {
    ($($list:ty),+) => {$(
        impl<T: Give> Give for $list {
            fn count(&self, rooms: &mut Rooms) {
                self.rooms(rooms);
            }

            fn give(&self, guest: &mut Writing<'_>, at: usize) -> wasmtime::Result<()> {
                guest.pointed(self, at)
            }
        }

        impl<T: Give> Pointed for $list {
            fn rooms(&self, rooms: &mut Rooms) {
                let Layout { size, align, .. } = T::LAYOUT;
                rooms.add(align, self.len().saturating_mul(size));
                self.iter().for_each(|value| value.count(rooms));
            }

            fn pointer(&self, guest: &mut Writing<'_>) -> wasmtime::Result<(u32, u32)> {
                guest.list(self)
            }
        }
    )+};
}

lists! { Vec<T>, &[T], Arc<[T]> }

impl<T: Give> Give for &T {
    fn count(&self, rooms: &mut Rooms) {
        T::count(self, rooms);
    }

    fn give(&self, guest: &mut Writing<'_>, at: usize) -> wasmtime::Result<()> {
        T::give(self, guest, at)
    }
}

impl<T: Give> Give for (T,) {
    fn count(&self, rooms: &mut Rooms) {
        self.0.count(rooms);
    }

    fn give(&self, guest: &mut Writing<'_>, at: usize) -> wasmtime::Result<()> {
        self.0.give(guest, at)
    }
}

impl<T: Give, U: Give> Give for (T, U) {
    fn count(&self, rooms: &mut Rooms) {
        self.0.count(rooms);
        self.1.count(rooms);
    }

    fn give(&self, guest: &mut Writing<'_>, at: usize) -> wasmtime::Result<()> {
        self.0.give(guest, at)?;
        self.1.give(guest, at + const { Layout::last(&[T::LAYOUT, U::LAYOUT]).from })
    }
}

impl<T: Give> Give for Option<T> {
    fn count(&self, rooms: &mut Rooms) {
        if let Some(value) = self {
            value.count(rooms);
        }
    }

    fn give(&self, guest: &mut Writing<'_>, at: usize) -> wasmtime::Result<()> {
        guest.case(at, u8::from(self.is_some()));
        match self {
            Some(value) => value.give(guest, at + Self::LAYOUT.held(T::LAYOUT).from),
            None => Ok(()),
        }
    }
}

impl<T: Give, E: Give> Give for Result<T, E> {
    fn count(&self, rooms: &mut Rooms) {
        match self {
            Ok(value) => value.count(rooms),
            Err(value) => value.count(rooms),
        }
    }

    fn give(&self, guest: &mut Writing<'_>, at: usize) -> wasmtime::Result<()> {
        guest.case(at, u8::from(self.is_err()));
        match self {
            Ok(value) => value.give(guest, at + Self::LAYOUT.held(T::LAYOUT).from),
            Err(value) => value.give(guest, at + Self::LAYOUT.held(E::LAYOUT).from),
        }
    }
}
