//! Why a pasted text is not a usable code, in the sentences people read.

use thiserror::Error;

/// Why a text is not a usable code. `Display` is the sentence shown, with what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CodeError {
    /// Nothing was pasted.
    #[error("There is no code yet: paste the whole code your friend sent")]
    Empty,
    /// Far more text than any code has.
    #[error("This text is too long to be a code ({characters} characters): paste only the code")]
    TooLong {
        /// Its length.
        characters: usize,
    },
    /// Session description of a browser or a softphone.
    #[error("This is SDP, the session description of a browser, and not supported yet: ask for a Floe code")]
    Sdp,
    /// A link.
    #[error("This is a link and not a Floe code: paste the code your friend's Floe shows, it begins with F10E")]
    Url,
    /// Some other text.
    #[error("This is not a Floe code: a code is one long line that begins with F10E")]
    NotACode,
    /// Looks like the inside of a code.
    #[error("The beginning of the code is missing: it begins with F10E, copy it again from there")]
    StartMissing,
    /// The end is missing.
    #[error("{}", cut_off(*have, *of))]
    CutOff {
        /// Characters that are there.
        have: usize,
        /// Characters that the code has, where enough is there to tell.
        of: Option<usize>,
    },
    /// The checksum does not fit.
    #[error("A character of the code is wrong (the checksum does not fit): copy it again instead of typing it")]
    Mistyped,
    /// A character that codes never contain stands inside the code.
    #[error("Character {position} of the code is “{character}”, which codes never contain: copy the code again")]
    ForeignCharacter {
        /// Where, counted from 1.
        position: usize,
        /// Which.
        character: char,
    },
    /// The code is intact, and its layout is newer.
    #[error("This code was made by a newer Floe (code version {version}): update Floe to use it")]
    NewerVersion {
        /// The code's version.
        version: u8,
    },
    /// The code is intact, and what it says makes no sense.
    #[error("The code arrived intact but is not usable ({what}): ask your friend for a new one")]
    BadContents {
        /// What makes no sense.
        what: &'static str,
    },
}

fn cut_off(have: usize, of: Option<usize>) -> String {
    match of {
        Some(of) => format!("The code is cut off after {have} of {of} characters: copy the whole code"),
        None => format!("The code is cut off after {have} characters: copy the whole code"),
    }
}
