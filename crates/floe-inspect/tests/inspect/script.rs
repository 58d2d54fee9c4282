//! Writes records by hand, one line per thing that happens, and folds them.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use floe_inspect::{
    Finding, Inspector, Picture, diagnose,
    picture::{PairId, PairView},
};
use floe_wire::{
    BaseId, BaseKind, Candidate, CandidateType, Direction, GatheringState, Generation, IceConnectionState,
    InterfaceInfo, InterfaceKind, Note, Packet, Protocol, Record, RecordBody, RelayProtocol, Stamp,
    candidate::priority,
    demux::STUN_MAGIC_COOKIE,
    note::SecurityFacts,
    stun::{Check, IntegrityVerdict, TransactionId, binding_error, binding_request, binding_success},
};

pub const ETH: BaseId = BaseId(1);
pub const WLAN: BaseId = BaseId(2);
pub const TURN_CLIENT: BaseId = BaseId(7);
pub const TURN_SERVER: &str = "198.51.100.1:3478";
pub const GENERATION: Generation = Generation(0);
pub const PASSWORD: &str = "any-password-of-24-chars";

pub fn addr(text: &str) -> SocketAddr {
    text.parse().expect("tests write addresses well")
}

pub fn candidate(candidate_type: CandidateType, address: &str) -> Candidate {
    Candidate {
        candidate_type,
        protocol: Protocol::Udp,
        tcp_type: None,
        address: addr(address),
        priority: priority(candidate_type, 65_535),
        foundation: "1".to_owned(),
        related_address: None,
    }
}

/// An inspector at work, with a hand on the clock.
pub struct Script {
    pub inspector: Inspector,
    pub records: Vec<Record>,
    now: Duration,
    transactions: u32,
}

impl Script {
    pub fn new() -> Self {
        Self { inspector: Inspector::new(), records: Vec::new(), now: Duration::ZERO, transactions: 0 }
    }

    /// A session with credentials noted and `eth0` at 192.168.1.2 open.
    pub fn with_base() -> Self {
        let mut script = Self::new();
        script.note(Note::SessionStarted { wall_ms: 1_700_000_000_000, version: "0.1.0".to_owned() });
        script.open_base(ETH, "eth0", "192.168.1.2:5000");
        script.note(Note::LocalCredentials { generation: GENERATION, ufrag: "mine".to_owned() });
        script.note(Note::RemoteCredentials { generation: GENERATION, ufrag: "peer".to_owned() });
        script
    }

    /// [`Script::with_base`], with our host candidate, the peer's reflexive one, and checking begun.
    pub fn checking() -> Self {
        let mut script = Self::with_base();
        script.local(ETH, candidate(CandidateType::Host, "192.168.1.2:5000"));
        script.note(Note::GatheringChanged { generation: GENERATION, state: GatheringState::Complete });
        script.remote(candidate(CandidateType::ServerReflexive, "203.0.113.9:4000"));
        script.ice(IceConnectionState::Checking);
        script
    }

    pub fn picture(&self) -> &Picture {
        self.inspector.picture()
    }

    pub fn pair(&self, remote: &str) -> &PairView {
        let remote = addr(remote);
        self.picture().pairs.iter().find(|pair| pair.id.remote == remote).expect("the pair is in the picture")
    }

    /// Moves the clock by milliseconds.
    pub fn wait(&mut self, ms: u64) -> &mut Self {
        self.now += Duration::from_millis(ms);
        self
    }

    pub fn tick(&mut self) -> &mut Self {
        self.inspector.tick(Stamp(self.now));
        self
    }

    pub fn record(&mut self, body: RecordBody) {
        let record = Record { at: Stamp(self.now), body };
        self.inspector.ingest(&record);
        self.records.push(record);
    }

    pub fn note(&mut self, note: Note) -> &mut Self {
        self.record(RecordBody::note(note));
        self
    }

