//! Every STUN message on the ladder: requests, retransmissions, answers, and what was lost.

use std::time::Duration;

use bytes::Bytes;
use floe_inspect::ladder::{Fate, LOST_AFTER, Lane, MESSAGES_KEPT, MessageKind, Outcome};
use floe_wire::{Direction, IceRole, Packet, RecordBody, Stamp, describe::Integrity, stun::IntegrityVerdict};

use crate::script::{ETH, PASSWORD, Script, addr, pair_id, two_nat_call};

const REMOTE: &str = "203.0.113.9:4000";

fn kinds(script: &Script, lane: Option<Lane>) -> Vec<MessageKind> {
    script.picture().ladder.rows(lane.as_ref()).iter().map(|(_, message)| message.kind).collect()
}

#[test]
fn a_call_is_ordered_into_lanes_of_pairs_and_servers() {
    let script = two_nat_call();
    let ladder = &script.picture().ladder;
    let server = |address| Lane::Server { base: ETH, remote: addr(address) };
    let lanes: Vec<_> = ladder.lanes().collect();
    assert_eq!(
        lanes,
        [
            (Lane::Pair(pair_id("192.168.7.7:6000")), 1),
            (Lane::Pair(pair_id(REMOTE)), 7),
            (server("198.51.100.1:3478"), 2),
            (server("198.51.100.2:3478"), 2)
        ]
    );
    assert_eq!(ladder.rows(None).len(), 12);
    assert_eq!(ladder.rows(Some(&server("198.51.100.9:1"))).len(), 0);
    let rows = ladder.rows(None);
    assert!((1..rows.len()).all(|row| rows.get(row - 1).unwrap().1.at <= rows.get(row).unwrap().1.at));
}

#[test]
fn an_exchange_ties_a_request_to_its_retransmission_and_its_answer() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.wait(500).sent(REMOTE, &request);
    script.wait(30).answered(REMOTE, &request, "192.168.1.2:5000");
    assert_eq!(kinds(&script, None), [MessageKind::Request, MessageKind::Retransmission, MessageKind::Success]);
    let ladder = &script.picture().ladder;
    let exchange = ladder.exchanges().next().unwrap();
    assert_eq!((exchange.transmissions, exchange.request, exchange.answer), (2, 0, Some(2)));
    assert_eq!(exchange.outcome, Outcome::Answered { rtt: None }, "nobody knows which copy was answered");
    assert!(ladder.rows(None).iter().all(|(_, message)| message.exchange == Some(0)));
}

#[test]
fn the_round_trip_stands_on_the_answer() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.wait(31).answered(REMOTE, &request, "192.168.1.2:5000");
    let answer = script.picture().ladder.message(1).unwrap();
    assert_eq!(answer.rtt, Some(Duration::from_millis(31)));
    let error = script.check(REMOTE);
    script.refused(REMOTE, &error, 487, "Role Conflict");
    assert_eq!(script.picture().ladder.message(3).unwrap().kind, MessageKind::Error { code: 487 });
    assert_eq!(script.picture().ladder.exchange(1).unwrap().outcome, Outcome::Refused { code: 487 });
}

#[test]
fn a_request_is_lost_after_a_while_and_a_late_answer_still_counts() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    let fate = |script: &Script, now| script.picture().ladder.exchange(0).unwrap().fate(now);
    assert_eq!(fate(&script, Stamp::ZERO), Fate::Waiting);
    assert_eq!(fate(&script, Stamp(LOST_AFTER)), Fate::Lost);
    script.wait(2_500).answered(REMOTE, &request, "192.168.1.2:5000");
    let rtt = Some(Duration::from_millis(2_500));
    assert_eq!(fate(&script, Stamp::from_millis(9_999)), Fate::Ended(Outcome::Answered { rtt }));
}

