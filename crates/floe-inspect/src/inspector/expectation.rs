//! Notes about our code, both NATs, and what they let expect.

use floe_wire::{BaseId, BaseKind, CandidateType, IceConnectionState, NatFiltering, NatMapping, NatSummary};

use super::Inspector;
use crate::{
    bounded::push_bounded,
    expectation::{BaseNat, CodeView, ForecastView, expect},
    forecast::{Forecast, Outlook},
    picture::{PairId, Severity},
};

/// Bases whose NAT is shown.
const BASES_KEPT: usize = 256;

impl Inspector {
    /// A first code is made, or another one because an address had changed.
    pub(super) fn note_code(&mut self) {
        let made = self.picture.at;
        let replaced = self.picture.code.map_or(0, |code| code.replaced.saturating_add(1));
        self.picture.code = Some(CodeView { made, confirmed: None, replaced });
    }

    pub(super) fn on_code_confirmed(&mut self) {
        let at = self.picture.at;
        if let Some(code) = &mut self.picture.code {
            code.confirmed = Some(at);
        }
        self.say(Severity::Detail, "network", "Servers still see us where our code says".to_owned());
    }

    pub(super) fn on_nat_judged(&mut self, base: BaseId, mapping: NatMapping, filtering: NatFiltering) {
        let judged = BaseNat { base, mapping, filtering };
        let fits = match self.picture.nat.bases.iter_mut().find(|known| known.base == base) {
            Some(known) => {
                *known = judged;
                true
            }
            None => push_bounded(&mut self.picture.nat.bases, judged, BASES_KEPT),
        };
        self.count_if_dropped(fits);
        let name = self.base_name(base);
        self.say(Severity::Info, "gathering", format!("{name}: NAT mapping {mapping}; filtering {filtering}"));
    }

    pub(super) fn on_own_nat(&mut self, summary: NatSummary) {
        self.picture.nat.own = Some(summary);
        self.forecast();
    }

    pub(super) fn on_peer_nat(&mut self, summary: NatSummary) {
        self.picture.nat.peer = Some(summary);
        let NatSummary { mapping, filtering, .. } = summary;
        let text = format!("The peer's NAT: mapping {}, filtering {}", mapping.name(), filtering.name());
        self.say(Severity::Info, "signaling", text);
        self.forecast();
    }

    /// Forecasts anew as long as nothing has come: what is learnt afterwards would be hindsight.
    pub(super) fn forecast(&mut self) {
        let is_checking = self.picture.ice_connection.iter().any(|visit| visit.state == IceConnectionState::Checking);
        if !is_checking || self.picture.forecast.is_some_and(|known| known.came.is_some()) {
            return;
        }
        let Some(Forecast { outlook, why }) = expect(&self.picture) else { return };
        let forecast = Some(ForecastView { outlook, why, came: None });
        if self.picture.forecast != forecast {
            self.picture.forecast = forecast;
            self.say(Severity::Info, "signaling", format!("Forecast: {}, because {why}", outlook.name()));
        }
    }

    /// A pair is in use: holds it against the forecast.
    pub(super) fn score_selection(&mut self, pair: PairId) {
        let is_ours = self.picture.base(pair.base).is_some_and(|base| matches!(base.base_kind, BaseKind::Relay { .. }));
        let is_theirs = self.picture.remote_candidates.iter().any(|view| {
            view.candidate.address == pair.remote && view.candidate.candidate_type == CandidateType::Relayed
        });
        self.score(if is_ours || is_theirs { Outlook::Relay } else { Outlook::Direct });
    }

    /// Checking was given up without any path.
    pub(super) fn score_failure(&mut self) {
        if self.picture.selections.is_empty() {
            self.score(Outlook::NoPath);
        }
    }

    fn score(&mut self, came: Outlook) {
        let Some(forecast) = &mut self.picture.forecast else { return };
        if forecast.came == Some(came) {
            return;
        }
        forecast.came = Some(came);
        let forecast = *forecast;
        let Some(score) = forecast.score() else { return };
        let text = format!("The path is {}: {} ({})", came.name(), score.name(), forecast.outlook.name());
        self.say(Severity::Info, "check", text);
    }
}
