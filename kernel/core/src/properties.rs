//! Properties of basic contents (spec 4.2.6.1) and field tables (4.2.5), looked at as bytes.
//!
//! `scan` checks that a property list is well formed to its last byte and says which features it has, so that
//! everything stored can be walked later without checking again. Nothing is decoded here.
//!
//! The list: flag words (bit 15 first; bit 0: another word follows), then the values of the properties that are set.

use std::ops::Range;

/// delivery-mode = 2.
pub const PERSISTENT: u32 = 1;
pub const HEADERS: u32 = 2;
pub const EXPIRATION: u32 = 4;
pub const PRIORITY: u32 = 8;
pub const USER_ID: u32 = 16;
pub const REPLY_TO: u32 = 32;
/// The headers table has the key CC or BCC.
pub const CC: u32 = 64;
pub const MANDATORY: u32 = 128;
pub const IMMEDIATE: u32 = 256;

/// Tables and arrays nested deeper than this are refused; the headers table itself is the first level.
pub const TABLE_DEPTH_MAX: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Shortstr,
    Octet,
    Table,
    Timestamp,
}

/// The properties in the order of their flag bits, from bit 15 down.
const PROPERTIES: [(&str, Form); 14] = [
    ("content_type", Form::Shortstr),
    ("content_encoding", Form::Shortstr),
    ("headers", Form::Table),
    ("delivery_mode", Form::Octet),
    ("priority", Form::Octet),
    ("correlation_id", Form::Shortstr),
    ("reply_to", Form::Shortstr),
    ("expiration", Form::Shortstr),
    ("message_id", Form::Shortstr),
    ("timestamp", Form::Timestamp),
    ("type", Form::Shortstr),
    ("user_id", Form::Shortstr),
    ("app_id", Form::Shortstr),
    ("cluster_id", Form::Shortstr),
];
const DELIVERY_MODE: u16 = 1 << 12;
/// Flag bit and feature of the properties that are features by being there.
const PRESENT: [(u16, u32); 5] =
    [(1 << 13, HEADERS), (1 << 11, PRIORITY), (1 << 9, REPLY_TO), (1 << 8, EXPIRATION), (1 << 4, USER_ID)];

/// Take `len` bytes from the front.
fn take<'a>(data: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, rest) = data.split_at_checked(len)?;
    *data = rest;
    Some(head)
}

fn take_octet(data: &mut &[u8]) -> Option<u8> {
    take(data, 1).map(|byte| byte[0])
}

fn take_u16(data: &mut &[u8]) -> Option<u16> {
    take(data, 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}

fn take_shortstr<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = take_octet(data)?;
    take(data, len.into())
}

fn take_longstr<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = take(data, 4)?;
    let len = u32::from_be_bytes([len[0], len[1], len[2], len[3]]);
    take(data, usize::try_from(len).ok()?)
}

/// The value of a field behind its type tag. Does not look into tables and arrays.
fn take_value<'a>(data: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let whole = *data;
    match tag {
        b'V' => take(data, 0)?,
        b't' | b'b' | b'B' => take(data, 1)?,
        b's' | b'u' => take(data, 2)?,
        b'I' | b'i' | b'f' => take(data, 4)?,
        b'D' => take(data, 5)?,
        b'l' | b'L' | b'd' | b'T' => take(data, 8)?,
        b'S' | b'A' | b'F' | b'x' => take_longstr(data)?,
        _ => return None,
    };
    Some(&whole[..whole.len() - data.len()])
}

/// Check a table (without its length bytes), or the fields of an array, and all that is nested in it.
fn check_fields(mut data: &[u8], named: bool, depth: usize) -> Option<()> {
    if depth > TABLE_DEPTH_MAX {
        return None;
    }
    while !data.is_empty() {
        if named {
            take_shortstr(&mut data)?;
        }
        let tag = take_octet(&mut data)?;
        let value = take_value(&mut data, tag)?;
        if tag == b'F' || tag == b'A' {
            check_fields(&value[4..], tag == b'F', depth + 1)?;
        }
    }
    Some(())
}

/// None unless these are the fields of a headers table.
pub(crate) fn check_table(data: &[u8]) -> Option<()> {
    check_fields(data, true, 1)
}

