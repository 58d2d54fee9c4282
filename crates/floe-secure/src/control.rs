//! The control channel: one reliable, ordered SCTP stream named `floe` inside the DTLS association (RFC 8831, RFC 8261).
//!
//! The library keeps the protocol, this module keeps the library within bounds. Whoever gets here has proved to own the
//! certificate of the code, but may still be a broken or malicious program: messages, buffers, streams, packets per
//! step and timers are capped, messages that nobody takes stay inside SCTP's receive window (so that a flood stops at
//! its sender), and a panic of the library ends the channel and not the call.
//!
//! Deviation from RFC 8832 section 6: channels with other labels are not answered, and the DTLS server never opens one.

mod dcep;

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier as Ppid, ServerConfig, StreamEvent, Transmit, TransportConfig,
};

use self::dcep::{Dcep, LABEL};

/// The longest message, either way. Ours have some hundred bytes.
pub const MAX_CONTROL_MESSAGE: usize = 16 * 1024;
/// What may wait inside SCTP, either way: some seconds of everything we ever say.
const BUFFER: u32 = 128 * 1024;
/// Messages taken out of SCTP and not yet taken by the caller.
const INBOX: usize = 32;
/// SCTP payload of one packet. With the headers of SCTP (28), DTLS 1.2 with AES-GCM (37), UDP and IPv6 (48) it stays
/// below the 1,280 bytes that every IPv6 path carries.
const PAYLOAD: u32 = 1100;
/// We use one stream; a peer with others in mind may open some.
const STREAMS: u16 = 16;
/// Packets that one step may send; a full window of them is a quarter of this.
const PACKETS_PER_STEP: usize = 512;
/// Events that one step may bring.
const EVENTS_PER_STEP: usize = 1024;
/// Stream resets in the life of a channel; ours is never reset.
const RESETS: u32 = 64;
/// Least time between two looks at the library's timers, which have a granularity of 100 ms and more.
const PACE: Duration = Duration::from_millis(10);
/// First retransmission time-out, in milliseconds; ICE has measured the path, which is seldom slower.
const RTO_INITIAL_MS: u64 = 500;
/// Above the 200 ms after which an acknowledgement may come.
const RTO_MIN_MS: u64 = 350;
/// A message that waits for a path to come back is not to wait long after it did.
const RTO_MAX_MS: u64 = 1000;
/// About a minute of attempts to open the channel; a peer that has one answers the first that arrives.
const OPENING_ATTEMPTS: usize = 60;
/// SCTP wants addresses; inside DTLS there are none (RFC 8261 section 6.1).
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);
/// Ports, verification tag and checksum of a packet (RFC 9260 section 3.1); the type of its first chunk follows.
const COMMON_HEADER: usize = 12;
/// Type of the chunk that begins an association.
const INIT: u8 = 1;
/// Streams of the DTLS client are even (RFC 8832 section 6).
const OWN_STREAM: u16 = 0;

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ControlRefusal {
    /// The channel is not open, or not any more.
    #[error("the control channel is not open")]
    NotOpen,
    /// Too much waits to be sent already.
    #[error("the control channel is congested")]
    Congested,
    /// The message is empty or above [`MAX_CONTROL_MESSAGE`].
    #[error("the message is empty or too long for the control channel")]
    BadLength,
}

/// Why the channel is over; the call goes on without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ControlEnd {
    /// The peer never answered.
    #[error("the other side does not answer on the control channel")]
    Unanswered,
    /// The peer closed it.
    #[error("the other side closed the control channel")]
    PeerClosed,
    /// What the peer sent cannot be followed.
    #[error("the other side broke the rules of the control channel")]
    Broken,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ControlEvent {
    Opened,
    Message(Vec<u8>),
    Closed(ControlEnd),
}

/// The control channel.
pub(crate) struct ControlChannel {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    state: State,
    /// Streams with something to read.
    readable: VecDeque<u16>,
    inbox: VecDeque<ControlEvent>,
    resets: u32,
    wake: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No stream is agreed yet.
    Opening,
    Open {
        stream: u16,
    },
    Closed,
}

/// A rule was broken, or the library panicked.
struct Broken;

impl ControlChannel {
    /// The DTLS client begins; the server waits.
    pub(crate) fn new(is_client: bool, now: Instant) -> Self {
        let mut endpoint_config = EndpointConfig::new();
        endpoint_config.max_payload_size(PAYLOAD);
        let mut server = ServerConfig::default();
        server.transport = transport();
        let mut endpoint = Endpoint::new(Arc::new(endpoint_config), Some(Arc::new(server)));
        let mut association = None;
        if is_client {
            let mut config = ClientConfig::default();
            config.transport = transport();
            association = endpoint.connect(config, NOWHERE).ok();
            // One association is all there will be.
            endpoint.reject_new_associations();
        }
        Self {
            endpoint,
            association,
            state: State::Opening,
            readable: VecDeque::new(),
            inbox: VecDeque::new(),
            resets: 0,
            wake: Some(now),
        }
    }

