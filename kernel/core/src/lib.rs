//! What Leveret's kernel does, without Python: it moves messages. It knows bytes, indices and bitmaps; no sockets, no
//! clocks, no policy.
//!
//! ```text
//! bytes -> Decoder -> Batch -> Extent -> render -> bytes
//!            |                   |  ^
//!            +-> Settlement -> Ledger
//! ```

#![forbid(unsafe_code)]

mod assembler;
pub mod batch;
mod bitmap;
mod deal;
pub mod decoder;
pub mod event;
pub mod extent;
mod frame;
pub mod keys;
mod lease;
pub mod ledger;
mod memory;
pub mod pack;
mod packed;
pub mod piece;
pub mod places;
pub mod pool;
pub mod properties;
pub mod render;
pub mod row;
pub mod selection;
mod tags;
mod turn;
mod whole;
