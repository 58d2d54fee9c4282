//! Rules about a path that was found: keys, media, and how it was lost.

use std::time::Duration;

use floe_wire::{CandidateType, PacketKind, Stamp, note::EndReason, verdict::PairVerdict};

use super::is_lost;
use crate::{
    Marker, Picture,
    diagnosis::{Confidence, Verdict},
    markers::MarkerKind,
    picture::{PairId, PairState, PairView, SecurityView, Selection},
    words::{count, millis, seconds},
};

/// An interface event and a loss belong together within this time (shared rule C25).
const SAME_EVENT: Duration = Duration::from_secs(3);

/// The shortest idle time after which home routers forget a mapping (25 s is safe, 30 s is seen).
const IDLE: Duration = Duration::from_secs(25);

/// Media and handshakes get this long before their absence says something.
const MEDIA_PATIENCE: Duration = Duration::from_secs(5);

/// A path in use that nobody was heard on for so long is lost, whatever is tried beside it.
const GIVEN_UP: Duration = Duration::from_secs(10);

/// A datagram of this size is a multiple of a check's; smaller ones pass wherever checks do.
const LARGE: u64 = 400;

/// C22: a pair works and the choice of it does not, or the two ends use different pairs.
pub(in crate::diagnosis) fn nomination_lost(picture: &Picture) -> Option<Verdict> {
    let unheard = picture.pairs.iter().find(|pair| {
        pair.signs.nominations_sent >= 5 && pair.signs.nominations_answered == 0 && pair.last_answer.is_some()
    });
    if let Some(pair) = unheard.filter(|_| picture.selections.is_empty()) {
        let times = count(pair.signs.nominations_sent, "time");
        let evidence = format!("{} answers, but not when it is nominated ({times})", pair.id.remote);
        return Some(renominate(Confidence::Likely, evidence));
    }
    let (ours, theirs) = disagreement(picture)?;
    let evidence = format!("we send to {ours}, their audio comes from {theirs}");
    Some(renominate(Confidence::Likely, evidence))
}

fn renominate(confidence: Confidence, evidence: String) -> Verdict {
    let advice = "The pair is nominated again; restart ICE if that does not help.".to_owned();
    Verdict { confidence, evidence, advice }
}

/// Audio that has come over another pair than ours for some seconds: for a moment both ends may differ.
fn disagreement(picture: &Picture) -> Option<(std::net::SocketAddr, std::net::SocketAddr)> {
    let (selection, selected) = (picture.selections.last()?, picture.selected_pair()?);
    let is_settled = picture.at.since(selection.at) >= MEDIA_PATIENCE;
    let is_recent =
        |pair: &PairView| pair.signs.last_audio_received.is_some_and(|at| picture.at.since(at) < SAME_EVENT);
    let other = picture.pairs.iter().find(|pair| pair.id != selected.id && is_recent(pair))?;
    let silent_since = selected.signs.last_audio_received.map_or(selection.at, |at| at.max(selection.at));
    let is_silent = picture.at.since(silent_since) >= MEDIA_PATIENCE;
    (is_settled && is_silent && picture.ended.is_none()).then_some((selected.id.remote, other.id.remote))
}

/// C23: small packets of the handshake pass and large ones do not.
pub(in crate::diagnosis) fn path_mtu(picture: &Picture) -> Option<Verdict> {
    let since = handshaking_since(picture)?;
    let signs = &picture.dtls;
    let is_stalled = now(picture).since(since) >= MEDIA_PATIENCE || gave_up_handshake(picture);
    let is_large = signs.large_sent >= 3 && signs.received > 0;
    (is_stalled && is_large).then(|| Verdict {
        confidence: Confidence::Likely,
        evidence: format!(
            "checks pass, but handshake packets of {} bytes were sent {}",
            signs.largest_sent,
            count(signs.large_sent, "time")
        ),
        advice: "Large packets do not pass this path: lower the MTU of a VPN or tunnel, or use another network."
            .to_owned(),
    })
}

