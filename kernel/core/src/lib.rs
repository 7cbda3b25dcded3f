//! What Leveret's kernel does, without Python: it moves messages. It knows bytes, indices and bitmaps; no sockets, no
//! clocks, no policy. `disk` stands beside that: threads that write and read files.
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
pub mod disk;
pub mod event;
pub mod extent;
pub mod files;
mod frame;
pub mod keys;
mod lease;
pub mod ledger;
mod memory;
pub mod pack;
pub mod pool;
pub mod properties;
pub mod render;
pub mod row;
pub mod selection;
mod tags;
mod turn;
mod whole;
