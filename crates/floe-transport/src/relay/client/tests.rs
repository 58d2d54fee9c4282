//! The protocol against a server made for the test.

use floe_wire::stun::StunMessage;
use proptest::prelude::*;
use stun_types::{
    attribute::{AttributeType, RawAttribute},
    message::{
        IntegrityAlgorithm, LongTermCredentials, MessageClass, MessageType, MessageWrite as _, MessageWriteExt as _,
        MessageWriteVec, Method as StunMethod,
    },
};

use super::*;
use crate::relay::request::xor_address;

const REALM: &str = "example.org";

/// A client, the password its server expects, and the time.
struct Fixture {
    client: TurnClient,
    now: Instant,
    password: &'static str,
    nonce: String,
}

fn relayed() -> SocketAddr {
    "203.0.113.9:50000".parse().unwrap()
}

fn peer() -> SocketAddr {
    "198.51.100.2:4242".parse().unwrap()
}

/// The value of ERROR-CODE, without a reason phrase.
fn error_code(code: u16) -> Vec<u8> {
    vec![0, 0, u8::try_from(code / 100).unwrap(), u8::try_from(code % 100).unwrap()]
}

impl Fixture {
    fn new() -> Self {
        let now = Instant::now();
        let client = TurnClient::new(Credentials::new("alice", "secret"), false, false, 1, now);
        Self { client, now, password: "secret", nonce: "nonce-1".to_owned() }
    }

    fn allocated() -> Self {
        let mut fixture = Self::new();
        let request = fixture.request();
        fixture.challenge(&request, 401);
        let request = fixture.request();
        fixture.allow(&request, 600);
        assert!(matches!(fixture.event(), Some(ClientEvent::Allocated { .. })));
        fixture
    }

    /// The next packet for the server.
    fn sent(&mut self) -> Option<Vec<u8>> {
        match self.client.poll_output()? {
            ClientOutput::Transmit(bytes) => Some(bytes),
            ClientOutput::Event(event) => panic!("an event before a packet: {event:?}"),
        }
    }

    fn request(&mut self) -> TurnMessage {
        TurnMessage::decode(&self.sent().expect("a request")).expect("TURN")
    }

