//! Several sessions in one file, restarts, relays over UDP, and who is "us".

use std::ops::ControlFlow;

use floe_capture::{
    Import, ImportOptions, import,
    import::{Session, Us, Why},
};
use floe_wire::{
    BaseId, BaseKind, Direction, Generation, Note, Record, RelayProtocol,
    stun::{Check, TransactionId, binding_success},
};

use crate::{
    call::{Call, PEER, RELAYED, addr, media, turn, xor_address},
    export::export,
    files::{Link, Raw, pcap, raw_packets},
    import::fold,
};

const SERVER: &str = "198.51.100.1:3478";

fn request(number: u8, receiver: &str, sender: &str, controlling: bool) -> Vec<u8> {
    let check = Check {
        transaction: TransactionId([number; 12]),
        remote_ufrag: receiver,
        local_ufrag: sender,
        remote_password: "any-password-of-24-chars",
        priority: 1_845_501_695,
        controlling,
        tie_breaker: 7,
        nomination: None,
    };
    check.encode()
}

/// One check and its answer, ours or the peer's.
fn exchange(call: &mut Call, base: BaseId, remote: &str, (number, ours, theirs): (u8, &str, &str), is_ours: bool) {
    let (receiver, sender) = if is_ours { (theirs, ours) } else { (ours, theirs) };
    let request = request(number, receiver, sender, is_ours);
    let answer = binding_success(&request, addr("203.0.113.21:5000"), Some("any-password-of-24-chars")).unwrap();
    let (first, second) =
        if is_ours { (Direction::Outbound, Direction::Inbound) } else { (Direction::Inbound, Direction::Outbound) };
    call.wait(1_000).packet(base, first, remote, &request, request.len());
    call.wait(9_000).packet(base, second, remote, &answer, answer.len());
}

/// The records as a capture that tells no direction.
fn captured(records: &[Record]) -> Vec<u8> {
    let packets: Vec<Raw> = raw_packets(&export(records)).iter().map(|raw| Link::Ethernet.wrap(raw)).collect();
    pcap(1, &packets, false, true)
}

