//! Pieces: what recovery knows of the rows of a queue without looking at them.
//!
//! A *block* is what `pack` wrote, with its length and checksum before it; where it lies, in the log or in the spill, is
//! its *place*. A piece says which rows of a block are which messages of a queue.

use crate::extent::EXTENT_ROWS;

/// The bit of positions that mean the spill instead of the log.
pub const SPILL: u64 = 1 << 63;
/// A block has at least `u32 length, u32 checksum, u32 rows`.
pub const BLOCK_MIN: u32 = 12;

/// Whether a block can lie there.
pub(crate) fn is_place(position: u64, length: u32) -> bool {
    length >= BLOCK_MIN && (position & !SPILL) + u64::from(length) < SPILL
}

/// The rows `first..first + count` of a queue are rows `skip..skip + count` of the block at `position`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    pub first: u64,
    pub count: u32,
    pub position: u64,
    pub length: u32,
    pub skip: u32,
    pub body_bytes: u64,
    pub features: u32,
}

impl Piece {
    fn is_sound(&self) -> bool {
        self.count > 0
            && self.first.checked_add(self.count.into()).is_some()
            && self.skip.checked_add(self.count).is_some()
            && is_place(self.position, self.length)
            && self.body_bytes <= u64::from(self.count) * u64::from(u32::MAX)
    }

    /// The first `count` rows, which are cut off; the bytes by their share.
    fn split(&mut self, count: u32) -> Piece {
        let share = u128::from(self.body_bytes) * u128::from(count) / u128::from(self.count);
        let front = Piece { count, body_bytes: share as u64, ..*self };
        self.first += u64::from(count);
        self.skip += count;
        self.count -= count;
        self.body_bytes -= front.body_bytes;
        front
    }
}

/// Pieces in ascending order, taken from the front.
#[derive(Debug, Default)]
pub struct Pieces {
    pieces: Vec<Piece>,
    /// The first that is not taken.
    next: usize,
    rows: u64,
}

impl Pieces {
    /// Add one behind the others; false, and nothing is changed, if it cannot be right or does not come behind them.
    #[must_use]
    pub fn push(&mut self, piece: Piece) -> bool {
        let ascends = self.pieces.last().is_none_or(|last| last.first + u64::from(last.count) <= piece.first);
        if !ascends || !piece.is_sound() {
            return false;
        }
        self.rows += u64::from(piece.count);
        self.pieces.push(piece);
        true
    }

    /// Rows that are left.
    pub fn len(&self) -> u64 {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The number of the next row.
    pub fn next(&self) -> Option<u64> {
        self.pieces.get(self.next).map(|piece| piece.first)
    }

    /// Those that are left; of the first one what is left of it.
    pub fn rest(&self) -> &[Piece] {
        &self.pieces[self.next..]
    }

    /// The next rows if they begin before the number `end`, no further than that.
    pub(crate) fn take_before(&mut self, end: u64) -> Option<Piece> {
        let piece = self.pieces.get_mut(self.next).filter(|piece| piece.first < end)?;
        let count = (end - piece.first).min(piece.count.into()).min(EXTENT_ROWS as u64) as u32;
        let taken = piece.split(count);
        self.next += usize::from(piece.count == 0);
        self.rows -= u64::from(count);
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(first: u64, count: u32) -> Piece {
        Piece { first, count, position: 64, length: 100, skip: 3, body_bytes: 10, features: 1 }
    }

    #[test]
    fn pieces_are_split_where_an_extent_ends() {
        let mut pieces = Pieces::default();
        assert!(pieces.push(piece(5, 4)) && pieces.push(piece(9, 1)) && pieces.push(piece(20, 2)));
        assert!(!pieces.push(piece(21, 1)));
        assert_eq!((pieces.len(), pieces.next()), (7, Some(5)));
        assert_eq!(pieces.take_before(5), None);
        assert_eq!(pieces.take_before(8), Some(Piece { count: 3, body_bytes: 7, ..piece(5, 3) }));
        let rest = Piece { skip: 6, body_bytes: 3, ..piece(8, 1) };
        assert_eq!(pieces.take_before(u64::MAX), Some(rest));
        assert_eq!(pieces.take_before(20), Some(piece(9, 1)));
        assert_eq!((pieces.take_before(20), pieces.next(), pieces.len()), (None, Some(20), 2));
        assert_eq!(pieces.take_before(u64::MAX), Some(piece(20, 2)));
        assert_eq!((pieces.next(), pieces.is_empty()), (None, true));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut pieces = Pieces::default();
        for bad in [
            piece(0, 0),
            piece(u64::MAX, 1),
            Piece { skip: u32::MAX, ..piece(0, 1) },
            Piece { length: 11, ..piece(0, 1) },
            Piece { position: SPILL - 50, ..piece(0, 1) },
            Piece { position: u64::MAX, ..piece(0, 1) },
            Piece { body_bytes: 1 << 32, ..piece(0, 1) },
        ] {
            assert!(!pieces.push(bad), "{bad:?}");
        }
        assert!(pieces.is_empty());
    }
}
