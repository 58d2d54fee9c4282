//! Earlier moments of a record of which the other side told, or was added, afterwards.

use std::time::Duration;

use floe_inspect::{
    History, Picture,
    directions::directions,
    ladder::Lane,
    peer::{ChannelView, PeerPair},
    side::side_of,
};
use floe_wire::{
    Candidate, CandidateType, Direction, Generation, Note, Record, RecordBody, Stamp,
    peer::{ClockComparison, PairDigest, RestartCause},
};

use super::{
    script::{GENERATION, Script, addr, candidate},
    sides::{Both, PEER, US},
};

/// What the other side would have told at a moment, had there been a channel, and what our cells would have said then.
struct Told {
    at: Stamp,
    pairs: Vec<PairDigest>,
    why: Vec<String>,
}

/// A call whose other side tells nothing before it is over.
struct Call {
    both: Both,
    told: Vec<Told>,
}

impl Call {
    fn begin() -> Self {
        Self { both: Both::checking(), told: Vec::new() }
    }

    /// Remembers what could be told by now.
    fn remember(&mut self) {
        let Both { ours, theirs } = &mut self.both;
        ours.tick();
        theirs.tick();
        let digest = side_of(theirs.picture()).digest;
        let at = ours.picture().at;
        let mut live = ours.inspector.clone();
        for note in [Note::ControlOpened, Note::PeerDigest(digest.clone())] {
            live.ingest(&Record { at, body: RecordBody::note(note) });
        }
        self.told.push(Told { at, pairs: digest.pairs, why: whys(live.picture()) });
    }

    /// Remembers the moment after a while; what comes next is later.
    fn wait(&mut self, ms: u64) {
        self.both.wait(ms);
        self.remember();
        self.both.wait(1);
    }

    /// The record with the other side added after five seconds in which nothing happened, and what was to be told.
    fn end(mut self) -> (History, Vec<Told>) {
        self.both.wait(5_000);
        self.both.ours.tick();
        self.both.theirs.tick();
        self.both.add_theirs();
        (history(&self.both.ours), self.told)
    }
}

fn history(ours: &Script) -> History {
    let mut history: History = ours.records.iter().cloned().collect();
    history.tick(ours.picture().at);
    history
}

fn whys(picture: &Picture) -> Vec<String> {
    picture.pairs.iter().map(|pair| pair.why.clone()).collect()
}

/// What is told of pairs, whatever named them.
fn counts(pairs: impl IntoIterator<Item = PairDigest>) -> Vec<PairDigest> {
    let mut pairs: Vec<_> = pairs.into_iter().map(|pair| PairDigest { newest_request: None, ..pair }).collect();
    pairs.sort_by_key(|pair| (pair.generation, pair.remote));
    pairs
}

fn seen(picture: &Picture) -> Vec<PairDigest> {
    counts(picture.peer.pairs.iter().map(|PeerPair { seen, .. }| *seen))
}

/// A check that gets lost on its way to us.
fn lost_check(both: &mut Both) {
    let request = both.ours.write_peer_check();
    both.theirs.sent(US, &request);
}

#[test]
fn every_moment_says_what_the_other_side_had_counted_by_then() {
    let mut call = Call::begin();
    call.wait(300);
    call.both.check(Some(20), None);
    call.wait(480);
    call.both.check(None, None);
    call.wait(500);
    call.both.is_checked(20, 20);
    call.wait(460);
    lost_check(&mut call.both);
    call.wait(700);
    call.both.check(Some(20), None);
    call.wait(980);
    restart(&mut call.both);
    call.wait(1_200);
    call.both.wait(4_000);
    call.wait(2_000);
    let (mut history, told) = call.end();
    for told in &told {
        let picture = history.picture_at(told.at);
        assert_eq!(seen(&picture), counts(told.pairs.iter().copied()), "at {}", told.at);
        assert_eq!(picture.peer.channel, history.latest().peer.channel, "at {}", told.at);
    }
    // The sentences, as soon as a check had a second to arrive.
    for told in told.iter().filter(|told| told.at >= Stamp::from_millis(1_300)) {
        assert_eq!(whys(&history.picture_at(told.at)), told.why, "at {}", told.at);
    }
    let said: Vec<_> = told.iter().filter_map(|told| told.why.first()?.split("; ").last()).collect();
    for word in ["the peer saw 1 of them and sent 1 answer", "the peer saw 2 of them and sent 2 answers"] {
        assert!(said.contains(&word), "{said:?}");
    }
}

