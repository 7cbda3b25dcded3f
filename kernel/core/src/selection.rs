//! Selections: ascending row indices without duplicates, kept as a range, a stride or a list.

use crate::bitmap::{Bitmap, word_runs};

#[derive(Clone, Debug)]
pub enum Selection {
    /// `start, start + step, ...`, `len` of them; a range has step 1. Empty: all zero but the step.
    Stride { start: u32, step: u32, len: u32 },
    /// At least three rows that are no stride.
    List(Box<[u32]>),
}

impl Default for Selection {
    fn default() -> Self {
        Selection::EMPTY
    }
}

impl Selection {
    pub const EMPTY: Selection = Selection::Stride { start: 0, step: 1, len: 0 };

    /// `len` rows from `start`; the caller sees to `start + len - 1` being a u32.
    pub fn range(start: u32, len: u32) -> Selection {
        if len == 0 { Selection::EMPTY } else { Selection::Stride { start, step: 1, len } }
    }

    pub fn one(row: u32) -> Selection {
        Selection::range(row, 1)
    }

    pub fn len(&self) -> usize {
        match self {
            Selection::Stride { len, .. } => *len as usize,
            Selection::List(rows) => rows.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row at a place, which must be below `len`.
    pub fn at(&self, index: usize) -> u32 {
        match self {
            Selection::Stride { start, step, .. } => start + step * index as u32,
            Selection::List(rows) => rows[index],
        }
    }

    pub fn last(&self) -> Option<u32> {
        self.len().checked_sub(1).map(|index| self.at(index))
    }

    pub fn iter(&self) -> Rows<'_> {
        Rows { selection: self, next: 0, len: self.len() }
    }

    /// Call with each row.
    pub fn for_each(&self, mut f: impl FnMut(u32)) {
        match self {
            Selection::Stride { start, step: 1, len } => (0..*len).for_each(|index| f(start + index)),
            Selection::Stride { start, step, len } => (0..*len).for_each(|index| f(start + step * index)),
            Selection::List(rows) => rows.iter().copied().for_each(f),
        }
    }

    /// As a range (first row, length), if it is one.
    pub fn as_range(&self) -> Option<(u32, u32)> {
        match self {
            Selection::Stride { start, step, len } if *step == 1 || *len <= 1 => Some((*start, *len)),
            _ => None,
        }
    }

    /// The rows at places `start..stop` of this selection.
    pub fn slice(&self, start: usize, stop: usize) -> Selection {
        let stop = stop.min(self.len());
        if start >= stop {
            return Selection::EMPTY;
        }
        match self {
            Selection::Stride { step, .. } => {
                let len = (stop - start) as u32;
                Selection::Stride { start: self.at(start), step: if len == 1 { 1 } else { *step }, len }
            }
            Selection::List(rows) => rows[start..stop].iter().copied().collect(),
        }
    }

    /// How many of the rows are below `row`.
    fn count_below(&self, row: u64) -> usize {
        match self {
            Selection::Stride { start, step, len } => {
                let above = row.saturating_sub(u64::from(*start)).div_ceil(u64::from(*step));
                above.min(u64::from(*len)) as usize
            }
            Selection::List(rows) => rows.partition_point(|&own| u64::from(own) < row),
        }
    }

    /// The rows in `start..stop`, each minus `shift`; None when one of them is no u32 then.
    pub fn window(&self, start: u64, stop: u64, shift: i64) -> Option<Selection> {
        let part = self.slice(self.count_below(start), self.count_below(stop));
        let moved = |row: u32| i64::from(row).checked_sub(shift).and_then(|row| u32::try_from(row).ok());
        let (Some(last), Some(first)) = (part.last(), part.iter().next()) else {
            return Some(Selection::EMPTY);
        };
        let (first, _) = (moved(first)?, moved(last)?);
        Some(match part {
            Selection::Stride { step, len, .. } => Selection::Stride { start: first, step, len },
            Selection::List(rows) => Selection::List(rows.iter().filter_map(|&row| moved(row)).collect()),
        })
    }

    /// The rows at the places that are set in a bitmap.
    pub fn pick(&self, places: &Bitmap) -> Selection {
        let mut picked = Builder::default();
        places.for_each_run(|place, len| {
            if let Selection::Stride { step: 1, start, .. } = self {
                picked.push_run(start + place, len);
            } else {
                (place..place + len).for_each(|place| picked.push(self.at(place as usize)));
            }
        });
        picked.finish()
    }

    /// The union of any number of selections.
    pub fn merge(parts: &[&Selection]) -> Selection {
        match parts {
            [] => return Selection::EMPTY,
            [only] => return (*only).clone(),
            [left, right] => return left.union(right),
            _ => {}
        }
        let rows: usize = parts.iter().map(|part| part.len()).sum();
        let last = parts.iter().filter_map(|part| part.last()).max().unwrap_or(0);
        let mut merged = Builder::default();
        if last as usize / 64 <= rows {
            let mut bits = Bitmap::default();
            for part in parts {
                match part.as_range() {
                    Some((start, len)) => bits.set_range(start, len),
                    None => part.for_each(|row| bits.set(row)),
                }
            }
            bits.for_each_run(|start, len| merged.push_run(start, len));
        } else {
            let mut all: Vec<u32> = parts.iter().flat_map(|part| part.iter()).collect();
            all.sort_unstable();
            all.dedup();
            all.into_iter().for_each(|row| merged.push(row));
        }
        merged.finish()
    }

    pub fn union(&self, other: &Selection) -> Selection {
        let mut out = Builder::default();
        let (mut left, mut right) = (self.iter().peekable(), other.iter().peekable());
        loop {
            let row = match (left.peek(), right.peek()) {
                (None, None) => return out.finish(),
                (Some(&row), None) | (None, Some(&row)) => row,
                (Some(&a), Some(&b)) => a.min(b),
            };
            left.next_if_eq(&row);
            right.next_if_eq(&row);
            out.push(row);
        }
    }

    pub fn difference(&self, other: &Selection) -> Selection {
        let mut out = Builder::default();
        let mut without = other.iter().peekable();
        for row in self.iter() {
            while without.next_if(|&gone| gone < row).is_some() {}
            if without.next_if_eq(&row).is_none() {
                out.push(row);
            }
        }
        out.finish()
    }
}

impl PartialEq for Selection {
    /// Equal rows have equal forms, as `Builder` makes the smallest one.
    fn eq(&self, other: &Selection) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Selection {}

impl FromIterator<u32> for Selection {
    /// Of strictly ascending rows.
    fn from_iter<I: IntoIterator<Item = u32>>(rows: I) -> Selection {
        let mut builder = Builder::default();
        rows.into_iter().for_each(|row| builder.push(row));
        builder.finish()
    }
}

/// The rows of a selection in order.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    selection: &'a Selection,
    next: usize,
    len: usize,
}

impl Iterator for Rows<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.next >= self.len {
            return None;
        }
        let row = self.selection.at(self.next);
        self.next += 1;
        Some(row)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len - self.next, Some(self.len - self.next))
    }
}

