//! Bytes of one connection in, events out.
//!
//! Once the connection is open, every `push` decodes all complete frames straight from the caller's buffer: a message
//! is copied once, into an arena. Kept are only the bytes of the last, partial frame and contents that are not
//! complete. Messages whose three frames lie together take the fast way (`publish_run`); all else, and every fault,
//! goes frame by frame (`frame`), so that there is one place that judges.
//!
//! Which fault is which reply code, and its text, follows RabbitMQ's reader and command assembler.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::assembler::{Content, MESSAGE_SIZE_HARD_MAX, Progress};
use crate::batch::Batch;
use crate::event::{
    BASIC_ACK, BASIC_NACK, BASIC_PUBLISH, BASIC_REJECT, Command, Event, FRAME_ERROR, NOT_ALLOWED, RESOURCE_ERROR,
    Settlement, Violation,
};
use crate::frame::{self, BODY, CONTENT_HEAD_SIZE, ENVELOPE, FRAME_END, HEAD_SIZE, HEADER, HEARTBEAT, Head, METHOD};
use crate::keys::{Keys, are_text};
use crate::pool::Pool;
use crate::row::{Row, Spot};
use crate::turn::Turn;
use crate::whole::{Checked, Limits, Whole};

const NO_METHOD: &str = "expected method frame, got non method frame instead";

/// Messages that lie together after which more of them are expected: before, a read that goes from channel to channel
/// would reserve room for all its messages in the batch of each.
const LONG_RUN: usize = 8;
/// Rows that a batch reserves at most before it has them.
const RESERVE_MAX: usize = 8192;
/// Events that are kept room for while there are none.
const EVENTS_KEPT: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The protocol header is to come.
    Fresh,
    /// One frame per `next`.
    Handshake,
    Open,
    /// Broken or closed.
    Dead,
}

#[derive(Debug)]
pub struct Decoder {
    pool: Arc<Pool>,
    /// Made with the first message.
    keys: Option<Arc<Keys>>,
    limits: Limits,
    phase: Phase,
    /// A partial frame; before the connection is open, all that came and was not read yet.
    tail: Vec<u8>,
    /// Bytes of the tail that were read.
    tail_read: usize,
    events: VecDeque<Event>,
    /// By channel: contents that are not complete.
    contents: BTreeMap<u16, Content>,
    content_bytes: usize,
    /// So many may be incomplete at a time; 0: no bound.
    channel_max: u16,
    /// So many bytes incomplete contents may have together.
    partial_max: u64,
}

impl Decoder {
    pub fn new(pool: Arc<Pool>, frame_max: u32, max_message_size: u64, partial_max: u64) -> Decoder {
        let message = max_message_size.min(MESSAGE_SIZE_HARD_MAX);
        let mut decoder = Decoder {
            pool,
            keys: None,
            limits: Limits { payload: 0, frame_max, message },
            phase: Phase::Fresh,
            tail: Vec::new(),
            tail_read: 0,
            events: VecDeque::new(),
            contents: BTreeMap::new(),
            content_bytes: 0,
            channel_max: 0,
            partial_max,
        };
        decoder.limit(frame_max);
        decoder
    }

    fn limit(&mut self, frame_max: u32) {
        self.limits.frame_max = frame_max;
        // Whatever is negotiated, nothing that is legal comes in larger frames.
        let unlimited = MESSAGE_SIZE_HARD_MAX as u32;
        self.limits.payload = if frame_max == 0 { unlimited } else { frame_max.min(unlimited) };
    }

    /// Bytes of partial frames and partial contents.
    pub fn held_bytes(&self) -> usize {
        self.tail.len() - self.tail_read + self.content_bytes
    }

    pub fn push(&mut self, data: &[u8]) {
        match self.phase {
            Phase::Dead => {}
            Phase::Fresh | Phase::Handshake => {
                if self.tail_read > 0 {
                    self.tail.drain(..self.tail_read);
                    self.tail_read = 0;
                }
                self.tail.extend_from_slice(data);
            }
            Phase::Open => self.read(data),
        }
    }