/// Both sides begin generation 1, one check of which arrives.
fn restart(both: &mut Both) {
    let generation = Generation(1);
    let remote = |address: &str| -> Candidate { candidate(CandidateType::ServerReflexive, address) };
    for (script, ufrags, peer, cause) in [
        (&mut both.ours, ["mine1", "peer1"], PEER, RestartCause::Asked),
        (&mut both.theirs, ["peer1", "mine1"], US, RestartCause::Peer),
    ] {
        let [own, others] = ufrags.map(str::to_owned);
        script.note(Note::RestartStarted { generation, cause });
        script.note(Note::LocalCredentials { generation, ufrag: own });
        script.note(Note::RemoteCredentials { generation, ufrag: others });
        script.note(Note::RemoteCandidate { generation, candidate: remote(peer) });
    }
    for arrives in [true, false] {
        let request = both.ours.encode("peer1", "mine1", None);
        both.ours.sent(PEER, &request);
        both.wait(20);
        if arrives {
            both.theirs.received(US, &request);
            both.theirs.answer(US, &request);
        }
    }
}

#[test]
fn a_restart_begins_anew_with_what_the_other_side_sees() {
    let mut call = Call::begin();
    call.both.check(Some(20), None);
    call.both.is_checked(20, 20);
    call.both.wait(2_000);
    let before = call.both.ours.tick().picture().at;
    restart(&mut call.both);
    call.both.wait(1_500);
    let after = call.both.ours.tick().picture().at;
    let (mut history, _) = call.end();
    let generations =
        |picture: &Picture| picture.peer.pairs.iter().map(|pair| pair.seen.generation).collect::<Vec<_>>();
    assert_eq!(generations(&history.picture_at(before)), [GENERATION]);
    let picture = history.picture_at(after);
    let mut found = generations(&picture);
    found.sort();
    assert_eq!(found, [GENERATION, Generation(1)]);
    let pair = picture.pairs.iter().find(|pair| pair.id.generation == Generation(1)).expect("it was checked");
    assert!(pair.why.contains("the peer saw 1 of them and sent 1 answer"), "{}", pair.why);
}

#[test]
fn before_anything_happened_nothing_was_seen_and_nothing_is_said() {
    let mut call = Call::begin();
    call.wait(5_000);
    call.both.check(Some(20), None);
    call.both.is_checked(20, 20);
    let (mut history, told) = call.end();
    let picture = history.picture_at(told[0].at);
    assert_eq!((seen(&picture), directions(&picture).is_known()), (vec![], false));
    assert!(whys(&picture).iter().all(|why| !why.contains("the peer saw")), "{:?}", whys(&picture));
    assert!(picture.peer.clock_log.at(picture.at).is_some(), "the clocks did not begin with the checks");
}

#[test]
fn the_end_is_the_latest_picture_and_the_moment_before_it_says_the_same() {
    let mut call = Call::begin();
    call.both.check(Some(20), None);
    call.both.wait(500);
    call.both.is_checked(20, 20);
    lost_check(&mut call.both);
    call.both.wait(500);
    call.both.check(None, None);
    let (mut history, _) = call.end();
    let (_, end) = history.span();
    assert_eq!(*history.picture_at(end), *history.latest());
    let before = history.picture_at(Stamp(end.0 - Duration::from_millis(1)));
    assert_eq!((seen(&before), whys(&before)), (seen(history.latest()), whys(history.latest())));
    assert_eq!(directions(&before), directions(history.latest()));
    assert_eq!(before.peer.clock_log, history.latest().peer.clock_log);
}

#[test]
fn directions_have_their_delays_and_their_checks_at_every_moment() {
    let mut call = Call::begin();
    call.both.ours.select(PEER);
    for _ in 0..20 {
        call.both.check(Some(20), Some(20));
        call.both.is_checked(20, 20);
        call.wait(920);
    }
    let (mut history, told) = call.end();
    for (round, told) in told.iter().enumerate() {
        let picture = history.picture_at(told.at);
        let (count, found) = (round as u64 + 1, directions(&picture));
        assert_eq!((found.there.checks, found.here.checks), (Some((count, count)), Some((count, count))));
        let delay = found.there.delay.expect("messages of both records tell it");
        assert_eq!((delay.median.as_millis(), delay.uncertainty.as_millis()), (20, 20));
        let newest = picture.series.delay_there_ms.last().map(|sample| sample.at);
        assert!(newest.is_some_and(|newest| newest <= told.at && told.at.since(newest).as_millis() <= 1_000));
        assert!(!picture.peer.has_told_of(told.at), "what is under way is not lost");
    }
}

