//! What a person would click in the pair grid, for scripts: `force=relay@3s`, `block=used@5s`, `release@9s`, `restart@12s`.

use std::{fmt, net::SocketAddr, str::FromStr, time::Duration};

use floe_call::{Call, Command};
use floe_inspect::{
    Picture,
    picture::{PairState, PairView},
};
use floe_wire::{
    BaseId, CandidateType,
    verdict::{Judge, PairVerdict},
};

/// A wish about the pairs of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Use the best pair of this sort whenever it works.
    Force(Sort),
    /// Do not use the best pair of this sort.
    Block(Sort),
    /// Take back every wish of this side.
    Release,
    /// Begin a new generation.
    Restart,
}

/// Which pair, among those that answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// The one in use.
    Used,
    /// The best one that is not in use.
    Other,
    /// The best one over a relay.
    Relay,
    /// The best one over no relay.
    Direct,
}

const SORTS: [(&str, Sort); 4] =
    [("used", Sort::Used), ("other", Sort::Other), ("relay", Sort::Relay), ("direct", Sort::Direct)];

impl FromStr for Wish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sort = |name: &str| {
            let known = SORTS.iter().find(|(spoken, _)| *spoken == name).map(|(_, sort)| *sort);
            known.ok_or_else(|| format!("{text}: choose a pair from used, other, relay and direct"))
        };
        match text.split_once('=') {
            Some(("force", name)) => Ok(Self::Force(sort(name)?)),
            Some(("block", name)) => Ok(Self::Block(sort(name)?)),
            None if text == "release" => Ok(Self::Release),
            None if text == "restart" => Ok(Self::Restart),
            None if matches!(text, "force" | "block") => Err(format!("{text}: say which pair, as in {text}=relay")),
            Some(_) | None => Err(format!(
                "{text}: nothing is called that; choose from force=PAIR, block=PAIR, release, restart, where PAIR is used, \
                 other, relay or direct"
            )),
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |sort: &Sort| match sort {
            Sort::Used => "the pair in use",
            Sort::Other => "another pair",
            Sort::Relay => "a relayed pair",
            Sort::Direct => "a direct pair",
        };
        match self {
            Self::Force(sort) => write!(f, "{} is forced", name(sort)),
            Self::Block(sort) => write!(f, "{} is blocked", name(sort)),
            Self::Release => write!(f, "what was forced or blocked here is released"),
            Self::Restart => write!(f, "ICE is restarted by hand"),
        }
    }
}

impl Wish {
    /// Wishes it; `false` where no such pair answers.
    pub(super) fn apply(self, call: &Call) -> bool {
        let snapshot = call.snapshot();
        let picture = &snapshot.picture;
        match self {
            Self::Force(sort) => {
                pair_of(picture, sort).is_some_and(|(base, remote)| call.send(Command::ForcePair { base, remote }))
            }
            Self::Block(sort) => {
                pair_of(picture, sort).is_some_and(|(base, remote)| call.send(Command::BlockPair { base, remote }))
            }
            Self::Release => {
                let wished = picture.rulings.iter().map(|known| known.ruling);
                let keys: Vec<_> = wished
                    .filter(|ruling| ruling.by != Judge::Measurement)
                    .map(|ruling| (ruling.base, ruling.remote))
                    .collect();
                let all = keys.iter().all(|&(base, remote)| call.send(Command::ReleasePair { base, remote }));
                all && !keys.is_empty()
            }
            Self::Restart => call.send(Command::RestartIce),
        }
    }
}

/// The best pair of a sort that answers, of the generation in use.
fn pair_of(picture: &Picture, sort: Sort) -> Option<(BaseId, SocketAddr)> {
    let used = picture.selections.last()?.pair;
    let is_it = |pair: &&PairView| match sort {
        Sort::Used => pair.id == used,
        Sort::Other => pair.id != used,
        Sort::Relay => is_relayed(picture, pair),
        Sort::Direct => !is_relayed(picture, pair),
    };
    let pairs = picture.pairs.iter().filter(|pair| pair.id.generation == used.generation);
    let is_blocked =
        |pair: &PairView| picture.ruling_of(pair.id).is_some_and(|known| known.ruling.verdict == PairVerdict::Blocked);
    let answering = pairs.filter(|pair| pair.state == PairState::Succeeded && !is_blocked(pair));
    let best = answering.filter(is_it).max_by_key(|pair| pair.priority)?;
    Some((best.id.base, best.id.remote))
}

fn is_relayed(picture: &Picture, pair: &PairView) -> bool {
    let candidates = [pair.local_candidate.as_deref(), pair.remote_candidate.as_deref()];
    let mut views = candidates.into_iter().flatten().filter_map(|id| picture.candidate(id));
    views.any(|view| view.candidate.candidate_type == CandidateType::Relayed)
}

/// A wish and its time, counted from when media is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimedWish {
    /// When.
    pub at: Duration,
    /// What.
    pub wish: Wish,
}

impl FromStr for TimedWish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (what, at) = text.split_once('@').ok_or_else(|| format!("{text}: say when, as in {text}@3s"))?;
        Ok(Self { at: super::breaks::time(at)?, wish: what.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<TimedWish>().expect(text);
        assert_eq!(read("force=relay@3s"), TimedWish { at: Duration::from_secs(3), wish: Wish::Force(Sort::Relay) });
        assert_eq!(read("block=used@250ms").wish, Wish::Block(Sort::Used));
        assert_eq!((read("release@1").wish, read("restart@1").wish), (Wish::Release, Wish::Restart));
        assert_eq!(read("force=other@1s").wish.to_string(), "another pair is forced");
    }

    #[test]
    fn what_cannot_be_wished_is_named_with_what_can() {
        for bad in ["", "force@1s", "force=@1s", "block=tv@1s", "release", "release@soon", "wifi-down@1s"] {
            let error = bad.parse::<TimedWish>().expect_err(bad);
            assert!(error.len() > 10, "{bad}: {error}");
        }
    }
}
