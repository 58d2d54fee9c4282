//! Two channels over a pipe of virtual time, without encryption; and hostile packets of correct checksums.

use proptest::prelude::*;

use super::*;

const DELAY: Duration = Duration::from_millis(20);

/// Moves packets between two channels until nothing flies and nothing is due within `until`.
fn exchange(
    client: &mut ControlChannel,
    server: &mut ControlChannel,
    from: Instant,
    until: Duration,
) -> [Vec<ControlEvent>; 2] {
    let mut told = [Vec::new(), Vec::new()];
    let mut now = from;
    while now < from + until {
        let [to_server, to_client] = [client.poll_transmit(now), server.poll_transmit(now)];
        now += DELAY;
        to_server.iter().for_each(|packet| server.handle(packet, now));
        to_client.iter().for_each(|packet| client.handle(packet, now));
        told[0].extend(std::iter::from_fn(|| client.poll()));
        told[1].extend(std::iter::from_fn(|| server.poll()));
    }
    told
}

fn open_pair(now: Instant) -> (ControlChannel, ControlChannel) {
    let (mut client, mut server) = (ControlChannel::new(true, now), ControlChannel::new(false, now));
    let told = exchange(&mut client, &mut server, now, Duration::from_secs(1));
    assert_eq!(told, [vec![ControlEvent::Opened], vec![ControlEvent::Opened]]);
    (client, server)
}

/// A packet that passes the checksum (CRC-32C, RFC 9260 appendix A).
fn packet(tag: u32, chunks: &[u8]) -> Vec<u8> {
    let mut packet =
        [&5000_u16.to_be_bytes()[..], &5000_u16.to_be_bytes(), &tag.to_be_bytes(), &[0; 4], chunks].concat();
    let checksum = crc32c(&packet);
    packet[8..12].copy_from_slice(&checksum.to_le_bytes());
    packet
}

fn crc32c(bytes: &[u8]) -> u32 {
    let fold = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 })
    };
    !bytes.iter().fold(!0, fold)
}

/// The verification tag that the other side expects, taken from what is sent to it.
fn tag_towards(channel: &mut ControlChannel, now: Instant) -> u32 {
    channel.send(b"tag").expect("it is open");
    let packets = channel.poll_transmit(now);
    u32::from_be_bytes(packets[0][4..8].try_into().unwrap())
}

/// Sent again before an answer came, or kept somewhere on a slower way.
#[test]
fn whatever_arrives_once_more_and_late_ends_nothing() {
    for late in 1..=40 {
        let mut now = Instant::now();
        let (mut client, mut server) = (ControlChannel::new(true, now), ControlChannel::new(false, now));
        let mut flying: VecDeque<[Vec<Vec<u8>>; 2]> = VecDeque::new();
        let mut told = [Vec::new(), Vec::new()];
        for step in 0..100 {
            if step == 20 {
                client.send(b"there").unwrap();
                server.send(b"and back").unwrap();
            }
            flying.push_back([client.poll_transmit(now), server.poll_transmit(now)]);
            now += DELAY;
            let again = flying.len().checked_sub(1 + late).and_then(|_| flying.pop_front());
            for [to_server, to_client] in flying.back().into_iter().chain(&again) {
                to_server.iter().for_each(|packet| server.handle(packet, now));
                to_client.iter().for_each(|packet| client.handle(packet, now));
            }
            told[0].extend(std::iter::from_fn(|| client.poll()));
            told[1].extend(std::iter::from_fn(|| server.poll()));
        }
        let message = |bytes: &[u8]| ControlEvent::Message(bytes.to_vec());
        let expected =
            [vec![ControlEvent::Opened, message(b"and back")], vec![ControlEvent::Opened, message(b"there")]];
        assert_eq!(told, expected, "again {late} steps later");
    }
}

#[test]
fn packets_fit_into_every_ipv6_path() {
    let now = Instant::now();
    let (mut client, _) = open_pair(now);
    client.send(&vec![1; MAX_CONTROL_MESSAGE]).unwrap();
    let packets = client.poll_transmit(now + Duration::from_secs(1));
    let longest = packets.iter().map(Vec::len).max().unwrap();
    assert!(packets.len() > 1 && longest + 37 + 48 <= 1280, "{longest}");
}

