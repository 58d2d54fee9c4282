//! Import of captures of any program: pcap and pcapng in, records out, which the same inspector folds.
//!
//! One pass over the file keeps what belongs to ICE (STUN, TURN, DTLS handshakes) packet by packet and counts media per
//! second; then one session is chosen and seen from one side. Understood are Ethernet with VLAN tags, Linux cooked
//! captures, raw IP and BSD loopback; UDP, and TCP with RFC 4571 frames or TURN in it. TLS hides what it carries. A NAT
//! that is captured on both its sides shows its two halves as two pairs.

mod checks;
mod collector;
mod compose;
mod flows;
mod frames;
mod layers;
mod relays;
mod source;
mod stream;
mod us;

use std::{collections::BTreeSet, io::Read, net::SocketAddr, ops::ControlFlow, time::Duration};

use floe_wire::{BaseKind, Note, Record, RecordBody, Stamp};

pub use self::us::Why;
use self::{
    checks::Grouped,
    collector::Collector,
    compose::{Composition, compose},
    flows::Flows,
    frames::Frames,
};
use crate::Problem;

/// How often progress is told, in bytes of the file.
const PROGRESS_INTERVAL: u64 = 4 << 20;

/// Addresses listed of each side of a session.
const ADDRESSES_LISTED: usize = 32;

/// What to take from a capture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// The session that has this user fragment; none takes the one with the most checks.
    pub session: Option<String>,
    /// Whether the other side than the inferred one is us.
    pub swap_sides: bool,
}

/// What a capture holds.
#[derive(Debug, Default)]
pub struct Import {
    /// The chosen session as records.
    pub records: Vec<Record>,
    /// Every ICE session in the file, the earliest first.
    pub sessions: Vec<Session>,
    /// Which of them the records are of.
    pub chosen: Option<usize>,
    /// Which side of it is us, and why: "192.0.2.1 is taken for us: …".
    pub us: Option<Us>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// What was seen.
    pub counts: Counts,
}

/// The side that was taken for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Us {
    /// 0 or 1, as in [`Session::addresses`].
    pub side: usize,
    /// Why.
    pub why: Why,
}

/// An ICE session in a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// User fragments of both sides that checked each other, in the order they began. While ICE restarts, one side's new
    /// fragment may meet the other's old one.
    pub generations: Vec<[String; 2]>,
    /// Some addresses of each side.
    pub addresses: [Vec<SocketAddr>; 2],
    /// Checks captured.
    pub checks: u64,
    /// The first and the last check.
    pub span: (Stamp, Stamp),
}

/// What was seen in a capture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames.
    pub frames: u64,
    /// Frames whose end was not captured (snap length).
    pub cut: u64,
    /// Those of them that are media with its header.
    pub cut_media: u64,
    /// Frames that are older than one before them.
    pub backwards: u64,
    /// UDP datagrams.
    pub udp: u64,
    /// TCP segments.
    pub tcp: u64,
    /// STUN and TURN messages, relayed ones included.
    pub stun: u64,
    /// Checks that do not parse.
    pub malformed_stun: u64,
    /// DTLS packets.
    pub dtls: u64,
    /// RTP and RTCP packets.
    pub media: u64,
    /// Parts of packets that IP cut up; only the first parts are looked at.
    pub fragments: u64,
    /// TCP segments that brought bytes again.
    pub tcp_overlaps: u64,
    /// Places where bytes of a TCP connection are missing.
    pub tcp_gaps: u64,
    /// Frames of link layers that are not understood.
    pub unknown_link: u64,
    /// Everything else.
    pub other: u64,
    /// Packets of the file that are in the records, one by one or counted.
    pub taken: u64,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file that were read.
    pub bytes: u64,
    /// Frames in them.
    pub frames: u64,
}

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It begins with something else.
    #[error("this is neither a pcap nor a pcapng file")]
    NotACapture,
    /// There is no such session.
    #[error("the capture holds no ICE session with the user fragment \"{ufrag}\"")]
    NoSuchSession {
        /// What was asked for.
        ufrag: String,
    },
    /// The caller had enough.
    #[error("the import was cancelled")]
    Cancelled,
    /// Nothing could be read.
    #[error("cannot read the capture: {0}")]
    Unreadable(std::io::Error),
}

