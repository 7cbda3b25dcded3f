//! Numbers (big-endian) and bytes from the front of a slice, which is shortened; None when it has too few.

pub(crate) fn take_u8(data: &mut &[u8]) -> Option<u8> {
    let (&octet, rest) = data.split_first()?;
    *data = rest;
    Some(octet)
}

pub(crate) fn take_u32(data: &mut &[u8]) -> Option<u32> {
    let (head, rest) = data.split_first_chunk::<4>()?;
    *data = rest;
    Some(u32::from_be_bytes(*head))
}

pub(crate) fn take_u64(data: &mut &[u8]) -> Option<u64> {
    let (head, rest) = data.split_first_chunk::<8>()?;
    *data = rest;
    Some(u64::from_be_bytes(*head))
}

/// `count` items of `size` bytes each, as they lie there.
pub(crate) fn take_items<'a>(data: &mut &'a [u8], count: u32, size: usize) -> Option<&'a [u8]> {
    let size = usize::try_from(count).ok()?.checked_mul(size)?;
    let (head, rest) = data.split_at_checked(size)?;
    *data = rest;
    Some(head)
}

/// Bytes behind their length.
pub(crate) fn take_bytes<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = take_u32(data)?;
    take_items(data, len, 1)
}
