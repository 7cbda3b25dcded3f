//! A content whose frames did not come all at once: what one channel has of it.
//!
//! Grows by bytes received, never by the length that the peer announces.

use crate::event::{BASIC_PUBLISH, FRAME_ERROR, PRECONDITION_FAILED, SYNTAX_ERROR, UNEXPECTED_FRAME, Violation};
use crate::frame::{BODY, HEADER, METHOD, content_header};
use crate::properties;

/// No content may be larger, whatever is configured.
pub const MESSAGE_SIZE_HARD_MAX: u64 = 512 * 1024 * 1024;

const NO_HEADER: &str = "expected content header for class 60, got non content header frame instead";
const NO_BODY: &str = "expected content body, got non content body frame instead";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Header,
    Body { remaining: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It becomes a message.
    Keep,
    /// Too large: its frames are read and forgotten.
    Refused,
    /// Its channel was closed: likewise, and any method ends it.
    Discarded,
}

#[derive(Debug)]
pub struct Content {
    want: Want,
    fate: Fate,
    /// `[names][properties][body so far]`
    pub data: Vec<u8>,
    pub names_len: usize,
    pub properties_len: usize,
    pub features: u32,
}

/// What a frame did to a content.
pub enum Progress {
    /// More frames are to come.
    Partial,
    /// The message is complete.
    Complete,
    /// What was refused or discarded has come to its end.
    Forgotten,
    /// Forgotten, but the frame is of something new.
    Superseded,
    /// Goes on, but the peer has to be told.
    Refused(Violation),
    Broken(Violation),
}

impl Content {
    /// After basic.publish.
    pub fn new(names: &[u8], flags: u32) -> Content {
        Content {
            want: Want::Header,
            fate: Fate::Keep,
            data: names.to_vec(),
            names_len: names.len(),
            properties_len: 0,
            features: flags,
        }
    }

    /// Keep nothing of it; what of it is still to come is swallowed.
    pub fn discard(&mut self) {
        self.fate = Fate::Discarded;
        self.data = Vec::new();
    }

    pub fn frame(&mut self, kind: u8, payload: &[u8], max_message_size: u64) -> Progress {
        if kind == METHOD && self.fate == Fate::Discarded {
            return Progress::Superseded;
        }
        match self.want {
            Want::Header => self.header(kind, payload, max_message_size),
            Want::Body { remaining } => self.body(kind, payload, remaining),
        }
    }

    fn header(&mut self, kind: u8, payload: &[u8], max_message_size: u64) -> Progress {
        if kind != HEADER {
            return Progress::Broken(Violation::unexpected(BASIC_PUBLISH, NO_HEADER));
        }
        let Some((size, list)) = content_header(payload) else {
            return Progress::Broken(wrong_header(payload));
        };
        if size > MESSAGE_SIZE_HARD_MAX {
            let text = format!("content body size {size} exceeds maximum allowed size {MESSAGE_SIZE_HARD_MAX}");
            return Progress::Broken(Violation::hard(FRAME_ERROR, BASIC_PUBLISH, text));
        }
        let Some(features) = properties::scan(list) else {
            return Progress::Broken(Violation::undecodable(SYNTAX_ERROR, BASIC_PUBLISH, list));
        };
        if self.fate == Fate::Keep && size > max_message_size {
            self.fate = Fate::Refused;
            self.data = Vec::new();
            self.want = Want::Body { remaining: size };
            let text = format!("message size {size} is larger than configured max size {max_message_size}");
            return Progress::Refused(Violation { channel: 0, code: PRECONDITION_FAILED, text, method: BASIC_PUBLISH });
        }
        if self.fate == Fate::Keep {
            self.features |= features;
            self.properties_len = list.len();
            self.data.extend_from_slice(list);
        }
        self.advance(size)
    }

    fn body(&mut self, kind: u8, payload: &[u8], remaining: u64) -> Progress {
        if kind != BODY {
            return Progress::Broken(Violation::unexpected(BASIC_PUBLISH, NO_BODY));
        }
        let Some(remaining) = remaining.checked_sub(payload.len() as u64) else {
            let text = "content body frame exceeds remaining content size".to_owned();
            return Progress::Broken(Violation::hard(FRAME_ERROR, BASIC_PUBLISH, text));
        };
        if self.fate == Fate::Keep {
            self.grow(payload.len(), remaining);
            self.data.extend_from_slice(payload);
        }
        self.advance(remaining)
    }

    fn advance(&mut self, remaining: u64) -> Progress {
        if remaining > 0 {
            self.want = Want::Body { remaining };
            return Progress::Partial;
        }
        if self.fate == Fate::Keep { Progress::Complete } else { Progress::Forgotten }
    }

    /// Make room for `more` bytes: doubling, but never past what the whole content will need.
    fn grow(&mut self, more: usize, remaining: u64) {
        let needed = self.data.len() + more;
        if needed > self.data.capacity() {
            let whole = usize::try_from(remaining).unwrap_or(usize::MAX).saturating_add(needed);
            let capacity = (self.data.capacity() * 2).max(needed).min(whole);
            self.data.reserve_exact(capacity - self.data.len());
        }
    }
}

fn wrong_header(payload: &[u8]) -> Violation {
    let text = match payload.first_chunk::<4>() {
        Some(&[c0, c1, 0, 0]) => {
            let class = u16::from_be_bytes([c0, c1]);
            format!("expected content header for class 60, got one for class {class} instead")
        }
        _ => NO_HEADER.to_owned(),
    };
    Violation::hard(UNEXPECTED_FRAME, BASIC_PUBLISH, text)
}
