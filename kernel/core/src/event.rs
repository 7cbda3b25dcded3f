//! What a decoder tells: batches, settlements, commands, the protocol header, violations.

use crate::batch::Batch;

/// class id << 16 | method id
pub const BASIC_PUBLISH: u32 = 60 << 16 | 40;
pub const BASIC_ACK: u32 = 60 << 16 | 80;
pub const BASIC_REJECT: u32 = 60 << 16 | 90;
pub const BASIC_NACK: u32 = 60 << 16 | 120;

pub const FRAME_ERROR: u16 = 501;
pub const SYNTAX_ERROR: u16 = 502;
pub const UNEXPECTED_FRAME: u16 = 505;
pub const PRECONDITION_FAILED: u16 = 406;
pub const RESOURCE_ERROR: u16 = 506;
pub const NOT_ALLOWED: u16 = 530;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Ack = 0,
    Requeue = 1,
    Reject = 2,
}

/// Acks, nacks or rejects of one method and kind that came one after the other on one channel.
#[derive(Clone, Debug)]
pub struct Settlement {
    pub channel: u16,
    pub kind: u8,
    pub method: u32,
    /// (delivery tag, multiple)
    pub items: Vec<(u64, bool)>,
}

/// A method frame that the decoder does not digest itself.
#[derive(Clone, Debug)]
pub struct Command {
    pub channel: u16,
    pub method: u32,
    pub arguments: Vec<u8>,
}

/// The peer broke the protocol.
#[derive(Clone, Debug)]
pub struct Violation {
    pub channel: u16,
    pub code: u16,
    pub text: String,
    /// The method it happened in: class id << 16 | method id, or 0.
    pub method: u32,
}

#[derive(Debug)]
pub enum Event {
    Batch(Batch),
    Settlement(Settlement),
    Command(Command),
    ProtocolHeader([u8; 8]),
    Violation(Violation),
}

impl Violation {
    /// A fault of the connection.
    pub(crate) fn hard(code: u16, method: u32, text: String) -> Violation {
        Violation { channel: 0, code, text, method }
    }

    pub(crate) fn frame_error(kind: u8, payload: &[u8], fault: &str) -> Violation {
        Violation::hard(FRAME_ERROR, 0, format!("{}: {fault}", describe(kind, payload)))
    }

    pub(crate) fn unexpected_frame(kind: u8, payload: &[u8]) -> Violation {
        Violation::hard(UNEXPECTED_FRAME, 0, describe(kind, payload))
    }

    pub(crate) fn unexpected(method: u32, text: &str) -> Violation {
        Violation::hard(UNEXPECTED_FRAME, method, text.to_owned())
    }

    /// `code`: FRAME_ERROR for arguments of a method, SYNTAX_ERROR for properties.
    pub(crate) fn undecodable(code: u16, method: u32, bytes: &[u8]) -> Violation {
        Violation::hard(code, method, format!("cannot decode {}", numbers(bytes)))
    }
}

/// Frame type and the beginning of its payload, as RabbitMQ words it.
fn describe(kind: u8, payload: &[u8]) -> String {
    match payload.get(..16) {
        Some(snippet) if payload.len() > 16 => format!("type {kind}, first 16 octets = {}", term(snippet)),
        _ => format!("type {kind}, all octets = {}", term(payload)),
    }
}

/// A binary as Erlang prints it with ~p: as a string if all of it is printable.
fn term(bytes: &[u8]) -> String {
    let printable = |byte: &u8| matches!(byte, 8..=13 | 27 | 32..=126);
    if bytes.is_empty() || !bytes.iter().all(printable) {
        return numbers(bytes);
    }
    let mut text = String::from("<<\"");
    for &byte in bytes {
        match byte {
            8 => text.push_str("\\b"),
            9 => text.push_str("\\t"),
            10 => text.push_str("\\n"),
            11 => text.push_str("\\v"),
            12 => text.push_str("\\f"),
            13 => text.push_str("\\r"),
            27 => text.push_str("\\e"),
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            _ => text.push(char::from(byte)),
        }
    }
    text + "\">>"
}

/// A binary as Erlang prints it with ~w; no more of it than fits into a reply text.
fn numbers(bytes: &[u8]) -> String {
    let shown: Vec<String> = bytes.iter().take(256).map(u8::to_string).collect();
    format!("<<{}>>", shown.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms() {
        assert_eq!(term(b""), "<<>>");
        assert_eq!(term(b"a\"b\n"), "<<\"a\\\"b\\n\">>");
        assert_eq!(term(&[0, 255]), "<<0,255>>");
        assert_eq!(describe(1, &[b'x'; 16]), "type 1, all octets = <<\"xxxxxxxxxxxxxxxx\">>");
        assert_eq!(describe(1, &[b'x'; 17]), "type 1, first 16 octets = <<\"xxxxxxxxxxxxxxxx\">>");
    }
}
