//! One direction of a TCP connection: segments in, RFC 4571 frames or TURN messages out.

use std::collections::BTreeMap;

use floe_wire::{PacketKind, classify, framing::LENGTH_BYTES, note::FramingFault, turn::stream_frame};

use super::layers::TcpFacts;

/// Bytes that may wait for an earlier segment: a usual receive window.
const WAITING_BYTES: usize = 1 << 16;

/// Segments that may wait; then the missing one was lost before the capture.
const WAITING_SEGMENTS: usize = 64;

/// Segments that are looked at before a connection counts as none of ours.
const ATTEMPTS: u8 = 8;

/// What a segment led to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Segments that brought bytes that were there already.
    pub overlaps: u64,
    /// Places where bytes of ICE-TCP or TURN are missing.
    pub gaps: u64,
    /// What is wrong with the frames; told once.
    pub fault: Option<FramingFault>,
}

/// A packet that a stream carried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carried<'a> {
    /// When its last byte arrived.
    pub at: u64,
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// Its length on the wire.
    pub wire_len: u32,
}

/// How packets are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// Nothing was recognised so far.
    Unknown { attempts: u8 },
    /// RFC 4571: ICE-TCP.
    Lengths,
    /// TURN messages and ChannelData follow each other (RFC 8656 section 12.5).
    Turn,
    /// Something else.
    Foreign,
}

/// One direction of a TCP connection. Holds at most one packet and [`WAITING_BYTES`].
#[derive(Debug)]
pub(super) struct Stream {
    /// The number of the byte that comes next.
    next: Option<u32>,
    waiting: BTreeMap<u32, Waiting>,
    waiting_bytes: usize,
    /// The beginning of a packet.
    pending: Vec<u8>,
    /// Where bytes begin in `pending` that were not captured.
    missing_from: Option<usize>,
    framing: Framing,
    /// Whether `pending` begins where a packet does.
    is_aligned: bool,
    /// Whether nothing was missing, so that what does not fit is the sender's doing.
    is_whole: bool,
    fault: Option<FramingFault>,
    is_fault_told: bool,
}

#[derive(Debug)]
struct Waiting {
    at: u64,
    bytes: Vec<u8>,
    wire_len: u32,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            next: None,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            pending: Vec::new(),
            missing_from: None,
            framing: Framing::Unknown { attempts: 0 },
            is_aligned: true,
            is_whole: true,
            fault: None,
            is_fault_told: false,
        }
    }
}

impl Stream {
    /// Whether this direction carries nothing of ours.
    pub fn is_foreign(&self) -> bool {
        self.framing == Framing::Foreign
    }

