//! coturn as a STUN server on the lab's internet.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{Host, Lab, Process, helper, program};

/// The server's address, from the block for documentation (RFC 5737).
const ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// Its second address, for those who test NATs.
const SECOND_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 11);
/// Its address on the switch of a lab with both families, where it is the router as well.
const ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xDB8, 0x77, 0, 0, 0, 0, 1);
/// STUN's port.
const PORT: u16 = 3478;
/// How long coturn may take to start.
const START: Duration = Duration::from_secs(10);

/// A running coturn; it ends when it is dropped.
pub struct StunServer {
    _process: Process,
    address: SocketAddr,
}

impl StunServer {
    /// Starts coturn in the middle of the lab and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not answer.
    pub fn start(lab: &Lab) -> Result<Self> {
        Self::start_on(lab, &[ADDRESS])
    }

    /// As [`Self::start`], with a second address, from which coturn answers on request (RFC 5780).
    ///
    /// # Errors
    /// When it is not installed or does not answer.
    pub fn start_with_second_address(lab: &Lab) -> Result<Self> {
        Self::start_on(lab, &[ADDRESS, SECOND_ADDRESS])
    }

    /// Starts coturn at the router of a lab with both families, over IPv6 only, and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not answer.
    pub fn start_on_ipv6(lab: &Lab) -> Result<Self> {
        lab.middle.add_ipv6("br0", ADDRESS_V6)?;
        Self::run(lab, &[ADDRESS_V6.into()], (&lab.alice, "[::]:0"))
    }

    fn start_on(lab: &Lab, addresses: &[Ipv4Addr]) -> Result<Self> {
        for address in addresses {
            lab.middle.add_address("br0", *address)?;
        }
        let addresses: Vec<IpAddr> = addresses.iter().copied().map(IpAddr::from).collect();
        Self::run(lab, &addresses, (&lab.stranger, "0.0.0.0:0"))
    }

    fn run(lab: &Lab, addresses: &[IpAddr], asker: (&Host, &str)) -> Result<Self> {
        ensure!(program::is_installed("turnserver"), "coturn is not installed (cargo xtask test installs it)");
        let mut command = lab.middle.command("turnserver");
        command.args(addresses.iter().map(|address| format!("--listening-ip={address}")));
        // Everything by argument: no file of the machine's own coturn is read or written.
        command.args(["-n", "--stun-only", "--no-cli", "--no-tls", "--no-dtls", "--log-file=stdout"]);
        command.arg(format!("--listening-port={PORT}"));
        command.arg(format!("--pidfile={}", lab.file("coturn.pid").display()));
        command.arg(format!("--userdb={}", lab.file("coturn.db").display()));
        let process = Process::start("coturn", &mut command)?;
        let server = Self { _process: process, address: (addresses[0], PORT).into() };
        server.wait_until_it_answers(asker)?;
        Ok(server)
    }

    /// What to give to `--stun`.
    pub fn url(&self) -> String {
        format!("stun:{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn wait_until_it_answers(&self, (host, local): (&Host, &str)) -> Result<()> {
        let mut command = host.command(helper()?);
        let mut probe = Process::start("probe", command.args(["ask", &self.address.to_string(), local]))?;
        probe
            .wait_for_line(START, |line| line.strip_prefix("mapped ").map(str::to_owned))
            .context("coturn does not answer")?;
        Ok(())
    }
}
