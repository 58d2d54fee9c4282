//! coturn as a TURN server on the lab's internet.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{Host, Lab, Process, helper, program};

/// The server's address, from the block for documentation (RFC 5737).
const ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 40);
/// How long coturn may take to start.
const START: Duration = Duration::from_secs(10);
const CERTIFICATE: &str = "turn.pem";
const KEY: &str = "turn.key";
const USER: &str = "floe";
const PASSWORD: &str = "a-password-for-the-lab";

/// A running coturn; it ends when it is dropped.
pub struct TurnServer {
    host: Host,
    process: Process,
    port: u16,
    certificate: PathBuf,
}

impl TurnServer {
    /// Starts coturn on a machine of its own, where it takes UDP, TCP and TLS on one port, and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not answer.
    pub fn start(lab: &Lab, port: u16) -> Result<Self> {
        ensure!(program::is_installed("turnserver"), "coturn is not installed (cargo xtask test installs it)");
        let host = lab.server("turn", ADDRESS)?;
        let (certificate, key) = (lab.file(CERTIFICATE), lab.file(KEY));
        make_certificate(&certificate, &key)?;
        let process = run(lab, &host, port)?;
        let server = Self { host, process, port, certificate };
        server.wait_until_it_answers(lab)?;
        Ok(server)
    }

    /// Kills coturn and starts it again: it knows no relayed address any more.
    ///
    /// # Errors
    /// When it does not start or answer.
    pub fn restart(&mut self, lab: &Lab) -> Result<()> {
        self.process.kill()?;
        self.process.wait(START)?;
        self.process = run(lab, &self.host, self.port)?;
        self.wait_until_it_answers(lab)
    }

    /// What to give to `--turn`, to reach it by UDP.
    pub fn udp(&self) -> String {
        format!("turn:{USER}:{PASSWORD}@{ADDRESS}:{}", self.port)
    }

    /// What to give to `--turn`, to reach it by TCP.
    pub fn tcp(&self) -> String {
        format!("{}?transport=tcp", self.udp())
    }

    /// What to give to `--turn`, to reach it by TLS.
    pub fn tls(&self) -> String {
        format!("turns:{USER}:{PASSWORD}@{ADDRESS}:{}", self.port)
    }

    /// What to give to `--turn-ca`.
    pub fn certificate(&self) -> PathBuf {
        self.certificate.clone()
    }

    fn wait_until_it_answers(&self, lab: &Lab) -> Result<()> {
        let mut command = lab.stranger.command(helper()?);
        let address = SocketAddr::from((ADDRESS, self.port));
        let mut probe = Process::start("probe", command.arg("ask").arg(address.to_string()))?;
        probe
            .wait_for_line(START, |line| line.strip_prefix("mapped ").map(str::to_owned))
            .context("coturn does not answer")?;
        Ok(())
    }
}

fn run(lab: &Lab, host: &Host, port: u16) -> Result<Process> {
    let mut command = host.command("turnserver");
    // Everything by argument: no file of the machine's own coturn is read or written.
    command.args(["-n", "--no-cli", "--no-dtls", "--lt-cred-mech", "--realm=lab.example", "--log-file=stdout"]);
    command.arg(format!("--user={USER}:{PASSWORD}"));
    command.arg(format!("--listening-ip={ADDRESS}")).arg(format!("--relay-ip={ADDRESS}"));
    command.arg(format!("--listening-port={port}")).arg(format!("--tls-listening-port={port}"));
    command.arg(format!("--cert={}", lab.file(CERTIFICATE).display()));
    command.arg(format!("--pkey={}", lab.file(KEY).display()));
    command.arg(format!("--pidfile={}", lab.file("turn.pid").display()));
    command.arg(format!("--userdb={}", lab.file("turn.db").display()));
    Process::start("coturn", &mut command)
}

/// A certificate for the server's address, which vouches for itself.
fn make_certificate(certificate: &PathBuf, key: &PathBuf) -> Result<()> {
    let signing_key = rcgen::KeyPair::generate()?;
    let made = rcgen::CertificateParams::new(vec![ADDRESS.to_string()])?.self_signed(&signing_key)?;
    fs::write(certificate, pem("CERTIFICATE", made.der()))?;
    fs::write(key, pem("PRIVATE KEY", &signing_key.serialize_der()))?;
    Ok(())
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