    fn event(&mut self) -> Option<ClientEvent> {
        match self.client.poll_output()? {
            ClientOutput::Event(event) => Some(event),
            ClientOutput::Transmit(bytes) => panic!("a packet before an event: {bytes:?}"),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.client.handle_timeout(self.now);
    }

    fn answer(&mut self, request: &TurnMessage, class: MessageClass, attributes: &[(u16, Vec<u8>)], signed: bool) {
        let number = match request.method {
            Method::Allocate => 3,
            Method::Refresh => 4,
            Method::CreatePermission => 8,
            Method::ChannelBind => 9,
            Method::Send | Method::Data => panic!("an indication has no answer"),
        };
        let kind = MessageType::from_class_method(class, StunMethod::new(number));
        let mut message = Message::builder(kind, request.transaction.into(), MessageWriteVec::new());
        for (kind, value) in attributes {
            message.push_attribute_unchecked(&RawAttribute::new(AttributeType::new(*kind), value));
        }
        if signed {
            let credentials = LongTermCredentials::new("alice".to_owned(), self.password.to_owned());
            let key = credentials.to_key(REALM.to_owned()).make_key(IntegrityAlgorithm::Sha1);
            message.add_message_integrity_with_key(&key, IntegrityAlgorithm::Sha1).unwrap();
        }
        assert_eq!(self.client.handle(&message.finish(), self.now), Received::Nothing);
    }

    fn challenge(&mut self, request: &TurnMessage, code: u16) {
        let (realm, nonce) = (REALM.as_bytes().to_vec(), self.nonce.as_bytes().to_vec());
        let attributes = [(0x0009, error_code(code)), (0x0014, realm), (0x0015, nonce)];
        self.answer(request, MessageClass::Error, &attributes, false);
    }

    fn refuse(&mut self, request: &TurnMessage, code: u16) {
        self.answer(request, MessageClass::Error, &[(0x0009, error_code(code))], true);
    }

    /// Success of any kind; an allocation has its address and lifetime.
    fn allow(&mut self, request: &TurnMessage, lifetime_s: u32) {
        let mut attributes = vec![(0x000D, lifetime_s.to_be_bytes().to_vec())];
        if request.method == Method::Allocate {
            attributes.push((0x0016, xor_address(relayed(), request.transaction)));
            attributes.push((0x0020, xor_address(peer(), request.transaction)));
        }
        self.answer(request, MessageClass::Success, &attributes, true);
    }
}

#[test]
fn an_address_takes_two_round_trips_and_tells_where_it_is() {
    let mut fixture = Fixture::new();
    let request = fixture.request();
    assert!(!request.has_realm && request.method == Method::Allocate && request.wants_ipv6.is_none());
    fixture.pass(Duration::from_millis(30));
    fixture.challenge(&request, 401);
    let request = fixture.request();
    assert!(request.has_realm && request.has_nonce);
    fixture.pass(Duration::from_millis(20));
    fixture.allow(&request, 600);
    let (lifetime, rtt) = (Duration::from_secs(600), Duration::from_millis(20));
    let allocated = ClientEvent::Allocated { relayed: relayed(), mapped: Some(peer()), lifetime, rtt };
    assert_eq!(fixture.event(), Some(allocated));
}

#[test]
fn an_ipv6_address_is_asked_for_by_name() {
    let mut client = TurnClient::new(Credentials::new("a", "b"), false, true, 1, Instant::now());
    let Some(ClientOutput::Transmit(bytes)) = client.poll_output() else { panic!("a request") };
    assert_eq!(TurnMessage::decode(&bytes).unwrap().wants_ipv6, Some(true));
}

#[test]
fn a_wrong_password_is_named_at_once_and_not_tried_again() {
    let mut fixture = Fixture::new();
    let request = fixture.request();
    fixture.challenge(&request, 401);
    let request = fixture.request();
    fixture.nonce = "another".to_owned();
    fixture.challenge(&request, 401);
    assert_eq!(fixture.event(), Some(ClientEvent::Failed(RelayError::Refused(Refusal::Unauthorized))));
    assert_eq!((fixture.sent(), fixture.client.poll_timeout()), (None, None));
}

#[test]
fn every_refusal_of_an_address_is_named() {
    for code in [300, 400, 403, 437, 440, 441, 442, 486, 500, 508] {
        let mut fixture = Fixture::new();
        let request = fixture.request();
        fixture.challenge(&request, 401);
        let request = fixture.request();
        fixture.refuse(&request, code);
        assert_eq!(fixture.event(), Some(ClientEvent::Failed(RelayError::Refused(Refusal::of(code)))), "{code}");
    }
}

#[test]
fn a_stale_nonce_is_replaced_and_an_endless_row_of_them_is_named() {
    let mut fixture = Fixture::allocated();
    fixture.client.probe(fixture.now);
    let first = fixture.request();
    fixture.nonce = "nonce-2".to_owned();
    fixture.challenge(&first, 438);
    let second = fixture.request();
    assert!(second.method == Method::Refresh && second.transaction != first.transaction);
    fixture.allow(&second, 600);
    assert_eq!(fixture.client.poll_output(), None);

    let mut fixture = Fixture::new();
    let request = fixture.request();
    fixture.challenge(&request, 401);
    for _ in 0..MAX_STALE - 1 {
        let request = fixture.request();
        fixture.challenge(&request, 438);
    }
    let request = fixture.request();
    fixture.challenge(&request, 438);
    assert_eq!(fixture.event(), Some(ClientEvent::Failed(RelayError::Refused(Refusal::StaleNonce))));
}

#[test]
fn a_server_that_forgot_us_is_noticed_by_asking() {
    for code in [437, 441] {
        let mut fixture = Fixture::allocated();
        fixture.client.probe(fixture.now);
        let request = fixture.request();
        fixture.refuse(&request, code);
        assert_eq!(fixture.event(), Some(ClientEvent::Lost(RelayError::Refused(Refusal::of(code)))));
        assert!(!fixture.client.send(b"late", peer(), fixture.now));
    }
}

#[test]
fn the_permission_is_asked_for_before_the_first_packet_leaves() {
    let mut fixture = Fixture::allocated();
    assert!(fixture.client.send(b"check", peer(), fixture.now));
    let permission = fixture.request();
    assert_eq!((permission.method, permission.peers[0].ip()), (Method::CreatePermission, peer().ip()));
    let bytes = fixture.sent().unwrap();
    let carried = TurnMessage::decode(&bytes).unwrap();
    assert_eq!((carried.method, &bytes[carried.data.unwrap()]), (Method::Send, &b"check"[..]));
    fixture.client.send(b"again", peer(), fixture.now);
    assert_eq!(fixture.request().method, Method::Send);
}

#[test]
fn all_hosts_are_asked_for_at_once_and_a_refusal_leaves_the_others() {
    let mut fixture = Fixture::new();
    let hosts: Vec<IpAddr> = ["198.51.100.2", "192.168.1.2"].map(|ip| ip.parse().unwrap()).to_vec();
    let refused: Vec<IpAddr> = ["224.0.0.1", "0.0.0.0", "169.254.1.1"].map(|ip| ip.parse().unwrap()).to_vec();
    fixture.client.permit(&[hosts.clone(), refused].concat(), fixture.now);
    let request = fixture.request();
    fixture.challenge(&request, 401);
    let request = fixture.request();
    fixture.allow(&request, 600);
    fixture.event();
    let both = fixture.request();
    assert_eq!(both.peers.len(), 2);
    fixture.refuse(&both, 403);
    let (first, second) = (fixture.request(), fixture.request());
    assert_eq!((first.peers.len(), second.peers.len()), (1, 1));
    fixture.allow(&first, 600);
    fixture.refuse(&second, 403);
    let host = second.peers[0].ip();
    assert_eq!(fixture.event(), Some(ClientEvent::HostRefused { host, refusal: Refusal::Forbidden }));
    // What works is asked for again before it ends, what was refused is not.
    let mut seen = Vec::new();
    for _ in 0..10 {
        fixture.pass(Duration::from_secs(25));
        while let Some(bytes) = fixture.sent() {
            seen.extend(TurnMessage::decode(&bytes).ok().filter(|message| message.method == Method::CreatePermission));
        }
    }
    assert_eq!(seen[0].peers, first.peers);
}

#[test]
fn a_peer_in_use_gets_a_channel_both_ways() {
    let mut fixture = Fixture::allocated();
    fixture.client.bind(peer(), fixture.now);
    let bind = fixture.request();
    assert_eq!((bind.method, bind.channel), (Method::ChannelBind, Some(0x4000)));
    fixture.allow(&bind, 600);
    fixture.client.permit(&[peer().ip()], fixture.now);
    fixture.request();
    fixture.client.send(b"media", peer(), fixture.now);
    assert_eq!(fixture.sent().unwrap(), ChannelData::encode(0x4000, b"media", false));
    let inbound = ChannelData::encode(0x4000, b"theirs", true);
    assert_eq!(fixture.client.handle(&inbound, fixture.now), Received::Data { peer: peer(), range: 4..10 });
    assert_eq!(fixture.client.handle(&inbound[..8], fixture.now), Received::Nothing);
    let unknown = ChannelData::encode(0x4001, b"theirs", false);
    assert_eq!(fixture.client.handle(&unknown, fixture.now), Received::Nothing);
}

#[test]
fn silence_is_named_after_four_requests_and_garbage_as_what_it_is() {
    for garbage in [false, true] {
        let mut fixture = Fixture::new();
        let mut sent = 0;
        if garbage {
            fixture.client.handle(b"HTTP/1.1 400 Bad Request", fixture.now);
        }
        for _ in 0..45 {
            while let Some(ClientOutput::Transmit(_)) = fixture.client.poll_output() {
                sent += 1;
            }
            assert!(fixture.client.poll_timeout().is_some());
            fixture.pass(Duration::from_millis(100));
        }
        assert_eq!(sent, 4);
        let error = if garbage { RelayError::Garbage } else { RelayError::Silent(PATIENCE) };
        assert_eq!(fixture.event(), Some(ClientEvent::Failed(error)));
    }
}

#[test]
fn a_success_that_was_not_made_with_our_password_counts_for_nothing() {
    let mut fixture = Fixture::new();
    let request = fixture.request();
    fixture.challenge(&request, 401);
    let request = fixture.request();
    fixture.password = "forged";
    fixture.allow(&request, 600);
    assert_eq!(fixture.client.poll_output(), None);
    fixture.password = "secret";
    fixture.allow(&request, 600);
    assert!(matches!(fixture.event(), Some(ClientEvent::Allocated { .. })));
}

#[test]
fn the_address_is_refreshed_in_time_again_after_silence_and_expires_only_then() {
    let mut fixture = Fixture::allocated();
    let (mut refreshes, mut failures) = (0, 0);
    let mut lost = None;
    for _ in 0..700 {
        fixture.pass(Duration::from_secs(1));
        while let Some(output) = fixture.client.poll_output() {
            match output {
                ClientOutput::Event(ClientEvent::RefreshFailed(error)) => {
                    assert_eq!(error, RelayError::Silent(PATIENCE));
                    failures += 1;
                }
                ClientOutput::Transmit(bytes) => {
                    let is_refresh = TurnMessage::decode(&bytes).is_ok_and(|found| found.method == Method::Refresh);
                    refreshes += usize::from(is_refresh);
                }
                ClientOutput::Event(event) => lost = Some((event, fixture.now)),
            }
        }
    }
    assert!(refreshes > 4 && failures == 1, "{refreshes} requests, {failures} told");
    assert_eq!(lost.unwrap().0, ClientEvent::Lost(RelayError::Expired));
    assert_eq!(fixture.client.poll_timeout(), None);
}

#[test]
fn mappings_on_the_way_are_kept_while_nothing_else_is_sent() {
    let mut fixture = Fixture::allocated();
    fixture.pass(Duration::from_secs(25));
    let message = StunMessage::decode(&fixture.sent().unwrap()).unwrap();
    assert_eq!((message.class, message.method), (Class::Indication, 1));
    assert_eq!(fixture.sent(), None);
}

#[test]
fn an_address_is_given_up_with_a_lifetime_of_zero_and_without_waiting_for_long() {
    let mut fixture = Fixture::allocated();
    fixture.client.close(fixture.now);
    let request = fixture.request();
    assert_eq!((request.method, request.lifetime), (Method::Refresh, Some(Duration::ZERO)));
    fixture.pass(FAREWELL);
    let outputs: Vec<_> = std::iter::from_fn(|| fixture.client.poll_output()).collect();
    assert_eq!(outputs.last(), Some(&ClientOutput::Event(ClientEvent::Released)));
}

#[test]
fn incomplete_and_impossible_answers_are_named() {
    for (attributes, error) in [
        (vec![], RelayError::Incomplete("a relayed address")),
        (vec![(0x0016, "203.0.113.9:5")], RelayError::Incomplete("a lifetime")),
        (vec![(0x0016, "0.0.0.0:5"), (0x000D, "")], RelayError::Impossible),
        (vec![(0x0016, "203.0.113.9:0"), (0x000D, "")], RelayError::Impossible),
        (vec![(0x0016, "[2001:db8::1]:5"), (0x000D, "")], RelayError::Impossible),
    ] {
        let mut fixture = Fixture::new();
        let request = fixture.request();
        let attributes: Vec<_> = attributes
            .into_iter()
            .map(|(kind, text)| match text.parse() {
                Ok(address) => (kind, xor_address(address, request.transaction)),
                Err(_) => (kind, 600_u32.to_be_bytes().to_vec()),
            })
            .collect();
        fixture.answer(&request, MessageClass::Success, &attributes, false);
        assert_eq!(fixture.event(), Some(ClientEvent::Failed(error)));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_client_panic(packets in proptest::collection::vec(
        (proptest::sample::select(vec![0_u8, 1, 0x40, 0x41, 0x80]), proptest::collection::vec(any::<u8>(), 0..80)), 0..20,
    )) {
        let mut fixture = Fixture::allocated();
        fixture.client.bind(peer(), fixture.now);
        for (first, mut bytes) in packets {
            bytes.insert(0, first);
            if let Received::Data { range, .. } = fixture.client.handle(&bytes, fixture.now) {
                prop_assert!(range.end <= bytes.len());
            }
        }
    }

    #[test]
    fn no_damage_to_an_answer_makes_the_client_panic(at in 0_usize..80, value: u8, cut in 0_usize..100) {
        let mut fixture = Fixture::new();
        let request = fixture.sent().unwrap();
        let mut answer = request;
        answer[0] = 1;
        if let Some(byte) = answer.get_mut(at) { *byte = value; }
        answer.truncate(cut);
        fixture.client.handle(&answer, fixture.now);
    }
}
