//! The friend's end of a message: when it was there, on our clock, or that it never got there.

use std::time::Duration;

use floe_inspect::{
    Picture,
    ladder::{Message, MessageKind},
};
use floe_wire::{Direction, Stamp};

use crate::window::format;

/// What is known of the friend's end of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    /// Nothing: the friend did not tell, or the message is none of the friend's.
    Unknown,
    /// It was there.
    At {
        /// When, by our clock.
        at: Stamp,
        /// How far that may be wrong.
        uncertainty: Duration,
    },
    /// The friend told everything of that time, and this was not among it.
    Never,
}

/// What is known of the friend's end of a message.
pub fn there(picture: &Picture, message: &Message) -> There {
    if let Some(theirs) = message.there {
        let known = picture.peer.clock_log.to_ours(theirs);
        return known.map_or(There::Unknown, |(at, uncertainty)| There::At { at, uncertainty });
    }
    let is_asked = matches!(message.kind, MessageKind::Request | MessageKind::Retransmission);
    let is_check = matches!(message.lane, floe_inspect::ladder::Lane::Pair(_));
    let is_missing = is_asked && is_check && message.direction == Direction::Outbound;
    if is_missing && picture.peer.has_told_of(message.at) { There::Never } else { There::Unknown }
}

impl There {
    /// The time beside the friend's lifeline: without the minutes, which are ours.
    pub fn short(self) -> Option<String> {
        match self {
            Self::Unknown => None,
            Self::At { at, .. } => {
                let text = format::stamp(at);
                Some(text.rsplit(':').next().unwrap_or(&text).to_owned())
            }
            Self::Never => Some("never".to_owned()),
        }
    }

    /// The sentence about it.
    pub fn sentence(self, direction: Direction) -> Option<String> {
        let way = match direction {
            Direction::Outbound => "arrived there",
            Direction::Inbound => "left there",
        };
        match self {
            Self::Unknown => None,
            Self::At { at, uncertainty } => {
                Some(format!("{way} at {} ± {} (our clock)", format::stamp(at), format::ms(uncertainty)))
            }
            Self::Never => Some("never arrived there".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_friend_s_end_is_told_in_one_clock_with_its_uncertainty() {
        let at = There::At { at: Stamp::from_millis(61_035), uncertainty: Duration::from_millis(12) };
        assert_eq!(at.short().as_deref(), Some("01.035"));
        let sentence = at.sentence(Direction::Outbound).unwrap();
        assert!(sentence.starts_with("arrived there at 01:01.035 ± 12"), "{sentence}");
        assert!(at.sentence(Direction::Inbound).unwrap().starts_with("left there"), "{sentence}");
        assert_eq!((There::Unknown.short(), There::Unknown.sentence(Direction::Inbound)), (None, None));
        assert_eq!(There::Never.short().as_deref(), Some("never"));
    }
}
