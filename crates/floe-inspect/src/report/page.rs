//! What a page of a report says, before it is drawn as text or HTML.

use floe_wire::{Stamp, note::SeenSecurity};

use crate::{
    Finding, Picture, diagnose,
    diagnosis::{CodeBit, explain_code, failure_code},
    directions::{Delay, Way, directions},
    peer::RestartView,
    picture::{CandidateView, PairView, SecurityView, ServerVerdict},
    words::millis,
};

/// A name and a value.
type Fact = (&'static str, String);

/// A part of the page with a title of its own.
pub(super) struct Section {
    pub title: &'static str,
    /// What stands above the columns; none for names with their values.
    pub columns: Option<Vec<&'static str>>,
    pub rows: Vec<Vec<String>>,
}

impl Section {
    fn facts(title: &'static str, facts: Vec<Fact>) -> Self {
        let rows = facts.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
        Self { title, columns: None, rows }
    }

    fn table<const N: usize>(title: &'static str, columns: [&'static str; N], rows: Vec<[String; N]>) -> Self {
        Self { title, columns: Some(columns.to_vec()), rows: rows.into_iter().map(Vec::from).collect() }
    }
}

/// Everything below the conclusion, in the order people ask for it. What has nothing to say is left out.
pub(super) fn sections(picture: &Picture) -> Vec<Section> {
    let sections = [
        Section::facts("Call", call_facts(picture)),
        Section::table("Pairs", PAIR_COLUMNS, pair_rows(picture)),
        Section::table("Restarts", RESTART_COLUMNS, restart_rows(picture)),
        Section::facts("What the other side says", peer_facts(picture)),
        Section::facts("Each direction", direction_facts(picture)),
        Section::table("Both ends of each pair", BOTH_ENDS_COLUMNS, both_ends_rows(picture)),
        Section::table("Our candidates", CANDIDATE_COLUMNS, candidate_rows(&picture.local_candidates)),
        Section::table("Their candidates", CANDIDATE_COLUMNS, candidate_rows(&picture.remote_candidates)),
        Section::table("Servers", SERVER_COLUMNS, server_rows(picture)),
        Section::table("Timeline", MARKER_COLUMNS, marker_rows(picture)),
        Section::table("RFC findings", LINT_COLUMNS, lint_rows(picture)),
        Section::table("RFC rules of which nothing is known", UNKNOWN_COLUMNS, unknown_rows(picture)),
        Section::facts("Counts", count_facts(picture)),
    ];
    sections.into_iter().filter(|section| !section.rows.is_empty()).collect()
}

/// Why a call went as it went.
pub(super) struct Conclusion {
    /// The failure code, of a failed call.
    pub code: Option<String>,
    /// What its bits mean.
    pub bits: Vec<CodeBit>,
    /// Rules that match, the most telling one first.
    pub findings: Vec<Finding>,
}

impl Conclusion {
    pub(super) fn of(picture: &Picture) -> Self {
        let code = failure_code(picture);
        let bits = code.as_deref().and_then(explain_code).unwrap_or_default();
        Self { code, bits, findings: diagnose(picture) }
    }
}

const PAIR_COLUMNS: [&str; 8] = ["gen", "ours", "theirs", "state", "sent", "answered", "rtt", "why"];

/// One row per pair, in the order of the picture.
fn pair_rows(picture: &Picture) -> Vec<[String; 8]> {
    let row = |pair: &PairView| {
        let mark = if pair.selected { " (in use)" } else { "" };
        [
            pair.id.generation.0.to_string(),
            local_name(picture, pair),
            pair.id.remote.to_string(),
            format!("{}{mark}", pair.state.name()),
            pair.requests_sent.to_string(),
            pair.responses_received.to_string(),
            pair.rtt.map_or_else(|| "-".to_owned(), millis),
            pair.why.clone(),
        ]
    };
    picture.pairs.iter().map(row).collect()
}

/// A base by its interface and address.
fn local_name(picture: &Picture, pair: &PairView) -> String {
    let base = picture.base(pair.id.base);
    base.map_or_else(|| pair.id.base.to_string(), |base| format!("{} {}", base.interface, base.address))
}

const CANDIDATE_COLUMNS: [&str; 7] = ["id", "gen", "type", "protocol", "address", "priority", "from"];