impl ExactSizeIterator for Rows<'_> {}

/// Takes rows in ascending order and finds the smallest form for them.
#[derive(Clone, Debug)]
pub struct Builder {
    start: u32,
    step: u32,
    len: u32,
    last: u32,
    rows: Vec<u32>,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder { start: 0, step: 1, len: 0, last: 0, rows: Vec::new() }
    }
}

impl Builder {
    /// Whether `row` may come next.
    pub fn accepts(&self, row: u32) -> bool {
        (self.len == 0 && self.rows.is_empty()) || row > self.last
    }

    pub fn push(&mut self, row: u32) {
        if !self.rows.is_empty() {
            self.rows.push(row);
        } else if self.len == 0 {
            (self.start, self.len) = (row, 1);
        } else if self.len == 1 {
            (self.step, self.len) = (row - self.start, 2);
        } else if row - self.last == self.step {
            self.len += 1;
        } else {
            self.spill(1);
            self.rows.push(row);
        }
        self.last = row;
    }

    /// `len` rows from `start`.
    pub fn push_run(&mut self, start: u32, len: u32) {
        if len == 0 {
            return;
        }
        let last = start + (len - 1);
        if !self.rows.is_empty() {
            self.rows.extend(start..=last);
        } else if self.len == 0 {
            (self.start, self.step, self.len) = (start, 1, len);
        } else if len == 1 {
            return self.push(start);
        } else if (self.step == 1 || self.len == 1) && start - self.last == 1 {
            self.step = 1;
            self.len += len;
        } else {
            self.spill(len as usize);
            self.rows.extend(start..=last);
        }
        self.last = last;
    }

