//! Notes about the peer's side, and the digest of ours.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
};

use floe_wire::{
    Direction, Generation, SightedKind, Stamp,
    note::InterfaceAddress,
    peer::{ClockComparison, Digest, MediaDigest, PairDigest, RestartCause},
    stun::TransactionId,
};

use super::{
    Inspector,
    sightings::{SightingLog, sighting_of},
};
use crate::{
    Picture,
    gaps::Gaps,
    ladder::Lane,
    markers::MarkerKind,
    peer::{ChannelView, PeerPair, PeerView, RestartView, push_restart},
    picture::{PairId, PairView, Severity},
    words::{count, millis},
};

/// Checks whose pair is remembered: a digest is a second old at most, and 20 checks leave in one.
const CHECKS_REMEMBERED: usize = 2_048;
/// Pairs of the peer that are kept; a generation has at most 100.
const PEER_PAIRS_KEPT: usize = 400;

/// Generations whose candidates are kept beside the newest one; their pairs are kept as long.
const GENERATIONS_IN_VIEW: u32 = 15;

/// What links both ends' records.
#[derive(Debug, Clone, Default)]
pub(super) struct BothEnds {
    /// Our newest checks, by the start of their transaction ids.
    sent: VecDeque<(u32, PairId)>,
    /// The newest check of the peer over each pair.
    received: BTreeMap<PairId, u32>,
    /// What our last digest said.
    told: BTreeMap<PairId, PairDigest>,
    pub(super) gaps: Gaps,
    pub(super) sightings: SightingLog,
}

impl BothEnds {
    pub(super) fn on_check_sent(&mut self, pair: PairId, transaction: TransactionId) {
        if self.sent.len() >= CHECKS_REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back((start_of(transaction), pair));
    }

    pub(super) fn on_check_received(&mut self, pair: PairId, transaction: TransactionId) {
        self.received.insert(pair, start_of(transaction));
    }

    fn pair_of(&self, start: u32) -> Option<PairId> {
        self.sent.iter().rev().find(|(known, _)| *known == start).map(|(_, pair)| *pair)
    }
}

fn start_of(TransactionId(id): TransactionId) -> u32 {
    u32::from_be_bytes([id[0], id[1], id[2], id[3]])
}

impl Inspector {
    /// What this record says, for the peer: pairs that changed since the last digest, at most `most` of them.
    pub fn digest(&mut self, most: usize) -> Digest {
        let BothEnds { received, told, .. } = &mut self.both_ends;
        // Pairs that are not in the picture any more are none of the peer's business.
        let views = &self.picture.pairs;
        received.retain(|pair, _| views.iter().any(|view| view.id == *pair));
        told.retain(|pair, _| views.iter().any(|view| view.id == *pair));
        let mut pairs = Vec::new();
        for view in views.iter().rev() {
            let digest = digest_of(view, received.get(&view.id).copied());
            let is_news = view.requests_sent + view.requests_received > 0 && told.get(&view.id) != Some(&digest);
            if is_news && pairs.len() < most {
                told.insert(view.id, digest);
                pairs.push(digest);
            }
        }
        Digest { at: self.picture.at, pairs, media: media_digest(&self.picture) }
    }

    pub(super) fn on_control_opened(&mut self) {
        self.picture.peer.channel = ChannelView::Open { since: self.picture.at };
        self.say(Severity::Info, "call", "Both sides can tell each other what they see".to_owned());
    }

    pub(super) fn on_control_closed(&mut self, reason: &str) {
        self.picture.peer.channel = ChannelView::Closed { reason: reason.to_owned() };
        self.say(Severity::Info, "call", format!("Only this side is in view: {reason}"));
    }

    pub(super) fn on_peer_muted(&mut self, muted: bool) {
        if self.picture.peer.muted == muted {
            return;
        }
        self.picture.peer.muted = muted;
        let text = if muted { "The other side is muted" } else { "The other side is not muted any more" };
        self.say(Severity::Info, "audio", text.to_owned());
    }

    pub(super) fn on_peer_pair_selected(&mut self, generation: Generation, address: SocketAddr) {
        self.picture.peer.sends_to = Some((generation, address));
        self.say(Severity::Detail, "selection", format!("The other side sends its audio to {address}"));
    }

    pub(super) fn on_clocks_compared(&mut self, clocks: ClockComparison) {
        self.on_clocks_matched(self.picture.at, clocks);
        if self.picture.peer.clocks.replace(clocks).is_none() {
            let within = millis(clocks.uncertainty);
            self.say(Severity::Detail, "call", format!("Both clocks were compared, to within {within}"));
        }
    }

