//! Speaks UDP inside a namespace for the tests: `ask SERVER`, `echo ADDRESS`, `send`; and talks nonsense: `babble ADDRESS`.
#![expect(clippy::print_stdout, reason = "the tests read what it prints")]

use std::{
    io::{self, BufRead as _, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, UdpSocket},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

/// A STUN Binding request without attributes (RFC 8489 section 5).
const BINDING_REQUEST: [u8; 20] = *b"\x00\x01\x00\x00\x21\x12\xa4\x42netlab-probe";
/// How long an answer is awaited before the question is asked again.
const PATIENCE: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ask", server] => ask("0.0.0.0:0", server),
        ["ask", server, local] => ask(local, server),
        ["echo", local] => echo(local),
        ["send"] => send("0.0.0.0:0"),
        ["send", local] => send(local),
        ["babble", local] => babble(local),
        _ => bail!("usage: netlab-udp ask SERVER [LOCAL] | echo LOCAL | send [LOCAL] | babble LOCAL"),
    }
}

/// Asks a STUN server until it answers, and prints `mapped ADDRESS`: how the server sees us.
fn ask(local: &str, server: &str) -> Result<()> {
    let socket = UdpSocket::bind(local)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    loop {
        // A server that is not there yet is reported as a refused send or receive; that is no answer either.
        let asked = socket.send_to(&BINDING_REQUEST, server);
        let mut buffer = [0; 1500];
        match asked.and_then(|_| socket.recv_from(&mut buffer)) {
            Ok((length, _)) => {
                let mapped = mapped_address(&buffer[..length]).context("the answer has no XOR-MAPPED-ADDRESS")?;
                println!("mapped {mapped}");
                return Ok(());
            }
            Err(error) if is_no_answer(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Answers whatever comes over UDP and TCP as a web server would that is asked for nonsense; prints `ready`.
fn babble(local: &str) -> Result<()> {
    const NONSENSE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (socket, listener) = (UdpSocket::bind(local)?, TcpListener::bind(local)?);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Whoever has gone needs no answer.
            let _gone = stream.read(&mut [0; 1500]).and_then(|_| stream.write_all(NONSENSE));
        }
    });
    println!("ready");
    let mut buffer = [0; 1500];
    loop {
        let (_, from) = socket.recv_from(&mut buffer)?;
        socket.send_to(NONSENSE, from)?;
    }
}

fn is_no_answer(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused)
}

/// The address of XOR-MAPPED-ADDRESS (0x0020) in a Binding response; of an IPv6 one the port alone is right.
fn mapped_address(message: &[u8]) -> Option<SocketAddr> {
    let mut attributes = message.get(20..)?;
    while let [kind_high, kind_low, length_high, length_low, rest @ ..] = attributes {
        let length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
        let value = rest.get(..length)?;
        if [*kind_high, *kind_low] == [0x00, 0x20] {
            let port = u16::from_be_bytes([*value.get(2)?, *value.get(3)?]) ^ 0x2112;
            if value.get(1) == Some(&2) {
                return Some((std::net::Ipv6Addr::UNSPECIFIED, port).into());
            }
            let address: [u8; 4] = value.get(4..8)?.try_into().ok()?;
            return Some((std::net::Ipv4Addr::from(u32::from_be_bytes(address) ^ 0x2112_a442), port).into());
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// Sends every datagram back to where it came from, for ever, and prints `from ADDRESS` for each.
fn echo(local: &str) -> Result<()> {
    let socket = UdpSocket::bind(local)?;
    println!("ready");
    let mut buffer = [0; 1500];
    loop {
        let (length, from) = socket.recv_from(&mut buffer)?;
        println!("from {from}");
        socket.send_to(&buffer[..length], from)?;
    }
}

/// Sends the datagrams of standard input, one `ADDRESS HEX` a line, from one socket; then prints `sent N`.
fn send(local: &str) -> Result<()> {
    let socket = UdpSocket::bind(local)?;
    let mut sent = 0;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (to, hex) = line.split_once(' ').context("a line is `ADDRESS HEX`")?;
        match socket.send_to(&bytes(hex)?, to) {
            Ok(_) => sent += 1,
            // The kernel reports that an earlier datagram met a closed port; this one was not sent, which is no matter.
            Err(error) if is_no_answer(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    println!("sent {sent}");
    Ok(())
}

fn bytes(hex: &str) -> Result<Vec<u8>> {
    ensure!(hex.len().is_multiple_of(2), "half a byte");
    (0..hex.len()).step_by(2).map(|at| Ok(u8::from_str_radix(&hex[at..at + 2], 16)?)).collect()
}
