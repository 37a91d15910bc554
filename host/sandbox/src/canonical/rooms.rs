//! Room in a guest, asked for several pieces at a time.
//!
//! The ABI has the host call the guest's allocator for each text and each list. To enter a guest takes longer than to be given
//! room there, so a module that is called directly gets a function more (see `direct::rewriting`): it calls the allocator for up to
//! [`AT_ONCE`] pieces, in order, until one of them is no room. What it costs the guest in fuel is given beforehand, and taken back
//! where it was not used, so that a call costs what it costs without.

use wasmtime::{AsContextMut as _, StoreContextMut, TypedFunc, bail};

use super::Guest;
use crate::context::Context;

/// So many pieces at a time, as many as the engine's typed functions have parameters for.
pub(crate) const AT_ONCE: usize = 8;
/// What the function costs whatever it is asked for, and for each piece that it is asked for.
const FUEL: (u64, u64) = (41, 25);
/// What it has cost when the guest's allocator is called for the first piece, and more for each later one.
const FUEL_AT: (u64, u64) = (12, 29);
/// What it costs when it ends after the first piece, because that is no room, and more for each later one.
const FUEL_UP_TO: (u64, u64) = (38, 29);

type Piece = (u32, u32);
type Parameters = (u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32);
type Addresses = (u32, u32, u32, u32, u32, u32, u32, u32);

/// How many pieces, and for each its alignment and size: their addresses.
pub(crate) type Allocator = TypedFunc<Parameters, Addresses>;

/// A piece of room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    align: usize,
    /// Bytes.
    pub(crate) size: usize,
    /// Its address, once it was given.
    pub(crate) at: usize,
}

/// The room that a value needs, in order.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Vec<Room>);

impl Rooms {
    /// One piece more.
    pub(crate) fn add(&mut self, align: usize, size: usize) {
        self.0.push(Room { align, size, at: 0 });
    }

    /// Has the guest give all of it, and checks that it lies in the guest's memory.
    pub(crate) fn ask(&mut self, store: &mut StoreContextMut<'_, Context>, guest: &Guest) -> wasmtime::Result<&[Room]> {
        if self.0.is_empty() {
            return Ok(&self.0);
        }
        let (asked, pieces) = (self.0.len().div_ceil(AT_ONCE) as u64, self.0.len() as u64);
        let mut unspent = asked * FUEL.0 + pieces * FUEL.1;
        store.set_fuel(store.get_fuel()?.saturating_add(unspent))?;
        for rooms in self.0.chunks_mut(AT_ONCE) {
            let (given, spent) = match guest.allocator.call(store.as_context_mut(), parameters(rooms)?) {
                Ok(addresses) => match given(rooms, addresses, guest.memory.data_size(&*store)) {
                    Ok(()) => (Ok(()), FUEL.0 + FUEL.1 * rooms.len() as u64),
                    no_room => (no_room, FUEL_UP_TO.0 + FUEL_UP_TO.1 * piece(store, guest)),
                },
                Err(ended) => (Err(ended), FUEL_AT.0 + FUEL_AT.1 * piece(store, guest)),
            };
            unspent = unspent.saturating_sub(spent);
            if given.is_err() {
                // What was given beforehand and not used is taken back.
                store.set_fuel(store.get_fuel()?.saturating_sub(unspent))?;
                given?;
            }
        }
        Ok(&self.0)
    }
}

/// Which piece the guest was asked for last.
fn piece(store: &mut StoreContextMut<'_, Context>, guest: &Guest) -> u64 {
    let piece = guest.piece.get(store.as_context_mut()).i32();
    piece.and_then(|piece| u64::try_from(piece).ok()).unwrap_or_default()
}

/// Notes where each piece lies, if it lies within the guest's memory.
fn given(rooms: &mut [Room], addresses: Addresses, memory: usize) -> wasmtime::Result<()> {
    let addresses: [u32; AT_ONCE] = addresses.into();
    for (room, address) in rooms.iter_mut().zip(addresses) {
        room.given(usize::try_from(address)?, memory)?;
    }
    Ok(())
}

impl Room {
    fn given(&mut self, at: usize, memory: usize) -> wasmtime::Result<()> {
        if at % self.align != 0 {
            bail!("realloc return: result not aligned");
        }
        if at.checked_add(self.size).is_none_or(|end| end > memory) {
            bail!("realloc return: beyond end of memory");
        }
        self.at = at;
        Ok(())
    }

    fn piece(self) -> wasmtime::Result<Piece> {
        Ok((u32::try_from(self.align)?, u32::try_from(self.size)?))
    }
}

fn parameters(rooms: &[Room]) -> wasmtime::Result<Parameters> {
    let mut pieces = [(0, 0); AT_ONCE];
    for (piece, room) in pieces.iter_mut().zip(rooms) {
        *piece = room.piece()?;
    }
    let [a, b, c, d, e, f, g, h] = pieces;
    let count = u32::try_from(rooms.len())?;
    Ok((count, a.0, a.1, b.0, b.1, c.0, c.1, d.0, d.1, e.0, e.1, f.0, f.1, g.0, g.1, h.0, h.1))
}