/// C28: checks are answered, and nothing else gets through. A handshake that begins with large packets may as well have
/// met a small path MTU.
pub(in crate::diagnosis) fn only_stun_passes(picture: &Picture) -> Option<Verdict> {
    let pair = picture.selected_pair().filter(|pair| pair.state == PairState::Succeeded)?;
    if let Some(since) = handshaking_since(picture) {
        let is_stalled = now(picture).since(since) >= MEDIA_PATIENCE || gave_up_handshake(picture);
        let signs = &picture.dtls;
        return (is_stalled && signs.received == 0).then(|| match signs.large_sent {
            0 => some_protocols(
                Confidence::Likely,
                format!("checks with {} are answered, the handshake is not", pair.id.remote),
            ),
            _ => some_protocols(
                Confidence::Possible,
                format!(
                    "checks with {} are answered, the handshake is not; its packets of {} bytes may also be too large",
                    pair.id.remote, signs.largest_sent
                ),
            ),
        });
    }
    let secured = picture.timings.secured.filter(|_| matches!(picture.security, SecurityView::Secured(_)))?;
    let is_silent = media_received(picture) == 0 && now(picture).since(secured) >= MEDIA_PATIENCE;
    let is_sending = picture.audio.as_ref().is_some_and(|audio| audio.packets_sent > 50);
    let evidence = || format!("checks with {} are answered, no media arrives", pair.id.remote);
    (is_silent && is_sending).then(|| some_protocols(Confidence::Likely, evidence()))
}

fn some_protocols(confidence: Confidence, evidence: String) -> Verdict {
    let advice = "Something on the way lets only some protocols pass: use a relay over TLS or another network.";
    Verdict { confidence, evidence, advice: advice.to_owned() }
}

/// The handshake that is under way or has failed; it began when the pair was selected.
fn handshaking_since(picture: &Picture) -> Option<Stamp> {
    match picture.security {
        SecurityView::Handshaking { since } => Some(since),
        SecurityView::Failed { .. } => picture.timings.selected,
        SecurityView::None | SecurityView::Secured(_) | SecurityView::Seen(_) => None,
    }
}

fn gave_up_handshake(picture: &Picture) -> bool {
    matches!(picture.security, SecurityView::Failed { .. })
}

fn media_received(picture: &Picture) -> u64 {
    let is_media = |kind: &PacketKind| matches!(kind, PacketKind::Rtp | PacketKind::Rtcp);
    let counts = picture.counters.received_by_kind.iter().filter(|(kind, _)| is_media(kind));
    let direct: u64 = counts.map(|(_, count)| *count).sum();
    let relayed = picture.selected_pair().map_or(0, |pair| pair.media_received.packets);
    direct + relayed.saturating_sub(picture.dtls.received)
}

/// C24: the peer's audio arrives and ours does not, or the other way round.
pub(in crate::diagnosis) fn one_way_media(picture: &Picture) -> Option<Verdict> {
    let audio = picture.audio.as_ref()?;
    let secured = picture.timings.secured?;
    if is_lost(picture) || now(picture).since(secured) < MEDIA_PATIENCE {
        return None;
    }
    let Some(lost) = audio.remote_fraction_lost else { return unreported_media(picture, secured) };
    let (evidence, advice) = if lost >= 0.9 && audio.packets_received > 50 {
        ("their audio arrives, ours does not", "Check this computer's firewall, or restart ICE for another path.")
    } else if lost < 0.5 && audio.packets_received == 0 && audio.packets_sent > 50 {
        ("our audio arrives, theirs does not", "Ask the other side whether it is muted or may use its microphone.")
    } else {
        return None;
    };
    Some(Verdict { confidence: Confidence::Likely, evidence: evidence.to_owned(), advice: advice.to_owned() })
}

/// The other side reports on what it receives every few seconds, and never mentions our audio (RFC 3550 section 6.4).
fn unreported_media(picture: &Picture, secured: Stamp) -> Option<Verdict> {
    let audio = picture.audio.as_ref()?;
    let reports = picture.counters.received_by_kind.iter().find(|(kind, _)| *kind == PacketKind::Rtcp);
    let is_reporting = reports.is_some_and(|(_, count)| *count >= 3) && audio.packets_received > 250;
    let is_late = now(picture).since(secured) >= MEDIA_PATIENCE * 3 && audio.packets_sent > 250;
    (is_reporting && is_late).then(|| Verdict {
        confidence: Confidence::Possible,
        evidence: "their audio arrives, and their reports never mention ours".to_owned(),
        advice: "Check this computer's firewall, or restart ICE for another path.".to_owned(),
    })
}

