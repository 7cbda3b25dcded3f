//! Replay: bytes of a log in, steps out, in the order in which they are to be applied.
//!
//! Most of a log are publishes and settlements, many of them of a single message, so these are joined: between two other
//! ops there is one step for all that was published to a queue, then one for when its messages expire, then one for all
//! that was settled of an extent. That is the same as one after the other, since a row is settled after it was published,
//! and never published again; and when a settled row would have expired matters to nobody. Rows themselves stay where
//! they are.

use std::collections::HashMap;

use crate::bitmap::Bitmap;
use crate::block::Outline;
use crate::expiries::Expiries;
use crate::op::{self, Op, Targets};
use crate::piece::{Piece, Pieces};
use crate::record::{self, Found, HEADER};
use crate::selection::{Builder, Selection};

#[derive(Debug)]
pub enum Step {
    Publish {
        queue: u64,
        pieces: Pieces,
    },
    Settle {
        queue: u64,
        base: u64,
        selection: Selection,
    },
    Relocate {
        queue: u64,
        base: u64,
        selection: Selection,
        position: u64,
        length: u32,
    },
    Extent {
        queue: u64,
        state: Vec<u8>,
    },
    Definition {
        position: u64,
        definition: Vec<u8>,
    },
    /// From which row on which expire when; later ones count.
    Expiry {
        queue: u64,
        rows: Vec<(u64, Expiries)>,
    },
}

/// Why reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The data ends; the next record is whole with `need` bytes of it.
    End,
    /// The segment ends.
    Sealed,
    /// There is no record.
    Bad,
}

#[derive(Clone, Copy, Debug)]
pub struct Replay {
    /// Where the next record is expected.
    pub position: u64,
    /// The highest `synced` of all records so far.
    pub synced: u64,
    pub stop: Stop,
    pub need: u64,
    /// Records so far, then ops by their kinds.
    pub counts: [u64; 1 + op::KINDS],
}

impl Replay {
    pub fn new(position: u64) -> Replay {
        Replay { position, synced: 0, stop: Stop::End, need: HEADER as u64, counts: [0; 1 + op::KINDS] }
    }

    /// Take all records that are whole. `data` begins at position `start` of the log, which is not after `position`.
    pub fn read(&mut self, data: &[u8], start: u64) -> Vec<Step> {
        let mut steps = Steps::default();
        let mut ops = Vec::new();
        let ahead = usize::try_from(self.position.saturating_sub(start)).unwrap_or(usize::MAX);
        let mut rest = data.get(ahead..).unwrap_or(&[]);
        self.need = HEADER as u64;
        self.stop = loop {
            let record = match record::read(rest, self.position) {
                Found::Record(record) => record,
                Found::Cut(need) => {
                    self.need = need;
                    break Stop::End;
                }
                Found::Bad => break Stop::Bad,
            };
            // All ops are read before one is applied: a record counts as a whole.
            let mut body = record.body;
            let mut sound = true;
            while sound && !body.is_empty() {
                let op = op::take(&mut body);
                sound = op.is_some();
                let end = self.position + (HEADER + record.body.len() - body.len()) as u64;
                ops.extend(op.map(|op| (op, end)));
            }
            if !sound {
                break Stop::Bad;
            }
            self.counts[0] += 1;
            for (op, end) in ops.drain(..) {
                self.counts[usize::from(op.kind())] += 1;
                steps.apply(op, self.position, end);
            }
            self.position += record.size;
            self.synced = self.synced.max(record.synced);
            if record.body.is_empty() {
                break Stop::Sealed;
            }
            rest = &rest[record.size as usize..];
        };
        steps.finish()
    }
}

/// Steps so far, and those that may grow until another op comes.
#[derive(Default)]
struct Steps {
    done: Vec<Step>,
    /// (queue, what came to it)
    published: Vec<(u64, Pieces)>,
    /// Which of `published` a queue's is.
    published_of: HashMap<u64, usize>,
    /// (queue, from which row on which expire when)
    expiring: Vec<(u64, Vec<(u64, Expiries)>)>,
    /// Which of `expiring` is a queue's.
    expiring_of: HashMap<u64, usize>,
    /// (queue, base, rows)
    settled: Vec<(u64, u64, Bitmap)>,
    /// Which of `settled` is of a (queue, base).
    settled_of: HashMap<(u64, u64), usize>,
}

