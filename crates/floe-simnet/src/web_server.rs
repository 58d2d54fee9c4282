//! A web server that answers whatever is asked with one and the same answer, as a captive portal does.

use std::{future::poll_fn, io, net::SocketAddr};

use floe_transport::{Network, TcpListener, TcpStream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinSet,
};

/// Connections at once.
const MAX_CLIENTS: usize = 16;
/// Longest request that is read.
const MAX_REQUEST: usize = 8 * 1024;

/// A running web server. Dropping it stops it.
#[derive(Debug)]
pub struct WebServer {
    _tasks: JoinSet<()>,
}

/// The answer of a portal: what you want is elsewhere.
#[must_use]
pub fn redirect(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

impl WebServer {
    /// Starts to answer on `local`; inside a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn serve(network: &dyn Network, local: SocketAddr, answer: &[u8]) -> io::Result<Self> {
        let listener = network.listen_tcp(local)?;
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, answer.to_vec()));
        Ok(Self { _tasks: tasks })
    }
}

async fn accept(listener: Box<dyn TcpListener>, answer: Vec<u8>) {
    let mut clients = JoinSet::new();
    while let Ok(stream) = poll_fn(|cx| listener.poll_accept(cx)).await {
        if clients.len() >= MAX_CLIENTS {
            clients.join_next().await;
        }
        clients.spawn(answer_one(stream, answer.clone()));
    }
}

/// A client that goes away meanwhile wants no answer.
async fn answer_one(mut stream: Box<dyn TcpStream>, answer: Vec<u8>) {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < MAX_REQUEST {
        match stream.read(&mut chunk).await {
            Ok(length) if length > 0 => request.extend_from_slice(&chunk[..length]),
            Ok(_) | Err(_) => return,
        }
    }
    if stream.write_all(&answer).await.is_ok() {
        let _ = stream.shutdown().await;
    }
}
