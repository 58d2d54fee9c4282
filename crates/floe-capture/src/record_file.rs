//! Floe record files (`.floe`): a header, then one checksummed frame per record, appended while the call runs.
//!
//! ```text
//! header  "FLOEREC\n"  version u16  length u16  wall clock of stamp zero, ms since the Unix epoch, u64  …
//! frame   mark F1 0E 0E F1  kind u8  length u32  CRC-32 of kind, length and payload u32  payload
//! kind 1  packet: stamp ns u64, base u32, flags u8, wire length u32, port u16, address 4 or 16, scope u32 (IPv6), bytes
//! kind 2  note: stamp ns u64, then the note as JSON
//! ```
//!
//! All numbers are little-endian. The header's length counts the bytes behind it, so that later versions can add to
//! it. A new *kind* of frame or a new note needs no new version: readers skip and count what they do not know. The
//! version changes only when an old reader would misread what it knows; then it refuses the file. A frame stands for
//! itself: after damage, the next mark with a right checksum is where reading goes on.
//!
//! Files of long calls stay small: see [`RecordWriter`].

mod budget;
mod frame;
mod reader;
mod writer;

pub use self::{
    reader::{Opened, RecordReader},
    writer::{BULK_BUDGET, RecordWriter, TOTAL_BUDGET},
};

/// How every record file begins. The line end betrays transfers that rewrite line ends.
pub const MAGIC: [u8; 8] = *b"FLOEREC\n";

/// The version this program writes, and the newest it reads.
pub const VERSION: u16 = 1;

/// Why a file cannot be read as a Floe record.
#[derive(Debug, thiserror::Error)]
pub enum RecordFileError {
    /// It begins with something else.
    #[error("this is not a Floe record")]
    NotARecord,
    /// It was written by a program that this one cannot understand.
    #[error(
        "this record has format version {version}, and this Floe reads versions up to {VERSION}: please update Floe"
    )]
    NewerVersion {
        /// The version in its header.
        version: u16,
    },
    /// Nothing could be read.
    #[error("cannot read the record: {0}")]
    Unreadable(#[from] std::io::Error),
}

#[cfg(test)]
mod tests;
