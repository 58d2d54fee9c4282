//! A STUN server (RFC 8489 Binding) over any network: simulated hosts and real loopback sockets alike.

use std::{future::poll_fn, io, net::SocketAddr, time::Duration};

use floe_transport::{Network, UdpSocket};
use floe_wire::stun::{self, Class, METHOD_BINDING, StunMessage};
use tokio::task::JoinHandle;

/// Longest request looked at; Binding requests are far shorter.
const MAX_REQUEST: usize = 2048;
/// Pause after a receive error.
const BACKOFF: Duration = Duration::from_millis(50);
/// After this many receive errors in a row the server gives up.
const MAX_ERRORS: u32 = 20;
/// Attributes below this must be understood (RFC 8489 section 14).
const COMPREHENSION_OPTIONAL: u16 = 0x8000;

/// A running STUN server. Dropping it stops it.
#[derive(Debug)]
pub struct StunServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// Starts a STUN server on `local`; inside a tokio runtime.
///
/// # Errors
/// When the address cannot be bound.
pub fn serve(network: &dyn Network, local: SocketAddr) -> io::Result<StunServer> {
    let socket = network.bind_udp(local)?;
    let address = socket.local_addr()?;
    Ok(StunServer { address, task: tokio::spawn(answer_all(socket)) })
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

impl Drop for StunServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer_all(socket: Box<dyn UdpSocket>) {
    let mut buffer = [0; MAX_REQUEST];
    let mut errors = 0;
    while errors < MAX_ERRORS {
        match poll_fn(|cx| socket.poll_recv_from(cx, &mut buffer)).await {
            Ok((length, from)) => {
                errors = 0;
                if let Some(answer) = answer(&buffer[..length], from)
                    && let Err(error) = socket.try_send_to(&answer, from)
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

/// The answer to a datagram: none for what is no Binding request.
fn answer(datagram: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let request = StunMessage::decode(datagram).ok()?;
    if request.class != Class::Request || request.method != METHOD_BINDING {
        return None;
    }
    let unknown = |kind: &u16| *kind < COMPREHENSION_OPTIONAL && stun::attribute_name(*kind).is_none();
    if request.attributes.iter().any(unknown) {
        return stun::binding_error(datagram, 420, "Unknown Attribute", None).ok();
    }
    stun::binding_success(datagram, from, None).ok()
}

#[cfg(test)]
mod tests {
    use floe_wire::stun::{TransactionId, binding_error, binding_request};

    use super::*;

    fn from() -> SocketAddr {
        "203.0.113.1:4242".parse().unwrap()
    }

    #[test]
    fn a_request_is_answered_with_the_address_it_came_from() {
        let request = binding_request(TransactionId([1; 12]));
        let answer = StunMessage::decode(&answer(&request, from()).unwrap()).unwrap();
        assert_eq!((answer.class, answer.mapped), (Class::Success, Some(from())));
        assert_eq!(answer.transaction, TransactionId([1; 12]));
    }

    #[test]
    fn an_attribute_that_must_be_understood_is_refused_with_420() {
        // Header with length 4, then an empty attribute of a type that nobody registered.
        let mut request = binding_request(TransactionId([2; 12]));
        request.truncate(20);
        request[2..4].copy_from_slice(&4_u16.to_be_bytes());
        request.extend([0x7F, 0xFE, 0, 0]);
        let answer = StunMessage::decode(&answer(&request, from()).unwrap()).unwrap();
        assert_eq!(answer.error.unwrap().0, 420);
    }

    #[test]
    fn noise_and_answers_are_not_answered() {
        let request = binding_request(TransactionId([3; 12]));
        let error = binding_error(&request, 400, "Bad Request", None).unwrap();
        for datagram in [&b"hello"[..], &[], &error, &request[..request.len() - 1]] {
            assert_eq!(answer(datagram, from()), None);
        }
    }
}
