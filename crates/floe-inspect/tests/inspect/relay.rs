//! Relayed checks inside the packets of a TURN client, and what the server itself says.

use floe_inspect::ladder::{Lane, MessageKind};
use floe_wire::{BaseId, BaseKind, CandidateType, Direction, Note, RelayProtocol, turn::ChannelData};

use crate::script::{GENERATION, Script, addr, candidate, turn_message as message, xor};

const SERVER: &str = "198.51.100.1:3478";
const RELAYED: &str = "198.51.100.1:50000";
const PEER: &str = "203.0.113.9:4000";
const CLIENT: BaseId = BaseId(8);
const RELAY: BaseId = BaseId(9);

/// A session with an allocation at [`RELAYED`], and the peer known.
fn allocated() -> Script {
    let mut script = Script::checking();
    let server = format!("turn:{SERVER}");
    let kind = BaseKind::TurnClient { server: server.clone(), transport: RelayProtocol::Udp };
    let (interface, address) = ("eth0".to_owned(), addr("192.168.1.2:5001"));
    script.note(Note::BaseOpened { base: CLIENT, interface: interface.clone(), address, kind });
    script.on(CLIENT, Direction::Outbound, SERVER, &message(0x0003, 1, &[]));
    script.wait(10).on(CLIENT, Direction::Inbound, SERVER, &message(0x0113, 1, &[(9, b"\0\0\x04\x01who".to_vec())]));
    script.on(CLIENT, Direction::Outbound, SERVER, &message(0x0003, 2, &[]));
    let lifetime = 600_u32.to_be_bytes().to_vec();
    let answer = message(0x0103, 2, &[(0x0016, xor(RELAYED)), (0x000D, lifetime)]);
    script.wait(10).on(CLIENT, Direction::Inbound, SERVER, &answer);
    let kind = BaseKind::Relay { client: CLIENT };
    script.note(Note::BaseOpened { base: RELAY, interface, address: addr(RELAYED), kind });
    let candidate = candidate(CandidateType::Relayed, RELAYED);
    script.note(Note::LocalCandidate { generation: GENERATION, base: RELAY, candidate, server: Some(server) });
    script
}

fn send(peer: &str, data: &[u8]) -> Vec<u8> {
    message(0x0016, 3, &[(0x0012, xor(peer)), (0x0013, data.to_vec())])
}

fn data(peer: &str, data: &[u8]) -> Vec<u8> {
    message(0x0017, 4, &[(0x0012, xor(peer)), (0x0013, data.to_vec())])
}

#[test]
fn relayed_checks_are_checks_of_the_relayed_pair() {
    let mut script = allocated();
    let request = script.write_check();
    script.on(CLIENT, Direction::Outbound, SERVER, &send(PEER, &request));
    let answer = Script::write_answer(&request, RELAYED);
    script.wait(40).on(CLIENT, Direction::Inbound, SERVER, &data(PEER, &answer));
    let pair = script.picture().pairs.iter().find(|pair| pair.id.base == RELAY).unwrap();
    assert_eq!((pair.id.remote, pair.requests_sent, pair.responses_received), (addr(PEER), 1, 1));
    assert_eq!(pair.rtt.unwrap().as_millis(), 40);
    assert!(script.picture().pairs.iter().all(|pair| pair.id.base != CLIENT), "a client is no part of a pair");
    let rows: Vec<_> =
        script.picture().ladder.rows(Some(&Lane::Pair(pair.id))).iter().map(|(_, row)| row.kind).collect();
    assert_eq!(rows, [MessageKind::Request, MessageKind::Success]);
}

#[test]
fn media_behind_a_channel_is_counted_for_the_relayed_pair_with_its_own_length() {
    let mut script = allocated();
    let bind = message(0x0009, 5, &[(0x000C, vec![0x40, 0, 0, 0]), (0x0012, xor(PEER))]);
    script.on(CLIENT, Direction::Outbound, SERVER, &bind);
    script.on(CLIENT, Direction::Inbound, SERVER, &message(0x0109, 5, &[]));
    for direction in [Direction::Outbound, Direction::Inbound, Direction::Inbound] {
        script.on(CLIENT, direction, SERVER, &ChannelData::encode(0x4000, &[0x80; 200], false));
    }
    let pair = script.picture().pairs.iter().find(|pair| pair.id.base == RELAY).unwrap();
    assert_eq!((pair.media_sent.packets, pair.media_received.packets), (1, 2));
    assert_eq!(pair.media_received.bytes, 400);
    assert_eq!(script.picture().relays[0].channels, 1);
    script.on(CLIENT, Direction::Inbound, SERVER, &ChannelData::encode(0x4001, &[0x80; 200], false));
    assert_eq!(script.picture().evidence.unplaced_relayed, 1);
}

#[test]
fn the_allocation_and_its_lifetime_are_told_and_the_first_challenge_is_no_error() {
    let script = allocated();
    let relay = &script.picture().relays[0];
    assert_eq!((relay.relayed[0], relay.lifetime.unwrap().as_secs()), (addr(RELAYED), 600));
    assert_eq!((relay.server.as_str(), relay.errors, &relay.last_error), ("turn:198.51.100.1:3478", 0, &None));
    let lane = Lane::Server { base: CLIENT, remote: addr(SERVER) };
    let rows = script.picture().ladder.rows(Some(&lane));
    assert_eq!(rows.iter().map(|(_, row)| row.method).collect::<Vec<_>>(), ["Allocate"; 4]);
}

#[test]
fn a_refusal_stays_until_the_same_request_succeeds() {
    let mut script = allocated();
    script.on(CLIENT, Direction::Outbound, SERVER, &message(0x0008, 6, &[]));
    let forbidden = message(0x0118, 6, &[(9, b"\0\0\x04\x03Forbidden".to_vec())]);
    script.on(CLIENT, Direction::Inbound, SERVER, &forbidden);
    let error = script.picture().relays[0].last_error.clone().unwrap();
    assert_eq!((error.method, error.code, error.reason.as_str()), ("CreatePermission", 403, "Forbidden"));
    script.on(CLIENT, Direction::Outbound, SERVER, &message(0x0008, 7, &[]));
    script.on(CLIENT, Direction::Inbound, SERVER, &message(0x0108, 7, &[]));
    assert_eq!(script.picture().relays[0].last_error, None);
}
