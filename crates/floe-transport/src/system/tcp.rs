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

/// Connects from `local` to `remote`.
pub(super) async fn connect(local: SocketAddr, remote: SocketAddr) -> io::Result<Box<dyn TcpStream>> {
    let stream = bind(local)?.connect(remote).await?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

/// Listens on `local`.
pub(super) fn listen(local: SocketAddr) -> io::Result<Box<dyn TcpListener>> {
    Ok(Box::new(bind(local)?.listen(BACKLOG)?))
}

/// A bound socket whose port others of ours may share: simultaneous-open dials from the port it listens on.
fn bind(local: SocketAddr) -> io::Result<tokio::net::TcpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::STREAM, Some(Protocol::TCP))?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Windows' SO_REUSEADDR would let any program take the port over.
    #[cfg(unix)]
    {
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
    }
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
