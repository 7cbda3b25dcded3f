//! Ops into records, records into a log, and the log into steps.

use leveret_core::batch::{Batch, Part};
use leveret_core::op::{self, Draft};
use leveret_core::piece::Piece;
use leveret_core::pool::Pool;
use leveret_core::record;
use leveret_core::replay::{Replay, Step, Stop};
use leveret_core::selection::Selection;
use std::sync::Arc;

fn batch(bodies: &[&[u8]]) -> Batch {
    let pool = Arc::new(Pool::new(4096));
    let part = |body| Part { exchange: b"", routing_key: b"q", properties: b"\x10\0\x02", body, mandatory: false };
    Batch::build(&pool, 0, bodies.iter().map(|body| part(*body))).unwrap()
}

fn rows(rows: &[u32]) -> Selection {
    rows.iter().copied().collect()
}

fn filled(draft: Draft<'_>) -> Vec<u8> {
    let mut out = vec![0; draft.size()];
    draft.fill(&mut out);
    out
}

/// A log that begins at `position`, a record per entry.
fn log(position: u64, records: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut log = Vec::new();
    for ops in records {
        let mut out = vec![0; record::size(ops.iter().map(Vec::len).sum()).unwrap()];
        record::fill(position + log.len() as u64, 0, ops.iter().map(Vec::as_slice), &mut out);
        log.extend(out);
    }
    log
}

fn plain(steps: Vec<Step>) -> Vec<String> {
    let piece = |piece: &Piece| format!("{}+{}@{}", piece.first, piece.count, piece.skip);
    let step = |step| match step {
        Step::Publish { queue, pieces } => {
            let pieces: Vec<String> = pieces.rest().iter().map(piece).collect();
            format!("publish {queue} {}", pieces.join(" "))
        }
        Step::Settle { queue, base, selection } => {
            format!("settle {queue} {base} {:?}", selection.iter().collect::<Vec<_>>())
        }
        Step::Relocate { queue, base, selection, .. } => format!("relocate {queue} {base} {}", selection.len()),
        Step::Extent { queue, state } => format!("extent {queue} {}", state.len()),
        Step::Expiry { queue, rows } => {
            let rows: Vec<String> = rows.iter().map(|(first, it)| format!("{first}{:?}", it.runs())).collect();
            format!("expiry {queue} {}", rows.join(" "))
        }
        Step::Definition { definition, .. } => format!("definition {}", definition.len()),
    };
    steps.into_iter().map(step).collect()
}

#[test]
fn publishes_and_settlements_are_joined_between_other_ops() {
    let batch = batch(&[b"one", b"two", b"three"]);
    let publish = |targets: &[(u64, u64)], offsets: Option<&Selection>| {
        filled(Draft::publish(targets, &batch, None, offsets).unwrap())
    };
    let settle = |base, numbers: &[u32]| filled(Draft::settle(7, base, 0, &rows(numbers)).unwrap());
    let definition = [&op::head(op::DEFINITION, 2).unwrap()[..], b"xy"].concat();
    let relocate = filled(Draft::relocate(7, 0, &rows(&[0, 2, 5]), &batch).unwrap());
    let log = log(
        64,
        &[
            vec![publish(&[(7, 0), (8, 10)], None), settle(0, &[1])],
            vec![publish(&[(7, 3)], Some(&rows(&[0, 1, 4]))), settle(4096, &[1]), settle(0, &[0, 5])],
            vec![definition, publish(&[(8, 13)], None), settle(0, &[2])],
            vec![relocate],
            vec![],
        ],
    );
    let mut replay = Replay::new(64);
    let steps = plain(replay.read(&log, 64));
    assert_eq!((replay.stop, replay.position), (Stop::Sealed, 64 + log.len() as u64));
    assert_eq!(
        steps,
        [
            "publish 7 0+3@0 3+2@0 7+1@2",
            "publish 8 10+3@0",
            "settle 7 0 [0, 1, 5]",
            "settle 7 4096 [1]",
            "definition 2",
            "publish 8 13+3@0",
            "settle 7 0 [2]",
            "relocate 7 0 3",
        ]
    );
}

#[test]
fn pieces_of_a_block_add_up_and_say_where_it_is() {
    let batch = batch(&[b"1", b"23", b"4567", b"8"]);
    let chosen = rows(&[0, 1, 2]);
    let draft = Draft::publish(&[(1, 100)], &batch, Some(&chosen), Some(&rows(&[0, 2, 3]))).unwrap();
    let (offset, length) = draft.block();
    let log = log(8, &[vec![filled(draft)]]);
    let mut replay = Replay::new(8);
    let mut steps = replay.read(&log, 8);
    let Some(Step::Publish { queue: 1, pieces }) = steps.pop() else { panic!("no publish") };
    let position = 8 + (record::HEADER + offset) as u64;
    let shared = Piece { first: 0, count: 1, position, length: length as u32, skip: 0, body_bytes: 2, features: 1 };
    let wanted = [Piece { first: 100, ..shared }, Piece { first: 102, count: 2, skip: 1, body_bytes: 5, ..shared }];
    assert_eq!(pieces.rest(), wanted);
    assert_eq!((pieces.len(), pieces.next(), pieces.is_empty()), (3, Some(100), false));
    let block = &log[(position - 8) as usize..][..length];
    assert_eq!(leveret_core::block::unpack(&Pool::new(64), block).unwrap().len(), 3);
}

