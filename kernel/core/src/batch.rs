//! Batches: rows that came together, with the arenas they lie in and their keys.

mod rewrite;

use std::collections::HashMap;
use std::sync::Arc;

use crate::expiries::{Expiries, NEVER, parse_expiration};
use crate::keys::Keys;
use crate::pool::{Arena, Pool};
use crate::properties::{self, EXPIRATION, EXPIRATION_INDEX, MANDATORY};
use crate::row::{Message, Reader, Row, Spot};
use crate::selection::{Builder, Selection};

pub use rewrite::Patch;

/// One message for `Batch::build`.
pub struct Part<'a> {
    pub exchange: &'a [u8],
    pub routing_key: &'a [u8],
    pub properties: &'a [u8],
    pub body: &'a [u8],
    pub mandatory: bool,
}

/// Why a message cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    NameTooLong,
    NameNotUtf8,
    Properties,
    Size,
    /// A row is to be changed in two ways.
    Overlap,
    /// To be set and to be dropped.
    Expiration,
}

impl Unfit {
    pub fn text(self) -> &'static str {
        match self {
            Unfit::NameTooLong => "a name is longer than 255 bytes",
            Unfit::NameNotUtf8 => "a name is not UTF-8",
            Unfit::Properties => "malformed properties",
            Unfit::Size => "a message is too large",
            Unfit::Overlap => "a row is in two selections",
            Unfit::Expiration => "an expiration cannot be set and dropped",
        }
    }
}

/// Which column `Batch::partition` looks at.
#[derive(Clone, Copy, Debug)]
pub enum Column<'a> {
    Header(&'a [u8]),
    /// An index as `properties::property_index` gives it.
    Property(usize),
}

#[derive(Debug)]
pub struct Batch {
    pub channel: u16,
    pub features: u32,
    pub keys: Arc<Keys>,
    pub body_bytes: u64,
    rows: Vec<Row>,
    /// Empty while all rows have `first_key`.
    key_column: Vec<u32>,
    first_key: u32,
    arenas: Vec<Arc<Arena>>,
}

impl Batch {
    pub(crate) fn new(channel: u16, keys: Arc<Keys>) -> Batch {
        Batch {
            channel,
            features: 0,
            keys,
            body_bytes: 0,
            rows: Vec::new(),
            key_column: Vec::new(),
            first_key: 0,
            arenas: Vec::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn arenas(&self) -> &[Arc<Arena>] {
        &self.arenas
    }

    /// The key that all rows share.
    pub fn key(&self) -> Option<u32> {
        (self.key_column.is_empty() && !self.rows.is_empty()).then_some(self.first_key)
    }

    pub(crate) fn key_of(&self, row: usize) -> u32 {
        self.key_column.get(row).copied().unwrap_or(self.first_key)
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        self.rows.reserve(rows);
    }

    /// Rows that it has room for.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.rows.capacity()
    }

    /// The number of an arena that the next rows lie in.
    pub(crate) fn arena(&mut self, arena: &Arc<Arena>) -> u32 {
        if !self.arenas.last().is_some_and(|last| Arc::ptr_eq(last, arena)) {
            self.arenas.push(Arc::clone(arena));
        }
        self.arenas.len() as u32 - 1
    }

    #[inline]
    pub(crate) fn push(&mut self, row: Row, key: u32) {
        if self.rows.is_empty() {
            self.first_key = key;
        } else if !self.key_column.is_empty() {
            self.key_column.push(key);
        } else if key != self.first_key {
            self.key_column.reserve(self.rows.capacity());
            self.key_column.resize(self.rows.len(), self.first_key);
            self.key_column.push(key);
        }
        self.features |= row.features();
        self.body_bytes += u64::from(row.body_len);
        self.rows.push(row);
    }

    /// Store and add one message whose names are raw.
    pub(crate) fn store(
        &mut self,
        pool: &Pool,
        names: &[u8],
        properties: &[u8],
        body: &[u8],
        flags: u32,
    ) -> Result<(), Unfit> {
        let features = properties::scan(properties).ok_or(Unfit::Properties)? | flags;
        if names.len() + properties.len() + body.len() > i32::MAX as usize {
            return Err(Unfit::Size);
        }
        let hint = self.key_of(self.len().wrapping_sub(1));
        let key = self.keys.lock().intern(names, features, hint).map_err(|_| Unfit::NameNotUtf8)?;
        let place = pool.store(&[names, properties, body]);
        let spot = Spot {
            names: place.start,
            names_len: names.len(),
            content: place.start + names.len() as u32,
            properties_len: properties.len(),
            body_len: body.len(),
        };
        let arena = self.arena(&place.arena);
        self.push(Row::new(arena, &spot, features), key);
        Ok(())
    }

    /// Of messages in memory.
    pub fn build<'a>(pool: &Pool, channel: u16, parts: impl Iterator<Item = Part<'a>>) -> Result<Batch, Unfit> {
        let mut batch = Batch::new(channel, Arc::default());
        let mut names = Vec::new();
        for part in parts {
            names.clear();
            for name in [part.exchange, part.routing_key] {
                names.push(u8::try_from(name.len()).map_err(|_| Unfit::NameTooLong)?);
                names.extend_from_slice(name);
            }
            let flags = if part.mandatory { MANDATORY } else { 0 };
            batch.store(pool, &names, part.properties, part.body, flags)?;
        }
        Ok(batch)
    }

