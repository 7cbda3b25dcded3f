//! Runs of places in little memory: for extents without rows, and for checkpoints.
//!
//! ```text
//! run   = flags:u8  [gap]  [count]  [skip]  [length]  [distance]       each a varint that its flag announces
//! flags = 1 gap       rows between the run before and this one; otherwise none
//!         2 count     otherwise 1
//!         4 skip      otherwise 0
//!         8 length    of the block; otherwise as before in the same file
//!        16 distance  from the end of the block before in the same file; otherwise as that was
//!        32 the distance is backwards
//!        64 the file is the spill, not the log
//! varint = 7 bits per octet, the lowest first, 128 added to all but the last
//! ```
//!
//! A steady stream of single messages is one octet per message.

use crate::extent::EXTENT_ROWS;
use crate::piece::{SPILL, is_place};
use crate::places::{Run, push_run};

const GAP: u8 = 1;
const COUNT: u8 = 2;
const SKIP: u8 = 4;
const LENGTH: u8 = 8;
const DISTANCE: u8 = 16;
const BACKWARDS: u8 = 32;
const SPILLED: u8 = 64;
/// No flags: what stands here is something else.
pub(crate) const END: u8 = 128;

/// The block before in one of the two files.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    end: u64,
    distance: i64,
    length: u32,
}

/// What a run is written in relation to.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    row: u32,
    files: [Before; 2],
}

impl Cursor {
    fn pass(&mut self, run: &Run, distance: i64) {
        let end = (run.position & !SPILL) + u64::from(run.length);
        self.files[usize::from(run.is_spilled())] = Before { end, distance, length: run.length };
        self.row = run.end();
    }
}

/// Bytes that are not packed runs.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Runs, and where to go on.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    bytes: Vec<u8>,
    cursor: Cursor,
}

