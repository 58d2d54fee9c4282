//! Sockets that listen to a multicast group on one interface, beside other programs that do.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Multicast DNS wants the highest hop limit (RFC 6762 section 11); its group never leaves the link.
const HOP_LIMIT: u32 = 255;

/// Joins `group` on the interface that has the address `local`.
pub(super) fn bind(local: IpAddr, group: SocketAddr) -> io::Result<tokio::net::UdpSocket> {
    let socket = match (local, group) {
        (IpAddr::V4(local), SocketAddr::V4(group)) => join_v4(local, group)?,
        (IpAddr::V6(local), SocketAddr::V6(group)) => join_v6(interface_of(local)?, *group.ip(), group.port())?,
        (IpAddr::V4(_), SocketAddr::V6(_)) | (IpAddr::V6(_), SocketAddr::V4(_)) => {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the group is of another family"));
        }
    };
    tokio::net::UdpSocket::from_std(socket.into())
}

fn open(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn join_v4(local: Ipv4Addr, group: SocketAddrV4) -> io::Result<Socket> {
    let socket = open(Domain::IPV4)?;
    // Otherwise Linux hands over what any socket has joined on any interface.
    #[cfg(target_os = "linux")]
    socket.set_multicast_all_v4(false)?;
    socket.bind(&bound_to(*group.ip(), Ipv4Addr::UNSPECIFIED, |ip| SocketAddrV4::new(ip, group.port())).into())?;
    socket.join_multicast_v4(group.ip(), &local)?;
    socket.set_multicast_if_v4(&local)?;
    socket.set_multicast_ttl_v4(HOP_LIMIT)?;
    Ok(socket)
}

fn join_v6(interface: u32, group: Ipv6Addr, port: u16) -> io::Result<Socket> {
    let socket = open(Domain::IPV6)?;
    socket.set_only_v6(true)?;
    #[cfg(target_os = "linux")]
    socket.set_multicast_all_v6(false)?;
    // A link-local group means nothing without its link.
    socket.bind(&bound_to(group, Ipv6Addr::UNSPECIFIED, |ip| SocketAddrV6::new(ip, port, 0, interface)).into())?;
    socket.join_multicast_v6(&group, interface)?;
    socket.set_multicast_if_v6(interface)?;
    socket.set_multicast_hops_v6(HOP_LIMIT)?;
    Ok(socket)
}

/// Bound to the group, a socket hears nothing that is sent to the port otherwise; Windows knows no such thing.
fn bound_to<Ip, Address>(group: Ip, unspecified: Ip, address: impl Fn(Ip) -> Address) -> Address {
    address(if cfg!(windows) { unspecified } else { group })
}

/// The number of the interface with this address; groups of IPv6 are joined by it.
fn interface_of(local: Ipv6Addr) -> io::Result<u32> {
    let interfaces = netdev::get_interfaces();
    let found = interfaces.iter().find(|interface| interface.ipv6.iter().any(|net| net.addr() == local));
    let found =
        found.ok_or_else(|| io::Error::new(io::ErrorKind::AddrNotAvailable, "no interface has this address"))?;
    Ok(found.index)
}
