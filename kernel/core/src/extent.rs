//! Extents: what a queue is made of. Up to `EXTENT_ROWS` messages with consecutive sequence numbers, the first `base`.
//!
//! A row is ready, delivered or settled: a bit in `ready`, a bit in `delivered`, or neither. Rows are taken, given back
//! and settled a word of bits at a time where they lie together. An arena is let go when its last row is settled.
//!
//! A *stored* extent has no rows in memory, only the bitmaps and where the rows lie on disk (`stored`).

mod append;
mod compact;
mod load;
mod state;
mod stored;
mod take;

use std::borrow::Cow;
use std::sync::Arc;

use crate::batch::Batch;
use crate::bitmap::Bitmap;
use crate::lease::{Lease, Tally};
use crate::places::{Run, Usage};
use crate::pool::Arena;
use crate::properties::PERSISTENT;
use crate::row::{Message, Reader, Row};
use crate::selection::{Builder, Selection};

pub use load::Damage;
use stored::{Stored, share};

pub const EXTENT_ROWS: usize = 4096;
/// Rows that a recycled extent keeps memory for.
const ROWS_KEPT: usize = 16;

/// Why rows cannot change as asked; nothing was changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    NotDelivered(u32),
    /// Settled or absent.
    Gone(u32),
    Absent(u32),
    /// The extent is not resident.
    Stored,
    Resident,
    /// Rows are delivered.
    Delivered,
    /// Live, and in memory only.
    Unplaced(u32),
    NoPlace,
    /// Rows come that have their places taken already.
    Passed,
}

impl Refusal {
    pub fn text(self) -> String {
        match self {
            Refusal::NotDelivered(row) => format!("row {row} is not delivered"),
            Refusal::Gone(row) => format!("row {row} is settled or absent"),
            Refusal::Absent(row) => format!("there is no row {row}"),
            Refusal::Stored => "the rows are not in memory".into(),
            Refusal::Resident => "the rows are in memory".into(),
            Refusal::Delivered => "rows are delivered".into(),
            Refusal::Unplaced(row) => format!("row {row} is in memory only"),
            Refusal::NoPlace => "no block can lie there".into(),
            Refusal::Passed => "these numbers are passed already".into(),
        }
    }
}

#[derive(Debug, Default)]
pub struct Extent {
    base: u64,
    /// Under which id the log knows its messages.
    lane: u64,
    rows: Vec<Row>,
    leases: Vec<Lease>,
    /// Where rows lie on disk, too.
    places: Vec<Run>,
    /// Instead of rows, leases and places when these are not in memory.
    stored: Option<Box<Stored>>,
    ready: Bitmap,
    delivered: Bitmap,
    redelivered: Bitmap,
    ready_rows: u32,
    delivered_rows: u32,
    ready_bytes: u64,
    delivered_bytes: u64,
    /// No row before this one is ready.
    first_ready: u32,
    features: u32,
}

impl Extent {
    pub fn new(base: u64) -> Extent {
        Extent { base, ..Extent::default() }
    }

    pub fn with_lane(self, lane: u64) -> Extent {
        Extent { lane, ..self }
    }

    pub fn lane(&self) -> u64 {
        self.lane
    }

    pub fn base(&self) -> u64 {
        self.base
    }

