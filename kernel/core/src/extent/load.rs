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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extent::tests::batch;
    use crate::pack::{measure, pack};
    use crate::selection::Selection;

    fn block(batch: &Batch) -> Vec<u8> {
        let mut payload = vec![0; measure(batch, None).size];
        pack(batch, None, &mut payload);
        let head = [(payload.len() as u32).to_be_bytes(), crc32c::crc32c(&payload).to_be_bytes()].concat();
        [head, payload].concat()
    }

    /// An extent whose rows lie in a block at 100; what is there.
    fn stored(pool: &Pool, sizes: &[usize]) -> (Extent, Vec<u8>) {
        let rows = batch(pool, sizes);
        let data = block(&rows);
        let mut extent = Extent::new(0);
        extent.append(&rows, None, 0, None).unwrap();
        extent.store((100, data.len() as u32), &Selection::range(0, rows.len() as u32), 0).unwrap();
        (extent, data)
    }

    #[test]
    fn arenas_hold_live_rows_only() {
        let pool = Pool::new(4096);
        let (mut extent, data) = stored(&pool, &[900; 40]);
        extent.drop(&Selection::range(1, 39));
        extent.evict().unwrap();
        assert_eq!((pool.allocated(), extent.is_resident(), extent.len()), (0, false, 40));
        assert_eq!(extent.ranges(0, 0), [(100, data.len() as u64)]);
        extent.load(&pool, &[(100, &data)]).unwrap();
        assert_eq!((pool.allocated(), extent.ready_bytes()), (4096, 900));
        assert_eq!(extent.message(0).unwrap().body(), [b'x'; 900]);
        assert!(extent.message(1).is_none());
        assert_eq!(extent.unstored(), Selection::EMPTY);
        let all = extent.take(9, None).unwrap();
        extent.settle(&all).unwrap();
        assert_eq!(pool.allocated(), 0);
    }

    #[test]
    fn damage_changes_nothing() {
        let pool = Pool::new(4096);
        let (mut extent, mut data) = stored(&pool, &[1, 2, 3]);
        assert_eq!(extent.load(&pool, &[(100, &data)]), Err(Damage::Refused(Refusal::Resident)));
        extent.evict().unwrap();
        for at in 0..data.len() {
            data[at] ^= 1;
            assert!(matches!(extent.load(&pool, &[(100, &data)]), Err(Damage::Block(100, _))));
            data[at] ^= 1;
        }
        for ranges in [&[(101, &data[1..])][..], &[(100, &data[1..])], &[(0, &data)], &[(u64::MAX, &data)], &[]] {
            assert!(matches!(extent.load(&pool, ranges), Err(Damage::Block(100, _))));
        }
        assert_eq!((extent.is_resident(), extent.ready(), pool.allocated()), (false, 3, 0));
        let around = [&[7; 50][..], &data, &[7; 50]].concat();
        extent.load(&pool, &[(50, &around), (500, b"")]).unwrap();
        assert_eq!(extent.ready_bytes(), 6);
    }

    #[test]
    fn what_a_stored_extent_takes() {
        use crate::piece::{Piece, Pieces};
        let mut pieces = Pieces::default();
        for first in 0..4096 {
            let position = first * 100_300;
            let length = 300 + first as u32 % 500;
            assert!(pieces.push(Piece { first, count: 1, position, length, skip: 0, body_bytes: 9, features: 1 }));
        }
        let mut extent = Extent::new(0);
        assert_eq!(extent.restore(&mut pieces, u64::MAX), Ok(4096));
        let words = extent.ready.words().len() + extent.delivered.words().len() + extent.redelivered.words().len();
        assert_eq!(words, 64);
        let places = extent.stored.as_ref().unwrap().places.bytes().len();
        assert!(places <= 6 * 4096, "{places}");
        assert!(size_of::<Extent>() + size_of::<super::super::Stored>() < 320);
    }
}