/// C25: the path was lost together with an interface or an address.
pub(in crate::diagnosis) fn network_changed(picture: &Picture) -> Option<Verdict> {
    let (change, loss) = change_and_loss(picture)?;
    let lost_at = loss.min(change.at);
    let is_kept = |selection: &&Selection| {
        let answered = picture.pair(selection.pair).and_then(|pair| pair.last_answer);
        !is_lost(picture) || answered.is_some_and(|at| at.since(selection.at) >= SAME_EVENT)
    };
    let moved = picture.selections.iter().skip(1).filter(|selection| selection.at >= lost_at).find(is_kept);
    // While a computer stood still, its network may have stayed as it was.
    let has_slept = picture
        .resumed
        .is_some_and(|resumed| resumed.since(change.at) <= SAME_EVENT && change.at.since(resumed) <= SAME_EVENT);
    if moved.is_none() && has_slept && mapping_forgotten(picture).is_some() {
        return None;
    }
    Some(match moved {
        Some(selection) => Verdict {
            confidence: Confidence::Certain,
            evidence: format!(
                "the network changed ({}); moved to {} in {}",
                change.text,
                selection.pair.remote,
                millis(selection.at.since(lost_at))
            ),
            advice: match &picture.ended {
                None => "Nothing has to be done: the call goes on over the new path.".to_owned(),
                Some(_) => "Nothing had to be done: the call went on over the new path.".to_owned(),
            },
        },
        None => Verdict {
            confidence: Confidence::Likely,
            evidence: format!("the network changed ({}), and no other path is found so far", change.text),
            advice: "Connect this computer again, and exchange fresh codes if the call does not revive.".to_owned(),
        },
    })
}

/// The newest loss beside a network change, and the change that is nearest to it.
fn change_and_loss(picture: &Picture) -> Option<(&Marker, Stamp)> {
    let noted = picture.markers.iter().filter(|marker| marker.kind == MarkerKind::Loss).map(|marker| marker.at);
    let losses = noted.chain(lost_pair(picture).and_then(silent_from)).chain(bases_taken_away(picture));
    let apart = |change: &Marker, loss: Stamp| change.at.since(loss).max(loss.since(change.at));
    let beside = losses.filter_map(|loss| {
        let changes = picture.markers.iter().filter(|marker| marker.kind == MarkerKind::NetworkChange);
        let near = changes.filter(|change| apart(change, loss) <= SAME_EVENT);
        Some((near.min_by_key(|change| apart(change, loss))?, loss))
    });
    beside.max_by_key(|(_, loss)| *loss)
}

/// When bases that audio went over were closed, because it moved elsewhere before anybody noticed a silence.
fn bases_taken_away(picture: &Picture) -> impl Iterator<Item = Stamp> {
    let moves = picture.selections.iter().zip(picture.selections.iter().skip(1));
    let left = moves.filter(|(from, to)| from.pair.base != to.pair.base);
    left.filter_map(|(from, to)| {
        let closed = picture.base(from.pair.base)?.closed?;
        (closed.since(to.at) <= SAME_EVENT && to.at.since(closed) <= SAME_EVENT).then_some(closed)
    })
}

/// C26: the silence began after a long idle time.
pub(in crate::diagnosis) fn mapping_forgotten(picture: &Picture) -> Option<Verdict> {
    let pair = lost_pair(picture)?;
    let idle = pair.signs.idle_before_silence.filter(|idle| *idle >= IDLE)?;
    Some(Verdict {
        confidence: Confidence::Likely,
        evidence: format!("nothing went over {} for {}, and then nobody answered", pair.id.remote, seconds(idle)),
        advice: "A router on the way forgot the connection while it was idle: send something every 15 s.".to_owned(),
    })
}

/// C31: the path worked, and everything of the other side stopped at once.
pub(in crate::diagnosis) fn peer_gone(picture: &Picture) -> Option<Verdict> {
    let pair = lost_pair(picture)?;
    if network_changed(picture).is_some() || mapping_forgotten(picture).is_some() {
        return None;
    }
    let from = silent_from(pair)?;
    let others = picture.pairs.iter().filter(|other| other.id != pair.id && other.id.generation == pair.id.generation);
    let is_anything_heard = others.filter_map(last_heard).any(|heard| heard.since(from) >= SAME_EVENT);
    Some(Verdict {
        confidence: if is_anything_heard { Confidence::Possible } else { Confidence::Likely },
        evidence: format!(
            "{} worked, and everything of the other side stopped at {from}; nothing changed on this computer",
            pair.id.remote
        ),
        advice: "The other side's program, computer or network is gone: exchange fresh codes once it is back."
            .to_owned(),
    })
}

