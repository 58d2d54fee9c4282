//! coturn as a STUN server on the lab's internet.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{Lab, Process, helper, program};

/// The server's address, from the block for documentation (RFC 5737).
const ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// Its second address, for those who test NATs.
const SECOND_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 11);
/// STUN's port.
const PORT: u16 = 3478;
/// How long coturn may take to start.
const START: Duration = Duration::from_secs(10);

/// A running coturn; it ends when it is dropped.
pub struct StunServer {
    _process: Process,
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

    fn start_on(lab: &Lab, addresses: &[Ipv4Addr]) -> Result<Self> {
        ensure!(program::is_installed("turnserver"), "coturn is not installed (cargo xtask test installs it)");
        let mut command = lab.middle.command("turnserver");
        for address in addresses {
            lab.middle.add_address("br0", *address)?;
            command.arg(format!("--listening-ip={address}"));
        }
        // Everything by argument: no file of the machine's own coturn is read or written.
        command.args(["-n", "--stun-only", "--no-cli", "--no-tls", "--no-dtls", "--log-file=stdout"]);
        command.arg(format!("--listening-port={PORT}"));
        command.arg(format!("--pidfile={}", lab.file("coturn.pid").display()));
        command.arg(format!("--userdb={}", lab.file("coturn.db").display()));
        let process = Process::start("coturn", &mut command)?;
        let server = Self { _process: process };
        server.wait_until_it_answers(lab)?;
        Ok(server)
    }

    /// What to give to `--stun`.
    pub fn url(&self) -> String {
        format!("stun:{ADDRESS}:{PORT}")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (ADDRESS, PORT).into()
    }

    fn wait_until_it_answers(&self, lab: &Lab) -> Result<()> {
        let mut command = lab.stranger.command(helper()?);
        let mut probe = Process::start("probe", command.arg("ask").arg(self.address().to_string()))?;
        probe
            .wait_for_line(START, |line| line.strip_prefix("mapped ").map(str::to_owned))
            .context("coturn does not answer")?;
        Ok(())
    }
}
