//! What this network can connect to: one row for each kind of peer, without and with a relay.

use floe_inspect::forecast::{Forecast, Outlook, Party, PeerKind, forecast};
use serde::Serialize;

use super::{Findings, ipv6};

/// What can be expected of a call with one kind of peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForecastRow {
    /// The kind of peer.
    pub peer: PeerKind,
    /// If neither side has a relay.
    pub without_relay: Prospect,
    /// If one side has.
    pub with_relay: Prospect,
}

impl ForecastRow {
    /// What is expected, and how a relay changes it: whatever is not known of a router, a relay joins.
    #[must_use]
    pub fn outlook_words(&self) -> String {
        let (without, with) = (self.without_relay.outlook, self.with_relay.outlook);
        let relay = match with {
            Outlook::Unknown => "; with a relay: a path in any case".to_owned(),
            Outlook::Direct | Outlook::Relay | Outlook::NoPath if with == without => String::new(),
            Outlook::Direct | Outlook::Relay | Outlook::NoPath => format!("; with a relay: {}", with.name()),
        };
        format!("{}{relay}", without.name())
    }
}

/// An expectation with its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Prospect {
    /// What is expected.
    pub outlook: Outlook,
    /// Why, in one sentence.
    pub why: &'static str,
}

/// Fills the table.
pub(super) fn rows(findings: &Findings) -> Vec<ForecastRow> {
    PeerKind::ALL.into_iter().map(|peer| row(&party(findings), peer)).collect()
}

fn row(us: &Party, peer: PeerKind) -> ForecastRow {
    let prospect = |has_relay| {
        let Forecast { outlook, why } = forecast(us, &peer.party(has_relay));
        Prospect { outlook, why }
    };
    ForecastRow { peer, without_relay: prospect(false), with_relay: prospect(true) }
}

/// The table asks about peers without IPv6, so what counts of ours is IPv4.
fn party(findings: &Findings) -> Party {
    let usable = || findings.udp.bases.iter().filter(|base| base.error.is_none());
    let mut nat = findings.udp.summary;
    // One silent server may be down; that it answers over TCP shows that it is not.
    let is_up = findings.streams.iter().any(|stream| stream.result.is_ok());
    nat.udp_silent |= is_up && findings.udp.answers.iter().all(|answer| answer.result.is_err());
    Party {
        nat,
        has_ipv6: usable().any(|base| ipv6::is_global(base.address)),
        has_ipv4: usable().any(|base| base.address.is_ipv4()),
        has_relay: false,
    }
}
