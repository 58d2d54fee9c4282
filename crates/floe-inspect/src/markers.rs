//! Markers: the moments of a record that a person wants to jump to.

use floe_wire::Stamp;

use crate::Picture;

/// Markers kept; the oldest are forgotten.
pub(crate) const MARKERS_KEPT: usize = 4_096;

/// A moment worth jumping to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// When.
    pub at: Stamp,
    /// What sort of moment.
    pub kind: MarkerKind,
    /// One short sentence.
    pub text: String,
}

/// The sorts of moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkerKind {
    /// A step of the call was reached: code, first check, first answer, keys, audio.
    Milestone,
    /// USE-CANDIDATE was answered for the first time on a pair.
    Nomination,
    /// Audio moved to a pair.
    Selection,
    /// A new ICE generation began.
    Restart,
    /// An interface, a base or a mapping came, went or moved.
    NetworkChange,
    /// Answers or audio stopped.
    Loss,
    /// They came back.
    Recovery,
    /// Something ended without success.
    Failure,
    /// The call ended.
    End,
}

impl MarkerKind {
    /// The words people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Milestone => "milestone",
            Self::Nomination => "nomination",
            Self::Selection => "selection",
            Self::Restart => "restart",
            Self::NetworkChange => "network change",
            Self::Loss => "loss",
            Self::Recovery => "recovery",
            Self::Failure => "failure",
            Self::End => "end",
        }
    }
}

impl Picture {
    /// The first marker after a moment.
    #[must_use]
    pub fn next_marker(&self, after: Stamp) -> Option<&Marker> {
        self.markers.get(self.markers.partition_point(|marker| marker.at <= after))
    }

    /// The last marker before a moment.
    #[must_use]
    pub fn previous_marker(&self, before: Stamp) -> Option<&Marker> {
        let position = self.markers.partition_point(|marker| marker.at < before);
        self.markers.get(position.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_go_from_marker_to_marker_and_stop_at_the_ends() {
        let mut picture = Picture::default();
        for ms in [10, 20, 20, 30] {
            let marker = Marker { at: Stamp::from_millis(ms), kind: MarkerKind::Milestone, text: ms.to_string() };
            picture.markers.push(marker, MARKERS_KEPT);
        }
        let next = |ms| picture.next_marker(Stamp::from_millis(ms)).map(|marker| marker.at.0.as_millis());
        let previous = |ms| picture.previous_marker(Stamp::from_millis(ms)).map(|marker| marker.at.0.as_millis());
        assert_eq!((next(0), next(10), next(20), next(30)), (Some(10), Some(20), Some(30), None));
        assert_eq!((previous(0), previous(11), previous(20), previous(99)), (None, Some(10), Some(10), Some(30)));
    }
}