/// The fields of a checked table: name, and all of the field with it.
pub(crate) fn entries(mut data: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let whole = data;
        let name = take_shortstr(&mut data)?;
        let tag = take_octet(&mut data)?;
        take_value(&mut data, tag)?;
        Some((name, &whole[..whole.len() - data.len()]))
    })
}

/// The fields of a checked table: name, raw field (type tag and value).
fn fields(mut data: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let name = take_shortstr(&mut data)?;
        let whole = data;
        let tag = take_octet(&mut data)?;
        take_value(&mut data, tag)?;
        Some((name, &whole[..whole.len() - data.len()]))
    })
}

/// The first flag word; the list begins behind the last one. None if there are flags of unknown properties.
fn take_flags(data: &mut &[u8]) -> Option<u16> {
    let first = take_u16(data)?;
    let mut word = first;
    if word & 2 != 0 {
        return None;
    }
    while word & 1 != 0 {
        word = take_u16(data)?;
        if word & !1 != 0 {
            return None;
        }
    }
    Some(first)
}

/// What features a property list (with its flags) has, or None if it is malformed.
pub fn scan(properties: &[u8]) -> Option<u32> {
    let mut data = properties;
    let flags = take_flags(&mut data)?;
    let mut features = 0;
    if flags & !(DELIVERY_MODE | 1) == 0 {
        // Nothing, or just the delivery mode: by far the most frequent ones.
        if flags & DELIVERY_MODE != 0 && take_octet(&mut data)? == 2 {
            features = PERSISTENT;
        }
        return data.is_empty().then_some(features);
    }
    for (flag, feature) in PRESENT {
        if flags & flag != 0 {
            features |= feature;
        }
    }
    for (index, (_, form)) in PROPERTIES.iter().enumerate() {
        let flag = 0x8000 >> index;
        if flags & flag == 0 {
            continue;
        }
        match form {
            Form::Shortstr => {
                take_shortstr(&mut data)?;
            }
            Form::Octet => {
                if take_octet(&mut data)? == 2 && flag == DELIVERY_MODE {
                    features |= PERSISTENT;
                }
            }
            Form::Timestamp => {
                take(&mut data, 8)?;
            }
            Form::Table => {
                let table = take_longstr(&mut data)?;
                check_fields(table, true, 1)?;
                if fields(table).any(|(name, _)| name == b"CC" || name == b"BCC") {
                    features |= CC;
                }
            }
        }
    }
    data.is_empty().then_some(features)
}

/// Which property a name means; hyphens count as underscores.
pub fn property_index(name: &str) -> Option<usize> {
    let name = name.replace('-', "_");
    PROPERTIES.iter().position(|(known, _)| *known == name)
}

/// `headers` in `property_index`.
pub const HEADERS_INDEX: usize = 2;
/// `reply_to` there.
const REPLY_TO_INDEX: usize = 6;
/// `expiration` there.
pub const EXPIRATION_INDEX: usize = 7;

/// The value of a property; strings and tables without their length bytes.
fn take_property<'a>(data: &mut &'a [u8], form: Form) -> Option<&'a [u8]> {
    match form {
        Form::Shortstr => take_shortstr(data),
        Form::Octet => take(data, 1),
        Form::Timestamp => take(data, 8),
        Form::Table => take_longstr(data),
    }
}

/// The raw value of a property of a checked list: strings and tables without their length bytes.
pub fn property(properties: &[u8], wanted: usize) -> Option<&[u8]> {
    let mut data = properties;
    let flags = take_flags(&mut data)?;
    if flags & (0x8000 >> wanted) == 0 {
        return None;
    }
    for (index, (_, form)) in PROPERTIES.iter().enumerate() {
        if flags & (0x8000 >> index) == 0 {
            continue;
        }
        let value = take_property(&mut data, *form)?;
        if index == wanted {
            return Some(value);
        }
    }
    None
}

/// A checked list, cut where headers, `reply_to` and expiration are or would be.
pub(crate) struct Cut<'a> {
    pub flags: &'a [u8],
    pub before: &'a [u8],
    /// Without its length, as are `reply_to` and `expiration`.
    pub headers: Option<&'a [u8]>,
    pub between: &'a [u8],
    pub reply_to: Option<&'a [u8]>,
    pub expiration: Option<&'a [u8]>,
    pub after: &'a [u8],
}

