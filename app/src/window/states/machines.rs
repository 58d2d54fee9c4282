//! The three state machines: what each state means, and by which way each legal transition is drawn.

use floe_wire::{GatheringState, IceConnectionState, SignalingState};

/// A way an arrow takes. Nodes stand in one column in the order of `ALL`; arrows between neighbours run straight, the
/// others leave into a lane beside the column. Arrows in one lane share their target, so a lane reads like a rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Straight to the neighbour below or above.
    Straight,
    /// Through a lane on the left; 0 is the innermost.
    Left(u8),
    /// Through a lane on the right; 0 is the innermost.
    Right(u8),
}

/// One legal transition, drawn.
#[derive(Debug, Clone, Copy)]
pub struct Arrow<S> {
    /// From this state.
    pub from: S,
    /// To this state.
    pub to: S,
    /// By this way.
    pub way: Way,
}

/// A machine that can be drawn.
pub trait Machine: Copy + Eq + std::hash::Hash + 'static {
    /// What the machine is called.
    const TITLE: &'static str;
    /// Every state in drawing order.
    const STATES: &'static [Self];
    /// Every legal transition.
    const ARROWS: &'static [Arrow<Self>];
    /// The W3C name.
    fn label(self) -> &'static str;
    /// What the state means, in a sentence.
    fn meaning(self) -> &'static str;
}

const fn arrow<S: Copy>(from: S, to: S, way: Way) -> Arrow<S> {
    Arrow { from, to, way }
}

impl Machine for SignalingState {
    const TITLE: &'static str = "Signaling";
    const STATES: &'static [Self] = &[
        Self::Stable,
        Self::HaveLocalOffer,
        Self::HaveRemotePranswer,
        Self::HaveRemoteOffer,
        Self::HaveLocalPranswer,
        Self::Closed,
    ];
    const ARROWS: &'static [Arrow<Self>] = &[
        arrow(Self::Stable, Self::HaveLocalOffer, Way::Straight),
        arrow(Self::Stable, Self::HaveRemoteOffer, Way::Right(0)),
        arrow(Self::Stable, Self::Closed, Way::Right(1)),
        arrow(Self::HaveLocalOffer, Self::Stable, Way::Straight),
        arrow(Self::HaveLocalOffer, Self::HaveRemotePranswer, Way::Straight),
        arrow(Self::HaveLocalOffer, Self::Closed, Way::Right(1)),
        arrow(Self::HaveRemotePranswer, Self::Stable, Way::Left(0)),
        arrow(Self::HaveRemotePranswer, Self::Closed, Way::Right(1)),
        arrow(Self::HaveRemoteOffer, Self::Stable, Way::Left(0)),
        arrow(Self::HaveRemoteOffer, Self::HaveLocalPranswer, Way::Straight),
        arrow(Self::HaveRemoteOffer, Self::Closed, Way::Right(1)),
        arrow(Self::HaveLocalPranswer, Self::Stable, Way::Left(0)),
        arrow(Self::HaveLocalPranswer, Self::Closed, Way::Straight),
    ];

    fn label(self) -> &'static str {
        self.name()
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Stable => "No exchange is under way: neither code is out, or both are known.",
            Self::HaveLocalOffer => "Your code is out, your friend's is not here.",
            Self::HaveRemoteOffer => "Your friend's code is here, yours is not out.",
            Self::HaveLocalPranswer => "A provisional answer of yours is out.",
            Self::HaveRemotePranswer => "A provisional answer of your friend is here.",
            Self::Closed => "The call is over.",
        }
    }
}

impl Machine for GatheringState {
    const TITLE: &'static str = "Gathering";
    const STATES: &'static [Self] = Self::ALL;
    const ARROWS: &'static [Arrow<Self>] = &[
        arrow(Self::New, Self::Gathering, Way::Straight),
        arrow(Self::Gathering, Self::Complete, Way::Straight),
        arrow(Self::Complete, Self::Gathering, Way::Straight),
    ];

    fn label(self) -> &'static str {
        self.name()
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::New => "Not begun.",
            Self::Gathering => "Interfaces are bound and servers are asked.",
            Self::Complete => "Every server answered or was given up.",
        }
    }
}