/// One row per candidate.
fn candidate_rows(views: &[CandidateView]) -> Vec<[String; 7]> {
    let row = |view: &CandidateView| {
        let from = view.server.clone().or_else(|| view.interface.clone()).unwrap_or_default();
        [
            view.id.clone(),
            view.generation.0.to_string(),
            view.candidate.candidate_type.name().to_owned(),
            view.candidate.protocol.name().to_owned(),
            view.candidate.address.to_string(),
            view.candidate.priority.to_string(),
            from,
        ]
    };
    views.iter().map(row).collect()
}

const SERVER_COLUMNS: [&str; 3] = ["server", "asked from", "verdict"];

/// One row per server and base.
fn server_rows(picture: &Picture) -> Vec<[String; 3]> {
    let asked = picture.servers.iter().map(|row| {
        let from = row.base.and_then(|base| picture.base(base)).map(|base| base.interface.clone());
        let verdict = match &row.verdict {
            ServerVerdict::Answered { mapped, rtt } => format!("sees {mapped}, {}", millis(*rtt)),
            ServerVerdict::Failed { error } => error.clone(),
        };
        [row.url.clone(), from.unwrap_or_else(|| "-".to_owned()), verdict]
    });
    let relays = picture.relays.iter().map(|relay| {
        let relayed: Vec<_> = relay.relayed.iter().map(ToString::to_string).collect();
        let verdict = match &relay.last_error {
            Some(error) => format!("refused {} with {} {}", error.method, error.code, error.reason),
            None if relayed.is_empty() => "no relayed address".to_owned(),
            None => format!("relays at {}", relayed.join(", ")),
        };
        let from = picture.base(relay.client).map_or_else(|| "-".to_owned(), |base| base.interface.clone());
        [relay.server.clone(), from, verdict]
    });
    asked.chain(relays).collect()
}

const MARKER_COLUMNS: [&str; 3] = ["time", "kind", "what"];

/// One row per marker.
fn marker_rows(picture: &Picture) -> Vec<[String; 3]> {
    let row = |marker: &crate::Marker| [marker.at.to_string(), marker.kind.name().to_owned(), marker.text.clone()];
    picture.markers.iter().map(row).collect()
}

const RESTART_COLUMNS: [&str; 5] = ["gen", "began", "cause", "moved after", "audio gap"];

/// One row per restart; a gap that was not measured is a dash.
fn restart_rows(picture: &Picture) -> Vec<[String; 5]> {
    let row = |restart: &RestartView| {
        let moved = restart.selected.map(|selected| millis(selected.since(restart.started)));
        [
            restart.generation.0.to_string(),
            restart.started.to_string(),
            restart.cause.name().to_owned(),
            moved.unwrap_or_else(|| "-".to_owned()),
            restart.gap.map_or_else(|| "-".to_owned(), millis),
        ]
    };
    picture.restarts.iter().map(row).collect()
}

const BOTH_ENDS_COLUMNS: [&str; 5] =
    ["gen", "ours", "theirs", "our checks: sent, arrived there", "their checks: sent, arrived here"];

/// One row per pair of which the peer told what it sees.
fn both_ends_rows(picture: &Picture) -> Vec<[String; 5]> {
    let row = |pair: &PairView| {
        let seen = picture.peer.seen_of(pair.id)?;
        Some([
            pair.id.generation.0.to_string(),
            local_name(picture, pair),
            pair.id.remote.to_string(),
            format!("{}, {}", pair.requests_sent, seen.requests_received),
            format!("{}, {}", seen.requests_sent, pair.requests_received),
        ])
    };
    picture.pairs.iter().filter_map(row).collect()
}

