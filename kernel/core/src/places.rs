//! Places: where the rows of an extent lie in the log or the spill, as runs.
//!
//! ```text
//! rows of the extent   . . . 3 4 5 6 . .        first 3, count 4
//!                            | | | |
//! rows of the block      0 1 2 3 4 5            skip 2
//! ```
//!
//! One append makes one run, or goes on with the last one; a run is not longer for having more rows.

use crate::bitmap::Bitmap;
use crate::piece::SPILL;
use crate::selection::Selection;

/// Rows that lie in one block one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub first: u32,
    pub count: u32,
    pub position: u64,
    pub length: u32,
    /// The first row's number in the block.
    pub skip: u32,
}

impl Run {
    pub fn end(&self) -> u32 {
        self.first + self.count
    }

    pub fn is_spilled(&self) -> bool {
        self.position & SPILL != 0
    }

    pub fn block(&self) -> (u64, u32) {
        (self.position, self.length)
    }
}

/// Add a run behind the others.
pub fn push_run(runs: &mut Vec<Run>, run: Run) {
    match runs.last_mut() {
        Some(last) if last.block() == run.block() && last.end() == run.first && last.skip + last.count == run.skip => {
            last.count += run.count;
        }
        _ => runs.push(run),
    }
}

/// The rows of the selection lie in this block from now on, in order, the first as its row `skip`.
pub fn replace(runs: &mut Vec<Run>, rows: u32, (position, length): (u64, u32), selection: &Selection, skip: u32) {
    let mut by_row = vec![None; rows as usize];
    for run in runs.drain(..) {
        for offset in 0..run.count {
            by_row[(run.first + offset) as usize] = Some((run.block(), run.skip + offset));
        }
    }
    selection.iter().zip(skip..).for_each(|(row, skip)| by_row[row as usize] = Some(((position, length), skip)));
    for (first, place) in (0..).zip(by_row) {
        if let Some(((position, length), skip)) = place {
            push_run(runs, Run { first, count: 1, position, length, skip });
        }
    }
    runs.shrink_to_fit();
}

/// A block with rows that are live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    pub position: u64,
    pub length: u32,
    pub live: u32,
    /// That it has at least.
    pub rows: u32,
}

impl Block {
    pub fn end(&self) -> u64 {
        self.position + u64::from(self.length)
    }
}

/// The runs that have live rows.
pub fn live_runs(runs: &[Run], live: &Bitmap) -> Vec<Run> {
    runs.iter().filter(|run| live.count_range(run.first, run.count) > 0).copied().collect()
}

/// The blocks that live rows lie in, ascending.
pub fn blocks(runs: &[Run], live: &Bitmap) -> Vec<Block> {
    let of = |run: &Run| Block {
        position: run.position,
        length: run.length,
        live: live.count_range(run.first, run.count),
        rows: run.skip + run.count,
    };
    let mut parts: Vec<Block> = runs.iter().map(of).filter(|part| part.live > 0).collect();
    parts.sort_unstable();
    let mut blocks: Vec<Block> = Vec::new();
    for part in parts {
        match blocks.last_mut() {
            Some(last) if (last.position, last.length) == (part.position, part.length) => {
                last.live += part.live;
                last.rows = last.rows.max(part.rows);
            }
            _ => blocks.push(part),
        }
    }
    blocks
}

/// (position, size) to read for these blocks. They are joined where less than `gap` bytes lie between and the result is
/// not longer than `limit`; log and spill never.
pub fn ranges(blocks: &[Block], gap: u64, limit: u64) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for block in blocks {
        if let Some((position, size)) = ranges.last_mut() {
            let end = *position + *size;
            let joined = end.max(block.end()) - *position;
            let near = block.position.saturating_sub(end) < gap;
            if near && joined <= limit && (*position ^ block.position) & SPILL == 0 {
                *size = joined;
                continue;
            }
        }
        ranges.push((block.position, block.length.into()));
    }
    ranges
}

/// Live bytes of the log, by segment.
#[derive(Debug)]
pub struct Usage {
    bases: Vec<u64>,
    bytes: Vec<u64>,
}

impl Usage {
    /// Of segments that begin at these positions; None unless they ascend.
    pub fn new(bases: Vec<u64>) -> Option<Usage> {
        let ascend = bases.windows(2).all(|pair| pair[0] < pair[1]);
        ascend.then(|| Usage { bytes: vec![0; bases.len()], bases })
    }

    pub fn bytes(&self) -> &[u64] {
        &self.bytes
    }

    /// Of each block the share that is live. Blocks before the first segment and in the spill do not count.
    pub(crate) fn add(&mut self, runs: &[Run], live: &Bitmap) {
        for block in blocks(runs, live).iter().take_while(|block| block.position < SPILL) {
            let segment = self.bases.partition_point(|&base| base <= block.position);
            if let Some(bytes) = segment.checked_sub(1).and_then(|segment| self.bytes.get_mut(segment)) {
                let live = u64::from(block.length) * u64::from(block.live) / u64::from(block.rows);
                *bytes = bytes.saturating_add(live);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u32, count: u32, position: u64, skip: u32) -> Run {
        Run { first, count, position, length: 100, skip }
    }

    #[test]
    fn an_append_goes_on_with_the_last_run_or_makes_one() {
        let mut runs = Vec::new();
        for part in [run(0, 5, 64, 0), run(5, 5, 64, 5), run(10, 1, 64, 11), run(12, 1, 64, 12), run(13, 1, 200, 13)] {
            push_run(&mut runs, part);
        }
        assert_eq!(runs, [run(0, 10, 64, 0), run(10, 1, 64, 11), run(12, 1, 64, 12), run(13, 1, 200, 13)]);
    }

    #[test]
    fn places_are_replaced() {
        let mut runs = vec![run(0, 5, 64, 3), run(7, 2, 64, 8)];
        let rows: Selection = [1, 2, 4, 5, 6, 7].into_iter().collect();
        replace(&mut runs, 9, (500, 100), &rows, 0);
        let wanted = [run(0, 1, 64, 3), run(1, 2, 500, 0), run(3, 1, 64, 6), run(4, 4, 500, 2), run(8, 1, 64, 9)];
        assert_eq!(runs, wanted);
        replace(&mut runs, 9, (900, 100), &Selection::range(0, 9), 0);
        assert_eq!(runs, [run(0, 9, 900, 0)]);
        replace(&mut runs, 9, (700, 100), &Selection::range(3, 6), 40);
        assert_eq!(runs, [run(0, 3, 900, 0), run(3, 6, 700, 40)]);
    }

    #[test]
    fn usage_counts_blocks_once() {
        let runs = [run(0, 2, 1000, 0), run(2, 1, 50, 0), run(3, 2, 1000, 2), run(5, 1, SPILL, 0), run(6, 4, 1100, 0)];
        let mut live = Bitmap::filled(6);
        live.clear(1);
        let found = blocks(&runs, &live);
        let block = |position, live, rows| Block { position, length: 100, live, rows };
        assert_eq!(found, [block(50, 1, 1), block(1000, 3, 4), block(SPILL, 1, 1)]);
        let mut usage = Usage::new(vec![100, 1000]).unwrap();
        usage.add(&runs, &live);
        assert_eq!(usage.bytes(), [0, 75]);
        assert!(Usage::new(vec![1, 1]).is_none());
    }
}