impl Machine for IceConnectionState {
    const TITLE: &'static str = "ICE connection";
    const STATES: &'static [Self] = Self::ALL;
    const ARROWS: &'static [Arrow<Self>] = &[
        arrow(Self::New, Self::Checking, Way::Straight),
        arrow(Self::New, Self::Closed, Way::Right(2)),
        arrow(Self::Checking, Self::Connected, Way::Straight),
        arrow(Self::Checking, Self::Failed, Way::Right(1)),
        arrow(Self::Checking, Self::Closed, Way::Right(2)),
        arrow(Self::Connected, Self::Completed, Way::Straight),
        arrow(Self::Connected, Self::Disconnected, Way::Right(0)),
        arrow(Self::Connected, Self::Checking, Way::Straight),
        arrow(Self::Connected, Self::Closed, Way::Right(2)),
        arrow(Self::Completed, Self::Connected, Way::Straight),
        arrow(Self::Completed, Self::Disconnected, Way::Straight),
        arrow(Self::Completed, Self::Checking, Way::Left(1)),
        arrow(Self::Completed, Self::Closed, Way::Right(2)),
        arrow(Self::Disconnected, Self::Connected, Way::Left(0)),
        arrow(Self::Disconnected, Self::Completed, Way::Straight),
        arrow(Self::Disconnected, Self::Checking, Way::Left(1)),
        arrow(Self::Disconnected, Self::Failed, Way::Straight),
        arrow(Self::Disconnected, Self::Closed, Way::Right(2)),
        arrow(Self::Failed, Self::Checking, Way::Left(1)),
        arrow(Self::Failed, Self::Connected, Way::Left(0)),
        arrow(Self::Failed, Self::Closed, Way::Straight),
    ];

    fn label(self) -> &'static str {
        self.name()
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::New => "Your friend's addresses are not known.",
            Self::Checking => "Pairs are being checked and none is usable.",
            Self::Connected => "A pair is usable, checks go on.",
            Self::Completed => "A pair is selected and checks are finished.",
            Self::Disconnected => "The pair in use does not answer right now.",
            Self::Failed => "Nothing answered for 30 s, or checking ended without a pair.",
            Self::Closed => "Hung up.",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn drawn<S: Machine>() -> HashSet<(S, S)> {
        let drawn: HashSet<_> = S::ARROWS.iter().map(|arrow| (arrow.from, arrow.to)).collect();
        assert_eq!(drawn.len(), S::ARROWS.len(), "an arrow is drawn twice");
        drawn
    }

    fn legal<S: Machine>(all: &[S], successors: impl Fn(S) -> &'static [S]) -> HashSet<(S, S)> {
        assert!(all.iter().collect::<HashSet<_>>() == S::STATES.iter().collect::<HashSet<_>>());
        all.iter().flat_map(|from| successors(*from).iter().map(|to| (*from, *to))).collect()
    }

    fn neighbours_only_where_straight<S: Machine>() {
        let index = |state| S::STATES.iter().position(|other| *other == state).unwrap();
        for arrow in S::ARROWS {
            let neighbours = index(arrow.from).abs_diff(index(arrow.to)) == 1;
            assert_eq!(neighbours, arrow.way == Way::Straight, "{} → {}", arrow.from.label(), arrow.to.label());
        }
    }

    fn one_target_per_lane<S: Machine>() {
        for a in S::ARROWS {
            for b in S::ARROWS {
                assert!(a.way == Way::Straight || a.way != b.way || a.to == b.to, "a lane has two targets");
            }
        }
    }

    #[test]
    fn exactly_the_legal_transitions_are_drawn() {
        assert!(drawn() == legal(SignalingState::ALL, SignalingState::successors));
        assert!(drawn() == legal(GatheringState::ALL, GatheringState::successors));
        assert!(drawn() == legal(IceConnectionState::ALL, IceConnectionState::successors));
    }

    #[test]
    fn arrows_between_neighbours_are_straight_and_others_take_a_lane() {
        neighbours_only_where_straight::<SignalingState>();
        neighbours_only_where_straight::<GatheringState>();
        neighbours_only_where_straight::<IceConnectionState>();
    }

    #[test]
    fn a_lane_leads_to_one_state_only() {
        one_target_per_lane::<SignalingState>();
        one_target_per_lane::<IceConnectionState>();
    }
}