fn open(records: &[Record], session: Option<&str>) -> Import {
    let options = ImportOptions { session: session.map(str::to_owned), swap_sides: false };
    import(&captured(records)[..], &options, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn udp(call: &mut Call, base: u32, address: &str) -> BaseId {
    call.open(BaseId(base), address, BaseKind::Udp);
    BaseId(base)
}

#[test]
fn sessions_of_one_machine_are_listed_and_chosen_and_the_machine_is_us() {
    let mut call = Call::new();
    let (first, second) = (udp(&mut call, 1, "203.0.113.77:5000"), udp(&mut call, 2, "203.0.113.77:5001"));
    exchange(&mut call, first, "198.51.100.7:4000", (1, "aaaa", "bbbb"), false);
    exchange(&mut call, second, "198.51.100.8:4000", (2, "cccc", "dddd"), false);
    exchange(&mut call, second, "198.51.100.8:4000", (3, "cccc", "dddd"), true);

    let import = open(&call.records, None);
    let names = |session: &Session| session.generations.clone();
    assert_eq!(
        import.sessions.iter().map(names).collect::<Vec<_>>(),
        [vec![["aaaa".to_owned(), "bbbb".to_owned()]], vec![["cccc".to_owned(), "dddd".to_owned()]],]
    );
    assert_eq!(import.chosen, Some(1), "the one with more checks");
    assert_eq!(import.us, Some(Us { side: 0, why: Why::InMoreSessions }));

    let import = open(&call.records, Some("bbbb"));
    assert_eq!(import.chosen, Some(0));
    let picture = fold(&import.records);
    assert_eq!((picture.pairs.len(), picture.pairs[0].id.remote), (1, addr("198.51.100.7:4000")));
    assert_eq!(picture.pairs[0].requests_received, 1);
}

#[test]
fn a_restart_on_the_same_path_is_a_generation_of_the_same_session() {
    let mut call = Call::new();
    let base = udp(&mut call, 1, "192.168.1.2:5000");
    exchange(&mut call, base, PEER, (1, "zzzz", "bbbb"), true);
    // The order of the alphabet must not decide who is who.
    exchange(&mut call, base, PEER, (2, "aaaa", "yyyy"), true);
    exchange(&mut call, base, PEER, (3, "aaaa", "yyyy"), false);

    let import = open(&call.records, None);
    assert_eq!(import.sessions.len(), 1);
    let picture = fold(&import.records);
    let ids: Vec<_> = picture.pairs.iter().map(|pair| (pair.id.generation, pair.id.remote)).collect();
    assert!(ids.contains(&(Generation(0), addr(PEER))) && ids.contains(&(Generation(1), addr(PEER))), "{ids:?}");
    let credentials: Vec<_> = import
        .records
        .iter()
        .filter_map(|record| match record.body.as_note() {
            Some(Note::LocalCredentials { generation, ufrag }) => Some((generation.0, ufrag.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(credentials, [(0, "zzzz"), (1, "aaaa")]);
}

/// A browser's restart changes the sockets of both sides, and each side's new fragment may meet the other's old one.
#[test]
fn a_restart_on_new_sockets_is_a_generation_of_the_same_session() {
    let mut call = Call::new();
    let (old, new) = (udp(&mut call, 1, "192.168.1.2:5000"), udp(&mut call, 2, "192.168.1.2:5001"));
    exchange(&mut call, old, PEER, (1, "aaaa", "bbbb"), true);
    exchange(&mut call, new, PEER, (2, "cccc", "bbbb"), true);
    exchange(&mut call, new, "203.0.113.9:4444", (3, "cccc", "dddd"), true);
    // Somebody else behind the peer's address.
    exchange(&mut call, new, "203.0.113.9:4999", (4, "zzzz", "yyyy"), true);

    let import = open(&call.records, None);
    let names = |session: &Session| session.generations.iter().map(|names| names.concat()).collect::<Vec<_>>();
    assert_eq!(
        import.sessions.iter().map(names).collect::<Vec<_>>(),
        [vec!["aaaabbbb", "ccccbbbb", "ccccdddd"], vec!["yyyyzzzz"]]
    );
    let picture = fold(&import.records);
    let of = |pair: &floe_inspect::picture::PairView| (pair.id.generation.0, pair.id.remote.port());
    assert_eq!(picture.pairs.iter().map(of).collect::<Vec<_>>(), [(0, 4_000), (1, 4_000), (1, 4_444)]);
}

/// Some servers have one user fragment for everybody.
#[test]
fn a_fragment_that_many_peers_share_joins_nobody() {
    let mut call = Call::new();
    let base = udp(&mut call, 1, "203.0.113.77:5000");
    exchange(&mut call, base, "198.51.100.7:4000", (1, "serv", "bbbb"), true);
    exchange(&mut call, base, "198.51.100.8:4000", (2, "serv", "cccc"), true);
    assert_eq!(open(&call.records, None).sessions.len(), 2);
}

/// Packets of ours as they leave, packets of the peer's behind a router.
#[test]
fn the_side_whose_packets_have_passed_no_router_is_us() {
    let mut call = Call::new();
    let base = udp(&mut call, 1, "203.0.113.77:5000");
    exchange(&mut call, base, "198.51.100.7:4000", (1, "aaaa", "bbbb"), false);
    let mut packets: Vec<Raw> =
        raw_packets(&export(&call.records)).iter().map(|raw| Link::Ethernet.wrap(raw)).collect();
    let ours = [203, 0, 113, 77];
    for packet in &mut packets {
        packet.bytes[14 + 8] = if packet.bytes[14 + 12..14 + 16] == ours { 64 } else { 57 };
    }
    let file = pcap(1, &packets, false, true);
    let import = import(&file[..], &ImportOptions::default(), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(import.us.unwrap().why, Why::Near);
    assert_eq!(fold(&import.records).bases[0].address, addr("203.0.113.77:5000"));
}

#[test]
fn the_side_behind_a_nat_is_us_and_else_the_one_that_asked_first() {
    for (local, why) in [("192.168.1.2:5000", Why::Private), ("203.0.113.77:5000", Why::FirstCheck)] {
        let mut call = Call::new();
        let base = udp(&mut call, 1, local);
        exchange(&mut call, base, PEER, (1, "aaaa", "bbbb"), true);
        let import = open(&call.records, None);
        assert_eq!(import.us.unwrap().why, why);
        assert_eq!(fold(&import.records).bases[0].address, addr(local));
    }
}

/// An allocation over UDP, a check in a Send indication, its answer in a Data indication, media on a channel.
fn relayed() -> Vec<Record> {
    let mut call = Call::new();
    let base = BaseId(1);
    let kind = BaseKind::TurnClient { server: format!("turn:{SERVER}"), transport: RelayProtocol::Udp };
    call.open(base, "192.168.1.2:5003", kind);
    call.sent(base, SERVER, &turn(0x0003, 1, &[(0x0019, vec![17, 0, 0, 0])]));
    call.wait(5_000).received(base, SERVER, &turn(0x0103, 1, &[(0x0016, xor_address(RELAYED))]));
    let check = request(9, "bbbb", "aaaa", true);
    let answer = binding_success(&check, addr(RELAYED), Some("any-password-of-24-chars")).unwrap();
    let indication = |kind: u16, data: &[u8]| turn(kind, 7, &[(0x0012, xor_address(PEER)), (0x0013, data.to_vec())]);
    call.wait(1_000).sent(base, SERVER, &indication(0x0016, &check));
    call.wait(40_000).received(base, SERVER, &indication(0x0017, &answer));
    let channel = vec![0x40, 1, 0, 0];
    call.wait(1_000).sent(base, SERVER, &turn(0x0009, 2, &[(0x000C, channel), (0x0012, xor_address(PEER))]));
    call.wait(5_000).received(base, SERVER, &turn(0x0109, 2, &[]));
    for sequence in 0..10 {
        let data = floe_wire::turn::ChannelData::encode(0x4001, &media(sequence), false);
        call.wait(20_000).packet(base, Direction::Outbound, SERVER, &data, data.len());
        call.wait(10).packet(base, Direction::Inbound, SERVER, &data, data.len());
    }
    call.records
}

#[test]
fn relayed_checks_and_media_appear_as_pairs_of_the_relayed_address() {
    let import = open(&relayed(), None);
    assert_eq!(import.us.unwrap().why, Why::AskedServers);
    let picture = fold(&import.records);
    let relay = picture.bases.iter().find(|base| base.address == addr(RELAYED)).expect("the relayed base is there");
    assert!(matches!(relay.base_kind, BaseKind::Relay { .. }));
    let pair = picture.pairs.iter().find(|pair| pair.id.base == relay.base).expect("its pair is there");
    assert_eq!((pair.id.remote, pair.requests_sent, pair.responses_received), (addr(PEER), 1, 1));
    assert_eq!(pair.rtt.unwrap().as_micros(), 40_000);
    assert_eq!((pair.media_sent.packets, pair.media_received.packets, pair.media_sent.bytes), (10, 10, 640));
    assert!(pair.selected);
    assert_eq!(import.counts.taken, import.counts.frames);
}

#[test]
fn a_capture_with_questions_to_servers_only_shows_the_servers() {
    let records: Vec<Record> = relayed().into_iter().take(5).collect();
    let import = open(&records, None);
    assert!(import.sessions.is_empty() && import.chosen.is_none());
    assert_eq!(fold(&import.records).bases.len(), 2);
}