#[test]
fn pieces_that_do_not_ascend_are_steps_of_their_own() {
    let batch = batch(&[b"1", b"2"]);
    let publish = |first| filled(Draft::publish(&[(1, first)], &batch, None, None).unwrap());
    let log = log(0, &[vec![publish(10), publish(11), publish(13)]]);
    assert_eq!(plain(Replay::new(0).read(&log, 0)), ["publish 1 10+2@0", "publish 1 11+2@0 13+2@0"]);
}

#[test]
fn nothing_flipped_or_cut_is_taken() {
    let batch = batch(&[b"one", b"two"]);
    let publish = |first| filled(Draft::publish(&[(1, first)], &batch, None, None).unwrap());
    let settle = filled(Draft::settle(1, 0, 0, &rows(&[0, 1, 3])).unwrap());
    let first = log(16, &[vec![publish(0)]]).len();
    let log = log(16, &[vec![publish(0)], vec![publish(2), settle], vec![]]);
    let whole = plain(Replay::new(16).read(&log, 16));
    for cut in 0..log.len() {
        let mut replay = Replay::new(16);
        let steps = plain(replay.read(&log[..cut], 16));
        assert_eq!(replay.stop, Stop::End);
        assert!(replay.position - 16 <= cut as u64 && replay.position - 16 + replay.need > cut as u64);
        assert_eq!(steps.is_empty(), cut < first);
        replay.read(&log, 16);
        assert_eq!((replay.stop, replay.position), (Stop::Sealed, 16 + log.len() as u64));
    }
    for at in 0..log.len() {
        for bit in 0..8 {
            let mut broken = log.clone();
            broken[at] ^= 1 << bit;
            let mut replay = Replay::new(16);
            let steps = plain(replay.read(&broken, 16));
            let padding = steps == whole && replay.stop == Stop::Sealed;
            assert!(padding || replay.stop != Stop::Sealed, "byte {at}");
        }
    }
}

#[test]
fn what_is_malformed_is_refused() {
    let batch = batch(&[b"one", b"two"]);
    let good = filled(Draft::publish(&[(1, 5)], &batch, None, Some(&rows(&[0, 2]))).unwrap());
    let settle = filled(Draft::settle(1, 0, 0, &rows(&[0, 1, 3])).unwrap());
    let stop = |ops: &[u8]| {
        let mut replay = Replay::new(0);
        let steps = replay.read(&log(0, &[vec![good.clone()], vec![settle.clone(), ops.to_vec()], vec![]]), 0);
        assert_eq!(steps.len() == 1, replay.stop == Stop::Bad, "all or none");
        replay.stop
    };
    assert_eq!(stop(&good), Stop::Sealed);
    let changed = |op: &[u8], at: usize, to: u8| {
        let mut op = op.to_vec();
        op[at] = to;
        op
    };
    for op in [&good, &settle] {
        for size in 1..op.len() {
            assert_eq!(stop(&op[..size]), Stop::Bad);
            let inner =
                [&op::head(op[0], size.saturating_sub(5)).unwrap()[..], op.get(5..size).unwrap_or(&[])].concat();
            assert_eq!(stop(&inner), Stop::Bad);
        }
        let more = [&op::head(op[0], op.len() - 4).unwrap()[..], &op[5..], b"x"].concat();
        assert_eq!(stop(&more), Stop::Bad);
        assert_eq!(stop(&changed(op, 0, 6)), Stop::Bad);
    }
    let block = good.len() - 48;
    for (at, to) in [(block + 8, 255), (block + 11, 3), (block + 3, 0), (5, 255), (17, 255), (25, 3), (38, 255)] {
        let op = changed(&good, at, to);
        assert_eq!(stop(&op) == Stop::Bad, at != 17, "{at}");
    }
    assert!(Draft::publish(&[(1, u64::MAX - 1)], &batch, None, None).is_err());
    assert!(Draft::publish(&[(1, 0)], &batch, None, Some(&rows(&[0]))).is_err());
    assert!(Draft::settle(1, 0, 0, &rows(&[4096])).is_err());
    assert!(Draft::relocate(1, u64::MAX, &rows(&[0, 1]), &batch).is_err());
    assert!(Draft::relocate(1, 0, &rows(&[0]), &batch).is_err());
}
