//! The arguments of `floe` and its subcommands.

use std::{convert::Infallible, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, Parser};
use floe_call::{AudioSource, Privacy, web::WebPage};
use floe_simnet::Scenario;
use floe_transport::{
    ServerUrl, UrlError,
    relay::{Credentials, TlsTrust, TurnAccess, TurnUrl},
};

use super::{breaks::Break, wishes::TimedWish};

/// Calls a peer directly and shows the path it found.
///
/// Without a subcommand the window opens. Exit statuses: 0 it worked, 2 bad usage or input, 3 not connected,
/// 4 connected but no secure media.
#[derive(Debug, Parser)]
#[command(name = "floe", version)]
pub(super) struct Arguments {
    /// Open the window with the demo running.
    #[arg(long, value_name = "SCENARIO", num_args = 0..=1, default_missing_value = "two-nat", value_parser = scenario)]
    pub demo: Option<Scenario>,
    #[command(subcommand)]
    pub command: Option<Subcommand>,
}

/// What runs instead of a call in the window.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommand {
    /// Call a friend: prints your code, takes your friend's from --code or standard input.
    Call(Box<CallOptions>),
    /// Call yourself over a simulated network: two complete peers in this process.
    Demo(DemoOptions),
    /// Say what a record or a capture shows: Floe's own (.floe), pcap, or pcapng from any program.
    Report(ReportOptions),
    /// Test the network without a peer: servers, NAT, IPv6, and what a call can expect.
    Probe(ProbeOptions),
    /// Open a record or a capture in the window.
    Open(OpenOptions),
    /// Say what a code contains and what it reveals, or what a failure code (ICE-…) means.
    Code(CodeOptions),
}

/// Options of `floe call`.
#[derive(Debug, Args)]
pub(super) struct CallOptions {
    /// Your friend's code; `-` or nothing reads it from standard input.
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
    /// A STUN server, `stun:host[:port]`; may be given several times. None is contacted otherwise.
    #[arg(long = "stun", value_name = "URL", value_parser = stun_server)]
    pub stun: Vec<String>,
    #[command(flatten)]
    pub network: NetworkOptions,
    /// What your friend learns of your addresses: everything, hide-lan (none of your local network, but
    /// random names that only it can tell the addresses of), or relay-only (none
    /// but the relay's; needs --turn).
    #[arg(long, value_name = "LEVEL", default_value = "everything", value_parser = privacy)]
    pub privacy: Privacy,
    /// A TCP port to listen on for networks without UDP, such as 443; may be given several times. Your friend's
    /// firewall lets it through, and your router has to send it to this computer.
    #[arg(long = "tcp-port", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub tcp_ports: Vec<u16>,
    /// What to send: device (microphone, and play on the speaker), tone, none, or a WAV file.
    #[arg(long, value_name = "SOURCE", default_value = "device", value_parser = audio_source)]
    pub audio: AudioSource,
    /// Write what is heard into a WAV file.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Hang up this long after media is secured.
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// Give up when not connected this long after the start; friends paste minutes later.
    #[arg(long, value_name = "N", default_value_t = 1800)]
    pub wait: u64,
    /// Stay in the call when its path is lost for 30 s: the network may come back, and a fresh code revives the call.
    #[arg(long)]
    pub stay: bool,
    /// Do what one does in the pair grid, so long after media is secured: `force=relay@3s,release@6s` uses a relay for
    /// three seconds. Also block=PAIR and restart; PAIR is used, other, relay or direct, of those that answer.
    #[arg(long = "do", value_name = "LIST", value_delimiter = ',')]
    pub wishes: Vec<TimedWish>,
    #[command(flatten)]
    pub keep: KeepOptions,
    #[command(flatten)]
    pub output: OutputOptions,
}