    pub fn open_base(&mut self, base: BaseId, interface: &str, address: &str) {
        let address = addr(address);
        self.note(Note::InterfaceListed(InterfaceInfo {
            name: interface.to_owned(),
            kind: InterfaceKind::Ethernet,
            addresses: vec![address.ip()],
        }));
        self.note(Note::BaseOpened { base, interface: interface.to_owned(), address, kind: BaseKind::Udp });
    }

    pub fn local(&mut self, base: BaseId, candidate: Candidate) -> &mut Self {
        self.note(Note::LocalCandidate { generation: GENERATION, base, candidate, server: None })
    }

    pub fn remote(&mut self, candidate: Candidate) -> &mut Self {
        self.note(Note::RemoteCandidate { generation: GENERATION, candidate })
    }

    pub fn ice(&mut self, state: IceConnectionState) -> &mut Self {
        self.note(Note::IceConnectionChanged { generation: GENERATION, state })
    }

    pub fn select(&mut self, remote: &str) -> &mut Self {
        self.note(Note::PairSelected { generation: GENERATION, base: ETH, remote: addr(remote) })
    }

    pub fn secure(&mut self) -> &mut Self {
        self.note(Note::HandshakeStarted { client: true });
        self.note(Note::Secured(SecurityFacts {
            dtls_version: "DTLS 1.2".to_owned(),
            srtp_cipher: "SRTP_AEAD_AES_128_GCM".to_owned(),
            local_fingerprint: "AA".to_owned(),
            remote_fingerprint: "BB".to_owned(),
            sas: ["amber", "maple", "river", "stone"].map(str::to_owned),
        }))
    }

    pub fn packet(&mut self, direction: Direction, remote: &str, bytes: &[u8]) {
        self.on(ETH, direction, remote, bytes);
    }

    /// A packet of any base.
    pub fn on(&mut self, base: BaseId, direction: Direction, remote: &str, bytes: &[u8]) {
        let (remote, bytes, wire_len) = (addr(remote), Bytes::copy_from_slice(bytes), bytes.len() as u32);
        self.record(RecordBody::Packet(Packet {
            base,
            direction,
            remote,
            bytes,
            wire_len,
            integrity: IntegrityVerdict::Unchecked,
        }));
    }

    /// A check of ours that has not left yet.
    pub fn write_check(&mut self) -> Vec<u8> {
        self.encode("peer", "mine", None)
    }

    /// A check of the peer that has not arrived yet.
    pub fn write_peer_check(&mut self) -> Vec<u8> {
        self.encode("mine", "peer", None)
    }

    /// The answer to a check, not yet sent.
    pub fn write_answer(request: &[u8], mapped: &str) -> Vec<u8> {
        binding_success(request, addr(mapped), Some(PASSWORD)).expect("it is a request")
    }

    pub fn sent(&mut self, remote: &str, bytes: &[u8]) {
        self.packet(Direction::Outbound, remote, bytes);
    }

    pub fn received(&mut self, remote: &str, bytes: &[u8]) {
        self.packet(Direction::Inbound, remote, bytes);
    }

    fn transaction(&mut self) -> TransactionId {
        self.transactions += 1;
        let mut id = [0; 12];
        id[..4].copy_from_slice(&self.transactions.to_be_bytes());
        TransactionId(id)
    }

    /// A check that has not left yet, for the user fragment `receiver`.
    pub fn encode(&mut self, receiver: &str, sender: &str, nomination: Option<u32>) -> Vec<u8> {
        let check = Check {
            transaction: self.transaction(),
            remote_ufrag: receiver,
            local_ufrag: sender,
            remote_password: PASSWORD,
            priority: 1_845_501_695,
            // The peer nominates only in tests where it is the controlling side.
            controlling: sender == "mine" || nomination.is_some(),
            tie_breaker: if sender == "mine" { 7 } else { 3 },
            nomination,
        };
        check.encode()
    }

    /// We check `remote`; returns the request.
    pub fn check(&mut self, remote: &str) -> Vec<u8> {
        let request = self.encode("peer", "mine", None);
        self.sent(remote, &request);
        request
    }

