//! Reads a WAV file as frames, a little at a time.

use std::io::Read;

use hound::{SampleFormat, WavReader, WavSpec};

use super::WavError;
use crate::{Frame, Resampler, SAMPLE_RATE};

/// Sample frames read at a time.
const PIECE: usize = 512;

/// More channels than any microphone array; a header that claims more is damage.
const MOST_CHANNELS: u16 = 64;

/// Any PCM WAV file as 48 kHz mono frames: channels are averaged, rates converted.
pub struct WavSource<R: Read> {
    reader: WavReader<R>,
    resampler: Resampler,
    /// One piece of the file, mixed to mono.
    mono: Vec<f32>,
    ready: Vec<f32>,
    /// Converted samples that are the converter's delay, not audio.
    skip: usize,
    ended: bool,
}

impl<R: Read> WavSource<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is no WAV file that can be played.
    pub fn new(reader: R) -> Result<Self, WavError> {
        let reader = WavReader::new(reader).map_err(WavError::from_hound)?;
        let spec = reader.spec();
        if !is_supported(&spec) {
            return Err(WavError::unsupported(&spec));
        }
        let resampler = Resampler::new(spec.sample_rate, SAMPLE_RATE).map_err(|_| WavError::unsupported(&spec))?;
        let skip = resampler.delay();
        Ok(Self { reader, resampler, mono: Vec::new(), ready: Vec::new(), skip, ended: false })
    }

    /// Fills the next frame; after the end it is silence and the answer is `false`.
    ///
    /// # Errors
    /// When reading fails; what follows is silence.
    pub fn read(&mut self, out: &mut Frame) -> Result<bool, WavError> {
        out.fill(0.0);
        while self.ready.len() < out.len() && !self.ended {
            if let Err(error) = self.read_piece() {
                self.ended = true;
                self.ready.clear();
                return Err(error);
            }
        }
        let len = self.ready.len().min(out.len());
        out[..len].copy_from_slice(&self.ready[..len]);
        self.ready.drain(..len);
        Ok(len > 0)
    }

    fn read_piece(&mut self) -> Result<(), WavError> {
        self.mono.clear();
        let spec = self.reader.spec();
        match spec.sample_format {
            SampleFormat::Float => {
                mix(self.reader.samples::<f32>(), spec.channels, 1.0, |sample| sample, &mut self.mono)?;
            }
            SampleFormat::Int => {
                let scale = (f64::from(spec.bits_per_sample - 1)).exp2().recip() as f32;
                mix(self.reader.samples::<i32>(), spec.channels, scale, |sample| sample as f32, &mut self.mono)?;
            }
        }
        if self.mono.is_empty() {
            self.ended = true;
            // Pushes the last samples out of the converter.
            let tail = self.resampler.delay().min(1) * PIECE * 2;
            let mut silence = Vec::new();
            self.resampler.process(&vec![0.0; tail], &mut silence);
            let keep = self.resampler.delay().min(silence.len());
            self.ready.extend_from_slice(&silence[..keep]);
            return Ok(());
        }
        self.resampler.process(&self.mono, &mut self.ready);
        let skipped = self.skip.min(self.ready.len());
        self.ready.drain(..skipped);
        self.skip -= skipped;
        Ok(())
    }
}

fn is_supported(spec: &WavSpec) -> bool {
    let encoding = match spec.sample_format {
        SampleFormat::Int => matches!(spec.bits_per_sample, 8 | 16 | 24 | 32),
        SampleFormat::Float => spec.bits_per_sample == 32,
    };
    encoding && (1..=MOST_CHANNELS).contains(&spec.channels)
}

