//! Frames out: basic.deliver, basic.get-ok and basic.return with their contents.
//!
//! Each has two passes, the exact size first, then the bytes, so that the caller's buffer is the only one. A row's
//! lengths are in the row, so the first pass does not touch the arenas.
//!
//! ```text
//! [1 channel size  class method  arguments... CE][2 channel size  60 0 body-size  properties CE]([3 channel size  body CE])*
//! ```

use crate::batch::Batch;
use crate::extent::Extent;
use crate::frame::{BODY, CONTENT_HEAD_SIZE, ENVELOPE, FRAME_END, HEAD_SIZE, HEADER, METHOD};
use crate::row::Row;
use crate::selection::Selection;

const BASIC_RETURN: [u8; 4] = [0, 60, 0, 50];
const BASIC_DELIVER: [u8; 4] = [0, 60, 0, 60];
const BASIC_GET_OK: [u8; 4] = [0, 60, 0, 71];

/// Fills a buffer from front to back.
pub(crate) struct Sink<'a> {
    rest: &'a mut [u8],
}

impl<'a> Sink<'a> {
    pub fn new(out: &'a mut [u8]) -> Sink<'a> {
        Sink { rest: out }
    }

    #[inline(always)]
    pub fn put(&mut self, bytes: &[u8]) {
        let (head, rest) = std::mem::take(&mut self.rest).split_at_mut(bytes.len());
        head.copy_from_slice(bytes);
        self.rest = rest;
    }
}

/// Body bytes that one frame carries.
fn body_max(frame_max: u32) -> usize {
    if frame_max == 0 { usize::MAX } else { (frame_max as usize).saturating_sub(ENVELOPE).max(1) }
}

/// Bytes of the header and body frames of a row.
#[inline]
fn content_size(row: &Row, body_max: usize) -> usize {
    let body = row.body_len as usize;
    let frames = if body <= body_max { usize::from(body > 0) } else { body.div_ceil(body_max) };
    ENVELOPE + CONTENT_HEAD_SIZE + row.properties_len as usize + body + frames * ENVELOPE
}

/// What stands before the payload of a frame.
fn head(kind: u8, channel: u16, size: usize) -> [u8; HEAD_SIZE] {
    let ([c0, c1], [s0, s1, s2, s3]) = (channel.to_be_bytes(), (size as u32).to_be_bytes());
    [kind, c0, c1, s0, s1, s2, s3]
}

/// The end of the method frame, then the header and body frames of a row.
#[inline(always)]
fn put_content(sink: &mut Sink<'_>, row: &Row, data: &[u8], channel: u16, body_max: usize) {
    let [c0, c1] = channel.to_be_bytes();
    let [s0, s1, s2, s3] = (CONTENT_HEAD_SIZE as u32 + row.properties_len).to_be_bytes();
    let [b0, b1, b2, b3] = row.body_len.to_be_bytes();
    sink.put(&[FRAME_END, HEADER, c0, c1, s0, s1, s2, s3, 0, 60, 0, 0, 0, 0, 0, 0, b0, b1, b2, b3]);
    sink.put(row.properties(data));
    let body = row.body(data);
    if body.len() <= body_max {
        if !body.is_empty() {
            sink.put(&[FRAME_END, BODY, c0, c1, b0, b1, b2, b3]);
            sink.put(body);
        }
    } else {
        for part in body.chunks(body_max) {
            sink.put(&[FRAME_END]);
            sink.put(&head(BODY, channel, part.len()));
            sink.put(part);
        }
    }
    sink.put(&[FRAME_END]);
}

/// basic.deliver of some rows of an extent, all of them live.
pub struct Deliver<'a> {
    pub extent: &'a Extent,
    pub selection: &'a Selection,
    pub channel: u16,
    /// At most 255 bytes.
    pub consumer_tag: &'a [u8],
    pub first_tag: u64,
    pub frame_max: u32,
}