impl Packed {
    pub fn of(runs: &[Run]) -> Packed {
        let mut packed = Packed::default();
        runs.iter().for_each(|run| packed.push(run));
        packed.shrink();
        packed
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Add a run behind the others. It may go on with the last one: `runs` joins the two.
    pub fn push(&mut self, run: &Run) {
        let before = &self.cursor.files[usize::from(run.is_spilled())];
        // Both are below 2**63.
        let distance = (run.position & !SPILL) as i64 - before.end as i64;
        let mut flags = if run.is_spilled() { SPILLED } else { 0 };
        if distance < 0 && distance != before.distance {
            flags |= BACKWARDS;
        }
        let fields = [
            (GAP, u64::from(run.first - self.cursor.row), 0),
            (COUNT, run.count.into(), 1),
            (SKIP, run.skip.into(), 0),
            (LENGTH, run.length.into(), before.length.into()),
        ];
        let at = self.bytes.len();
        self.bytes.push(0);
        for (flag, value, usual) in fields {
            if value != usual {
                flags |= flag;
                put_varint(&mut self.bytes, value);
            }
        }
        if distance != before.distance {
            flags |= DISTANCE;
            put_varint(&mut self.bytes, distance.unsigned_abs());
        }
        self.bytes[at] = flags;
        self.cursor.pass(run, distance);
    }

    pub fn runs(&self) -> Vec<Run> {
        match unpack_runs(&self.bytes) {
            Ok(runs) => runs,
            Err(Malformed) => unreachable!("only sound runs are packed"),
        }
    }
}

/// The runs that were packed.
pub fn unpack_runs(mut bytes: &[u8]) -> Result<Vec<Run>, Malformed> {
    take_runs(&mut bytes).and_then(|runs| if bytes.is_empty() { Ok(runs) } else { Err(Malformed) })
}

/// The runs at the front; `END` may follow them.
pub(crate) fn take_runs(bytes: &mut &[u8]) -> Result<Vec<Run>, Malformed> {
    let mut runs = Vec::new();
    let mut cursor = Cursor::default();
    while let Some((&flags, rest)) = bytes.split_first().filter(|(flags, _)| **flags != END) {
        *bytes = rest;
        let before = cursor.files[usize::from(flags & SPILLED != 0)];
        let mut field = |flag: u8, usual: u64| if flags & flag == 0 { Ok(usual) } else { take_varint(bytes) };
        let gap = field(GAP, 0)?;
        let count = field(COUNT, 1)?;
        let skip = u32::try_from(field(SKIP, 0)?).map_err(|_| Malformed)?;
        let length = u32::try_from(field(LENGTH, before.length.into())?).map_err(|_| Malformed)?;
        let mut distance = before.distance;
        if flags & DISTANCE != 0 {
            distance = i64::try_from(field(DISTANCE, 0)?).map_err(|_| Malformed)?;
            distance = if flags & BACKWARDS == 0 { distance } else { -distance };
        }
        let offset = before.end.checked_add_signed(distance).filter(|offset| *offset < SPILL).ok_or(Malformed)?;
        let position = if flags & SPILLED == 0 { offset } else { offset | SPILL };
        let end = u64::from(cursor.row).checked_add(gap).and_then(|first| first.checked_add(count));
        if flags & 128 != 0
            || count == 0
            || end.is_none_or(|end| end > EXTENT_ROWS as u64)
            || skip.checked_add(count as u32).is_none()
            || !is_place(position, length)
        {
            return Err(Malformed);
        }
        let run = Run { first: cursor.row + gap as u32, count: count as u32, position, length, skip };
        cursor.pass(&run, distance);
        push_run(&mut runs, run);
    }
    Ok(runs)
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value: u64 = 0;
    for shift in (0..64).step_by(7) {
        let (&octet, rest) = bytes.split_first().ok_or(Malformed)?;
        *bytes = rest;
        let bits = u64::from(octet & 127);
        if bits << shift >> shift != bits {
            return Err(Malformed);
        }
        value |= bits << shift;
        if octet < 128 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u32, count: u32, position: u64, length: u32, skip: u32) -> Run {
        Run { first, count, position, length, skip }
    }

    #[test]
    fn there_and_back() {
        let runs = [
            run(0, 1, 0, 12, 0),
            run(1, 100, SPILL | 77, 1 << 20, 5),
            run(101, 1, 1 << 62, u32::MAX, 0),
            run(150, 2, SPILL | 5, 1 << 20, u32::MAX - 2),
            run(152, 3, SPILL | 5, 1 << 20, 1),
            run(4095, 1, 13, 40, 0),
        ];
        assert_eq!(Packed::of(&runs).runs(), runs);
        assert_eq!(Packed::default().runs(), []);
    }

    #[test]
    fn runs_that_go_on_are_joined() {
        let mut packed = Packed::of(&[run(3, 4, 64, 500, 2)]);
        packed.push(&run(7, 1, 64, 500, 6));
        packed.push(&run(8, 1, 64, 500, 9));
        assert_eq!(packed.runs(), [run(3, 5, 64, 500, 2), run(8, 1, 64, 500, 9)]);
    }

    #[test]
    fn single_rows_in_a_busy_log_take_six_octets_each() {
        let (mut position, mut runs) = (1 << 40, Vec::new());
        for row in 0..4096 {
            let length = 200 + row * 7 % 1000;
            runs.push(run(row, 1, position, length, 0));
            position += u64::from(length) + 100_000 + u64::from(row * 13 % 500);
        }
        assert!(Packed::of(&runs).bytes().len() <= 6 * 4096 + 8);
        let steady: Vec<Run> = (0..4096).map(|row| run(row, 1, u64::from(row) * 140, 88, 0)).collect();
        assert!(Packed::of(&steady).bytes().len() <= 4096 + 8);
    }

    #[test]
    fn garbage_is_malformed() {
        let sound = Packed::of(&[run(0, 9, 1 << 20, 100, 0), run(20, 1, 1 << 21, 100, 3)]);
        for cut in 0..sound.bytes().len() {
            let _ = unpack_runs(&sound.bytes()[..cut]);
        }
        for bad in [
            &[128][..],
            &[0],
            &[LENGTH, 11],
            &[LENGTH | COUNT, 0, 12],
            &[LENGTH | COUNT, 0x81, 0x20, 12],
            &[LENGTH | GAP, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 12],
            &[LENGTH | GAP, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 12],
            &[LENGTH | DISTANCE | BACKWARDS, 12, 1],
            &[LENGTH | SKIP, 0xff, 0xff, 0xff, 0xff, 0x0f, 12],
            &[LENGTH, 0x80],
        ] {
            assert_eq!(unpack_runs(bad), Err(Malformed), "{bad:?}");
        }
    }
}
