//! A device that may come and go: opened on a thread of its own, opened again after trouble.

use std::{
    sync::mpsc::{Receiver, TryRecvError, channel},
    thread,
    time::{Duration, Instant},
};

use floe_audio::{AudioError, Capture, DeviceTrouble, Playout};

/// Between two attempts to open a device again; quick enough for a re-plugged headset.
const REOPEN_INTERVAL: Duration = Duration::from_secs(2);

/// What both kinds of devices have in common.
pub(super) trait Device: Sized + Send + 'static {
    /// What people call it.
    const NAME: &'static str;
    fn open(id: Option<&str>) -> Result<Self, AudioError>;
    fn trouble(&self) -> Option<DeviceTrouble>;
}

impl Device for Capture {
    const NAME: &'static str = "microphone";

    fn open(id: Option<&str>) -> Result<Self, AudioError> {
        Self::open(id)
    }

    fn trouble(&self) -> Option<DeviceTrouble> {
        self.trouble()
    }
}

impl Device for Playout {
    const NAME: &'static str = "speaker";

    fn open(id: Option<&str>) -> Result<Self, AudioError> {
        Self::open(id)
    }

    fn trouble(&self) -> Option<DeviceTrouble> {
        self.trouble()
    }
}

/// A device that may come and go.
pub(super) struct Lasting<D> {
    id: Option<String>,
    state: State<D>,
    told: Option<String>,
}

enum State<D> {
    Opening(Receiver<Result<D, AudioError>>),
    Open(D),
    Waiting { until: Instant },
}

impl<D: Device> Lasting<D> {
    /// Begins to open a device.
    pub fn new(id: Option<String>) -> Self {
        let state = State::Opening(open::<D>(id.clone()));
        Self { id, state, told: None }
    }

    /// The device, while it works.
    pub fn get(&mut self) -> Option<&mut D> {
        match &mut self.state {
            State::Open(device) => Some(device),
            State::Opening(_) | State::Waiting { .. } => None,
        }
    }

    /// Moves on; a sentence when something changed that people should know.
    pub fn poll(&mut self, now: Instant) -> Option<String> {
        let (state, message) = match &self.state {
            State::Opening(result) => match result.try_recv() {
                Ok(Ok(device)) => {
                    (State::Open(device), self.told.is_some().then(|| format!("The {} is back.", D::NAME)))
                }
                Ok(Err(error)) => (waiting(now), Some(self.silent(&error.to_string()))),
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => (waiting(now), Some(self.silent("it could not be opened"))),
            },
            State::Open(device) => match device.trouble() {
                Some(trouble) => (waiting(now), Some(self.silent(&trouble.to_string()))),
                None => return None,
            },
            State::Waiting { until } if *until <= now => (State::Opening(open::<D>(self.id.clone())), None),
            State::Waiting { .. } => return None,
        };
        self.state = state;
        self.tell(message)
    }

    fn silent(&self, reason: &str) -> String {
        format!("No {}: {reason}. The call goes on without it; Floe tries again every 2 s.", D::NAME)
    }

    /// Says a thing once, however often the device is tried.
    fn tell(&mut self, message: Option<String>) -> Option<String> {
        let message = message?;
        if self.told.as_ref() == Some(&message) {
            return None;
        }
        self.told = (!matches!(self.state, State::Open(_))).then(|| message.clone());
        Some(message)
    }
}

fn waiting<D>(now: Instant) -> State<D> {
    State::Waiting { until: now + REOPEN_INTERVAL }
}

/// Opening may take seconds (a sleeping sound server), so it has its own thread; `floe-audio` bounds it.
fn open<D: Device>(id: Option<String>) -> Receiver<Result<D, AudioError>> {
    let (sender, receiver) = channel();
    let spawned = thread::Builder::new().name("floe-open-device".to_owned()).spawn(move || {
        // A worker that has gone meanwhile does not want the device any more: it is closed by being dropped.
        let _ = sender.send(D::open(id.as_deref()));
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread to open a device");
    }
    receiver
}