    /// The next event, if there is one.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Event> {
        if self.events.is_empty() && matches!(self.phase, Phase::Fresh | Phase::Handshake) {
            self.step();
        }
        let event = self.events.pop_front();
        if self.events.is_empty() && self.events.capacity() > EVENTS_KEPT {
            self.events = VecDeque::new();
        }
        event
    }

    /// From here frames up to `frame_max` (0: no limit) are read as they come. At most `channel_max` (0: no limit)
    /// channels can have a content that is half received.
    pub fn open(&mut self, frame_max: u32, channel_max: u16) {
        if self.phase == Phase::Dead {
            return;
        }
        if self.phase == Phase::Fresh {
            self.step();
        }
        self.limit(frame_max);
        self.channel_max = channel_max;
        self.phase = Phase::Open;
        let stash = std::mem::take(&mut self.tail);
        let read = std::mem::take(&mut self.tail_read);
        self.read(&stash[read..]);
    }

    /// Drop everything, read nothing more.
    pub fn close(&mut self) {
        self.die();
        self.events = VecDeque::new();
    }

    /// Swallow what is still to come of a content that is half received on this channel.
    pub fn discard_channel(&mut self, channel: u16) {
        if let Some(content) = self.contents.get_mut(&channel) {
            self.content_bytes -= content.data.len();
            content.discard();
        }
    }

    fn die(&mut self) {
        self.phase = Phase::Dead;
        self.tail = Vec::new();
        self.tail_read = 0;
        self.contents = BTreeMap::new();
        self.content_bytes = 0;
        self.keys = None;
    }

    fn violate(&mut self, violation: Violation) {
        self.events.push_back(Event::Violation(violation));
        self.die();
    }

    fn too_large(&mut self, head: Head) -> bool {
        if head.size <= self.limits.payload {
            return false;
        }
        let max = self.limits.frame_max.saturating_sub(ENVELOPE as u32);
        let fault = format!("{{frame_too_large,{},{max}}}", head.size);
        self.violate(Violation::frame_error(head.kind, &[], &fault));
        true
    }

    /// Before the connection is open: read frames until there is one event.
    fn step(&mut self) {
        if self.phase == Phase::Fresh {
            let Some(header) = self.tail.first_chunk::<8>() else {
                return;
            };
            self.events.push_back(Event::ProtocolHeader(*header));
            self.tail_read = 8;
            self.phase = Phase::Handshake;
        }
        while self.events.is_empty() && self.phase == Phase::Handshake {
            let Some(head) = Head::read(&self.tail[self.tail_read..]) else {
                break;
            };
            if self.too_large(head) || self.tail.len() - self.tail_read < head.total() {
                break;
            }
            let tail = std::mem::take(&mut self.tail);
            let read = self.tail_read;
            self.frames(&tail[read..read + head.total()], &mut Turn::default());
            if self.phase != Phase::Dead {
                self.tail = tail;
                self.tail_read = read + head.total();
            }
        }
        let rest = &self.tail[self.tail_read..];
        if self.tail.capacity() > 2 * rest.len() {
            // A peer that goes no further than this should not keep the memory of all that it sent.
            self.tail = rest.to_vec();
            self.tail_read = 0;
        }
    }

    /// All that came in one push. What stays here until more comes is bounded, whether its channels are open or not:
    /// the session does not hear of contents before they are complete.
    fn read(&mut self, data: &[u8]) {
        self.feed(data);
        let (count, max) = (self.contents.len(), self.channel_max);
        if max > 0 && count > max.into() {
            let text = format!("number of channels opened ({max}) has reached the negotiated channel_max ({max})");
            self.violate(Violation::hard(NOT_ALLOWED, 0, text));
        } else if self.content_bytes as u64 > self.partial_max {
            let max = self.partial_max;
            let text = format!("{count} incomplete messages take more than {max} bytes");
            self.violate(Violation::hard(RESOURCE_ERROR, 0, text));
        }
    }

    fn feed(&mut self, mut data: &[u8]) {
        if self.keys.as_ref().is_some_and(|keys| keys.is_full()) {
            self.keys = None;
        }
        let mut turn = Turn::default();
        if !self.tail.is_empty() {
            let Some(rest) = self.complete_tail(data) else {
                return;
            };
            data = rest;
            let mut frame = std::mem::take(&mut self.tail);
            self.frames(&frame, &mut turn);
            // The rest of this push may leave a tail again.
            frame.clear();
            self.tail = frame;
        }
        let read = self.frames(data, &mut turn);
        if self.phase == Phase::Dead || read == data.len() {
            self.tail = Vec::new();
        } else {
            let rest = &data[read..];
            if self.tail.capacity() > 2 * rest.len() {
                self.tail = Vec::new();
            }
            self.tail.extend_from_slice(rest);
        }
    }

    /// Add to the tail until it is one whole frame; what is left of the data then.
    fn complete_tail<'a>(&mut self, data: &'a [u8]) -> Option<&'a [u8]> {
        let needed = HEAD_SIZE.saturating_sub(self.tail.len()).min(data.len());
        let (head, data) = data.split_at(needed);
        self.tail.extend_from_slice(head);
        let head = Head::read(&self.tail)?;
        if self.too_large(head) {
            return None;
        }
        let needed = head.total() - self.tail.len();
        let (payload, rest) = data.split_at(needed.min(data.len()));
        self.tail.extend_from_slice(payload);
        (payload.len() == needed).then_some(rest)
    }

    /// Read complete frames; how many bytes they were.
    fn frames(&mut self, data: &[u8], turn: &mut Turn) -> usize {
        let mut at = 0;
        while self.phase != Phase::Dead {
            let rest = &data[at..];
            let Some(head) = Head::read(rest) else {
                break;
            };
            if self.too_large(head) {
                break;
            }
            let size = head.size as usize;
            let Some(&end) = rest.get(HEAD_SIZE + size) else {
                break;
            };
            let payload = &rest[HEAD_SIZE..HEAD_SIZE + size];
            if end != FRAME_END {
                let fault = format!("{{invalid_frame_end_marker,{end}}}");
                self.violate(Violation::frame_error(head.kind, payload, &fault));
                break;
            }
            let publish = head.kind == METHOD && payload.first_chunk::<4>() == Some(&BASIC_PUBLISH.to_be_bytes());
            let read = if publish && head.channel != 0 { self.publish_run(rest, head.channel, turn) } else { 0 };
            if read == 0 {
                self.frame(head, payload, turn);
                at += head.total();
            } else {
                at += read;
            }
        }
        at
    }

    /// Read messages that lie together from the front, as far as they are on this channel and there is nothing to
    /// object to; how many bytes they were.
    fn publish_run(&mut self, data: &[u8], channel: u16, turn: &mut Turn) -> usize {
        if self.phase != Phase::Open || self.contents.contains_key(&channel) {
            return 0;
        }
        let limits = self.limits;
        let keys = Arc::clone(self.keys.get_or_insert_default());
        let mut table = keys.lock();
        let Some(mut message) = Checked::first(data, channel, limits, &mut table) else {
            return 0;
        };
        let batch = open_batch(&mut self.events, turn, channel, &keys);
        let mut at = 0;
        let mut run = 0;
        loop {
            let Whole { names, properties, body, .. } = message.whole;
            if self.pool.is_large(message.whole.size()) {
                let arena = batch.arena(&self.pool.own([names, properties, body].concat()));
                batch.push(message.row(arena, 0, names.len()), message.key);
                at += message.whole.frames;
                match message.next(&data[at..], channel, limits, &mut table) {
                    Some(next) => message = next,
                    None => return at,
                }
                continue;
            }
            // As many as go into one arena. Names are written once for those that share them.
            let arena = self.pool.chunk(message.whole.size());
            let number = batch.arena(&arena);
            let mut memory = arena.write();
            let mut writer = memory.writer();
            let mut names_at = usize::MAX;
            loop {
                let whole = &message.whole;
                let size = whole.size();
                if self.pool.is_large(size) || size > writer.room() {
                    break;
                }
                if names_at == usize::MAX {
                    names_at = writer.len();
                    writer.put(whole.names);
                }
                let content = writer.len();
                writer.put(whole.properties);
                writer.put(whole.body);
                batch.push(message.row(number, names_at, content), message.key);
                at += whole.frames;
                let Some(next) = message.next(&data[at..], channel, limits, &mut table) else {
                    return at;
                };
                if next.key != message.key {
                    names_at = usize::MAX;
                }
                run += 1;
                if run == LONG_RUN {
                    expect_more(batch, (data.len() - at) / next.whole.frames);
                }
                message = next;
            }
        }
    }

    /// One frame, whatever it is.
    fn frame(&mut self, head: Head, payload: &[u8], turn: &mut Turn) {
        let Head { kind, channel, .. } = head;
        if channel != 0 && self.phase != Phase::Open {
            return self.violate(Violation::unexpected_frame(kind, payload));
        }
        let well_formed = match kind {
            METHOD => payload.len() >= 4,
            HEADER => payload.len() >= CONTENT_HEAD_SIZE,
            BODY => true,
            HEARTBEAT => payload.is_empty(),
            _ => false,
        };
        if !well_formed {
            return self.violate(Violation::frame_error(kind, payload, "unknown_frame"));
        }
        match (channel, kind) {
            (0, HEARTBEAT) => {}
            (0, METHOD) => self.command(channel, payload, turn),
            (0, _) | (_, HEARTBEAT) => self.violate(Violation::unexpected_frame(kind, payload)),
            _ => self.channel_frame(kind, channel, payload, turn),
        }
    }

    fn channel_frame(&mut self, kind: u8, channel: u16, payload: &[u8], turn: &mut Turn) {
        let Some(content) = self.contents.get_mut(&channel) else {
            return match kind {
                METHOD => self.method(channel, payload, turn),
                _ => self.violate(Violation::unexpected(0, NO_METHOD)),
            };
        };
        let before = content.data.len();
        let progress = content.frame(kind, payload, self.limits.message);
        self.content_bytes = self.content_bytes - before + content.data.len();
        match progress {
            Progress::Partial => {}
            Progress::Complete => self.complete(channel, turn),
            Progress::Forgotten => {
                self.contents.remove(&channel);
            }
            Progress::Superseded => {
                self.contents.remove(&channel);
                self.method(channel, payload, turn);
            }
            Progress::Refused(mut violation) => {
                violation.channel = channel;
                turn.close(channel);
                self.events.push_back(Event::Violation(violation));
            }
            Progress::Broken(violation) => self.violate(violation),
        }
    }

    fn method(&mut self, channel: u16, payload: &[u8], turn: &mut Turn) {
        let Some((id, arguments)) = payload.split_first_chunk::<4>() else {
            return;
        };
        let id = u32::from_be_bytes(*id);
        match id {
            BASIC_PUBLISH => {
                let Some((names, flags)) = frame::publish(arguments) else {
                    return self.violate(Violation::undecodable(FRAME_ERROR, id, arguments));
                };
                if !are_text(names) {
                    let text = "Malformed UTF-8 in shortstr".to_owned();
                    return self.violate(Violation::hard(FRAME_ERROR, id, text));
                }
                self.content_bytes += names.len();
                self.contents.insert(channel, Content::new(names, flags));
            }
            BASIC_ACK | BASIC_NACK | BASIC_REJECT => self.settle(channel, id, arguments, turn),
            _ => self.command(channel, payload, turn),
        }
    }

    fn command(&mut self, channel: u16, payload: &[u8], turn: &mut Turn) {
        if let Some((id, arguments)) = payload.split_first_chunk::<4>() {
            turn.close(channel);
            let command = Command { channel, method: u32::from_be_bytes(*id), arguments: arguments.to_vec() };
            self.events.push_back(Event::Command(command));
        }
    }

    fn settle(&mut self, channel: u16, method: u32, arguments: &[u8], turn: &mut Turn) {
        let Some((kind, tag, multiple)) = frame::settlement(method, arguments) else {
            return self.violate(Violation::undecodable(FRAME_ERROR, method, arguments));
        };
        let kind = kind as u8;
        if let Some(Event::Settlement(open)) = turn.get(channel).and_then(|event| self.events.get_mut(event)) {
            if open.method == method && open.kind == kind {
                return open.items.push((tag, multiple));
            }
        }
        turn.set(channel, self.events.len());
        let items = vec![(tag, multiple)];
        self.events.push_back(Event::Settlement(Settlement { channel, kind, method, items }));
    }

    /// The content on this channel has all its bytes.
    fn complete(&mut self, channel: u16, turn: &mut Turn) {
        let Some(content) = self.contents.remove(&channel) else {
            return;
        };
        self.content_bytes -= content.data.len();
        let Content { data, names_len, properties_len, features, .. } = content;
        let keys = Arc::clone(self.keys.get_or_insert_default());
        let interned = keys.lock().intern(&data[..names_len], features, 0);
        let Ok(key) = interned else {
            return;
        };
        let mut spot =
            Spot { names: 0, names_len, content: 0, properties_len, body_len: data.len() - names_len - properties_len };
        let arena = if self.pool.is_large(data.len()) {
            self.pool.own(data)
        } else {
            let place = self.pool.store(&[&data]);
            spot.names = place.start;
            place.arena
        };
        spot.content = spot.names + names_len as u32;
        let batch = open_batch(&mut self.events, turn, channel, &keys);
        let arena = batch.arena(&arena);
        batch.push(Row::new(arena, &spot, features), key);
    }
}

