//! The decoder from outside: however a stream is cut, the same messages come out; and back onto the wire.

use std::sync::Arc;

use leveret_core::decoder::Decoder;
use leveret_core::event::{BASIC_ACK, BASIC_PUBLISH, Event};
use leveret_core::extent::Extent;
use leveret_core::pool::Pool;
use leveret_core::render::Deliver;

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend(channel.to_be_bytes());
    frame.extend((payload.len() as u32).to_be_bytes());
    frame.extend(payload);
    frame.push(0xce);
    frame
}

/// A message to the default exchange, its body in frames of `part` bytes.
fn publish(channel: u16, routing_key: &str, body: &[u8], part: usize) -> Vec<u8> {
    let mut method = BASIC_PUBLISH.to_be_bytes().to_vec();
    method.extend([0, 0, 0, routing_key.len() as u8]);
    method.extend(routing_key.as_bytes());
    method.push(0);
    let mut header = vec![0, 60, 0, 0];
    header.extend((body.len() as u64).to_be_bytes());
    header.extend([0x10, 0, 2]);
    let mut frames = [frame(1, channel, &method), frame(2, channel, &header)].concat();
    body.chunks(part).for_each(|part| frames.extend(frame(3, channel, part)));
    frames
}

fn ack(channel: u16, tag: u64) -> Vec<u8> {
    let mut method = BASIC_ACK.to_be_bytes().to_vec();
    method.extend(tag.to_be_bytes());
    method.push(0);
    frame(1, channel, &method)
}

fn opened(pool: &Arc<Pool>) -> Decoder {
    let mut decoder = Decoder::new(Arc::clone(pool), 8192, 1 << 20, 1 << 28);
    decoder.push(b"AMQP\0\0\x09\x01");
    assert!(matches!(decoder.next(), Some(Event::ProtocolHeader(_))));
    decoder.open(131_072, 0);
    decoder
}

/// What came on each channel, and what went wrong.
fn told(decoder: &mut Decoder) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(event) = decoder.next() {
        match event {
            Event::Batch(batch) => told.extend((0..batch.len()).filter_map(|row| batch.message(row)).map(|message| {
                let (key, body) = (String::from_utf8_lossy(message.routing_key()), message.body());
                format!("{} {key} {} {:?}", batch.channel, body.len(), body.first())
            })),
            Event::Settlement(settlement) => {
                told.extend(settlement.items.iter().map(|(tag, _)| format!("{} ack {tag}", settlement.channel)));
            }
            Event::Violation(violation) => told.push(format!("{} {}", violation.code, violation.text)),
            _ => told.push("?".into()),
        }
    }
    told
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let stream = [
        publish(1, "a", b"one", 9),
        publish(1, "b", b"", 9),
        publish(2, "a", &[7; 50], 20),
        ack(1, 5),
        ack(1, 6),
        publish(1, "a", &[8; 3000], 1000),
        frame(8, 0, b""),
        frame(3, 1, b"x"),
    ]
    .concat();
    let mut whole = Vec::new();
    for size in [stream.len(), 1, 2, 7, 61, 1000] {
        let pool = Arc::new(Pool::new(4096));
        let mut decoder = opened(&pool);
        let mut found = Vec::new();
        for part in stream.chunks(size) {
            decoder.push(part);
            found.extend(told(&mut decoder));
        }
        found.sort();
        if whole.is_empty() {
            whole = found.clone();
            assert_eq!(whole.len(), 7);
            assert!(whole.contains(&"505 expected method frame, got non method frame instead".to_owned()));
        }
        assert_eq!(found, whole, "cut into {size}");
        assert_eq!((decoder.held_bytes(), pool.allocated()), (0, 0));
    }
}

#[test]
fn interleaved_channels_stay_one_batch_each() {
    let pool = Arc::new(Pool::new(4096));
    let mut decoder = opened(&pool);
    let turn = [publish(1, "a", b"x", 9), publish(2, "a", b"y", 9)].concat();
    decoder.push(&turn.repeat(3));
    decoder.push(&turn);
    let mut sizes = Vec::new();
    while let Some(Event::Batch(batch)) = decoder.next() {
        sizes.push((batch.channel, batch.len()));
    }
    assert_eq!(sizes, [(1, 3), (2, 3), (1, 1), (2, 1)]);
}

#[test]
fn what_is_announced_is_not_allocated() {
    let pool = Arc::new(Pool::new(4096));
    let mut decoder = opened(&pool);
    let stream = publish(1, "a", &vec![1; 1 << 20], 1 << 17);
    let heads = 18 + 23;
    decoder.push(&stream[..heads]);
    assert!(decoder.held_bytes() < heads);
    decoder.push(&publish(2, "a", &vec![1; (1 << 20) + 1], 1 << 17));
    assert_eq!(told(&mut decoder), ["406 message size 1048577 is larger than configured max size 1048576"]);
    assert_eq!(pool.allocated(), 0);
    decoder.push(&stream[heads..]);
    assert_eq!(told(&mut decoder), ["1 a 1048576 Some(1)"]);
}

#[test]
fn deliveries_have_the_size_that_was_announced() {
    let pool = Arc::new(Pool::new(4096));
    let mut decoder = opened(&pool);
    decoder.push(&[publish(1, "key", b"one", 9), publish(1, "k", &[9; 5000], 2500), publish(1, "k", b"", 9)].concat());
    let Some(Event::Batch(batch)) = decoder.next() else {
        panic!("no batch");
    };
    let mut extent = Extent::new(0);
    extent.append(&batch, None, 0, None).unwrap();
    drop(batch);
    let selection = extent.take(9, None).unwrap();
    let (extent, selection) = (&extent, &selection);
    let deliver = Deliver { extent, selection, channel: 3, consumer_tag: b"tag", first_tag: 1, frame_max: 4096 };
    let mut out = vec![0; deliver.size()];
    deliver.render(&mut out);
    let mut kinds = Vec::new();
    let mut rest = out.as_slice();
    while let Some(size) = rest.get(3..7) {
        let size = u32::from_be_bytes([size[0], size[1], size[2], size[3]]) as usize;
        assert!(size <= 4088 && rest[size + 7] == 0xce && rest[1..3] == [0, 3]);
        kinds.push(rest[0]);
        rest = &rest[size + 8..];
    }
    assert!(rest.is_empty());
    assert_eq!(kinds, [1, 2, 3, 1, 2, 3, 3, 1, 2]);
}
