//! Rules about our use of a relay: nothing is sent through what has expired.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use floe_wire::{BaseId, Stamp};

use super::{LintFinding, LintRule, Linter, Place, Side, report};
use crate::picture::RelayView;

const ALLOCATION: LintRule = LintRule { name: "allocation-expired", section: "RFC 8656 section 3.2" };
const CHANNEL: LintRule = LintRule { name: "channel-expired", section: "RFC 8656 section 12" };
const PERMISSION: LintRule = LintRule { name: "permission-expired", section: "RFC 8656 section 9" };

/// All of them.
pub(super) const RULES: &[LintRule] = &[ALLOCATION, PERMISSION, CHANNEL];

/// Permissions live for 300 s; a few for what is on its way.
const PERMISSION_LASTS: Duration = Duration::from_secs(305);
/// Channels live for 600 s.
const CHANNEL_LASTS: Duration = Duration::from_secs(605);
const PERMISSIONS_KEPT: usize = 1_024;
const CHANNELS_KEPT: usize = 1_024;

/// A packet that we send to a peer through a relay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeenRelayed<'a> {
    pub relay: Option<&'a RelayView>,
    pub client: BaseId,
    pub peer: SocketAddr,
    /// Whether it names a channel and not the peer.
    pub is_channel: bool,
}

impl Linter {
    /// A permission (or a channel, which installs one) was confirmed.
    pub(crate) fn on_permission(&mut self, place: Place, client: BaseId, peer: IpAddr) {
        if self.permissions.len() < PERMISSIONS_KEPT || self.permissions.contains_key(&(client, peer)) {
            self.permissions.insert((client, peer), place.at);
        }
    }

    /// A channel was confirmed.
    pub(crate) fn on_channel(&mut self, place: Place, client: BaseId, peer: SocketAddr) {
        if self.channels.len() < CHANNELS_KEPT || self.channels.contains_key(&(client, peer)) {
            self.channels.insert((client, peer), place.at);
        }
    }

    /// Judges a packet that we send to a peer through a relay.
    pub(crate) fn on_relayed(&mut self, findings: &mut Vec<LintFinding>, place: Place, seen: &SeenRelayed<'_>) {
        let SeenRelayed { relay, client, peer, is_channel } = *seen;
        let expiry = relay.and_then(|relay| Some(relay.refreshed? + relay.lifetime?));
        if expiry.is_some_and(|expiry| place.at > expiry) {
            report(findings, ALLOCATION, Side::Us, place, || {
                "a packet was sent after the allocation expired".to_owned()
            });
        }
        let is_older = |since: Option<&Stamp>, limit| since.is_some_and(|since| place.at.since(*since) > limit);
        if is_older(self.permissions.get(&(client, peer.ip())), PERMISSION_LASTS) {
            let text = || format!("a packet was sent to {} after its permission expired", peer.ip());
            report(findings, PERMISSION, Side::Us, place, text);
        }
        if is_channel && is_older(self.channels.get(&(client, peer)), CHANNEL_LASTS) {
            let text = || format!("a packet was sent to {peer} over a channel that has expired");
            report(findings, CHANNEL, Side::Us, place, text);
        }
    }
}
