//! The note that a call is over.

use floe_wire::note::EndReason;

use super::Inspector;
use crate::{markers::MarkerKind, picture::Severity};

impl Inspector {
    pub(super) fn on_redacted(&mut self) {
        self.say(Severity::Info, "record", "Addresses and names in this record are pseudonyms".to_owned());
    }

    pub(super) fn on_ended(&mut self, reason: &EndReason) {
        let at = self.picture.at;
        self.picture.ended_at.get_or_insert(at);
        let (severity, text) = describe(reason);
        self.picture.ended.get_or_insert_with(|| reason.clone());
        self.is_pairs_stale = true;
        self.mark(MarkerKind::End, text.clone());
        self.say(severity, "call", text);
    }
}

fn describe(reason: &EndReason) -> (Severity, String) {
    match reason {
        EndReason::HungUp => (Severity::Info, "We hung up".to_owned()),
        EndReason::PeerHungUp => (Severity::Info, "The peer hung up".to_owned()),
        EndReason::TimeOver => (Severity::Info, "The time asked for is over".to_owned()),
        EndReason::NotConnected => (Severity::Error, "The call ended: no path works".to_owned()),
        EndReason::Insecure { error } => (Severity::Error, format!("The call ended: {error}")),
        EndReason::NoNetwork => (Severity::Error, "The call ended: no interface can be used".to_owned()),
    }
}
