//! One path without a peer, in time that is passed in: what it asks, and which answers it takes.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_path::{AgentOutbox, Credentials, Path, PathConfig, PathEvent, PathOutput};
use floe_wire::{
    BaseId, Candidate, Generation,
    IceRole::{self, Controlled, Controlling},
    note::{DropKind, RefusalReason},
    stun::{binding_error, binding_success},
};

use crate::network::{base, candidate};

const PACING: Duration = Duration::from_millis(5);
const OURS: &str = "ours-password-of-22-chars";
const THEIRS: &str = "theirs-password-of-22-chars";

struct Alone {
    path: Path,
    _agents: AgentOutbox,
    start: Instant,
    now: Instant,
}

impl Alone {
    /// A path with so many bases, whose peer's code has these candidates.
    async fn begin(role: IceRole, pacing: Duration, bases: u8, candidates: &[Candidate]) -> Self {
        let (mut path, agents) =
            Path::new(PathConfig { pacing, grace: Duration::from_millis(30), tie_breaker: 1, seed: 1 });
        let credentials =
            |ufrag: &str, password: &str| Credentials { ufrag: ufrag.to_owned(), password: password.to_owned() };
        let bases: Vec<_> = (0..bases).map(|index| base(1, index)).collect();
        path.start(Generation(0), credentials("ours", OURS), &bases).await;
        let start = Instant::now();
        path.set_remote(role, credentials("theirs", THEIRS), candidates, start).await;
        Self { path, _agents: agents, start, now: start }
    }

    /// The next thing to do, for which time passes; none when this much has passed since the start.
    fn next(&mut self, until: Duration) -> Option<PathOutput> {
        loop {
            if let Some(output) = self.path.poll_output() {
                return Some(output);
            }
            if self.now >= self.start + until {
                return None;
            }
            let (at, _) = self.path.poll_timeout().expect("checks go on");
            self.now = self.now.max(at);
            self.path.handle_timeout(self.now);
        }
    }

    /// The first check: from where, to where, and what it says.
    fn first_check(&mut self) -> (BaseId, SocketAddr, Bytes) {
        while let Some(output) = self.next(Duration::from_secs(5)) {
            if let PathOutput::Send { base, to, bytes } = output {
                return (base, to, bytes);
            }
        }
        panic!("no check left");
    }
}

/// Whoever sits on the way sees what is asked, and can answer from the right address; the password it does not see.
#[tokio::test]
async fn an_answer_that_the_peer_did_not_sign_is_refused_and_the_peer_s_own_counts() {
    let mut alone = Alone::begin(Controlling, PACING, 1, &[candidate(&base(2, 0))]).await;
    let (at, peer, request) = alone.first_check();
    let Alone { mut path, now, .. } = alone;
    let answer = |password: Option<&str>| Bytes::from(binding_success(&request, peer, password).expect("a request"));
    for password in [None, Some(OURS), Some("")] {
        let outcome = path.handle_stun(at, peer, answer(password), now);
        assert_eq!(outcome, Err(RefusalReason::BadIntegrity), "signed with {password:?}");
    }
    let genuine = answer(Some(THEIRS));
    assert_eq!(path.handle_stun(at, peer, genuine.clone(), now), Ok(()));
    assert_eq!(path.handle_stun(at, peer, genuine, now), Err(RefusalReason::UnexpectedResponse), "only once");
    path.close().await;
}

#[tokio::test]
async fn a_role_conflict_that_the_peer_tells_is_repaired_once_however_often_it_is_told_again() {
    for role in [Controlling, Controlled] {
        let mut alone = Alone::begin(role, PACING, 1, &[candidate(&base(2, 0))]).await;
        let (at, peer, request) = alone.first_check();
        let Alone { mut path, now, .. } = alone;
        let refusal =
            |password| Bytes::from(binding_error(&request, 487, "Role Conflict", password).expect("a request"));
        for password in [None, Some(OURS)] {
            let outcome = path.handle_stun(at, peer, refusal(password), now);
            assert_eq!(outcome, Err(RefusalReason::BadIntegrity), "signed with {password:?}");
        }
        let genuine = refusal(Some(THEIRS));
        assert_eq!(path.handle_stun(at, peer, genuine.clone(), now), Ok(()));
        for later in [0, 1, 60] {
            let outcome = path.handle_stun(at, peer, genuine.clone(), now + Duration::from_secs(later));
            assert_eq!(outcome, Err(RefusalReason::UnexpectedResponse), "{later} s later");
        }
        let outputs = std::iter::from_fn(|| path.poll_output());
        let switched = outputs.filter(|output| matches!(output, PathOutput::Event(PathEvent::RoleSwitched { .. })));
        assert_eq!(switched.count(), 1);
        path.close().await;
    }
}

#[tokio::test]
async fn of_a_thousand_candidates_the_best_are_checked_and_the_rest_is_counted() {
    // The worst come first.
    let mut candidates: Vec<_> = (0..1000_u16)
        .map(|n| {
            let address = ([198, 51, (n / 250) as u8, (n % 250) as u8 + 1], 1000 + n).into();
            Candidate { address, priority: u32::from(n) + 1, ..candidate(&base(2, 0)) }
        })
        .collect();
    for bad in ["198.51.9.9:0", "224.0.0.1:5", "0.0.0.0:5", "255.255.255.255:5", "127.0.0.1:5"] {
        candidates.push(Candidate { address: bad.parse().unwrap(), ..candidate(&base(2, 0)) });
    }
    let mut alone = Alone::begin(Controlling, PACING, 2, &candidates).await;
    let (mut asked, mut dropped) = (BTreeSet::new(), BTreeMap::new());
    while let Some(output) = alone.next(Duration::from_secs(5)) {
        match output {
            PathOutput::Send { base, to, .. } => drop(asked.insert((base, to))),
            PathOutput::Event(PathEvent::Dropped { what, count }) => *dropped.entry(what).or_insert(0) += count,
            PathOutput::Event(_) => {}
        }
    }
    assert_eq!(asked.len(), 100);
    assert!(asked.iter().all(|(_, to)| to.port() >= 1950), "the best fifty, from two bases");
    let (candidates, pairs) = (dropped[&DropKind::Candidates], dropped[&DropKind::Pairs]);
    assert!(candidates >= 904 && pairs > 0, "{candidates} candidates and {pairs} pairs were dropped");
    alone.path.close().await;
}

#[tokio::test]
async fn requests_keep_the_pace_over_all_bases() {
    let pacing = Duration::from_millis(20);
    let candidates: Vec<_> = (0..4).map(|index| candidate(&base(2, index))).collect();
    let mut alone = Alone::begin(Controlling, pacing, 3, &candidates).await;
    let mut sent = Vec::new();
    while let Some(output) = alone.next(Duration::from_secs(2)) {
        if matches!(output, PathOutput::Send { .. }) {
            sent.push(alone.now);
        }
    }
    assert!(sent.len() >= 40, "{} requests for twelve pairs in two seconds", sent.len());
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] >= pacing), "{sent:?}");
    alone.path.close().await;
}
