//! Ops: what records are made of.
//!
//! ```text
//! [u8 kind][u32 length][op, `length` bytes]
//!
//! 1 PUBLISH     [u32 targets]([u64 queue][u64 first])*[offsets][u64 body bytes][u32 features][block]
//! 2 SETTLE      [u64 queue][u64 base][u8 reason][rows]
//! 3 DEFINITION  anything
//! 4 RELOCATE    [u64 queue][u64 base][rows][block]
//! 5 EXTENT      [u64 queue][state, anything]
//! 6 EXPIRY      [u64 queue][u64 first][expiries]
//! ```
//!
//! `offsets` and `rows` are selections as in `compact`. Row i of the block of a publish has number first + offsets[i] in
//! the target's queue; with no offsets, first + i. Settled and relocated rows are rows of the extent that begins at
//! `base`; those that were relocated are now, in order, the rows of the block. The rows of a queue from number `first` on
//! expire as `expiries` says.

use crate::batch::Batch;
use crate::block::{self, Outline};
use crate::compact;
use crate::expiries::Expiries;
use crate::extent::EXTENT_ROWS;
use crate::pack::measure;
use crate::selection::Selection;
use crate::take::{take_items, take_u8, take_u32, take_u64};

pub const PUBLISH: u8 = 1;
pub const SETTLE: u8 = 2;
pub const DEFINITION: u8 = 3;
pub const RELOCATE: u8 = 4;
pub const EXTENT: u8 = 5;
pub const EXPIRY: u8 = 6;
/// Of ops.
pub const KINDS: usize = 6;

/// Kind and length.
pub const HEAD_SIZE: usize = 5;

/// Why something does not become an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The rows and what is said of them differ in number.
    Count,
    /// No rows of an extent.
    Rows,
    /// The numbers of a queue's rows come to an end.
    Numbers,
    Size,
}

impl Unfit {
    pub fn text(self) -> &'static str {
        match self {
            Unfit::Count => "there are more or fewer rows than said",
            Unfit::Rows => "a row is not below EXTENT_ROWS",
            Unfit::Numbers => "the number of a row is over 64 bits",
            Unfit::Size => "an op is too large",
        }
    }
}

/// What stands before the body of an op.
pub fn head(kind: u8, length: usize) -> Result<[u8; HEAD_SIZE], Unfit> {
    let [l0, l1, l2, l3] = u32::try_from(length).map_err(|_| Unfit::Size)?.to_be_bytes();
    Ok([kind, l0, l1, l2, l3])
}

/// An op about to be written: all that stands before its block, and the rows of that. So its size is known before it
/// gets its memory, and rows are copied once.
pub struct Draft<'a> {
    front: Vec<u8>,
    rows: Option<(&'a Batch, Option<&'a Selection>)>,
    block_size: usize,
}

impl<'a> Draft<'a> {
    /// The selection has only rows of the batch (all when None).
    pub fn publish(
        targets: &[(u64, u64)],
        batch: &'a Batch,
        selection: Option<&'a Selection>,
        offsets: Option<&Selection>,
    ) -> Result<Draft<'a>, Unfit> {
        let count = selection.map_or(batch.len(), Selection::len);
        let offsets = offsets.unwrap_or(&Selection::EMPTY);
        if !offsets.is_empty() && offsets.len() != count {
            return Err(Unfit::Count);
        }
        let numbers = numbers(offsets, count);
        if targets.iter().any(|(_, first)| first.checked_add(numbers).is_none()) {
            return Err(Unfit::Numbers);
        }
        let measure = measure(batch, selection);
        let mut front = Vec::with_capacity(64 + targets.len() * 16);
        front.extend_from_slice(&[0; HEAD_SIZE]);
        front.extend_from_slice(&u32::try_from(targets.len()).map_err(|_| Unfit::Size)?.to_be_bytes());
        for (queue, first) in targets {
            front.extend_from_slice(&queue.to_be_bytes());
            front.extend_from_slice(&first.to_be_bytes());
        }
        compact::put(offsets, &mut front);
        front.extend_from_slice(&measure.body_bytes.to_be_bytes());
        front.extend_from_slice(&measure.features.to_be_bytes());
        let block_size = block::size(&measure).ok_or(Unfit::Size)?;
        Draft { front, rows: Some((batch, selection)), block_size }.of_kind(PUBLISH)
    }

    pub fn settle(queue: u64, base: u64, reason: u8, selection: &Selection) -> Result<Draft<'a>, Unfit> {
        let mut front = front(queue, base, selection)?;
        front.push(reason);
        compact::put(selection, &mut front);
        Draft { front, rows: None, block_size: 0 }.of_kind(SETTLE)
    }

    /// Rows `selection` of the extent are the rows of the batch.
    pub fn relocate(queue: u64, base: u64, selection: &Selection, batch: &'a Batch) -> Result<Draft<'a>, Unfit> {
        if selection.len() != batch.len() {
            return Err(Unfit::Count);
        }
        let mut front = front(queue, base, selection)?;
        compact::put(selection, &mut front);
        let block_size = block::size(&measure(batch, None)).ok_or(Unfit::Size)?;
        Draft { front, rows: Some((batch, None)), block_size }.of_kind(RELOCATE)
    }

    fn of_kind(mut self, kind: u8) -> Result<Draft<'a>, Unfit> {
        let head = head(kind, self.size() - HEAD_SIZE)?;
        self.front[..HEAD_SIZE].copy_from_slice(&head);
        Ok(self)
    }

    pub fn size(&self) -> usize {
        self.front.len() + self.block_size
    }

    /// Offset and length of the block.
    pub fn block(&self) -> (usize, usize) {
        (self.front.len(), self.block_size)
    }

    /// Fill `out`, which has the size that `size` gave.
    pub fn fill(&self, out: &mut [u8]) {
        let (front, block) = out.split_at_mut(self.front.len());
        front.copy_from_slice(&self.front);
        if let Some((batch, selection)) = self.rows {
            block::fill(batch, selection, block);
        }
    }
}

