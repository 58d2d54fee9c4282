//! An open stream on a thread of its own.

use std::{
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use cpal::{
    BufferSize, Device, ErrorKind, FromSample, InputCallbackInfo, OutputCallbackInfo, SampleFormat, SizedSample,
    Stream, StreamConfig, SupportedBufferSize, SupportedStreamConfig,
    traits::{DeviceTrait, StreamTrait},
};
use rtrb::{Consumer, Producer, RingBuffer};

use crate::{AudioError, Direction, callback, device::find, shared::Shared, trouble::StreamEvent};

/// What opening may take; a system that needs longer has hung.
const OPENING_TIME: Duration = Duration::from_secs(5);

/// What building the stream may take within that.
const BUILDING_TIME: Duration = Duration::from_secs(3);

/// What closing is waited for, so that the device is free again when it is reopened.
const CLOSING_TIME: Duration = Duration::from_millis(500);

/// 100 callbacks a second: 10 ms each. Defaults range from 42 ms to seconds.
const CALLBACKS_PER_SECOND: u32 = 100;

/// Frames of ours per second: what a playout collects at least before it starts.
const FRAMES_PER_SECOND: u32 = 50;

/// A running stream; dropping closes it.
pub(crate) struct OpenStream {
    /// What the callbacks count.
    pub(crate) shared: Arc<Shared>,
    /// The device's rate.
    pub(crate) rate: u32,
    /// Dropped to close.
    close: Option<SyncSender<()>>,
    closed: Receiver<()>,
}

/// A built stream, its rate, and our end of its ring.
type Started<End> = (Stream, u32, End);

/// Builds a stream and its ring.
type Build<End> = fn(&Device, StreamConfig, SampleFormat, &Arc<Shared>) -> Result<(Stream, End), cpal::Error>;

impl OpenStream {
    /// Opens a device that captures into the ring; blocks for up to five seconds.
    pub(crate) fn input(id: Option<&str>) -> Result<(Self, Consumer<f32>), AudioError> {
        Self::open(Direction::Input, id, build_input)
    }

    /// Opens a device that plays from the ring; blocks for up to five seconds.
    pub(crate) fn output(id: Option<&str>) -> Result<(Self, Producer<f32>), AudioError> {
        Self::open(Direction::Output, id, build_output)
    }

    fn open<End: Send + 'static>(
        direction: Direction,
        id: Option<&str>,
        build: Build<End>,
    ) -> Result<(Self, End), AudioError> {
        let shared = Arc::new(Shared::default());
        let (close, until_closed) = mpsc::sync_channel(1);
        let (closing, closed) = mpsc::sync_channel(1);
        let (opened, opening) = mpsc::sync_channel(1);
        let (id, of_thread) = (id.map(str::to_owned), shared.clone());
        let thread = move || {
            let started = start(direction, id.as_deref(), build, &of_thread);
            run(started, &opened, &until_closed);
            // The owner may have stopped waiting.
            let _ = closing.send(());
        };
        let spawned = thread::Builder::new().name(format!("floe-audio-{direction}")).spawn(thread);
        spawned.map_err(|error| AudioError::Refused { direction, reason: error.to_string() })?;
        let (rate, end) = opening.recv_timeout(OPENING_TIME).map_err(|error| match error {
            RecvTimeoutError::Timeout => AudioError::Unresponsive { seconds: OPENING_TIME.as_secs() },
            RecvTimeoutError::Disconnected => {
                AudioError::Refused { direction, reason: "the audio system crashed".into() }
            }
        })??;
        tracing::debug!(%direction, rate, "audio device opened");
        Ok((Self { shared, rate, close: Some(close), closed }, end))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.close = None;
        // A system that hangs while closing keeps its thread; nothing else depends on it.
        let _ = self.closed.recv_timeout(CLOSING_TIME);
    }
}

/// Hands the ring to the owner and keeps the stream until the owner goes.
fn run<End>(
    started: Result<Started<End>, AudioError>,
    opened: &SyncSender<Result<(u32, End), AudioError>>,
    until_closed: &Receiver<()>,
) {
    match started {
        Ok((stream, rate, end)) => {
            if opened.send(Ok((rate, end))).is_ok() {
                // Nothing is ever sent: this ends when the owner drops its side.
                let _ = until_closed.recv();
            }
            drop(stream);
        }
        Err(error) => {
            // The owner may have stopped waiting.
            let _ = opened.send(Err(error));
        }
    }
}

fn start<End>(
    direction: Direction,
    id: Option<&str>,
    build: Build<End>,
    shared: &Arc<Shared>,
) -> Result<Started<End>, AudioError> {
    let device = find(direction, id)?;
    let refused = |error: cpal::Error| AudioError::opening(direction, &error);
    let supported = match direction {
        Direction::Input => device.default_input_config(),
        Direction::Output => device.default_output_config(),
    };
    let supported = supported.map_err(refused)?;
    let format = supported.sample_format();
    let config = short_buffers(&supported);
    let built = build(&device, config, format, shared).or_else(|error| {
        tracing::debug!(%direction, %error, "10 ms buffers refused, using the device's own");
        build(&device, supported.config(), format, shared)
    });
    let (stream, end) = built.map_err(refused)?;
    stream.play().map_err(refused)?;
    Ok((stream, config.sample_rate, end))
}