    /// Takes a segment and gives every packet that ends in it.
    pub fn take(
        &mut self,
        at: u64,
        facts: TcpFacts,
        payload: &[u8],
        wire_len: u32,
        found: &mut dyn FnMut(Carried<'_>),
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let mut sequence = facts.sequence;
        if facts.is_syn {
            *self = Self::default();
            sequence = sequence.wrapping_add(1);
            self.next = Some(sequence);
        }
        if wire_len == 0 || self.is_foreign() {
            self.end_if(facts.is_fin, sequence, &mut outcome);
            return outcome;
        }
        let next = *self.next.get_or_insert(sequence);
        // The distance on a circle of numbers (RFC 9293 section 3.4).
        let ahead = sequence.wrapping_sub(next).cast_signed();
        if ahead > 0 {
            return self.wait(at, sequence, payload, wire_len, found);
        }
        outcome.overlaps += u64::from(ahead < 0);
        self.deliver(at, ahead.unsigned_abs(), payload, wire_len, found);
        self.deliver_waiting(&mut outcome, found);
        self.end_if(facts.is_fin, sequence.wrapping_add(wire_len), &mut outcome);
        outcome
    }

    /// Tells what is wrong with the frames, once; `is_fin`: this direction ends at byte `end`.
    fn end_if(&mut self, is_fin: bool, end: u32, outcome: &mut Outcome) {
        let is_cut = is_fin && self.is_in_step() && self.next == Some(end) && !self.pending.is_empty();
        let fault = self.fault.take().or_else(|| is_cut.then_some(FramingFault::CutShort));
        if fault.is_some() && !std::mem::replace(&mut self.is_fault_told, true) {
            outcome.fault = fault;
        }
    }

    /// Whether frames were told apart from the first one on.
    fn is_in_step(&self) -> bool {
        self.framing == Framing::Lengths && self.is_whole && self.is_aligned
    }

    /// Gives what still waits for segments that never came.
    pub fn finish(&mut self, found: &mut dyn FnMut(Carried<'_>)) -> Outcome {
        let mut outcome = Outcome::default();
        while !self.waiting.is_empty() {
            self.jump(&mut outcome);
            self.deliver_waiting(&mut outcome, found);
        }
        outcome
    }

    fn wait(
        &mut self,
        at: u64,
        sequence: u32,
        payload: &[u8],
        wire_len: u32,
        found: &mut dyn FnMut(Carried<'_>),
    ) -> Outcome {
        let mut outcome = Outcome::default();
        self.waiting_bytes += payload.len();
        let waiting = Waiting { at, bytes: payload.to_vec(), wire_len };
        if let Some(replaced) = self.waiting.insert(sequence, waiting) {
            self.waiting_bytes -= replaced.bytes.len();
            outcome.overlaps += 1;
        }
        while self.waiting.len() > WAITING_SEGMENTS || self.waiting_bytes > WAITING_BYTES {
            self.jump(&mut outcome);
            self.deliver_waiting(&mut outcome, found);
        }
        outcome
    }

    /// Goes on behind a gap, at the waiting segment that comes next.
    fn jump(&mut self, outcome: &mut Outcome) {
        let next = self.next.unwrap_or_default();
        let nearest = self.waiting.keys().copied().min_by_key(|sequence| sequence.wrapping_sub(next));
        self.next = nearest;
        self.lose_track();
        // What other programs lost on the way to the capture is no loss of ours.
        let is_ours = matches!(self.framing, Framing::Lengths | Framing::Turn);
        outcome.gaps += u64::from(is_ours);
    }

    fn deliver_waiting(&mut self, outcome: &mut Outcome, found: &mut dyn FnMut(Carried<'_>)) {
        while let Some(next) = self.next {
            let due = self.waiting.keys().copied().find(|sequence| sequence.wrapping_sub(next).cast_signed() <= 0);
            let Some(sequence) = due else { return };
            let Some(Waiting { at, bytes, wire_len }) = self.waiting.remove(&sequence) else { return };
            self.waiting_bytes -= bytes.len();
            let known = next.wrapping_sub(sequence);
            outcome.overlaps += u64::from(known > 0);
            self.deliver(at, known, &bytes, wire_len, found);
        }
    }

    /// Takes bytes in order; the first `known` of them were there already.
    fn deliver(&mut self, at: u64, known: u32, payload: &[u8], wire_len: u32, found: &mut dyn FnMut(Carried<'_>)) {
        if known >= wire_len {
            return;
        }
        let new = wire_len - known;
        self.next = self.next.map(|next| next.wrapping_add(new));
        if !self.is_aligned {
            // Packets usually begin with a segment; wherever this one begins, it is the best place to look.
            self.pending.clear();
            self.missing_from = None;
            self.is_aligned = true;
        }
        let captured = payload.get(known as usize..).unwrap_or_default();
        self.pending.extend(captured);
        let missing = (new as usize).saturating_sub(captured.len());
        if missing > 0 {
            self.missing_from.get_or_insert(self.pending.len());
            // Segments are shorter than 64 KiB; a card that puts them together makes at most four times that.
            self.pending.resize(self.pending.len() + missing.min(1 << 18), 0);
        }
        self.recognise();
        self.give(at, found);
    }

    /// Tells the framing by the first packet, which has to be STUN.
    fn recognise(&mut self) {
        let Framing::Unknown { attempts } = self.framing else { return };
        let is_stun = |bytes: Option<&[u8]>| bytes.is_some_and(|bytes| classify(bytes) == PacketKind::Stun);
        if is_stun(Some(&self.pending)) {
            self.framing = Framing::Turn;
        } else if is_stun(self.pending.get(LENGTH_BYTES..)) {
            self.framing = Framing::Lengths;
        } else {
            self.framing =
                if attempts >= ATTEMPTS { Framing::Foreign } else { Framing::Unknown { attempts: attempts + 1 } };
            self.pending.clear();
            self.missing_from = None;
        }
    }

    fn give(&mut self, at: u64, found: &mut dyn FnMut(Carried<'_>)) {
        let mut start = 0;
        while let Some((skipped, length)) = self.next_packet(start) {
            let (from, to) = (start + skipped, start + skipped + length);
            if to > self.pending.len() {
                break;
            }
            let captured = self.missing_from.map_or(to, |missing| missing.clamp(from, to));
            let wire_len = u32::try_from(length).unwrap_or(u32::MAX);
            let is_known =
                length == 0 || captured == from || classify(&self.pending[from..captured]) != PacketKind::Unknown;
            if !is_known && self.is_in_step() {
                self.fault.get_or_insert(FramingFault::OutOfStep);
            }
            found(Carried { at, bytes: &self.pending[from..captured], wire_len });
            start = to;
            if self.missing_from.is_some_and(|missing| missing < start) {
                // What was not captured ends somewhere in or behind this packet.
                self.missing_from = Some(start).filter(|_| start < self.pending.len());
            }
        }
        if self.missing_from.is_some_and(|missing| missing <= start) {
            // The next packet's beginning was not captured.
            return self.lose_track();
        }
        self.pending.drain(..start.min(self.pending.len()));
        self.missing_from = self.missing_from.map(|missing| missing - start);
    }

    /// Bytes before and of the packet at `start`; none while it cannot be told.
    fn next_packet(&mut self, start: usize) -> Option<(usize, usize)> {
        let end = self.missing_from.unwrap_or(self.pending.len());
        let bytes = self.pending.get(start..end)?;
        match self.framing {
            Framing::Lengths => {
                let [high, low, ..] = bytes else { return None };
                Some((LENGTH_BYTES, usize::from(u16::from_be_bytes([*high, *low]))))
            }
            Framing::Turn => match stream_frame(bytes) {
                Ok(length) => length.map(|length| (0, length)),
                Err(_) => {
                    self.lose_track();
                    None
                }
            },
            Framing::Unknown { .. } | Framing::Foreign => None,
        }
    }

    fn lose_track(&mut self) {
        self.pending.clear();
        self.missing_from = None;
        self.is_aligned = false;
        self.is_whole = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(sequence: u32) -> TcpFacts {
        TcpFacts { sequence, is_syn: false, is_ack: true, is_fin: false }
    }

    fn stun() -> Vec<u8> {
        floe_wire::stun::binding_request(floe_wire::stun::TransactionId([3; 12]))
    }

    /// Three packets as RFC 4571 frames, the first one STUN.
    fn stream() -> (Vec<Vec<u8>>, Vec<u8>) {
        let packets = vec![stun(), vec![22; 300], stun()];
        let framed = packets.iter().flat_map(|packet| floe_wire::framing::encode(packet).unwrap().to_vec()).collect();
        (packets, framed)
    }

    /// What comes out when these pieces of a stream go in.
    fn packets(pieces: &[(u32, &[u8])]) -> (Vec<Vec<u8>>, Outcome) {
        let (mut stream, mut packets, mut total) = (Stream::default(), Vec::new(), Outcome::default());
        let mut add = |outcome: Outcome| {
            total.overlaps += outcome.overlaps;
            total.gaps += outcome.gaps;
            total.fault = total.fault.or(outcome.fault);
        };
        let mut found = |carried: Carried<'_>| packets.push(carried.bytes.to_vec());
        for (sequence, bytes) in pieces {
            let wire_len = u32::try_from(bytes.len()).unwrap();
            add(stream.take(0, facts(*sequence), bytes, wire_len, &mut found));
        }
        add(stream.finish(&mut found));
        (packets, total)
    }

    #[test]
    fn packets_come_out_whatever_the_pieces_are() {
        let (expected, bytes) = stream();
        for size in [1_000, 100, 7, 22] {
            let mut at = u32::MAX - 50;
            let mut pieces = Vec::new();
            for piece in bytes.chunks(size) {
                pieces.push((at, piece));
                at = at.wrapping_add(u32::try_from(piece.len()).unwrap());
            }
            // The first piece has to show that it is STUN.
            if size >= 22 {
                assert_eq!(packets(&pieces).0, expected, "pieces of {size}");
            }
        }
    }

    #[test]
    fn repeated_overlapping_and_swapped_segments_change_nothing() {
        let (expected, bytes) = stream();
        let pieces =
            [(0, &bytes[..40]), (90, &bytes[90..]), (0, &bytes[..40]), (20, &bytes[20..60]), (40, &bytes[40..100])];
        let (found, outcome) = packets(&pieces);
        assert_eq!(found, expected);
        assert!(outcome.overlaps >= 2 && outcome.gaps == 0, "{outcome:?}");
    }

    #[test]
    fn a_gap_costs_the_packets_it_hit_and_is_counted() {
        let (expected, bytes) = stream();
        let frames: Vec<usize> = vec![0, 2 + expected[0].len(), 4 + expected[0].len() + 300];
        let last = u32::try_from(frames[2]).unwrap();
        let (found, outcome) = packets(&[(0, &bytes[..frames[1]]), (last, &bytes[frames[2]..])]);
        assert_eq!(found, [expected[0].clone(), expected[2].clone()]);
        assert_eq!(outcome, Outcome { overlaps: 0, gaps: 1, fault: None });
    }

    #[test]
    fn frames_that_do_not_fit_their_lengths_are_told_and_gaps_of_the_capture_are_not() {
        let (_, good) = stream();
        let wrong = floe_wire::framing::encode(&[0xFF; 40]).unwrap();
        let length = u32::try_from(good.len()).unwrap();
        assert_eq!(packets(&[(0, &good)]).1.fault, None);
        assert_eq!(packets(&[(0, &good), (length, &wrong)]).1.fault, Some(FramingFault::OutOfStep));
        assert_eq!(packets(&[(0, &good), (length + 7, &wrong)]).1.fault, None, "seven bytes were not captured");
    }

    #[test]
    fn a_connection_that_ends_within_a_frame_is_told() {
        let (_, bytes) = stream();
        let ended_after = |length: usize| {
            let mut stream = Stream::default();
            let ended = u32::try_from(length).unwrap();
            stream.take(0, facts(0), &bytes[..length], ended, &mut |_| {});
            stream.take(0, TcpFacts { is_fin: true, ..facts(ended) }, &[], 0, &mut |_| {}).fault
        };
        assert_eq!(ended_after(bytes.len()), None);
        assert_eq!(ended_after(bytes.len() - 3), Some(FramingFault::CutShort));
    }

    #[test]
    fn a_segment_that_was_cut_gives_the_beginning_and_the_length() {
        let mut stream = Stream::default();
        let mut found = Vec::new();
        let mut take = |sequence, bytes: &[u8], wire_len| {
            stream.take(0, facts(sequence), bytes, wire_len, &mut |carried| {
                found.push((carried.bytes.len(), carried.wire_len));
            });
        };
        let first = floe_wire::framing::encode(&stun()).unwrap();
        let length = u32::try_from(first.len()).unwrap();
        take(0, &first, length);
        let media = floe_wire::framing::encode(&[0x80; 180]).unwrap();
        take(length, &media[..66], 182);
        take(length + 182, &first, length);
        assert_eq!(found, [(28, 28), (64, 180), (28, 28)]);
    }

    #[test]
    fn turn_on_a_stream_is_told_by_its_first_message() {
        let channel = floe_wire::turn::ChannelData::encode(0x4000, b"abcde", true);
        let bytes = [stun(), channel.clone(), stun()].concat();
        assert_eq!(packets(&[(5, &bytes[..33]), (38, &bytes[33..])]).0, [stun(), channel, stun()]);
    }

    #[test]
    fn a_connection_of_somebody_else_is_left_alone() {
        let mut stream = Stream::default();
        for n in 0..20 {
            stream.take(0, facts(n * 10), b"GET / HTTP", 10, &mut |_| panic!("there is no packet"));
        }
        assert!(stream.is_foreign());
    }

    proptest! {
        #[test]
        fn nothing_in_a_segment_hurts(segments in proptest::collection::vec(
            (any::<u32>(), proptest::collection::vec(any::<u8>(), 0..200), 0..400_u32, any::<bool>()), 0..60,
        )) {
            let mut stream = Stream::default();
            stream.take(0, facts(0), &stun(), 20, &mut |_| {});
            for (sequence, bytes, more, is_syn) in segments {
                let facts = TcpFacts { sequence: sequence % 4_000, is_syn: is_syn && sequence % 16 == 0, is_ack: true, is_fin: is_syn };
                let wire_len = u32::try_from(bytes.len()).unwrap() + more * u32::from(more % 3 == 0);
                stream.take(0, facts, &bytes, wire_len, &mut |carried| {
                    assert!(carried.bytes.len() <= carried.wire_len as usize);
                });
                prop_assert!(stream.waiting.len() <= WAITING_SEGMENTS && stream.waiting_bytes <= WAITING_BYTES);
            }
            stream.finish(&mut |_| {});
        }
    }
}
