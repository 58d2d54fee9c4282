//! How a call is set up.

use std::{path::PathBuf, sync::Arc, time::Duration};

use floe_transport::{
    Clock,
    relay::{TlsTrust, TurnAccess},
};
use floe_wire::Record;
use tokio::sync::mpsc;

use crate::{
    command::{AudioClock, AudioSource, Playback},
    privacy::Privacy,
    web::WebPage,
};

/// How a call is set up.
#[derive(Clone)]
pub struct CallConfig {
    /// STUN servers as `stun:host[:port]`; none are contacted unless named here.
    pub stun_servers: Vec<String>,
    /// A page that is asked for once, to see whether the network leads it elsewhere; none is unless named here.
    pub web_page: Option<WebPage>,
    /// TURN servers; none are contacted unless named here.
    pub turn_servers: Vec<TurnAccess>,
    /// Whom to believe that it is a TURN server that TLS leads to.
    pub turn_trust: TlsTrust,
    /// Names of the interfaces to use; empty means all.
    pub interfaces: Vec<String>,
    /// Whether loopback addresses are candidates (for tests and the loopback demo).
    pub include_loopback: bool,
    /// What the peer learns of our addresses.
    pub privacy: Privacy,
    /// How often servers are asked again while people exchange codes, so that routers keep the addresses in them; more
    /// often where an address moves all the same.
    pub mapping_refresh: Duration,
    /// Whether candidates for TCP are offered (RFC 6544), for networks that let no UDP through.
    pub tcp: bool,
    /// TCP ports to listen on besides one that the system chooses; firewalls let 443 and 80 through most.
    pub tcp_ports: Vec<u16>,
    /// Ta: the least time between new checks over all bases (RFC 8445 section 14.2), 5 to 50 ms.
    pub pacing: Duration,
    /// Whose clock audio keeps.
    pub audio_clock: AudioClock,
    /// What is sent.
    pub source: AudioSource,
    /// Where received audio is played.
    pub playback: Playback,
    /// Received audio is written here as WAV.
    pub record_wav: Option<PathBuf>,
    /// The clock of the record. Two calls of one process may share one: then nothing has to be compared, and every
    /// one-way delay is exact.
    pub shared_clock: Option<Clock>,
    /// Gets every record in batches; a reader that lags loses batches, and the record says so.
    pub records: Option<mpsc::Sender<Vec<Record>>>,
    /// Called whenever there is a new snapshot.
    pub repaint: Arc<dyn Fn() + Send + Sync>,
}

impl Default for CallConfig {
    fn default() -> Self {
        Self {
            stun_servers: Vec::new(),
            web_page: None,
            turn_servers: Vec::new(),
            turn_trust: TlsTrust::default(),
            interfaces: Vec::new(),
            include_loopback: false,
            privacy: Privacy::default(),
            // Home routers forget a mapping that nothing crosses after 30 s or more (RFC 4787 section 4.3 asks for two
            // minutes); a lost request is repeated within the rest.
            mapping_refresh: Duration::from_secs(20),
            tcp: true,
            tcp_ports: Vec::new(),
            pacing: Duration::from_millis(5),
            audio_clock: AudioClock::System,
            source: AudioSource::None,
            playback: Playback::None,
            record_wav: None,
            shared_clock: None,
            records: None,
            repaint: Arc::new(|| {}),
        }
    }
}
