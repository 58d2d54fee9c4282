//! Two records of one call laid side by side after the fact.

use floe_inspect::{
    Inspector, Picture,
    directions::{Worse, directions},
    ladder::BothRow,
    peer::ChannelView,
    side::{NotTheOtherSide, add_side, side_of},
};
use floe_wire::{CandidateType, Direction, Note, SightedKind, side::SideDigest, stun::binding_success};

use super::script::{ETH, GENERATION, PASSWORD, Script, addr, candidate};

/// Where we see the peer, and where the peer sees us: a NAT stands before either.
pub const PEER: &str = "203.0.113.9:4000";
pub const US: &str = "198.51.100.77:61000";

/// Two records of one call; the peer's began three seconds before ours.
pub struct Both {
    pub ours: Script,
    pub theirs: Script,
}

impl Both {
    pub fn checking() -> Self {
        let mut theirs = Script::new();
        theirs.open_base(ETH, "eth0", "192.168.1.9:5000");
        theirs.note(Note::LocalCredentials { generation: GENERATION, ufrag: "peer".to_owned() });
        theirs.note(Note::RemoteCredentials { generation: GENERATION, ufrag: "mine".to_owned() });
        theirs.remote(candidate(CandidateType::ServerReflexive, US));
        theirs.wait(3_000);
        Self { ours: Script::checking(), theirs }
    }

    pub fn wait(&mut self, ms: u64) {
        self.ours.wait(ms);
        self.theirs.wait(ms);
    }

    /// We check the peer: so many milliseconds there and back, if it gets there and back.
    pub fn check(&mut self, there: Option<u64>, back: Option<u64>) {
        let request = self.ours.check(PEER);
        let Some(there) = there else { return };
        self.wait(there);
        self.theirs.received(US, &request);
        let answer = binding_success(&request, addr(US), Some(PASSWORD)).expect("it is a request");
        self.theirs.sent(US, &answer);
        let Some(back) = back else { return };
        self.wait(back);
        self.ours.received(PEER, &answer);
    }

    /// The peer checks us.
    pub fn is_checked(&mut self, there: u64, back: u64) {
        let request = self.ours.write_peer_check();
        self.theirs.sent(US, &request);
        self.wait(there);
        self.ours.received(PEER, &request);
        let answer = binding_success(&request, addr(PEER), Some(PASSWORD)).expect("it is a request");
        self.ours.sent(PEER, &answer);
        self.wait(back);
        self.theirs.received(US, &answer);
    }

    pub fn add(&mut self, side: &SideDigest) {
        for note in add_side(self.ours.picture(), side).expect("it is the other side") {
            self.ours.note(note);
        }
        self.ours.tick();
    }

    pub fn add_theirs(&mut self) {
        let side = side_of(self.theirs.picture());
        self.add(&side);
    }
}

/// How many messages of the ladder are known at both ends.
fn known(picture: &Picture) -> usize {
    let rows = picture.ladder.rows(None);
    rows.iter().filter(|(_, message)| message.there.is_some()).count()
}

#[test]
fn both_records_together_tell_what_each_end_saw_and_how_the_clocks_stand() {
    let mut both = Both::checking();
    for _ in 0..5 {
        both.check(Some(20), Some(30));
        both.wait(500);
        both.is_checked(30, 20);
    }
    both.add_theirs();
    let picture = both.ours.picture();
    assert_eq!(known(picture), 20);
    assert_eq!(picture.peer.channel, ChannelView::Added { matched: 20 });
    let clocks = picture.peer.clock_log.at(picture.at).expect("there are messages in both directions");
    let error = (clocks.offset_us - 3_000_000).unsigned_abs();
    assert!(u128::from(error) <= clocks.uncertainty.as_micros() && clocks.uncertainty.as_millis() == 25, "{clocks:?}");
}

