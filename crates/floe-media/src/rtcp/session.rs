//! One call's RTCP: reports from our counters, and what the peer's reports say.

use std::time::Duration;

use super::{NtpTime, ReportBlock, RtcpError, RtcpReport, SenderInfo, compound, ntp, parse};
use crate::{ReceiverStats, SAMPLE_RATE, SenderStats, SourceStats};

/// A round trip beyond this is a report of something else: LSR has wrapped or is made up.
const LONGEST_RTT: Duration = Duration::from_secs(60);

/// Builds reports and remembers the peer's.
#[derive(Debug)]
pub struct RtcpSession {
    ssrc: u32,
    cname: String,
    /// Packets sent at the last report: whoever sent none since reports as a receiver (RFC 3550 section 6.4).
    sent_at_last: Option<u64>,
    /// The source's counters at the last report, for the fraction lost.
    received_at_last: Option<SourceStats>,
    peer_report: Option<PeerReport>,
    rtt: Option<Duration>,
    remote_fraction_lost: Option<f64>,
    bye_received: bool,
}

/// The peer's last sender report.
#[derive(Debug, Clone, Copy)]
struct PeerReport {
    ssrc: u32,
    ntp: NtpTime,
    came: Duration,
}

/// What one compound of the peer said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RtcpNews {
    /// The round trip, if the compound reports on our stream.
    pub rtt: Option<Duration>,
    /// The fraction of our packets lost since its last report, 0 to 1.
    pub remote_fraction_lost: Option<f64>,
    /// How much of ours the peer lost since the start.
    pub remote_packets_lost: Option<i32>,
    /// The jitter that the peer measures, in seconds.
    pub remote_jitter_s: Option<f64>,
    /// A source left.
    pub bye: bool,
}

impl RtcpSession {
    /// A session for our source under this canonical name (RFC 7022: random, per session).
    #[must_use]
    pub fn new(ssrc: u32, cname: String) -> Self {
        Self {
            ssrc,
            cname,
            sent_at_last: None,
            received_at_last: None,
            peer_report: None,
            rtt: None,
            remote_fraction_lost: None,
            bye_received: false,
        }
    }

    /// Builds the next report, to be sent every 1 to 5 s; `wall` is the time since the Unix epoch and must not be
    /// set back during a call.
    #[must_use]
    pub fn report(&mut self, sender: &SenderStats, receiver: &ReceiverStats, wall: Duration) -> Vec<u8> {
        compound(&self.reports(sender, receiver, wall))
    }

    /// Builds the last report, with a BYE.
    #[must_use]
    pub fn bye(&mut self, sender: &SenderStats, receiver: &ReceiverStats, wall: Duration) -> Vec<u8> {
        let mut reports = self.reports(sender, receiver, wall);
        reports.push(RtcpReport::Bye { ssrcs: vec![self.ssrc], reason: None });
        compound(&reports)
    }

    /// Reads the peer's compound, which came at `wall`.
    ///
    /// # Errors
    /// When it is malformed; nothing of it is kept then.
    pub fn handle(&mut self, bytes: &[u8], wall: Duration) -> Result<RtcpNews, RtcpError> {
        let mut news = RtcpNews::default();
        for report in parse(bytes)? {
            match report {
                RtcpReport::Sender { ssrc, info, blocks } => {
                    self.peer_report = Some(PeerReport { ssrc, ntp: info.ntp, came: wall });
                    self.read_blocks(&blocks, wall, &mut news);
                }
                RtcpReport::Receiver { blocks, .. } => self.read_blocks(&blocks, wall, &mut news),
                RtcpReport::Bye { ssrcs, .. } => news.bye |= !ssrcs.is_empty(),
                RtcpReport::Cname { .. } | RtcpReport::Other { .. } => {}
            }
        }
        self.bye_received |= news.bye;
        Ok(news)
    }

    /// The last round trip measured.
    #[must_use]
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// The fraction of our packets lost in the peer's last report, 0 to 1.
    #[must_use]
    pub fn remote_fraction_lost(&self) -> Option<f64> {
        self.remote_fraction_lost
    }

    /// Whether the peer said goodbye.
    #[must_use]
    pub fn bye_received(&self) -> bool {
        self.bye_received
    }

    fn reports(&mut self, sender: &SenderStats, receiver: &ReceiverStats, wall: Duration) -> Vec<RtcpReport> {
        let blocks: Vec<_> = receiver.source.map(|source| self.block(&source, wall)).into_iter().collect();
        let sending = sender.packets > self.sent_at_last.replace(sender.packets).unwrap_or(0);
        let ssrc = self.ssrc;
        let report = if sending {
            let info = SenderInfo {
                ntp: NtpTime::from_unix(wall),
                rtp_timestamp: sender.rtp_timestamp,
                // Both counters wrap by design (RFC 3550 section 6.4.1).
                packets: sender.packets as u32,
                octets: sender.octets as u32,
            };
            RtcpReport::Sender { ssrc, info, blocks }
        } else {
            RtcpReport::Receiver { ssrc, blocks }
        };
        vec![report, RtcpReport::Cname { ssrc, cname: self.cname.clone() }]
    }

    fn block(&mut self, source: &SourceStats, wall: Duration) -> ReportBlock {
        let before = self.received_at_last.replace(*source).filter(|before| before.ssrc == source.ssrc);
        let heard = self.peer_report.filter(|report| report.ssrc == source.ssrc);
        ReportBlock {
            ssrc: source.ssrc,
            fraction_lost: fraction_lost(&before.unwrap_or_default(), source),
            cumulative_lost: i32::try_from(source.lost()).unwrap_or(i32::MAX),
            highest_sequence: source.highest_sequence,
            jitter: source.jitter,
            last_sr: heard.map_or(0, |report| report.ntp.middle()),
            delay_since_last_sr: heard.map_or(0, |report| ntp::to_units(wall.saturating_sub(report.came))),
        }
    }

