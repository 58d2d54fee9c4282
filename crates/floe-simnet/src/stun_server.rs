//! A STUN server (RFC 8489 Binding) over any network: simulated hosts and real loopback sockets alike.

use std::{future::poll_fn, io, net::SocketAddr, sync::Arc, time::Duration};

use floe_transport::{Network, UdpSocket};
use floe_wire::stun::{self, Change, Class, METHOD_BINDING, StunMessage};
use tokio::task::JoinSet;

/// Longest request looked at; Binding requests are far shorter.
const MAX_REQUEST: usize = 2048;
/// Pause after a receive error.
const BACKOFF: Duration = Duration::from_millis(50);
/// After this many receive errors in a row the server gives up.
const MAX_ERRORS: u32 = 20;
/// Attributes below this must be understood (RFC 8489 section 14).
const COMPREHENSION_OPTIONAL: u16 = 0x8000;
/// CHANGE-REQUEST, which a server without a second address does not understand (RFC 5780 section 7.2).
const CHANGE_REQUEST: u16 = 0x0003;
/// RESPONSE-PORT, which this server does not understand.
const RESPONSE_PORT: u16 = 0x0027;

/// A running STUN server. Dropping it stops it.
#[derive(Debug)]
pub struct StunServer {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

/// Starts a STUN server on `local`; inside a tokio runtime.
///
/// # Errors
/// When the address cannot be bound.
pub fn serve(network: &dyn Network, local: SocketAddr) -> io::Result<StunServer> {
    start(Sockets::one(network, local)?)
}

/// Starts a STUN server that answers on `local` and on a second address, and from the one or the other as RFC 5780
/// has it; inside a tokio runtime. Both parts of the second address must differ from the first one's.
///
/// # Errors
/// When one of the four combinations of address and port cannot be bound.
pub fn serve_two(network: &dyn Network, local: SocketAddr, other: SocketAddr) -> io::Result<StunServer> {
    start(Sockets::four(network, local, other)?)
}

fn start(sockets: Sockets) -> io::Result<StunServer> {
    let address = sockets.address(0)?;
    let sockets = Arc::new(sockets);
    let mut tasks = JoinSet::new();
    for position in 0..sockets.0.len() {
        tasks.spawn(answer_all(Arc::clone(&sockets), position));
    }
    Ok(StunServer { address, _tasks: tasks })
}

impl StunServer {
    /// The address it answers on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, with the address in it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("stun:{}", self.address)
    }
}

/// One socket, or four in the order of their [`position`].
struct Sockets(Vec<Box<dyn UdpSocket>>);

/// Where the socket at `position` finds the one that a change leads to: bit 1 is the address, bit 0 the port.
fn position(position: usize, change: Change) -> usize {
    position ^ (usize::from(change.address) << 1 | usize::from(change.port))
}

impl Sockets {
    fn one(network: &dyn Network, local: SocketAddr) -> io::Result<Self> {
        Ok(Self(vec![network.bind_udp(local)?]))
    }

    fn four(network: &dyn Network, local: SocketAddr, other: SocketAddr) -> io::Result<Self> {
        let all = [(local, local), (local, other), (other, local), (other, other)];
        let bind = |(ip, port): (SocketAddr, SocketAddr)| network.bind_udp(SocketAddr::new(ip.ip(), port.port()));
        Ok(Self(all.into_iter().map(bind).collect::<io::Result<_>>()?))
    }

    fn address(&self, position: usize) -> io::Result<SocketAddr> {
        self.0[position].local_addr()
    }

    fn has_second(&self) -> bool {
        self.0.len() > 1
    }

    /// The answer to a datagram and the socket it leaves from; none for what is no Binding request.
    fn answer(&self, at: usize, datagram: &[u8], from: SocketAddr) -> Option<(usize, Vec<u8>)> {
        let request = StunMessage::decode(datagram).ok()?;
        if request.class != Class::Request || request.method != METHOD_BINDING {
            return None;
        }
        let unknown: Vec<u16> = request.attributes.iter().copied().filter(|kind| !self.understands(*kind)).collect();
        if !unknown.is_empty() {
            return stun::unknown_attributes_error(datagram, &unknown).ok().map(|answer| (at, answer));
        }
        let origin = position(at, request.change.unwrap_or_default());
        let other = if self.has_second() { self.address(position(at, Change::BOTH)).ok() } else { None };
        let answer = stun::binding_success_of_server(datagram, from, self.address(origin).ok()?, other).ok()?;
        Some((origin, answer))
    }

