//! Rules about our use of a relay: nothing is sent through what has expired.

use std::{net::IpAddr, time::Duration};

use floe_wire::BaseId;

use super::{LintFinding, LintRule, Linter, Place, Side, report};
use crate::picture::RelayView;

const ALLOCATION: LintRule = LintRule { name: "allocation-expired", section: "RFC 8656 section 3.2" };
const PERMISSION: LintRule = LintRule { name: "permission-expired", section: "RFC 8656 section 9" };

/// Permissions live for 300 s; a few for what is on its way.
const PERMISSION_LASTS: Duration = Duration::from_secs(305);
const PERMISSIONS_KEPT: usize = 1_024;

impl Linter {
    /// A permission (or a channel, which installs one) was confirmed.
    pub(crate) fn on_permission(&mut self, place: Place, client: BaseId, peer: IpAddr) {
        if self.permissions.len() < PERMISSIONS_KEPT || self.permissions.contains_key(&(client, peer)) {
            self.permissions.insert((client, peer), place.at);
        }
    }

    /// Judges a packet that we send to a peer through a relay.
    pub(crate) fn on_relayed(
        &mut self,
        findings: &mut Vec<LintFinding>,
        place: Place,
        relay: Option<&RelayView>,
        client: BaseId,
        peer: IpAddr,
    ) {
        let expiry = relay.and_then(|relay| Some(relay.refreshed? + relay.lifetime?));
        if expiry.is_some_and(|expiry| place.at > expiry) {
            report(findings, ALLOCATION, Side::Us, place, || {
                "a packet was sent after the allocation expired".to_owned()
            });
        }
        let age = self.permissions.get(&(client, peer)).map(|since| place.at.since(*since));
        if age.is_some_and(|age| age > PERMISSION_LASTS) {
            let text = || format!("a packet was sent to {peer} after its permission expired");
            report(findings, PERMISSION, Side::Us, place, text);
        }
    }
}