pub(crate) fn cut(properties: &[u8]) -> Option<Cut<'_>> {
    let mut data = properties;
    let flags = take_flags(&mut data)?;
    let words = &properties[..properties.len() - data.len()];
    let has = |index: usize| flags & (0x8000 >> index) != 0;
    let before = take_all(&mut data, 0..HEADERS_INDEX, has)?;
    let headers = if has(HEADERS_INDEX) { Some(take_longstr(&mut data)?) } else { None };
    let between = take_all(&mut data, HEADERS_INDEX + 1..REPLY_TO_INDEX, has)?;
    let reply_to = if has(REPLY_TO_INDEX) { Some(take_shortstr(&mut data)?) } else { None };
    let expiration = if has(EXPIRATION_INDEX) { Some(take_shortstr(&mut data)?) } else { None };
    Some(Cut { flags: words, before, headers, between, reply_to, expiration, after: data })
}

/// The bytes of those of some properties that are there.
fn take_all<'a>(data: &mut &'a [u8], indices: Range<usize>, has: impl Fn(usize) -> bool) -> Option<&'a [u8]> {
    let whole = *data;
    for index in indices.filter(|&index| has(index)) {
        take_property(data, PROPERTIES[index].1)?;
    }
    Some(&whole[..whole.len() - data.len()])
}

/// Say at the begin of a list whether it has headers, `reply_to` and an expiration.
pub(crate) fn set_flags(list: &mut [u8], headers: bool, reply_to: bool, expiration: bool) {
    for (index, there) in [(HEADERS_INDEX, headers), (REPLY_TO_INDEX, reply_to), (EXPIRATION_INDEX, expiration)] {
        let flag = 0x80 >> (index % 8);
        let octet = &mut list[index / 8];
        *octet = if there { *octet | flag } else { *octet & !flag };
    }
}

/// The raw field (type tag and value) of a header of a checked list.
pub fn header<'a>(properties: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let table = property(properties, HEADERS_INDEX)?;
    fields(table).find(|(field, _)| *field == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> Vec<u8> {
        let mut table = Vec::new();
        for _ in 1..depth {
            let mut outer = vec![1, b'a', b'F'];
            outer.extend((table.len() as u32).to_be_bytes());
            outer.extend(&table);
            table = outer;
        }
        let mut list = vec![0x20, 0];
        list.extend((table.len() as u32).to_be_bytes());
        list.extend(table);
        list
    }

    #[test]
    fn features_of_lists() {
        assert_eq!(scan(&[0, 0]), Some(0));
        assert_eq!(scan(&[0x10, 0, 2]), Some(PERSISTENT));
        assert_eq!(scan(&[0x10, 0, 1]), Some(0));
        assert_eq!(scan(&[0x18, 0, 1, 2]), Some(PRIORITY));
        assert_eq!(scan(&[0x01, 0, 1, b'9']), Some(EXPIRATION));
        assert_eq!(scan(&[0, 1, 0, 1, 0, 0]), Some(0));
        let cc = [0x20, 0, 0, 0, 0, 8, 2, b'C', b'C', b'A', 0, 0, 0, 0];
        assert_eq!(scan(&cc), Some(HEADERS | CC));
        assert_eq!(header(&cc, b"CC"), Some(&[b'A', 0, 0, 0, 0][..]));
        assert_eq!(header(&cc, b"BCC"), None);
        assert_eq!(property(&[0x88, 0, 1, b'x', 7], 4), Some(&[7][..]));
    }

    #[test]
    fn malformed_lists() {
        for bad in [
            &[][..],
            &[0],
            &[0, 0, 0],
            &[0, 2],
            &[0, 1],
            &[0, 1, 0, 2],
            &[0x10, 0],
            &[0x80, 0, 2, 1],
            &[0x20, 0, 0xff, 0xff, 0xff, 0xff],
            &[0x20, 0, 0, 0, 0, 3, 1, b'a', b'?'],
            &[0x20, 0, 0, 0, 0, 4, 1, b'a', b's', 0],
        ] {
            assert_eq!(scan(bad), None, "{bad:?}");
        }
        assert!(scan(&nested(TABLE_DEPTH_MAX)).is_some());
        assert!(scan(&nested(TABLE_DEPTH_MAX + 1)).is_none());
        assert!(scan(&nested(5000)).is_none());
    }
}
