//! Somebody saw everything that arrived over the old path, and sends it all again.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use floe_call::{Call, Command, Privacy, Snapshot};
use floe_inspect::peer::ChannelView;
use floe_simnet::{Overheard, Scenario, Side, World};
use floe_wire::{
    IceConnectionState, IceRole, PacketKind, RelayProtocol, classify,
    note::RefusalReason,
    stun::{Class, StunMessage},
    turn::{TurnMessage, carried},
};

use crate::{
    pair::{Pair, log_of, until},
    restarts::{hears_more, prepare, words},
};

/// The attacker's own address.
const ELSEWHERE: &str = "203.0.113.66:6666";

/// What must stay as it is.
#[derive(Debug, PartialEq)]
pub struct Standing {
    selections: usize,
    restarts: usize,
    states: usize,
    words: [String; 4],
    role: Option<IceRole>,
    channel: ChannelView,
    is_suspected: bool,
}

pub fn standing(snapshot: &Snapshot) -> Standing {
    let picture = &snapshot.picture;
    Standing {
        selections: picture.selections.len(),
        restarts: picture.restarts.len(),
        states: picture.ice_connection.len(),
        words: words(snapshot),
        role: picture.role,
        channel: picture.peer.channel.clone(),
        is_suspected: picture.is_path_suspected,
    }
}

/// How many more datagrams were refused for this reason.
pub fn more_refused([before, after]: [&Snapshot; 2], reason: RefusalReason) -> u64 {
    let refused = |snapshot: &Snapshot| {
        let refused: BTreeMap<_, _> = snapshot.picture.counters.refused.iter().copied().collect();
        refused.get(&reason).copied().unwrap_or(0)
    };
    refused(after) - refused(before)
}

pub fn concealed(snapshot: &Snapshot) -> u64 {
    snapshot.picture.audio.as_ref().map_or(0, |audio| audio.concealed_samples)
}

/// Both ends hear each other, and tell each other what they see.
pub async fn go_on(pair: &Pair) {
    for call in [&pair.a, &pair.b] {
        hears_more(call).await;
        hears_from_the_other_side(call).await;
    }
}

async fn hears_from_the_other_side(call: &Call) {
    let newest = |snapshot: &Snapshot| snapshot.picture.peer.digests.map(|(_, newest)| newest);
    let before = newest(&call.snapshot());
    until(call, "another digest comes", |snapshot| newest(snapshot) > before).await;
}

pub fn count(packets: &[Overheard], kind: PacketKind) -> usize {
    packets.iter().filter(|packet| classify(&packet.bytes) == kind).count()
}

fn requests(packets: &[Overheard]) -> impl Iterator<Item = StunMessage> {
    let messages = packets.iter().filter_map(|packet| StunMessage::decode(&packet.bytes).ok());
    messages.filter(|message| message.class == Class::Request)
}

