//! Rules about the pair in use: consent, keepalives, and that it changes only by agreement.

use std::time::Duration;

use floe_wire::{IceConnectionState, Stamp, stun::StunMessage};

use super::{LintFinding, LintRule, Linter, Place, Side, report};
use crate::{Picture, phases::CHECKING_PATIENCE, picture::PairView};

const CONSENT: LintRule = LintRule { name: "consent-pace", section: "RFC 7675 section 5.1" };
const EXPIRY: LintRule = LintRule { name: "consent-expired", section: "RFC 7675 section 5.1" };
const KEEPALIVE: LintRule = LintRule { name: "keepalive", section: "RFC 8445 section 11" };
const EARLY_FAILURE: LintRule = LintRule { name: "early-failure", section: "RFC 8863 section 4" };
const LATE: LintRule = LintRule { name: "consent-late", section: "RFC 7675 section 5.1" };
const OTHER_PAIR: LintRule = LintRule { name: "media-elsewhere", section: "RFC 8445 section 12.1" };
const RENOMINATED: LintRule = LintRule { name: "nominated-twice", section: "RFC 8445 section 8.1.1" };

/// All of them.
pub(super) const RULES: &[LintRule] = &[CONSENT, LATE, EXPIRY, KEEPALIVE, EARLY_FAILURE, RENOMINATED, OTHER_PAIR];

/// The shortest interval that 5 s × 0.8 allows, less what two clocks differ.
const CONSENT_MIN: Duration = Duration::from_millis(3_900);
/// Fast requests in a row that are no accident.
const FAST_IN_A_ROW: u32 = 5;
/// Two and a half times the longest interval, 5 s × 1.2: two requests in a row may be lost.
const CONSENT_MAX: Duration = Duration::from_secs(15);
/// Audio that was away for so long begins anew.
const PAUSE: Duration = Duration::from_secs(1);
/// What is under way when the pair in use changes, and what the other side does not know of it yet, ends by then.
const MOVE_PATIENCE: Duration = Duration::from_secs(5);
/// Consent lasts 30 s; a second for what is on its way.
const CONSENT_LASTS: Duration = Duration::from_secs(31);
/// Tr is 15 s; a third of it for what is on its way.
const KEEPALIVE_MAX: Duration = Duration::from_secs(20);

/// The pair in use.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InUse {
    since: Stamp,
    audio: [Flow; 2],
}

/// Audio of one side over the pair in use.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    last: Option<Stamp>,
    /// Since when it has gone without a pause: what was lost with it says nothing about its sender.
    since: Stamp,
}

/// Audio that goes over a pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeenAudio<'a> {
    pub outbound: bool,
    pub pair: &'a PairView,
    /// Whether another pair is in use.
    pub is_elsewhere: bool,
}

/// How quickly one side asks for consent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ConsentPace {
    last: Option<Stamp>,
    fast: u32,
}

impl Linter {
    /// Judges a request over the pair in use that was not sent before. `is_calm`: the request before was answered.
    pub(crate) fn on_consent(
        &mut self,
        findings: &mut Vec<LintFinding>,
        place: Place,
        outbound: bool,
        message: &StunMessage,
        is_calm: bool,
    ) {
        let side = Side::sender(outbound);
        let pace = self.consent.of(side);
        let gap = pace.last.map(|last| place.at.since(last));
        pace.last = Some(place.at);
        let is_fast = is_calm && !message.use_candidate && gap.is_some_and(|gap| gap < CONSENT_MIN);
        pace.fast = if is_fast { pace.fast + 1 } else { 0 };
        if let Some(gap) = gap.filter(|_| pace.fast >= FAST_IN_A_ROW) {
            let text =
                || format!("{} requests in a row on a pair that answers, {} ms apart", FAST_IN_A_ROW, gap.as_millis());
            report(findings, CONSENT, side, place, text);
        }
    }

    /// The pair in use is another one: paces begin anew.
    pub(crate) fn on_pair_in_use(&mut self, at: Stamp) {
        self.in_use = InUse { since: at, audio: [Flow { last: None, since: at }; 2] };
        (self.consent, self.last_packet) = (super::BySide::default(), super::BySide::default());
        (self.last_packet.us, self.last_packet.peer) = (Some(at), Some(at));
    }

