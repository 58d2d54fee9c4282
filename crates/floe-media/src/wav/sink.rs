//! Writes frames to a WAV file that is readable at any moment.

use std::io::{Seek, Write};

use hound::{SampleFormat, WavSpec, WavWriter};

use super::WavError;
use crate::SAMPLE_RATE;

/// A second: what a killed process may lose.
const FLUSH_EVERY: usize = SAMPLE_RATE as usize;

/// RIFF lengths have 32 bits: 12 hours at this format, less a little for the header.
const MOST_SAMPLES: u64 = (u32::MAX as u64 - 4096) / 2;

/// A 48 kHz mono 16-bit WAV file. Its header is brought up to date every second, so that a killed process leaves a
/// readable file behind.
pub struct WavSink<W: Write + Seek> {
    writer: WavWriter<W>,
    unflushed: usize,
    written: u64,
}

impl<W: Write + Seek> WavSink<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When writing fails.
    pub fn new(writer: W) -> Result<Self, WavError> {
        let spec =
            WavSpec { channels: 1, sample_rate: SAMPLE_RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut writer = WavWriter::new(writer, spec).map_err(WavError::from_hound)?;
        writer.flush().map_err(WavError::from_hound)?;
        Ok(Self { writer, unflushed: 0, written: 0 })
    }

    /// Appends samples at 48 kHz; what is beyond full scale is clipped.
    ///
    /// # Errors
    /// When writing fails, or the file has reached the 4 GB (12 hours) that the format allows.
    pub fn write(&mut self, samples: &[f32]) -> Result<(), WavError> {
        if self.written + samples.len() as u64 > MOST_SAMPLES {
            return Err(WavError::Full);
        }
        for &sample in samples {
            let scaled = (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round();
            self.writer.write_sample(scaled as i16).map_err(WavError::from_hound)?;
        }
        self.written += samples.len() as u64;
        self.unflushed += samples.len();
        if self.unflushed >= FLUSH_EVERY {
            self.unflushed = 0;
            self.writer.flush().map_err(WavError::from_hound)?;
        }
        Ok(())
    }

    /// Completes the file; dropping does the same but cannot tell of failure.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(self) -> Result<(), WavError> {
        self.writer.finalize().map_err(WavError::from_hound)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::RefCell,
        io::{self, Cursor, SeekFrom},
        rc::Rc,
    };

    use super::*;
    use crate::{FRAME_SAMPLES, ToneSource, WavSource};

    /// A file that can be looked at while it is being written.
    #[derive(Clone, Default)]
    struct SharedFile(Rc<RefCell<Cursor<Vec<u8>>>>);

    impl Write for SharedFile {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for SharedFile {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.borrow_mut().seek(to)
        }
    }

    fn samples_in(bytes: &[u8]) -> usize {
        let (mut source, mut frame, mut frames) = (WavSource::new(bytes).unwrap(), [0.0; FRAME_SAMPLES], 0);
        while source.read(&mut frame).unwrap() {
            frames += 1;
        }
        frames * FRAME_SAMPLES
    }

    #[test]
    fn a_file_whose_writer_was_killed_is_readable_but_for_the_last_second() {
        let file = SharedFile::default();
        let mut sink = WavSink::new(file.clone()).unwrap();
        assert_eq!(samples_in(&file.0.borrow().get_ref().clone()), 0, "readable from the start");
        let mut tone = ToneSource::new(440.0);
        let mut frame = [0.0; FRAME_SAMPLES];
        for _ in 0..130 {
            tone.read(&mut frame);
            sink.write(&frame).unwrap();
        }
        let killed = file.0.borrow().get_ref().clone();
        assert_eq!(samples_in(&killed), 96_000, "2 of 2.6 s");
        sink.finish().unwrap();
        assert_eq!(samples_in(&file.0.borrow().get_ref().clone()), 130 * FRAME_SAMPLES);
    }

    #[test]
    fn loud_and_broken_samples_are_clipped() {
        let file = SharedFile::default();
        let mut sink = WavSink::new(file.clone()).unwrap();
        sink.write(&[2.0, -2.0, f32::NAN, 0.5]).unwrap();
        sink.finish().unwrap();
        let bytes = file.0.borrow().get_ref().clone();
        let samples: Vec<i16> =
            hound::WavReader::new(&bytes[..]).unwrap().into_samples().collect::<Result<_, _>>().unwrap();
        assert_eq!(samples, [32767, -32767, 0, 16384]);
    }
}
