//! The memory of an arena.
//!
//! Chunks are mapped, not taken from the heap: a backlog comes and goes, and the pages of a chunk go back to the system
//! the moment it is dropped, whatever small thing was allocated after it.

use memmap2::MmapMut;

/// Below this a chunk is not worth pages of its own.
const MAPPED_MIN: usize = 64 * 1024;

#[derive(Debug)]
enum Bytes {
    Heap(Vec<u8>),
    Mapped(MmapMut),
}

/// A fixed number of bytes, of which the first `len` are written.
#[derive(Debug)]
pub struct Memory {
    bytes: Bytes,
    len: usize,
}

impl Memory {
    /// Empty, with room for `capacity` bytes.
    pub fn new(capacity: usize) -> Memory {
        let mapped = if capacity < MAPPED_MIN { None } else { MmapMut::map_anon(capacity).ok() };
        let bytes = mapped.map_or_else(|| Bytes::Heap(vec![0; capacity]), Bytes::Mapped);
        Memory { bytes, len: 0 }
    }

    /// Full.
    pub fn of(mut data: Vec<u8>) -> Memory {
        data.shrink_to_fit();
        Memory { len: data.len(), bytes: Bytes::Heap(data) }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn capacity(&self) -> usize {
        match &self.bytes {
            Bytes::Heap(data) => data.capacity(),
            Bytes::Mapped(data) => data.len(),
        }
    }

    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// What is written.
    pub fn written(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Heap(data) => &data[..self.len],
            Bytes::Mapped(data) => &data[..self.len],
        }
    }

    /// To write more.
    pub fn writer(&mut self) -> Writer<'_> {
        let bytes = match &mut self.bytes {
            Bytes::Heap(data) => &mut data[..],
            Bytes::Mapped(data) => &mut data[..],
        };
        Writer { bytes, len: &mut self.len }
    }
}

/// Appends to a memory; never more than there is `room` for.
pub struct Writer<'a> {
    bytes: &'a mut [u8],
    len: &'a mut usize,
}

impl Writer<'_> {
    #[inline]
    pub fn len(&self) -> usize {
        *self.len
    }

    #[inline]
    pub fn room(&self) -> usize {
        self.bytes.len() - *self.len
    }

    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes[*self.len..][..bytes.len()].copy_from_slice(bytes);
        *self.len += bytes.len();
    }
}
