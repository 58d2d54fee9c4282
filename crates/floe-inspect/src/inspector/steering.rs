//! Notes about what is decided about pairs whatever their priority.

use floe_wire::{
    BaseId, Generation,
    verdict::{Judge, PairRuling, PairVerdict},
};

use super::Inspector;
use crate::{
    bounded::push_bounded,
    markers::MarkerKind,
    picture::{PairId, Severity},
    rulings::{RulingView, reason},
};

/// Decisions that are kept; a call has no more pairs.
const RULINGS_KEPT: usize = 512;

impl Inspector {
    pub(super) fn on_pair_judged(&mut self, ruling: &PairRuling) {
        let at = self.picture.at;
        if ruling.verdict == PairVerdict::Forced {
            // There is one at most.
            self.picture.rulings.retain(|known| known.ruling.verdict != PairVerdict::Forced);
        }
        let key = (ruling.base, ruling.remote);
        self.picture.rulings.retain(|known| (known.ruling.base, known.ruling.remote) != key);
        if ruling.verdict != PairVerdict::Released {
            let fits = push_bounded(&mut self.picture.rulings, RulingView { ruling: *ruling, at }, RULINGS_KEPT);
            self.count_if_dropped(fits);
        }
        if let Some(measured) = ruling.measured {
            self.picture.departures.push(RulingView { ruling: *ruling, at });
            if self.picture.departures.len() > RULINGS_KEPT {
                self.picture.departures.remove(0);
            }
            self.mark(MarkerKind::Selection, format!("{} {}", ruling.remote, reason(&measured)));
        }
        self.is_pairs_stale = true;
        let (severity, text) = self.ruling_sentence(ruling);
        self.say(severity, "selection", text);
    }

    fn ruling_sentence(&self, ruling: &PairRuling) -> (Severity, String) {
        let pair = self.name_between(ruling.base, ruling.remote);
        let who = match ruling.by {
            Judge::Here => "you",
            Judge::Peer => "the other side",
            Judge::Measurement => "measurements",
        };
        let unshared = if ruling.is_shared { "" } else { "; the other side could not be told" };
        match (ruling.verdict, ruling.measured) {
            (PairVerdict::Forced, _) => (Severity::Info, format!("{pair} is forced by {who}{unshared}")),
            (PairVerdict::Blocked, _) => (Severity::Info, format!("{pair} is blocked by {who}{unshared}")),
            (PairVerdict::Released, _) if ruling.by == Judge::Measurement => {
                (Severity::Info, format!("{pair} is good again; its priority decides"))
            }
            (PairVerdict::Released, _) => (Severity::Info, format!("{pair} is released by {who}{unshared}")),
            (PairVerdict::Distrusted, Some(measured)) => {
                let seconds = measured.distrust.as_secs();
                (Severity::Warning, format!("{pair} {}; not used again for {seconds} s", reason(&measured)))
            }
            (PairVerdict::Distrusted, None) => {
                (Severity::Detail, format!("{pair} is tried for some seconds before it is used again"))
            }
        }
    }

    /// Says when audio goes elsewhere than a person wants, and when it comes back.
    pub(super) fn note_wish_and_selection(&mut self, selected: PairId) {
        let forced = self.picture.rulings.iter().find(|known| known.ruling.verdict == PairVerdict::Forced);
        let Some(PairRuling { base, remote, .. }) = forced.map(|known| known.ruling) else { return };
        let pair = self.name_between(base, remote);
        if (selected.base, selected.remote) == (base, remote) {
            self.say(Severity::Info, "selection", format!("The forced pair {pair} is in use"));
        } else {
            let text = format!("The forced pair {pair} does not answer: another one is used until it does");
            self.say(Severity::Warning, "selection", text);
        }
    }

    fn name_between(&self, base: BaseId, remote: std::net::SocketAddr) -> String {
        self.pair_name(PairId { generation: Generation(0), base, remote })
    }

    /// Puts what was decided about a pair before the sentence about it.
    pub(super) fn prepend_ruling(&mut self, id: PairId) {
        let Some(word) = self.picture.ruling_of(id).map(RulingView::sentence) else { return };
        if let Some((view, _)) = self.pairs.get_mut(&mut self.picture.pairs, id) {
            view.why = format!("{word}; {}", view.why);
        }
    }
}