#[test]
fn a_cell_says_what_the_peer_saw_as_it_would_have_in_the_call() {
    let (mut after, mut live) = (Both::checking(), Both::checking());
    for both in [&mut after, &mut live] {
        both.check(Some(20), None);
        both.wait(500);
        both.check(None, None);
        both.wait(3_000);
    }
    let digest = live.theirs.inspector.digest(64);
    live.ours.note(Note::ControlOpened).note(Note::PeerDigest(digest)).tick();
    after.add_theirs();
    let (live, after) = (live.ours.pair(PEER).why.clone(), after.ours.pair(PEER).why.clone());
    assert_eq!(live, after);
    assert!(after.ends_with("the peer saw 1 of them and sent 1 answer"), "{after}");
}

#[test]
fn a_blocked_direction_is_named_although_no_answer_ever_came() {
    let mut both = Both::checking();
    both.is_checked(20, 0);
    for _ in 0..4 {
        both.wait(500);
        both.check(None, None);
    }
    both.wait(5_000);
    both.add_theirs();
    let found = directions(both.ours.picture());
    assert_eq!(found.worse, None, "their check arrived, and our answer to it");
    let mut both = Both::checking();
    for _ in 0..4 {
        both.wait(500);
        both.check(None, None);
        let request = both.ours.write_peer_check();
        both.theirs.sent(US, &request);
        both.wait(20);
        both.ours.received(PEER, &request);
    }
    both.wait(5_000);
    both.add_theirs();
    let found = directions(both.ours.picture());
    assert_eq!(found.worse, Some(Worse::There), "{found:?}");
    assert_eq!(found.sentences, ["Our direction is blocked: none of 4 checks arrived there, 4 of theirs arrived here"]);
    assert_eq!(known(both.ours.picture()), 4, "the clocks are known well enough to draw them");
}

#[test]
fn two_sides_without_a_message_in_common_belong_together_by_their_user_fragments() {
    let mut both = Both::checking();
    both.check(None, None);
    both.wait(5_000);
    both.add_theirs();
    let picture = both.ours.picture();
    assert_eq!(picture.peer.channel, ChannelView::Added { matched: 0 });
    assert!(picture.peer.clock_log.is_empty(), "nothing tells how the clocks stand");
    assert!(both.ours.pair(PEER).why.ends_with("the peer saw none of them"), "{}", both.ours.pair(PEER).why);
}

#[test]
fn one_s_own_side_and_that_of_another_call_are_refused_by_name() {
    let mut both = Both::checking();
    both.check(Some(20), Some(30));
    let own = side_of(both.ours.picture());
    assert_eq!(add_side(both.ours.picture(), &own), Err(NotTheOtherSide::OwnSide));
    let unnamed = SideDigest { own_fragments: vec![], peer_fragments: vec![], ..own };
    assert_eq!(add_side(both.ours.picture(), &unnamed), Err(NotTheOtherSide::OwnSide), "its messages tell");
    let mut other = Script::new();
    other.open_base(ETH, "eth0", "192.168.1.9:5000");
    other.note(Note::LocalCredentials { generation: GENERATION, ufrag: "else".to_owned() });
    other.note(Note::RemoteCredentials { generation: GENERATION, ufrag: "nobody".to_owned() });
    let other = side_of(other.picture());
    assert_eq!(add_side(both.ours.picture(), &other), Err(NotTheOtherSide::OtherCall));
    assert_eq!(add_side(both.ours.picture(), &SideDigest::default()), Err(NotTheOtherSide::OtherCall));
}

#[test]
fn a_slow_direction_shows_after_the_fact_if_the_path_was_quick_before() {
    let mut both = Both::checking();
    both.ours.select(PEER);
    both.check(Some(10), Some(10));
    both.is_checked(10, 10);
    for _ in 0..30 {
        both.wait(1_000);
        both.check(Some(10), Some(150));
    }
    both.add_theirs();
    let found = directions(both.ours.picture());
    assert_eq!(found.worse, Some(Worse::Here), "{found:?}");
    assert!(found.sentences[0].starts_with("Their packets reach you late: 150 ms"), "{:?}", found.sentences);
}

#[test]
fn a_side_may_be_added_twice_or_to_a_call_that_was_told_meanwhile() {
    let mut both = Both::checking();
    for _ in 0..3 {
        both.check(Some(20), Some(30));
        both.wait(900);
    }
    let told = both.theirs.inspector.sightings(128);
    both.ours.note(Note::PeerSightings(told));
    both.add_theirs();
    let once = (known(both.ours.picture()), both.ours.picture().series.delay_there_ms.len());
    both.add_theirs();
    assert_eq!((known(both.ours.picture()), both.ours.picture().series.delay_there_ms.len()), once);
    assert_eq!(once.0, 6);
}