/// The network that is used, and what is asked in it.
#[derive(Debug, Args)]
pub(super) struct NetworkOptions {
    #[command(flatten)]
    pub turn: TurnOptions,
    /// A web page, `http://host/…`, that is asked for once to see whether this network wants you to sign in first. None is
    /// otherwise. Best is a page that systems ask for the same reason (`…/generate_204`), whose contents are known.
    #[arg(long = "web", value_name = "URL", value_parser = WebPage::parse)]
    pub web_page: Option<WebPage>,
    /// Use only this interface; may be given several times.
    #[arg(long = "interface", value_name = "NAME")]
    pub interfaces: Vec<String>,
    /// Also use loopback addresses.
    #[arg(long)]
    pub loopback: bool,
}

/// TURN servers, which relay a call that no direct path joins.
#[derive(Debug, Args)]
pub(super) struct TurnOptions {
    /// A TURN server, `turn:host[:port][?transport=tcp]` or `turns:host[:port]`, with `user:password@` before the host if
    /// you like; may be given several times. None is contacted otherwise.
    #[arg(long = "turn", value_name = "URL", value_parser = turn_access)]
    pub servers: Vec<TurnAccess>,
    /// The user name for TURN servers whose URL has none.
    #[arg(long = "turn-user", value_name = "NAME", requires = "servers")]
    pub user: Option<String>,
    /// The password for it. Other people on this computer can see it here: the variable FLOE_TURN_PASSWORD hides it.
    #[arg(long = "turn-password", value_name = "PASSWORD", requires = "user")]
    pub password: Option<String>,
    /// A PEM file of certificate authorities to believe besides those of the system, with turns: (and stuns: in a probe).
    #[arg(long = "turn-ca", value_name = "FILE")]
    pub authorities: Option<PathBuf>,
}

impl TurnOptions {
    /// The servers with their credentials.
    pub fn servers(&self) -> anyhow::Result<Vec<TurnAccess>> {
        let password = self.password.clone().or_else(|| std::env::var("FLOE_TURN_PASSWORD").ok());
        let common = self.user.as_ref().zip(password).map(|(user, password)| Credentials::new(user, &password));
        let count = self.servers.len();
        let with_common = |(place, server): (usize, &TurnAccess)| {
            TurnUrl::parse(&server.url).with_context(|| match count {
                1 => "--turn".to_owned(),
                _ => format!("--turn (number {} of {count})", place + 1),
            })?;
            let server = TurnAccess { url: server.url.clone(), credentials: common.clone() };
            server.read().with_context(|| format!("--turn {}", server.shown()))?;
            Ok(server)
        };
        self.servers.iter().enumerate().map(with_common).collect()
    }

    /// Whom to believe with `turns:`.
    pub fn trust(&self) -> anyhow::Result<TlsTrust> {
        let Some(file) = &self.authorities else { return Ok(TlsTrust::default()) };
        let pem = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        TlsTrust::with_authorities(&pem).with_context(|| format!("--turn-ca {}", file.display()))
    }
}