#[test]
fn another_program_s_channel_is_left_unanswered() {
    let now = Instant::now();
    let (mut client, mut server) = open_pair(now);
    let (_, association) = client.association.as_mut().unwrap();
    let mut chat = Dcep::open();
    chat.truncate(12);
    chat[9] = 4;
    chat.extend(b"chat");
    association.open_stream(6, Ppid::Binary).unwrap().write_with_ppi(&chat, Ppid::Dcep).unwrap();
    client.send(b"ours").unwrap();
    let told = exchange(&mut client, &mut server, now + Duration::from_secs(1), Duration::from_secs(1));
    assert_eq!(told, [vec![], vec![ControlEvent::Message(b"ours".to_vec())]]);
}

#[test]
fn an_abort_closes_the_channel_once() {
    let now = Instant::now();
    let (mut client, mut server) = open_pair(now);
    let tag = tag_towards(&mut client, now + Duration::from_secs(1));
    server.handle(&packet(tag, &[6, 0, 0, 4]), now + Duration::from_secs(1));
    assert_eq!(server.poll(), Some(ControlEvent::Closed(ControlEnd::PeerClosed)));
    server.handle(&packet(tag, &[6, 0, 0, 4]), now + Duration::from_secs(1));
    assert_eq!(server.poll(), None);
    assert_eq!(server.send(b"too late"), Err(ControlRefusal::NotOpen));
    assert_eq!((server.poll_timeout(), server.poll_transmit(now + Duration::from_secs(9))), (None, Vec::new()));
}

#[test]
fn a_message_above_the_limit_ends_the_channel_and_no_more() {
    let now = Instant::now();
    let (mut client, mut server) = open_pair(now);
    let (_, association) = client.association.as_mut().unwrap();
    association.set_max_send_message_size(100_000);
    association.stream(OWN_STREAM).unwrap().write_with_ppi(&vec![1; 60_000], Ppid::Binary).unwrap();
    let [_, told] = exchange(&mut client, &mut server, now + Duration::from_secs(1), Duration::from_secs(5));
    assert!(matches!(told[..], [ControlEvent::Closed(_)]), "{told:?}");
}

#[test]
fn a_flood_of_new_associations_leaves_one() {
    let now = Instant::now();
    let mut server = ControlChannel::new(false, now);
    for tag in 1..500_u32 {
        let mut init = vec![1, 0, 0, 20];
        init.extend(tag.to_be_bytes());
        init.extend(100_000_u32.to_be_bytes());
        init.extend([0, 16, 0, 16]);
        init.extend(7_u32.to_be_bytes());
        server.handle(&packet(0, &init), now);
    }
    assert!(server.poll_transmit(now).len() <= 500);
    assert!(server.association.is_some());
}

fn chunk() -> impl Strategy<Value = Vec<u8>> {
    // The types of RFC 9260, RFC 6525 (reconfiguration) and RFC 3758 (forward TSN), and any other.
    let kind = prop_oneof![4 => 0_u8..16, 1 => Just(130_u8), 1 => Just(192_u8), 1 => any::<u8>()];
    (kind, any::<u8>(), any::<u16>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..64)).prop_map(
        |(kind, flags, length, is_honest, value)| {
            let length = if is_honest { value.len() as u16 + 4 } else { length };
            let mut chunk = vec![kind, flags];
            chunk.extend(length.to_be_bytes());
            chunk.extend(value);
            while chunk.len() % 4 > 0 {
                chunk.push(0);
            }
            chunk
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn hostile_packets_never_panic_and_are_answered_within_bounds(
        packets in proptest::collection::vec(proptest::collection::vec(chunk(), 0..6), 1..40),
    ) {
        let now = Instant::now();
        let (mut client, mut server) = open_pair(now);
        let mut at = now + Duration::from_secs(1);
        let tag = tag_towards(&mut client, at);
        for chunks in packets {
            at += Duration::from_millis(100);
            server.handle(&packet(tag, &chunks.concat()), at);
            prop_assert!(server.poll_transmit(at).len() <= PACKETS_PER_STEP);
            while let Some(event) = server.poll() {
                prop_assert!(!matches!(event, ControlEvent::Closed(ControlEnd::Broken)), "the library panicked");
            }
            prop_assert!(server.poll_timeout().is_none_or(|wake| wake > at));
        }
    }
}