    /// Takes the contents of a DTLS record.
    pub(crate) fn handle(&mut self, packet: &[u8], now: Instant) {
        self.guarded(|channel| {
            if packet.len() > usize::from(u16::MAX) {
                return Err(Broken);
            }
            if channel.is_late_init(packet) {
                return Ok(());
            }
            let packet = Bytes::copy_from_slice(packet);
            match channel.endpoint.handle(now, NOWHERE, None, None, packet) {
                Some((handle, DatagramEvent::NewAssociation(association))) => {
                    channel.association = Some((handle, association));
                    channel.endpoint.reject_new_associations();
                }
                Some((_, DatagramEvent::AssociationEvent(event))) => {
                    if let Some((_, association)) = &mut channel.association {
                        association.handle_event(event);
                    }
                }
                None => {}
            }
            channel.advance()
        });
    }

    /// An INIT of an association that stands: it was sent again before the answer came, and took a slower way than the
    /// rest. The library would end the association over it. RFC 9260 section 5.2.2 has it answered, and section 5.2.3
    /// has the peer discard that answer.
    fn is_late_init(&self, packet: &[u8]) -> bool {
        let stands = self.association.as_ref().is_some_and(|(_, association)| !association.is_handshaking());
        stands && packet.get(COMMON_HEADER) == Some(&INIT)
    }

