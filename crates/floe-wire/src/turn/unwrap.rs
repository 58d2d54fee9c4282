//! Finds the peer's packet inside what crosses the wire between us and a TURN server.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    ops::Range,
};

use super::{CHANNEL_DATA_HEADER, ChannelData, Method, TurnMessage};
use crate::{
    Direction, PacketKind, classify,
    stun::{Class, TransactionId},
};

/// Channel bindings that wait for their answer.
const PENDING_KEPT: usize = 256;

/// What a peer's packet came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// A Send or Data indication.
    Indication,
    /// ChannelData with this number.
    Channel(u16),
}

/// A peer's packet found inside an outer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwrapped {
    /// The peer it goes to or comes from.
    pub peer: SocketAddr,
    /// Where it is in the outer bytes; its end may be cut off.
    pub range: Range<usize>,
    /// Its length on the wire, in bytes.
    pub wire_len: u32,
    /// What it came in.
    pub carrier: Carrier,
}

/// Knows the channels of one allocation, so that ChannelData can be told whose it is.
///
/// A channel counts from the request on: a capture may lack the answer, and nobody sends on a channel that was refused.
/// Memory is bounded: there are 4,096 channel numbers.
#[derive(Debug, Clone, Default)]
pub struct Unwrapper {
    channels: BTreeMap<u16, SocketAddr>,
    pending: VecDeque<(TransactionId, u16)>,
}

impl Unwrapper {
    /// Looks into an outer packet. None when it carries no peer's packet, or one of an unknown channel.
    pub fn unwrap(&mut self, direction: Direction, outer: &[u8]) -> Option<Unwrapped> {
        match classify(outer) {
            PacketKind::ChannelData => self.unwrap_channel_data(outer),
            PacketKind::Stun => {
                let message = TurnMessage::decode(outer).ok()?;
                self.observe(direction, &message);
                unwrap_indication(direction, &message)
            }
            PacketKind::Dtls | PacketKind::Rtp | PacketKind::Rtcp | PacketKind::Unknown => None,
        }
    }

    /// The peer behind a channel number.
    #[must_use]
    pub fn peer_of(&self, channel: u16) -> Option<SocketAddr> {
        self.channels.get(&channel).copied()
    }

    fn unwrap_channel_data(&self, outer: &[u8]) -> Option<Unwrapped> {
        let frame = ChannelData::decode(outer).ok()?;
        Some(Unwrapped {
            peer: self.peer_of(frame.channel)?,
            range: CHANNEL_DATA_HEADER..CHANNEL_DATA_HEADER + frame.data.len(),
            wire_len: u32::from(frame.declared),
            carrier: Carrier::Channel(frame.channel),
        })
    }

    fn observe(&mut self, direction: Direction, message: &TurnMessage) {
        if message.method != Method::ChannelBind {
            return;
        }
        match (message.class, direction) {
            (Class::Request, Direction::Outbound) => self.on_bind(message),
            (Class::Error, Direction::Inbound) => self.on_refusal(message),
            (Class::Success, Direction::Inbound) => {
                self.pending.retain(|(transaction, _)| *transaction != message.transaction);
            }
            (Class::Request | Class::Success | Class::Error | Class::Indication, _) => {}
        }
    }

    fn on_bind(&mut self, message: &TurnMessage) {
        let (Some(channel @ 0x4000..=0x4FFF), [peer]) = (message.channel, &message.peers[..]) else { return };
        let is_new = self.channels.insert(channel, *peer).is_none();
        if !is_new {
            return;
        }
        if self.pending.len() >= PENDING_KEPT {
            self.pending.pop_front();
        }
        self.pending.push_back((message.transaction, channel));
    }

    fn on_refusal(&mut self, message: &TurnMessage) {
        // A stale nonce (438) is answered by asking again with the same channel; the binding comes back with it.
        let Some(at) = self.pending.iter().position(|(transaction, _)| *transaction == message.transaction) else {
            return;
        };
        if let Some((_, channel)) = self.pending.remove(at) {
            self.channels.remove(&channel);
        }
    }
}

/// Where a peer's packet is in an outer one, whoever the peer is and whichever way it goes; none where there is none.
#[must_use]
pub fn carried(outer: &[u8]) -> Option<Range<usize>> {
    match classify(outer) {
        PacketKind::ChannelData => {
            let frame = ChannelData::decode(outer).ok()?;
            Some(CHANNEL_DATA_HEADER..CHANNEL_DATA_HEADER + frame.data.len())
        }
        PacketKind::Stun => TurnMessage::decode(outer).ok().filter(|message| message.class == Class::Indication)?.data,
        PacketKind::Dtls | PacketKind::Rtp | PacketKind::Rtcp | PacketKind::Unknown => None,
    }
}