    pub fn len(&self) -> usize {
        self.stored.as_ref().map_or(self.rows.len(), |stored| stored.rows as usize)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn is_full(&self) -> bool {
        self.len() >= EXTENT_ROWS
    }

    pub fn is_resident(&self) -> bool {
        self.stored.is_none()
    }

    fn check_resident(&self) -> Result<(), Refusal> {
        if self.is_resident() { Ok(()) } else { Err(Refusal::Stored) }
    }

    pub fn ready(&self) -> u32 {
        self.ready_rows
    }

    pub fn unacked(&self) -> u32 {
        self.delivered_rows
    }

    pub fn ready_bytes(&self) -> u64 {
        self.ready_bytes
    }

    pub fn unacked_bytes(&self) -> u64 {
        self.delivered_bytes
    }

    pub fn features(&self) -> u32 {
        self.features
    }

    pub(crate) fn row(&self, row: u32) -> Option<&Row> {
        self.rows.get(row as usize)
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn reader<'a>(&'a self) -> Reader<'a, impl Fn(u32) -> &'a Arena> {
        Reader::new(|arena| self.arena(arena))
    }

    /// The arena of a row that is not settled.
    fn arena(&self, arena: u32) -> &Arc<Arena> {
        match &self.leases[arena as usize].arena {
            Some(arena) => arena,
            None => unreachable!("a live row keeps its arena"),
        }
    }

    fn is_live(&self, row: u32) -> bool {
        self.ready.get(row) || self.delivered.get(row)
    }

    /// Whether each row of the selection is ready or delivered; else the first that is not.
    pub fn check_live(&self, selection: &Selection) -> Result<(), Refusal> {
        if selection
            .as_range()
            .is_some_and(|(start, len)| self.in_range(start, len) && self.delivered.has_range(start, len))
            && self.is_resident()
        {
            return Ok(());
        }
        match selection.iter().find(|&row| !self.is_live(row)) {
            _ if !self.is_resident() && !selection.is_empty() => Err(Refusal::Stored),
            Some(row) => Err(Refusal::Gone(row)),
            None => Ok(()),
        }
    }

    fn check_present(&self, selection: &Selection) -> Result<(), Refusal> {
        match selection.last() {
            Some(last) if last as usize >= self.len() => Err(Refusal::Absent(last)),
            _ => Ok(()),
        }
    }

    /// Body bytes of a part of these rows, which have `bytes` together: what they should be if the rows are not here.
    #[inline]
    fn body_bytes_of(&self, part: &Selection, rows: u32, bytes: u64) -> u64 {
        if part.len() == rows as usize {
            bytes
        } else if self.is_resident() {
            self.body_bytes(part)
        } else {
            share(bytes, part.len() as u32, rows)
        }
    }

    fn body_bytes(&self, selection: &Selection) -> u64 {
        let mut bytes = 0;
        match selection.as_range() {
            Some((start, len)) => {
                bytes = self.rows[start as usize..][..len as usize].iter().map(|row| u64::from(row.body_len)).sum();
            }
            None => selection.for_each(|row| bytes += u64::from(self.rows[row as usize].body_len)),
        }
        bytes
    }

    fn check_delivered(&self, selection: &Selection) -> Result<(), Refusal> {
        let bad = match selection.as_range() {
            Some((start, len)) if self.in_range(start, len) && self.delivered.has_range(start, len) => None,
            _ => selection.iter().find(|&row| !self.delivered.get(row)),
        };
        bad.map_or(Ok(()), |row| Err(Refusal::NotDelivered(row)))
    }

    fn in_range(&self, start: u32, len: u32) -> bool {
        start as usize + len as usize <= self.len()
    }

    /// Body bytes of delivered rows, which stop being delivered.
    fn undeliver(&mut self, selection: &Selection) -> u64 {
        let rows = selection.len() as u32;
        let bytes = self.body_bytes_of(selection, self.delivered_rows, self.delivered_bytes);
        match selection.as_range() {
            Some((start, len)) => self.delivered.clear_range(start, len),
            None => selection.for_each(|row| self.delivered.clear(row)),
        }
        self.delivered_rows -= rows;
        self.delivered_bytes -= bytes;
        bytes
    }

    /// Delivered rows become ready again, and redelivered.
    pub fn requeue(&mut self, selection: &Selection) -> Result<(), Refusal> {
        self.check_delivered(selection)?;
        let Some(last) = selection.last() else {
            return Ok(());
        };
        let bytes = self.undeliver(selection);
        let first = selection.at(0);
        self.redelivered.cover(last + 1);
        match selection.as_range() {
            Some((start, len)) => {
                self.ready.set_range(start, len);
                self.redelivered.set_range(start, len);
            }
            None => selection.for_each(|row| {
                self.ready.set(row);
                self.redelivered.set(row);
            }),
        }
        self.ready_rows += selection.len() as u32;
        self.ready_bytes += bytes;
        self.first_ready = self.first_ready.min(first);
        Ok(())
    }

    /// Delivered rows become settled.
    pub fn settle(&mut self, selection: &Selection) -> Result<(), Refusal> {
        self.check_delivered(selection)?;
        self.undeliver(selection);
        self.release(selection);
        Ok(())
    }

    /// Ready ones of these rows become settled; others stay what they are.
    pub fn drop(&mut self, selection: &Selection) {
        let ready: Selection = selection.iter().filter(|&row| self.ready.get(row)).collect();
        self.ready_bytes -= self.body_bytes_of(&ready, self.ready_rows, self.ready_bytes);
        self.ready_rows -= ready.len() as u32;
        ready.for_each(|row| self.ready.clear(row));
        self.release(&ready);
    }

    /// Rows that became settled need their arenas no longer.
    #[inline]
    fn release(&mut self, selection: &Selection) {
        if !self.is_resident() {
            return;
        }
        let mut tally = Tally::default();
        let (rows, leases) = (&self.rows, &mut self.leases);
        let mut release = |arena: u32, rows: u32, bytes: u64| leases[arena as usize].remove(rows, bytes);
        match selection.as_range() {
            Some((start, len)) => {
                rows[start as usize..][..len as usize].iter().for_each(|row| tally.count(row, &mut release));
            }
            None => selection.for_each(|row| tally.count(&rows[row as usize], &mut release)),
        }
        tally.finish(&mut release);
    }

    pub fn select_ready(&self) -> Selection {
        let mut ready = Builder::default();
        let first_word = self.first_ready as usize / 64;
        for (index, &word) in self.ready.words().iter().enumerate().skip(first_word) {
            ready.push_word(index as u32 * 64, word);
        }
        ready.finish()
    }

    /// Rows that are ready or delivered.
    fn live(&self) -> Bitmap {
        let mut words = self.ready.words().to_vec();
        let delivered = self.delivered.words();
        words.resize(words.len().max(delivered.len()), 0);
        words.iter_mut().zip(delivered).for_each(|(word, delivered)| *word |= delivered);
        Bitmap::of(words)
    }

    fn select_live(&self) -> Selection {
        self.live().select()
    }

    /// Where rows lie on disk.
    fn runs(&self) -> Cow<'_, [Run]> {
        match &self.stored {
            Some(stored) => stored.places.runs().into(),
            None => (&self.places).into(),
        }
    }

