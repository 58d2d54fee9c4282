//! Datagrams that nobody should send, and somebody who sends them.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{Host, Process, helper};

/// How long sending may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// STUN's magic cookie.
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// A seeded source of bad datagrams: the same seed gives the same ones.
pub struct Garbage {
    state: u64,
}

impl Garbage {
    /// A source with a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed | 1 }
    }

    /// The next bad datagram, each sort in its turn.
    pub fn datagram(&mut self) -> Vec<u8> {
        match self.next() % 7 {
            0 => self.bytes(1200),
            1 => self.stun_with_a_wrong_length(),
            2 => self.check_for_nobody(),
            3 => self.answer_to_nothing(),
            4 => self.beginning_with(&[22, 254, 253]),
            5 => self.beginning_with(&[0x80, 111]),
            _ => self.beginning_with(&[0x80, 200]),
        }
    }

    /// The header says one length and the datagram has another.
    fn stun_with_a_wrong_length(&mut self) -> Vec<u8> {
        let length = self.next().to_be_bytes();
        [&[0, 1, length[0], length[1]][..], &COOKIE, &self.bytes(60)].concat()
    }

    /// A well-formed connectivity check (RFC 8445 section 7.2.2) with a user fragment that nobody has, and a
    /// MESSAGE-INTEGRITY that nobody could verify.
    fn check_for_nobody(&mut self) -> Vec<u8> {
        let attributes = [
            &[0x00, 0x06, 0, 12][..],
            b"nobody:knows",
            &[0x00, 0x24, 0, 4, 0x7e, 0xff, 0xff, 0xff],
            &[0x00, 0x08, 0, 20],
            &self.exactly(20),
        ]
        .concat();
        self.stun(0x0001, &attributes)
    }

    /// A success response to a request that was never sent.
    fn answer_to_nothing(&mut self) -> Vec<u8> {
        let mapped = [&[0x00, 0x20, 0, 8, 0, 1][..], &self.exactly(6)].concat();
        self.stun(0x0101, &mapped)
    }

    fn stun(&mut self, kind: u16, attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(attributes.len()).expect("a handful of attributes");
        [&kind.to_be_bytes()[..], &length.to_be_bytes(), &COOKIE, &self.exactly(12), attributes].concat()
    }

    fn beginning_with(&mut self, start: &[u8]) -> Vec<u8> {
        [start, &self.bytes(200)].concat()
    }

    /// Up to `most` bytes.
    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.next() as usize % (most + 1);
        self.exactly(length)
    }

    fn exactly(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_be_bytes()[0]).collect()
    }

    /// xorshift64 (Marsaglia 2003): enough to be arbitrary, and nothing to depend on.
    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}

/// Somebody on a machine of the lab who sends datagrams from one socket.
pub struct Sprayer {
    process: Process,
}

impl Sprayer {
    /// Opens a socket at any port.
    ///
    /// # Errors
    /// When the helper does not start.
    pub fn on(host: &Host) -> Result<Self> {
        Self::at(host, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))
    }

    /// Opens the socket at this address.
    ///
    /// # Errors
    /// When the helper does not start.
    pub fn at(host: &Host, local: SocketAddrV4) -> Result<Self> {
        let name = format!("sprayer on {}", host.name());
        let mut command = host.command(helper()?);
        Ok(Self { process: Process::start(&name, command.arg("send").arg(local.to_string()))? })
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// When the helper has ended.
    pub fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> Result<()> {
        let hex: String = datagram.iter().map(|byte| format!("{byte:02x}")).collect();
        self.process.write_line(&format!("{to} {hex}"))
    }

    /// Waits until everything is sent, and says how many datagrams that were.
    ///
    /// # Errors
    /// When it takes too long.
    pub fn finish(mut self) -> Result<usize> {
        self.process.close_input();
        let sent = self.process.wait_for_line(PATIENCE, |line| line.strip_prefix("sent ").map(str::to_owned))?;
        sent.parse().context("the helper counts in numbers")
    }
}
