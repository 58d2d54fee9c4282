//! The receiver on simulated networks, in virtual time.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::{AudioSender, FRAME_DURATION, FRAME_SAMPLES, ToneMeter, ToneSource, rtp::RtpPacket};

/// A seeded generator of numbers from 0 to 1.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What the network does to the packet of this index: its delay in milliseconds, or nothing if it is lost.
type Network<'a> = &'a mut dyn FnMut(u64, &mut Dice) -> Option<f64>;

/// What a simulated call of a tone came to.
struct Outcome {
    stats: ReceiverStats,
    kinds: Vec<FrameKind>,
    /// Per second of the call.
    hz: Vec<Option<f64>>,
    buffer_ms: Vec<f64>,
    target_ms: Vec<f64>,
    clicks: usize,
}

impl Outcome {
    fn share(&self, kind: FrameKind) -> f64 {
        self.kinds.iter().filter(|&&one| one == kind).count() as f64 / self.kinds.len() as f64
    }

    fn worst_tone_error(&self) -> f64 {
        self.hz.iter().skip(2).map(|hz| hz.map_or(f64::INFINITY, |hz| (hz - 440.0).abs())).fold(0.0, f64::max)
    }

    fn summary(&self) -> String {
        let last = |values: &[f64]| values.last().copied().unwrap_or(0.0);
        let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        format!(
            "fec {:.3} concealed {:.3} silence {:.3}, tone off by {:.2} Hz, {} clicks, buffer {:.0} (most {:.0}), target {:.0} (most {:.0})\n{:?}",
            self.share(FrameKind::Fec),
            self.share(FrameKind::Concealed),
            self.share(FrameKind::Silence),
            self.worst_tone_error(),
            self.clicks,
            last(&self.buffer_ms),
            most(&self.buffer_ms),
            last(&self.target_ms),
            most(&self.target_ms),
            self.stats,
        )
    }
}

/// Sends a tone for some seconds through a network; the sender's clock is `drift_ppm` fast.
fn call(seed: u64, seconds: u64, drift_ppm: f64, network: Network<'_>) -> Outcome {
    call_with(&tone_payloads(), seed, seconds, drift_ppm, network)
}

fn call_with(payloads: &[Vec<u8>], seed: u64, seconds: u64, drift_ppm: f64, network: Network<'_>) -> Outcome {
    let mut dice = Dice(seed);
    let start = Instant::now();
    let packets = send(payloads, seconds, drift_ppm, start, &mut dice, network);
    let outcome = receive(seconds, start, packets);
    println!("seed {seed}, {seconds} s, {drift_ppm} ppm: {}", outcome.summary());
    outcome
}

/// One second of a 440 Hz tone. It has whole periods, so that it can be sent again and again without a seam.
fn tone_payloads() -> Vec<Vec<u8>> {
    let mut tone = ToneSource::new(440.0);
    payloads(|frame| tone.read(frame))
}

/// One second of something like a voice: harmonics of 120 Hz in four syllables. Opus adds redundancy to speech only.
fn voice_payloads() -> Vec<Vec<u8>> {
    let mut at = 0u32;
    payloads(|frame| {
        for sample in frame {
            let seconds = f64::from(at) / f64::from(SAMPLE_RATE);
            let turn = |hz: f64| (seconds * hz * std::f64::consts::TAU).sin();
            let syllable = (0.5 + 0.5 * turn(4.0)).powi(2);
            let voice: f64 = (1..20).map(|harmonic| turn(120.0 * f64::from(harmonic)) / f64::from(harmonic)).sum();
            *sample = (0.2 * syllable * voice) as f32;
            at += 1;
        }
    })
}

/// Encodes two seconds and keeps the second, when the codec has settled.
fn payloads(mut read: impl FnMut(&mut Frame)) -> Vec<Vec<u8>> {
    let mut sender = AudioSender::new(1, 0, 0).unwrap();
    sender.set_expected_loss(15);
    let mut frame = [0.0; FRAME_SAMPLES];
    let packets = (0..100).map(|_| {
        read(&mut frame);
        let packet = sender.encode(&frame).unwrap();
        RtpPacket::parse(&packet).unwrap().payload.to_vec()
    });
    packets.skip(50).collect()
}

