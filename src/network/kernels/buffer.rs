//! Memory for activations, aligned to cache lines and used again, so that a forward pass does not ask the system for
//! pages.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};

const LINE_VALUES: usize = 16;

#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([f32; LINE_VALUES]);

/// A fixed number of `f32` on a cache-line boundary.
pub struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    pub fn zeroed(len: usize) -> Self {
        Self { lines: vec![Line([0.0; LINE_VALUES]); len.div_ceil(LINE_VALUES)], len }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: the lines hold at least `len` initialized values, one after the other.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// What a thread keeps for its next passes, at most, unless [`keep`] said otherwise.
pub const KEPT_BYTES: usize = 64 << 20;

thread_local! {
    static KEPT: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
    static LIMIT_LINES: Cell<usize> = const { Cell::new(KEPT_BYTES / size_of::<Line>()) };
}

/// Lets this thread keep so much for its next passes; what it has kept beyond that is given back.
pub fn keep(bytes: usize) {
    let limit = bytes / size_of::<Line>();
    LIMIT_LINES.set(limit);
    KEPT.with_borrow_mut(|kept| {
        let mut total: usize = kept.iter().map(Vec::len).sum();
        while total > limit {
            total -= kept.pop().map_or(total, |lines| lines.len());
        }
    });
}

/// A buffer whose memory goes back to the thread that drops it.
pub struct Scratch(Buffer);

impl Scratch {
    /// `len` values, left as somebody else used them.
    pub fn take(len: usize) -> Self {
        let needed = len.div_ceil(LINE_VALUES);
        let kept = KEPT.with_borrow_mut(|kept| {
            let fitting = kept.iter().enumerate().filter(|(_, lines)| lines.len() >= needed);
            let smallest = fitting.min_by_key(|(_, lines)| lines.len()).map(|(index, _)| index);
            smallest.map(|index| kept.swap_remove(index))
        });
        match kept {
            Some(lines) => Self(Buffer { lines, len }),
            None => Self(Buffer::zeroed(len)),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.0.lines);
        // A thread that ends has no list any more; the memory is then simply freed.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            let total: usize = kept.iter().map(Vec::len).sum();
            if total + lines.len() <= LIMIT_LINES.get() {
                kept.push(lines);
            }
        });
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_aligned_and_used_again() {
        let first = Scratch::take(1000);
        let address = first.as_ptr();
        assert_eq!(address as usize % 64, 0);
        drop(first);
        let second = Scratch::take(900);
        assert_eq!(second.as_ptr(), address);
        assert_eq!(second.len(), 900);
    }
}
