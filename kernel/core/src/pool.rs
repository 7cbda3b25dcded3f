//! Arenas: the bytes of messages, and the pool that all of them come from.
//!
//! A chunk is filled from front to back by whoever has a message to store (all decoders of a broker share one pool),
//! so one message per read costs no allocation. Bytes that are written never change; a chunk dies with its last
//! reference. Contents over a quarter of a chunk get an arena of their own.
//!
//! One message in an arena: `[exchange shortstr][routing key shortstr]...[properties][body]`; the names may lie
//! anywhere before, as messages in a row that have the same names share them.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::memory::Memory;

/// Free chunks that a pool keeps for reuse.
const FREE_CHUNKS_MAX: usize = 16;
/// Chunks smaller than this would make every message an arena of its own.
const CHUNK_SIZE_MIN: usize = 1024;

/// A lock that a panic elsewhere cannot make unusable: what it guards is always consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counters and spare chunks; outlives the pool as long as one of its arenas does.
#[derive(Debug)]
struct Shared {
    chunk_size: usize,
    allocated: AtomicUsize,
    free: Mutex<Vec<Memory>>,
}

/// A piece of memory that holds messages.
#[derive(Debug)]
pub struct Arena {
    memory: RwLock<Memory>,
    capacity: usize,
    /// Bytes of it that extents still need; a row in several extents counts several times.
    live: AtomicI64,
    shared: Arc<Shared>,
}

impl Arena {
    fn new(memory: Memory, shared: &Arc<Shared>) -> Arena {
        let capacity = memory.capacity();
        shared.allocated.fetch_add(capacity, Ordering::Relaxed);
        Arena { memory: RwLock::new(memory), capacity, live: AtomicI64::new(0), shared: Arc::clone(shared) }
    }

    /// Its memory, for as long as the guard lives.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For appending only.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add_live(&self, bytes: u64) {
        self.live.fetch_add(bytes as i64, Ordering::Relaxed);
    }

    pub(crate) fn remove_live(&self, bytes: u64) {
        self.live.fetch_sub(bytes as i64, Ordering::Relaxed);
    }

    /// Whether less than a quarter of so many bytes of it is still needed.
    fn is_sparse(&self, of: usize) -> bool {
        let live = u64::try_from(self.live.load(Ordering::Relaxed)).unwrap_or(0);
        live.saturating_mul(4) < of as u64
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.shared.allocated.fetch_sub(self.capacity, Ordering::Relaxed);
        if self.capacity == self.shared.chunk_size {
            let mut free = lock(&self.shared.free);
            if free.len() < FREE_CHUNKS_MAX {
                let memory = self.memory.get_mut().unwrap_or_else(PoisonError::into_inner);
                let mut memory = std::mem::replace(memory, Memory::of(Vec::new()));
                memory.clear();
                free.push(memory);
            }
        }
    }
}

/// Where the bytes of messages come from, counted.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    current: Mutex<Option<Arc<Arena>>>,
}

/// Where `Pool::store` put a message.
pub(crate) struct Place {
    pub arena: Arc<Arena>,
    pub start: u32,
}

impl Pool {
    pub fn new(chunk_size: usize) -> Pool {
        let chunk_size = chunk_size.clamp(CHUNK_SIZE_MIN, 1 << 30);
        let shared = Shared { chunk_size, allocated: AtomicUsize::new(0), free: Mutex::new(Vec::new()) };
        Pool { shared: Arc::new(shared), current: Mutex::new(None) }
    }

    /// Bytes of all arenas that something refers to.
    pub fn allocated(&self) -> usize {
        let current = lock(&self.current);
        let unused = match &*current {
            Some(arena) if Arc::strong_count(arena) == 1 => arena.capacity,
            _ => 0,
        };
        self.shared.allocated.load(Ordering::Relaxed).saturating_sub(unused)
    }

    /// Whether a content of so many bytes gets an arena of its own.
    pub(crate) fn is_large(&self, size: usize) -> bool {
        size > self.shared.chunk_size / 4
    }