    /// When [`ControlChannel::poll_transmit`] has more to say without being told anything.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.wake.filter(|_| self.state != State::Closed)
    }

    /// Does what time has made due, and gives the packets to send.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        self.guarded(|channel| {
            let Some((_, association)) = &mut channel.association else {
                channel.wake = None;
                return Ok(());
            };
            if association.poll_timeout().is_some_and(|at| at <= now) {
                association.handle_timeout(now);
            }
            channel.advance()?;
            channel.gather(now, &mut packets)
        });
        packets
    }

    fn gather(&mut self, now: Instant, packets: &mut Vec<Vec<u8>>) -> Result<(), Broken> {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            collect(transmit, packets)?;
        }
        let Some((_, association)) = &mut self.association else { return Ok(()) };
        while let Some(transmit) = association.poll_transmit(now) {
            collect(transmit, packets)?;
        }
        self.wake = association.poll_timeout().map(|at| at.max(now + PACE));
        Ok(())
    }

    /// The next thing that happened.
    pub(crate) fn poll(&mut self) -> Option<ControlEvent> {
        if self.inbox.is_empty() && self.state != State::Closed {
            self.guarded(Self::read);
        }
        self.inbox.pop_front()
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, message: &[u8]) -> Result<(), ControlRefusal> {
        let State::Open { stream } = self.state else { return Err(ControlRefusal::NotOpen) };
        if message.is_empty() || message.len() > MAX_CONTROL_MESSAGE {
            return Err(ControlRefusal::BadLength);
        }
        let mut outcome = Err(ControlRefusal::NotOpen);
        self.guarded(|channel| {
            outcome = channel.write(stream, message, Ppid::Binary);
            Ok(())
        });
        outcome
    }

    /// Bytes that wait to be sent or acknowledged.
    pub(crate) fn buffered(&mut self) -> usize {
        let State::Open { stream } = self.state else { return 0 };
        let Some((_, association)) = &mut self.association else { return 0 };
        association.stream(stream).and_then(|stream| stream.buffered_amount()).unwrap_or(0)
    }

    fn write(&mut self, stream: u16, message: &[u8], ppid: Ppid) -> Result<(), ControlRefusal> {
        let (_, association) = self.association.as_mut().ok_or(ControlRefusal::NotOpen)?;
        let mut stream = association.stream(stream).map_err(|_| ControlRefusal::NotOpen)?;
        if stream.buffered_amount().unwrap_or(0) + message.len() > BUFFER as usize {
            return Err(ControlRefusal::Congested);
        }
        stream.write_with_ppi(message, ppid).map_err(|_| ControlRefusal::NotOpen)?;
        Ok(())
    }

    /// Takes in what the association tells, and reads what can be read.
    fn advance(&mut self) -> Result<(), Broken> {
        let mut events = 0;
        while let Some(event) = self.association.as_mut().and_then(|(_, association)| association.poll()) {
            events += 1;
            if events > EVENTS_PER_STEP {
                return Err(Broken);
            }
            self.on_event(event)?;
        }
        self.read()
    }

    fn on_event(&mut self, event: Event) -> Result<(), Broken> {
        match event {
            Event::Connected => self.open(),
            Event::HandshakeFailed { .. } => self.end(ControlEnd::Unanswered),
            Event::AssociationLost { .. } => self.end(ControlEnd::PeerClosed),
            Event::Stream(StreamEvent::Readable { id } | StreamEvent::Opened { id })
                if !self.readable.contains(&id) =>
            {
                self.readable.push_back(id);
            }
            Event::Stream(StreamEvent::Finished { id }) => {
                self.resets += 1;
                if self.resets > RESETS {
                    return Err(Broken);
                }
                if self.state == (State::Open { stream: id }) {
                    self.end(ControlEnd::PeerClosed);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The association stands: the client opens the stream.
    fn open(&mut self) {
        let Some((_, association)) = &mut self.association else { return };
        if !association.side().is_client() || association.open_stream(OWN_STREAM, Ppid::Binary).is_err() {
            return;
        }
        if self.write(OWN_STREAM, &Dcep::open(), Ppid::Dcep).is_ok() {
            self.on_open(OWN_STREAM);
        }
    }

    /// Messages may follow the opening at once (RFC 8832 section 6).
    fn on_open(&mut self, stream: u16) {
        self.state = State::Open { stream };
        self.inbox.push_back(ControlEvent::Opened);
    }

    fn end(&mut self, end: ControlEnd) {
        if self.state != State::Closed {
            self.state = State::Closed;
            self.inbox.push_back(ControlEvent::Closed(end));
        }
    }

    /// Reads as long as there is room; what does not fit stays in SCTP and closes its window.
    fn read(&mut self) -> Result<(), Broken> {
        while self.inbox.len() < INBOX {
            let Some(&id) = self.readable.front() else { break };
            let message = self.association.as_mut().and_then(|(_, association)| {
                let mut stream = association.stream(id).ok()?;
                stream.read_sctp().ok().flatten()
            });
            let Some(message) = message else {
                self.readable.pop_front();
                continue;
            };
            if message.len() > MAX_CONTROL_MESSAGE {
                return Err(Broken);
            }
            let mut bytes = vec![0; message.len()];
            message.read(&mut bytes).map_err(|_| Broken)?;
            self.on_message(id, message.ppi, bytes);
        }
        Ok(())
    }

    fn on_message(&mut self, stream: u16, ppid: Ppid, bytes: Vec<u8>) {
        match (ppid, self.state) {
            (Ppid::Dcep, State::Opening) => self.on_offer(stream, &bytes),
            (Ppid::Binary | Ppid::String, State::Open { stream: ours }) if ours == stream => {
                self.inbox.push_back(ControlEvent::Message(bytes));
            }
            // Acknowledgements change nothing; other channels are nobody's.
            (_, State::Opening | State::Open { .. } | State::Closed) => {}
        }
    }

    fn on_offer(&mut self, stream: u16, bytes: &[u8]) {
        if Dcep::decode(bytes) == Some(Dcep::Open { label: LABEL.into() })
            && self.write(stream, &Dcep::ack(), Ppid::Dcep).is_ok()
        {
            self.on_open(stream);
        }
    }

    /// Runs a step of the library; a broken rule or a panic inside ends the channel.
    fn guarded(&mut self, step: impl FnOnce(&mut Self) -> Result<(), Broken>) {
        if self.state == State::Closed {
            return;
        }
        // What a panic leaves half done is never looked at again.
        let outcome = catch_unwind(AssertUnwindSafe(|| step(self)));
        if !matches!(outcome, Ok(Ok(()))) {
            self.association = None;
            self.end(ControlEnd::Broken);
        }
    }
}

fn transport() -> Arc<TransportConfig> {
    let longest = MAX_CONTROL_MESSAGE as u32;
    let config = TransportConfig::default()
        .with_max_receive_buffer_size(BUFFER)
        .with_max_receive_message_size(longest)
        .with_max_send_message_size(longest)
        .with_max_num_inbound_streams(STREAMS)
        .with_max_num_outbound_streams(STREAMS)
        .with_max_init_retransmits(Some(OPENING_ATTEMPTS))
        .with_max_data_retransmits(None)
        .with_rto_initial_ms(RTO_INITIAL_MS)
        .with_rto_min_ms(RTO_MIN_MS)
        .with_rto_max_ms(RTO_MAX_MS);
    Arc::new(config)
}

fn collect(transmit: Transmit, packets: &mut Vec<Vec<u8>>) -> Result<(), Broken> {
    if let Payload::RawEncode(contents) = transmit.payload {
        packets.extend(contents.into_iter().map(|packet| packet.to_vec()));
    }
    if packets.len() > PACKETS_PER_STEP { Err(Broken) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