fn short_buffers(supported: &SupportedStreamConfig) -> StreamConfig {
    let mut config = supported.config();
    let wanted = (config.sample_rate / CALLBACKS_PER_SECOND).max(1);
    config.buffer_size = BufferSize::Fixed(match *supported.buffer_size() {
        SupportedBufferSize::Range { min, max } if min <= max => wanted.clamp(min, max),
        SupportedBufferSize::Range { .. } | SupportedBufferSize::Unknown => wanted,
    });
    config
}

/// A second of samples: more than anyone should ever be behind.
fn ring_for(rate: u32) -> (Producer<f32>, Consumer<f32>) {
    RingBuffer::new(rate.max(1) as usize)
}

fn build_input(
    device: &Device,
    config: StreamConfig,
    format: SampleFormat,
    shared: &Arc<Shared>,
) -> Result<(Stream, Consumer<f32>), cpal::Error> {
    let (ring, end) = ring_for(config.sample_rate);
    let stream = match format {
        SampleFormat::I8 => input_of::<i8>(device, config, ring, shared),
        SampleFormat::I16 => input_of::<i16>(device, config, ring, shared),
        SampleFormat::I24 => input_of::<cpal::I24>(device, config, ring, shared),
        SampleFormat::I32 => input_of::<i32>(device, config, ring, shared),
        SampleFormat::I64 => input_of::<i64>(device, config, ring, shared),
        SampleFormat::U8 => input_of::<u8>(device, config, ring, shared),
        SampleFormat::U16 => input_of::<u16>(device, config, ring, shared),
        SampleFormat::U24 => input_of::<cpal::U24>(device, config, ring, shared),
        SampleFormat::U32 => input_of::<u32>(device, config, ring, shared),
        SampleFormat::U64 => input_of::<u64>(device, config, ring, shared),
        SampleFormat::F32 => input_of::<f32>(device, config, ring, shared),
        SampleFormat::F64 => input_of::<f64>(device, config, ring, shared),
        other => Err(unsupported(other)),
    };
    Ok((stream?, end))
}

fn build_output(
    device: &Device,
    config: StreamConfig,
    format: SampleFormat,
    shared: &Arc<Shared>,
) -> Result<(Stream, Producer<f32>), cpal::Error> {
    let (end, ring) = ring_for(config.sample_rate);
    let callback = config.sample_rate / CALLBACKS_PER_SECOND;
    shared.prime.store(config.sample_rate / FRAMES_PER_SECOND + callback, Relaxed);
    let stream = match format {
        SampleFormat::I8 => output_of::<i8>(device, config, ring, shared),
        SampleFormat::I16 => output_of::<i16>(device, config, ring, shared),
        SampleFormat::I24 => output_of::<cpal::I24>(device, config, ring, shared),
        SampleFormat::I32 => output_of::<i32>(device, config, ring, shared),
        SampleFormat::I64 => output_of::<i64>(device, config, ring, shared),
        SampleFormat::U8 => output_of::<u8>(device, config, ring, shared),
        SampleFormat::U16 => output_of::<u16>(device, config, ring, shared),
        SampleFormat::U24 => output_of::<cpal::U24>(device, config, ring, shared),
        SampleFormat::U32 => output_of::<u32>(device, config, ring, shared),
        SampleFormat::U64 => output_of::<u64>(device, config, ring, shared),
        SampleFormat::F32 => output_of::<f32>(device, config, ring, shared),
        SampleFormat::F64 => output_of::<f64>(device, config, ring, shared),
        other => Err(unsupported(other)),
    };
    Ok((stream?, end))
}

fn input_of<T>(
    device: &Device,
    config: StreamConfig,
    mut ring: Producer<f32>,
    shared: &Arc<Shared>,
) -> Result<Stream, cpal::Error>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let (channels, counts) = (usize::from(config.channels), shared.clone());
    let on_samples = move |samples: &[T], info: &InputCallbackInfo| {
        let at = info.timestamp();
        let latency = micros(at.callback.saturating_duration_since(at.capture));
        callback::capture(samples, channels, latency, &mut ring, &counts);
    };
    device.build_input_stream(config, on_samples, on_error(shared), Some(BUILDING_TIME))
}

fn output_of<T>(
    device: &Device,
    config: StreamConfig,
    mut ring: Consumer<f32>,
    shared: &Arc<Shared>,
) -> Result<Stream, cpal::Error>
where
    T: SizedSample + FromSample<f32>,
{
    let (channels, counts) = (usize::from(config.channels), shared.clone());
    let on_samples = move |samples: &mut [T], info: &OutputCallbackInfo| {
        let at = info.timestamp();
        let latency = micros(at.playback.saturating_duration_since(at.callback));
        callback::play(samples, channels, latency, &mut ring, &counts);
    };
    device.build_output_stream(config, on_samples, on_error(shared), Some(BUILDING_TIME))
}

fn on_error(shared: &Arc<Shared>) -> impl FnMut(cpal::Error) + Send + 'static {
    let shared = shared.clone();
    move |error| shared.report(StreamEvent::from(error.kind()))
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

fn unsupported(format: SampleFormat) -> cpal::Error {
    cpal::Error::with_message(ErrorKind::UnsupportedConfig, format!("its samples are {format}, which is not supported"))
}