    /// Whether the live messages of an arena should be copied elsewhere. The chunk that is being filled is left alone
    /// while it is less than half full; after that it is filled no further.
    pub(crate) fn is_wasted(&self, arena: &Arc<Arena>) -> bool {
        let mut current = lock(&self.current);
        if !current.as_ref().is_some_and(|current| Arc::ptr_eq(current, arena)) {
            return arena.is_sparse(arena.capacity);
        }
        let written = arena.read().len();
        let wasted = written * 2 > arena.capacity && arena.is_sparse(written);
        if wasted {
            *current = None;
        }
        wasted
    }

    /// The chunk to write to, with room for at least `need` bytes (`need` must not be large).
    pub(crate) fn chunk(&self, need: usize) -> Arc<Arena> {
        let mut current = lock(&self.current);
        if let Some(arena) = &mut *current {
            if let Some(unshared) = Arc::get_mut(arena) {
                // All messages in it are gone: fill it again from the front, while it is still in the processor's cache.
                unshared.memory.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
                return Arc::clone(arena);
            }
            if arena.read().len() + need <= self.shared.chunk_size {
                return Arc::clone(arena);
            }
        }
        let spare = lock(&self.shared.free).pop();
        let memory = spare.unwrap_or_else(|| Memory::new(self.shared.chunk_size));
        let arena = Arc::new(Arena::new(memory, &self.shared));
        *current = Some(Arc::clone(&arena));
        arena
    }

    /// An arena that holds just these bytes.
    pub(crate) fn own(&self, data: Vec<u8>) -> Arc<Arena> {
        Arc::new(Arena::new(Memory::of(data), &self.shared))
    }

    /// Store some parts in this very arena, and say where; None unless it is being filled and has room for them.
    pub(crate) fn store_in(&self, arena: &Arc<Arena>, parts: &[&[u8]]) -> Option<u32> {
        if !lock(&self.current).as_ref().is_some_and(|current| Arc::ptr_eq(current, arena)) {
            return None;
        }
        let mut memory = arena.write();
        let mut writer = memory.writer();
        if parts.iter().map(|part| part.len()).sum::<usize>() > writer.room() {
            return None;
        }
        let start = writer.len() as u32;
        parts.iter().for_each(|part| writer.put(part));
        Some(start)
    }

    /// Store the parts of one message one after the other.
    pub(crate) fn store(&self, parts: &[&[u8]]) -> Place {
        let size = parts.iter().map(|part| part.len()).sum();
        if self.is_large(size) {
            return Place { arena: self.own(parts.concat()), start: 0 };
        }
        let arena = self.chunk(size);
        let mut memory = arena.write();
        let mut writer = memory.writer();
        let start = writer.len() as u32;
        parts.iter().for_each(|part| writer.put(part));
        drop(memory);
        Place { arena, start }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocated_counts_what_is_referred_to() {
        let pool = Pool::new(4096);
        assert_eq!(pool.allocated(), 0);
        let small = pool.store(&[b"abc", b"def"]);
        assert_eq!(small.arena.read().written(), b"abcdef");
        assert_eq!(pool.allocated(), 4096);
        let large = pool.store(&[&[7; 3000]]);
        assert_eq!(pool.allocated(), 4096 + 3000);
        drop(large);
        assert_eq!(pool.allocated(), 4096);
        drop(small);
        assert_eq!(pool.allocated(), 0);
        let again = pool.store(&[b"xy"]);
        assert_eq!((again.start, pool.allocated()), (0, 4096));
    }

    #[test]
    fn a_full_chunk_is_followed_by_another_and_reused() {
        let pool = Pool::new(1024);
        let places: Vec<Place> = (0..9).map(|_| pool.store(&[&[1; 250]])).collect();
        assert_eq!(pool.allocated(), 3 * 1024);
        drop(places);
        assert_eq!(pool.allocated(), 0);
        assert_eq!(lock(&pool.shared.free).len(), 2);
    }
}
