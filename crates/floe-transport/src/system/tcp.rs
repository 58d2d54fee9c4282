//! The system's TCP sockets.

use std::{
    io,
    net::SocketAddr,
    task::{Context, Poll},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{TcpListener, TcpStream};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 64;

/// Bytes that may wait in the system before it takes more.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT: u32 = 16 * 1024;

/// Connects from `local` to `remote`.
pub(super) async fn connect(local: SocketAddr, remote: SocketAddr) -> io::Result<Box<dyn TcpStream>> {
    let stream = bind(local, local.port() != 0)?.connect(remote).await?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

/// Listens on `local`. A port that a person chose is not to be shared: another program's connections would end here and
/// ours there. One that is dialed from as well has to be.
pub(super) fn listen(local: SocketAddr, is_shared: bool) -> io::Result<Box<dyn TcpListener>> {
    Ok(Box::new(bind(local, is_shared)?.listen(BACKLOG)?))
}

/// A bound socket. A shared port is one that others of ours may have too: simultaneous-open dials from the port it
/// listens on.
fn bind(local: SocketAddr, is_shared: bool) -> io::Result<tokio::net::TcpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::STREAM, Some(Protocol::TCP))?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Windows' SO_REUSEADDR would let any program take the port over.
    #[cfg(unix)]
    {
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(is_shared)?;
    }
    #[cfg(not(unix))]
    let _ = is_shared;
    // Media that waits in the system cannot be dropped any more, and is late before it leaves.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    socket.set_tcp_notsent_lowat(UNSENT)?;
    socket.set_nonblocking(true)?;
    socket.bind(&local.into())?;
    Ok(tokio::net::TcpSocket::from_std_stream(socket.into()))
}

impl TcpStream for tokio::net::TcpStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.peer_addr()
    }
}

impl TcpListener for tokio::net::TcpListener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Box<dyn TcpStream>>> {
        self.poll_accept(cx).map(|accepted| {
            let (stream, _) = accepted?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn TcpStream>)
        })
    }
}