    /// Both clocks at a moment of the past.
    pub(super) fn on_clocks_matched(&mut self, at: Stamp, clocks: ClockComparison) {
        self.picture.peer.clock_log.push(at, clocks);
        self.place_early_sightings();
    }

    pub(super) fn on_peer_side_added(&mut self, matched: u64) {
        self.picture.peer.channel = ChannelView::Added { matched };
        let what = count(matched, "message");
        self.say(Severity::Info, "call", format!("The other side's record was added: both have {what} in common"));
    }

    pub(super) fn on_peer_digest(&mut self, digest: &Digest) {
        let at = self.picture.at;
        let told = self.time_of_digest(digest);
        let first = self.picture.peer.digests.map_or(told, |(first, _)| first);
        self.picture.peer.digests = Some((first, told));
        self.picture.peer.media = Some(digest.media);
        self.picture.ways.there.push(digest.media.packets_lost, digest.media.packets_received, at);
        for seen in &digest.pairs {
            let ours =
                seen.newest_request.and_then(|start| self.both_ends.pair_of(start).or_else(|| self.pair_sent(start)));
            self.place(*seen, ours.filter(|pair| pair.generation == seen.generation));
        }
        self.is_pairs_stale = true;
    }

    /// Up to when a digest tells of our checks: one that is added after the fact may have been made long before.
    fn time_of_digest(&self, digest: &Digest) -> Stamp {
        let PeerView { channel, clock_log, .. } = &self.picture.peer;
        let made = matches!(channel, ChannelView::Added { .. }).then(|| clock_log.to_ours(digest.at)).flatten();
        made.map_or(self.picture.at, |(made, _)| made.min(self.picture.at))
    }

    /// A pair of long ago by one of its checks. Only a person can ask for it, so that it may take its time.
    fn pair_sent(&self, start: u32) -> Option<PairId> {
        if !matches!(self.picture.peer.channel, ChannelView::Added { .. }) {
            return None;
        }
        let rows = self.picture.ladder.rows(None);
        let sent = rows.iter().rev().filter_map(|(_, message)| Some((sighting_of(message)?, message.lane)));
        let mut sent = sent.filter(|(sighting, _)| {
            (sighting.key, sighting.kind, sighting.direction) == (start, SightedKind::Request, Direction::Outbound)
        });
        match sent.next()?.1 {
            Lane::Pair(pair) => Some(pair),
            Lane::Server { .. } | Lane::Other => None,
        }
    }

    fn place(&mut self, seen: PairDigest, ours: Option<PairId>) {
        let pairs = &mut self.picture.peer.pairs;
        let is_same = |known: &PeerPair| {
            (known.seen.generation, known.seen.base, known.seen.remote) == (seen.generation, seen.base, seen.remote)
        };
        match pairs.iter_mut().find(|known| is_same(known)) {
            Some(known) => *known = PeerPair { ours: ours.or(known.ours), seen },
            None => {
                if pairs.len() >= PEER_PAIRS_KEPT {
                    pairs.remove(0);
                }
                pairs.push(PeerPair { ours, seen });
            }
        }
    }

    pub(super) fn on_network_changed(&mut self, appeared: &[InterfaceAddress], vanished: &[InterfaceAddress]) {
        let list = |verb: &str, addresses: &[InterfaceAddress]| {
            let names: Vec<String> = addresses.iter().map(|at| format!("{} ({})", at.interface, at.ip)).collect();
            (!names.is_empty()).then(|| format!("{} {verb}", names.join(", ")))
        };
        let parts: Vec<String> = [list("came", appeared), list("went away", vanished)].into_iter().flatten().collect();
        let severity = if vanished.is_empty() { Severity::Info } else { Severity::Warning };
        self.mark(MarkerKind::NetworkChange, parts.join("; "));
        self.say(severity, "network", format!("The network changed: {}", parts.join("; ")));
    }

    pub(super) fn on_restart_started(&mut self, generation: Generation, cause: RestartCause) {
        let started = self.picture.at;
        push_restart(&mut self.picture.restarts, RestartView { generation, cause, started, selected: None, gap: None });
        let is_of_the_network = match cause {
            RestartCause::NetworkUp
            | RestartCause::NetworkDown
            | RestartCause::RelayLost
            | RestartCause::DefaultRoute
            | RestartCause::Resumed => true,
            RestartCause::Asked
            | RestartCause::Peer
            | RestartCause::PathSilent
            | RestartCause::TookOver
            | RestartCause::Quality
            | RestartCause::Wish
            | RestartCause::Untold => false,
        };
        if is_of_the_network {
            self.mark(MarkerKind::NetworkChange, cause.name().to_owned());
        }
        let text = format!("ICE restarts, generation {}: {}", generation.0, cause.name());
        self.say(Severity::Info, "selection", text);
        let oldest = Generation(generation.0.saturating_sub(GENERATIONS_IN_VIEW));
        self.local.forget_before(&mut self.picture.local_candidates, oldest);
        self.remote.forget_before(&mut self.picture.remote_candidates, oldest);
    }

