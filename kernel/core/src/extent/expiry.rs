//! When rows expire. Kept beside the rows, so that it is known of stored extents, too.

use super::{Extent, Refusal};
use crate::batch::Batch;
use crate::bitmap::{Bitmap, words};
use crate::expiries::{Expiries, NEVER};
use crate::selection::{Builder, Selection};

/// The earlier of two times.
fn earlier(one: u64, other: u64) -> u64 {
    if one == NEVER || other == NEVER { one.max(other) } else { one.min(other) }
}

/// When each row expires, as runs; rows behind the last run never do.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// Where each run ends; below 2**16, as EXTENT_ROWS is.
    ends: Vec<u16>,
    whens: Vec<u64>,
    /// No ready row expires before this.
    next: u64,
}

impl Column {
    fn len(&self) -> u32 {
        self.ends.last().copied().unwrap_or(0).into()
    }

    /// The rows up to `end` that are behind the others expire at `when`.
    fn push(&mut self, end: u32, when: u64) {
        if end <= self.len() {
            return;
        }
        match self.whens.last() {
            Some(last) if *last == when => {
                self.ends.pop();
            }
            _ => self.whens.push(when),
        }
        self.ends.push(end as u16);
    }

    /// (first row, end, when) of each run from the one that has `row` on.
    fn runs_from(&self, row: u32) -> impl Iterator<Item = (u32, u32, u64)> {
        let at = self.ends.partition_point(|end| u32::from(*end) <= row);
        let mut first = at.checked_sub(1).map_or(0, |before| u32::from(self.ends[before]));
        self.ends[at..].iter().zip(&self.whens[at..]).map(move |(&end, &when)| {
            let run = (first, u32::from(end), when);
            first = run.1;
            run
        })
    }

    /// The rows from `first` on expire so.
    fn set(&mut self, first: u32, expiries: &Expiries) {
        let mut after = Vec::new();
        if first < self.len() {
            let end = first + expiries.len() as u32;
            after = self.runs_from(end).map(|(_, end, when)| (end, when)).collect();
            let keep = self.ends.partition_point(|end| u32::from(*end) <= first);
            let cut = (keep < self.ends.len()).then(|| self.whens[keep]);
            self.ends.truncate(keep);
            self.whens.truncate(keep);
            cut.into_iter().for_each(|when| self.push(first, when));
        }
        self.push(first, NEVER);
        let mut end = first;
        for &(count, when) in expiries.runs() {
            end += count as u32;
            self.push(end, when);
            self.next = earlier(self.next, when);
        }
        after.into_iter().for_each(|(end, when)| self.push(end, when));
    }

    /// The earliest time of some rows.
    fn earliest(&self, selection: &Selection) -> u64 {
        let Some(first) = selection.iter().next() else {
            return NEVER;
        };
        let mut runs = self.runs_from(first).peekable();
        let mut earliest = NEVER;
        if let Some((first, len)) = selection.as_range() {
            let within = runs.take_while(|(start, ..)| *start < first + len);
            return within.fold(NEVER, |earliest, (.., when)| earlier(earliest, when));
        }
        selection.for_each(|row| {
            while runs.next_if(|(_, end, _)| *end <= row).is_some() {}
            earliest = earlier(earliest, runs.peek().map_or(NEVER, |(.., when)| *when));
        });
        earliest
    }

    /// Those of the ready rows that expire until `now`. Sees to it that `next` is exact.
    fn select(&mut self, now: u64, ready: &Bitmap) -> Selection {
        let mut expired = Builder::default();
        let mut next = NEVER;
        for (first, end, when) in self.runs_from(0).filter(|(.., when)| *when != NEVER) {
            for (index, mask) in words(first, end - first) {
                let bits = ready.words().get(index).map_or(0, |word| word & mask);
                if bits != 0 {
                    next = earlier(next, when);
                    if when <= now {
                        expired.push_word(index as u32 * 64, bits);
                    }
                }
            }
        }
        self.next = next;
        expired.finish()
    }
}

impl Extent {
    /// `append` of rows that expire; there is an expiry for each row of the selection, those before `start` too.
    pub fn append_expiring(
        &mut self,
        batch: &Batch,
        selection: Option<&Selection>,
        start: usize,
        block: Option<(u64, u32)>,
        expiries: &Expiries,
    ) -> Result<usize, Refusal> {
        if expiries.len() != selection.map_or(batch.len(), Selection::len) as u64 {
            return Err(Refusal::Count);
        }
        let first = self.len() as u32;
        let count = self.append(batch, selection, start, block)?;
        self.set_column(first, &expiries.slice(start as u64, start as u64 + count as u64));
        Ok(count)
    }

    /// The rows from `first` on, which are there already, expire so.
    pub fn set_expiries(&mut self, first: u64, expiries: &Expiries) -> Result<(), Refusal> {
        match first.checked_add(expiries.len()) {
            Some(end) if end <= self.len() as u64 => {
                self.set_column(first as u32, expiries);
                Ok(())
            }
            _ => Err(Refusal::Absent(u32::try_from(first.max(self.len() as u64)).unwrap_or(u32::MAX))),
        }
    }

