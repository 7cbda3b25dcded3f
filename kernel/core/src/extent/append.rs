//! Rows that come from a batch.

use std::sync::Arc;

use super::{EXTENT_ROWS, Extent, Refusal};
use crate::batch::Batch;
use crate::lease::{Lease, Tally};
use crate::piece::is_place;
use crate::places::{Run, push_run};
use crate::pool::Arena;
use crate::properties::PERSISTENT;
use crate::row::Row;
use crate::selection::Selection;

impl Extent {
    /// Append rows of a batch as ready until full; how many were taken. With a block's place the persistent rows of the
    /// selection, those before `start` too, are the rows of that block.
    pub fn append(
        &mut self,
        batch: &Batch,
        selection: Option<&Selection>,
        start: usize,
        block: Option<(u64, u32)>,
    ) -> Result<usize, Refusal> {
        self.check_resident()?;
        if block.is_some_and(|(position, length)| !is_place(position, length)) {
            return Err(Refusal::NoPlace);
        }
        let offered = selection.map_or(batch.len(), Selection::len);
        let count = offered.saturating_sub(start).min(EXTENT_ROWS - self.rows.len());
        if count == 0 {
            return Ok(0);
        }
        let first = self.rows.len();
        if self.rows.capacity() - first < count {
            // Doubling, but never more than can come.
            let capacity = (self.rows.capacity() * 2).max(first + count).min(EXTENT_ROWS);
            self.rows.reserve_exact(capacity - first);
        }
        match selection.map(|selection| selection.slice(start, start + count)) {
            None => self.append_rows(batch, batch.rows()[start..start + count].iter()),
            Some(part) => match part.as_range() {
                Some((row, len)) => self.append_rows(batch, batch.rows()[row as usize..][..len as usize].iter()),
                None => self.append_rows(batch, part.iter().map(|row| &batch.rows()[row as usize])),
            },
        }
        self.ready.set_range(first as u32, count as u32);
        self.first_ready = if self.ready_rows == 0 { first as u32 } else { self.first_ready };
        self.ready_rows += count as u32;
        if let Some(block) = block.filter(|_| batch.features & PERSISTENT != 0) {
            let before = Selection::range(0, start as u32);
            self.place(first, block, batch, &selection.map_or(before, |selection| selection.slice(0, start)));
        }
        Ok(count)
    }

    /// The persistent ones of the rows from `first` on lie in this block, behind those of `before` in the batch.
    /// Not inlined: a message that goes to no disk should not pay for it.
    #[inline(never)]
    fn place(&mut self, first: usize, (position, length): (u64, u32), batch: &Batch, before: &Selection) {
        let mut skip = 0;
        batch.for_each(Some(before), |row| skip += row.features() & PERSISTENT);
        let mut run = Run { first: first as u32, count: 0, position, length, skip };
        for (row, next) in self.rows[first..].iter().zip(first as u32 + 1..) {
            if row.features() & PERSISTENT != 0 {
                run.count += 1;
                skip += 1;
            } else {
                if run.count > 0 {
                    push_run(&mut self.places, run);
                }
                run = Run { first: next, count: 0, position, length, skip };
            }
        }
        if run.count > 0 {
            push_run(&mut self.places, run);
        }
    }

    fn append_rows<'a>(&mut self, batch: &Batch, rows: impl Iterator<Item = &'a Row>) {
        let (mut from, mut to) = (u32::MAX, 0);
        let mut tally = Tally::default();
        for row in rows {
            if row.arena != from {
                if let Some(lease) = self.leases.get_mut(to as usize) {
                    lease.add(tally.rows, tally.bytes);
                }
                tally = Tally::default();
                from = row.arena;
                to = self.lease(&batch.arenas()[from as usize]);
            }
            tally.rows += 1;
            tally.bytes += row.size();
            self.features |= row.features();
            self.ready_bytes += u64::from(row.body_len);
            self.rows.push(row.with_arena(to));
        }
        if let Some(lease) = self.leases.get_mut(to as usize) {
            lease.add(tally.rows, tally.bytes);
        }
    }

    /// The number of an arena for rows that are added now.
    pub(super) fn lease(&mut self, arena: &Arc<Arena>) -> u32 {
        let same = |lease: &Lease| lease.arena.as_ref().is_some_and(|known| Arc::ptr_eq(known, arena));
        if !self.leases.last().is_some_and(same) {
            self.leases.push(Lease::new(arena));
        }
        self.leases.len() as u32 - 1
    }
}