fn send(
    payloads: &[Vec<u8>],
    seconds: u64,
    drift_ppm: f64,
    start: Instant,
    dice: &mut Dice,
    network: Network<'_>,
) -> Vec<(Instant, Vec<u8>)> {
    let mut packets = Vec::new();
    let (mut sequence, mut timestamp) = (65_000u16, u32::MAX - 48_000);
    for index in 0..seconds * 50 {
        let payload = &payloads[index as usize % payloads.len()];
        let packet =
            RtpPacket { marker: false, payload_type: PAYLOAD_TYPE_OPUS, sequence, timestamp, ssrc: 1, payload };
        let sent = start + FRAME_DURATION.mul_f64(index as f64 / (1.0 + drift_ppm / 1e6));
        if let Some(delay) = network(index, dice) {
            packets.push((sent + Duration::from_secs_f64(delay / 1000.0), packet.to_bytes()));
        }
        sequence = sequence.wrapping_add(1);
        timestamp = timestamp.wrapping_add(FRAME_SAMPLES as u32);
    }
    packets.sort_by_key(|&(at, _)| at);
    packets
}

fn receive(seconds: u64, start: Instant, packets: Vec<(Instant, Vec<u8>)>) -> Outcome {
    let mut receiver = AudioReceiver::new().unwrap();
    let mut meter = ToneMeter::new();
    let mut packets = packets.into_iter().peekable();
    let mut outcome = Outcome {
        stats: ReceiverStats::default(),
        kinds: Vec::new(),
        hz: Vec::new(),
        buffer_ms: Vec::new(),
        target_ms: Vec::new(),
        clicks: 0,
    };
    let (mut frame, mut before) = ([0.0; FRAME_SAMPLES], 0.0);
    for index in 0..seconds * 50 {
        // The worker's clock has nothing to do with the sender's.
        let now = start + Duration::from_millis(7) + FRAME_DURATION * index as u32;
        while let Some((at, packet)) = packets.next_if(|&(at, _)| at <= now) {
            receiver.push_rtp(&packet, at).unwrap();
        }
        outcome.kinds.push(receiver.pull_frame(now, &mut frame));
        outcome.clicks += clicks(before, &frame);
        before = frame[FRAME_SAMPLES - 1];
        meter.push(&frame);
        if index % 50 == 49 {
            let stats = receiver.stats();
            outcome.hz.push(meter.hz());
            outcome.buffer_ms.extend(stats.buffer_ms);
            outcome.target_ms.extend(stats.buffer_target_ms);
        }
    }
    outcome.stats = receiver.stats();
    outcome
}

/// Steps far steeper than the tone's own.
fn clicks(before: f32, frame: &[f32]) -> usize {
    let pairs = std::iter::once(&before).chain(frame).zip(frame);
    pairs.filter(|(one, other)| (*other - *one).abs() > 0.1).count()
}

#[test]
fn an_undisturbed_call_plays_every_packet_with_two_frames_of_delay_at_most() {
    let outcome = call(1, 20, 0.0, &mut |_, _| Some(25.0));
    assert_eq!(outcome.share(FrameKind::Concealed) + outcome.share(FrameKind::Fec), 0.0);
    assert_eq!(outcome.stats.packets_lost, 0);
    assert_eq!(outcome.clicks, 0);
    assert!(outcome.worst_tone_error() < 0.5);
    assert!(outcome.stats.playout_delay_ms.unwrap() <= 40.0);
    assert!(*outcome.buffer_ms.last().unwrap() <= 60.0);
}

#[test]
fn a_tone_survives_loss() {
    for percent in [5.0, 10.0, 20.0] {
        let outcome = call(7, 60, 0.0, &mut |_, dice| (dice.roll() * 100.0 >= percent).then_some(25.0));
        let lost = outcome.stats.packets_lost as f64 / outcome.stats.packets_expected as f64;
        assert!((lost * 100.0 - percent).abs() < percent * 0.3, "lost {lost}");
        let made_up = outcome.share(FrameKind::Concealed) + outcome.share(FrameKind::Fec);
        assert!(made_up < lost * 1.1, "made up {made_up} for a loss of {lost}");
        let good = outcome.hz.iter().flatten().filter(|&&hz| (hz - 440.0).abs() < 2.0).count();
        assert!(good >= 57, "{good} of 60 seconds with the right tone at {percent} %");
        assert_eq!(outcome.stats.packets_late, 0);
    }
}

