//! One open connection: frames in, frames out, until either side ends it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use floe_wire::{Direction, Note, PacketKind, classify, framing, note::FramingFault};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::mpsc,
};

use super::Shared;
use crate::TcpStream;

/// A connection on which nothing arrives for so long is closed; consent checks arrive every few seconds.
pub(super) const IDLE: Duration = Duration::from_secs(120);
/// A connection that the session did not answer on by then is no peer's.
const STRANGER_PATIENCE: Duration = Duration::from_secs(10);
/// Bytes read at once: a few frames.
const READ_AT_ONCE: usize = 8192;
/// Bytes written at once; what is written cannot be dropped any more.
const WRITE_AT_ONCE: usize = 8192;

type Stream = Box<dyn TcpStream>;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the other end closed it")]
    Closed,
    #[error("the other end closed it in the middle of a frame")]
    CutShort,
    #[error("what arrived first was no STUN message")]
    NotIce,
    #[error("nothing arrived for two minutes")]
    Idle,
    #[error("another connection has its place")]
    Replaced,
    #[error("the call is over")]
    Over,
    #[error("{0}")]
    Broken(#[from] io::Error),
    /// Told in numbers only.
    #[error("nobody answered on it")]
    Stranger,
}

/// Carries frames both ways.
pub(super) async fn run(
    shared: Arc<Shared>,
    stream: Stream,
    remote: SocketAddr,
    serial: u64,
    frames: mpsc::Receiver<Bytes>,
) {
    let (reader, writer) = tokio::io::split(stream);
    let outcome = tokio::select! {
        outcome = read(&shared, reader, remote, serial) => outcome,
        outcome = write(&shared, writer, remote, frames) => outcome,
        outcome = turn_away(&shared, remote, serial) => outcome,
    };
    let Some(connection) = shared.table().closed(remote, serial) else { return };
    match outcome {
        Err(end) if connection.answered => {
            if matches!(end, End::CutShort) {
                shared.tell_fault(remote, FramingFault::CutShort);
            }
            shared.tap.note(Note::ConnectionClosed { base: shared.id, remote, reason: end.to_string() });
            shared.tell_broken(remote);
        }
        Ok(()) | Err(_) => shared.count_stranger(),
    }
}

/// Reads frames and hands them over. Empty ones carry nothing, and are passed over.
async fn read(shared: &Shared, mut reader: ReadHalf<Stream>, remote: SocketAddr, serial: u64) -> Result<(), End> {
    let mut decoder = framing::Decoder::default();
    let mut buffer = vec![0; READ_AT_ONCE];
    let (mut is_first, mut is_in_step) = (true, true);
    loop {
        let length = tokio::time::timeout(IDLE, reader.read(&mut buffer)).await.map_err(|_| End::Idle)??;
        if length == 0 {
            return Err(if decoder.pending() == 0 { End::Closed } else { End::CutShort });
        }
        let mut piece = &buffer[..length];
        while let Some(frame) = decoder.next(&mut piece) {
            if frame.is_empty() {
                continue;
            }
            if std::mem::take(&mut is_first) && classify(&frame) != PacketKind::Stun {
                return Err(End::NotIce);
            }
            // Of strangers nothing is told but numbers.
            if is_in_step && classify(&frame) == PacketKind::Unknown && !shared.table().is_stranger(remote, serial) {
                is_in_step = false;
                shared.tell_fault(remote, FramingFault::OutOfStep);
            }
            if !shared.intake.take(frame, remote) {
                return Err(End::Over);
            }
        }
    }
}

/// Writes frames as they come, several at once where they have waited.
async fn write(
    shared: &Shared,
    mut writer: WriteHalf<Stream>,
    remote: SocketAddr,
    mut frames: mpsc::Receiver<Bytes>,
) -> Result<(), End> {
    let mut out = BytesMut::new();
    while let Some(mut frame) = frames.recv().await {
        loop {
            shared.tap.packet(shared.id, Direction::Outbound, remote, &frame);
            // Its length was checked when it was taken.
            out.extend(framing::encode(&frame).ok());
            if out.len() >= WRITE_AT_ONCE {
                break;
            }
            match frames.try_recv() {
                Ok(next) => frame = next,
                Err(_) => break,
            }
        }
        writer.write_all(&out).await?;
        out.clear();
    }
    Err(End::Replaced)
}

/// Ends the connection of a stranger after a while; waits for ever with any other.
async fn turn_away(shared: &Shared, remote: SocketAddr, serial: u64) -> Result<(), End> {
    tokio::time::sleep(STRANGER_PATIENCE).await;
    if shared.table().is_stranger(remote, serial) {
        return Err(End::Stranger);
    }
    std::future::pending().await
}