/// Options of `floe demo`.
#[derive(Debug, Args)]
pub(super) struct DemoOptions {
    /// The network between the two peers.
    #[arg(long, value_name = "NAME", default_value = "two-nat", value_parser = scenario)]
    pub scenario: Scenario,
    /// How long the call lasts after media is secured; 5 if not given, and 2 beyond the last thing that breaks.
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// The same seed gives the same NAT behaviour.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Break peer A's network while the call runs: `wifi-down@3s,nat-rebind@6s,loss=20@8s` counts from when both sides
    /// hear each other. Also wifi-up, mobile-down, cable-down, udp-blocked, udp-open, turn-restart, restart, delay=MS,
    /// jitter=MS, and force=PAIR, block=PAIR, release as in `floe call --do`.
    #[arg(long = "break", value_name = "LIST", value_delimiter = ',')]
    pub breaks: Vec<Break>,
    /// Write what peer A hears into a WAV file.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    #[command(flatten)]
    pub keep: KeepOptions,
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Which files a call's record goes into while it runs. A demo has two calls: what peer B saw goes beside it, into a
/// file whose name has a `.b` before its ending.
#[derive(Debug, Args)]
pub(super) struct KeepOptions {
    /// Save the record: everything sent, received and decided. `floe report` reads it. A demo keeps peer A's here and peer
    /// B's beside it, in OUT.b.floe.
    #[arg(long, value_name = "OUT.floe")]
    pub save: Option<PathBuf>,
    /// Write what was sent and received for Wireshark. A demo keeps peer A's side here and peer B's in OUT.b.pcapng.
    #[arg(long, value_name = "OUT.pcapng")]
    pub pcap: Option<PathBuf>,
    /// Leave encrypted audio out of the capture: its packets end after the RTP header.
    #[arg(long, requires = "pcap")]
    pub no_payloads: bool,
}

impl KeepOptions {
    /// The same for the other peer of a demo. What is no file, such as `/dev/null`, has no place beside it.
    pub fn of_peer_b(&self) -> Self {
        let beside = |path: &PathBuf| {
            let ending = path.extension().map(|ending| format!("b.{}", ending.to_string_lossy()));
            let is_device = path.exists() && !path.is_file();
            (!is_device).then(|| path.with_extension(ending.as_deref().unwrap_or("b")))
        };
        Self {
            save: self.save.as_ref().and_then(beside),
            pcap: self.pcap.as_ref().and_then(beside),
            no_payloads: self.no_payloads,
        }
    }
}

/// Options of `floe probe`.
#[derive(Debug, Args)]
pub(super) struct ProbeOptions {
    /// A STUN server, `stun:host[:port]`, and to test it over TCP or TLS, `stun:host?transport=tcp` or `stuns:host`; may
    /// be given several times. Two of them tell the NAT's mapping.
    #[arg(long = "stun", value_name = "URL", value_parser = any_stun_server)]
    pub stun: Vec<String>,
    #[command(flatten)]
    pub network: NetworkOptions,
    /// Test a simulated network instead, as its first computer sees it, with its own servers.
    #[arg(long, value_name = "NAME", value_parser = scenario, conflicts_with_all = ["stun", "servers", "web_page", "interfaces"])]
    pub scenario: Option<Scenario>,
    /// Print the result as one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Where results go.
#[derive(Debug, Args)]
pub(super) struct OutputOptions {
    /// Print the report as one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    /// Write the report into a file.
    #[arg(long, value_name = "OUT.json")]
    pub report: Option<PathBuf>,
}

/// Options of `floe report`.
#[derive(Debug, Args)]
pub(super) struct ReportOptions {
    /// The record or capture.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print the report as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Also write the report as one HTML page that needs nothing else.
    #[arg(long, value_name = "OUT.html")]
    pub html: Option<PathBuf>,
    /// Add the other side of the same call: its record, a capture there, or a text with what it copied. Then the report
    /// tells what both ends saw, and each direction by itself.
    #[arg(long, value_name = "OTHER")]
    pub side: Option<PathBuf>,
    /// Print what this side saw as a text for the other one (its --side, or its window), and nothing else.
    #[arg(long, conflicts_with_all = ["json", "side", "redact"])]
    pub copy_side: bool,
    /// Replace addresses, ports and names by pseudonyms, in every output.
    #[arg(long)]
    pub redact: bool,
    /// Of a capture with several ICE sessions, the one with this user fragment.
    #[arg(long, value_name = "UFRAG")]
    pub session: Option<String>,
    /// See a capture from the other side than the one that Floe takes for you.
    #[arg(long)]
    pub swap_sides: bool,
    /// Also save the record, of a capture for example.
    #[arg(long, value_name = "OUT.floe")]
    pub save: Option<PathBuf>,
    /// Also write what was sent and received for Wireshark.
    #[arg(long, value_name = "OUT.pcapng")]
    pub pcap: Option<PathBuf>,
    /// Leave encrypted audio out of the capture: its packets end after the RTP header.
    #[arg(long, requires = "pcap")]
    pub no_payloads: bool,
}

/// Options of `floe open`.
#[derive(Debug, Args)]
pub(super) struct OpenOptions {
    /// A Floe record (.floe), or a capture (.pcap, .pcapng) of any program.
    pub file: PathBuf,
}

/// Options of `floe code`.
#[derive(Debug, Args)]
pub(super) struct CodeOptions {
    /// The code, or `-` to read it from standard input.
    pub code: String,
}

fn scenario(name: &str) -> Result<Scenario, String> {
    Scenario::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Scenario::ALL.iter().map(|scenario| scenario.name()).collect();
        format!("there is no such scenario; choose one of {}", names.join(", "))
    })
}