    /// Every set bit of a word whose first bit is row `base`.
    pub fn push_word(&mut self, base: u32, word: u64) {
        if word == u64::MAX {
            self.push_run(base, 64);
        } else {
            word_runs(base, word, &mut |start, len| self.push_run(start, len));
        }
    }

    /// From here on a list.
    fn spill(&mut self, more: usize) {
        self.rows.reserve(self.len as usize + more);
        self.rows.extend((0..self.len).map(|index| self.start + self.step * index));
        self.len = 0;
    }

    pub fn finish(self) -> Selection {
        if self.rows.is_empty() {
            let step = if self.len <= 1 { 1 } else { self.step };
            Selection::Stride { start: self.start, step, len: self.len }
        } else {
            Selection::List(self.rows.into_boxed_slice())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[u32]) -> Selection {
        rows.iter().copied().collect()
    }

    #[test]
    fn forms() {
        assert!(matches!(of(&[]), Selection::Stride { len: 0, .. }));
        assert!(matches!(of(&[7]), Selection::Stride { start: 7, step: 1, len: 1 }));
        assert!(matches!(of(&[7, 8, 9]), Selection::Stride { start: 7, step: 1, len: 3 }));
        assert!(matches!(of(&[1, 4, 7]), Selection::Stride { start: 1, step: 3, len: 3 }));
        assert!(matches!(of(&[1, 4, 8]), Selection::List(_)));
        assert!(matches!(of(&[u32::MAX]), Selection::Stride { start: u32::MAX, .. }));
        let mut rows = Vec::new();
        of(&[u32::MAX - 1, u32::MAX]).for_each(|row| rows.push(row));
        assert_eq!(rows, [u32::MAX - 1, u32::MAX]);
    }

    #[test]
    fn runs_and_rows_build_the_same() {
        let rows = [0, 1, 2, 5, 6, 9, 70, 71, 72, 73, 128];
        let mut bitmap = Bitmap::default();
        rows.iter().for_each(|&row| bitmap.set(row));
        let mut builder = Builder::default();
        for (index, &word) in bitmap.words().iter().enumerate() {
            builder.push_word(index as u32 * 64, word);
        }
        assert_eq!(builder.finish(), of(&rows));
        assert_eq!(Selection::range(0, 200).pick(&bitmap), of(&rows));
    }

    #[test]
    fn set_operations() {
        let (a, b) = (of(&[1, 2, 3, 10, 20]), of(&[2, 4, 10, 30]));
        assert_eq!(a.union(&b), of(&[1, 2, 3, 4, 10, 20, 30]));
        assert_eq!(a.difference(&b), of(&[1, 3, 20]));
        let far = of(&[5, 70, 1_000_000_000]);
        assert_eq!(Selection::merge(&[&a, &far, &b]), a.union(&b).union(&far));
        assert_eq!(Selection::merge(&[&a, &Selection::range(0, 64), &b]), Selection::range(0, 64));
        assert_eq!(Selection::merge(&[&Selection::EMPTY; 3]), Selection::EMPTY);
        assert_eq!(a.slice(1, 4), of(&[2, 3, 10]));
        assert_eq!(a.slice(4, 9), of(&[20]));
        assert_eq!(of(&[0, 2, 4, 6]).slice(1, 3), of(&[2, 4]));
    }

    #[test]
    fn windows() {
        for rows in [&[][..], &[5], &[3, 4, 5, 6], &[1, 4, 7, 10], &[1, 2, 4, 8, 9, 10]] {
            for (start, stop) in [(0, 20), (3, 8), (4, 5), (5, 5), (8, 2), (11, 20), (0, 1 << 40)] {
                let inside = |row: &&u32| start <= u64::from(**row) && u64::from(**row) < stop;
                let wanted: Vec<u32> = rows.iter().filter(inside).map(|row| row - start.min(1) as u32).collect();
                assert_eq!(of(rows).window(start, stop, start.min(1) as i64), Some(of(&wanted)));
            }
        }
        assert_eq!(of(&[4, 5]).window(0, 9, 5), None);
        assert_eq!(of(&[u32::MAX]).window(0, u64::MAX, -1), None);
        assert_eq!(of(&[4, 5]).window(5, 9, i64::MIN), None);
    }
}
