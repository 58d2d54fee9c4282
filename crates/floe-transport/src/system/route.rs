//! The way that packets to the wide world take, as the system's routes say.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

/// Addresses for documentation (RFC 5737 and RFC 3849), which lie beyond every default route and belong to nobody. Nothing
/// is sent there.
const FAR: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1))];
/// The port of "discard", for a system that wants one.
const PORT: u16 = 9;

/// The address that packets to the wide world bear; IPv4's where there is one.
pub(super) fn default_source() -> io::Result<Option<IpAddr>> {
    for far in FAR {
        match source_towards(far) {
            Ok(source) if !source.is_unspecified() && !source.is_loopback() => return Ok(Some(source)),
            Ok(_) => {}
            Err(error) if means_no_route(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Connecting a UDP socket looks the route up and sends nothing.
fn source_towards(far: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if far.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(SocketAddr::new(far, PORT))?;
    Ok(socket.local_addr()?.ip())
}

/// No route, a route that refuses, or no such family on this machine.
fn means_no_route(error: &io::Error) -> bool {
    use io::ErrorKind::{
        AddrNotAvailable, HostUnreachable, NetworkDown, NetworkUnreachable, PermissionDenied, Unsupported,
    };
    // EAFNOSUPPORT has no kind of its own.
    const NO_SUCH_FAMILY: [i32; 3] = [97, 47, 10_047];
    let is_kind = matches!(
        error.kind(),
        AddrNotAvailable | HostUnreachable | NetworkDown | NetworkUnreachable | PermissionDenied | Unsupported
    );
    is_kind || error.raw_os_error().is_some_and(|code| NO_SUCH_FAMILY.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_an_address_of_this_machine_or_there_is_no_route() {
        if let Some(source) = default_source().expect("routes can be looked up") {
            assert!(UdpSocket::bind((source, 0)).is_ok(), "{source} is not ours");
        }
    }

    #[test]
    fn refusals_for_want_of_a_route_are_no_errors() {
        for kind in [io::ErrorKind::NetworkUnreachable, io::ErrorKind::AddrNotAvailable] {
            assert!(means_no_route(&io::Error::from(kind)));
        }
        assert!(!means_no_route(&io::Error::from(io::ErrorKind::OutOfMemory)));
    }
}