/// Sends everything again in its order, faster than it came.
pub async fn replay(pair: &Pair, packets: &[Overheard], from: Option<SocketAddr>) {
    for chunk in packets.chunks(20) {
        for packet in chunk {
            let source = from.unwrap_or(packet.source);
            assert!(pair.world.forge(Overheard { source, ..packet.clone() }));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
}

/// A call in which A nominates: chance decides, so that there may have to be some.
async fn nominated_by_a() -> Pair {
    for _ in 0..40 {
        let pair = Pair::start(Scenario::Roam);
        assert!(pair.world.begin_overhearing(Side::B));
        pair.exchange().await;
        prepare(&pair).await;
        if pair.b.snapshot().picture.role == Some(IceRole::Controlled) {
            return pair;
        }
        pair.finish().await;
    }
    panic!("the roles are not decided by chance");
}

/// A call whose first two generations were overheard at B, and which is in its third.
async fn overheard() -> (Pair, Vec<Overheard>) {
    let pair = nominated_by_a().await;
    for generation in 0..2 {
        pair.a.send(Command::RestartIce);
        let over = format!("Generation {generation} is over");
        for call in [&pair.a, &pair.b] {
            until(call, &over, |snapshot| snapshot.picture.events.iter().any(|event| event.text == over)).await;
        }
    }
    for call in [&pair.a, &pair.b] {
        until(call, "the third generation is complete", |snapshot| {
            snapshot.picture.ice_connection_state() == IceConnectionState::Completed
        })
        .await;
    }
    // Consent is asked every five seconds.
    tokio::time::sleep(Duration::from_secs(30)).await;
    // The last checks among them are the third generation's, and mean something still.
    let packets = pair.world.take_overheard(Side::B);
    (pair, packets)
}

/// The user fragment that the newest checks were for.
fn newest_fragment(packets: &[Overheard]) -> String {
    let newest = requests(packets).last().expect("checks were seen");
    newest.receiver_ufrag().expect("checks name their receiver").to_owned()
}

fn is_check_for(packet: &Overheard, fragment: &str) -> bool {
    StunMessage::decode(&packet.bytes).is_ok_and(|message| message.receiver_ufrag() == Some(fragment))
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_on_the_old_path_moves_nothing_when_it_is_sent_again() {
    let (pair, mut packets) = overheard().await;
    let fragments: BTreeSet<_> =
        requests(&packets).filter_map(|message| message.receiver_ufrag().map(str::to_owned)).collect();
    assert_eq!(fragments.len(), 3, "checks of three generations were seen");
    assert!(requests(&packets).any(|message| message.use_candidate && message.nomination.is_some()));
    let newest = newest_fragment(&packets);
    packets.retain(|packet| !is_check_for(packet, &newest));
    for kind in [PacketKind::Stun, PacketKind::Dtls, PacketKind::Rtp, PacketKind::Rtcp] {
        assert!(count(&packets, kind) > 3, "{kind:?}");
    }
    let media = count(&packets, PacketKind::Rtp) + count(&packets, PacketKind::Rtcp);
    let elsewhere: SocketAddr = ELSEWHERE.parse().expect("an address");
    for from in [None, Some(elsewhere)] {
        let [before_a, before] = [&pair.a, &pair.b].map(|call| call.snapshot());
        replay(&pair, &packets, from).await;
        let [after_a, after] = [&pair.a, &pair.b].map(|call| call.snapshot());
        assert_eq!(standing(&after), standing(&before), "{}", log_of(&after.picture));
        assert_eq!(standing(&after_a), standing(&before_a), "{}", log_of(&after_a.picture));
        let more = |reason| more_refused([&before, &after], reason);
        assert_eq!(more(RefusalReason::ReplayedMedia), media as u64, "every packet of media is refused");
        assert_eq!(concealed(&after) - concealed(&before), 0, "nothing of it is heard");
        let checks = requests(&packets).filter(|message| message.username.is_some()).count();
        assert_eq!(more(RefusalReason::UnknownUfrag), checks as u64, "checks of what is over mean nothing");
    }
    go_on(&pair).await;
    pair.finish().await;
}

/// They are authentic still, so that they are answered; whoever sent them cannot answer what they are asked.
#[tokio::test(start_paused = true)]
async fn checks_of_the_generation_in_use_move_nothing_when_somebody_else_sends_them_again() {
    let (pair, mut packets) = overheard().await;
    let newest = newest_fragment(&packets);
    packets.retain(|packet| is_check_for(packet, &newest));
    assert!(packets.len() > 3);
    let elsewhere: SocketAddr = ELSEWHERE.parse().expect("an address");
    for from in [None, Some(elsewhere)] {
        let before = [&pair.a, &pair.b].map(|call| call.snapshot());
        replay(&pair, &packets, from).await;
        for (call, before) in [&pair.a, &pair.b].into_iter().zip(&before) {
            let after = call.snapshot();
            assert_eq!(standing(&after), standing(before), "{}", log_of(&after.picture));
            assert_eq!(concealed(&after) - concealed(before), 0, "no audio is missing");
        }
        go_on(&pair).await;
    }
    pair.finish().await;
}

/// The datagrams as if the one who got them had sent them.
fn reflected(packets: &[Overheard]) -> Vec<Overheard> {
    let turn = |packet: &Overheard| Overheard {
        source: packet.destination,
        destination: packet.source,
        bytes: packet.bytes.clone(),
    };
    packets.iter().map(turn).collect()
}

/// On a LAN somebody sees both ends, and there are pairs in reserve. One end is the client of the handshake, the other
/// one the server.
#[tokio::test(start_paused = true)]
async fn what_both_ends_said_moves_neither_when_it_is_sent_again_or_back() {
    let pair = Pair::start(Scenario::Lan);
    for side in [Side::A, Side::B] {
        assert!(pair.world.begin_overhearing(side));
    }
    pair.exchange().await;
    prepare(&pair).await;
    pair.a.send(Command::RestartIce);
    for call in [&pair.a, &pair.b] {
        until(call, "the first generation is over", |snapshot| {
            snapshot.picture.events.iter().any(|event| event.text == "Generation 0 is over")
        })
        .await;
        until(call, "pairs are in reserve", |snapshot| !snapshot.picture.standby.is_empty()).await;
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let said = [Side::A, Side::B].map(|side| pair.world.take_overheard(side));
    let media = said.each_ref().map(|packets| count(packets, PacketKind::Rtp) + count(packets, PacketKind::Rtcp));
    let calls = [&pair.a, &pair.b];
    let before = calls.map(Call::snapshot);
    for packets in [said.concat(), reflected(&said.concat())] {
        replay(&pair, &packets, None).await;
    }
    for (side, (call, before)) in calls.into_iter().zip(&before).enumerate() {
        let after = call.snapshot();
        assert_eq!(standing(&after), standing(before), "{}", log_of(&after.picture));
        assert_eq!(concealed(&after) - concealed(before), 0, "no audio is missing");
        let more = |reason| more_refused([before, &after], reason);
        assert_eq!(more(RefusalReason::ReplayedMedia), media[side] as u64, "what it was sent is known");
        assert_eq!(more(RefusalReason::BadMedia), media[1 - side] as u64, "what it said itself is not the peer's");
    }
    go_on(&pair).await;
    pair.finish().await;
}

/// What a relay brought is in the server's packets, and what the server itself said is not all signed.
#[tokio::test(start_paused = true)]
async fn what_a_relay_said_and_brought_moves_nothing_when_it_is_sent_again() {
    let relays = &[RelayProtocol::Udp];
    let world = World::build_with_relays(Scenario::OneNat, relays, 7).expect("the world can be built");
    assert!(world.begin_overhearing(Side::B));
    let pair = Pair::changed(world, |config| config.privacy = Privacy::RelayOnly);
    pair.exchange().await;
    prepare(&pair).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let packets = pair.world.take_overheard(Side::B);
    let says = |class| {
        packets.iter().filter_map(|packet| TurnMessage::decode(&packet.bytes).ok()).any(move |m| m.class == class)
    };
    assert!(
        [Class::Success, Class::Error, Class::Indication].map(says) == [true; 3],
        "all that a server says was seen"
    );
    let brought = packets.iter().filter_map(|packet| Some(classify(&packet.bytes[carried(&packet.bytes)?])));
    let media = brought.filter(|kind| matches!(kind, PacketKind::Rtp | PacketKind::Rtcp)).count();
    assert!(media > 100, "{media} packets of media");
    let addresses = |snapshot: &Snapshot| -> Vec<_> {
        snapshot.picture.local_candidates.iter().map(|view| view.candidate.address).collect()
    };
    let before = [&pair.a, &pair.b].map(|call| call.snapshot());
    replay(&pair, &packets, None).await;
    for (call, before) in [&pair.a, &pair.b].into_iter().zip(&before) {
        let after = call.snapshot();
        assert_eq!(standing(&after), standing(before), "{}", log_of(&after.picture));
        assert_eq!(addresses(&after), addresses(before));
        assert_eq!(concealed(&after) - concealed(before), 0, "no audio is missing");
    }
    let more = more_refused([&before[1], &pair.b.snapshot()], RefusalReason::ReplayedMedia);
    assert_eq!(more, media as u64, "every packet of media is refused");
    go_on(&pair).await;
    pair.finish().await;
}