#[test]
fn lost_speech_is_mostly_rebuilt_from_redundancy() {
    let payloads = voice_payloads();
    for (percent, least_rebuilt) in [(5.0, 0.6), (10.0, 0.6), (20.0, 0.5)] {
        let network = &mut |_, dice: &mut Dice| (dice.roll() * 100.0 >= percent).then_some(25.0);
        let outcome = call_with(&payloads, 7, 60, 0.0, network);
        let rebuilt = outcome.stats.fec_packets_used as f64 / outcome.stats.packets_lost as f64;
        assert!(rebuilt > least_rebuilt, "rebuilt {rebuilt} at {percent} %");
    }
}

#[test]
fn reordered_and_doubled_packets_are_played_once_and_in_order() {
    let outcome = call(3, 30, 0.0, &mut |index, _| Some(if index % 4 == 1 { 65.0 } else { 25.0 }));
    assert!(outcome.share(FrameKind::Concealed) < 0.02);
    assert!(outcome.stats.packets_lost <= 1, "the last one may still be on its way");
    assert!(outcome.worst_tone_error() < 2.0);
    let mut dice = Dice(3);
    let start = Instant::now();
    let once = send(&tone_payloads(), 10, 0.0, start, &mut dice, &mut |_, _| Some(25.0));
    let twice = once.iter().flat_map(|packet| [packet.clone(), packet.clone()]).collect();
    let outcome = receive(10, start, twice);
    let duplicates = outcome.stats.packets_duplicate;
    assert!(duplicates >= 498, "{duplicates}");
    assert_eq!(outcome.stats.packets_lost, -i64::try_from(duplicates).unwrap());
    assert_eq!(outcome.share(FrameKind::Concealed), 0.0);
    assert_eq!(outcome.clicks, 0);
}

#[test]
fn jitter_is_absorbed_after_a_short_time_of_learning() {
    let outcome = call(11, 60, 0.0, &mut |_, dice| Some(20.0 + 80.0 * dice.roll()));
    let late = outcome.stats.packets_late as f64 / outcome.stats.packets_received as f64;
    assert!(late < 0.02, "late {late}");
    assert!(outcome.share(FrameKind::Concealed) + outcome.share(FrameKind::Fec) < 0.04);
    assert!((60.0..140.0).contains(outcome.target_ms.last().unwrap()));
    assert!(outcome.worst_tone_error() < 2.0);
}

#[test]
fn a_stalled_link_costs_one_gap_and_the_delay_comes_back_down() {
    // For 300 ms everything is held back and then delivered at once.
    let outcome = call(5, 40, 0.0, &mut |index, _| {
        let sent_ms = index * 20;
        Some(if (5_000..5_300).contains(&sent_ms) { 25.0 + (5_300 - sent_ms) as f64 } else { 25.0 })
    });
    let stats = &outcome.stats;
    assert_eq!(stats.packets_late, 0, "what was held back is played, not thrown away");
    assert!(stats.concealed_samples <= 16 * FRAME_SAMPLES as u64);
    assert!(outcome.buffer_ms[6] > 150.0, "after a stall the buffer is ready for another");
    assert!(*outcome.buffer_ms.last().unwrap() <= 60.0);
    assert_eq!(outcome.clicks, 0);
}

#[test]
fn an_outage_fades_to_silence_and_audio_returns_at_once() {
    let outcome = call(5, 20, 0.0, &mut |index, _| (!(500..650).contains(&index)).then_some(25.0));
    assert!(outcome.hz[11].is_none(), "silence in the outage");
    assert!(outcome.hz[14].is_some_and(|hz| (hz - 440.0).abs() < 1.0), "the tone is back");
    assert!(*outcome.buffer_ms.last().unwrap() <= 60.0);
    let first_good = outcome.kinds[650..].iter().position(|&kind| kind == FrameKind::Decoded).unwrap();
    assert!(first_good <= 5, "{first_good} frames until audio is back");
}

#[test]
fn a_packet_that_was_stuck_for_seconds_does_not_disturb_the_others() {
    let outcome = call(5, 20, 0.0, &mut |index, _| Some(if index == 500 { 2900.0 } else { 25.0 }));
    let rest = &outcome.kinds[10..];
    assert!(rest.iter().all(|&kind| kind != FrameKind::Silence), "playing goes on");
    assert!(rest.iter().filter(|&&kind| kind != FrameKind::Decoded).count() <= 1, "one packet is missing");
    assert_eq!(outcome.stats.packets_late, 1);
}

