//! The guest's memory: a bump allocator that keeps a policy within its first page.
//!
//! Every call runs in a fresh instance, so nothing is ever given back except what was taken last. Memory grows only
//! when a question is too large for the page; the host's limit then decides.
#![expect(unsafe_code, reason = "an allocator hands out raw memory; the instance is single-threaded")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;

const PAGE: usize = 65_536;

unsafe extern "C" {
    /// Where the linker's data ends.
    static __heap_base: u8;
}

struct Bump {
    next: Cell<usize>,
}

// A guest instance has one thread.
unsafe impl Sync for Bump {}

#[global_allocator]
static ALLOCATOR: Bump = Bump { next: Cell::new(0) };

impl Bump {
    fn start(&self) -> usize {
        match self.next.get() {
            0 => (&raw const __heap_base).addr(),
            next => next,
        }
    }

    /// Makes sure that memory reaches to `end`.
    fn reach(end: usize) -> bool {
        let have = core::arch::wasm32::memory_size(0) * PAGE;
        end <= have || core::arch::wasm32::memory_grow(0, (end - have).div_ceil(PAGE)) != usize::MAX
    }
}

// SAFETY: blocks never overlap: `next` only moves past what was handed out, and moves back only over the last block.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let begin = self.start().next_multiple_of(layout.align());
        let Some(end) = begin.checked_add(layout.size()) else { return core::ptr::null_mut() };
        if !Self::reach(end) {
            return core::ptr::null_mut();
        }
        self.next.set(end);
        begin as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if block.addr() + layout.size() == self.next.get() {
            self.next.set(block.addr());
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let is_last = block.addr() + layout.size() == self.next.get();
        if is_last && block.addr().checked_add(size).is_some_and(Self::reach) {
            self.next.set(block.addr() + size);
            return block;
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the caller's layout is valid, and the new block is at least as large as the old one.
        unsafe {
            let fresh = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !fresh.is_null() {
                core::ptr::copy_nonoverlapping(block, fresh, layout.size());
            }
            fresh
        }
    }
}
