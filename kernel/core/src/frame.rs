//! Frames (spec 4.2.3): `[u8 type][u16 channel][u32 size][payload][0xCE]`, and the arguments of the methods that the
//! decoder digests.

use crate::event::{BASIC_ACK, BASIC_NACK, BASIC_REJECT, Kind};
use crate::properties::MANDATORY;

pub const METHOD: u8 = 1;
pub const HEADER: u8 = 2;
pub const BODY: u8 = 3;
pub const HEARTBEAT: u8 = 8;
pub const FRAME_END: u8 = 0xce;
/// Type, channel and size.
pub const HEAD_SIZE: usize = 7;
/// What a frame has around its payload.
pub const ENVELOPE: usize = HEAD_SIZE + 1;
/// Class id, weight and body size of a content header.
pub const CONTENT_HEAD_SIZE: usize = 12;

/// The first seven bytes of a frame.
#[derive(Clone, Copy)]
pub struct Head {
    pub kind: u8,
    pub channel: u16,
    pub size: u32,
}

impl Head {
    #[inline]
    pub fn read(data: &[u8]) -> Option<Head> {
        let &[kind, c0, c1, s0, s1, s2, s3] = data.first_chunk::<HEAD_SIZE>()?;
        let channel = u16::from_be_bytes([c0, c1]);
        Some(Head { kind, channel, size: u32::from_be_bytes([s0, s1, s2, s3]) })
    }

    /// Bytes of the whole frame.
    #[inline]
    pub fn total(&self) -> usize {
        self.size as usize + ENVELOPE
    }
}

/// The payload of a frame that lies complete, unbroken and within `limit` at the front, if it is of this kind and
/// channel.
#[inline]
pub fn payload(data: &[u8], kind: u8, channel: u16, limit: u32) -> Option<&[u8]> {
    let head = Head::read(data)?;
    if head.kind != kind || head.channel != channel || head.size > limit {
        return None;
    }
    let size = head.size as usize;
    let rest = data.get(HEAD_SIZE..)?;
    if *rest.get(size)? != FRAME_END {
        return None;
    }
    rest.get(..size)
}

/// Names (two shortstrs) and flags of basic.publish from its arguments.
#[inline]
pub fn publish(arguments: &[u8]) -> Option<(&[u8], u32)> {
    let mut rest = arguments.get(2..)?;
    let (names, bits) = take_names(&mut rest)?;
    rest.is_empty().then_some((names, u32::from(bits & 3) * MANDATORY))
}

/// Body size and properties of a content header for class basic with weight 0.
#[inline]
pub fn content_header(payload: &[u8]) -> Option<(u64, &[u8])> {
    let (head, properties) = payload.split_first_chunk::<CONTENT_HEAD_SIZE>()?;
    let &[0, 60, 0, 0, s0, s1, s2, s3, s4, s5, s6, s7] = head else {
        return None;
    };
    Some((u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]), properties))
}

/// Kind, delivery tag and `multiple` of an ack, nack or reject.
pub fn settlement(method: u32, arguments: &[u8]) -> Option<(Kind, u64, bool)> {
    let &[t0, t1, t2, t3, t4, t5, t6, t7, bits] = arguments else {
        return None;
    };
    let tag = u64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
    let unless = |requeue: bool| if requeue { Kind::Requeue } else { Kind::Reject };
    match method {
        BASIC_ACK => Some((Kind::Ack, tag, bits & 1 != 0)),
        BASIC_NACK => Some((unless(bits & 2 != 0), tag, bits & 1 != 0)),
        BASIC_REJECT => Some((unless(bits & 1 != 0), tag, false)),
        _ => None,
    }
}

/// Two shortstrs as they are, and the octet behind them.
pub(crate) fn take_names<'a>(data: &mut &'a [u8]) -> Option<(&'a [u8], u8)> {
    let exchange = usize::from(*data.first()?) + 1;
    let routing_key = usize::from(*data.get(exchange)?) + 1;
    let (names, rest) = data.split_at_checked(exchange + routing_key)?;
    let (&octet, rest) = rest.split_first()?;
    *data = rest;
    Some((names, octet))
}
