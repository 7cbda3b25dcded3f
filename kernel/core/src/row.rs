//! Rows: where one message lies in an arena, and reading it there.

use std::sync::RwLockReadGuard;

use crate::keys::split;
use crate::memory::Memory;
use crate::pool::Arena;

/// Where one message lies. The default is nowhere: what a settled row becomes when the others are loaded again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// Which of the holder's arenas.
    pub(crate) arena: u32,
    /// Where `[exchange shortstr][routing key shortstr]` begins.
    pub(crate) names: u32,
    /// Where `[properties][body]` begins.
    pub(crate) content: u32,
    pub(crate) properties_len: u32,
    pub(crate) body_len: u32,
    /// Features (low half) and the length of the names (high half).
    meta: u32,
}

/// Where a row's bytes are in an arena, before it is known in which.
pub(crate) struct Spot {
    pub names: u32,
    pub names_len: usize,
    pub content: u32,
    pub properties_len: usize,
    pub body_len: usize,
}

impl Row {
    pub(crate) fn new(arena: u32, spot: &Spot, features: u32) -> Row {
        Row {
            arena,
            names: spot.names,
            content: spot.content,
            properties_len: spot.properties_len as u32,
            body_len: spot.body_len as u32,
            meta: features | (spot.names_len as u32) << 16,
        }
    }

    pub(crate) fn features(&self) -> u32 {
        self.meta & 0xffff
    }

    pub(crate) fn with_features(mut self, features: u32) -> Row {
        self.meta = (self.meta & !0xffff) | features;
        self
    }

    pub(crate) fn names_len(&self) -> usize {
        (self.meta >> 16) as usize
    }

    pub(crate) fn names<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &data[self.names as usize..][..self.names_len()]
    }

    pub(crate) fn properties<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &data[self.content as usize..][..self.properties_len as usize]
    }

    pub(crate) fn body<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &data[self.content as usize + self.properties_len as usize..][..self.body_len as usize]
    }

    /// Bytes of the arena that exist for this row: names that it shares with the row before are not its own.
    pub(crate) fn size(&self) -> u64 {
        let own = self.names + (self.meta >> 16) == self.content;
        let names = if own { self.meta >> 16 } else { 0 };
        u64::from(names) + u64::from(self.properties_len) + u64::from(self.body_len)
    }

    pub(crate) fn with_arena(mut self, arena: u32) -> Row {
        self.arena = arena;
        self
    }
}

/// Reads rows of a few arenas, most of them in the one of the row before.
pub(crate) struct Reader<'a, A> {
    arena_of: A,
    open: Option<(u32, RwLockReadGuard<'a, Memory>)>,
}

impl<'a, A: Fn(u32) -> &'a Arena> Reader<'a, A> {
    pub fn new(arena_of: A) -> Self {
        Reader { arena_of, open: None }
    }

    /// The bytes that a row's offsets refer to.
    #[inline]
    pub fn data(&mut self, row: &Row) -> &[u8] {
        if self.open.as_ref().is_none_or(|(arena, _)| *arena != row.arena) {
            self.open = None;
            self.open = Some((row.arena, (self.arena_of)(row.arena).read()));
        }
        self.open.as_ref().map_or(&[], |(_, memory)| memory.written())
    }
}

/// One row, copied out.
#[derive(Clone, Debug)]
pub struct Message {
    pub features: u32,
    data: Box<[u8]>,
    names_len: u32,
    properties_len: u32,
}

impl Message {
    pub(crate) fn copy(row: &Row, data: &[u8]) -> Message {
        let (names, properties, body) = (row.names(data), row.properties(data), row.body(data));
        Message {
            features: row.features(),
            data: [names, properties, body].concat().into(),
            names_len: names.len() as u32,
            properties_len: properties.len() as u32,
        }
    }

    fn content(&self) -> (&[u8], &[u8]) {
        self.data[self.names_len as usize..].split_at(self.properties_len as usize)
    }

    /// UTF-8, as checked when it was stored.
    pub fn exchange(&self) -> &[u8] {
        split(&self.data[..self.names_len as usize]).0
    }

    pub fn routing_key(&self) -> &[u8] {
        split(&self.data[..self.names_len as usize]).1
    }

    pub fn properties(&self) -> &[u8] {
        self.content().0
    }

    pub fn body(&self) -> &[u8] {
        self.content().1
    }
}