/// What the peer told of itself.
fn peer_facts(picture: &Picture) -> Vec<Fact> {
    let media = picture.peer.media.map(|media| {
        let (received, lost) = (media.packets_received, media.packets_lost);
        format!("{received} packets arrived there, {lost} lost, jitter {}", millis(media.jitter))
    });
    let clocks = picture.peer.clocks.map(|clocks| {
        let (offset, uncertainty) = (clocks.offset_us as f64 / 1e3, millis(clocks.uncertainty));
        format!("{offset:+.1} ms from ours, known to {uncertainty}")
    });
    let facts = [("Our audio", media), ("Their clock", clocks)];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Each direction by itself, once the other end is known too.
fn direction_facts(picture: &Picture) -> Vec<Fact> {
    let found = directions(picture);
    if !found.is_known() {
        return Vec::new();
    }
    let mut facts = vec![("You to them", way(&found.there)), ("Them to you", way(&found.here))];
    facts.extend(found.sentences.into_iter().map(|sentence| ("What stands out", sentence)));
    facts
}

/// One direction in a line; what is not known is said to be so.
fn way(way: &Way) -> String {
    let unknown = || "unknown".to_owned();
    let loss = way.loss_percent.map_or_else(unknown, |percent| format!("{percent:.1} %"));
    let delay = |delay: Delay| format!("{} ± {}", millis(delay.median), millis(delay.uncertainty));
    let delay = way.delay.map_or_else(unknown, delay);
    let jitter = way.jitter.map_or_else(unknown, millis);
    let checks = way.checks.map_or_else(unknown, |(left, arrived)| format!("{left} sent, {arrived} arrived"));
    format!("loss {loss}, delay {delay}, jitter {jitter}, checks {checks}")
}

const LINT_COLUMNS: [&str; 6] = ["who", "rule", "section", "first at", "times", "what"];

/// One row per lint finding.
fn lint_rows(picture: &Picture) -> Vec<[String; 6]> {
    let row = |finding: &crate::LintFinding| {
        [
            who(finding.about),
            finding.rule.to_owned(),
            finding.section.to_owned(),
            format!("{} (record {})", finding.at, finding.record),
            finding.times.to_string(),
            finding.text.clone(),
        ]
    };
    picture.lint.iter().map(row).collect()
}

const UNKNOWN_COLUMNS: [&str; 3] = ["who", "rule", "why"];

/// One row per rule that the record does not hold enough for.
fn unknown_rows(picture: &Picture) -> Vec<[String; 3]> {
    let unknown = crate::lint::unknown(picture).into_iter();
    unknown.map(|unknown| [who(unknown.about), unknown.rule.to_owned(), unknown.reason.to_owned()]).collect()
}

fn who(side: crate::Side) -> String {
    match side {
        crate::Side::Us => "us".to_owned(),
        crate::Side::Peer => "peer".to_owned(),
    }
}

/// What is known of the call as a whole; what is not known is left out.
fn call_facts(picture: &Picture) -> Vec<Fact> {
    let after = |stamp: Option<Stamp>| {
        let from = picture.timings.both_codes?;
        Some(format!("{} after both codes", millis(stamp?.since(from))))
    };
    let security = match &picture.security {
        SecurityView::Secured(facts) => Some(format!("{}, {}", facts.dtls_version, facts.srtp_cipher)),
        SecurityView::Failed { error } => Some(format!("failed: {error}")),
        SecurityView::Seen(seen) => Some(seen_security(seen)),
        SecurityView::None | SecurityView::Handshaking { .. } => None,
    };
    let mapping = crate::nat::mapping(picture).map(|mapping| mapping.name().to_owned());
    let facts = [
        ("Program", picture.version.as_ref().map(|version| format!("Floe {version}"))),
        ("Length", Some(picture.ended_at.unwrap_or(picture.at).to_string())),
        ("Role", picture.role.map(|role| role.name().to_owned())),
        ("ICE state", Some(picture.ice_connection_state().name().to_owned())),
        ("First check", after(picture.timings.first_check)),
        ("Pair selected", after(picture.timings.selected)),
        ("Encrypted", after(picture.timings.secured)),
        ("First audio", after(picture.timings.first_audio)),
        ("Security", security),
        ("NAT mapping", mapping),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// What a capture shows of a handshake; what it does not show is said to be unknown.
fn seen_security(seen: &SeenSecurity) -> String {
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    format!(
        "{}, {}, SRTP profile {}; certificates: ours {}, theirs {} (as far as a capture shows)",
        seen.dtls_version.as_deref().unwrap_or("DTLS of an unknown version"),
        seen.cipher_suite.as_deref().unwrap_or("cipher suite unknown"),
        known(&seen.srtp_cipher),
        known(&seen.local_fingerprint),
        known(&seen.remote_fingerprint)
    )
}

/// Totals that are worth a line: zero is left out, except of records.
fn count_facts(picture: &Picture) -> Vec<Fact> {
    let dropped: u64 = picture.counters.dropped.iter().map(|(_, count)| *count).sum();
    let refused: u64 = picture.counters.refused.iter().map(|(_, count)| *count).sum();
    let facts = [
        ("Records", picture.counters.records.max(1)),
        ("STUN and TURN messages", picture.ladder.rows(None).len() as u64 + picture.ladder.forgotten()),
        ("Datagrams ignored", refused),
        ("Dropped to keep memory bounded", dropped),
        ("Events forgotten", picture.counters.events_forgotten),
    ];
    facts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, count.to_string())).collect()
}