    /// We nominate `remote`.
    pub fn nominate(&mut self, remote: &str) -> Vec<u8> {
        let request = self.encode("peer", "mine", Some(1));
        self.sent(remote, &request);
        request
    }

    /// The answer to our request comes from `remote`.
    pub fn answered(&mut self, remote: &str, request: &[u8], mapped: &str) {
        let answer = binding_success(request, addr(mapped), Some(PASSWORD)).expect("it is a request");
        self.received(remote, &answer);
    }

    pub fn refused(&mut self, remote: &str, request: &[u8], code: u16, reason: &str) {
        let answer = binding_error(request, code, reason, Some(PASSWORD)).expect("it is a request");
        self.received(remote, &answer);
    }

    /// The peer checks us; returns the request.
    pub fn peer_checks(&mut self, remote: &str, nominates: bool) -> Vec<u8> {
        self.peer_checks_as("mine", remote, nominates)
    }

    pub fn peer_checks_as(&mut self, receiver: &str, remote: &str, nominates: bool) -> Vec<u8> {
        let request = self.encode(receiver, "peer", nominates.then_some(1));
        self.received(remote, &request);
        request
    }

    /// We answer the peer's request.
    pub fn answer(&mut self, remote: &str, request: &[u8]) {
        let answer = binding_success(request, addr(remote), Some(PASSWORD)).expect("it is a request");
        self.sent(remote, &answer);
    }

    /// The server at `server` says that it sees `eth0` as `mapped`.
    pub fn server_sees(&mut self, server: &str, mapped: &str) {
        let request = binding_request(self.transaction());
        self.sent(server, &request);
        self.wait(10);
        let answer = binding_success(&request, addr(mapped), None).expect("it is a request");
        self.received(server, &answer);
        self.note(Note::ServerAnswered {
            server: format!("stun:{server}"),
            base: ETH,
            mapped: addr(mapped),
            rtt: Duration::from_millis(10),
        });
    }

    /// A TURN server gives a relayed address.
    pub fn allocate(&mut self, server: &str, transport: RelayProtocol) {
        self.open_client(server, transport);
        self.on(TURN_CLIENT, Direction::Outbound, TURN_SERVER, &turn_message(0x0003, 1, &[]));
        self.wait(10);
        let answer = turn_message(0x0103, 1, &[(0x0016, xor("198.51.100.1:50000"))]);
        self.on(TURN_CLIENT, Direction::Inbound, TURN_SERVER, &answer);
    }

    /// A TURN server refuses a request that carries credentials.
    pub fn refuse_allocation(&mut self, code: u16, reason: &str) {
        self.open_client("turn:relay", RelayProtocol::Udp);
        self.transactions += 1;
        let transaction = self.transactions as u8;
        self.on(TURN_CLIENT, Direction::Outbound, TURN_SERVER, &turn_message(0x0003, transaction, &[(8, vec![0; 20])]));
        let error = [&[0, 0, (code / 100) as u8, (code % 100) as u8], reason.as_bytes()].concat();
        self.on(TURN_CLIENT, Direction::Inbound, TURN_SERVER, &turn_message(0x0113, transaction, &[(9, error)]));
    }

    fn open_client(&mut self, server: &str, transport: RelayProtocol) {
        let kind = BaseKind::TurnClient { server: server.to_owned(), transport };
        let (interface, address) = ("eth0".to_owned(), addr("192.168.1.2:5001"));
        self.note(Note::BaseOpened { base: TURN_CLIENT, interface, address, kind });
    }

    pub fn server_fails(&mut self, url: &str, error: &str) -> &mut Self {
        self.note(Note::ServerFailed { server: url.to_owned(), base: Some(ETH), error: error.to_owned() })
    }
}

/// XOR-…-ADDRESS of an IPv4 address.
pub fn xor(address: &str) -> Vec<u8> {
    let address: SocketAddr = addr(address);
    let IpAddr::V4(ip) = address.ip() else { panic!("these tests use IPv4") };
    let mut value = vec![0, 1];
    value.extend(address.port().to_be_bytes().iter().zip(STUN_MAGIC_COOKIE).map(|(byte, key)| byte ^ key));
    value.extend(ip.octets().iter().zip(STUN_MAGIC_COOKIE).map(|(byte, key)| byte ^ key));
    value
}

