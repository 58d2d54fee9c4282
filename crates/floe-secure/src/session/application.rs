//! What travels inside the DTLS association as application data: the control channel, if both ends have one.

use std::time::Instant;

use super::{Output, SecureSession};
use crate::{
    ControlEnd, ControlRefusal,
    control::{ControlChannel, ControlEvent},
};

/// Application data that came with, or overtook, the end of the handshake.
const MOST_RECEIVED: usize = 64;

/// The control channel's place in a session.
pub(super) enum Application {
    /// The peer has none, or nobody asked for one.
    Unwanted,
    /// It begins when the handshake is over.
    Wanted { received: Vec<Vec<u8>> },
    /// It lives.
    Live(Box<Live>),
    /// The association under it is broken, and nobody has been told yet.
    Ending,
}

pub(super) struct Live {
    channel: ControlChannel,
    received: Vec<Vec<u8>>,
    /// Something was sent or read since packets were last collected.
    is_dirty: bool,
}

impl Application {
    /// Takes the contents of a record; what nobody wants is dropped.
    pub(super) fn take(&mut self, packet: &[u8]) {
        let received = match self {
            Self::Wanted { received } => received,
            Self::Live(live) => &mut live.received,
            Self::Unwanted | Self::Ending => return,
        };
        if received.len() < MOST_RECEIVED {
            received.push(packet.to_vec());
        }
    }

    /// The association stands.
    pub(super) fn begin(&mut self, is_client: bool, now: Instant) {
        if let Self::Wanted { received } = self {
            let received = std::mem::take(received);
            let channel = ControlChannel::new(is_client, now);
            *self = Self::Live(Box::new(Live { channel, received, is_dirty: true }));
        }
    }

    /// No records can be sent or read any more.
    pub(super) fn end(&mut self) {
        if matches!(self, Self::Live(_)) {
            *self = Self::Ending;
        }
    }

    /// When packets are due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Live(live) => live.channel.poll_timeout(),
            Self::Unwanted | Self::Wanted { .. } | Self::Ending => None,
        }
    }

    /// The next thing that happened.
    pub(super) fn poll(&mut self) -> Option<Output> {
        match self {
            Self::Live(live) => {
                let output = match live.channel.poll()? {
                    ControlEvent::Opened => Output::ControlOpened,
                    ControlEvent::Message(message) => Output::ControlMessage(message),
                    ControlEvent::Closed(end) => Output::ControlClosed(end),
                };
                live.is_dirty = true;
                Some(output)
            }
            Self::Ending => {
                *self = Self::Unwanted;
                Some(Output::ControlClosed(ControlEnd::Broken))
            }
            Self::Unwanted | Self::Wanted { .. } => None,
        }
    }

    /// Packets to send, if there can be any.
    fn packets(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let Self::Live(live) = self else { return Vec::new() };
        let is_due = live.channel.poll_timeout().is_some_and(|at| at <= now);
        if !(is_due || live.is_dirty || !live.received.is_empty()) {
            return Vec::new();
        }
        live.is_dirty = false;
        for packet in std::mem::take(&mut live.received) {
            live.channel.handle(&packet, now);
        }
        live.channel.poll_transmit(now)
    }
}

impl SecureSession {
    /// Wants a control channel; to be called before the handshake ends. The DTLS client opens it, as soon as the keys
    /// are in place. A peer that has none leaves it unanswered.
    pub fn want_control(&mut self) {
        if matches!(self.application, Application::Unwanted) && self.media.is_none() {
            self.application = Application::Wanted { received: Vec::new() };
        }
    }

    /// Sends a message on the control channel, reliably and in order; poll for its packets.
    ///
    /// # Errors
    /// Nothing was sent then, and nothing else changed.
    pub fn send_control(&mut self, message: &[u8]) -> Result<(), ControlRefusal> {
        let Application::Live(live) = &mut self.application else { return Err(ControlRefusal::NotOpen) };
        live.is_dirty = true;
        live.channel.send(message)
    }

    /// Bytes on the control channel that wait to be sent or acknowledged.
    #[must_use]
    pub fn control_buffered(&mut self) -> usize {
        match &mut self.application {
            Application::Live(live) => live.channel.buffered(),
            Application::Unwanted | Application::Wanted { .. } | Application::Ending => 0,
        }
    }

    /// Moves packets between the channel and the association.
    pub(super) fn serve_control(&mut self, now: Instant) {
        if self.is_deaf {
            return;
        }
        for packet in self.application.packets(now) {
            let outcome = self.dtls.send_application_data(&packet);
            // What ends the association is noted; anything else SCTP repeats.
            if self.note_failure(outcome.map(|_| ())).is_err() {
                break;
            }
            let _ = self.collect();
        }
    }
}
