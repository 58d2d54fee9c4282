//! Where received audio goes: a speaker, a WAV file, both or neither.

use std::{fs::File, io::BufWriter, path::Path, time::Instant};

use floe_audio::Playout;
use floe_media::{Frame, WavSink};

use super::device::Lasting;
use crate::Playback;

/// Where received audio goes.
pub(super) struct Sink {
    speaker: Option<Lasting<Playout>>,
    recording: Option<WavSink<BufWriter<File>>>,
}

impl Sink {
    /// Opens what was asked for; a sentence when the file cannot be written.
    pub fn open(playback: &Playback, record: Option<&Path>) -> (Self, Option<String>) {
        let (recording, message) = match record.map(open_wav) {
            None => (None, None),
            Some(Ok(sink)) => (Some(sink), None),
            Some(Err(reason)) => (None, Some(format!("Nothing is recorded: {reason}"))),
        };
        (Self { speaker: speaker(playback), recording }, message)
    }

    /// Plays somewhere else from here on.
    pub fn set_playback(&mut self, playback: &Playback) {
        self.speaker = speaker(playback);
    }

    /// Takes one frame; a sentence when something changed.
    pub fn write(&mut self, now: Instant, frame: &Frame) -> Option<String> {
        let mut message = None;
        if let Some(recording) = &mut self.recording
            && let Err(error) = recording.write(frame)
        {
            self.recording = None;
            message = Some(format!("The recording ends here: {error}"));
        }
        let Some(speaker) = &mut self.speaker else { return message };
        if let Some(playout) = speaker.get() {
            playout.write(frame);
        }
        speaker.poll(now).or(message)
    }

    /// What waits to be played on the device, in milliseconds.
    pub fn queued_ms(&mut self) -> Option<f64> {
        self.speaker.as_mut().and_then(Lasting::get).map(|playout| playout.queued_ms())
    }

    /// Finishes the recording.
    pub fn finish(self) -> Option<String> {
        let error = self.recording?.finish().err()?;
        Some(format!("The recording is incomplete: {error}"))
    }
}

fn speaker(playback: &Playback) -> Option<Lasting<Playout>> {
    match playback {
        Playback::None => None,
        Playback::Device(id) => Some(Lasting::new(id.clone())),
    }
}

fn open_wav(path: &Path) -> Result<WavSink<BufWriter<File>>, String> {
    let named = |error: &dyn std::fmt::Display| format!("{error}: {}", path.display());
    let file = File::create(path).map_err(|error| named(&error))?;
    WavSink::new(BufWriter::new(file)).map_err(|error| named(&error))
}
