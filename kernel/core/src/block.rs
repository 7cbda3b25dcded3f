//! Blocks: packed rows with their length and checksum, as they lie in the log and in the spill. Whoever knows where one is
//! can read it without what stands around it.
//!
//! ```text
//! [u32 length of the rows][u32 crc of the rows][rows as `pack` lays them out]
//! ```

use crc32c::crc32c;

use crate::batch::Batch;
use crate::pack::{self, Measure, ROW_SIZE_MIN, Unpackable};
use crate::pool::Pool;
use crate::selection::Selection;
use crate::take::{take_items, take_u32};

/// Length and checksum.
pub const HEAD_SIZE: usize = 8;

/// Why bytes are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    Length,
    Checksum,
    Rows(Unpackable),
}

impl Damage {
    pub fn text(self) -> &'static str {
        match self {
            Damage::Length => "a block has another length than it says",
            Damage::Checksum => "a block does not have the checksum that it says",
            Damage::Rows(fault) => fault.text(),
        }
    }
}

/// Bytes of the block of rows of this measure; None when its length is no u32.
pub fn size(measure: &Measure) -> Option<usize> {
    u32::try_from(measure.size).ok()?.checked_add(HEAD_SIZE as u32).map(|size| size as usize)
}

/// Fill `out`, which has the size that `size` gave.
pub fn fill(batch: &Batch, selection: Option<&Selection>, out: &mut [u8]) {
    let (head, rows) = out.split_at_mut(HEAD_SIZE);
    pack::pack(batch, selection, rows);
    head[..4].copy_from_slice(&(rows.len() as u32).to_be_bytes());
    head[4..].copy_from_slice(&crc32c(rows).to_be_bytes());
}

/// The packed rows of a block, checked.
pub fn open(data: &[u8]) -> Result<&[u8], Damage> {
    let mut rows = data;
    let (length, crc) = take_u32(&mut rows).zip(take_u32(&mut rows)).ok_or(Damage::Length)?;
    match rows.len() == length as usize {
        false => Err(Damage::Length),
        true if crc32c(rows) != crc => Err(Damage::Checksum),
        true => Ok(rows),
    }
}

pub fn unpack(pool: &Pool, data: &[u8]) -> Result<Batch, Damage> {
    pack::unpack(pool, open(data)?).map_err(Damage::Rows)
}

/// How large a block is and how many rows it says to have; what the rows are nobody looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outline {
    pub length: u32,
    pub rows: u32,
}

/// The outline of a block that is all that `data` has, if there is room in it for its rows and their bodies.
pub(crate) fn outline(mut data: &[u8], body_bytes: u64) -> Option<Outline> {
    let length = u32::try_from(data.len()).ok()?;
    let packed = take_u32(&mut data)?;
    take_u32(&mut data)?;
    let content = take_items(&mut data, packed, 1).filter(|_| data.is_empty())?;
    let rows = take_u32(&mut &*content)?;
    let needed = (4 + u64::from(rows) * ROW_SIZE_MIN).checked_add(body_bytes)?;
    (needed <= u64::from(packed)).then_some(Outline { length, rows })
}