    fn understands(&self, kind: u16) -> bool {
        match kind {
            CHANGE_REQUEST => self.has_second(),
            RESPONSE_PORT => false,
            COMPREHENSION_OPTIONAL.. => true,
            _ => stun::attribute_name(kind).is_some(),
        }
    }
}

async fn answer_all(sockets: Arc<Sockets>, at: usize) {
    let mut buffer = [0; MAX_REQUEST];
    let mut errors = 0;
    while errors < MAX_ERRORS {
        match poll_fn(|cx| sockets.0[at].poll_recv_from(cx, &mut buffer)).await {
            Ok((length, from)) => {
                errors = 0;
                if let Some((origin, answer)) = sockets.answer(at, &buffer[..length], from)
                    && let Err(error) = sockets.0[origin].try_send_to(&answer, from)
                {
                    tracing::debug!(%error, %from, "the STUN server's answer was not sent");
                }
            }
            Err(error) => {
                errors += 1;
                tracing::debug!(%error, "the STUN server cannot read its socket");
                tokio::time::sleep(BACKOFF).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use floe_transport::SystemNetwork;
    use floe_wire::stun::{TransactionId, binding_error, binding_request, binding_request_with_change};

    use super::*;

    fn from() -> SocketAddr {
        "203.0.113.1:4242".parse().unwrap()
    }

    fn one() -> Sockets {
        Sockets::one(&SystemNetwork::loopback(), "127.0.0.1:0".parse().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_request_is_answered_with_the_address_it_came_from() {
        let (sockets, request) = (one(), binding_request(TransactionId([1; 12])));
        let (_, answer) = sockets.answer(0, &request, from()).unwrap();
        let answer = StunMessage::decode(&answer).unwrap();
        assert_eq!((answer.class, answer.mapped), (Class::Success, Some(from())));
        assert_eq!((answer.origin, answer.other), (Some(sockets.address(0).unwrap()), None));
        assert_eq!(answer.transaction, TransactionId([1; 12]));
    }

    #[tokio::test]
    async fn an_attribute_that_must_be_understood_is_refused_with_420() {
        // Header with length 4, then an empty attribute of a type that nobody registered.
        let mut request = binding_request(TransactionId([2; 12]));
        request.truncate(20);
        request[2..4].copy_from_slice(&4_u16.to_be_bytes());
        request.extend([0x7F, 0xFE, 0, 0]);
        let (_, answer) = one().answer(0, &request, from()).unwrap();
        let answer = StunMessage::decode(&answer).unwrap();
        assert_eq!((answer.error.unwrap().0, answer.unknown_attributes), (420, vec![0x7FFE]));
    }

    #[tokio::test]
    async fn a_server_without_a_second_address_refuses_to_answer_from_it() {
        let request = binding_request_with_change(TransactionId([4; 12]), Change::BOTH);
        let (_, answer) = one().answer(0, &request, from()).unwrap();
        let answer = StunMessage::decode(&answer).unwrap();
        assert_eq!((answer.error.unwrap().0, answer.unknown_attributes), (420, vec![CHANGE_REQUEST]));
    }

    #[test]
    fn a_change_leads_to_the_other_address_or_port_and_back() {
        let ip = Change { address: true, port: false };
        for at in 0..4 {
            for change in [Change::BOTH, Change::PORT, ip] {
                assert_eq!(position(position(at, change), change), at);
            }
            assert_eq!(position(position(at, Change::PORT), ip), position(at, Change::BOTH));
        }
    }

    #[tokio::test]
    async fn noise_and_answers_are_not_answered() {
        let (sockets, request) = (one(), binding_request(TransactionId([3; 12])));
        let error = binding_error(&request, 400, "Bad Request", None).unwrap();
        for datagram in [&b"hello"[..], &[], &error, &request[..request.len() - 1]] {
            assert_eq!(sockets.answer(0, datagram, from()), None);
        }
    }
}
