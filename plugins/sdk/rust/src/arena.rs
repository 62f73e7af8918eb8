//! The allocator of a handler in WebAssembly: an arena that exists from the start. Blocks that do
//! not fit come from the standard library's allocator.
//!
//! An instance handles one event, and most instances need some tens of kilobytes. The standard
//! allocator grows the instance's memory. Growth costs the gateway two system calls: one as the
//! memory grows, one as the next instance starts small again. The two calls cost as much as
//! parsing the event. The arena is part of the memory that an instance starts with, so a handler
//! that stays within the arena never grows its memory.

#![expect(
    unsafe_code,
    reason = "a global allocator cannot be written without it"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;

/// The size of the arena in bytes: enough for several times a Stripe event, its parsed form and
/// the requests that a handler makes of it. Pages that nobody touches cost nothing.
const SIZE: usize = 256 << 10;

/// The arena as the handler's allocator.
#[cfg(all(target_family = "wasm", feature = "arena"))]
#[global_allocator]
static ALLOCATOR: Arena = Arena::new();

/// Memory that is given out from front to back. Only the last block can be freed, or grow in its
/// place: a growing text or list needs that.
struct Arena {
    bytes: UnsafeCell<Bytes>,
    used: UnsafeCell<usize>,
}

#[repr(align(16))]
struct Bytes(#[expect(dead_code, reason = "reached by its address alone")] [u8; SIZE]);

// SAFETY: a handler's instance has one thread: the gateway links no threads, and the
// target's binaries are compiled without atomics.
unsafe impl Sync for Arena {}

impl Arena {
    const fn new() -> Self {
        Self {
            bytes: UnsafeCell::new(Bytes([0; SIZE])),
            used: UnsafeCell::new(0),
        }
    }

    fn start(&self) -> *mut u8 {
        self.bytes.get().cast()
    }

    /// Returns the distance of the block from the arena's start; `None` for a block outside of it.
    fn offset(&self, block: *mut u8) -> Option<usize> {
        let offset = block.addr().wrapping_sub(self.start().addr());
        (offset < SIZE).then_some(offset)
    }

    /// Marks the arena as used up to `end`. Returns false if the arena is too small.
    fn use_up_to(&self, end: Option<usize>) -> bool {
        let Some(end) = end.filter(|end| *end <= SIZE) else {
            return false;
        };
        // SAFETY: there is one thread, and no reference to `used` outlives a function.
        unsafe { *self.used.get() = end };
        true
    }

    fn used(&self) -> usize {
        // SAFETY: see `use_up_to`.
        unsafe { *self.used.get() }
    }

    /// Returns true if the block at `offset` is the last one.
    fn is_last(&self, offset: usize, layout: Layout) -> bool {
        offset + layout.size() == self.used()
    }
}

// SAFETY: blocks are cut from the arena one after another at the requested alignment, so they do
// not overlap until the last one is freed. All other blocks come from the system's allocator.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.start().addr() + self.used();
        let offset = start.next_multiple_of(layout.align()) - self.start().addr();
        if self.use_up_to(offset.checked_add(layout.size())) {
            return self.start().wrapping_add(offset);
        }
        // SAFETY: the caller's promises are the promises that the system's allocator needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset(block) {
            Some(offset) if self.is_last(offset, layout) => {
                self.use_up_to(Some(offset));
            }
            Some(_) => {}
            // SAFETY: a block outside of the arena came from the system's allocator.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(offset) = self.offset(block) else {
            // SAFETY: a block outside of the arena came from the system's allocator.
            return unsafe { System.realloc(block, layout, size) };
        };
        if self.is_last(offset, layout) && self.use_up_to(offset.checked_add(size)) {
            return block;
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the caller promises that `size` is not zero and does not overflow when rounded
        // up. Both blocks have at least `layout.size()` bytes and do not overlap.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size());
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// Checks that the block is inside or outside of the arena, is aligned, and is writable.
    fn check(arena: &Arena, block: *mut u8, layout: Layout, inside: bool) {
        assert_eq!(arena.offset(block).is_some(), inside);
        assert_eq!(block.addr() % layout.align(), 0);
        // SAFETY: the block was just given for this layout.
        unsafe { block.write_bytes(0xa5, layout.size()) };
    }

    #[test]
    fn blocks_are_aligned_and_apart() {
        let arena = Box::new(Arena::new());
        let (odd, wide) = (layout(3, 1), layout(64, 64));
        // SAFETY: no layout is empty, and each block is used within its own.
        unsafe {
            let first = arena.alloc(odd);
            check(&arena, first, odd, true);
            let second = arena.alloc(wide);
            check(&arena, second, wide, true);
            assert!(second.addr() >= first.addr() + 3);
        }
    }

    #[test]
    fn the_last_block_grows_in_place_and_is_given_back() {
        let arena = Box::new(Arena::new());
        let small = layout(16, 8);
        // SAFETY: as above; after growing, the block has the new size.
        unsafe {
            let first = arena.alloc(small);
            let second = arena.alloc(small);
            assert_eq!(arena.realloc(second, small, 4096), second);
            let moved = arena.realloc(first, small, 32);
            assert!(moved.addr() >= second.addr() + 4096);
            arena.dealloc(moved, layout(32, 8));
            assert_eq!(arena.alloc(small), moved);
        }
    }

    #[test]
    fn what_does_not_fit_is_the_systems_and_keeps_its_bytes() {
        let arena = Box::new(Arena::new());
        let most = layout(SIZE - 32, 16);
        // SAFETY: as above.
        unsafe {
            let block = arena.alloc(most);
            check(&arena, block, most, true);
            let larger = arena.realloc(block, most, 2 * SIZE);
            check(&arena, larger, layout(16, 16), false);
            assert_eq!(larger.add(SIZE - 33).read(), 0xa5);
            let larger = arena.realloc(larger, layout(2 * SIZE, 16), 3 * SIZE);
            assert_eq!(larger.add(SIZE - 33).read(), 0xa5);
            arena.dealloc(larger, layout(3 * SIZE, 16));
            let huge = layout(usize::MAX >> 1, 1);
            assert!(arena.alloc(huge).is_null());
        }
    }
}