    /// Count what is live of the log.
    pub fn add_to(&self, usage: &mut Usage) {
        usage.add(&self.runs(), &self.live());
    }

    /// The persistent ones of the selection (None: of all rows that are not settled).
    pub fn select_persistent(&self, selection: Option<&Selection>) -> Result<Selection, Refusal> {
        if let Some(selection) = selection {
            self.check_present(selection)?;
        }
        self.check_resident()?;
        if self.features & PERSISTENT == 0 {
            return Ok(Selection::EMPTY);
        }
        let live = selection.is_none().then(|| self.select_live());
        let mut persistent = Builder::default();
        if let Some(selection) = selection.or(live.as_ref()) {
            selection.for_each(|row| {
                if self.rows[row as usize].features() & PERSISTENT != 0 {
                    persistent.push(row);
                }
            });
        }
        Ok(persistent.finish())
    }

    pub fn is_redelivered(&self, row: u32) -> bool {
        self.redelivered.get(row)
    }

    pub fn mark_redelivered(&mut self, selection: &Selection) -> Result<(), Refusal> {
        self.check_present(selection)?;
        match selection.as_range() {
            Some((start, len)) => self.redelivered.set_range(start, len),
            None => selection.for_each(|row| self.redelivered.set(row)),
        }
        Ok(())
    }

    /// All rows.
    pub fn mark_all_redelivered(&mut self) {
        self.redelivered.set_range(0, self.len() as u32);
    }

    /// A row that is not settled, copied out.
    pub fn message(&self, row: u32) -> Option<Message> {
        if !self.is_live(row) {
            return None;
        }
        let row = self.rows.get(row as usize)?;
        Some(Message::copy(row, self.reader().data(row)))
    }