impl Steps {
    /// An op of the record at `position`, which ends at position `end`, as its block does.
    fn apply(&mut self, op: Op<'_>, position: u64, end: u64) {
        match op {
            Op::Publish { targets, offsets, body_bytes, features, block } => {
                self.publish(targets, &offsets, &Place { block, end, body_bytes, features });
            }
            Op::Settle { queue, base, selection } => self.settle(queue, base, &selection),
            Op::Expiry { queue, first, expiries } => self.expire(queue, first, expiries),
            Op::Relocate { queue, base, selection, block } => {
                let (position, length) = (end - u64::from(block.length), block.length);
                self.barrier(Step::Relocate { queue, base, selection, position, length });
            }
            Op::Extent { queue, state } => self.barrier(Step::Extent { queue, state: state.to_vec() }),
            Op::Definition(definition) => {
                self.barrier(Step::Definition { position, definition: definition.to_vec() });
            }
        }
    }

    fn publish(&mut self, targets: Targets<'_>, offsets: &Selection, place: &Place) {
        for (queue, first) in targets.iter() {
            if offsets.is_empty() {
                self.published(queue, place.piece(first, 0, place.block.rows));
                continue;
            }
            let (mut skip, mut begin, mut count) = (0, 0, 0);
            offsets.for_each(|offset| {
                if count > 0 && offset - begin == count {
                    count += 1;
                    return;
                }
                self.published(queue, place.piece(first + u64::from(begin), skip, count));
                (skip, begin, count) = (skip + count, offset, 1);
            });
            self.published(queue, place.piece(first + u64::from(begin), skip, count));
        }
    }

    fn published(&mut self, queue: u64, piece: Piece) {
        if piece.count == 0 {
            return;
        }
        let new = self.published.len();
        let index = self.published_of.entry(queue).or_insert(new);
        if self.published.get_mut(*index).is_some_and(|(_, pieces)| pieces.push(piece)) {
            return;
        }
        // The first of this queue, or one that does not ascend. No log has those, but if it had they would be told
        // apart, not mixed up.
        *index = new;
        let mut pieces = Pieces::default();
        let sound = pieces.push(piece);
        debug_assert!(sound, "a block within its record, and numbers within 64 bits");
        self.published.push((queue, pieces));
    }

    fn expire(&mut self, queue: u64, first: u64, expiries: Expiries) {
        if expiries.is_empty() {
            return;
        }
        let index = *self.expiring_of.entry(queue).or_insert(self.expiring.len());
        if index == self.expiring.len() {
            self.expiring.push((queue, Vec::new()));
        }
        let rows = &mut self.expiring[index].1;
        let goes_on =
            |(begin, last): &mut (u64, Expiries)| *begin + last.len() == first && last.extend(&expiries).is_ok();
        if !rows.last_mut().is_some_and(goes_on) {
            rows.push((first, expiries));
        }
    }

    fn settle(&mut self, queue: u64, base: u64, selection: &Selection) {
        if selection.is_empty() {
            return;
        }
        let index = *self.settled_of.entry((queue, base)).or_insert(self.settled.len());
        if index == self.settled.len() {
            self.settled.push((queue, base, Bitmap::default()));
        }
        let rows = &mut self.settled[index].2;
        match selection.as_range() {
            Some((start, len)) => rows.set_range(start, len),
            None => selection.for_each(|row| rows.set(row)),
        }
    }

    /// Nothing is joined over this step.
    fn barrier(&mut self, step: Step) {
        self.flush();
        self.done.push(step);
    }

    fn flush(&mut self) {
        self.published_of.clear();
        self.expiring_of.clear();
        self.settled_of.clear();
        self.done.extend(self.published.drain(..).map(|(queue, pieces)| Step::Publish { queue, pieces }));
        self.done.extend(self.expiring.drain(..).map(|(queue, rows)| Step::Expiry { queue, rows }));
        self.done.extend(self.settled.drain(..).map(|(queue, base, bits)| {
            let mut rows = Builder::default();
            bits.for_each_run(|start, len| rows.push_run(start, len));
            Step::Settle { queue, base, selection: rows.finish() }
        }));
    }

    fn finish(mut self) -> Vec<Step> {
        self.flush();
        self.done
    }
}

/// Where the rows of a publish lie, and what is known of all of them.
struct Place {
    block: Outline,
    end: u64,
    body_bytes: u64,
    features: u32,
}

impl Place {
    /// `count` rows of the block from row `skip`, which have numbers from `first`. What bytes they have is not known: it
    /// is their part of all, so that the pieces of a block add up.
    fn piece(&self, first: u64, skip: u32, count: u32) -> Piece {
        // No overflow: a block has room for its bodies, and its length is a u32.
        let share = |rows: u32| self.body_bytes * u64::from(rows) / u64::from(self.block.rows.max(1));
        Piece {
            first,
            count,
            position: self.end - u64::from(self.block.length),
            length: self.block.length,
            skip,
            body_bytes: share(skip + count) - share(skip),
            features: self.features,
        }
    }
}