#[test]
fn an_answer_from_elsewhere_ends_nothing() {
    let mut script = Script::checking();
    let request = script.check(REMOTE);
    script.wait(10).answered("203.0.113.9:4999", &request, "192.168.1.2:5000");
    assert_eq!(script.picture().ladder.exchange(0).unwrap().outcome, Outcome::FromElsewhere);
    script.wait(10).answered(REMOTE, &request, "192.168.1.2:5000");
    let rtt = Some(Duration::from_millis(20));
    assert_eq!(script.picture().ladder.exchange(0).unwrap().outcome, Outcome::Answered { rtt });
}

#[test]
fn rows_tell_nomination_and_role_and_open_into_attributes() {
    let mut script = Script::checking();
    script.nominate(REMOTE);
    let message = script.picture().ladder.message(0).unwrap().clone();
    assert!(message.use_candidate && message.nomination == Some(1) && message.role == Some(IceRole::Controlling));
    let ladder = &script.picture().ladder;
    let description = ladder.describe(0, Some(PASSWORD)).unwrap();
    assert_eq!((description.title.as_str(), description.integrity), ("Binding request", Integrity::Valid));
    assert_eq!(ladder.describe(0, None).unwrap().integrity, Integrity::Unknown);
}

#[test]
fn what_was_found_of_the_integrity_while_recording_needs_no_password() {
    for (verdict, expected) in
        [(IntegrityVerdict::Valid, Integrity::Valid), (IntegrityVerdict::Wrong, Integrity::Wrong)]
    {
        let mut script = Script::checking();
        let (base, remote, bytes) = (ETH, REMOTE.parse().unwrap(), Bytes::from(script.write_check()));
        let wire_len = bytes.len() as u32;
        let packet = Packet { base, direction: Direction::Outbound, remote, bytes, wire_len, integrity: verdict };
        script.record(RecordBody::Packet(packet));
        let ladder = &script.picture().ladder;
        assert_eq!(ladder.describe(0, None).unwrap().integrity, expected);
        assert_eq!(ladder.describe(0, Some("typed by somebody else")).unwrap().integrity, expected);
    }
}

#[test]
fn strangers_and_damage_are_rows_of_no_pair() {
    let mut script = Script::checking();
    script.peer_checks_as("older", REMOTE, false);
    script.received(REMOTE, &[0, 1, 0, 9, 0x21, 0x12, 0xA4, 0x42, 1]);
    assert_eq!(kinds(&script, Some(Lane::Other)), [MessageKind::Request, MessageKind::Malformed]);
}

#[test]
fn the_newest_messages_stay_and_rows_are_found_by_time_in_every_lane() {
    let mut script = Script::checking();
    for n in 0..60_000_u64 {
        script.wait(50);
        let remote = if n.is_multiple_of(3) { "203.0.113.7:1" } else { REMOTE };
        let request = script.check(remote);
        script.answered(remote, &request, "192.168.1.2:5000");
        script.records.clear();
    }
    let ladder = &script.picture().ladder;
    assert!(ladder.rows(None).len() <= MESSAGES_KEPT && ladder.rows(None).len() > MESSAGES_KEPT - 1_000);
    assert_eq!(ladder.forgotten() as usize + ladder.rows(None).len(), 120_000);
    for lane in [None, Some(Lane::Pair(pair_id(REMOTE))), Some(Lane::Pair(pair_id("203.0.113.7:1")))] {
        let rows = ladder.rows(lane.as_ref());
        assert!(rows.iter().all(|(_, message)| lane.is_none_or(|lane| message.lane == lane)));
        let middle = rows.get(rows.len() / 2).unwrap().1.at;
        let found = rows.first_at(middle);
        assert!(rows.get(found).unwrap().1.at == middle && rows.get(found - 1).unwrap().1.at < middle);
        assert_eq!((rows.first_at(Stamp::ZERO), rows.first_at(Stamp(Duration::MAX))), (0, rows.len()));
        assert_eq!(rows.get(rows.len()), None);
    }
    let began = std::time::Instant::now();
    let copies: Vec<_> = (0..20).map(|_| ladder.clone()).collect();
    assert!(began.elapsed() < Duration::from_millis(5), "copies share their rows");
    assert!(copies.iter().all(|copy| copy == ladder));
}
