//! What RFC 3550 counts about one received source: sequence numbers (A.1), loss (A.3) and jitter (A.8).

use std::time::Duration;

use crate::SAMPLE_RATE;

/// A forward jump up to here is loss (RFC 3550 A.1 `MAX_DROPOUT`): a minute of packets.
const MAX_DROPOUT: u16 = 3000;

/// A packet up to this far behind the newest is late, not a restart. RFC 3550 A.1 says 100; a buffering link
/// delivers ten seconds of packets at once.
const MAX_MISORDER: u16 = 500;

/// How far back duplicates are told from late packets.
const SEEN_WINDOW: i64 = 1024;

/// What a sequence number means for the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// A packet not seen before, with its extended sequence number; it may be behind the newest.
    Fresh {
        /// The sequence number, unwrapped.
        sequence: i64,
    },
    /// A packet seen before.
    Duplicate,
    /// A jump that may be a restart; the next packet decides.
    Suspect,
    /// The source began anew with this packet.
    Restarted {
        /// The sequence number, unwrapped.
        sequence: i64,
    },
}

/// Counters of one source.
#[derive(Debug, Clone)]
pub struct Reception {
    ssrc: u32,
    base: i64,
    newest: i64,
    received: u64,
    /// The sequence number that would confirm a restart.
    suspect: Option<u16>,
    /// One bit per recent sequence number, indexed modulo its length.
    seen: Box<[bool; SEEN_WINDOW as usize]>,
    /// The relative transit time of the last packet in RTP units (A.8).
    transit: Option<f64>,
    jitter: f64,
}

/// A source's counters, for a report block (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SourceStats {
    /// The source that is reported on.
    pub ssrc: u32,
    /// Extended highest sequence number received.
    pub highest_sequence: u32,
    /// Packets expected since the source began.
    pub expected: u64,
    /// Packets received since then, with duplicates.
    pub received: u64,
    /// Interarrival jitter in RTP units.
    pub jitter: u32,
}

impl SourceStats {
    /// Packets lost: expected less received, negative with duplicates (A.3).
    #[must_use]
    pub fn lost(&self) -> i64 {
        i64::try_from(self.expected).unwrap_or(i64::MAX) - i64::try_from(self.received).unwrap_or(i64::MAX)
    }

    /// Interarrival jitter in seconds.
    #[must_use]
    pub fn jitter_s(&self) -> f64 {
        f64::from(self.jitter) / f64::from(SAMPLE_RATE)
    }
}

impl Reception {
    /// Counts a source from its first packet's sequence number on; that packet is still to be given to
    /// [`Reception::receive`].
    #[must_use]
    pub fn new(ssrc: u32, first: u16) -> Self {
        let base = i64::from(first);
        Self {
            ssrc,
            base,
            newest: base - 1,
            received: 0,
            suspect: None,
            seen: Box::new([false; SEEN_WINDOW as usize]),
            transit: None,
            jitter: 0.0,
        }
    }

    /// The source that is counted.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Counts one packet; `since` is the time from any fixed moment to its arrival.
    pub fn receive(&mut self, sequence: u16, timestamp: u32, since: Duration) -> Arrival {
        let arrival = self.place(sequence);
        match arrival {
            Arrival::Suspect => return arrival,
            Arrival::Duplicate => {}
            Arrival::Fresh { sequence } | Arrival::Restarted { sequence } => self.mark(sequence),
        }
        self.received += 1;
        self.measure_jitter(timestamp, since);
        arrival
    }

    /// The counters as a report block needs them.
    #[must_use]
    pub fn stats(&self) -> SourceStats {
        SourceStats {
            ssrc: self.ssrc,
            highest_sequence: self.newest as u32,
            expected: u64::try_from(self.newest - self.base + 1).unwrap_or(0),
            received: self.received,
            jitter: self.jitter as u32,
        }
    }

    fn place(&mut self, sequence: u16) -> Arrival {
        let ahead = sequence.wrapping_sub(self.newest as u16);
        if ahead != 0 && ahead < MAX_DROPOUT {
            self.suspect = None;
            return Arrival::Fresh { sequence: self.newest + i64::from(ahead) };
        }
        let behind = ahead.wrapping_neg();
        if behind <= MAX_MISORDER {
            return self.place_behind(self.newest - i64::from(behind));
        }
        if self.suspect == Some(sequence) {
            *self = Self { transit: None, jitter: self.jitter, ..Self::new(self.ssrc, sequence) };
            return Arrival::Restarted { sequence: i64::from(sequence) };
        }
        self.suspect = Some(sequence.wrapping_add(1));
        Arrival::Suspect
    }