/// Room for so many more rows. Not worth a place in the loop that calls it once.
#[cold]
#[inline(never)]
fn expect_more(batch: &mut Batch, rows: usize) {
    batch.reserve(rows.min(RESERVE_MAX));
}

/// The batch of this push that a channel adds to; a new one if something else came in between.
fn open_batch<'a>(events: &'a mut VecDeque<Event>, turn: &mut Turn, channel: u16, keys: &Arc<Keys>) -> &'a mut Batch {
    let open = turn.get(channel).filter(|event| matches!(events.get(*event), Some(Event::Batch(_))));
    let event = open.unwrap_or_else(|| {
        turn.set(channel, events.len());
        events.push_back(Event::Batch(Batch::new(channel, Arc::clone(keys))));
        events.len() - 1
    });
    match &mut events[event] {
        Event::Batch(batch) => batch,
        _ => unreachable!("it was looked at above"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
        let size = (payload.len() as u32).to_be_bytes();
        [&[kind], &channel.to_be_bytes()[..], &size, payload, &[FRAME_END]].concat()
    }

    /// An empty message.
    fn message(channel: u16) -> Vec<u8> {
        let method = frame(METHOD, channel, &[0, 60, 0, 40, 0, 0, 0, 1, b'q', 0]);
        [method, frame(HEADER, channel, &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])].concat()
    }

    fn opened() -> Decoder {
        let mut decoder = Decoder::new(Arc::new(Pool::new(65536)), 8192, 1 << 20, 1 << 28);
        decoder.push(b"AMQP\0\0\x09\x01");
        decoder.next();
        decoder.open(131_072, 0);
        decoder
    }

    #[test]
    fn messages_of_many_channels_reserve_no_room_for_each_other() {
        let mut decoder = opened();
        let data: Vec<u8> = (0..6000).flat_map(|number| message(1 + number % 3000)).collect();
        decoder.push(&data);
        let mut room = 0;
        while let Some(Event::Batch(batch)) = decoder.next() {
            assert_eq!(batch.len(), 2);
            room += batch.capacity();
        }
        assert!((6000..20_000).contains(&room), "{room}");
    }

    #[test]
    fn before_the_connection_is_open_little_is_kept_of_what_was_read() {
        let mut decoder = Decoder::new(Arc::new(Pool::new(65536)), 8192, 1 << 20, 1 << 28);
        decoder.push(b"AMQP\0\0\x09\x01");
        decoder.push(&frame(HEARTBEAT, 0, &[]).repeat(10_000));
        decoder.push(&frame(METHOD, 0, &[0, 10, 0, 11])[..9]);
        assert!(matches!(decoder.next(), Some(Event::ProtocolHeader(_))));
        assert!(decoder.next().is_none());
        assert_eq!(decoder.held_bytes(), 9);
        assert!(decoder.tail.capacity() < 100);
        decoder.push(&frame(METHOD, 0, &[0, 10, 0, 11])[9..]);
        assert!(matches!(decoder.next(), Some(Event::Command(_))));
    }
}
