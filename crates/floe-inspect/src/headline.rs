//! The one sentence that says how the call stands.

use crate::Picture;

/// One short plain sentence and how it should feel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// The sentence.
    pub text: String,
    /// How it should feel.
    pub tone: Tone,
}

/// How a headline should feel; colour and shape follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Nothing is under way.
    Idle,
    /// Something is under way.
    Working,
    /// It works.
    Good,
    /// It works, or may work again, with a flaw.
    Warning,
    /// It does not work.
    Bad,
}

/// Says in one sentence how the call stands.
#[must_use]
pub fn headline(picture: &Picture) -> Headline {
    let _ = picture;
    Headline { text: "Not in a call".to_owned(), tone: Tone::Idle }
}
