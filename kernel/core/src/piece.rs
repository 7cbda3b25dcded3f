//! Pieces: what recovery knows of the rows of a queue without looking at them.

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

/// Pieces in ascending order, taken from the front.
#[derive(Debug, Default)]
pub struct Pieces {
    pieces: Vec<Piece>,
    /// The first that is not taken.
    next: usize,
    rows: u64,
}

impl Pieces {
    /// Add one behind the others; false, and nothing is changed, if it does not come behind them.
    #[must_use]
    pub fn push(&mut self, piece: Piece) -> bool {
        let ascends = self.pieces.last().is_none_or(|last| last.first + u64::from(last.count) <= piece.first);
        if ascends {
            self.rows += u64::from(piece.count);
            self.pieces.push(piece);
        }
        ascends
    }

    /// Those that are left.
    pub fn rest(&self) -> &[Piece] {
        &self.pieces[self.next..]
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
        self.rest().first().map(|piece| piece.first)
    }
}
