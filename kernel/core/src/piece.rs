//! Pieces: what recovery knows of a queue's rows without looking at them.

/// Rows `first..first + count` of a queue are rows `skip..skip + count` of the block at `position` (`length` bytes).
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

/// Pieces of one queue, ascending and without overlaps, and a cursor that passes over them.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    pieces: Vec<Piece>,
    cursor: usize,
}

impl Pieces {
    pub fn push(&mut self, piece: Piece) {
        self.pieces.push(piece);
    }

    /// Those that are left.
    pub fn rest(&self) -> &[Piece] {
        &self.pieces[self.cursor..]
    }

    /// Rows that are left.
    pub fn len(&self) -> usize {
        self.rest().iter().map(|piece| piece.count as usize).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// Sequence number of the next row.
    pub fn next(&self) -> Option<u64> {
        self.rest().first().map(|piece| piece.first)
    }
}
