//! The secure channel of a call: DTLS over the selected pair, SRTP for everything the audio worker sends.

use std::{collections::VecDeque, time::Instant};

use floe_secure::{Certificate, Fingerprint, Output, RestartKeys, SecureError, SecureSession};
use floe_wire::{
    IceRole, PacketKind,
    note::{RefusalReason, SecurityFacts},
};

/// The secure channel of a call.
pub(crate) struct Media {
    client: bool,
    certificate: Certificate,
    expected: Fingerprint,
    wants_control: bool,
    /// Made when first needed: its keys cost milliseconds that the first checks should not wait for.
    session: Option<SecureSession>,
    has_path: bool,
    wait: Option<Instant>,
    has_failed: bool,
    pending: VecDeque<MediaOutput>,
}

/// What the secure channel wants done.
pub(crate) enum MediaOutput {
    /// Send this over the selected pair.
    Transmit(Vec<u8>),
    /// The handshake began.
    HandshakeStarted { client: bool },
    /// The peer is who its code says, and media keys are in place.
    Secured(SecurityFacts),
    /// Both ends can talk beside the media.
    ControlOpened,
    /// The peer said something.
    ControlMessage(Vec<u8>),
    /// They cannot any more; the sentence says why.
    ControlClosed(String),
    /// The peer closed the channel.
    PeerLeft,
    /// There will be no secure channel; the sentence says why.
    Failed(String),
}

impl Media {
    /// Waits for a path. The controlling side is the DTLS client: it knows the nominated pair first. A control channel is
    /// wanted if the peer's code says that it has one.
    pub fn new(role: IceRole, certificate: &Certificate, expected: Fingerprint, wants_control: bool) -> Self {
        Self {
            client: role == IceRole::Controlling,
            certificate: certificate.clone(),
            expected,
            wants_control,
            session: None,
            has_path: false,
            wait: None,
            has_failed: false,
            pending: VecDeque::new(),
        }
    }

    /// A role conflict was repaired: who controls is the client, unless the handshake has begun.
    pub fn on_role(&mut self, role: IceRole) {
        if !self.has_path && self.session.is_none() {
            self.client = role == IceRole::Controlling;
        }
    }

    /// A pair was selected; the first one lets the handshake begin at the next poll.
    pub fn on_path(&mut self) {
        if self.has_path {
            return;
        }
        self.has_path = true;
        self.pending.push_back(MediaOutput::HandshakeStarted { client: self.client });
    }

    /// Whether the next poll makes the keys.
    pub fn is_about_to_begin(&self) -> bool {
        self.has_path && self.session.is_none() && !self.has_failed
    }

    fn session(&mut self, now: Instant) -> &mut SecureSession {
        self.session.get_or_insert_with(|| {
            let mut session = SecureSession::new(self.client, &self.certificate, self.expected, now);
            if self.wants_control {
                session.want_control();
            }
            session
        })
    }

    /// What credentials of later generations are derived from.
    pub fn restart_keys(&self) -> Option<&RestartKeys> {
        self.session.as_ref().and_then(SecureSession::restart_keys)
    }

    /// Whether audio can flow.
    pub fn is_secured(&self) -> bool {
        self.session.as_ref().is_some_and(SecureSession::is_secured)
    }

    /// Whether the peer has a control channel.
    pub fn wants_control(&self) -> bool {
        self.wants_control
    }

    /// Sends a message to the peer; one that cannot be sent is forgotten, and the channel's end is told by itself.
    pub fn send_control(&mut self, message: &[u8]) {
        let Some(session) = &mut self.session else { return };
        if let Err(error) = session.send_control(message) {
            tracing::debug!(%error, "message not sent");
        }
    }

    /// Bytes of messages that wait.
    pub fn control_buffered(&mut self) -> usize {
        self.session.as_mut().map_or(0, SecureSession::control_buffered)
    }

    /// Takes a DTLS datagram. The peer may have a path before we do: a server listens from the start.
    pub fn on_dtls(&mut self, datagram: &[u8], now: Instant) -> Result<(), RefusalReason> {
        if self.client && !self.has_path {
            return Err(RefusalReason::BadDtls);
        }
        match self.session(now).handle_datagram(datagram, now) {
            Ok(()) => Ok(()),
            // Polling tells what ends the association; here it would be told twice.
            Err(SecureError::WrongFingerprint { .. }) => Ok(()),
            Err(error) => {
                tracing::debug!(%error, "DTLS datagram not accepted");
                Err(RefusalReason::BadDtls)
            }
        }
    }

    /// The next thing to do; none until [`Self::poll_timeout`] or more input.
    pub fn poll(&mut self, now: Instant) -> Option<MediaOutput> {
        if let Some(output) = self.pending.pop_front() {
            return Some(output);
        }
        if !self.has_path || self.has_failed {
            return None;
        }
        match self.session(now).poll(now) {
            Ok(Output::Transmit(datagram)) => Some(MediaOutput::Transmit(datagram)),
            Ok(Output::Wait(at)) => {
                self.wait = Some(at);
                None
            }
            Ok(Output::Idle) => {
                self.wait = None;
                None
            }
            Ok(Output::Secured(facts)) => Some(MediaOutput::Secured(facts)),
            Ok(Output::PeerClosed) => Some(MediaOutput::PeerLeft),
            Ok(Output::ControlOpened) => Some(MediaOutput::ControlOpened),
            Ok(Output::ControlMessage(message)) => Some(MediaOutput::ControlMessage(message)),
            Ok(Output::ControlClosed(end)) => Some(MediaOutput::ControlClosed(end.to_string())),
            Err(error) => {
                self.has_failed = true;
                self.wait = None;
                Some(MediaOutput::Failed(error.to_string()))
            }
        }
    }

    /// When the handshake wants to be polled.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wait.filter(|_| self.has_path)
    }

    /// Encrypts an RTP or RTCP packet; none while there are no keys.
    pub fn protect(&mut self, kind: PacketKind, packet: &[u8]) -> Option<Vec<u8>> {
        let session = self.session.as_mut()?;
        let protected = match kind {
            PacketKind::Rtcp => session.protect_rtcp(packet),
            _ => session.protect_rtp(packet),
        };
        protected.inspect_err(|error| tracing::debug!(%error, "packet not sent")).ok()
    }

    /// Authenticates and decrypts an SRTP or SRTCP packet.
    pub fn unprotect(&mut self, kind: PacketKind, packet: &[u8]) -> Result<Vec<u8>, RefusalReason> {
        let session = self.session.as_mut().ok_or(RefusalReason::BadMedia)?;
        let plain = match kind {
            PacketKind::Rtcp => session.unprotect_rtcp(packet),
            _ => session.unprotect_rtp(packet),
        };
        plain.map_err(|error| match error {
            SecureError::Replayed => RefusalReason::ReplayedMedia,
            _ => RefusalReason::BadMedia,
        })
    }

    /// Says goodbye to the peer.
    pub fn close(&mut self) {
        if let Some(session) = &mut self.session {
            session.close();
        }
    }
}