    fn set_column(&mut self, first: u32, expiries: &Expiries) {
        if self.expiries.is_some() || !expiries.is_none() {
            self.expiries.get_or_insert_default().set(first, expiries);
        }
    }

    /// When the first ready row expires, or an earlier time; 0 if none does.
    pub fn next_expiry(&self) -> u64 {
        self.expiries.as_ref().map_or(NEVER, |column| column.next)
    }

    /// Ready rows that have expired; `next_expiry` is exact afterwards.
    pub fn select_expired(&mut self, now: u64) -> Selection {
        self.expiries.as_mut().map_or(Selection::EMPTY, |column| column.select(now, &self.ready))
    }

    /// Rows are ready again.
    #[inline]
    pub(super) fn expect_expiry(&mut self, selection: &Selection) {
        if let Some(column) = &mut self.expiries {
            column.next = earlier(column.next, column.earliest(selection));
        }
    }

    /// Rows that were ready are gone. If one of them was the first to expire it is now another: who drops what has
    /// expired need not look twice.
    #[inline]
    pub(super) fn forget_expiry(&mut self, selection: &Selection) {
        if let Some(column) = &mut self.expiries {
            if column.next != NEVER && column.earliest(selection) == column.next {
                column.select(NEVER, &self.ready);
            }
        }
    }

    /// Those of some rows, one after the other; None when none of them expires.
    pub(super) fn expiries_of(&self, rows: &Bitmap) -> Option<Expiries> {
        let column = self.expiries.as_ref()?;
        let mut expiries = Expiries::default();
        let mut left = u64::from(rows.count());
        for (first, end, when) in column.runs_from(0) {
            let count = u64::from(rows.count_range(first, end - first));
            left -= count;
            let pushed = if count > 0 { expiries.push(count, when) } else { Ok(()) };
            debug_assert!(pushed.is_ok(), "an extent has few rows");
        }
        if left > 0 {
            let pushed = expiries.push(left, NEVER);
            debug_assert!(pushed.is_ok(), "an extent has few rows");
        }
        (!expiries.is_none()).then_some(expiries)
    }

    /// The inverse: these rows, all of them ready, expire so.
    pub(super) fn with_expiries(mut self, rows: &Bitmap, expiries: &Expiries) -> Extent {
        let mut column = Column::default();
        let mut runs = expiries.runs().iter().copied();
        let (mut left, mut when) = (0, NEVER);
        rows.for_each_run(|first, len| {
            column.push(first, NEVER);
            let mut at = first;
            while at < first + len {
                if left == 0 {
                    (left, when) = runs.next().unwrap_or((u64::MAX, NEVER));
                    column.next = earlier(column.next, when);
                }
                let here = left.min(u64::from(first + len - at));
                left -= here;
                at += here as u32;
                column.push(at, when);
            }
        });
        self.expiries = Some(Box::new(column));
        self
    }

    pub(super) fn shrink_expiries(&mut self) {
        if let Some(column) = &mut self.expiries {
            column.ends.shrink_to_fit();
            column.whens.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extent::tests::batch;
    use crate::pool::Pool;

    fn of(runs: &[(u64, u64)]) -> Expiries {
        Expiries::of(runs.iter().copied()).unwrap()
    }

    #[test]
    fn any_range_can_be_set_again() {
        // Against a row by row model.
        let mut seed = 1u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut column = Column::default();
        let mut model = vec![NEVER; 200];
        for _ in 0..2000 {
            let first = random(190);
            let expiries = of(&[(1 + random(4), random(3)), (1 + random(5), random(3))]);
            column.set(first as u32, &expiries);
            let mut at = first as usize;
            for &(count, when) in expiries.runs() {
                (0..count).for_each(|_| {
                    model[at] = when;
                    at += 1;
                });
            }
            let mut found = Vec::new();
            for (first, end, when) in column.runs_from(0) {
                assert_eq!(found.len(), first as usize);
                found.resize(end as usize, when);
            }
            found.resize(200, NEVER);
            assert_eq!(found, model);
            assert!(column.whens.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }

    #[test]
    fn the_next_expiry_is_never_too_late() {
        let pool = Pool::new(4096);
        let mut extent = Extent::new(0);
        extent.append(&batch(&pool, &[1; 3]), None, 0, None).unwrap();
        assert!(extent.expiries.is_none());
        extent.append_expiring(&batch(&pool, &[1; 70]), None, 0, None, &of(&[(2, 9), (60, 0), (8, 5)])).unwrap();
        assert_eq!(extent.next_expiry(), 5);
        assert_eq!(extent.select_expired(4), Selection::EMPTY);
        assert_eq!(extent.select_expired(5), Selection::range(65, 8));
        assert_eq!(extent.select_expired(9), [3, 4].into_iter().chain(65..73).collect());
        extent.drop(&Selection::range(65, 8));
        assert_eq!(extent.next_expiry(), 9);
        let taken = extent.take(4, None).unwrap();
        assert_eq!((extent.next_expiry(), extent.select_expired(9)), (9, Selection::one(4)));
        extent.drop(&Selection::one(4));
        assert_eq!(extent.next_expiry(), NEVER);
        extent.requeue(&taken).unwrap();
        assert_eq!(extent.next_expiry(), 9);
    }
}
