//! Reading a stored extent's rows back.
//!
//! ```text
//! block = length:u32 (of the packed rows)  crc32c:u32 (of the packed rows)  packed rows
//! ```

use std::sync::Arc;

use super::{Extent, Refusal};
use crate::batch::Batch;
use crate::pack::{Entries, Entry};
use crate::places::Run;
use crate::pool::Pool;
use crate::row::Row;

/// Why the rows cannot be read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    Refused(Refusal),
    /// The block at this position is not there or not what was written.
    Block(u64, &'static str),
}

impl Damage {
    pub fn text(self) -> String {
        match self {
            Damage::Refused(refusal) => refusal.text(),
            Damage::Block(position, why) => format!("block at position {position}: {why}"),
        }
    }
}

/// The packed rows of a block of which position and length are known.
fn open<'a>(ranges: &[(u64, &'a [u8])], (position, length): (u64, u32)) -> Result<Vec<Entry<'a>>, &'static str> {
    let within = |&(start, data): &(u64, &'a [u8])| {
        let offset = usize::try_from(position.checked_sub(start)?).ok()?;
        data.get(offset..)?.get(..length as usize)
    };
    // The ranges ascend, so the block is in the last that begins before it; who joined them otherwise is searched for.
    let likely = ranges.partition_point(|&(start, _)| start <= position).checked_sub(1);
    let block = likely.and_then(|index| within(&ranges[index])).or_else(|| ranges.iter().find_map(within));
    let (head, payload) = block.and_then(<[u8]>::split_first_chunk::<8>).ok_or("it was not read whole")?;
    let [l0, l1, l2, l3, c0, c1, c2, c3] = *head;
    if u32::from_be_bytes([l0, l1, l2, l3]) as usize != payload.len() {
        return Err("another length was written");
    }
    if u32::from_be_bytes([c0, c1, c2, c3]) != crc32c::crc32c(payload) {
        return Err("the checksum is wrong");
    }
    Entries::new(payload).and_then(Iterator::collect).map_err(|fault| fault.text())
}

impl Extent {
    /// Have the live rows in memory again. `ranges`: bytes of log and spill, each with the position of the first.
    pub fn load(&mut self, pool: &Pool, ranges: &[(u64, &[u8])]) -> Result<(), Damage> {
        let Some(stored) = &self.stored else {
            return Err(Damage::Refused(Refusal::Resident));
        };
        let live = self.live();
        let places = stored.places.runs();
        let mut batch = Batch::new(0, Arc::default());
        let mut numbers = Vec::new();
        let mut by_block: Vec<&Run> = places.iter().filter(|run| live.count_range(run.first, run.count) > 0).collect();
        by_block.sort_unstable_by_key(|run| (run.block(), run.skip));
        for runs in by_block.chunk_by(|one, other| one.block() == other.block()) {
            let damage = |why| Damage::Block(runs[0].position, why);
            let entries = open(ranges, runs[0].block()).map_err(damage)?;
            for run in runs {
                for row in (run.first..run.end()).filter(|&row| live.get(row)) {
                    let entry = entries.get((run.skip + row - run.first) as usize);
                    let entry = entry.ok_or("it has too few rows").map_err(damage)?;
                    entry.store(&mut batch, pool).map_err(|fault| damage(fault.text()))?;
                    numbers.push(row);
                }
            }
        }
        self.settle_in(stored.rows as usize, places, &batch, &numbers);
        Ok(())
    }

    /// The rows of the batch are the live rows with these numbers.
    fn settle_in(&mut self, rows: usize, places: Vec<Run>, batch: &Batch, numbers: &[u32]) {
        (self.ready_bytes, self.delivered_bytes) = (0, 0);
        self.stored = None;
        self.places = places;
        self.rows = vec![Row::default(); rows];
        let mut from = (u32::MAX, 0);
        for (row, &number) in batch.rows().iter().zip(numbers) {
            if row.arena != from.0 {
                from = (row.arena, self.lease(&batch.arenas()[row.arena as usize]));
            }
            self.leases[from.1 as usize].add(1, row.size());
            self.rows[number as usize] = row.with_arena(from.1);
            let bytes = if self.ready.get(number) { &mut self.ready_bytes } else { &mut self.delivered_bytes };
            *bytes += u64::from(row.body_len);
        }
    }
}
