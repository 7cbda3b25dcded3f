//! Moving live rows out of arenas that are kept for few of them.

use std::sync::Arc;

use super::Extent;
use crate::lease::Lease;
use crate::pool::Pool;
use crate::row::Row;

/// Leases that may be over before they are looked through.
const LEASES_OVER_MAX: usize = 32;

impl Extent {
    /// Copy live rows out of arenas of which little is live, until `limit` bytes are moved; bytes moved.
    pub fn compact(&mut self, pool: &Pool, limit: u64) -> u64 {
        let wasted = |lease: &Lease| lease.arena.as_ref().is_some_and(|arena| pool.is_wasted(arena));
        let leases: Vec<bool> = self.leases.iter().map(wasted).collect();
        if !leases.contains(&true) {
            return 0;
        }
        let mut moved = 0;
        let mut before = None;
        for index in self.select_live().iter() {
            let row = self.rows[index as usize];
            if !leases.get(row.arena as usize).is_some_and(|&wasted| wasted) {
                continue;
            }
            if moved >= limit {
                break;
            }
            let copy = self.copy_out(&row, before, pool);
            self.leases[copy.arena as usize].add(1, copy.size());
            self.leases[row.arena as usize].remove(1, row.size());
            self.rows[index as usize] = copy;
            before = Some((row, copy));
            moved += copy.size();
        }
        self.forget_leases();
        moved
    }

    /// A live row copied elsewhere. `before`: the row that was copied last, as it was and as it is; names that the two
    /// share are not written again, or compacting could take more memory than it frees.
    fn copy_out(&mut self, row: &Row, before: Option<(Row, Row)>, pool: &Pool) -> Row {
        let from = Arc::clone(self.arena(row.arena));
        let memory = from.read();
        let data = memory.written();
        let (names, properties, body) = (row.names(data), row.properties(data), row.body(data));
        let mut copy = *row;
        let shares = |(old, _): &(Row, Row)| (old.arena, old.names) == (row.arena, row.names);
        if let Some((_, new)) = before.filter(shares) {
            let start = pool.store_in(self.arena(new.arena), &[properties, body]);
            if let Some(start) = start {
                (copy.arena, copy.names, copy.content) = (new.arena, new.names, start);
                return copy;
            }
        }
        let place = pool.store(&[names, properties, body]);
        copy.names = place.start;
        copy.content = place.start + names.len() as u32;
        copy.arena = self.lease(&place.arena);
        copy
    }

    /// Drop leases that are over if they are many; a row that stays long may have been moved often.
    fn forget_leases(&mut self) {
        let live = self.leases.iter().filter(|lease| lease.arena.is_some()).count();
        if self.leases.len() < LEASES_OVER_MAX.max(2 * live) {
            return;
        }
        let mut next = 0;
        let numbers: Vec<u32> = self
            .leases
            .iter()
            .map(|lease| {
                next += u32::from(lease.arena.is_some());
                next.saturating_sub(1)
            })
            .collect();
        // Of settled rows nobody asks where they were.
        self.rows.iter_mut().for_each(|row| row.arena = numbers[row.arena as usize]);
        self.leases.retain(|lease| lease.arena.is_some());
        self.leases.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extent::tests::batch;
    use crate::selection::Selection;

    #[test]
    fn a_row_that_is_moved_again_and_again_leaves_no_leases_behind() {
        let pool = Pool::new(1024);
        let mut extent = Extent::new(0);
        extent.append(&batch(&pool, &[10]), None, 0, None).unwrap();
        let mut moves = 0;
        for _ in 0..2000 {
            drop(batch(&pool, &[200; 5]));
            moves += u32::from(extent.compact(&pool, u64::MAX) > 0);
            assert!(extent.leases.len() <= LEASES_OVER_MAX);
        }
        assert!(moves > 500, "{moves}");
        assert_eq!(extent.message(0).unwrap().body(), [b'x'; 10]);
        let rows = extent.take(1, None).unwrap();
        extent.settle(&rows).unwrap();
        drop(batch(&pool, &[10]));
        assert_eq!(pool.allocated(), 0);
    }

    #[test]
    fn compaction_lets_go_of_sparse_arenas() {
        let pool = Pool::new(4096);
        let mut extent = Extent::new(0);
        for _ in 0..20 {
            extent.append(&batch(&pool, &[500; 4]), None, 0, None).unwrap();
        }
        let before = pool.allocated();
        let all = extent.take(u64::MAX, None).unwrap();
        let kept: Selection = (0..80).step_by(20).collect();
        extent.settle(&all.difference(&kept)).unwrap();
        assert!(extent.compact(&pool, u64::MAX) >= 3 * 500);
        assert!(pool.allocated() <= 2 * 4096 && before >= 10 * 4096);
        assert_eq!(extent.message(40).unwrap().body(), &[b'x'; 500]);
        assert_eq!(extent.compact(&pool, u64::MAX), 0);
        extent.settle(&kept).unwrap();
        assert_eq!(pool.allocated(), 0);
    }
}
