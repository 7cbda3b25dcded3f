//! Ready rows that become delivered.

use super::{Extent, Refusal};
use crate::bitmap::lowest;
use crate::deal::Table;
use crate::selection::{Builder, Selection};

impl Extent {
    /// Rows went from ready to delivered.
    fn moved(&mut self, rows: u32, bytes: u64, first_ready: u32) {
        self.ready_rows -= rows;
        self.delivered_rows += rows;
        self.ready_bytes -= bytes;
        self.delivered_bytes += bytes;
        self.first_ready = first_ready;
    }

    /// The first `limit` ready rows, now delivered; ends after the row that makes `room` body bytes exceeded (None: no
    /// bound). Of a stored extent only all of them.
    pub fn take(&mut self, limit: u64, room: Option<u64>) -> Result<Selection, Refusal> {
        let limit = limit.min(self.ready_rows.into()) as u32;
        if limit == 0 {
            return Ok(Selection::EMPTY);
        }
        if limit < self.ready_rows || room.is_some() {
            self.check_resident()?;
        }
        if let Some(room) = room {
            if self.ready_bytes > room {
                return Ok(self.take_within(limit, room));
            }
        }
        self.delivered.cover(self.len() as u32);
        let mut taken = Builder::default();
        let mut left = limit;
        let first_word = self.first_ready as usize / 64;
        let (ready, delivered) = (self.ready.words_mut(), self.delivered.words_mut());
        let mut first_ready = first_word;
        for (index, (ready, delivered)) in ready.iter_mut().zip(delivered).enumerate().skip(first_word) {
            let bits = lowest(*ready, left);
            *ready &= !bits;
            *delivered |= bits;
            left -= bits.count_ones();
            taken.push_word(index as u32 * 64, bits);
            first_ready = if *ready == 0 { index + 1 } else { index };
            if left == 0 {
                break;
            }
        }
        let taken = taken.finish();
        let bytes = self.body_bytes_of(&taken, self.ready_rows, self.ready_bytes);
        self.moved(limit, bytes, first_ready as u32 * 64);
        Ok(taken)
    }

    /// The first ready rows, until they are `rows` and have `size` body bytes; of a stored extent as if all had the same.
    pub fn select_head(&self, rows: u64, size: u64) -> Selection {
        if rows == 0 && size == 0 {
            return Selection::EMPTY;
        }
        if size == 0 || !self.is_resident() || size >= self.ready_bytes {
            let all = u128::from(self.ready_rows);
            let by_size = match size {
                0 => 0,
                size if size >= self.ready_bytes => all,
                size => (u128::from(size) * all).div_ceil(self.ready_bytes.into()),
            };
            return self.first_of_ready(by_size.max(rows.into()).min(all) as u32);
        }
        let mut head = Builder::default();
        let (mut count, mut bytes) = (0, 0);
        for (index, &word) in self.ready.words().iter().enumerate().skip(self.first_ready as usize / 64) {
            let mut word = word;
            while word != 0 {
                if count >= rows && bytes >= size {
                    return head.finish();
                }
                let row = index as u32 * 64 + word.trailing_zeros();
                word &= word - 1;
                head.push(row);
                count += 1;
                bytes += u64::from(self.rows[row as usize].body_len);
            }
        }
        head.finish()
    }

    fn first_of_ready(&self, count: u32) -> Selection {
        let mut head = Builder::default();
        let mut left = count;
        for (index, &word) in self.ready.words().iter().enumerate().skip(self.first_ready as usize / 64) {
            if left == 0 {
                break;
            }
            let bits = lowest(word, left);
            left -= bits.count_ones();
            head.push_word(index as u32 * 64, bits);
        }
        head.finish()
    }

    fn take_within(&mut self, limit: u32, room: u64) -> Selection {
        let mut taken = Builder::default();
        let (mut rows, mut bytes) = (0, 0);
        while rows < limit && bytes <= room {
            let Some(row) = self.next_ready() else {
                break;
            };
            self.ready.clear(row);
            self.delivered.set(row);
            taken.push(row);
            rows += 1;
            bytes += u64::from(self.rows[row as usize].body_len);
        }
        self.moved(rows, bytes, self.first_ready);
        taken.finish()
    }

    /// The first ready row; `first_ready` is moved up to it.
    fn next_ready(&mut self) -> Option<u32> {
        let words = self.ready.words();
        let mut index = self.first_ready as usize / 64;
        while let Some(word) = words.get(index) {
            if *word != 0 {
                self.first_ready = index as u32 * 64 + word.trailing_zeros();
                return Some(self.first_ready);
            }
            index += 1;
        }
        None
    }

    /// Exact round robin: each ready row goes to the next consumer, from `start` on, that has credit (messages) and
    /// room (body bytes, may be overdrawn by the last one; None: no bound) left. A selection per consumer and whose turn
    /// is next.
    pub fn deal(
        &mut self,
        credits: &[u64],
        rooms: &[Option<u64>],
        start: usize,
    ) -> Result<(Vec<Selection>, usize), Refusal> {
        self.check_resident()?;
        self.delivered.cover(self.rows.len() as u32);
        let mut table = Table::new(credits, rooms, start);
        let (ready, delivered) = (self.ready.words_mut(), self.delivered.words_mut());
        let first_word = self.first_ready as usize / 64;
        let mut first_ready = self.rows.len();
        for (index, (ready, delivered)) in ready.iter_mut().zip(delivered).enumerate().skip(first_word) {
            let left = table.deal(index as u32 * 64, *ready, &self.rows);
            *delivered |= *ready ^ left;
            *ready = left;
            if table.is_over() {
                first_ready = index * 64;
                break;
            }
        }
        self.moved(table.rows, table.bytes, first_ready as u32);
        Ok(table.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extent::tests::batch;
    use crate::pool::Pool;

    #[test]
    fn heads_reach_both_limits() {
        let pool = Pool::new(4096);
        let mut extent = Extent::new(0);
        extent.append(&batch(&pool, &[10; 200]), None, 0, None).unwrap();
        extent.take(70, None).unwrap();
        extent.requeue(&Selection::range(3, 2)).unwrap();
        for (rows, size, wanted) in [
            (0, 0, 0),
            (1, 0, 1),
            (0, 1, 1),
            (0, 10, 1),
            (0, 11, 2),
            (3, 11, 3),
            (3, 41, 5),
            (500, 1, 132),
            (1, 5000, 132),
        ] {
            let wanted: Selection = [3, 4].into_iter().chain(70..200).take(wanted).collect();
            assert_eq!(extent.select_head(rows, size), wanted, "{rows} {size}");
        }
        assert_eq!(extent.ready(), 132);
    }
}
