//! Sizes and places of the contract's values in a guest's memory: "Despecialization", "Alignment" and "Element Size" of the
//! component model's canonical ABI, computed when the host is compiled.

use std::ops::Range;
use std::sync::Arc;

/// How much room a value takes, and where its address may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Bytes.
    pub(crate) size: usize,
    /// A power of two that divides its address.
    pub(crate) align: usize,
    /// Where what a case holds begins; 0 when it is no variant.
    held: usize,
}

/// A part of a value: from which byte, and how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) from: usize,
    size: usize,
}

impl Place {
    /// The bytes of the part.
    pub(crate) const fn range(self) -> Range<usize> {
        self.from..self.from + self.size
    }
}

/// A value that has a place in a guest's memory.
pub(crate) trait Laid {
    /// Its size and alignment.
    const LAYOUT: Layout;
}

const fn aligned(at: usize, align: usize) -> usize {
    at.next_multiple_of(align)
}

const fn greater(one: usize, other: usize) -> usize {
    if one > other { one } else { other }
}

impl Layout {
    /// What a case without a value holds.
    pub(crate) const NOTHING: Self = Self { size: 0, align: 1, held: 0 };
    /// An address and a length.
    pub(crate) const TEXT_OR_LIST: Self = Self::number(4, 8);

    /// A number, or several of the same alignment.
    const fn number(align: usize, size: usize) -> Self {
        Self { size, align, held: 0 }
    }

    /// Fields one after the other.
    pub(crate) const fn record(fields: &[Self]) -> Self {
        let (mut size, mut align, mut next) = (0, 1, 0);
        while next < fields.len() {
            size = aligned(size, fields[next].align) + fields[next].size;
            align = greater(align, fields[next].align);
            next += 1;
        }
        Self { size: aligned(size, align), align, held: 0 }
    }

    /// One of up to 256 cases: a byte that names it, and what it holds.
    pub(crate) const fn variant(cases: &[Self]) -> Self {
        let (mut size, mut align, mut next) = (0, 1, 0);
        while next < cases.len() {
            size = greater(size, cases[next].size);
            align = greater(align, cases[next].align);
            next += 1;
        }
        Self { size: aligned(aligned(1, align) + size, align), align, held: aligned(1, align) }
    }

    /// Where the last of these fields lies.
    pub(crate) const fn last(fields: &[Self]) -> Place {
        let (mut size, mut from, mut next) = (0, 0, 0);
        while next < fields.len() {
            from = aligned(size, fields[next].align);
            size = from + fields[next].size;
            next += 1;
        }
        Place { from, size: size - from }
    }

    /// Where this variant's case holds a value of that layout.
    pub(crate) const fn held(self, value: Self) -> Place {
        Place { from: self.held, size: value.size }
    }
}

macro_rules! numbers {
    ($($number:ty)+) => {$(
        impl Laid for $number {
            const LAYOUT: Layout = Layout::number(size_of::<$number>(), size_of::<$number>());
        }
    )+};
}

numbers! { u8 i16 u32 i64 bool }

macro_rules! pointed_at {
    ($([$($parameter:ident)?] $pointed:ty),+) => {$(
        impl$(<$parameter>)? Laid for $pointed {
            const LAYOUT: Layout = Layout::TEXT_OR_LIST;
        }
    )+};
}

pointed_at! { [] String, [] &str, [] Arc<str>, [T] Vec<T>, [T] &[T], [T] Arc<[T]> }

impl<T: Laid> Laid for &T {
    const LAYOUT: Layout = T::LAYOUT;
}

impl<T: Laid> Laid for (T,) {
    const LAYOUT: Layout = Layout::record(&[T::LAYOUT]);
}

impl<T: Laid, U: Laid> Laid for (T, U) {
    const LAYOUT: Layout = Layout::record(&[T::LAYOUT, U::LAYOUT]);
}

impl<T: Laid> Laid for Option<T> {
    const LAYOUT: Layout = Layout::variant(&[Layout::NOTHING, T::LAYOUT]);
}

impl<T: Laid, E: Laid> Laid for Result<T, E> {
    const LAYOUT: Layout = Layout::variant(&[T::LAYOUT, E::LAYOUT]);
}

#[cfg(test)]
mod tests {
    use wasmtime::component::ComponentType;

    use super::*;
    use crate::abi::v1::{bindings, wit};

    /// The engine's own word for the same types.
    fn same<T: Laid + ComponentType>() {
        let (ours, theirs) = (T::LAYOUT, (T::SIZE32, T::ALIGN32 as usize));
        assert_eq!((ours.size, ours.align), theirs, "{}", std::any::type_name::<T>());
    }

    #[test]
    fn values_are_as_large_as_the_engine_says() {
        same::<bool>();
        same::<Option<u32>>();
        same::<Option<i64>>();
        same::<Option<wit::Level>>();
        same::<Option<Vec<String>>>();
        same::<wit::Value>();
        same::<wit::Attribute>();
        same::<wit::Party>();
        same::<wit::Event>();
        same::<wit::Incident>();
        same::<wit::CallOut>();
        same::<wit::Measure>();
        same::<wit::Effect>();
        same::<Result<Vec<wit::Attribute>, wit::Because>>();
        same::<bindings::muster::policy::calendar::Civil>();
        same::<bindings::muster::policy::facts::SpendingFilter>();
        same::<bindings::exports::muster::policy::workflow::Question>();
    }
}