#[test]
fn a_sender_that_lost_time_is_heard_again_within_half_a_second() {
    // As when its computer is too busy for 700 ms: every packet from then on is late by so much, and none is missing.
    let outcome = call(5, 20, 0.0, &mut |index, _| Some(if index < 500 { 25.0 } else { 725.0 }));
    let concealed = outcome.kinds[500..].iter().filter(|&&kind| kind == FrameKind::Concealed).count();
    assert!(concealed <= 35 + 25, "{concealed} frames were made up");
    assert!(outcome.kinds[570..].iter().all(|&kind| kind == FrameKind::Decoded));
    assert!(*outcome.buffer_ms.last().unwrap() <= 80.0, "{:?}", outcome.buffer_ms);
}

#[test]
fn clock_drift_never_piles_up_delay() {
    for drift_ppm in [200.0, -200.0] {
        let outcome = call(13, 600, drift_ppm, &mut |_, dice| Some(25.0 + 5.0 * dice.roll()));
        let most = outcome.buffer_ms[5..].iter().copied().fold(0.0, f64::max);
        assert!(most <= 70.0, "buffer reached {most} ms at {drift_ppm} ppm");
        assert_eq!(outcome.stats.packets_overflowed, 0);
        assert!(outcome.share(FrameKind::Concealed) < 0.002, "at {drift_ppm} ppm");
        let measured = outcome.stats.clock_drift_ppm.unwrap();
        assert!((measured - drift_ppm).abs() < 20.0, "measured {measured} ppm of {drift_ppm}");
        assert!(outcome.worst_tone_error() < 2.0);
        assert_eq!(outcome.clicks, 0);
    }
}

#[test]
fn a_worker_that_stood_still_catches_up() {
    let mut dice = Dice(1);
    let start = Instant::now();
    let packets = send(&tone_payloads(), 10, 0.0, start, &mut dice, &mut |_, _| Some(25.0));
    let mut receiver = AudioReceiver::new().unwrap();
    let mut frame = [0.0; FRAME_SAMPLES];
    let mut packets = packets.into_iter().peekable();
    for index in (0..150u32).chain(200..500) {
        let now = start + FRAME_DURATION * index;
        while let Some((at, packet)) = packets.next_if(|&(at, _)| at <= now) {
            receiver.push_rtp(&packet, at).unwrap();
        }
        receiver.pull_frame(now, &mut frame);
    }
    assert!(receiver.stats().buffer_ms.unwrap() < 80.0, "{:?}", receiver.stats());
}

#[test]
fn a_pause_of_the_sender_is_no_loss() {
    let start = Instant::now();
    let mut sender = AudioSender::new(1, 0, 0).unwrap();
    let mut receiver = AudioReceiver::new().unwrap();
    let (mut tone, mut frame) = (ToneSource::new(440.0), [0.0; FRAME_SAMPLES]);
    let mut kinds = Vec::new();
    for index in 0..500u32 {
        let now = start + FRAME_DURATION * index;
        tone.read(&mut frame);
        if (200..350).contains(&index) {
            sender.skip_frame();
        } else {
            receiver.push_rtp(&sender.encode(&frame).unwrap(), now).unwrap();
        }
        kinds.push(receiver.pull_frame(now + Duration::from_millis(3), &mut frame));
    }
    let stats = receiver.stats();
    assert_eq!((stats.packets_lost, stats.restarts, stats.packets_late), (0, 0, 0));
    assert_eq!(kinds[360..].iter().filter(|&&kind| kind != FrameKind::Decoded).count(), 0);
}

