//! Records and files: Floe's own record files, pcapng export, and import of other programs' captures.
//!
//! Pure: bytes come and go through [`std::io::Read`] and [`std::io::Write`] that the caller opened; no file, socket or
//! clock is touched here. Whatever a file holds, reading it ends, memory stays bounded, and what could not be read is
//! said in a sentence ([`Problem`]).

pub mod import;
mod load;
pub mod pcapng;
mod problem;
pub mod record_file;
mod redact;

pub use import::{Import, ImportError, ImportOptions, Progress, import};
pub use load::{Begun, LoadError, Loaded, Whole, begin, load};
pub use pcapng::{MediaPayloads, PcapngWriter};
pub use problem::Problem;
pub use record_file::{Opened, RecordFileError, RecordReader, RecordWriter};
pub use redact::redact;
