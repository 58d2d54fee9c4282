//! The audio worker: a thread with a 20 ms clock that captures, encodes, decodes, plays and measures.
//!
//! Opus and the jitter buffer live on this thread, away from both the session's loop and the device callbacks. It is
//! joined to the session by two bounded queues; what does not fit is dropped and counted. In a call whose time is
//! simulated the worker is a task of the runtime instead, because a thread would sleep real time.

mod device;
mod sink;
mod source;
mod worker;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc as std_mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use floe_media::Interruption;
use floe_transport::Clock;
use floe_wire::{PacketKind, note::AudioMeasure};
use tokio::sync::mpsc;

use self::worker::Worker;
use crate::{AudioClock, AudioSource, CallConfig, Playback};

/// Packets and wishes that may wait for the worker: two seconds of audio and reports.
const INPUT_CAPACITY: usize = 128;
/// Packets and measurements that may wait for the session.
const OUTPUT_CAPACITY: usize = 128;

/// What the session tells the worker.
enum AudioInput {
    Rtp { packet: Vec<u8>, at: Instant },
    Rtcp { packet: Vec<u8> },
    SetSource(AudioSource),
    SetPlayback(Playback),
    SetMuted(bool),
    BeginSending,
    Stop,
}

/// What the worker tells the session.
pub(crate) enum AudioOutput {
    /// An RTP packet to encrypt and send.
    Rtp(Vec<u8>),
    /// An RTCP compound packet to encrypt and send.
    Rtcp(Vec<u8>),
    /// The peer's audio was decoded for the first time.
    FirstAudio,
    /// Counters and levels.
    Measured(AudioMeasure),
    /// Audio was made up for a while.
    Interrupted(Interruption),
    /// A device came, went or failed.
    Device { message: String },
    /// The peer said goodbye (RTCP BYE).
    PeerLeft,
}

/// The handle of the worker.
pub(crate) struct AudioWorker {
    input: std_mpsc::SyncSender<AudioInput>,
    dropped: Arc<AtomicU64>,
}

impl AudioWorker {
    /// Starts the worker. It sends nothing before [`AudioWorker::begin_sending`].
    pub fn start(config: &CallConfig, clock: Clock, ssrc: u32, seed: u64) -> (Self, mpsc::Receiver<AudioOutput>) {
        let (input, inputs) = std_mpsc::sync_channel(INPUT_CAPACITY);
        let (outputs, output) = mpsc::channel(OUTPUT_CAPACITY);
        let dropped = Arc::new(AtomicU64::new(0));
        let worker = Worker::new(config, clock, (ssrc, seed), outputs, Arc::clone(&dropped));
        match config.audio_clock {
            AudioClock::System => start_thread(worker, inputs),
            // It ends with its inputs, like the thread.
            AudioClock::Runtime => drop(tokio::spawn(worker.run_in_runtime(inputs))),
        }
        (Self { input, dropped }, output)
    }

    /// Hands over an authentic packet of the peer.
    pub fn receive(&self, kind: PacketKind, packet: Vec<u8>, at: Instant) {
        self.tell(if kind == PacketKind::Rtcp { AudioInput::Rtcp { packet } } else { AudioInput::Rtp { packet, at } });
    }

    /// Media keys are in place: the source is sent from here on.
    pub fn begin_sending(&self) {
        self.tell(AudioInput::BeginSending);
    }

    pub fn set_muted(&self, muted: bool) {
        self.tell(AudioInput::SetMuted(muted));
    }

    pub fn set_source(&self, source: AudioSource) {
        self.tell(AudioInput::SetSource(source));
    }

    pub fn set_playback(&self, playback: Playback) {
        self.tell(AudioInput::SetPlayback(playback));
    }

    fn tell(&self, input: AudioInput) {
        if self.input.try_send(input).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ends the worker and gives what it still had to say, the goodbye to the peer among it.
    pub async fn stop(&self, patience: Duration, outputs: &mut mpsc::Receiver<AudioOutput>) -> Vec<AudioOutput> {
        let mut last = Vec::new();
        let drain = async {
            // A full queue has room again within one frame, since the worker empties it every 20 ms.
            while let Err(std_mpsc::TrySendError::Full(_)) = self.input.try_send(AudioInput::Stop) {
                tokio::time::sleep(floe_media::FRAME_DURATION).await;
            }
            while let Some(output) = outputs.recv().await {
                last.push(output);
            }
        };
        if tokio::time::timeout(patience, drain).await.is_err() {
            tracing::warn!("the audio worker did not end in time");
        }
        last
    }
}

fn start_thread(worker: Worker, inputs: std_mpsc::Receiver<AudioInput>) {
    let spawned = thread::Builder::new().name("floe-audio".to_owned()).spawn(move || worker.run(&inputs));
    if let Err(error) = spawned {
        // The receiver side is gone with the closure: sends fail, the call goes on without audio.
        tracing::error!(%error, "no thread for audio");
    }
}