#[test]
fn a_long_side_keeps_its_beginning_and_its_end() {
    let mut script = Script::checking();
    for _ in 0..8_000 {
        script.wait(5).check(PEER);
    }
    let side = side_of(script.picture());
    assert_eq!(side.sightings.iter().map(|span| span.list.len()).collect::<Vec<_>>(), [2_000, 4_000]);
    assert!(side.sightings[0].until < side.sightings[1].since, "the gap is told");
    assert!(side.sightings.iter().flat_map(|span| &span.list).all(|seen| seen.direction == Direction::Outbound));
}

#[test]
fn hostile_sides_neither_panic_nor_grow() {
    use floe_wire::{SightedKind, Sighting, Sightings, Stamp, peer::PairDigest};
    use std::time::Duration;
    let mut both = Both::checking();
    both.check(Some(20), Some(30));
    let theirs = side_of(both.theirs.picture());
    let far = Stamp(Duration::from_micros(u64::MAX));
    let mut hostile = theirs.clone();
    for told in &mut hostile.sightings {
        (told.since, told.until) = (far, Stamp::ZERO);
        for sighting in &mut told.list {
            sighting.at = far;
        }
        told.list.extend((0..50_000).map(|key| Sighting {
            key,
            kind: SightedKind::Media,
            direction: Direction::Inbound,
            at: Stamp::ZERO,
        }));
    }
    hostile.sightings.extend((0..500).map(|_| Sightings { since: far, until: far, list: vec![] }));
    let pair = PairDigest {
        generation: GENERATION,
        base: ETH,
        remote: addr(US),
        requests_sent: u32::MAX,
        responses_received: u32::MAX,
        requests_received: u32::MAX,
        responses_sent: u32::MAX,
        newest_request: Some(7),
    };
    hostile.digest.pairs = (0..2_000).map(|port| PairDigest { base: floe_wire::BaseId(port), ..pair }).collect();
    for note in add_side(both.ours.picture(), &hostile).expect("its fragments fit") {
        both.ours.note(note);
    }
    both.ours.tick();
    let picture = both.ours.picture();
    assert!(picture.peer.pairs.len() <= 400 && picture.peer.told_spans.len() <= 16);
    let _ = directions(picture);
    let mut again = Inspector::new();
    for record in &both.ours.records {
        again.ingest(record);
    }
}

#[test]
fn what_only_the_other_side_has_stands_among_our_messages() {
    let mut both = Both::checking();
    both.check(Some(20), Some(20));
    both.wait(1_000);
    // Two checks of the peer: one arrives, one does not.
    both.is_checked(20, 20);
    both.wait(500);
    let lost = both.ours.write_peer_check();
    both.theirs.sent(US, &lost);
    both.wait(500);
    both.check(Some(20), Some(20));
    both.wait(4_000);
    both.ours.tick();
    both.theirs.tick();
    both.add_theirs();
    let ladder = &both.ours.picture().ladder;
    let [alone] = ladder.theirs() else { panic!("{:?}", ladder.theirs()) };
    assert_eq!((alone.kind, alone.direction), (SightedKind::Request, Direction::Outbound));
    let rows = ladder.both_rows();
    let all: Vec<_> = (0..rows.len()).filter_map(|row| rows.get(row)).collect();
    assert_eq!(all.len(), ladder.rows(None).len() + 1);
    assert!(all.is_sorted_by_key(BothRow::at), "{all:?}");
    for (row, found) in all.iter().enumerate() {
        match found {
            BothRow::Ours(..) => {}
            BothRow::Theirs(message) => assert_eq!(rows.first_at(message.at), row),
        }
        assert_eq!(rows.row_of(found.id()), Some(row));
    }
    // The same side once more says nothing new.
    both.add_theirs();
    assert_eq!(both.ours.picture().ladder.theirs().len(), 1);
}
