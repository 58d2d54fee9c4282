//! What a call looks like from outside, published at most 20 times a second.

use std::sync::Arc;

use floe_inspect::Picture;

/// What a call looks like from outside.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// The fold over the record so far.
    pub picture: Arc<Picture>,
    /// Our code, once it can be given away.
    pub code: Option<String>,
    /// What became of the newest paste.
    pub paste: Option<PasteOutcome>,
    /// Whether the session has ended and will not change any more.
    pub finished: bool,
}

/// What became of a pasted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasteOutcome {
    /// It is the peer's code and in use.
    Accepted,
    /// It cannot be used; the sentence says why and what to do.
    Refused(String),
}