    /// If all rows are settled: forget them, and begin with the next number.
    pub fn recycle(&mut self) -> bool {
        if self.ready_rows > 0 || self.delivered_rows > 0 {
            return false;
        }
        self.base += self.len() as u64;
        self.rows.clear();
        self.rows.shrink_to(ROWS_KEPT);
        self.leases.clear();
        self.leases.shrink_to(1);
        if !self.places.is_empty() || !self.is_resident() {
            (self.places, self.stored) = (Vec::new(), None);
        }
        for bitmap in [&mut self.ready, &mut self.delivered, &mut self.redelivered] {
            bitmap.reset();
        }
        self.first_ready = 0;
        self.features = 0;
        true
    }

    /// These rows, which must not be settled, as a batch that shares the arenas.
    pub fn batch(&self, selection: &Selection) -> Result<Batch, Refusal> {
        self.check_live(selection)?;
        let rows = selection.iter().map(|row| &self.rows[row as usize]);
        Ok(Batch::gather(rows, |arena| self.arena(arena)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::batch::Part;
    use crate::pool::Pool;

    pub fn batch(pool: &Pool, sizes: &[usize]) -> Batch {
        let bodies: Vec<Vec<u8>> = sizes.iter().map(|&size| vec![b'x'; size]).collect();
        let part = |body| Part { exchange: b"e", routing_key: b"k", properties: &[0, 0], body, mandatory: false };
        Batch::build(pool, 1, bodies.iter().map(|body| part(body.as_slice()))).unwrap()
    }

    fn rows(selection: &Selection) -> Vec<u32> {
        selection.iter().collect()
    }

    #[test]
    fn take_requeue_settle() {
        let pool = Pool::new(4096);
        let mut extent = Extent::new(100);
        assert_eq!(extent.append(&batch(&pool, &[1; 200]), None, 10, None).unwrap(), 190);
        assert_eq!((extent.ready(), extent.ready_bytes()), (190, 190));
        let first = extent.take(70, None).unwrap();
        assert_eq!(rows(&first), (0..70).collect::<Vec<_>>());
        assert_eq!((extent.ready_bytes(), extent.unacked_bytes()), (120, 70));
        let odd: Selection = (1..70).step_by(2).collect();
        extent.requeue(&odd).unwrap();
        assert_eq!(extent.requeue(&odd), Err(Refusal::NotDelivered(1)));
        assert_eq!(rows(&extent.take(36, None).unwrap()), odd.iter().chain([70]).collect::<Vec<_>>());
        assert!(extent.is_redelivered(1) && !extent.is_redelivered(0));
        extent.settle(&Selection::range(0, 71)).unwrap();
        assert_eq!(extent.settle(&Selection::range(70, 2)), Err(Refusal::NotDelivered(70)));
        assert_eq!((extent.unacked(), extent.ready()), (0, 119));
        assert!(extent.message(70).is_none() && extent.message(71).is_some());
        assert!(!extent.recycle());
        let rest = extent.take(u64::MAX, None).unwrap();
        extent.settle(&rest).unwrap();
        assert_eq!(pool.allocated(), 0);
        assert!(extent.recycle());
        assert_eq!((extent.base(), extent.len()), (290, 0));
    }

    #[test]
    fn room_ends_a_take() {
        let pool = Pool::new(4096);
        let mut extent = Extent::new(0);
        extent.append(&batch(&pool, &[5, 5, 5, 0, 5]), None, 0, None).unwrap();
        assert_eq!(rows(&extent.take(9, Some(10)).unwrap()), [0, 1, 2]);
        assert_eq!(rows(&extent.take(9, Some(0)).unwrap()), [3, 4]);
    }

    #[test]
    fn dealing_is_round_robin() {
        let pool = Pool::new(4096);
        let mut extent = Extent::new(0);
        extent.append(&batch(&pool, &[4; 10]), None, 0, None).unwrap();
        let (dealt, next) = extent.deal(&[2, 9, 9], &[None, Some(5), None], 1).unwrap();
        let dealt: Vec<_> = dealt.iter().map(rows).collect();
        assert_eq!(dealt, [vec![2, 5], vec![0, 3], vec![1, 4, 6, 7, 8, 9]]);
        assert_eq!(next, 0);
        assert_eq!(extent.deal(&[0, 1], &[None, Some(0)], 1).unwrap(), (vec![Selection::EMPTY; 2], 1));
    }
}
