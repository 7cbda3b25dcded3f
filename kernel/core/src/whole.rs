//! The usual message: its method, header and body frame lie together in what was received.

use crate::event::BASIC_PUBLISH;
use crate::frame::{self, BODY, ENVELOPE, HEADER, METHOD};
use crate::keys::Table;
use crate::properties;
use crate::row::{Row, Spot};

/// What a decoder accepts.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Payload bytes of a frame. RabbitMQ forgives the eight bytes of the envelope, so this is the frame_max itself.
    pub payload: u32,
    pub frame_max: u32,
    pub message: u64,
}

/// A message whose frames lie together at the front of some bytes.
pub struct Whole<'a> {
    pub names: &'a [u8],
    pub flags: u32,
    pub properties: &'a [u8],
    pub body: &'a [u8],
    /// Bytes of its frames.
    pub frames: usize,
}

impl<'a> Whole<'a> {
    #[inline]
    pub fn read(data: &'a [u8], channel: u16, limits: Limits) -> Option<Whole<'a>> {
        let method = frame::payload(data, METHOD, channel, limits.payload)?;
        let (id, arguments) = method.split_first_chunk::<4>()?;
        if u32::from_be_bytes(*id) != BASIC_PUBLISH {
            return None;
        }
        let (names, flags) = frame::publish(arguments)?;
        let mut frames = method.len() + ENVELOPE;
        let header = frame::payload(&data[frames..], HEADER, channel, limits.payload)?;
        let (size, properties) = frame::content_header(header)?;
        frames += header.len() + ENVELOPE;
        if size == 0 {
            return Some(Whole { names, flags, properties, body: &[], frames });
        }
        if size > limits.message {
            return None;
        }
        let body = frame::payload(&data[frames..], BODY, channel, limits.payload)?;
        if body.len() as u64 != size {
            return None;
        }
        frames += body.len() + ENVELOPE;
        Some(Whole { names, flags, properties, body, frames })
    }

    pub fn size(&self) -> usize {
        self.names.len() + self.properties.len() + self.body.len()
    }

    fn spot(&self, names: usize, content: usize) -> Spot {
        Spot {
            names: names as u32,
            names_len: self.names.len(),
            content: content as u32,
            properties_len: self.properties.len(),
            body_len: self.body.len(),
        }
    }
}

/// A message that may be stored: its properties are well formed, its key is known.
pub struct Checked<'a> {
    pub whole: Whole<'a>,
    features: u32,
    pub key: u32,
}

impl<'a> Checked<'a> {
    pub fn first(data: &'a [u8], channel: u16, limits: Limits, table: &mut Table) -> Option<Checked<'a>> {
        let whole = Whole::read(data, channel, limits)?;
        let features = properties::scan(whole.properties)?;
        let key = table.intern(whole.names, whole.flags, 0).ok()?;
        Some(Checked { whole, features, key })
    }

    /// The one behind it; most often it has the same properties and the same key.
    #[inline]
    pub fn next(&self, data: &'a [u8], channel: u16, limits: Limits, table: &mut Table) -> Option<Checked<'a>> {
        let whole = Whole::read(data, channel, limits)?;
        let (mut features, mut key) = (self.features, self.key);
        if whole.properties != self.whole.properties {
            features = properties::scan(whole.properties)?;
        }
        if whole.names != self.whole.names || whole.flags != self.whole.flags {
            key = table.intern(whole.names, whole.flags, key).ok()?;
        }
        Some(Checked { whole, features, key })
    }

    #[inline]
    pub fn row(&self, arena: u32, names: usize, content: usize) -> Row {
        Row::new(arena, &self.whole.spot(names, content), self.features | self.whole.flags)
    }
}
