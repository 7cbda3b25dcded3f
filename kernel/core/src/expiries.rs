//! Expiries: when messages expire, as runs of neighbours that expire together.
//!
//! ```text
//! [u32 runs]([u64 count][u64 when])*      all integers big-endian; runs next to each other differ in `when`
//! ```
//!
//! `when` is in milliseconds of wall time; 0 is never.

use crate::take::{take_items, take_u32, take_u64};

/// That never comes.
pub const NEVER: u64 = 0;
/// The latest that `expiration` may say, in milliseconds: ten years (RabbitMQ's bound).
pub const EXPIRATION_MAX: u64 = 315_360_000_000;
/// Together they have fewer rows than this, so that a Python `len` can say how many.
const ROWS_END: u64 = 1 << 63;

/// Runs that cannot be: an empty one, or more rows than there are numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct BadRun;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expiries {
    /// (count, when); none is empty, neighbours differ.
    runs: Vec<(u64, u64)>,
    rows: u64,
}

impl Expiries {
    /// Add rows behind the others.
    pub fn push(&mut self, count: u64, when: u64) -> Result<(), BadRun> {
        let rows = self.rows.checked_add(count).filter(|rows| count > 0 && *rows < ROWS_END).ok_or(BadRun)?;
        match self.runs.last_mut() {
            Some(last) if last.1 == when => last.0 += count,
            _ => self.runs.push((count, when)),
        }
        self.rows = rows;
        Ok(())
    }

    /// Add others behind these; BadRun, and nothing is changed, if they are too many.
    pub fn extend(&mut self, others: &Expiries) -> Result<(), BadRun> {
        if others.rows >= ROWS_END - self.rows {
            return Err(BadRun);
        }
        others.runs.iter().try_for_each(|&(count, when)| self.push(count, when))
    }

    pub fn of(runs: impl IntoIterator<Item = (u64, u64)>) -> Result<Expiries, BadRun> {
        let mut expiries = Expiries::default();
        runs.into_iter().try_for_each(|(count, when)| expiries.push(count, when))?;
        Ok(expiries)
    }

    /// Rows.
    pub fn len(&self) -> u64 {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    pub fn runs(&self) -> &[(u64, u64)] {
        &self.runs
    }

    /// Whether all rows stay for ever.
    pub fn is_none(&self) -> bool {
        self.runs.iter().all(|(_, when)| *when == NEVER)
    }

    /// Rows `start..stop`, as far as they are there.
    pub fn slice(&self, start: u64, stop: u64) -> Expiries {
        let mut part = Expiries::default();
        let mut first = 0;
        for &(count, when) in &self.runs {
            let end = first + count;
            let (from, to) = (start.max(first), stop.min(end));
            if from < to {
                part.runs.push((to - from, when));
                part.rows += to - from;
            }
            first = end;
        }
        part
    }

    /// None when there are more runs than a u32 can say.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let count = u32::try_from(self.runs.len()).ok()?;
        let mut out = Vec::with_capacity(4 + 16 * self.runs.len());
        out.extend_from_slice(&count.to_be_bytes());
        for (count, when) in &self.runs {
            out.extend_from_slice(&count.to_be_bytes());
            out.extend_from_slice(&when.to_be_bytes());
        }
        Some(out)
    }

    /// All of `data`; None for what `encode` does not write.
    pub fn decode(mut data: &[u8]) -> Option<Expiries> {
        let count = take_u32(&mut data)?;
        let mut items = take_items(&mut data, count, 16).filter(|_| data.is_empty())?;
        let mut expiries = Expiries { runs: Vec::with_capacity(items.len() / 16), rows: 0 };
        while let Some((count, when)) = take_u64(&mut items).zip(take_u64(&mut items)) {
            expiries.push(count, when).ok()?;
        }
        (expiries.runs.len() == count as usize).then_some(expiries)
    }
}

/// The milliseconds that an `expiration` says; None for what is no such number. It may have a sign.
pub fn parse_expiration(text: &[u8]) -> Option<u64> {
    let (digits, max) = match text {
        [b'+', digits @ ..] => (digits, EXPIRATION_MAX),
        [b'-', digits @ ..] => (digits, 0),
        digits => (digits, EXPIRATION_MAX),
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, octet| {
        let digit = octet.wrapping_sub(b'0');
        let value = value * 10 + u64::from(digit);
        (digit <= 9 && value <= max).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_time_are_joined() {
        let expiries = Expiries::of([(1, 5), (2, 5), (3, 0), (1, 5)]).unwrap();
        assert_eq!((expiries.runs(), expiries.len()), (&[(3, 5), (3, 0), (1, 5)][..], 7));
        assert_eq!(expiries.slice(2, 7).runs(), [(1, 5), (3, 0), (1, 5)]);
        assert_eq!(expiries.slice(3, 5), Expiries::of([(2, 0)]).unwrap());
        assert!(expiries.slice(3, 6).is_none() && expiries.slice(7, 3).is_empty());
        assert_eq!(Expiries::of([(1, 5), (0, 6)]), Err(BadRun));
        assert_eq!(Expiries::of([(1, 5), (ROWS_END - 1, 6)]), Err(BadRun));
    }

    #[test]
    fn there_and_back() {
        for runs in [&[][..], &[(1, 0)], &[(4, 1), (ROWS_END - 5, u64::MAX)]] {
            let expiries = Expiries::of(runs.iter().copied()).unwrap();
            let data = expiries.encode().unwrap();
            assert_eq!(Expiries::decode(&data), Some(expiries));
            assert!((0..data.len()).all(|end| Expiries::decode(&data[..end]).is_none()));
            assert_eq!(Expiries::decode(&[&data[..], b"x"].concat()), None);
        }
        let bytes = |count: u32, runs: &[u64]| {
            let numbers = runs.iter().flat_map(|number| number.to_be_bytes());
            count.to_be_bytes().into_iter().chain(numbers).collect::<Vec<u8>>()
        };
        assert_eq!(Expiries::decode(&bytes(2, &[1, 7, 1, 7])), None);
        assert_eq!(Expiries::decode(&bytes(1, &[0, 7])), None);
        assert_eq!(Expiries::decode(&bytes(u32::MAX, &[])), None);
    }

    #[test]
    fn numbers_only() {
        for (text, value) in [("0", 0), ("007", 7), ("+1", 1), ("-0", 0), ("315360000000", EXPIRATION_MAX)] {
            assert_eq!(parse_expiration(text.as_bytes()), Some(value));
        }
        for bad in
            ["", "+", "-", "++1", "-1", " 1", "1 ", "1.0", "315360000001", "99999999999999999999999", "x", "/", ":"]
        {
            assert_eq!(parse_expiration(bad.as_bytes()), None, "{bad}");
        }
    }
}