/// How an op about rows of an extent begins; its head is filled in later.
fn front(queue: u64, base: u64, selection: &Selection) -> Result<Vec<u8>, Unfit> {
    let base = within_extent(base, selection)?;
    Ok([&[0; HEAD_SIZE][..], &queue.to_be_bytes(), &base.to_be_bytes()].concat())
}

fn within_extent(base: u64, selection: &Selection) -> Result<u64, Unfit> {
    match selection.last() {
        Some(last) if last as usize >= EXTENT_ROWS => Err(Unfit::Rows),
        Some(last) if base.checked_add(u64::from(last)).is_none() => Err(Unfit::Numbers),
        _ => Ok(base),
    }
}

/// How many numbers of a queue a publish covers, those it skips too.
fn numbers(offsets: &Selection, count: usize) -> u64 {
    offsets.last().map_or(count as u64, |last| u64::from(last) + 1)
}

/// An op of a log. Rows were not looked at.
#[derive(Debug)]
pub(crate) enum Op<'a> {
    Publish { targets: Targets<'a>, offsets: Selection, body_bytes: u64, features: u32, block: Outline },
    Settle { queue: u64, base: u64, selection: Selection },
    Definition(&'a [u8]),
    Relocate { queue: u64, base: u64, selection: Selection, block: Outline },
    Extent { queue: u64, state: &'a [u8] },
    Expiry { queue: u64, first: u64, expiries: Expiries },
}

impl Op<'_> {
    pub fn kind(&self) -> u8 {
        match self {
            Op::Publish { .. } => PUBLISH,
            Op::Settle { .. } => SETTLE,
            Op::Definition(_) => DEFINITION,
            Op::Relocate { .. } => RELOCATE,
            Op::Extent { .. } => EXTENT,
            Op::Expiry { .. } => EXPIRY,
        }
    }
}

/// (queue, first) of each target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Targets<'a>(&'a [u8]);

impl Targets<'_> {
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut rest = self.0;
        std::iter::from_fn(move || take_u64(&mut rest).zip(take_u64(&mut rest)))
    }
}

/// The op at the front of a record's body; None for anything malformed.
#[inline]
pub(crate) fn take<'a>(body: &mut &'a [u8]) -> Option<Op<'a>> {
    let (kind, length) = (take_u8(body)?, take_u32(body)?);
    let mut rest = take_items(body, length, 1)?;
    let op = match kind {
        PUBLISH => {
            let count = take_u32(&mut rest)?;
            let targets = Targets(take_items(&mut rest, count, 16)?);
            let offsets = compact::take(&mut rest)?;
            let (body_bytes, features) = (take_u64(&mut rest)?, take_u32(&mut rest)?);
            let block = block::outline(rest, body_bytes)?;
            let numbers = numbers(&offsets, block.rows as usize);
            let fits = offsets.is_empty() || offsets.len() == block.rows as usize;
            if !fits || targets.iter().any(|(_, first)| first.checked_add(numbers).is_none()) {
                return None;
            }
            Op::Publish { targets, offsets, body_bytes, features, block }
        }
        SETTLE => {
            let (queue, base, _reason) = (take_u64(&mut rest)?, take_u64(&mut rest)?, take_u8(&mut rest)?);
            let selection = compact::take(&mut rest).filter(|_| rest.is_empty())?;
            Op::Settle { queue, base: within_extent(base, &selection).ok()?, selection }
        }
        DEFINITION => Op::Definition(rest),
        RELOCATE => {
            let (queue, base) = (take_u64(&mut rest)?, take_u64(&mut rest)?);
            let selection = compact::take(&mut rest)?;
            let block = block::outline(rest, 0).filter(|block| block.rows as usize == selection.len())?;
            Op::Relocate { queue, base: within_extent(base, &selection).ok()?, selection, block }
        }
        EXTENT => Op::Extent { queue: take_u64(&mut rest)?, state: rest },
        EXPIRY => {
            let (queue, first) = (take_u64(&mut rest)?, take_u64(&mut rest)?);
            let expiries = Expiries::decode(rest)?;
            first.checked_add(expiries.len())?;
            Op::Expiry { queue, first, expiries }
        }
        _ => return None,
    };
    Some(op)
}
