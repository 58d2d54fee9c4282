//! Sockets that listen to a multicast group on one interface, beside other programs that do.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Multicast DNS wants the highest hop limit (RFC 6762 section 11); its group never leaves the link.
const HOP_LIMIT: u32 = 255;

/// Joins `group` on the interface that has the address `local`.
pub(super) fn bind(local: Ipv4Addr, group: SocketAddrV4) -> io::Result<tokio::net::UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    // Otherwise Linux hands over what any socket has joined on any interface.
    #[cfg(target_os = "linux")]
    socket.set_multicast_all_v4(false)?;
    socket.set_nonblocking(true)?;
    socket.bind(&bind_address(group).into())?;
    socket.join_multicast_v4(group.ip(), &local)?;
    socket.set_multicast_if_v4(&local)?;
    socket.set_multicast_ttl_v4(HOP_LIMIT)?;
    tokio::net::UdpSocket::from_std(socket.into())
}

/// Bound to the group, a socket hears nothing that is sent to the port otherwise; Windows knows no such thing.
fn bind_address(group: SocketAddrV4) -> SocketAddr {
    if cfg!(windows) { (Ipv4Addr::UNSPECIFIED, group.port()).into() } else { group.into() }
}
