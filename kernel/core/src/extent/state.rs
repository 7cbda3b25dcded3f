//! An extent as bytes, for a checkpoint: the rows that are in the log.
//!
//! ```text
//! state  = base:u64  rows:u16  features:u32  body bytes:u64  live  redelivered  packed runs  [128  expiries]
//! bitmap = 0 (none)  |  1 (all)  |  2  ceil(rows / 64) * u64, the first row in the lowest bit
//! ```
//!
//! Rows that are settled, and those that are not in the log, are both not live. The expiries are those of the live rows,
//! if one of them expires. All integers are big-endian.

use super::stored::{Stored, share};
use super::{EXTENT_ROWS, Extent};
use crate::bitmap::Bitmap;
use crate::expiries::Expiries;
use crate::packed::{END, Packed, take_runs};
use crate::places::{Run, live_runs};

const NONE: u8 = 0;
const ALL: u8 = 1;
const SOME: u8 = 2;

/// Bytes that are not an extent's state.
#[derive(Debug, PartialEq, Eq)]
pub struct NoState;

impl Extent {
    pub fn state(&self) -> Vec<u8> {
        let mut in_log = Bitmap::default();
        let runs: Vec<Run> = self.runs().iter().filter(|run| !run.is_spilled()).copied().collect();
        runs.iter().for_each(|run| in_log.set_range(run.first, run.count));
        let live = in_log.and(&self.live());
        let rows = self.len() as u32;
        let mut out = Vec::with_capacity(64);
        out.extend_from_slice(&self.base.to_be_bytes());
        out.extend_from_slice(&(rows as u16).to_be_bytes());
        out.extend_from_slice(&self.features.to_be_bytes());
        out.extend_from_slice(&self.live_bytes(&live).to_be_bytes());
        put_bitmap(&mut out, &live, rows);
        put_bitmap(&mut out, &self.redelivered.and(&live), rows);
        out.extend_from_slice(Packed::of(&live_runs(&runs, &live)).bytes());
        if let Some(expiries) = self.expiries_of(&live).and_then(|expiries| expiries.encode()) {
            out.push(END);
            out.extend_from_slice(&expiries);
        }
        out
    }

    /// Body bytes of some live rows.
    fn live_bytes(&self, live: &Bitmap) -> u64 {
        if self.is_resident() {
            return self.body_bytes(&live.select());
        }
        share(self.ready_bytes + self.delivered_bytes, live.count(), self.ready_rows + self.delivered_rows)
    }

    /// What `state` gave, stored; all live rows are ready.
    pub fn from_state(data: &[u8]) -> Result<Extent, NoState> {
        let mut rest = data;
        let base = u64::from_be_bytes(take(&mut rest)?);
        let rows = u32::from(u16::from_be_bytes(take(&mut rest)?));
        let features = u32::from_be_bytes(take(&mut rest)?);
        let ready_bytes = u64::from_be_bytes(take(&mut rest)?);
        if rows > EXTENT_ROWS as u32 || base.checked_add(u64::from(rows)).is_none() {
            return Err(NoState);
        }
        let (ready, redelivered) = (take_bitmap(&mut rest, rows)?, take_bitmap(&mut rest, rows)?);
        let runs = take_runs(&mut rest).map_err(|_| NoState)?;
        let expiries = match rest.split_first() {
            Some((_, rest)) => Some(Expiries::decode(rest).ok_or(NoState)?),
            None => None,
        };
        let mut unplaced = ready.clone();
        runs.iter().for_each(|run| unplaced.clear_range(run.first, run.count));
        let ready_rows = ready.count();
        let sound = unplaced.is_empty()
            && runs.iter().all(|run| run.end() <= rows && !run.is_spilled())
            && ready_bytes <= u64::from(ready_rows) * u64::from(u32::MAX)
            && expiries.as_ref().is_none_or(|it| it.len() == u64::from(ready_rows) && !it.is_none());
        if !sound {
            return Err(NoState);
        }
        let stored = Stored { rows, places: Packed::of(&live_runs(&runs, &ready)) };
        let stored = (rows > 0).then(|| Box::new(stored));
        let live = expiries.is_some().then(|| ready.clone());
        let extent =
            Extent { base, features, ready, redelivered, ready_rows, ready_bytes, stored, ..Extent::default() };
        Ok(match (live, expiries) {
            (Some(live), Some(expiries)) => extent.with_expiries(&live, &expiries),
            _ => extent,
        })
    }
}

fn put_bitmap(out: &mut Vec<u8>, bitmap: &Bitmap, rows: u32) {
    let count = bitmap.count();
    if count == 0 || count == rows {
        return out.push(if count == 0 { NONE } else { ALL });
    }
    out.push(SOME);
    let words = bitmap.words().iter().copied().chain(std::iter::repeat(0));
    words.take(rows.div_ceil(64) as usize).for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
}

fn take_bitmap(data: &mut &[u8], rows: u32) -> Result<Bitmap, NoState> {
    match take(data)? {
        [NONE] => Ok(Bitmap::default()),
        [ALL] => Ok(Bitmap::filled(rows)),
        [SOME] => {
            let words: Result<_, _> = (0..rows.div_ceil(64)).map(|_| take(data).map(u64::from_be_bytes)).collect();
            let bitmap = Bitmap::of(words?);
            if bitmap.count() == bitmap.count_range(0, rows) { Ok(bitmap) } else { Err(NoState) }
        }
        _ => Err(NoState),
    }
}

fn take<const SIZE: usize>(data: &mut &[u8]) -> Result<[u8; SIZE], NoState> {
    let (head, rest) = data.split_first_chunk().ok_or(NoState)?;
    *data = rest;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extent::tests::batch;
    use crate::piece::SPILL;
    use crate::pool::Pool;
    use crate::selection::Selection;

    #[test]
    fn there_and_back() {
        let pool = Pool::new(4096);
        let mut extent = Extent::new(7);
        extent.append(&batch(&pool, &[10; 70]), None, 0, None).unwrap();
        extent.store((64, 5000), &Selection::range(0, 69), 0).unwrap();
        extent.store((SPILL, 5000), &Selection::one(3), 0).unwrap();
        let taken = extent.take(5, None).unwrap();
        extent.requeue(&taken.slice(0, 4)).unwrap();
        extent.drop(&Selection::one(0));
        let state = extent.state();
        let copy = Extent::from_state(&state).unwrap();
        assert_eq!((copy.base(), copy.len(), copy.ready(), copy.ready_bytes()), (7, 70, 67, 670));
        assert!(copy.is_redelivered(1) && !copy.is_redelivered(3) && !copy.is_redelivered(4));
        assert_eq!(copy.state(), state);
        assert!((0..state.len()).all(|end| Extent::from_state(&state[..end]).is_err()));
    }
}
