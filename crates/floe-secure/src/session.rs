//! One DTLS association and the media keys that come out of it.

mod application;

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use dimpl::{Config, Dtls, DtlsCertificate, KeyingMaterial, ProtocolVersion, SrtpProfile, UnexpectedMessageError};
use floe_wire::note::SecurityFacts;

use self::application::Application;
use crate::{
    Certificate, ControlEnd, Fingerprint, RestartKeys, SecureError, sas,
    srtp::{self, Srtp},
};

/// The largest DTLS datagram we take or make; larger ones do not cross the Internet in one piece.
const DATAGRAM: usize = 2048;
/// Application data nobody reads is bounded like everything else.
const MAX_QUEUED: usize = 64;
/// First retransmission. RFC 9147 section 5.8.2 recommends 1 s where nothing is known of the path; ICE has just measured
/// it, and a lost flight should not cost a second of silence.
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(400);
/// More than fit into [`HANDSHAKE_TIMEOUT`]: the deadline ends a handshake, not the count, which repeated datagrams of
/// the peer use up as well.
const RETRANSMISSIONS: usize = 12;
/// Least time between two looks at the library's timers. While a DTLS 1.3 flight has a gap, dimpl 0.9 wants to
/// acknowledge what it has again and again without time passing; a caller that polls until it is told to wait would
/// never get there, and the peer would drown in acknowledgements.
const PACE: Duration = Duration::from_millis(50);
/// The time after which ICE gives a silent path up, too.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// One DTLS association and the media keys that come out of it.
pub struct SecureSession {
    dtls: Dtls,
    is_client: bool,
    local: Fingerprint,
    expected: Fingerprint,
    peer: Option<Fingerprint>,
    keying: Option<(KeyingMaterial, SrtpProfile)>,
    is_connected: bool,
    media: Option<Srtp>,
    restart: Option<RestartKeys>,
    application: Application,
    queue: VecDeque<Output>,
    /// The latest time that was passed in.
    now: Instant,
    wake: Option<Instant>,
    failure: Option<SecureError>,
    /// The DTLS side has failed after the keys were in place; media goes on, handshake messages do not.
    is_deaf: bool,
}

/// What the session wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this datagram.
    Transmit(Vec<u8>),
    /// Poll again at this time.
    Wait(Instant),
    /// Nothing to do until something arrives.
    Idle,
    /// The peer is the one its code names, and media keys are in place. Told once.
    Secured(SecurityFacts),
    /// The control channel is open. Told once.
    ControlOpened,
    /// A message arrived on the control channel.
    ControlMessage(Vec<u8>),
    /// The control channel is over; media goes on. Told once.
    ControlClosed(ControlEnd),
    /// The peer closed the association.
    PeerClosed,
}

impl SecureSession {
    /// Prepares an association; the client's first flight is made by the first [`SecureSession::poll`].
    #[must_use]
    pub fn new(is_client: bool, certificate: &Certificate, expected: Fingerprint, now: Instant) -> Self {
        let own =
            DtlsCertificate { certificate: certificate.der.clone(), private_key: certificate.private_key.clone() };
        let mut dtls = Dtls::new_auto(Arc::clone(&CONFIG), own, now);
        dtls.set_active(is_client);
        Self {
            dtls,
            is_client,
            local: certificate.fingerprint(),
            expected,
            peer: None,
            keying: None,
            is_connected: false,
            media: None,
            restart: None,
            application: Application::Unwanted,
            queue: VecDeque::new(),
            now,
            wake: Some(now),
            failure: None,
            is_deaf: false,
        }
    }