/// It is read later: clap repeats what it refuses, with the password in it. Credentials may follow in other options.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a parser that may fail")]
fn turn_access(url: &str) -> Result<TurnAccess, Infallible> {
    Ok(TurnAccess { url: url.to_owned(), credentials: None })
}

fn privacy(name: &str) -> Result<Privacy, String> {
    Privacy::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Privacy::ALL.iter().map(|level| level.name()).collect();
        format!("there is no such level; choose one of {}", names.join(", "))
    })
}

fn any_stun_server(url: &str) -> Result<String, UrlError> {
    ServerUrl::parse_any(url).map(|_| url.to_owned())
}

fn stun_server(url: &str) -> Result<String, UrlError> {
    ServerUrl::parse(url).map(|_| url.to_owned())
}

/// The tone of `--audio tone`: concert pitch, easy to recognise and to measure.
pub(super) const TONE_HZ: u32 = 440;

fn audio_source(text: &str) -> Result<AudioSource, String> {
    match text {
        "device" => Ok(AudioSource::Device(None)),
        "tone" => Ok(AudioSource::Tone { hz: TONE_HZ }),
        "none" => Ok(AudioSource::None),
        file if PathBuf::from(file).is_file() => Ok(AudioSource::Wav(PathBuf::from(file))),
        _ => Err("there is no such file; give device, tone, none or a WAV file".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_server_that_is_no_stun_url_is_refused_before_the_call() {
        assert!(stun_server("http://example.org").is_err());
        assert!(stun_server("stun:stun.example.org").is_ok());
    }

    #[test]
    fn turn_servers_take_credentials_from_the_url_or_from_the_options() {
        let options = |servers: &[&str], user: Option<&str>| TurnOptions {
            servers: servers.iter().map(|url| turn_access(url).unwrap()).collect(),
            user: user.map(str::to_owned),
            password: Some("secret".to_owned()),
            authorities: None,
        };
        let user = |server: &TurnAccess| server.read().unwrap().1.user;
        let servers = options(&["turn:alice:hunter2@host", "turns:host"], Some("bob")).servers().unwrap();
        assert_eq!(servers.iter().map(user).collect::<Vec<_>>(), ["alice", "bob"]);
        let error = format!("{:#}", options(&["turn:host"], None).servers().unwrap_err());
        assert!(error.contains("needs a user name and a password"), "{error}");
        let error = format!("{:#}", options(&["stun:alice:hunter2@host"], Some("bob")).servers().unwrap_err());
        assert_eq!(
            error,
            "--turn: this is not a TURN server; write it as turn:host, turn:host?transport=tcp or turns:host"
        );
    }

    #[test]
    fn peer_b_of_a_demo_is_kept_beside_peer_a() {
        let keep = |save: &str| KeepOptions { save: Some(save.into()), pcap: None, no_payloads: false };
        let beside = |save: &str| keep(save).of_peer_b().save;
        assert_eq!(beside("calls/one.floe"), Some("calls/one.b.floe".into()));
        assert_eq!(beside("one"), Some("one.b".into()));
        assert_eq!(beside("."), None, "it is no file");
    }

    #[test]
    fn a_missing_file_is_named_as_such() {
        assert!(audio_source("no-such-file.wav").is_err());
        assert_eq!(audio_source("tone"), Ok(AudioSource::Tone { hz: 440 }));
    }
}
