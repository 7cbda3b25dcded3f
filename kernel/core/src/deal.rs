//! Dealing ready rows to consumers: exact round robin in one pass over the rows.

use crate::row::Row;
use crate::selection::{Builder, Selection};

/// What a consumer can still take, and what it got.
struct Purse {
    /// Messages.
    credit: u64,
    /// Body bytes; the last message may overdraw them. None: no bound.
    room: Option<u64>,
    /// Whose turn is next, of those who can take.
    next: usize,
    taken: Builder,
}

impl Purse {
    fn is_able(&self) -> bool {
        self.credit > 0 && self.room != Some(0)
    }

    /// Whether it can take more after this.
    #[inline]
    fn take(&mut self, row: u32, body: u64) -> bool {
        self.taken.push(row);
        self.credit -= 1;
        self.room = self.room.map(|room| room.saturating_sub(body));
        self.is_able()
    }
}

/// The consumers around one queue; those who can take are linked into a ring.
pub struct Table {
    purses: Vec<Purse>,
    /// Whose turn it is and who was before; None: nobody can take.
    turn: Option<(usize, usize)>,
    /// Whose turn it is by number, able or not.
    next: usize,
    pub rows: u32,
    pub bytes: u64,
}

impl Table {
    pub fn new(credits: &[u64], rooms: &[Option<u64>], start: usize) -> Table {
        let purse = |(&credit, &room)| Purse { credit, room, next: 0, taken: Builder::default() };
        let mut purses: Vec<Purse> = credits.iter().zip(rooms).map(purse).collect();
        let first = start.checked_rem(purses.len()).unwrap_or(0);
        let mut ends = None;
        for index in (first..purses.len()).chain(0..first) {
            if purses[index].is_able() {
                let (last, first) = ends.unwrap_or((index, index));
                purses[last].next = index;
                purses[index].next = first;
                ends = Some((index, first));
            }
        }
        Table { purses, turn: ends.map(|(last, first)| (first, last)), next: start, rows: 0, bytes: 0 }
    }

    /// Whether nobody can take any more.
    pub fn is_over(&self) -> bool {
        self.turn.is_none()
    }

    /// Deal the rows that are set in a word whose first bit is row `base`; those that nobody could take.
    #[inline]
    pub fn deal(&mut self, base: u32, mut word: u64, rows: &[Row]) -> u64 {
        let Some((mut purse, mut before)) = self.turn else {
            return word;
        };
        while word != 0 {
            let row = base + word.trailing_zeros();
            word &= word - 1;
            let body = u64::from(rows[row as usize].body_len);
            self.rows += 1;
            self.bytes += body;
            self.next = purse + 1;
            let after = self.purses[purse].next;
            if self.purses[purse].take(row, body) {
                before = purse;
            } else if after == purse {
                self.turn = None;
                return word;
            } else {
                self.purses[before].next = after;
            }
            purse = after;
        }
        self.turn = Some((purse, before));
        0
    }

    /// A selection per consumer, and whose turn is next.
    pub fn finish(self) -> (Vec<Selection>, usize) {
        let next = if self.rows == 0 { self.next } else { self.next % self.purses.len() };
        (self.purses.into_iter().map(|purse| purse.taken.finish()).collect(), next)
    }
}