    /// Of rows that lie in arenas already.
    pub(crate) fn gather<'a>(rows: impl Iterator<Item = &'a Row>, arena_of: impl Fn(u32) -> &'a Arc<Arena>) -> Batch {
        let mut batch = Batch::new(0, Arc::default());
        let keys = Arc::clone(&batch.keys);
        let mut table = keys.lock();
        let mut reader = Reader::new(|arena| &**arena_of(arena));
        let (mut key, mut from) = (0, (u32::MAX, 0));
        for row in rows {
            if from.0 != row.arena {
                from = (row.arena, batch.arena(arena_of(row.arena)));
            }
            let names = row.names(reader.data(row));
            // Names that are stored were checked, so that there is always a key.
            key = table.intern(names, row.features(), key).unwrap_or(key);
            batch.push(row.with_arena(from.1), key);
        }
        drop(table);
        batch
    }

    pub(crate) fn reader<'a>(&'a self) -> Reader<'a, impl Fn(u32) -> &'a Arena> {
        Reader::new(|arena| &*self.arenas[arena as usize])
    }

    pub fn message(&self, row: usize) -> Option<Message> {
        let row = self.rows.get(row)?;
        Some(Message::copy(row, self.reader().data(row)))
    }

    /// The rows that have any of these features.
    pub fn select(&self, features: u32) -> Selection {
        if self.features & features == 0 {
            return Selection::EMPTY;
        }
        let has = |(_, row): &(usize, &Row)| row.features() & features != 0;
        self.rows.iter().enumerate().filter(has).map(|(index, _)| index as u32).collect()
    }

    /// Whether a selection has only rows of this batch.
    pub fn covers(&self, selection: &Selection) -> bool {
        selection.last().is_none_or(|last| (last as usize) < self.len())
    }

    fn all(&self) -> Selection {
        Selection::range(0, self.len() as u32)
    }

    /// Distinct keys in order of first appearance, each with its rows.
    pub fn partition_keys(&self, selection: Option<&Selection>) -> Vec<(u32, Selection)> {
        let all = self.all();
        let selection = selection.unwrap_or(&all);
        if selection.is_empty() {
            return Vec::new();
        }
        if self.key_column.is_empty() {
            return vec![(self.first_key, selection.clone())];
        }
        let (mut low, mut high) = (u32::MAX, 0);
        selection.for_each(|row| {
            let key = self.key_column[row as usize];
            (low, high) = (low.min(key), high.max(key));
        });
        let mut group_of = vec![u32::MAX; (high - low) as usize + 1];
        let mut groups: Vec<(u32, Builder)> = Vec::new();
        selection.for_each(|row| {
            let key = self.key_column[row as usize];
            let group = &mut group_of[(key - low) as usize];
            if *group == u32::MAX {
                *group = groups.len() as u32;
                groups.push((key, Builder::default()));
            }
            groups[*group as usize].1.push(row);
        });
        groups.into_iter().map(|(key, rows)| (key, rows.finish())).collect()
    }

    /// Distinct raw values in order of first appearance, each with its rows.
    pub fn partition(&self, column: Column<'_>, selection: Option<&Selection>) -> Vec<(Option<Vec<u8>>, Selection)> {
        let all = self.all();
        let selection = selection.unwrap_or(&all);
        let guards: Vec<_> = self.arenas.iter().map(|arena| arena.read()).collect();
        let mut group_of: HashMap<Option<&[u8]>, usize> = HashMap::new();
        let mut groups: Vec<(Option<&[u8]>, Builder)> = Vec::new();
        let mut last = usize::MAX;
        selection.for_each(|index| {
            let row = &self.rows[index as usize];
            let list = row.properties(guards[row.arena as usize].written());
            let value = match column {
                Column::Header(name) => properties::header(list, name),
                Column::Property(property) => properties::property(list, property),
            };
            if groups.get(last).is_none_or(|(known, _)| *known != value) {
                last = *group_of.entry(value).or_insert(groups.len());
                if last == groups.len() {
                    groups.push((value, Builder::default()));
                }
            }
            groups[last].1.push(index);
        });
        groups.into_iter().map(|(value, rows)| (value.map(<[u8]>::to_vec), rows.finish())).collect()
    }

    /// Bytes of these bodies.
    pub fn body_bytes_of(&self, selection: &Selection) -> u64 {
        let mut bytes = 0;
        self.for_each(Some(selection), |row| bytes += u64::from(row.body_len));
        bytes
    }

    /// Of these rows, in their order, each that fits into what the ones before have left of `rows` and `size` (None: no
    /// bound).
    pub fn fit(&self, selection: Option<&Selection>, rows: Option<u64>, size: Option<u64>) -> Selection {
        let all = self.all();
        let selection = selection.unwrap_or(&all);
        let mut rows = usize::try_from(rows.unwrap_or(u64::MAX)).unwrap_or(usize::MAX).min(selection.len());
        let Some(mut size) = size.filter(|size| *size < self.body_bytes) else {
            return selection.slice(0, rows);
        };
        let mut fitting = Builder::default();
        for row in selection.iter() {
            if rows == 0 {
                break;
            }
            if let Some(left) = size.checked_sub(self.rows[row as usize].body_len.into()) {
                size = left;
                rows -= 1;
                fitting.push(row);
            }
        }
        fitting.finish()
    }

    /// When each of these rows expires: after what its property says, after `ttl` at the latest; None if none does.
    pub fn expiries(&self, selection: Option<&Selection>, now: u64, ttl: Option<u64>) -> Option<Expiries> {
        let count = selection.map_or(self.len(), Selection::len) as u64;
        // At 0 nothing expires, and it never is that early but in tests.
        let at = |after: u64| now.saturating_add(after).max(1);
        if count == 0 || (self.features & EXPIRATION == 0 && ttl.is_none()) {
            return None;
        }
        let usual = ttl.map_or(NEVER, at);
        if self.features & EXPIRATION == 0 {
            return Expiries::of([(count, usual)]).ok();
        }
        let mut reader = self.reader();
        let mut expiries = Expiries::default();
        self.for_each(selection, |row| {
            let own = match row.features() & EXPIRATION {
                0 => None,
                _ => {
                    properties::property(row.properties(reader.data(row)), EXPIRATION_INDEX).and_then(parse_expiration)
                }
            };
            let when = own.map_or(usual, |own| at(ttl.map_or(own, |ttl| own.min(ttl))));
            let pushed = expiries.push(1, when);
            debug_assert!(pushed.is_ok(), "a batch has few rows");
        });
        (!expiries.is_none()).then_some(expiries)
    }

    /// The first row whose expiration is no number.
    pub fn bad_expiration(&self) -> Option<usize> {
        if self.features & EXPIRATION == 0 {
            return None;
        }
        let mut reader = self.reader();
        self.rows.iter().position(|row| {
            row.features() & EXPIRATION != 0
                && properties::property(row.properties(reader.data(row)), EXPIRATION_INDEX)
                    .and_then(parse_expiration)
                    .is_none()
        })
    }

    pub(crate) fn for_each(&self, selection: Option<&Selection>, mut f: impl FnMut(&Row)) {
        match selection {
            None => self.rows.iter().for_each(f),
            Some(selection) => selection.for_each(|row| f(&self.rows[row as usize])),
        }
    }
}
