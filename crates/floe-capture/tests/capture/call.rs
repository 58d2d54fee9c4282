//! A whole call as records, written by hand: two networks, IPv6, ICE-TCP, and a relay.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use floe_wire::{
    BaseId, BaseKind, Candidate, CandidateType, Direction, Generation, IceConnectionState, IceRole, InterfaceInfo,
    InterfaceKind, Note, Packet, Protocol, Record, RecordBody, RelayProtocol, Stamp, TcpType,
    candidate::priority,
    stun::{Check, IntegrityVerdict, TransactionId, binding_request, binding_success},
    turn::ChannelData,
};

pub const WALL_MS: u64 = 1_700_000_000_000;
pub const HOST: &str = "192.168.1.2:5000";
pub const MAPPED: &str = "203.0.113.21:5000";
pub const PEER: &str = "203.0.113.9:4000";
pub const HOST_V6: &str = "[2001:db8:1::2]:5001";
pub const PEER_V6: &str = "[2001:db8:2::9]:4001";
pub const HOST_TCP: &str = "192.168.1.2:5002";
pub const PEER_TCP: &str = "203.0.113.9:4443";
pub const HOST_TURN: &str = "192.168.1.2:5003";
pub const TURN_SERVER: &str = "198.51.100.1:3478";
pub const RELAYED: &str = "198.51.100.1:49152";
pub const STUN_SERVER: &str = "198.51.100.1:3479";
const GENERATION: Generation = Generation(0);
const PASSWORD: &str = "any-password-of-24-chars";

pub const UDP: BaseId = BaseId(1);
pub const UDP_V6: BaseId = BaseId(2);
pub const TCP: BaseId = BaseId(3);
pub const TURN: BaseId = BaseId(4);
pub const RELAY: BaseId = BaseId(5);

pub fn addr(text: &str) -> SocketAddr {
    text.parse().expect("tests write addresses well")
}

/// Writes records, with a hand on the clock.
pub struct Call {
    pub records: Vec<Record>,
    now: Duration,
    transactions: u32,
}

impl Call {
    pub fn new() -> Self {
        let mut call = Self { records: Vec::new(), now: Duration::ZERO, transactions: 0 };
        call.note(Note::SessionStarted { wall_ms: WALL_MS, version: "0.1.0".to_owned() });
        call.note(Note::InterfaceListed(InterfaceInfo {
            name: "eth0".to_owned(),
            kind: InterfaceKind::Ethernet,
            addresses: vec![addr(HOST).ip(), addr(HOST_V6).ip()],
        }));
        call
    }

    pub fn wait(&mut self, microseconds: u64) -> &mut Self {
        self.now += Duration::from_micros(microseconds);
        self
    }

    pub fn note(&mut self, note: Note) -> &mut Self {
        self.records.push(Record { at: Stamp(self.now), body: RecordBody::note(note) });
        self
    }

    pub fn open(&mut self, base: BaseId, address: &str, kind: BaseKind) {
        self.note(Note::BaseOpened { base, interface: "eth0".to_owned(), address: addr(address), kind });
    }

    pub fn credentials(&mut self) {
        self.note(Note::LocalCredentials { generation: GENERATION, ufrag: "Kq7m".to_owned() });
        self.note(Note::RemoteCredentials { generation: GENERATION, ufrag: "Zx9p".to_owned() });
    }

    pub fn candidate(&mut self, base: Option<BaseId>, candidate_type: CandidateType, address: &str) {
        let candidate = Candidate {
            candidate_type,
            protocol: Protocol::Udp,
            tcp_type: None,
            address: addr(address),
            priority: priority(candidate_type, 65_535),
            foundation: "1".to_owned(),
            related_address: None,
        };
        self.note(match base {
            Some(base) => Note::LocalCandidate { generation: GENERATION, base, candidate, server: None },
            None => Note::RemoteCandidate { generation: GENERATION, candidate },
        });
    }

    pub fn packet(&mut self, base: BaseId, direction: Direction, remote: &str, bytes: &[u8], wire_len: usize) {
        let packet = Packet {
            base,
            direction,
            remote: addr(remote),
            bytes: Bytes::copy_from_slice(bytes),
            wire_len: u32::try_from(wire_len).expect("packets are short"),
            integrity: IntegrityVerdict::Unchecked,
        };
        self.records.push(Record { at: Stamp(self.now), body: RecordBody::Packet(packet) });
    }