/// Imports a capture. `progress` is called every 4 MiB and may end the import with [`ControlFlow::Break`].
///
/// # Errors
/// When it is no capture, holds no such session, was cancelled, or cannot be read at all. Damage is no error.
pub fn import(
    source: impl Read,
    options: &ImportOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Import, ImportError> {
    let mut frames = Frames::new(source)?;
    let mut collector = Collector::default();
    let mut due = PROGRESS_INTERVAL;
    while let Some(frame) = frames.next() {
        collector.take(&frame);
        if frames.position() >= due {
            due = frames.position() + PROGRESS_INTERVAL;
            let told = progress(Progress { bytes: frames.position(), frames: collector.counts.frames });
            if told.is_break() {
                return Err(ImportError::Cancelled);
            }
        }
    }
    collector.finish();
    conclude(collector, frames, options)
}

fn conclude<R: Read>(collector: Collector, frames: Frames<R>, options: &ImportOptions) -> Result<Import, ImportError> {
    let grouped = collector.checks.sessions(&collector.flows);
    let chosen = choose(&grouped, options)?;
    let us = chosen.map(|chosen| {
        let (side, why) = us::infer(&grouped[chosen], &grouped, &collector.flows, &collector.checks, &collector.relays);
        if options.swap_sides { Us { side: 1 - side, why: Why::Chosen } } else { Us { side, why } }
    });
    let start = collector.first.unwrap_or_default() / 1_000_000 * 1_000_000;
    let sessions = grouped.iter().map(|session| Session::of(session, &collector.flows, start)).collect();
    let mut counts = collector.counts;
    let records = compose(Composition {
        collector,
        session: chosen.map(|chosen| &grouped[chosen]),
        us: us.map_or(0, |us| us.side),
        interface_name: &|interface| frames.interface_name(interface),
    });
    counts.taken = taken(&records);
    let mut problems = frames.into_problems();
    problems.extend(Problem::of_counts(&counts));
    Ok(Import { records, sessions, chosen, us, problems, counts })
}

fn choose(grouped: &[Grouped], options: &ImportOptions) -> Result<Option<usize>, ImportError> {
    let Some(ufrag) = &options.session else {
        return Ok((0..grouped.len()).max_by_key(|session| (grouped[*session].checks, usize::MAX - session)));
    };
    let has = |session: &Grouped| session.generations.iter().any(|generation| generation.names.contains(ufrag));
    let found = grouped.iter().position(has);
    found.map(Some).ok_or_else(|| ImportError::NoSuchSession { ufrag: ufrag.clone() })
}

/// Packets in the records. What a relay carries is counted outside and inside; it is in the file once.
fn taken(records: &[Record]) -> u64 {
    let mut relays = BTreeSet::new();
    let mut taken = 0;
    for record in records {
        match &record.body {
            RecordBody::Packet(_) => taken += 1,
            RecordBody::Note(note) => match &**note {
                Note::BaseOpened { base, kind: BaseKind::Relay { .. }, .. } => {
                    relays.insert(*base);
                }
                Note::TrafficCounted { base, counts, .. } if !relays.contains(base) => {
                    taken += counts.iter().map(|count| count.packets).sum::<u64>();
                }
                _ => {}
            },
        }
    }
    taken
}

impl Session {
    fn of(grouped: &Grouped, flows: &Flows, start: u64) -> Self {
        let stamp = |at: u64| Stamp(Duration::from_nanos(at.saturating_sub(start)));
        Self {
            generations: grouped.generations.iter().map(|generation| generation.names.clone()).collect(),
            addresses: grouped.addresses(flows).map(|side| side.into_iter().take(ADDRESSES_LISTED).collect()),
            checks: grouped.checks,
            span: (stamp(grouped.span.0), stamp(grouped.span.1)),
        }
    }
}

impl Import {
    /// Which side was taken for us, and why, as a sentence.
    #[must_use]
    pub fn us_sentence(&self) -> Option<String> {
        let (us, session) = (self.us?, self.sessions.get(self.chosen?)?);
        let addresses = session.addresses[us.side].iter().map(|address| address.ip().to_string());
        let mut addresses: Vec<_> = addresses.collect();
        addresses.dedup();
        let more = if addresses.len() > 3 { " and more" } else { "" };
        addresses.truncate(3);
        Some(format!("{}{more} is taken for us: {}", addresses.join(", "), us.why.reason()))
    }
}
