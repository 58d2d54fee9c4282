//! What runs in the audio system's real-time callbacks: plain functions over rings, without lock, allocation or log.

use std::sync::atomic::Ordering::Relaxed;

use cpal::{FromSample, Sample};
use rtrb::{Consumer, Producer};

use crate::shared::Shared;

/// Moves a device's interleaved samples into the ring, mixed to mono. What does not fit is dropped and counted.
pub(crate) fn capture<T>(samples: &[T], channels: usize, latency_us: u32, ring: &mut Producer<f32>, shared: &Shared)
where
    T: Sample,
    f32: FromSample<T>,
{
    let frames = samples.chunks_exact(channels.max(1));
    shared.count_callback(frames.len(), latency_us);
    let scale = 1.0 / channels.max(1) as f32;
    let mut dropped = 0;
    for frame in frames {
        let sum: f32 = frame.iter().map(|&sample| f32::from_sample(sample)).sum();
        dropped += usize::from(ring.push(sum * scale).is_err());
    }
    if dropped > 0 {
        shared.count_dropped(dropped);
    }
}

/// Fills a device's interleaved buffer from the ring, the same on all channels. When the ring runs dry it is collected
/// up to the agreed amount before playing resumes, so that one gap does not become many.
pub(crate) fn play<T>(samples: &mut [T], channels: usize, latency_us: u32, ring: &mut Consumer<f32>, shared: &Shared)
where
    T: Sample + FromSample<f32>,
{
    let channels = channels.max(1);
    shared.count_callback(samples.len() / channels, latency_us);
    if !shared.primed.load(Relaxed) && ring.slots() >= shared.prime.load(Relaxed) as usize {
        shared.primed.store(true, Relaxed);
    }
    let mut playing = shared.primed.load(Relaxed);
    for frame in samples.chunks_mut(channels) {
        let sample = if playing { ring.pop().ok() } else { None };
        if playing && sample.is_none() {
            playing = false;
            shared.primed.store(false, Relaxed);
            shared.count_underrun();
        }
        frame.fill(sample.map_or(T::EQUILIBRIUM, T::from_sample));
    }
}

#[cfg(test)]
mod tests {
    use assert_no_alloc::assert_no_alloc;
    use rtrb::RingBuffer;

    use super::*;

    #[cfg(debug_assertions)]
    #[global_allocator]
    static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;

    fn drain(ring: &mut Consumer<f32>) -> Vec<f32> {
        std::iter::from_fn(|| ring.pop().ok()).collect()
    }

    #[test]
    fn capturing_mixes_to_mono_without_allocating() {
        let (mut producer, mut consumer) = RingBuffer::new(8);
        let shared = Shared::default();
        let stereo = [16_384i16, 0, -16_384, -16_384, 0, 0];
        assert_no_alloc(|| capture(&stereo, 2, 5_000, &mut producer, &shared));
        assert_eq!(drain(&mut consumer), [0.25, -0.5, 0.0]);
        assert_eq!(shared.latency_ms(), 5.0);
        assert_eq!(shared.largest_callback.load(Relaxed), 3);
    }

    #[test]
    fn a_full_ring_drops_and_counts() {
        let (mut producer, mut consumer) = RingBuffer::new(2);
        let shared = Shared::default();
        assert_no_alloc(|| capture(&[0.1f32, 0.2, 0.3], 1, 0, &mut producer, &shared));
        assert_eq!(drain(&mut consumer), [0.1, 0.2]);
        assert_eq!(shared.counters().samples_dropped, 1);
    }

    #[test]
    fn every_sample_format_survives_both_ways() {
        fn check<T>()
        where
            T: Sample + FromSample<f32>,
            f32: FromSample<T>,
        {
            let (mut producer, mut consumer) = RingBuffer::new(8);
            let shared = Shared::default();
            shared.primed.store(true, Relaxed);
            producer.push(0.5).unwrap();
            let mut device = [T::EQUILIBRIUM; 2];
            assert_no_alloc(|| play(&mut device, 2, 0, &mut consumer, &shared));
            assert_no_alloc(|| capture(&device, 2, 0, &mut producer, &shared));
            let back = drain(&mut consumer)[0];
            assert!((back - 0.5).abs() < 0.01, "{back} through {}", std::any::type_name::<T>());
        }
        check::<i8>();
        check::<i16>();
        check::<cpal::I24>();
        check::<i32>();
        check::<i64>();
        check::<u8>();
        check::<u16>();
        check::<cpal::U24>();
        check::<u32>();
        check::<u64>();
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn playing_starts_when_enough_is_there_and_collects_again_after_a_gap() {
        let (mut producer, mut consumer) = RingBuffer::new(16);
        let shared = Shared::default();
        shared.prime.store(3, Relaxed);
        let mut device = [9.0f32; 2];
        let mut play_two = |consumer: &mut _| {
            assert_no_alloc(|| play(&mut device, 1, 0, consumer, &shared));
            device
        };
        producer.push(0.1).unwrap();
        producer.push(0.2).unwrap();
        assert_eq!(play_two(&mut consumer), [0.0, 0.0], "two of three");
        producer.push(0.3).unwrap();
        assert_eq!(play_two(&mut consumer), [0.1, 0.2]);
        assert_eq!(play_two(&mut consumer), [0.3, 0.0], "dry");
        producer.push(0.4).unwrap();
        assert_eq!(play_two(&mut consumer), [0.0, 0.0], "collecting");
        assert_eq!(shared.counters().underruns, 1);
    }

    #[test]
    fn odd_buffers_are_no_reason_to_panic() {
        let (mut producer, mut consumer) = RingBuffer::new(4);
        let shared = Shared::default();
        capture::<f32>(&[], 0, 0, &mut producer, &shared);
        capture(&[0.5f32; 3], 2, 0, &mut producer, &shared);
        play::<f32>(&mut [], 0, 0, &mut consumer, &shared);
        play(&mut [0.5f32; 3], 2, 0, &mut consumer, &shared);
    }
}
