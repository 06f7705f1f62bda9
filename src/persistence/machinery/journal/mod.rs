//! The journal: makes a commit durable.
//!
//! Owns: segments, frames, appending with one sync per group, and which frames are trusted after a crash. Must not
//! know: the engines, records, the callers that wait for a commit. Begin with `frame.rs` (the bytes), `recover.rs` (the
//! rules), then `writer.rs`.
//!
//! ```text
//!   journal/00000000000000000001.log   header | frame 1 | frame 2 | ... | zeros
//!   journal/00000000000000000873.log   header | frame 873 | ...
//! ```
//!
//! A segment holds the frames from its name up to the next segment's name; bytes behind them are not part of the
//! journal.

pub mod frame;
pub mod reader;
pub mod recover;
pub mod segment;
pub mod writer;

pub use frame::Frame;
pub use reader::{JournalPlace, JournalProblem};
pub use segment::SegmentName;
