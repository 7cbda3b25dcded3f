//! What an extent needs of the arenas that its rows lie in.

use std::sync::Arc;

use crate::pool::Arena;
use crate::row::Row;

/// An arena and what this extent still needs of it.
#[derive(Debug)]
pub struct Lease {
    pub arena: Option<Arc<Arena>>,
    rows: u32,
    bytes: u64,
}

impl Lease {
    pub fn new(arena: &Arc<Arena>) -> Lease {
        Lease { arena: Some(Arc::clone(arena)), rows: 0, bytes: 0 }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn add(&mut self, rows: u32, bytes: u64) {
        self.rows += rows;
        self.bytes += bytes;
        if let Some(arena) = &self.arena {
            arena.add_live(bytes);
        }
    }

    pub fn remove(&mut self, rows: u32, bytes: u64) {
        self.rows -= rows;
        self.bytes -= bytes;
        if let Some(arena) = &self.arena {
            arena.remove_live(bytes);
        }
        if self.rows == 0 {
            self.arena = None;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(arena) = &self.arena {
            arena.remove_live(self.bytes);
        }
    }
}

/// Count rows and bytes, and hand them over when the arena changes.
#[derive(Default)]
pub struct Tally {
    arena: u32,
    pub rows: u32,
    pub bytes: u64,
}

impl Tally {
    #[inline]
    pub fn count(&mut self, row: &Row, mut over: impl FnMut(u32, u32, u64)) {
        if row.arena != self.arena {
            self.finish(&mut over);
            *self = Tally { arena: row.arena, rows: 0, bytes: 0 };
        }
        self.rows += 1;
        self.bytes += row.size();
    }

    pub fn finish(&self, mut over: impl FnMut(u32, u32, u64)) {
        if self.rows > 0 {
            over(self.arena, self.rows, self.bytes);
        }
    }
}
