//! Packets waiting for their time, in order.

use std::collections::BTreeMap;

/// Two seconds of 20 ms packets; more than the target's ceiling ever needs.
const CAPACITY: usize = 100;

/// A packet that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredPacket {
    /// Unwrapped sequence number.
    pub sequence: i64,
    /// Unwrapped media time of its first sample.
    pub timestamp: i64,
    /// Samples in it.
    pub duration: i64,
    /// Opus.
    pub payload: Vec<u8>,
}

impl StoredPacket {
    /// Media time after its last sample.
    pub(crate) fn end(&self) -> i64 {
        self.timestamp + self.duration
    }
}

/// What became of an inserted packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It waits.
    Kept,
    /// It waits, and the oldest was dropped for it.
    Overflowed,
    /// It was there already.
    Duplicate,
}

/// Packets by sequence number, of bounded count.
#[derive(Debug, Default)]
pub(crate) struct PacketBuffer {
    packets: BTreeMap<i64, StoredPacket>,
}

impl PacketBuffer {
    pub(crate) fn insert(&mut self, packet: StoredPacket) -> Inserted {
        if self.packets.contains_key(&packet.sequence) {
            return Inserted::Duplicate;
        }
        self.packets.insert(packet.sequence, packet);
        if self.packets.len() <= CAPACITY {
            return Inserted::Kept;
        }
        self.packets.pop_first();
        Inserted::Overflowed
    }

    pub(crate) fn first(&self) -> Option<&StoredPacket> {
        self.packets.first_key_value().map(|(_, packet)| packet)
    }

    pub(crate) fn pop(&mut self) -> Option<StoredPacket> {
        self.packets.pop_first().map(|(_, packet)| packet)
    }

    pub(crate) fn clear(&mut self) {
        self.packets.clear();
    }

    /// Media time after the newest sample.
    pub(crate) fn end(&self) -> Option<i64> {
        self.packets.last_key_value().map(|(_, packet)| packet.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: i64) -> StoredPacket {
        StoredPacket { sequence, timestamp: sequence * 960, duration: 960, payload: vec![0] }
    }

    #[test]
    fn packets_come_out_in_order_and_once() {
        let mut buffer = PacketBuffer::default();
        assert_eq!(buffer.insert(packet(2)), Inserted::Kept);
        assert_eq!(buffer.insert(packet(1)), Inserted::Kept);
        assert_eq!(buffer.insert(packet(2)), Inserted::Duplicate);
        assert_eq!(buffer.end(), Some(2880));
        assert_eq!(buffer.pop().map(|packet| packet.sequence), Some(1));
        assert_eq!(buffer.pop().map(|packet| packet.sequence), Some(2));
        assert_eq!(buffer.pop(), None);
    }

    #[test]
    fn a_full_buffer_drops_its_oldest() {
        let mut buffer = PacketBuffer::default();
        for sequence in 0..CAPACITY as i64 {
            assert_eq!(buffer.insert(packet(sequence)), Inserted::Kept);
        }
        assert_eq!(buffer.insert(packet(CAPACITY as i64)), Inserted::Overflowed);
        assert_eq!(buffer.first().map(|packet| packet.sequence), Some(1));
    }
}
