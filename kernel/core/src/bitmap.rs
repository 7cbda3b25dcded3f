//! Bits by row, grown as rows come. Ranges are handled a word at a time.

use crate::selection::{Builder, Selection};

/// The mask of `len` bits from bit `start` of a word.
fn mask(start: u32, len: u32) -> u64 {
    if len >= 64 { u64::MAX << start } else { ((1u64 << len) - 1) << start }
}

/// The lowest `count` set bits of a word.
pub(crate) fn lowest(word: u64, count: u32) -> u64 {
    if count >= word.count_ones() {
        return word;
    }
    let shift = word.trailing_zeros();
    let run = (!(word >> shift)).trailing_zeros();
    if run >= count {
        return mask(shift, count);
    }
    let mut rest = word;
    for _ in 0..count {
        rest &= rest - 1;
    }
    word ^ rest
}

/// (word, mask) for each word that the rows `start..start + len` touch.
pub(crate) fn words(start: u32, len: u32) -> impl Iterator<Item = (usize, u64)> {
    let mut at = start;
    let end = start + len;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let (word, bit) = (at / 64, at % 64);
        let here = (64 - bit).min(end - at);
        at += here;
        Some((word as usize, mask(bit, here)))
    })
}

#[derive(Clone, Debug, Default)]
pub struct Bitmap {
    words: Vec<u64>,
}

impl Bitmap {
    /// The first `len` bits set.
    pub fn filled(len: u32) -> Bitmap {
        let mut bitmap = Bitmap::default();
        bitmap.set_range(0, len);
        bitmap
    }

    pub fn words(&self) -> &[u64] {
        &self.words
    }

    pub fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    pub fn get(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 != 0)
    }

    pub fn set(&mut self, row: u32) {
        let word = row as usize / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (row % 64);
    }

    pub fn clear(&mut self, row: u32) {
        if let Some(word) = self.words.get_mut(row as usize / 64) {
            *word &= !(1 << (row % 64));
        }
    }

    pub fn set_range(&mut self, start: u32, len: u32) {
        if len == 0 {
            return;
        }
        let last = (start + len - 1) as usize / 64;
        if last >= self.words.len() {
            self.words.resize(last + 1, 0);
        }
        for (word, mask) in words(start, len) {
            self.words[word] |= mask;
        }
    }

    pub fn clear_range(&mut self, start: u32, len: u32) {
        for (word, mask) in words(start, len) {
            if let Some(word) = self.words.get_mut(word) {
                *word &= !mask;
            }
        }
    }

    pub fn has_range(&self, start: u32, len: u32) -> bool {
        words(start, len).all(|(word, mask)| self.words.get(word).is_some_and(|bits| bits & mask == mask))
    }

    /// Set bits of a range.
    pub fn count_range(&self, start: u32, len: u32) -> u32 {
        words(start, len).map(|(word, mask)| self.words.get(word).map_or(0, |bits| (bits & mask).count_ones())).sum()
    }

    /// The rows that are set.
    pub fn select(&self) -> Selection {
        let mut rows = Builder::default();
        for (index, &word) in self.words.iter().enumerate() {
            rows.push_word(index as u32 * 64, word);
        }
        rows.finish()
    }

    /// The first that is set.
    pub fn first(&self) -> Option<u32> {
        let index = self.words.iter().position(|word| *word != 0)?;
        Some(index as u32 * 64 + self.words[index].trailing_zeros())
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Of words, the first of them for the rows 0 to 63.
    pub fn of(words: Vec<u64>) -> Bitmap {
        Bitmap { words }
    }

    /// Bits that are set in both.
    pub fn and(&self, other: &Bitmap) -> Bitmap {
        Bitmap { words: self.words.iter().zip(&other.words).map(|(word, other)| word & other).collect() }
    }

    pub fn shrink(&mut self) {
        self.words.shrink_to_fit();
    }

    /// Make room for `rows` bits, so that `words_mut` covers them.
    pub fn cover(&mut self, rows: u32) {
        let needed = (rows as usize).div_ceil(64);
        if needed > self.words.len() {
            self.words.resize(needed, 0);
        }
    }

    pub fn reset(&mut self) {
        self.words.clear();
        self.words.shrink_to(2);
    }

    pub fn count(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// Call with (first row, length) of every run of set bits below `rows`.
    pub fn for_each_run(&self, mut f: impl FnMut(u32, u32)) {
        for (index, &word) in self.words.iter().enumerate() {
            word_runs(index as u32 * 64, word, &mut f);
        }
    }
}

/// Call with (first row, length) of every run of set bits in one word that begins at row `base`.
pub(crate) fn word_runs(base: u32, mut word: u64, f: &mut impl FnMut(u32, u32)) {
    let mut at = base;
    while word != 0 {
        let zeros = word.trailing_zeros();
        word >>= zeros;
        at += zeros;
        let ones = (!word).trailing_zeros();
        f(at, ones);
        if ones == 64 {
            return;
        }
        word >>= ones;
        at = at.wrapping_add(ones); // the last row may be the last u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_over_words() {
        for (start, len) in [(0, 1), (0, 64), (3, 61), (3, 62), (63, 2), (10, 200), (64, 64), (127, 1), (5, 0)] {
            let mut bitmap = Bitmap::default();
            bitmap.set_range(start, len);
            assert_eq!((bitmap.count(), bitmap.count_range(start, len + 3)), (len, len));
            assert!(bitmap.has_range(start, len));
            assert!(!bitmap.has_range(start, len + 1));
            for row in 0..300 {
                assert_eq!(bitmap.get(row), row >= start && row < start + len);
            }
            let mut rows = 0;
            bitmap.for_each_run(|_, run| rows += run);
            assert_eq!(rows, len);
            bitmap.clear_range(start, len);
            assert_eq!(bitmap.count(), 0);
        }
    }

    #[test]
    fn lowest_bits() {
        assert_eq!(lowest(u64::MAX, 3), 7);
        assert_eq!(lowest(u64::MAX, 64), u64::MAX);
        assert_eq!(lowest(0b1010_1010, 2), 0b1010);
        assert_eq!(lowest(0b1110, 2), 0b0110);
        assert_eq!(lowest(0, 5), 0);
        assert_eq!(lowest(1 << 63, 1), 1 << 63);
    }
}