/// The pair in use, once nobody answers there; an end that people chose is no loss.
fn lost_pair(picture: &Picture) -> Option<&PairView> {
    let is_chosen = matches!(picture.ended, Some(EndReason::HungUp | EndReason::PeerHungUp | EndReason::TimeOver));
    let pair = picture.selected_pair()?;
    let since = pair.signs.unanswered_since?;
    // Restarts begin with "checking", and say nothing of the path in use.
    let silent_since = last_heard(pair).map_or(since, |heard| heard.max(since));
    let is_given_up = is_lost(picture) || now(picture).since(silent_since) >= GIVEN_UP;
    (is_given_up && !is_chosen).then_some(pair)
}

/// When the last sign of the other side came over a pair.
fn last_heard(pair: &PairView) -> Option<Stamp> {
    [pair.last_answer, pair.last_request_received, pair.signs.last_media_received].into_iter().flatten().max()
}

fn silent_from(pair: &PairView) -> Option<Stamp> {
    last_heard(pair)
}

/// C27: a direct path that is much worse than the relay beside it.
pub(in crate::diagnosis) fn relay_is_better(picture: &Picture) -> Option<Verdict> {
    let pair = picture.selected_pair().filter(|pair| pair.state == PairState::Succeeded)?;
    if let Some(verdict) = left_for_better(picture, pair) {
        return Some(verdict);
    }
    if is_relayed(picture, pair) {
        return None;
    }
    let rtt = pair.rtt?;
    let works = |other: &&PairView| other.state == PairState::Succeeded && other.id.generation == pair.id.generation;
    let relays = picture.pairs.iter().filter(works).filter(|other| is_relayed(picture, other));
    let (relay, relay_rtt) = relays.filter_map(|other| Some((other.id, other.rtt?))).min_by_key(|(_, rtt)| *rtt)?;
    let recent = &picture.series.loss_percent[picture.series.loss_percent.len().saturating_sub(10)..];
    let loss = recent.iter().map(|sample| sample.value).sum::<f64>() / recent.len().max(1) as f64;
    let is_lossy = recent.len() >= 10 && loss >= 10.0 && relay_rtt < rtt * 2;
    let is_slow = rtt > relay_rtt * 3 && rtt > Duration::from_millis(100);
    (is_lossy || is_slow).then(|| worse_than(relay, rtt, relay_rtt, loss))
}

/// Audio has left a pair that was much worse than the one in use, and does not trust it again yet.
fn left_for_better(picture: &Picture, pair: &PairView) -> Option<Verdict> {
    let left = picture.departures.last()?;
    let is_distrusted = picture.rulings.iter().any(|known| {
        (known.ruling.base, known.ruling.remote) == (left.ruling.base, left.ruling.remote)
            && known.ruling.verdict == PairVerdict::Distrusted
    });
    let is_left = (pair.id.base, pair.id.remote) != (left.ruling.base, left.ruling.remote);
    (is_distrusted && is_left).then(|| Verdict {
        confidence: Confidence::Certain,
        evidence: format!("{}: {}", left.ruling.remote, left.sentence()),
        advice: "Nothing has to be done: the call goes over a better path, and returns when this one is good again."
            .to_owned(),
    })
}

fn worse_than(relay: PairId, rtt: Duration, relay_rtt: Duration, loss: f64) -> Verdict {
    Verdict {
        confidence: Confidence::Likely,
        evidence: format!(
            "the direct path takes {} and loses {loss:.0} %, the relay to {} takes {}",
            millis(rtt),
            relay.remote,
            millis(relay_rtt)
        ),
        advice: "Use the relay: the direct path is worse.".to_owned(),
    }
}

fn is_relayed(picture: &Picture, pair: &PairView) -> bool {
    let ids = [pair.local_candidate.as_deref(), pair.remote_candidate.as_deref()];
    let views = ids.into_iter().flatten().filter_map(|id| picture.candidate(id));
    views.into_iter().any(|view| view.candidate.candidate_type == CandidateType::Relayed)
}

/// Time stands still once the call is over.
fn now(picture: &Picture) -> Stamp {
    picture.ended_at.map_or(picture.at, |ended| ended.min(picture.at))
}

/// Counts of a large datagram.
pub(crate) const fn is_large(wire_len: u64) -> bool {
    wire_len >= LARGE
}