    pub fn sent(&mut self, base: BaseId, remote: &str, bytes: &[u8]) {
        self.packet(base, Direction::Outbound, remote, bytes, bytes.len());
    }

    pub fn received(&mut self, base: BaseId, remote: &str, bytes: &[u8]) {
        self.packet(base, Direction::Inbound, remote, bytes, bytes.len());
    }

    pub fn transaction(&mut self) -> TransactionId {
        self.transactions += 1;
        let mut id = [0xA5; 12];
        id[..4].copy_from_slice(&self.transactions.to_be_bytes());
        TransactionId(id)
    }

    pub fn request(&mut self, ours: bool, nomination: Option<u32>) -> Vec<u8> {
        let (remote_ufrag, local_ufrag) = if ours { ("Zx9p", "Kq7m") } else { ("Kq7m", "Zx9p") };
        let check = Check {
            transaction: self.transaction(),
            remote_ufrag,
            local_ufrag,
            remote_password: PASSWORD,
            priority: 1_845_501_695,
            controlling: ours,
            tie_breaker: if ours { 7 } else { 5 },
            nomination,
        };
        check.encode()
    }

    /// We check, and the answer comes after this many microseconds.
    pub fn check(&mut self, base: BaseId, remote: &str, mapped: &str, rtt: u64, nomination: Option<u32>) {
        let request = self.request(true, nomination);
        self.sent(base, remote, &request);
        self.wait(rtt);
        self.received(base, remote, &success(&request, mapped));
    }

    /// An allocation, a channel, and a check through it that is answered after 52,000 µs.
    pub fn relayed_check(&mut self) {
        let udp = vec![17, 0, 0, 0];
        self.sent(TURN, TURN_SERVER, &turn(0x0003, 1, &[(0x0019, udp)]));
        let lifetime = 600_u32.to_be_bytes().to_vec();
        let allocated = turn(0x0103, 1, &[(0x0016, xor_address(RELAYED)), (0x000D, lifetime)]);
        self.wait(21_000).received(TURN, TURN_SERVER, &allocated);
        let kind = BaseKind::Relay { client: TURN };
        self.open(RELAY, RELAYED, kind);
        self.candidate(Some(RELAY), CandidateType::Relayed, RELAYED);
        self.sent(TURN, TURN_SERVER, &turn(0x0009, 2, &[(0x000C, vec![0x40, 0, 0, 0]), (0x0012, xor_address(PEER))]));
        self.wait(20_000).received(TURN, TURN_SERVER, &turn(0x0109, 2, &[]));
        let request = self.request(true, None);
        self.sent(TURN, TURN_SERVER, &ChannelData::encode(0x4000, &request, true));
        let answer = success(&request, RELAYED);
        self.wait(52_000).received(TURN, TURN_SERVER, &ChannelData::encode(0x4000, &answer, true));
    }

    /// The peer checks us, and we answer after 80 µs.
    pub fn checked(&mut self, base: BaseId, remote: &str) {
        let request = self.request(false, None);
        self.received(base, remote, &request);
        self.wait(80);
        self.sent(base, remote, &success(&request, remote));
    }
}

/// A TURN message; `transaction` fills its id.
pub fn turn(kind: u16, transaction: u8, attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend(kind.to_be_bytes());
        body.extend(u16::try_from(value.len()).expect("attributes are short").to_be_bytes());
        body.extend(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend(u16::try_from(body.len()).expect("messages are short").to_be_bytes());
    bytes.extend(COOKIE);
    bytes.extend([transaction; 12]);
    bytes.extend(body);
    bytes
}

const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// XOR-…-ADDRESS of an IPv4 address (RFC 8489 section 14.2).
pub fn xor_address(text: &str) -> Vec<u8> {
    let SocketAddr::V4(address) = addr(text) else { panic!("{text} is no IPv4 address") };
    let port = address.port().to_be_bytes();
    let mut value = vec![0, 1, port[0] ^ COOKIE[0], port[1] ^ COOKIE[1]];
    value.extend(address.ip().octets().iter().zip(COOKIE).map(|(byte, key)| byte ^ key));
    value
}

pub fn success(request: &[u8], mapped: &str) -> Vec<u8> {
    binding_success(request, addr(mapped), Some(PASSWORD)).expect("it is a request")
}

/// A DTLS 1.2 ClientHello with one cipher suite.
pub fn client_hello() -> Vec<u8> {
    let mut body = vec![0xFE, 0xFD];
    body.extend([7; 32]);
    body.extend([0, 0, 0, 2, 0xC0, 0x2B, 1, 0]);
    let length = u8::try_from(body.len()).expect("it is short");
    let mut handshake = vec![1, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length];
    handshake.extend(body);
    let mut record = vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0];
    record.extend(u16::try_from(handshake.len()).expect("it is short").to_be_bytes());
    record.extend(handshake);
    record
}