pub fn turn_message(kind: u16, transaction: u8, attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend_from_slice(&kind.to_be_bytes());
        body.extend_from_slice(&(value.len() as u16).to_be_bytes());
        body.extend_from_slice(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let length = (body.len() as u16).to_be_bytes();
    [&kind.to_be_bytes()[..], &length, &STUN_MAGIC_COOKIE, &[transaction; 12], &body].concat()
}

/// The ids of the rules that match.
pub fn ids(script: &Script) -> Vec<&'static str> {
    diagnose(script.picture()).iter().map(|finding| finding.id).collect()
}

/// The finding of a rule that matches.
pub fn finding(script: &Script, id: &str) -> Finding {
    let findings = diagnose(script.picture());
    findings.iter().find(|finding| finding.id == id).unwrap_or_else(|| panic!("{id} in {findings:?}")).clone()
}

/// The id of the pair of `eth0` with `remote`.
pub fn pair_id(remote: &str) -> PairId {
    PairId { generation: GENERATION, base: ETH, remote: addr(remote) }
}

/// A whole call between two home networks, from the first note to the first audio.
pub fn two_nat_call() -> Script {
    let mut script = Script::with_base();
    script.wait(1).note(Note::GatheringChanged { generation: GENERATION, state: GatheringState::Gathering });
    script.local(ETH, candidate(CandidateType::Host, "192.168.1.2:5000"));
    script.server_sees("198.51.100.1:3478", "203.0.113.21:5000");
    let mut reflexive = candidate(CandidateType::ServerReflexive, "203.0.113.21:5000");
    reflexive.related_address = Some(addr("192.168.1.2:5000"));
    script.note(Note::LocalCandidate {
        generation: GENERATION,
        base: ETH,
        candidate: reflexive,
        server: Some("stun:198.51.100.1:3478".to_owned()),
    });
    script.server_sees("198.51.100.2:3478", "203.0.113.21:5000");
    script.note(Note::GatheringChanged { generation: GENERATION, state: GatheringState::Complete });
    script.note(Note::CodeReady { characters: 180 });
    script.note(Note::SignalingChanged { state: floe_wire::SignalingState::HaveLocalOffer });
    script.wait(1_000).note(Note::PeerCodeAccepted { created_s: 1_700_000_000, candidates: 2 });
    script.note(Note::SignalingChanged { state: floe_wire::SignalingState::Stable });
    script.note(Note::RoleDecided { role: floe_wire::IceRole::Controlling });
    script.remote(candidate(CandidateType::Host, "192.168.7.7:6000"));
    script.remote(candidate(CandidateType::ServerReflexive, "203.0.113.9:4000"));
    script.ice(IceConnectionState::Checking);
    script.check("192.168.7.7:6000");
    script.wait(5);
    // Dies at the peer's NAT, which has not yet seen a packet go out to us.
    script.check("203.0.113.9:4000");
    script.wait(20);
    let theirs = script.peer_checks("203.0.113.9:4000", false);
    script.answer("203.0.113.9:4000", &theirs);
    let ours = script.check("203.0.113.9:4000");
    script.wait(31);
    script.answered("203.0.113.9:4000", &ours, "203.0.113.21:5000");
    script.ice(IceConnectionState::Connected);
    let nomination = script.nominate("203.0.113.9:4000");
    script.wait(30);
    script.answered("203.0.113.9:4000", &nomination, "203.0.113.21:5000");
    script.select("203.0.113.9:4000");
    script.wait(60).secure();
    script.ice(IceConnectionState::Completed);
    script.sent("203.0.113.9:4000", &[0x80, 111, 0, 1]);
    script.received("203.0.113.9:4000", &[0x80, 111, 0, 1]);
    script.wait(40).note(Note::FirstAudio);
    script
}
