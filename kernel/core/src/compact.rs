//! Selections as bytes of a log: in the form that is the smallest for its rows, so that there is one for each.
//!
//! ```text
//! [0]                                             empty
//! [1][u32 start][u32 len]                         range
//! [2][u32 start][u32 step][u32 len]               stride, step >= 2, len >= 2
//! [3][u32 count][u32 row]*                        list
//! [4][u32 first][u32 words][u64 word]*            bitmap: bit i of word w is row first + 64 * w + i; its first bit is set
//! ```
//!
//! Of two that are equally small it is the one with the lower tag.

use crate::selection::{Builder, Selection};
use crate::take::{take_items, take_u8, take_u32, take_u64};

const EMPTY: u8 = 0;
const RANGE: u8 = 1;
const STRIDE: u8 = 2;
const LIST: u8 = 3;
const BITMAP: u8 = 4;

/// Words of the bitmap of a list's rows, if it is smaller than the list.
fn bitmap_words(rows: &[u32]) -> Option<usize> {
    let words = (rows.last()? - rows.first()?) as usize / 64 + 1;
    (4 + 8 * words < 4 * rows.len()).then_some(words)
}

/// Append the bytes of a selection.
pub(crate) fn put(selection: &Selection, out: &mut Vec<u8>) {
    let mut words = |tag: u8, numbers: &[u32]| {
        out.push(tag);
        numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
    };
    match selection {
        Selection::Stride { len: 0, .. } => words(EMPTY, &[]),
        Selection::Stride { start, step: 1, len } => words(RANGE, &[*start, *len]),
        Selection::Stride { start, step, len } => words(STRIDE, &[*start, *step, *len]),
        Selection::List(rows) => match bitmap_words(rows) {
            None => {
                words(LIST, &[rows.len() as u32]);
                rows.iter().for_each(|row| out.extend_from_slice(&row.to_be_bytes()));
            }
            Some(count) => {
                words(BITMAP, &[rows[0], count as u32]);
                let mut bits = vec![0u64; count];
                rows.iter().map(|row| row - rows[0]).for_each(|at| bits[at as usize / 64] |= 1 << (at % 64));
                bits.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
            }
        },
    }
}

/// The selection at the front; None for what `put` does not write.
pub(crate) fn take(data: &mut &[u8]) -> Option<Selection> {
    match take_u8(data)? {
        EMPTY => Some(Selection::EMPTY),
        RANGE => {
            let (start, len) = (take_u32(data)?, take_u32(data)?);
            (len >= 1 && len - 1 <= u32::MAX - start).then(|| Selection::range(start, len))
        }
        STRIDE => {
            let (start, step, len) = (take_u32(data)?, take_u32(data)?, take_u32(data)?);
            let fits = step >= 2 && len >= 2 && u64::from(step) * u64::from(len - 1) <= u64::from(u32::MAX - start);
            fits.then_some(Selection::Stride { start, step, len })
        }
        LIST => {
            let count = take_u32(data)?;
            let mut builder = Builder::default();
            let mut rows = take_items(data, count, 4)?;
            while let Some(row) = take_u32(&mut rows) {
                builder.accepts(row).then(|| builder.push(row))?;
            }
            list(builder).filter(|rows| bitmap_words(rows).is_none()).map(Selection::List)
        }
        BITMAP => {
            let (first, count) = (take_u32(data)?, take_u32(data)?);
            let mut words = take_items(data, count, 8)?;
            let (head, tail) = (*words.first_chunk()?, *words.last_chunk()?);
            let (head, tail) = (u64::from_be_bytes(head), u64::from_be_bytes(tail));
            let rows = u64::from(count) * 64 - u64::from(tail.leading_zeros());
            if head & 1 == 0 || tail == 0 || rows - 1 > u64::from(u32::MAX - first) {
                return None;
            }
            let (mut builder, mut base) = (Builder::default(), first);
            while let Some(word) = take_u64(&mut words) {
                builder.push_word(base, word);
                base = base.wrapping_add(64); // past the end after the last word only
            }
            list(builder).filter(|rows| bitmap_words(rows).is_some()).map(Selection::List)
        }
        _ => None,
    }
}

/// The rows, if they are no stride.
fn list(builder: Builder) -> Option<Box<[u32]>> {
    match builder.finish() {
        Selection::List(rows) => Some(rows),
        Selection::Stride { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(selection: &Selection) -> Vec<u8> {
        let mut out = Vec::new();
        put(selection, &mut out);
        out
    }

    #[test]
    fn forms() {
        let dense: Vec<u32> = (0..300).filter(|row| row % 7 != 3).map(|row| row + 1000).collect();
        for (rows, tag, size) in [
            (&[][..], EMPTY, 1),
            (&[9], RANGE, 9),
            (&[u32::MAX - 1, u32::MAX], RANGE, 9),
            (&[0, 2], STRIDE, 13),
            (&[1, 1 << 31, u32::MAX], STRIDE, 13),
            (&[0, 2, 3], LIST, 17),
            (&[0, 1, 63], LIST, 17),
            (&[0, 1, 2, 63], BITMAP, 17),
            (&dense, BITMAP, 9 + 5 * 8),
        ] {
            let selection: Selection = rows.iter().copied().collect();
            let data = bytes(&selection);
            assert_eq!((data[0], data.len()), (tag, size));
            for cut in 0..data.len() {
                assert_eq!(take(&mut &data[..cut]), None);
            }
            let mut rest = &[data.as_slice(), b"rest"].concat()[..];
            assert_eq!(take(&mut rest), Some(selection));
            assert_eq!(rest, b"rest");
        }
    }

    #[test]
    fn one_form_for_each() {
        // Whatever is accepted is what is written for these rows.
        let mut seed = 1u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..200_000 {
            let mut data = vec![random(6) as u8];
            for _ in 0..random(8) {
                let number = [random(4), random(70), u64::from(u32::MAX) - random(3)][random(3) as usize] as u32;
                data.extend_from_slice(&number.to_be_bytes());
            }
            let mut rest = data.as_slice();
            if let Some(selection) = take(&mut rest) {
                assert_eq!(bytes(&selection), data[..data.len() - rest.len()]);
            }
        }
        let last_bits: Selection = [0, 1, 2, 4, 63].map(|at| u32::MAX - 63 + at).into_iter().collect();
        assert_eq!(bytes(&last_bits)[0], BITMAP);
        assert_eq!(take(&mut bytes(&last_bits).as_slice()), Some(last_bits));
    }
}
