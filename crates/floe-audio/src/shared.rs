//! What a device's callbacks and its owner share: atomics only.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::trouble::{DeviceTrouble, StreamEvent};

/// Counters of an open device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceCounters {
    /// Times the device asked for or brought samples; standing still means a stalled device.
    pub callbacks: u64,
    /// Glitches that the system reported.
    pub xruns: u64,
    /// Times the device found too little to play.
    pub underruns: u64,
    /// Samples (mono, at the device's rate) thrown away because a queue was full.
    pub samples_dropped: u64,
}

/// Written by callbacks, read by the owner. Each value stands alone, so no ordering between them is needed.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    trouble: AtomicU8,
    callbacks: AtomicU64,
    xruns: AtomicU64,
    underruns: AtomicU64,
    samples_dropped: AtomicU64,
    /// The most sample frames one callback moved.
    pub largest_callback: AtomicU32,
    /// Sample frames to collect before playing starts or resumes.
    pub prime: AtomicU32,
    /// Playing, not collecting.
    pub primed: AtomicBool,
    latency_us: AtomicU32,
}

impl Shared {
    pub(crate) fn count_callback(&self, frames: usize, latency_us: u32) {
        self.callbacks.fetch_add(1, Relaxed);
        self.largest_callback.fetch_max(frames as u32, Relaxed);
        self.latency_us.store(latency_us, Relaxed);
    }

    pub(crate) fn count_underrun(&self) {
        self.underruns.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_dropped(&self, samples: usize) {
        self.samples_dropped.fetch_add(samples as u64, Relaxed);
    }

    /// Takes a stream's error; the first that ends the stream is kept.
    pub(crate) fn report(&self, event: StreamEvent) {
        match event {
            StreamEvent::Ended(trouble) => {
                // A later error only echoes the first.
                let _ = self.trouble.compare_exchange(0, trouble as u8, Relaxed, Relaxed);
            }
            StreamEvent::Xrun => {
                self.xruns.fetch_add(1, Relaxed);
            }
            StreamEvent::Harmless => {}
        }
    }

    pub(crate) fn trouble(&self) -> Option<DeviceTrouble> {
        let all = [DeviceTrouble::Gone, DeviceTrouble::Invalidated, DeviceTrouble::Failed];
        let kept = self.trouble.load(Relaxed);
        all.into_iter().find(|&trouble| trouble as u8 == kept)
    }

    pub(crate) fn counters(&self) -> DeviceCounters {
        DeviceCounters {
            callbacks: self.callbacks.load(Relaxed),
            xruns: self.xruns.load(Relaxed),
            underruns: self.underruns.load(Relaxed),
            samples_dropped: self.samples_dropped.load(Relaxed),
        }
    }

    /// What the system says lies between the callback and the air, in milliseconds.
    pub(crate) fn latency_ms(&self) -> f64 {
        f64::from(self.latency_us.load(Relaxed)) / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_trouble_is_kept() {
        let shared = Shared::default();
        assert_eq!(shared.trouble(), None);
        shared.report(StreamEvent::Xrun);
        shared.report(StreamEvent::Harmless);
        assert_eq!(shared.trouble(), None);
        shared.report(StreamEvent::Ended(DeviceTrouble::Gone));
        shared.report(StreamEvent::Ended(DeviceTrouble::Failed));
        assert_eq!((shared.trouble(), shared.counters().xruns), (Some(DeviceTrouble::Gone), 1));
    }
}
