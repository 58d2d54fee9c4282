//! pcapng export as Wireshark's tshark sees it.

use floe_capture::{MediaPayloads, PcapngWriter};
use floe_wire::{Record, RecordBody};

use crate::{
    call::{HOST, PEER, PEER_TCP, PEER_V6, addr, whole_call},
    tshark::with_tshark,
};

pub fn export(records: &[Record]) -> Vec<u8> {
    let mut writer = PcapngWriter::new(Vec::new(), MediaPayloads::AsRecorded);
    writer.append(records).unwrap();
    writer.finish().unwrap()
}

fn packets(records: &[Record]) -> usize {
    records.iter().filter(|record| matches!(record.body, RecordBody::Packet(_))).count()
}

#[test]
fn tshark_reads_an_export_without_a_complaint_and_counts_the_same_packets() {
    with_tshark("export_counts", |tshark| {
        let records = whole_call();
        let file = tshark.file(&export(&records));
        assert_eq!(tshark.read(&file, &[]).len(), packets(&records));
        let troubles = tshark.fields(
            &file,
            "_ws.malformed or _ws.expert.severity >= 6291456",
            &["frame.number", "_ws.expert.message"],
        );
        assert_eq!(troubles, Vec::<Vec<String>>::new());
        let checksums = tshark.fields(&file, "ip.checksum.status == 0", &["frame.number"]);
        assert_eq!(checksums, Vec::<Vec<String>>::new());
    });
}

#[test]
fn stun_dtls_and_rtp_decode_in_tshark() {
    with_tshark("export_decodes", |tshark| {
        let file = tshark.file(&export(&whole_call()));
        let count = |filter: &str| tshark.fields(&file, filter, &["frame.number"]).len();
        let peer = addr(PEER).ip();
        assert_eq!(count(&format!("stun and ip.addr == {peer} and udp and not icmp")), 8);
        assert_eq!(count(&format!("stun and ipv6.addr == {}", addr(PEER_V6).ip())), 2);
        assert_eq!(count(&format!("stun and tcp.port == {}", addr(PEER_TCP).port())), 4);
        assert_eq!(count("dtls.handshake.type == 1"), 1);
        assert_eq!(count("rtp.p_type == 111 and udp"), 100);
        assert_eq!(count("stun.channel == 0x4000"), 2);
        assert_eq!(count("stun.type.method == 3"), 2);
        let mapped = tshark.fields(&file, "stun.type == 0x0101 and ip.dst == 192.168.1.2 and udp", &["stun.att.ipv4"]);
        assert_eq!(mapped.len(), 3);
        assert!(mapped.iter().all(|fields| fields[0] == "203.0.113.21"), "{mapped:?}");
    });
}

#[test]
fn interfaces_times_directions_and_notes_are_in_the_file() {
    with_tshark("export_facts", |tshark| {
        let file = tshark.file(&export(&whole_call()));
        let facts = tshark.fields(
            &file,
            "frame.number == 1",
            &["frame.interface_name", "frame.time_epoch", "frame.packet_flags_direction", "frame.comment"],
        );
        let [name, time, direction, comments] = &facts[0][..] else { panic!("{facts:?}") };
        assert_eq!((&name[..], &time[..], &direction[..]), ("eth0 base 1", "1700000000.000000000", "0x00000002"));
        assert!(comments.contains("LocalCandidate") && comments.contains(HOST), "{comments}");
        let lengths = tshark.fields(&file, "rtp and udp", &["frame.len", "frame.cap_len"]);
        assert!(lengths.iter().all(|lengths| lengths == &["208", "92"]), "{lengths:?}");
    });
}