    fn place_behind(&mut self, sequence: i64) -> Arrival {
        if sequence >= self.base && self.seen[slot(sequence)] {
            return Arrival::Duplicate;
        }
        // A packet sent before the one that came first: the count starts with it, or it would read as negative loss.
        self.base = self.base.min(sequence);
        Arrival::Fresh { sequence }
    }

    fn mark(&mut self, sequence: i64) {
        for skipped in self.newest + 1..sequence {
            if sequence - skipped < SEEN_WINDOW {
                self.seen[slot(skipped)] = false;
            }
        }
        self.seen[slot(sequence)] = true;
        self.newest = self.newest.max(sequence);
    }

    fn measure_jitter(&mut self, timestamp: u32, since: Duration) {
        let arrival = since.as_secs_f64() * f64::from(SAMPLE_RATE);
        let transit = arrival - f64::from(timestamp);
        if let Some(before) = self.transit {
            let change = wrap_to_32_bits(transit - before).abs();
            self.jitter += (change - self.jitter) / 16.0;
        }
        self.transit = Some(transit);
    }
}

fn slot(sequence: i64) -> usize {
    sequence.rem_euclid(SEEN_WINDOW) as usize
}

/// Differences of 32-bit clocks are meant modulo 2^32.
fn wrap_to_32_bits(ticks: f64) -> f64 {
    const TURN: f64 = 4_294_967_296.0;
    ticks - (ticks / TURN).round() * TURN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive_all(reception: &mut Reception, sequences: impl IntoIterator<Item = u16>) -> Vec<Arrival> {
        sequences.into_iter().map(|sequence| reception.receive(sequence, 0, Duration::ZERO)).collect()
    }

    #[test]
    fn sequence_numbers_run_on_across_the_wrap() {
        let mut reception = Reception::new(1, 65_534);
        let arrivals = receive_all(&mut reception, [65_534, 0, 65_535, 1]);
        let expected = [65_534, 65_536, 65_535, 65_537].map(|sequence| Arrival::Fresh { sequence });
        assert_eq!(arrivals, expected);
        let stats = reception.stats();
        assert_eq!((stats.expected, stats.received, stats.lost()), (4, 4, 0));
        assert_eq!(stats.highest_sequence, 65_537);
    }

    #[test]
    fn gaps_are_lost_and_duplicates_count_against_it() {
        let mut reception = Reception::new(1, 10);
        let arrivals = receive_all(&mut reception, [10, 13, 13, 11, 11]);
        assert_eq!(arrivals[2], Arrival::Duplicate);
        assert_eq!(arrivals[3], Arrival::Fresh { sequence: 11 });
        assert_eq!(arrivals[4], Arrival::Duplicate);
        assert_eq!(reception.stats().expected, 4);
        assert_eq!(reception.stats().lost(), -1);
    }

    #[test]
    fn one_wild_sequence_number_is_ignored_and_two_in_a_row_are_a_restart() {
        let mut reception = Reception::new(1, 10);
        let arrivals = receive_all(&mut reception, [10, 40_000, 11, 50_000, 50_001, 50_002]);
        assert_eq!(arrivals[1], Arrival::Suspect);
        assert_eq!(arrivals[2], Arrival::Fresh { sequence: 11 });
        assert_eq!(arrivals[4], Arrival::Restarted { sequence: 50_001 });
        assert_eq!(arrivals[5], Arrival::Fresh { sequence: 50_002 });
        assert_eq!(reception.stats().lost(), 0);
    }

    #[test]
    fn a_packet_from_before_the_first_moves_the_start_back() {
        let mut reception = Reception::new(1, 10);
        receive_all(&mut reception, [10, 9, 11]);
        assert_eq!((reception.stats().expected, reception.stats().lost()), (3, 0));
    }

    #[test]
    fn numbers_are_fresh_again_after_a_whole_turn() {
        let mut reception = Reception::new(1, 0);
        for round in 0..3u64 {
            for sequence in 0..=u16::MAX {
                let arrival = reception.receive(sequence, 0, Duration::ZERO);
                assert!(matches!(arrival, Arrival::Fresh { .. }), "{sequence} in round {round}");
            }
        }
        assert_eq!(reception.stats().expected, 3 * 65_536);
    }

    #[test]
    fn jitter_follows_the_formula_of_the_rfc() {
        let mut reception = Reception::new(1, 0);
        reception.receive(0, u32::MAX - 959, Duration::ZERO);
        reception.receive(1, 0, Duration::from_millis(20));
        assert_eq!(reception.stats().jitter, 0, "a steady stream has none, across the wrap, too");
        reception.receive(2, 960, Duration::from_millis(50));
        assert_eq!(reception.stats().jitter, 30, "10 ms are 480 units, a sixteenth of which is 30");
    }
}