    /// A packet went over the pair in use.
    pub(crate) fn on_packet_in_use(&mut self, outbound: bool, at: Stamp) {
        *self.last_packet.of(Side::sender(outbound)) = Some(at);
    }

    /// Judges media that we sent.
    pub(crate) fn on_media_sent(findings: &mut Vec<LintFinding>, place: Place, pair: &PairView) {
        let silence = pair.last_answer.map(|answer| place.at.since(answer)).filter(|silence| *silence >= CONSENT_LASTS);
        if let Some(silence) = silence.filter(|_| pair.signs.unanswered_since.is_some()) {
            let text = || format!("media was sent {} s after the last answer", silence.as_secs());
            report(findings, EXPIRY, Side::Us, place, text);
        }
    }

    /// Judges audio of either side: that it goes over the pair in use, and that its sender goes on asking for consent.
    pub(crate) fn on_audio(&mut self, findings: &mut Vec<LintFinding>, place: Place, seen: &SeenAudio<'_>) {
        let side = Side::sender(seen.outbound);
        let since = self.in_use.since;
        let flow = &mut self.in_use.audio[usize::from(seen.outbound)];
        let pause = place.at.since(flow.last.unwrap_or(since));
        if seen.is_elsewhere {
            if pause >= MOVE_PATIENCE {
                let text = || format!("audio goes over the pair with {}, which is not in use", seen.pair.id.remote);
                report(findings, OTHER_PAIR, side, place, text);
            }
            return;
        }
        flow.last = Some(place.at);
        if pause >= PAUSE {
            flow.since = place.at;
        }
        let flowing_since = flow.since;
        // A lite agent never asks, and need not (RFC 8445 section 2.5).
        let is_asking = self.roles.of(side).is_some();
        let waits = place.at.since(self.consent.of(side).last.map_or(flowing_since, |last| last.max(flowing_since)));
        if is_asking && waits >= CONSENT_MAX {
            report(findings, LATE, side, place, || {
                format!("audio goes on, {} s after the last request", waits.as_secs())
            });
        }
    }

    /// Judges the silence of the pair in use, now and then. A peer that does not answer is lost and not sloppy.
    pub(crate) fn on_time(&mut self, picture: &mut Picture, place: Place) {
        let is_up =
            matches!(picture.ice_connection_state(), IceConnectionState::Connected | IceConnectionState::Completed);
        if !is_up || picture.ended.is_some() || picture.timings.secured.is_none() {
            return;
        }
        let silence = self.last_packet.us.map(|last| place.at.since(last)).filter(|silence| *silence >= KEEPALIVE_MAX);
        if let Some(silence) = silence {
            // Counts once per silence.
            self.last_packet.us = Some(place.at);
            let text = || format!("nothing was sent over the pair in use for {} s", silence.as_secs());
            report(&mut picture.lint, KEEPALIVE, Side::Us, place, text);
        }
    }

    /// Judges that ICE is given up.
    pub(crate) fn on_failed(picture: &mut Picture, place: Place) {
        if !picture.selections.is_empty() || picture.pairs.is_empty() {
            return;
        }
        let checking = picture.ice_connection.iter().rev().find(|visit| visit.state == IceConnectionState::Checking);
        let Some(elapsed) = checking.map(|visit| place.at.since(visit.entered)) else { return };
        if elapsed < CHECKING_PATIENCE {
            let text = || format!("failed after {} s of checking; 39.5 s are the least", elapsed.as_secs());
            report(&mut picture.lint, EARLY_FAILURE, Side::Us, place, text);
        }
    }

    /// Judges a nomination that was answered: `others` were nominated in this generation before.
    pub(crate) fn on_nominated(
        findings: &mut Vec<LintFinding>,
        place: Place,
        by_us: bool,
        is_numbered: bool,
        others: usize,
    ) {
        if others > 0 && !is_numbered {
            let text = || "another pair is nominated without a restart or an agreed renomination".to_owned();
            report(findings, RENOMINATED, Side::sender(by_us), place, text);
        }
    }
}
