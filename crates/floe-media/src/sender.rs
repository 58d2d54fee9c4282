//! The sending half: frames in, RTP packets of Opus out (RFC 7587).

use opus::{Application, Bitrate, Channels, Encoder, Signal};
use thiserror::Error;

use crate::{
    FRAME_SAMPLES, Frame, SAMPLE_RATE,
    rtp::{PAYLOAD_TYPE_OPUS, RtpPacket},
};

/// 40 kb/s: full-band speech with room for the redundant copy that in-band FEC carries.
const DEFAULT_BITRATE: i32 = 40_000;

/// What FEC assumes before the first report, so that the first losses are already covered.
const INITIAL_EXPECTED_LOSS: u8 = 5;

/// A 20 ms frame at Opus's highest rate (510 kb/s) is 1275 bytes (RFC 6716 section 3.4).
const LARGEST_PAYLOAD: usize = 1275;

/// The advance of the RTP clock per frame.
const FRAME_TICKS: u32 = FRAME_SAMPLES as u32;

/// Encodes frames and numbers them.
pub struct AudioSender {
    encoder: Encoder,
    ssrc: u32,
    next_sequence: u16,
    next_timestamp: u32,
    /// The next packet starts a talk spurt.
    spurt: bool,
    packets: u64,
    octets: u64,
}

/// What an RTCP sender report says about our stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderStats {
    /// Our stream's source id.
    pub ssrc: u32,
    /// Packets sent.
    pub packets: u64,
    /// Payload bytes sent.
    pub octets: u64,
    /// RTP timestamp of the frame that comes next, which is "now" on the media clock.
    pub rtp_timestamp: u32,
}

/// Why a frame could not be encoded.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// The codec could not be set up.
    #[error("the Opus encoder could not be set up: {0}")]
    Setup(opus::Error),
    /// The codec refused a frame.
    #[error("Opus could not encode a frame: {0}")]
    Encode(opus::Error),
}

impl AudioSender {
    /// A sender whose ids the caller drew at random (RFC 3550 section 5.1).
    ///
    /// # Errors
    /// When Opus cannot be set up.
    pub fn new(ssrc: u32, first_sequence: u16, first_timestamp: u32) -> Result<Self, EncodeError> {
        let encoder = voice_encoder().map_err(EncodeError::Setup)?;
        Ok(Self {
            encoder,
            ssrc,
            next_sequence: first_sequence,
            next_timestamp: first_timestamp,
            spurt: true,
            packets: 0,
            octets: 0,
        })
    }

    /// Encodes one frame into one RTP packet.
    ///
    /// # Errors
    /// When Opus refuses the frame; the media clock still advances.
    pub fn encode(&mut self, frame: &Frame) -> Result<Vec<u8>, EncodeError> {
        let mut payload = [0u8; LARGEST_PAYLOAD];
        let timestamp = self.next_timestamp;
        self.next_timestamp = timestamp.wrapping_add(FRAME_TICKS);
        let len = self.encoder.encode_float(frame, &mut payload).map_err(EncodeError::Encode)?;
        let packet = RtpPacket {
            marker: self.spurt,
            payload_type: PAYLOAD_TYPE_OPUS,
            sequence: self.next_sequence,
            timestamp,
            ssrc: self.ssrc,
            payload: &payload[..len],
        };
        self.spurt = false;
        self.next_sequence = self.next_sequence.wrapping_add(1);
        self.packets += 1;
        self.octets += len as u64;
        Ok(packet.to_bytes())
    }

    /// Lets 20 ms pass on the media clock without sending; the next packet carries the marker.
    pub fn skip_frame(&mut self) {
        self.next_timestamp = self.next_timestamp.wrapping_add(FRAME_TICKS);
        self.spurt = true;
    }

    /// Tells the codec how much the peer loses, in percent; in-band FEC grows with it.
    pub fn set_expected_loss(&mut self, percent: u8) {
        let percent = i32::from(percent.min(100));
        // Opus accepts 0 to 100; there is nothing a caller could do about a refusal.
        let _ = self.encoder.set_packet_loss_perc(percent);
    }

    /// Sets the codec's rate in bits per second, within 6 to 510 kb/s.
    pub fn set_bitrate(&mut self, bits_per_second: u32) {
        let bits = i32::try_from(bits_per_second.clamp(6_000, 510_000)).unwrap_or(DEFAULT_BITRATE);
        // The clamp keeps to the range that Opus documents.
        let _ = self.encoder.set_bitrate(Bitrate::Bits(bits));
    }

    /// Turns discontinuous transmission on or off; it is off at first, so that silence still proves the path.
    pub fn set_dtx(&mut self, on: bool) {
        // A boolean switch cannot be out of range.
        let _ = self.encoder.set_dtx(on);
    }

    /// Counters for reports.
    #[must_use]
    pub fn stats(&self) -> SenderStats {
        SenderStats { ssrc: self.ssrc, packets: self.packets, octets: self.octets, rtp_timestamp: self.next_timestamp }
    }
}

fn voice_encoder() -> Result<Encoder, opus::Error> {
    // Both voice hints steer Opus to its SILK and hybrid modes: only these carry FEC, and only for speech; a steady
    // tone counts as background to them and is concealed instead.
    let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip)?;
    encoder.set_bitrate(Bitrate::Bits(DEFAULT_BITRATE))?;
    encoder.set_complexity(10)?;
    encoder.set_signal(Signal::Voice)?;
    encoder.set_inband_fec(true)?;
    encoder.set_packet_loss_perc(i32::from(INITIAL_EXPECTED_LOSS))?;
    encoder.set_dtx(false)?;
    Ok(encoder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToneSource;

    #[test]
    fn each_frame_advances_sequence_by_one_and_timestamp_by_960_across_the_wrap() {
        let mut sender = AudioSender::new(7, u16::MAX, u32::MAX - 100).unwrap();
        let first = sender.encode(&[0.0; FRAME_SAMPLES]).unwrap();
        let second = sender.encode(&[0.0; FRAME_SAMPLES]).unwrap();
        let (first, second) = (RtpPacket::parse(&first).unwrap(), RtpPacket::parse(&second).unwrap());
        assert_eq!((first.sequence, first.timestamp, first.ssrc), (u16::MAX, u32::MAX - 100, 7));
        assert_eq!((second.sequence, second.timestamp), (0, 859));
        assert!(first.marker && !second.marker);
        assert_eq!(first.payload_type, 111);
    }

    #[test]
    fn skipped_time_moves_the_timestamp_only_and_marks_what_follows() {
        let mut sender = AudioSender::new(7, 10, 0).unwrap();
        sender.encode(&[0.0; FRAME_SAMPLES]).unwrap();
        sender.skip_frame();
        let packet = sender.encode(&[0.0; FRAME_SAMPLES]).unwrap();
        let packet = RtpPacket::parse(&packet).unwrap();
        assert_eq!((packet.sequence, packet.timestamp, packet.marker), (11, 1920, true));
    }

    #[test]
    fn rate_and_counters_stay_near_what_is_asked() {
        let mut sender = AudioSender::new(1, 0, 0).unwrap();
        let mut tone = ToneSource::new(440.0);
        let mut frame = [0.0; FRAME_SAMPLES];
        for _ in 0..50 {
            tone.read(&mut frame);
            sender.encode(&frame).unwrap();
        }
        let stats = sender.stats();
        assert_eq!((stats.packets, stats.rtp_timestamp), (50, 48_000));
        let bits_per_second = stats.octets * 8;
        assert!((20_000..60_000).contains(&bits_per_second), "{bits_per_second}");
    }
}