/// An SRTP packet of 180 bytes, as records keep it.
pub fn media(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 111];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 960).to_be_bytes());
    packet.extend(0x1234_5678_u32.to_be_bytes());
    packet.resize(64, 0xEE);
    packet
}

/// A call over every kind of base, one second of media over the best of them.
pub fn whole_call() -> Vec<Record> {
    let mut call = Call::new();
    call.open(UDP, HOST, BaseKind::Udp);
    call.open(UDP_V6, HOST_V6, BaseKind::Udp);
    call.open(TCP, HOST_TCP, BaseKind::Tcp { tcp_type: TcpType::Active });
    let server = format!("turn:{TURN_SERVER}?transport=tcp");
    call.open(TURN, HOST_TURN, BaseKind::TurnClient { server, transport: RelayProtocol::Tcp });
    call.credentials();
    call.candidate(Some(UDP), CandidateType::Host, HOST);
    call.candidate(Some(UDP_V6), CandidateType::Host, HOST_V6);
    let question = binding_request(call.transaction());
    call.sent(UDP, STUN_SERVER, &question);
    call.wait(20_000).received(UDP, STUN_SERVER, &binding_success(&question, addr(MAPPED), None).expect("a request"));
    call.note(Note::ServerAnswered {
        server: "stun:stun.example.org:3479".to_owned(),
        base: UDP,
        mapped: addr(MAPPED),
        rtt: Duration::from_millis(20),
    });
    call.candidate(Some(UDP), CandidateType::ServerReflexive, MAPPED);
    call.note(Note::RoleDecided { role: IceRole::Controlling });
    call.candidate(None, CandidateType::ServerReflexive, PEER);
    call.candidate(None, CandidateType::Host, PEER_V6);
    call.note(Note::IceConnectionChanged { generation: GENERATION, state: IceConnectionState::Checking });
    // The first check dies at the peer's NAT; the same transaction is sent again.
    let lost = call.request(true, None);
    call.sent(UDP, PEER, &lost);
    call.wait(5_000).sent(UDP, PEER, &lost);
    call.wait(7_000).checked(UDP, PEER);
    call.wait(311).check(UDP, PEER, MAPPED, 31_234, None);
    call.wait(97).check(UDP_V6, PEER_V6, HOST_V6, 12_345, None);
    call.wait(100).check(TCP, PEER_TCP, "203.0.113.21:5002", 45_001, None);
    call.wait(5).checked(TCP, PEER_TCP);
    call.relayed_check();
    call.wait(1).note(Note::IceConnectionChanged { generation: GENERATION, state: IceConnectionState::Connected });
    call.check(UDP, PEER, MAPPED, 30_999, Some(1));
    call.note(Note::PairSelected { generation: GENERATION, base: UDP, remote: addr(PEER) });
    call.note(Note::HandshakeStarted { client: true });
    call.wait(50).sent(UDP, PEER, &client_hello());
    for sequence in 0..50 {
        call.wait(20_000).packet(UDP, Direction::Outbound, PEER, &media(sequence), 180);
        call.wait(10).packet(UDP, Direction::Inbound, PEER, &media(sequence + 1_000), 180);
        // The peer has not yet moved to the best path.
        call.packet(TCP, Direction::Inbound, PEER_TCP, &media(sequence), 180);
    }
    call.note(Note::Ended { reason: floe_wire::note::EndReason::HungUp });
    call.records
}
