//! Extents whose rows are on disk: what is left of them in memory, and how they come to be.
//!
//! ```text
//!            append ..................... resident
//!            store (the transient ones)    |  ^
//!                                    evict v  | load (what `ranges` said to read)
//! restore, from_state  ----------------> stored
//! ```

use super::{EXTENT_ROWS, Extent, Refusal};
use crate::bitmap::Bitmap;
use crate::packed::Packed;
use crate::piece::{Pieces, SPILL, is_place};
use crate::places::{Run, blocks, live_runs, ranges, replace};
use crate::selection::Selection;

/// What a stored extent has beside its bitmaps.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub rows: u32,
    pub places: Packed,
}

/// The bytes of `part` out of `rows` rows that have `bytes` together, if all have the same.
#[cold]
pub(super) fn share(bytes: u64, part: u32, rows: u32) -> u64 {
    (u128::from(bytes) * u128::from(part) / u128::from(rows.max(1))) as u64
}

impl Extent {
    /// Take rows for as long as they fit, and until more than `room` bytes are ready; how many. Numbers that are skipped
    /// are settled rows.
    pub fn restore(&mut self, pieces: &mut Pieces, room: u64) -> Result<u32, Refusal> {
        if self.is_resident() && !self.is_empty() {
            return Err(Refusal::Resident);
        }
        if pieces.next().is_some_and(|next| next < self.base.saturating_add(self.len() as u64)) {
            return Err(Refusal::Passed);
        }
        let mut taken = 0;
        let end = self.base.saturating_add(EXTENT_ROWS as u64);
        while self.ready_bytes <= room {
            let Some(piece) = pieces.take_before(end) else {
                break;
            };
            let first = (piece.first - self.base) as u32;
            let stored = self.stored.get_or_insert_default();
            let (position, length, skip) = (piece.position, piece.length, piece.skip);
            stored.places.push(&Run { first, count: piece.count, position, length, skip });
            stored.rows = first + piece.count;
            self.ready.set_range(first, piece.count);
            self.first_ready = if self.ready_rows == 0 { first } else { self.first_ready };
            self.ready_rows += piece.count;
            self.ready_bytes += piece.body_bytes;
            self.features |= piece.features;
            taken += piece.count;
        }
        if self.is_full() {
            self.stored.iter_mut().for_each(|stored| stored.places.shrink());
        }
        Ok(taken)
    }

    /// Live rows that are nowhere on disk.
    pub fn unstored(&self) -> Selection {
        let mut live = self.live();
        self.runs().iter().for_each(|run| live.clear_range(run.first, run.count));
        live.select()
    }

    /// Where the last block of a live row in the log ends; 0 if there is none.
    pub fn log_end(&self) -> u64 {
        let blocks = blocks(&self.runs(), &self.live());
        blocks.iter().rev().find(|block| block.position & SPILL == 0).map_or(0, |block| block.end())
    }

    /// The rows of the selection lie in this block from now on, in order, the first as its row `skip`.
    pub fn store(&mut self, block: (u64, u32), selection: &Selection, skip: u32) -> Result<(), Refusal> {
        self.check_present(selection)?;
        if !is_place(block.0, block.1) || skip.checked_add(selection.len() as u32).is_none() {
            return Err(Refusal::NoPlace);
        }
        let rows = self.len() as u32;
        match &mut self.stored {
            None => replace(&mut self.places, rows, block, selection, skip),
            Some(stored) => {
                let mut runs = stored.places.runs();
                replace(&mut runs, rows, block, selection, skip);
                stored.places = Packed::of(&runs);
            }
        }
        Ok(())
    }

    /// Let go of the rows; bytes of messages that were live.
    pub fn evict(&mut self) -> Result<u64, Refusal> {
        if !self.is_resident() || self.is_empty() {
            return Ok(0);
        }
        if self.delivered_rows > 0 {
            return Err(Refusal::Delivered);
        }
        if let Some(row) = self.unstored().iter().next() {
            return Err(Refusal::Unplaced(row));
        }
        let places = Packed::of(&live_runs(&self.places, &self.ready));
        self.stored = Some(Box::new(Stored { rows: self.rows.len() as u32, places }));
        let bytes = self.leases.iter().map(|lease| lease.bytes()).sum();
        (self.rows, self.leases, self.places) = (Vec::new(), Vec::new(), Vec::new());
        for bitmap in [&mut self.ready, &mut self.delivered, &mut self.redelivered] {
            if bitmap.is_empty() {
                *bitmap = Bitmap::default();
            }
            bitmap.shrink();
        }
        self.shrink_expiries();
        Ok(bytes)
    }

    /// (position, size) to read in order to load it.
    pub fn ranges(&self, gap: u64, limit: u64) -> Vec<(u64, u64)> {
        ranges(&blocks(&self.runs(), &self.live()), gap, limit)
    }

    /// Live rows whose block begins in `start..stop`.
    pub fn places_in(&self, start: u64, stop: u64) -> Selection {
        let live = self.live();
        let mut found = Bitmap::default();
        for run in self.runs().iter().filter(|run| (start..stop).contains(&run.position)) {
            found.set_range(run.first, run.count);
        }
        found.and(&live).select()
    }

    /// What lies in the spill does not any more.
    pub fn forget_spill(&mut self) -> Result<(), Refusal> {
        self.check_resident()?;
        self.places.retain(|run| run.position & SPILL == 0);
        Ok(())
    }
}
