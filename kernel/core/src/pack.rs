//! Rows as self-contained bytes for a log record, and back.
//!
//! ```text
//! u32 count, then per row:
//!   [exchange shortstr][routing key shortstr][u8 flags, 1: mandatory]
//!   [u32 length][properties] [u32 length][body]            all integers big-endian
//! ```

use std::sync::Arc;

use crate::batch::{Batch, Unfit};
use crate::frame::take_names;
use crate::pool::Pool;
use crate::properties::MANDATORY;
use crate::render::Sink;
use crate::selection::Selection;
use crate::take::{take_bytes, take_u32};

/// Why bytes are not what `pack` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpackable {
    Cut,
    Flags,
    Rest,
    Message(Unfit),
}

impl Unpackable {
    pub fn text(self) -> &'static str {
        match self {
            Unpackable::Cut => "packed messages are cut off",
            Unpackable::Flags => "packed messages have unknown flags",
            Unpackable::Rest => "packed messages have bytes behind them",
            Unpackable::Message(unfit) => unfit.text(),
        }
    }
}

/// What rows come to when they are packed.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Bytes that `pack` fills.
    pub size: usize,
    pub body_bytes: u64,
    pub features: u32,
}

/// The fewest bytes of a packed row: two empty names, flags, no properties, no body.
pub const ROW_SIZE_MIN: u64 = 2 + 1 + 4 + 4;

pub fn measure(batch: &Batch, selection: Option<&Selection>) -> Measure {
    let mut measure = Measure { size: 4, body_bytes: 0, features: 0 };
    batch.for_each(selection, |row| {
        measure.size += row.names_len() + 9 + row.properties_len as usize + row.body_len as usize;
        measure.body_bytes += u64::from(row.body_len);
        measure.features |= row.features();
    });
    measure
}

/// Fill `out`, which has the size that `measure` gave.
pub fn pack(batch: &Batch, selection: Option<&Selection>, out: &mut [u8]) {
    let mut sink = Sink::new(out);
    let mut reader = batch.reader();
    sink.put(&(selection.map_or(batch.len(), Selection::len) as u32).to_be_bytes());
    batch.for_each(selection, |row| {
        let data = reader.data(row);
        sink.put(row.names(data));
        sink.put(&[u8::from(row.features() & MANDATORY != 0)]);
        sink.put(&row.properties_len.to_be_bytes());
        sink.put(row.properties(data));
        sink.put(&row.body_len.to_be_bytes());
        sink.put(row.body(data));
    });
}

/// The messages that `pack` wrote.
pub fn unpack(pool: &Pool, data: &[u8]) -> Result<Batch, Unpackable> {
    let mut batch = Batch::new(0, Arc::default());
    for entry in Entries::new(data)? {
        entry?.store(&mut batch, pool)?;
    }
    Ok(batch)
}

/// One message as it lies in packed bytes.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    names: &'a [u8],
    properties: &'a [u8],
    body: &'a [u8],
    mandatory: bool,
}

impl Entry<'_> {
    pub fn store(&self, batch: &mut Batch, pool: &Pool) -> Result<(), Unpackable> {
        let flags = if self.mandatory { MANDATORY } else { 0 };
        batch.store(pool, self.names, self.properties, self.body, flags).map_err(Unpackable::Message)
    }
}

/// The messages of packed bytes one by one; the last one may be that there are bytes behind them.
pub(crate) struct Entries<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Entries<'a> {
    pub fn new(data: &'a [u8]) -> Result<Entries<'a>, Unpackable> {
        let mut rest = data;
        let left = take_u32(&mut rest).ok_or(Unpackable::Cut)?;
        Ok(Entries { rest, left })
    }

    fn take(&mut self) -> Result<Entry<'a>, Unpackable> {
        let (names, flags) = take_names(&mut self.rest).ok_or(Unpackable::Cut)?;
        if flags & !1 != 0 {
            return Err(Unpackable::Flags);
        }
        let properties = take_bytes(&mut self.rest).ok_or(Unpackable::Cut)?;
        let body = take_bytes(&mut self.rest).ok_or(Unpackable::Cut)?;
        Ok(Entry { names, properties, body, mandatory: flags != 0 })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Unpackable>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left > 0 {
            let entry = self.take();
            self.left = if entry.is_ok() { self.left - 1 } else { 0 };
            return Some(entry);
        }
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then_some(Err(Unpackable::Rest))
    }
}
