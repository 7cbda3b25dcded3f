//! What Leveret's kernel does, without Python: it moves messages. It knows bytes, indices and bitmaps; no sockets, no
//! clocks, no policy. `disk` stands beside that: threads that write and read files.
//!
//! ```text
//! bytes -> Decoder -> Batch -> Extent -> render -> bytes
//!            |                   |  ^
//!            +-> Settlement -> Ledger
//!
//! Batch -> op -> record -> bytes of a log -> Replay -> Pieces
//! ```

#![forbid(unsafe_code)]

mod assembler;
pub mod batch;
mod bitmap;
pub mod block;
mod compact;
mod deal;
pub mod decoder;
pub mod disk;
pub mod event;
pub mod expiries;
pub mod extent;
pub mod files;
mod frame;
pub mod keys;
mod lease;
pub mod ledger;
mod memory;
pub mod op;
pub mod pack;
mod packed;
pub mod piece;
pub mod places;
pub mod pool;
pub mod properties;
pub mod record;
pub mod render;
pub mod replay;
pub mod row;
pub mod selection;
mod tags;
mod take;
mod turn;
mod whole;
