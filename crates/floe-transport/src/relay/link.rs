//! The way to a TURN server: a UDP socket, or a stream of framed messages.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, BytesMut};
use floe_wire::turn::{ChannelData, stream_frame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::UdpSocket;

/// The largest UDP payload.
const MAX_DATAGRAM: usize = 65_535;
/// What may wait to be written to a stream: a quarter of a second of audio is a tenth of that.
const MAX_QUEUED: usize = 64 * 1024;
/// What is read from a stream at once.
const CHUNK: usize = 16 * 1024;

/// A connected stream of either kind: TCP, or TLS over it.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The way to a server.
pub(super) enum Link {
    /// One message per datagram.
    Udp { socket: Box<dyn UdpSocket>, server: SocketAddr, buffer: Vec<u8> },
    /// One message after the other (RFC 8656 section 12.5 pads ChannelData).
    Stream(Stream),
}

/// A stream and what waits on both sides of it.
pub(super) struct Stream {
    stream: Box<dyn Duplex>,
    incoming: BytesMut,
    outgoing: BytesMut,
    /// TLS keeps what it encrypted until it is flushed.
    is_flushed: bool,
}

impl Link {
    pub fn udp(socket: Box<dyn UdpSocket>, server: SocketAddr) -> Self {
        Self::Udp { socket, server, buffer: vec![0; MAX_DATAGRAM] }
    }

    pub fn stream(stream: Box<dyn Duplex>) -> Self {
        Self::Stream(Stream { stream, incoming: BytesMut::new(), outgoing: BytesMut::new(), is_flushed: true })
    }

    /// Sends one message, or queues it for a stream.
    ///
    /// # Errors
    /// The system's refusal, or `WouldBlock` when too much is queued already: the message is lost then.
    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp { socket, server, .. } => socket.try_send_to(message, *server),
            Self::Stream(Stream { outgoing, .. }) => {
                if outgoing.len() + message.len() > MAX_QUEUED {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                outgoing.extend_from_slice(message);
                Ok(())
            }
        }
    }

    /// Writes what is queued and gives the next message. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// When nothing more can be read: the stream ended, broke, or holds something that is no TURN (`InvalidData`). An
    /// error of a UDP socket is one of many, perhaps.
    pub async fn receive(&mut self) -> io::Result<BytesMut> {
        std::future::poll_fn(|cx| self.poll_receive(cx)).await
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<BytesMut>> {
        match self {
            Self::Udp { socket, server, buffer } => loop {
                let (length, from) = ready!(socket.poll_recv_from(cx, buffer))?;
                if from == *server {
                    return Poll::Ready(Ok(BytesMut::from(&buffer[..length])));
                }
            },
            Self::Stream(stream) => {
                stream.poll_write(cx)?;
                stream.poll_frame(cx)
            }
        }
    }
}

impl Stream {
    /// Writes as much as the stream takes; the waker is registered for the rest.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            match Pin::new(&mut *self.stream).poll_write(cx, &self.outgoing) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => {
                    self.outgoing.advance(written);
                    self.is_flushed = false;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(()),
            }
        }
        if !self.is_flushed
            && let Poll::Ready(flushed) = Pin::new(&mut *self.stream).poll_flush(cx)
        {
            flushed?;
            self.is_flushed = true;
        }
        Ok(())
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<BytesMut>> {
        loop {
            if let Some(frame) = next_frame(&mut self.incoming)? {
                return Poll::Ready(Ok(frame));
            }
            let mut chunk = [0; CHUNK];
            let mut buffer = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut *self.stream).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                // A web server says something and hangs up.
                let is_clean = self.incoming.is_empty();
                let kind = if is_clean { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
                return Poll::Ready(Err(kind.into()));
            }
            // A frame is at most 65,556 bytes long, and is taken out as soon as it is whole.
            self.incoming.extend_from_slice(buffer.filled());
        }
    }
}

/// Takes the first whole message off a stream, without its padding.
fn next_frame(incoming: &mut BytesMut) -> io::Result<Option<BytesMut>> {
    let length = stream_frame(incoming).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let Some(length) = length.filter(|length| incoming.len() >= *length) else { return Ok(None) };
    let mut frame = incoming.split_to(length);
    if let Ok(data) = ChannelData::decode(&frame) {
        frame.truncate(floe_wire::turn::CHANNEL_DATA_HEADER + data.data.len());
    }
    Ok(Some(frame))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn messages_come_out_of_a_stream_whole_and_without_padding() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut link = Link::stream(Box::new(ours));
        let first = ChannelData::encode(0x4000, b"abcde", true);
        let second = ChannelData::encode(0x4001, b"abcd", true);
        let bytes = [first, second].concat();
        let writer = async {
            for byte in bytes {
                theirs.write_all(&[byte]).await.unwrap();
            }
        };
        let reader = async { (link.receive().await.unwrap(), link.receive().await.unwrap()) };
        let ((), (first, second)) = tokio::join!(writer, reader);
        assert_eq!((first.len(), second.len()), (9, 8));
    }

    #[tokio::test]
    async fn what_is_queued_is_written_while_waiting_and_a_full_queue_refuses() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut link = Link::stream(Box::new(ours));
        link.send(b"0123456789abcdef").unwrap();
        let mut got = [0; 16];
        tokio::select! {
            _ = link.receive() => panic!("nothing was sent to us"),
            read = theirs.read_exact(&mut got) => { read.unwrap(); }
        }
        assert_eq!(&got, b"0123456789abcdef");
        let refused = link.send(&vec![0; MAX_QUEUED + 1]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn a_server_of_another_kind_and_an_end_are_errors() {
        for (bytes, kind) in [
            (&b"SSH-2.0-OpenSSH"[..], io::ErrorKind::InvalidData),
            (b"HTTP/1.1 400 Bad Request", io::ErrorKind::InvalidData),
            (&[], io::ErrorKind::UnexpectedEof),
        ] {
            let (ours, mut theirs) = tokio::io::duplex(64);
            theirs.write_all(bytes).await.unwrap();
            drop(theirs);
            assert_eq!(Link::stream(Box::new(ours)).receive().await.unwrap_err().kind(), kind);
        }
    }
}