    /// Takes a DTLS datagram. Malformed, replayed and premature records are dropped without harm.
    ///
    /// # Errors
    /// [`SecureError::BadDatagram`] for what was ignored. When the association is over,
    /// [`SecureError::WrongFingerprint`], [`SecureError::Handshake`] or [`SecureError::NoMediaKeys`]; every later call
    /// says the same.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant) -> Result<(), SecureError> {
        self.check()?;
        if datagram.len() > DATAGRAM || self.is_deaf {
            return Err(SecureError::BadDatagram);
        }
        self.advance(now)?;
        let outcome = self.dtls.handle_packet(datagram);
        let noted = self.note_failure(outcome);
        self.check()?;
        let collected = self.collect();
        self.serve_control(now);
        collected.and(noted)
    }

    /// The next thing to do.
    ///
    /// # Errors
    /// When the association is over, as [`SecureSession::handle_datagram`].
    pub fn poll(&mut self, now: Instant) -> Result<Output, SecureError> {
        if let Some(output) = self.queue.pop_front() {
            return Ok(output);
        }
        self.check()?;
        if self.wake.is_some_and(|wake| wake <= now) {
            // What ends the association is kept, and told by the check.
            let _ = self.advance(now);
            self.check()?;
        }
        self.serve_control(now);
        if let Some(output) = self.queue.pop_front().or_else(|| self.application.poll()) {
            return Ok(output);
        }
        let wake = self.wake.into_iter().chain(self.application.poll_timeout()).min();
        Ok(wake.map_or(Output::Idle, Output::Wait))
    }

    /// What credentials of later ICE generations are derived from, once secured.
    #[must_use]
    pub const fn restart_keys(&self) -> Option<&RestartKeys> {
        self.restart.as_ref()
    }

    /// Whether media keys are in place.
    #[must_use]
    pub const fn is_secured(&self) -> bool {
        self.media.is_some()
    }

    /// Tells the peer that the association ends (close_notify); poll once more for it.
    pub fn close(&mut self) {
        if self.failure.is_none() && !self.is_deaf && self.dtls.close().is_ok() {
            // What close queued is all that is wanted; a failure now has nobody to tell.
            let _ = self.collect();
        }
    }

    /// Encrypts an RTP packet.
    ///
    /// # Errors
    /// [`SecureError::NotSecured`], or [`SecureError::Unprotectable`] for what is not RTP.
    pub fn protect_rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SecureError> {
        self.media()?.protect_rtp(packet)
    }

    /// Encrypts an RTCP compound packet.
    ///
    /// # Errors
    /// As [`SecureSession::protect_rtp`].
    pub fn protect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SecureError> {
        self.media()?.protect_rtcp(packet)
    }

    /// Authenticates and decrypts an SRTP packet.
    ///
    /// # Errors
    /// [`SecureError::NotSecured`], [`SecureError::Replayed`] or [`SecureError::NotAuthentic`].
    pub fn unprotect_rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SecureError> {
        self.media()?.unprotect_rtp(packet)
    }

    /// Authenticates and decrypts an SRTCP packet.
    ///
    /// # Errors
    /// As [`SecureSession::unprotect_rtp`].
    pub fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SecureError> {
        self.media()?.unprotect_rtcp(packet)
    }

    fn media(&mut self) -> Result<&mut Srtp, SecureError> {
        self.media.as_mut().ok_or(SecureError::NotSecured)
    }

    fn check(&self) -> Result<(), SecureError> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn advance(&mut self, now: Instant) -> Result<(), SecureError> {
        self.now = now;
        let outcome = self.dtls.handle_timeout(now);
        self.note_failure(outcome)?;
        self.collect()
    }

    fn note_failure(&mut self, outcome: Result<(), dimpl::Error>) -> Result<(), SecureError> {
        let Err(error) = outcome else { return Ok(()) };
        if leaves_the_library_as_it_was(&error) {
            return Err(SecureError::BadDatagram);
        }
        if self.media.is_some() {
            // The media keys are as good as before, and anybody can send a datagram that upsets a DTLS state machine.
            // All that is lost is the peer's close_notify; its silence tells as well.
            self.is_deaf = true;
            self.wake = None;
            self.application.end();
            return Err(SecureError::BadDatagram);
        }
        Err(self.fail(SecureError::Handshake(error.to_string())))
    }

    fn fail(&mut self, failure: SecureError) -> SecureError {
        // Whatever the library still has to say about a peer that is not ours stays unsaid, keys first of all.
        self.queue.clear();
        self.media = None;
        self.restart = None;
        self.application = Application::Unwanted;
        self.wake = None;
        self.failure = Some(failure.clone());
        failure
    }

    /// Empties the library's output, up to the time it wants to be woken at.
    fn collect(&mut self) -> Result<(), SecureError> {
        if self.is_deaf {
            return Ok(());
        }
        let mut buffer = vec![0; DATAGRAM];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                dimpl::Output::Packet(datagram) => {
                    let datagram = datagram.to_vec();
                    self.push(Output::Transmit(datagram));
                }
                dimpl::Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                dimpl::Output::Timeout(at) => {
                    self.wake = Some(at.max(self.now + PACE));
                    return self.conclude();
                }
                dimpl::Output::Connected => self.is_connected = true,
                dimpl::Output::PeerCert(der) => self.check_certificate(Fingerprint::of_der(der))?,
                dimpl::Output::KeyingMaterial(keying, profile) => self.keying = Some((keying, profile)),
                dimpl::Output::CloseNotify => self.push(Output::PeerClosed),
                dimpl::Output::ApplicationData(packet) => self.application.take(packet),
                _ => {}
            }
        }
    }

    fn push(&mut self, output: Output) {
        if self.queue.len() < MAX_QUEUED {
            self.queue.push_back(output);
        }
    }

    fn check_certificate(&mut self, got: Fingerprint) -> Result<(), SecureError> {
        let expected = self.expected;
        if got != expected {
            return Err(self.fail(SecureError::WrongFingerprint { expected, got }));
        }
        self.peer = Some(got);
        Ok(())
    }

    /// Makes media keys once the library is connected and the certificate was the expected one.
    fn conclude(&mut self) -> Result<(), SecureError> {
        let (Some(remote), true, None) = (self.peer, self.is_connected, &self.media) else { return Ok(()) };
        let Some((keying, profile)) = self.keying.take() else {
            return Err(self.fail(SecureError::NoMediaKeys));
        };
        match Srtp::new(profile, &keying, self.is_client) {
            Ok(media) => self.media = Some(media),
            Err(error) => return Err(self.fail(error)),
        }
        let facts = SecurityFacts {
            dtls_version: version_name(self.dtls.protocol_version()).to_owned(),
            srtp_cipher: srtp::profile_name(profile).to_owned(),
            local_fingerprint: self.local.to_string(),
            remote_fingerprint: remote.to_string(),
            sas: sas::words(&keying, self.local, remote),
        };
        self.restart = Some(RestartKeys::new(&keying, self.is_client));
        self.application.begin(self.is_client, self.now);
        self.push(Output::Secured(facts));
        Ok(())
    }
}

