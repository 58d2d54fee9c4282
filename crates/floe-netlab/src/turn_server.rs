//! coturn as a TURN server on the lab's internet.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{Host, Lab, Process, helper, program};

/// How long coturn may take to start.
const START: Duration = Duration::from_secs(10);
const USER: &str = "floe";
const PASSWORD: &str = "a-password-for-the-lab";

/// What a server shows to those who come by TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// One for its address.
    Good,
    /// One that was for its address and has expired.
    Expired,
    /// One for somebody else.
    OtherName,
}

impl Certificate {
    /// What the machine that has it is called.
    const fn machine(self) -> &'static str {
        match self {
            Self::Good => "turn",
            Self::Expired => "turn-old",
            Self::OtherName => "turn-other",
        }
    }

    /// The server's address, from the block for documentation (RFC 5737).
    const fn address(self) -> Ipv4Addr {
        let last = match self {
            Self::Good => 40,
            Self::Expired => 41,
            Self::OtherName => 42,
        };
        Ipv4Addr::new(203, 0, 113, last)
    }
}

/// A running coturn; it ends when it is dropped.
pub struct TurnServer {
    kind: Certificate,
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
        Self::start_with(lab, port, Certificate::Good)
    }

    /// As [`Self::start`], with a certificate of this kind; each kind has a machine of its own.
    ///
    /// # Errors
    /// When it is not installed or does not answer.
    pub fn start_with(lab: &Lab, port: u16, kind: Certificate) -> Result<Self> {
        ensure!(program::is_installed("turnserver"), "coturn is not installed (cargo xtask test installs it)");
        let host = lab.server(kind.machine(), kind.address())?;
        let certificate = lab.file(&format!("{}.pem", kind.machine()));
        make_certificate(kind, &certificate, &lab.file(&format!("{}.key", kind.machine())))?;
        let process = run(lab, kind, &host, port)?;
        let server = Self { kind, host, process, port, certificate };
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
        self.process = run(lab, self.kind, &self.host, self.port)?;
        self.wait_until_it_answers(lab)
    }

    /// Pulls the server's cable: whoever asks it hears nothing.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn unplug(&self) -> Result<()> {
        self.host.set_link("eth0", false)
    }

    /// Its address, which its relayed addresses share.
    pub fn address(&self) -> Ipv4Addr {
        self.kind.address()
    }

    /// What to give to `--turn`, to reach it by UDP.
    pub fn udp(&self) -> String {
        format!("turn:{USER}:{PASSWORD}@{}:{}", self.kind.address(), self.port)
    }

    /// What to give to `--turn`, to reach it by TCP.
    pub fn tcp(&self) -> String {
        format!("{}?transport=tcp", self.udp())
    }

    /// What to give to `--turn`, to reach it by TLS.
    pub fn tls(&self) -> String {
        format!("turns:{USER}:{PASSWORD}@{}:{}", self.kind.address(), self.port)
    }

    /// What to give to `--turn-ca`.
    pub fn certificate(&self) -> PathBuf {
        self.certificate.clone()
    }

    fn wait_until_it_answers(&self, lab: &Lab) -> Result<()> {
        let mut command = lab.stranger.command(helper()?);
        let address = SocketAddr::from((self.kind.address(), self.port));
        let mut probe = Process::start("probe", command.arg("ask").arg(address.to_string()))?;
        probe
            .wait_for_line(START, |line| line.strip_prefix("mapped ").map(str::to_owned))
            .context("coturn does not answer")?;
        Ok(())
    }
}

fn run(lab: &Lab, kind: Certificate, host: &Host, port: u16) -> Result<Process> {
    let (name, address) = (kind.machine(), kind.address());
    let mut command = host.command("turnserver");
    // Everything by argument: no file of the machine's own coturn is read or written.
    command.args(["-n", "--no-cli", "--no-dtls", "--lt-cred-mech", "--realm=lab.example", "--log-file=stdout"]);
    command.arg(format!("--user={USER}:{PASSWORD}"));
    command.arg(format!("--listening-ip={address}")).arg(format!("--relay-ip={address}"));
    command.arg(format!("--listening-port={port}")).arg(format!("--tls-listening-port={port}"));
    command.arg(format!("--cert={}", lab.file(&format!("{name}.pem")).display()));
    command.arg(format!("--pkey={}", lab.file(&format!("{name}.key")).display()));
    command.arg(format!("--pidfile={}", lab.file(&format!("{name}.pid")).display()));
    command.arg(format!("--userdb={}", lab.file(&format!("{name}.db")).display()));
    Process::start("coturn", &mut command)
}

/// A certificate that vouches for itself.
fn make_certificate(kind: Certificate, certificate: &PathBuf, key: &PathBuf) -> Result<()> {
    let signing_key = rcgen::KeyPair::generate()?;
    let name = match kind {
        Certificate::Good | Certificate::Expired => kind.address().to_string(),
        Certificate::OtherName => "somebody-else.example".to_owned(),
    };
    let mut wanted = rcgen::CertificateParams::new(vec![name])?;
    if kind == Certificate::Expired {
        (wanted.not_before, wanted.not_after) = (rcgen::date_time_ymd(2019, 1, 1), rcgen::date_time_ymd(2020, 1, 1));
    }
    let made = wanted.self_signed(&signing_key)?;
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
