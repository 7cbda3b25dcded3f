//! Records: what is in the log whole or not at all. A record says itself where it belongs, so that old bytes of the disk
//! are none.
//!
//! ```text
//! [u32 crc][u32 length][u64 position][u64 synced][body, `length` bytes][zeros up to the next multiple of 8]
//! ```
//!
//! The crc is over all that follows it but the zeros. `position` is the record's own, in the log. Everything before
//! `synced` was on disk when this record was made. Without a body a record seals its segment: the log goes on in the
//! next one. What a body holds is in `op`.

use crc32c::crc32c;
pub use crc32c::crc32c_append;

use crate::take::{take_u32, take_u64};

/// What stands before the body.
pub const HEADER: usize = 24;
/// Where a log has ended for sure: positions from here on mean other files.
pub const POSITION_END: u64 = 1 << 63;

const ALIGNMENT: u64 = 8;

/// Bytes of a record with a body of `length` bytes; None when that is no u32.
pub fn size(length: usize) -> Option<usize> {
    u32::try_from(length).ok().map(|length| padded(length) as usize)
}

fn padded(length: u32) -> u64 {
    (HEADER as u64 + u64::from(length)).next_multiple_of(ALIGNMENT)
}

/// Fill `out`, which has the size that `size` gave for all ops together, and is zero.
pub fn fill<'a>(position: u64, synced: u64, ops: impl Iterator<Item = &'a [u8]>, out: &mut [u8]) {
    let mut end = HEADER;
    for op in ops {
        out[end..][..op.len()].copy_from_slice(op);
        end += op.len();
    }
    out[4..8].copy_from_slice(&((end - HEADER) as u32).to_be_bytes());
    out[8..16].copy_from_slice(&position.to_be_bytes());
    out[16..24].copy_from_slice(&synced.to_be_bytes());
    let crc = crc32c(&out[4..end]);
    out[..4].copy_from_slice(&crc.to_be_bytes());
}

/// What is at a place of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    Record(Record<'a>),
    /// The data ends before a record would; it is whole with so many bytes.
    Cut(u64),
    /// No record.
    Bad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub synced: u64,
    pub body: &'a [u8],
    /// With header and padding.
    pub size: u64,
}

/// Look at the front of `data`, which is at this position of the log.
#[inline]
pub fn read(data: &[u8], position: u64) -> Found<'_> {
    let mut rest = data;
    let head = (|| Some((take_u32(&mut rest)?, take_u32(&mut rest)?, take_u64(&mut rest)?, take_u64(&mut rest)?)))();
    let Some((crc, length, own, synced)) = head else {
        return Found::Cut(HEADER as u64);
    };
    let size = padded(length);
    if own != position || synced > position || position.checked_add(size).is_none_or(|end| end >= POSITION_END) {
        return Found::Bad;
    }
    if (data.len() as u64) < size {
        return Found::Cut(size);
    }
    let end = HEADER + length as usize;
    if crc32c(&data[4..end]) == crc {
        Found::Record(Record { synced, body: &data[HEADER..end], size })
    } else {
        Found::Bad
    }
}

/// The first record at a position after `after`, where `data` begins at position `start`: (position, its `synced`). Its
/// ops are not looked at: that it was written at all is what counts.
pub fn find(data: &[u8], start: u64, after: u64) -> Option<(u64, u64)> {
    let mut position = start.max(after.checked_add(1)?).checked_next_multiple_of(ALIGNMENT)?;
    loop {
        let rest = data.get(usize::try_from(position - start).ok()?..)?;
        match read(rest, position) {
            Found::Record(record) => return Some((position, record.synced)),
            Found::Cut(_) if rest.len() < HEADER => return None,
            _ => position = position.checked_add(ALIGNMENT)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(position: u64, synced: u64, ops: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![0; size(ops.iter().map(|op| op.len()).sum()).unwrap()];
        fill(position, synced, ops.iter().copied(), &mut out);
        out
    }

    #[test]
    fn the_layout() {
        let data = sealed(72, 40, &[b"one", b", two"]);
        assert_eq!(data.len(), 32);
        assert_eq!(data[4..], *b"\0\0\0\x08\0\0\0\0\0\0\0\x48\0\0\0\0\0\0\0\x28one, two");
        assert_eq!(data[..4], crc32c(&data[4..]).to_be_bytes());
        assert_eq!(read(&data, 72), Found::Record(Record { synced: 40, body: b"one, two", size: 32 }));
        assert_eq!(read(&data, 80), Found::Bad);
        assert_eq!(read(&sealed(72, 73, &[]), 72), Found::Bad);
        assert_eq!(read(&data[..31], 72), Found::Cut(32));
        assert_eq!(read(&data[..23], 72), Found::Cut(24));
    }

    #[test]
    fn an_end_beyond_all_positions() {
        let last = POSITION_END - 32;
        assert!(matches!(read(&sealed(last, 0, &[]), last), Found::Record(_)));
        assert_eq!(read(&sealed(last, 0, &[b"x"]), last), Found::Bad);
        let far = u64::MAX - 7;
        assert_eq!(read(&sealed(far, 0, &[]), far), Found::Bad);
    }

    #[test]
    fn found() {
        let log = [sealed(32, 0, &[b"first"]), sealed(64, 32, &[b"second"]), sealed(96, 64, &[])].concat();
        assert_eq!(find(&log, 32, 0), Some((32, 0)));
        assert_eq!(find(&log, 32, 32), Some((64, 32)));
        assert_eq!(find(&log[3..], 35, 0), Some((64, 32)));
        assert_eq!(find(&log, 32, 64), Some((96, 64)));
        assert_eq!(find(&log, 32, 96), None);
        assert_eq!(find(&log, 32, u64::MAX), None);
        assert_eq!(find(&[], 0, 0), None);
    }
}