impl Deliver<'_> {
    /// Bytes of the method frame's payload without the names.
    fn fixed(&self) -> usize {
        4 + 1 + self.consumer_tag.len() + 8 + 1
    }

    fn for_each(&self, mut f: impl FnMut(u32, &Row)) {
        let rows = self.extent.rows();
        match self.selection.as_range() {
            Some((start, len)) => {
                (start..).zip(&rows[start as usize..][..len as usize]).for_each(|(index, row)| f(index, row));
            }
            None => self.selection.for_each(|index| f(index, &rows[index as usize])),
        }
    }

    pub fn size(&self) -> usize {
        let (body_max, method) = (body_max(self.frame_max), ENVELOPE + self.fixed());
        let mut size = 0;
        self.for_each(|_, row| size += method + row.names_len() + content_size(row, body_max));
        size
    }

    /// Fill `out`, which has the size that `size` gave.
    pub fn render(&self, out: &mut [u8]) {
        let (body_max, fixed) = (body_max(self.frame_max), self.fixed());
        let mut method = [&head(METHOD, self.channel, 0)[..], &BASIC_DELIVER].concat();
        method.push(self.consumer_tag.len() as u8);
        method.extend_from_slice(self.consumer_tag);
        let mut reader = self.extent.reader();
        let mut sink = Sink::new(out);
        let mut tag = self.first_tag;
        let mut names_len = usize::MAX;
        self.for_each(|index, row| {
            let data = reader.data(row);
            if row.names_len() != names_len {
                names_len = row.names_len();
                method[3..HEAD_SIZE].copy_from_slice(&((fixed + names_len) as u32).to_be_bytes());
            }
            sink.put(&method);
            let [t0, t1, t2, t3, t4, t5, t6, t7] = tag.to_be_bytes();
            sink.put(&[t0, t1, t2, t3, t4, t5, t6, t7, u8::from(self.extent.is_redelivered(index))]);
            sink.put(row.names(data));
            put_content(&mut sink, row, data, self.channel, body_max);
            tag = tag.wrapping_add(1);
        });
    }
}

/// basic.get-ok of one live row of an extent.
pub struct GetOk<'a> {
    pub extent: &'a Extent,
    pub row: u32,
    pub channel: u16,
    pub tag: u64,
    pub message_count: u32,
    pub frame_max: u32,
}

impl GetOk<'_> {
    pub fn size(&self) -> usize {
        let size = |row: &Row| ENVELOPE + 4 + 9 + row.names_len() + 4 + content_size(row, body_max(self.frame_max));
        self.extent.row(self.row).map_or(0, size)
    }

    /// Fill `out`, which has the size that `size` gave.
    pub fn render(&self, out: &mut [u8]) {
        let Some(row) = self.extent.row(self.row) else {
            return;
        };
        let mut reader = self.extent.reader();
        let data = reader.data(row);
        let mut sink = Sink::new(out);
        sink.put(&head(METHOD, self.channel, 4 + 9 + row.names_len() + 4));
        sink.put(&BASIC_GET_OK);
        sink.put(&self.tag.to_be_bytes());
        sink.put(&[u8::from(self.extent.is_redelivered(self.row))]);
        sink.put(row.names(data));
        sink.put(&self.message_count.to_be_bytes());
        put_content(&mut sink, row, data, self.channel, body_max(self.frame_max));
    }
}

/// basic.return of some rows of a batch.
pub struct Return<'a> {
    pub batch: &'a Batch,
    pub selection: &'a Selection,
    pub channel: u16,
    pub code: u16,
    /// At most 255 bytes.
    pub text: &'a [u8],
    pub frame_max: u32,
}

impl Return<'_> {
    fn fixed(&self) -> usize {
        4 + 2 + 1 + self.text.len()
    }

    pub fn size(&self) -> usize {
        let (body_max, method) = (body_max(self.frame_max), ENVELOPE + self.fixed());
        let mut size = 0;
        self.batch.for_each(Some(self.selection), |row| size += method + row.names_len() + content_size(row, body_max));
        size
    }

    /// Fill `out`, which has the size that `size` gave.
    pub fn render(&self, out: &mut [u8]) {
        let mut reader = self.batch.reader();
        let mut sink = Sink::new(out);
        self.batch.for_each(Some(self.selection), |row| {
            let data = reader.data(row);
            sink.put(&head(METHOD, self.channel, self.fixed() + row.names_len()));
            sink.put(&BASIC_RETURN);
            sink.put(&self.code.to_be_bytes());
            sink.put(&[self.text.len() as u8]);
            sink.put(self.text);
            sink.put(row.names(data));
            put_content(&mut sink, row, data, self.channel, body_max(self.frame_max));
        });
    }
}
