//! Where sent audio comes from.

use std::{fs::File, io::BufReader, path::Path, time::Instant};

use floe_audio::Capture;
use floe_media::{FRAME_SAMPLES, Frame, ToneSource, WavSource};

use super::device::Lasting;
use crate::AudioSource;

/// Where sent audio comes from.
pub(super) enum Source {
    None,
    Tone(ToneSource),
    Wav(WavSource<BufReader<File>>),
    Device(Lasting<Capture>),
}

impl Source {
    /// Opens a source; a sentence when that failed, and silence is sent.
    pub fn open(source: &AudioSource) -> (Self, Option<String>) {
        match source {
            AudioSource::None => (Self::None, None),
            AudioSource::Tone { hz } => (Self::Tone(ToneSource::new(f64::from(*hz))), None),
            AudioSource::Device(id) => (Self::Device(Lasting::new(id.clone())), None),
            AudioSource::Wav(path) => match open_wav(path) {
                Ok(wav) => (Self::Wav(wav), None),
                Err(reason) => (Self::None, Some(format!("{} is not played: {reason}", path.display()))),
            },
        }
    }

    /// Whether it goes on by itself, read or not.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Device(_))
    }

    /// Appends the frames that are due at this tick, at most so many of a microphone; a sentence when something changed.
    pub fn read(&mut self, now: Instant, most: usize, frames: &mut Vec<Frame>) -> Option<String> {
        match self {
            Self::None => None,
            Self::Tone(tone) => {
                let mut frame = [0.0; FRAME_SAMPLES];
                tone.read(&mut frame);
                frames.push(frame);
                None
            }
            Self::Wav(wav) => {
                let mut frame = [0.0; FRAME_SAMPLES];
                let outcome = wav.read(&mut frame);
                frames.push(frame);
                outcome.err().map(|error| {
                    *self = Self::None;
                    format!("the WAV file ends early: {error}")
                })
            }
            Self::Device(device) => {
                let message = device.poll(now);
                match device.get() {
                    Some(capture) => {
                        let mut frame = [0.0; FRAME_SAMPLES];
                        while frames.len() < most && capture.read(&mut frame) {
                            frames.push(frame);
                        }
                    }
                    // Silence keeps the stream and its clock going, so that the friend hears a pause, not a loss.
                    None => frames.push([0.0; FRAME_SAMPLES]),
                }
                message
            }
        }
    }
}

fn open_wav(path: &Path) -> Result<WavSource<BufReader<File>>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    WavSource::new(BufReader::new(file)).map_err(|error| error.to_string())
}