/// The library's settings, the same for every session. It tests its cryptography whenever settings are made, which
/// takes as long as a handshake, so they are made once.
static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let config = Config::builder()
        // Reachability of the peer's address is proved by ICE, so the cookie's extra round trip buys nothing.
        .use_server_cookie(false)
        .flight_start_rto(FIRST_RETRANSMISSION)
        .flight_retries(RETRANSMISSIONS)
        .handshake_timeout(HANDSHAKE_TIMEOUT)
        .build();
    Arc::new(config.expect("constant settings within the library's limits are valid"))
});

/// Makes the settings, so that no handshake has to wait for them.
pub(crate) fn prepare() {
    LazyLock::force(&CONFIG);
}

/// The library calls every error fatal, but refuses these datagrams before it touches any state.
fn leaves_the_library_as_it_was(error: &dimpl::Error) -> bool {
    matches!(
        error,
        dimpl::Error::UnexpectedMessage(UnexpectedMessageError::UnrecognizedAutoServerResponse)
            | dimpl::Error::ReceiveQueueFull
    )
}

fn version_name(version: Option<ProtocolVersion>) -> &'static str {
    match version {
        Some(ProtocolVersion::DTLS1_3) => "DTLS 1.3",
        Some(ProtocolVersion::DTLS1_2) => "DTLS 1.2",
        _ => "DTLS",
    }
}

#[cfg(test)]
mod tests;