    pub(super) fn on_restart_impossible(&mut self, reason: &str) {
        self.say(Severity::Warning, "selection", format!("ICE was not restarted: {reason}"));
    }

    pub(super) fn on_generation_retired(&mut self, generation: Generation) {
        self.say(Severity::Detail, "selection", format!("Generation {} is over", generation.0));
    }

    /// Audio moved to a pair of this generation.
    pub(super) fn on_restart_selected(&mut self, generation: Generation) {
        let at = self.picture.at;
        let restart = self.picture.restarts.iter_mut().rev().find(|restart| restart.generation == generation);
        if let Some(restart) = restart {
            restart.selected.get_or_insert(at);
        }
    }

    /// Measures what restarts cost, and tells it.
    pub(super) fn measure_gaps(&mut self) {
        let Some(audio) = &self.picture.audio else { return };
        let untold = self.picture.restarts.iter().filter(|restart| restart.gap.is_none()).count();
        let interruptions = &self.picture.interruptions;
        self.both_ends.gaps.on_measure(self.picture.at, audio, interruptions, &mut self.picture.restarts);
        let told: Vec<_> = self.picture.restarts.iter().rev().take(untold).filter_map(gap_sentence).collect();
        for text in told.into_iter().rev() {
            self.say(Severity::Info, "audio", text);
        }
    }

    /// Adds what the peer saw of the checks over a pair to the sentence about it.
    pub(super) fn append_peers_word(&mut self, id: PairId) {
        let Some(word) = self.peers_word(id, &self.picture.peer) else { return };
        if let Some((view, _)) = self.pairs.get_mut(&mut self.picture.pairs, id) {
            view.why.push_str(&word);
        }
    }

    /// The picture with what is known of the peer otherwise, where the record itself has no word of it.
    pub(crate) fn picture_with(&self, peer: PeerView) -> Picture {
        let mut picture = self.picture.clone();
        for view in &mut picture.pairs {
            view.why.extend(self.peers_word(view.id, &peer));
        }
        picture.peer = peer;
        picture
    }

    /// What the peer saw of checks over a pair that were not answered.
    fn peers_word(&self, id: PairId, peer: &PeerView) -> Option<String> {
        let (_, newest) = peer.digests?;
        let (view, facts) = self.pairs.get(&self.picture, id)?;
        let is_younger = facts.first_request.is_none_or(|first| first > newest);
        if is_younger || view.requests_sent == 0 || view.last_answer.is_some() {
            return None;
        }
        Some(match peer.seen_of(id) {
            Some(seen) => {
                let answers = count(u64::from(seen.responses_sent), "answer");
                format!("; the peer saw {} of them and sent {answers}", seen.requests_received)
            }
            None => "; the peer saw none of them".to_owned(),
        })
    }
}

fn gap_sentence(restart: &RestartView) -> Option<String> {
    let gap = restart.gap?;
    let successor = match restart.cause {
        RestartCause::TookOver => "The path in reserve".to_owned(),
        RestartCause::Quality => "The better path".to_owned(),
        RestartCause::Wish => "The path that a person wanted".to_owned(),
        _ => format!("Generation {}", restart.generation.0),
    };
    Some(match gap.is_zero() {
        true => format!("{successor} took over without a gap"),
        false => format!("{successor} took over; {} of audio were missing", millis(gap)),
    })
}

/// What is heard.
pub(crate) fn media_digest(picture: &Picture) -> MediaDigest {
    let Some(audio) = &picture.audio else { return MediaDigest::default() };
    let jitter = audio.jitter_s.filter(|jitter| (0.0..60.0).contains(jitter)).unwrap_or(0.0);
    MediaDigest {
        packets_sent: audio.packets_sent,
        packets_received: audio.packets_received,
        packets_lost: audio.packets_lost,
        jitter: std::time::Duration::from_secs_f64(jitter),
        concealed_samples: audio.concealed_samples,
        played_samples: audio.played_samples,
    }
}

/// A pair in numbers.
pub(crate) fn digest_of(view: &PairView, newest_request: Option<u32>) -> PairDigest {
    let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    PairDigest {
        generation: view.id.generation,
        base: view.id.base,
        remote: view.id.remote,
        requests_sent: count(view.requests_sent + view.retransmissions_sent),
        responses_received: count(view.responses_received),
        requests_received: count(view.requests_received),
        responses_sent: count(view.responses_sent),
        newest_request,
    }
}