/// Averages the channels of up to one piece; broken float samples are silence.
fn mix<S>(
    mut samples: impl Iterator<Item = hound::Result<S>>,
    channels: u16,
    scale: f32,
    to_float: impl Fn(S) -> f32,
    mono: &mut Vec<f32>,
) -> Result<(), WavError> {
    let scale = scale / f32::from(channels);
    for _ in 0..PIECE {
        let mut sum = 0.0;
        for _ in 0..channels {
            let Some(sample) = samples.next() else { return Ok(()) };
            sum += to_float(sample.map_err(WavError::from_hound)?) * scale;
        }
        mono.push(if sum.is_finite() { sum.clamp(-1.0, 1.0) } else { 0.0 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use hound::{Sample, WavWriter};
    use proptest::prelude::*;

    use super::*;
    use crate::{FRAME_SAMPLES, ToneMeter};

    fn file<S: Sample + Copy>(spec: WavSpec, seconds: f64, sample_of: impl Fn(f64) -> S) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        for n in 0..(seconds * f64::from(spec.sample_rate)) as usize {
            let turns = 440.0 * n as f64 / f64::from(spec.sample_rate);
            let sample = sample_of((turns * std::f64::consts::TAU).sin());
            for _ in 0..spec.channels {
                writer.write_sample(sample).unwrap();
            }
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn read_all(bytes: &[u8]) -> Vec<f32> {
        let mut source = WavSource::new(bytes).unwrap();
        let (mut all, mut frame) = (Vec::new(), [0.0; FRAME_SAMPLES]);
        while source.read(&mut frame).unwrap() {
            all.extend_from_slice(&frame);
        }
        all
    }

    fn check(spec: WavSpec, bytes: &[u8]) {
        let samples = read_all(bytes);
        assert!((samples.len() as i64 - 48_000).abs() <= 960, "{} samples of {spec:?}", samples.len());
        let mut meter = ToneMeter::new();
        meter.push(&samples[..40_000]);
        let hz = meter.hz().unwrap_or(0.0);
        assert!((hz - 440.0).abs() < 0.2, "{hz} Hz from {spec:?}");
        let peak = samples[5_000..40_000].iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        assert!((peak - 0.5).abs() < 0.02, "peak {peak} from {spec:?}");
    }

    #[test]
    fn every_rate_width_and_channel_count_gives_the_same_tone() {
        for (sample_rate, channels, bits) in
            [(48_000, 1, 16), (44_100, 2, 16), (8_000, 1, 8), (96_000, 6, 24), (22_050, 1, 32), (16_000, 2, 24)]
        {
            let sample_format = SampleFormat::Int;
            let spec = WavSpec { channels, sample_rate, bits_per_sample: bits, sample_format };
            let full = f64::from(bits - 1).exp2();
            check(spec, &file(spec, 1.0, |value| (value * full * 0.499) as i32));
        }
        let spec =
            WavSpec { channels: 2, sample_rate: 44_100, bits_per_sample: 32, sample_format: SampleFormat::Float };
        check(spec, &file(spec, 1.0, |value| (value * 0.5) as f32));
    }

    #[test]
    fn what_is_no_wav_file_says_so() {
        let error = WavSource::new(&b"this is a text file, not a wave"[..]).err().unwrap();
        assert!(error.to_string().starts_with("not a readable WAV file"), "{error}");
        assert!(WavSource::new(&b""[..]).is_err());
    }

    #[test]
    fn a_file_cut_off_plays_to_the_cut_and_then_tells() {
        let spec = WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let bytes = file(spec, 1.0, |value| (value * 1000.0) as i32);
        let mut source = WavSource::new(&bytes[..bytes.len() / 2]).unwrap();
        let mut frame = [0.0; FRAME_SAMPLES];
        let mut frames = 0;
        while source.read(&mut frame).is_ok_and(|more| more) {
            frames += 1;
        }
        assert!((20..=25).contains(&frames), "{frames}");
        assert!(matches!(source.read(&mut frame), Ok(false)), "silence ever after");
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(
            at in 0usize..60, value: u8, tail in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let spec =
                WavSpec { channels: 2, sample_rate: 44_100, bits_per_sample: 24, sample_format: SampleFormat::Int };
            let mut bytes = file(spec, 0.01, |value| (value * 1000.0) as i32);
            bytes[at] = value;
            bytes.extend(tail);
            if let Ok(mut source) = WavSource::new(&bytes[..]) {
                let mut frame = [0.0; FRAME_SAMPLES];
                for _ in 0..50 {
                    let _ = source.read(&mut frame);
                }
            }
        }
    }
}