fn unwrap_indication(direction: Direction, message: &TurnMessage) -> Option<Unwrapped> {
    let fits = matches!(
        (message.method, message.class, direction),
        (Method::Send, Class::Indication, Direction::Outbound) | (Method::Data, Class::Indication, Direction::Inbound)
    );
    let (true, [peer], Some(range)) = (fits, &message.peers[..], message.data.clone()) else { return None };
    Some(Unwrapped {
        peer: *peer,
        range,
        wire_len: u32::try_from(message.data_len).unwrap_or(u32::MAX),
        carrier: Carrier::Indication,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::turn::message::tests::{address, write};

    const PEER: &str = "203.0.113.9:4000";

    fn bind(transaction: u8, channel: u16, peer: &str) -> Vec<u8> {
        let number = [channel.to_be_bytes().to_vec(), vec![0, 0]].concat();
        write(0x0009, transaction, &[(0x000C, number), (0x0012, address(transaction, peer))])
    }

    fn indication(kind: u16, peer: &str, data: &[u8]) -> Vec<u8> {
        write(kind, 3, &[(0x0012, address(3, peer)), (0x0013, data.to_vec())])
    }

    #[test]
    fn indications_carry_packets_in_their_own_direction_only() {
        let mut unwrapper = Unwrapper::default();
        let send = indication(0x0016, PEER, b"ping");
        let found = unwrapper.unwrap(Direction::Outbound, &send).unwrap();
        assert_eq!((found.peer, found.wire_len, found.carrier), (PEER.parse().unwrap(), 4, Carrier::Indication));
        assert_eq!(&send[found.range], b"ping");
        assert_eq!(unwrapper.unwrap(Direction::Inbound, &send), None);
        let data = indication(0x0017, "[2001:db8::9]:4000", b"pong");
        let found = unwrapper.unwrap(Direction::Inbound, &data).unwrap();
        assert_eq!((found.peer, &data[found.range]), ("[2001:db8::9]:4000".parse().unwrap(), &b"pong"[..]));
    }

    #[test]
    fn channel_data_is_told_by_the_binding_before_it() {
        let mut unwrapper = Unwrapper::default();
        let frame = ChannelData::encode(0x4000, b"ping", false);
        assert_eq!(unwrapper.unwrap(Direction::Outbound, &frame), None, "nobody bound it");
        assert_eq!(unwrapper.unwrap(Direction::Outbound, &bind(1, 0x4000, PEER)), None);
        for direction in [Direction::Outbound, Direction::Inbound] {
            let found = unwrapper.unwrap(direction, &frame).unwrap();
            assert_eq!((found.peer, found.carrier), (PEER.parse().unwrap(), Carrier::Channel(0x4000)));
            assert_eq!(&frame[found.range], b"ping");
        }
    }

    #[test]
    fn a_refused_binding_is_forgotten_and_a_refused_refresh_is_not() {
        let mut unwrapper = Unwrapper::default();
        let refusal = |transaction| write(0x0119, transaction, &[(0x0009, vec![0, 0, 4, 0])]);
        unwrapper.unwrap(Direction::Outbound, &bind(1, 0x4000, PEER));
        unwrapper.unwrap(Direction::Inbound, &refusal(1));
        assert_eq!(unwrapper.peer_of(0x4000), None);
        unwrapper.unwrap(Direction::Outbound, &bind(2, 0x4000, PEER));
        unwrapper.unwrap(Direction::Inbound, &write(0x0109, 2, &[]));
        unwrapper.unwrap(Direction::Outbound, &bind(3, 0x4000, PEER));
        unwrapper.unwrap(Direction::Inbound, &refusal(3));
        assert_eq!(unwrapper.peer_of(0x4000), Some(PEER.parse().unwrap()));
    }

    #[test]
    fn a_record_that_kept_only_the_beginning_still_tells_the_peer_and_the_length() {
        let mut unwrapper = Unwrapper::default();
        let send = indication(0x0016, PEER, &[0x80; 300]);
        let found = unwrapper.unwrap(Direction::Outbound, &send[..100]).unwrap();
        assert_eq!((found.peer, found.wire_len, found.range.end), (PEER.parse().unwrap(), 300, 100));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_unwrapper_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), at in 0_usize..80) {
            let mut unwrapper = Unwrapper::default();
            let _ = unwrapper.unwrap(Direction::Inbound, &bytes);
            let mut send = indication(0x0016, PEER, b"ping");
            let end = send.len().min(at + bytes.len());
            let from = at.min(end);
            send[from..end].copy_from_slice(&bytes[..end - from]);
            for direction in [Direction::Outbound, Direction::Inbound] {
                if let Some(found) = unwrapper.unwrap(direction, &send) {
                    prop_assert!(found.range.end <= send.len());
                }
            }
        }
    }
}