#[test]
fn a_restarted_peer_is_heard_again_and_counted() {
    let start = Instant::now();
    let mut receiver = AudioReceiver::new().unwrap();
    let mut frame = [0.0; FRAME_SAMPLES];
    let silence = [0.0; FRAME_SAMPLES];
    let mut refused = 0;
    let lives = [(1u32, 100u16, 5u32), (2, 60_000, 4_000_000_000), (2, 20_000, 77)];
    let mut last = FrameKind::Silence;
    for (life, (ssrc, sequence, timestamp)) in lives.into_iter().enumerate() {
        let mut sender = AudioSender::new(ssrc, sequence, timestamp).unwrap();
        for index in 0..100 {
            let now = start + FRAME_DURATION * (life as u32 * 100 + index);
            refused += usize::from(receiver.push_rtp(&sender.encode(&silence).unwrap(), now).is_err());
            last = receiver.pull_frame(now + Duration::from_millis(1), &mut frame);
        }
        assert_eq!(last, FrameKind::Decoded, "life {life}");
    }
    let stats = receiver.stats();
    assert_eq!((stats.restarts, refused), (2, 2), "the first packet of a new life waits for the second");
    assert_eq!(stats.packets_lost, 0, "{stats:?}");
    assert!(stats.concealed_samples < 30 * FRAME_SAMPLES as u64);
}

#[test]
fn a_stray_source_is_refused_and_changes_nothing() {
    let now = Instant::now();
    let mut receiver = AudioReceiver::new().unwrap();
    let (mut ours, mut stray) = (AudioSender::new(1, 0, 0).unwrap(), AudioSender::new(2, 0, 0).unwrap());
    for _ in 0..10 {
        receiver.push_rtp(&ours.encode(&[0.0; FRAME_SAMPLES]).unwrap(), now).unwrap();
        let refused = receiver.push_rtp(&stray.encode(&[0.0; FRAME_SAMPLES]).unwrap(), now);
        assert_eq!(refused, Err(MediaError::OtherSource { ssrc: 2 }));
    }
    assert_eq!(receiver.stats().source.unwrap().ssrc, 1);
    assert_eq!(receiver.stats().packets_refused, 10);
}

#[test]
fn refusals_say_why() {
    let mut receiver = AudioReceiver::new().unwrap();
    let packet = |payload_type, payload| {
        RtpPacket { marker: false, payload_type, sequence: 0, timestamp: 0, ssrc: 1, payload }.to_bytes()
    };
    let now = Instant::now();
    let other = receiver.push_rtp(&packet(0, &[1, 2]), now);
    assert_eq!(other, Err(MediaError::PayloadType { payload_type: 0 }));
    assert_eq!(receiver.push_rtp(&packet(111, &[]), now), Err(MediaError::NotOpus { len: 0 }));
    assert_eq!(receiver.push_rtp(&packet(111, &[0xFF]), now), Err(MediaError::NotOpus { len: 1 }));
    assert_eq!(receiver.push_rtp(&[1], now), Err(MediaError::Rtp(RtpError::Truncated { len: 1 })));
    assert_eq!(receiver.stats().source, None);
}

#[test]
fn a_flood_stays_within_its_bounds() {
    let start = Instant::now();
    let mut receiver = AudioReceiver::new().unwrap();
    let mut sender = AudioSender::new(1, 0, 0).unwrap();
    for _ in 0..5_000 {
        receiver.push_rtp(&sender.encode(&[0.0; FRAME_SAMPLES]).unwrap(), start).unwrap_or_default();
    }
    receiver.pull_frame(start, &mut [0.0; FRAME_SAMPLES]);
    assert!(receiver.stats().buffer_ms.unwrap() <= 2000.0);
    assert!(receiver.stats().packets_overflowed > 0);
}

proptest! {
    #[test]
    fn hostile_packets_never_panic(
        packets in proptest::collection::vec(
            (any::<u16>(), any::<u32>(), 0u32..3, 0u64..200, proptest::collection::vec(any::<u8>(), 0..60)), 0..60,
        ),
    ) {
        let mut receiver = AudioReceiver::new().unwrap();
        let mut now = Instant::now();
        let mut frame = [0.0; FRAME_SAMPLES];
        for (sequence, timestamp, ssrc, wait, payload) in packets {
            let packet = RtpPacket {
                marker: false, payload_type: 111, sequence: sequence % 50, timestamp: timestamp % 100_000, ssrc,
                payload: &payload,
            };
            let _ = receiver.push_rtp(&packet.to_bytes(), now);
            let wild = RtpPacket { sequence, timestamp, ..packet };
            let _ = receiver.push_rtp(&wild.to_bytes(), now);
            let _ = receiver.push_rtp(&payload, now);
            now += Duration::from_millis(wait);
            receiver.pull_frame(now, &mut frame);
            prop_assert!(frame.iter().all(|sample| sample.is_finite()));
        }
        let _ = receiver.stats();
    }
}
