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
    next: Cell<*mut u8>,
}

// A guest instance has one thread.
unsafe impl Sync for Bump {}

#[global_allocator]
static ALLOCATOR: Bump = Bump { next: Cell::new((&raw const __heap_base).cast_mut()) };

impl Bump {
    /// A block of this size at a power of two, or null.
    #[inline]
    fn take(&self, align: usize, size: usize) -> *mut u8 {
        let next = self.next.get();
        let begin = next.wrapping_add(next.addr().wrapping_neg() & (align - 1));
        match begin.addr().checked_add(size) {
            Some(end) if Self::reach(end) => {
                self.next.set(begin.wrapping_add(size));
                begin
            }
            _ => core::ptr::null_mut(),
        }
    }

    /// Makes sure that memory reaches to `end`.
    #[inline]
    fn reach(end: usize) -> bool {
        let have = core::arch::wasm32::memory_size(0) * PAGE;
        end <= have || Self::grow(end - have)
    }

    #[cold]
    fn grow(lacking: usize) -> bool {
        core::arch::wasm32::memory_grow(0, lacking.div_ceil(PAGE)) != usize::MAX
    }
}

// SAFETY: blocks never overlap: `next` only moves past what was handed out, and moves back only over the last block.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.take(layout.align(), layout.size())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if block.addr() + layout.size() == self.next.get().addr() {
            self.next.set(block);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let is_last = block.addr() + layout.size() == self.next.get().addr();
        if is_last && block.addr().checked_add(size).is_some_and(Self::reach) {
            self.next.set(block.wrapping_add(size));
            return block;
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the new block is at least as large as the old one, and they do not overlap.
        unsafe {
            let fresh = self.take(layout.align(), size);
            if !fresh.is_null() {
                core::ptr::copy_nonoverlapping(block, fresh, layout.size());
            }
            fresh
        }
    }
}

/// Room for what the host hands over. It is called once for each text and each list of a question, which makes it the most
/// called function of a policy; the generator's own goes through three more functions.
///
/// # Safety
/// To be called by the host alone, which keeps to the canonical ABI: `align` is a power of two, and a block that has a
/// length was handed out here.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(block: *mut u8, had: usize, align: usize, size: usize) -> *mut u8 {
    let given = if had == 0 {
        ALLOCATOR.take(align, size)
    } else {
        // SAFETY: the host keeps to the canonical ABI.
        unsafe { ALLOCATOR.realloc(block, Layout::from_size_align_unchecked(had, align), size) }
    };
    if given.is_null() {
        core::arch::wasm32::unreachable()
    }
    given
}