#[test]
fn in_a_gap_of_what_the_other_side_tells_nothing_is_said_of_it() {
    let mut call = Call::begin();
    call.both.check(Some(20), None);
    call.both.is_checked(20, 20);
    call.both.wait(20_000);
    call.both.check(Some(20), None);
    call.both.is_checked(20, 20);
    call.both.wait(3_000);
    call.both.ours.tick();
    call.both.theirs.tick();
    let mut side = side_of(call.both.theirs.picture());
    let mut end = side.sightings[0].clone();
    let [since, until] = [Stamp::from_millis(10_000), Stamp::from_millis(20_000)];
    side.sightings[0].list.retain(|sighting| sighting.at < since);
    side.sightings[0].until = since;
    end.list.retain(|sighting| sighting.at > until);
    end.since = until;
    side.sightings.push(end);
    call.both.add(&side);
    let mut history = history(&call.both.ours);
    let word = |ms: u64, history: &mut History| {
        let why = whys(&history.picture_at(Stamp::from_millis(ms))).remove(0);
        why.split_once("the peer saw ").map(|(_, word)| word.to_owned())
    };
    // Their clock is three seconds ahead: the gap is from 7 s to 17 s of ours.
    assert_eq!(word(6_000, &mut history).as_deref(), Some("1 of them and sent 1 answer"));
    assert_eq!(word(12_000, &mut history), None);
    assert_eq!(word(19_000, &mut history).as_deref(), Some("1 of them and sent 1 answer"), "counted from the end");
    assert_eq!(word(22_000, &mut history).as_deref(), Some("2 of them and sent 2 answers"));
}

#[test]
fn what_the_other_side_never_saw_it_had_not_seen_before_although_no_clock_is_known() {
    let mut call = Call::begin();
    call.both.check(None, None);
    lost_check(&mut call.both);
    call.wait(2_000);
    let (mut history, told) = call.end();
    assert_eq!(history.latest().peer.channel, ChannelView::Added { matched: 0 });
    let picture = history.picture_at(told[0].at);
    let [why] = &whys(&picture)[..] else { panic!("one pair is checked") };
    assert!(why.ends_with("the peer saw none of them"), "{why}");
    let found = directions(&picture);
    assert_eq!((found.there.checks, found.here.checks), (Some((1, 0)), None), "when it sent its check nobody knows");
}

#[test]
fn a_side_copied_in_the_middle_of_a_call_does_not_judge_what_came_after() {
    let mut call = Call::begin();
    call.both.is_checked(20, 20);
    call.both.wait(2_000);
    call.both.theirs.tick();
    let side = side_of(call.both.theirs.picture());
    call.both.wait(1_000);
    call.both.check(None, None);
    call.both.wait(10_000);
    call.both.ours.tick();
    call.both.add(&side);
    let mut history = history(&call.both.ours);
    let (_, end) = history.span();
    for at in [Stamp(end.0 - Duration::from_secs(1)), end] {
        let picture = history.picture_at(at);
        assert!(whys(&picture).iter().all(|why| !why.contains("the peer saw")), "{:?}", whys(&picture));
        assert_eq!(seen(&picture).len(), 1, "at {at}");
    }
}

#[test]
fn a_side_added_to_a_call_that_goes_on_leaves_what_was_told_in_it() {
    let mut call = Call::begin();
    call.both.check(Some(20), None);
    call.both.is_checked(20, 20);
    call.both.wait(3_000);
    let digest = side_of(call.both.theirs.tick().picture()).digest;
    call.both.ours.note(Note::ControlOpened).note(Note::PeerDigest(digest)).tick();
    let open = call.both.ours.picture().peer.clone();
    call.both.wait(1_000);
    let told_at = call.both.ours.tick().picture().at;
    let (mut history, _) = call.end();
    let picture = history.picture_at(told_at);
    assert_eq!(picture.peer, open);
    let lanes = picture.ladder.lanes().filter(|(lane, _)| matches!(lane, Lane::Pair(_))).count();
    assert_eq!((lanes, addr(PEER).port()), (1, 4000));
    let rows = history.latest().ladder.rows(None);
    assert!(rows.iter().any(|(_, message)| message.direction == Direction::Outbound && message.there.is_some()));
}

#[test]
fn before_the_channel_opens_a_moment_has_what_the_other_side_told_of_it_later() {
    let mut call = Call::begin();
    call.both.check(Some(20), None);
    call.wait(1_500);
    call.both.check(None, None);
    call.both.is_checked(20, 20);
    call.wait(1_500);
    let Both { ours, theirs } = &mut call.both;
    let (told, digest) = (theirs.inspector.sightings(128), side_of(theirs.tick().picture()).digest);
    let clocks = ClockComparison { offset_us: 3_000_000, uncertainty: Duration::from_millis(5) };
    ours.note(Note::ControlOpened).note(Note::ClocksCompared(clocks));
    ours.note(Note::PeerSightings(told)).note(Note::PeerDigest(digest)).wait(5_000).tick();
    let mut history = history(ours);
    for told in &call.told {
        let picture = history.picture_at(told.at);
        assert_eq!(seen(&picture), counts(told.pairs.iter().copied()), "at {}", told.at);
        assert_eq!((whys(&picture), &picture.peer.channel), (told.why.clone(), &ChannelView::None), "at {}", told.at);
    }
    let (_, end) = history.span();
    let open = history.picture_at(Stamp(end.0 - Duration::from_millis(1)));
    assert_eq!(open.peer, history.latest().peer, "from its first digest on, what it told stands");
}