    fn read_blocks(&mut self, blocks: &[ReportBlock], wall: Duration, news: &mut RtcpNews) {
        let Some(block) = blocks.iter().find(|block| block.ssrc == self.ssrc) else { return };
        news.remote_fraction_lost = Some(f64::from(block.fraction_lost) / 256.0);
        news.remote_packets_lost = Some(block.cumulative_lost);
        news.remote_jitter_s = Some(f64::from(block.jitter) / f64::from(SAMPLE_RATE));
        news.rtt = round_trip(block, wall);
        self.remote_fraction_lost = news.remote_fraction_lost;
        self.rtt = news.rtt.or(self.rtt);
    }
}

/// RFC 3550 A.3: loss between two reports in 1/256, never negative.
fn fraction_lost(before: &SourceStats, now: &SourceStats) -> u8 {
    let expected = now.expected.saturating_sub(before.expected);
    let received = now.received.saturating_sub(before.received);
    let lost = expected.saturating_sub(received);
    let fraction = (lost * 256).checked_div(expected).unwrap_or(0);
    u8::try_from(fraction).unwrap_or(u8::MAX)
}

/// RFC 3550 section 6.4.1: now − LSR − DLSR, modulo 2^32 / 65536 s. Rounding may make it negative; that is zero.
fn round_trip(block: &ReportBlock, wall: Duration) -> Option<Duration> {
    if block.last_sr == 0 {
        return None;
    }
    let now = NtpTime::from_unix(wall).middle();
    let units = now.wrapping_sub(block.last_sr).wrapping_sub(block.delay_since_last_sr);
    let rtt = ntp::from_units(u32::try_from(units.cast_signed().max(0)).unwrap_or(0));
    (rtt <= LONGEST_RTT).then_some(rtt)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Duration = Duration::from_secs(1_800_000_000);

    fn sending(ssrc: u32, packets: u64) -> SenderStats {
        SenderStats { ssrc, packets, octets: packets * 100, rtp_timestamp: 960 }
    }

    fn receiving(ssrc: u32, expected: u64, received: u64) -> ReceiverStats {
        let source = SourceStats { ssrc, highest_sequence: 9, expected, received, jitter: 48 };
        ReceiverStats { source: Some(source), ..ReceiverStats::default() }
    }

    #[test]
    fn the_round_trip_is_measured_without_the_peer_s_own_delay() {
        let mut ours = RtcpSession::new(1, "a".into());
        let mut peer = RtcpSession::new(2, "b".into());
        let report = ours.report(&sending(1, 50), &ReceiverStats::default(), WALL);
        peer.handle(&report, WALL + Duration::from_millis(30)).unwrap();
        // The peer's wall clock may be anything; only its delay since our report counts.
        let answer = peer.report(&sending(2, 50), &receiving(1, 50, 50), WALL + Duration::from_millis(1030));
        let news = ours.handle(&answer, WALL + Duration::from_millis(1070)).unwrap();
        let rtt = news.rtt.unwrap();
        assert!(rtt.abs_diff(Duration::from_millis(70)) < Duration::from_micros(50), "{rtt:?}");
        assert_eq!(ours.rtt(), Some(rtt));
        assert_eq!(news.remote_jitter_s, Some(0.001));
    }

    #[test]
    fn the_fraction_lost_covers_the_time_since_the_last_report() {
        let mut ours = RtcpSession::new(1, "a".into());
        let mut peer = RtcpSession::new(2, "b".into());
        let first = peer.report(&sending(2, 0), &receiving(1, 100, 50), WALL);
        assert_eq!(ours.handle(&first, WALL).unwrap().remote_fraction_lost, Some(0.5));
        let second = peer.report(&sending(2, 0), &receiving(1, 200, 125), WALL);
        let news = ours.handle(&second, WALL).unwrap();
        assert_eq!((news.remote_fraction_lost, news.remote_packets_lost), (Some(0.25), Some(75)));
        let duplicates = peer.report(&sending(2, 0), &receiving(1, 300, 400), WALL);
        let news = ours.handle(&duplicates, WALL).unwrap();
        assert_eq!((news.remote_fraction_lost, news.remote_packets_lost), (Some(0.0), Some(-100)));
    }

    #[test]
    fn who_sent_nothing_since_the_last_report_reports_as_a_receiver() {
        let mut session = RtcpSession::new(1, "a".into());
        let kinds = [5, 5, 6].map(|packets| session.report(&sending(1, packets), &ReceiverStats::default(), WALL)[1]);
        assert_eq!(kinds, [200, 201, 200]);
    }

    #[test]
    fn a_goodbye_is_heard() {
        let mut ours = RtcpSession::new(1, "a".into());
        let mut peer = RtcpSession::new(2, "b".into());
        let bye = peer.bye(&sending(2, 1), &ReceiverStats::default(), WALL);
        assert!(!ours.bye_received());
        assert!(ours.handle(&bye, WALL).unwrap().bye);
        assert!(ours.bye_received());
    }

    #[test]
    fn reports_about_others_and_made_up_times_say_nothing() {
        let mut ours = RtcpSession::new(1, "a".into());
        let mut peer = RtcpSession::new(2, "b".into());
        let about_another = peer.report(&sending(2, 1), &receiving(77, 10, 10), WALL);
        assert_eq!(ours.handle(&about_another, WALL), Ok(RtcpNews::default()));
        let block = ReportBlock { ssrc: 1, last_sr: 12_345, delay_since_last_sr: 0, ..ReportBlock::default() };
        assert_eq!(round_trip(&block, WALL), None);
    }
}
