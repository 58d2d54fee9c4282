//! Two conversations, one message after the other.

use floe_transport::TapReceiver;
use floe_wire::{CandidateType, RecordBody, Stamp, peer::MediaDigest};

use super::*;

struct End {
    control: Control,
    notes: TapReceiver,
}

impl End {
    fn new() -> Self {
        let clock = Clock::start();
        let (tap, notes) = Tap::new(clock, 256);
        Self { control: Control::new(&tap, clock, false), notes }
    }

    async fn noted(&mut self, wanted: impl Fn(&Note) -> bool) -> bool {
        let mut batch = Vec::new();
        self.control.tap.note(Note::FirstAudio);
        self.notes.recv_many(&mut batch).await;
        batch.iter().any(|record| matches!(&record.body, RecordBody::Note(note) if wanted(note)))
    }
}

/// A record that says the same every time.
struct Told;

impl Recorded for Told {
    fn digest(&mut self) -> Digest {
        digest()
    }

    fn sightings(&mut self) -> Sightings {
        sightings()
    }
}

/// A record that nobody may ask.
struct Untold;

impl Recorded for Untold {
    fn digest(&mut self) -> Digest {
        panic!("no digest is wanted")
    }

    fn sightings(&mut self) -> Sightings {
        panic!("no sightings are wanted")
    }
}

fn sightings() -> Sightings {
    Sightings { until: Stamp::from_millis(5), ..Sightings::default() }
}

fn digest() -> Digest {
    Digest { media: MediaDigest { packets_received: 3, ..MediaDigest::default() }, ..Digest::default() }
}

fn candidate(port: u16) -> Candidate {
    Candidate {
        candidate_type: CandidateType::Host,
        protocol: Protocol::Udp,
        tcp_type: None,
        address: SocketAddr::from(([192, 0, 2, 7], port)),
        priority: 1,
        foundation: "1".to_owned(),
        related_address: None,
    }
}

/// Hands everything over until both are silent; gives what the two want done.
fn exchange(a: &mut End, b: &mut End, now: Instant) -> Vec<Request> {
    let mut requests = Vec::new();
    loop {
        a.control.on_time(now, 0, &mut Told);
        b.control.on_time(now, 0, &mut Told);
        let (to_b, to_a) = (a.control.poll_message(), b.control.poll_message());
        if to_a.is_none() && to_b.is_none() {
            return requests;
        }
        requests.extend(to_b.and_then(|message| b.control.on_message(&message, Instant::now())));
        requests.extend(to_a.and_then(|message| a.control.on_message(&message, Instant::now())));
    }
}

fn opened() -> (End, End, Instant) {
    let (mut a, mut b, now) = (End::new(), End::new(), Instant::now());
    a.control.on_opened(now);
    b.control.on_opened(now);
    (a, b, now)
}

#[tokio::test]
async fn both_ends_learn_features_digests_clocks_and_mute() {
    let (mut a, mut b, now) = opened();
    a.control.set_muted(true);
    exchange(&mut a, &mut b, now);
    exchange(&mut a, &mut b, now + DIGEST_INTERVAL);
    assert!(a.control.peer_can(Features::RESTART) && b.control.peer_can(Features::DIGEST));
    let mut batch = Vec::new();
    b.notes.recv_many(&mut batch).await;
    let notes: Vec<Note> = batch
        .into_iter()
        .filter_map(|record| if let RecordBody::Note(note) = record.body { Some(*note) } else { None })
        .collect();
    assert!(notes.contains(&Note::PeerMuted { muted: true }), "{notes:?}");
    assert!(notes.contains(&Note::PeerDigest(digest())), "{notes:?}");
    assert!(notes.contains(&Note::PeerSightings(sightings())), "{notes:?}");
    let compared =
        notes.iter().find_map(|note| if let Note::ClocksCompared(clocks) = note { Some(*clocks) } else { None });
    let clocks = compared.expect("clocks were compared");
    assert!(clocks.uncertainty < Duration::from_secs(1), "{clocks:?}");
}

#[tokio::test]
async fn a_peer_that_makes_nothing_of_sightings_is_not_told_any() {
    let (mut a, _, now) = opened();
    let hello = ControlMessage::Hello { version: 1, features: Features::RESTART.union(Features::DIGEST) };
    a.control.on_message(&hello.encode(), now);
    a.control.on_time(now, 0, &mut Told);
    let told: Vec<_> =
        std::iter::from_fn(|| a.control.poll_message()).map(|bytes| ControlMessage::decode(&bytes)).collect();
    assert!(told.contains(&Ok(ControlMessage::Digest(digest()))), "{told:?}");
    assert!(!told.iter().any(|message| matches!(message, Ok(ControlMessage::Sightings(_)))), "{told:?}");
}

#[tokio::test]
async fn only_candidates_that_the_peer_lacks_are_told() {
    let (mut a, mut b, now) = opened();
    let generation = Generation(0);
    a.control.note_told(&[candidate(1)]);
    a.control.tell_candidates(generation, &[candidate(1), candidate(2)]);
    a.control.tell_candidates(generation, &[candidate(2)]);
    let added = Request::AddCandidate { generation, candidate: candidate(2) };
    assert_eq!(exchange(&mut a, &mut b, now), [added]);
}

#[tokio::test]
async fn a_flood_of_candidates_is_cut() {
    let (_, mut b, now) = opened();
    let generation = Generation(0);
    let flood = (1..=200).map(|port| ControlMessage::Candidate { generation, candidate: candidate(port) }.encode());
    let taken = flood.filter_map(|message| b.control.on_message(&message, now)).count();
    assert_eq!(taken, MOST_LATE_CANDIDATES);
    assert!(b.noted(|note| matches!(note, Note::Dropped { what: DropKind::Candidates, .. })).await);
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_and_passed_over() {
    let (_, mut b, now) = opened();
    for message in [&[][..], &[250, 1, 2], &[1]] {
        assert_eq!(b.control.on_message(message, now), None);
    }
    assert!(b.noted(|note| *note == Note::Dropped { what: DropKind::ControlMessages, count: 1 }).await);
}

#[tokio::test]
async fn a_congested_channel_is_spared_digests() {
    let (mut a, mut b, now) = opened();
    exchange(&mut a, &mut b, now);
    a.control.on_time(now + DIGEST_INTERVAL, CONGESTED + 1, &mut Untold);
    assert_eq!(a.control.poll_message(), None);
    assert_eq!(a.control.poll_timeout(), Some(now + 2 * DIGEST_INTERVAL));
}

#[tokio::test]
async fn nothing_is_said_into_a_closed_channel() {
    let mut a = End::new();
    a.control.set_muted(true);
    a.control.say_goodbye();
    assert_eq!(a.control.poll_message(), None);
    a.control.on_opened(Instant::now());
    a.control.on_closed("it left".to_owned());
    assert_eq!((a.control.poll_message(), a.control.poll_timeout()), (None, None));
    assert!(!a.control.peer_can(Features::RESTART));
}
