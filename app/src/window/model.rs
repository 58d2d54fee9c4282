//! What is true when the window is drawn. Views read it and cannot change it.

use std::time::Duration;

use floe_call::{AudioSource, Playback, Snapshot};
use floe_inspect::Picture;
use floe_simnet::Scenario;
use floe_wire::Stamp;

use super::{
    archive::{Moment, OpenState, Progress},
    break_it::Breakage,
    devices::DeviceList,
    network_test::TestState,
    playhead::Playhead,
    reading::Reading,
    settings::Settings,
};

/// What is true when the window is drawn.
pub struct Model<'a> {
    /// What the window is in the middle of.
    pub journey: Journey,
    /// Whose view is shown; always `You` outside a demo.
    pub side: Side,
    /// The call or file looked at, at its end.
    pub snapshot: &'a Snapshot,
    /// The earlier moment that the panels show; none shows the end.
    pub moment: Option<&'a Moment>,
    /// What the moment shown says.
    pub reading: &'a Reading,
    /// The moment shown on the call's clock.
    pub now: Stamp,
    /// The present on the call's clock; the end of a record.
    pub end: Stamp,
    /// Where the playhead stands.
    pub playhead: Playhead,
    /// The file looked at.
    pub file: Option<&'a FileFacts>,
    /// What that call was last asked to send.
    pub source: &'a AudioSource,
    /// Where that call was last asked to play.
    pub playback: &'a Playback,
    /// What is broken around that call's peer, in a demo whose network can be broken.
    pub breakage: Option<&'a Breakage>,
    /// What the user chose.
    pub settings: &'a Settings,
    /// The sound devices, as last listed.
    pub devices: &'a DeviceList,
    /// How far the test of the network is.
    pub network_test: &'a TestState,
    /// A sentence about something done elsewhere, shown for a few seconds.
    pub toast: Option<&'a str>,
    /// A sentence about the window itself (settings unreadable), shown until dismissed.
    pub notice: Option<&'a str>,
}

/// What the window is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journey {
    /// Nothing: no call was begun.
    Idle,
    /// A call over the system's network.
    Call,
    /// Two peers over a simulated network.
    Demo(Scenario),
    /// A record or a capture.
    File,
}

/// A file that is read or shown.
#[derive(Debug, Clone)]
pub struct FileFacts {
    /// Its name without the folder.
    pub name: String,
    /// How far reading it is.
    pub state: OpenState,
    /// Whether a call goes on behind it.
    pub is_call_running: bool,
}

/// Whose view is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    /// The peer at this window.
    #[default]
    You,
    /// The other peer of a demo.
    Friend,
}

/// Where a call stands, in the few steps people tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No call was begun.
    Idle,
    /// A file is being read.
    Reading,
    /// The file shown holds no call.
    Nothing,
    /// Our code is being made.
    Preparing,
    /// Our code is ready, the friend's is not here.
    WaitingForCode,
    /// Pairs are being checked.
    Checking,
    /// A path is found, media keys are not in place.
    Securing,
    /// Media flows.
    Connected,
    /// The path does not answer.
    Interrupted,
    /// Nothing worked, or the path died.
    Failed,
    /// Over.
    Ended,
}

impl Model<'_> {
    /// The fold over the record up to the moment shown.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        self.moment.map_or(&self.snapshot.picture, |moment| &moment.picture)
    }

    /// Where the call stands at the moment shown.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if self.journey == Journey::Idle {
            return Standing::Idle;
        }
        if self.progress().is_some() {
            return Standing::Reading;
        }
        match standing(self.picture()) {
            // A capture does not tell of codes: what it begins with is a check.
            Standing::Preparing if self.snapshot.picture.is_capture && self.snapshot.picture.pairs.is_empty() => {
                Standing::Nothing
            }
            known => known,
        }
    }

    /// How far reading the file is, while it is under way.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.file.and_then(|file| file.state.progress())
    }

    /// What a panel says while nothing of the file is in it: that it is being read, or what the file lacks ("holds no
    /// measurements").
    #[must_use]
    pub fn of_file(&self, lacks: &str) -> String {
        if let Some(progress) = self.progress() {
            return format!("The file is being read: {}.", progress.words);
        }
        let part = self.file.and_then(|file| match &file.state {
            OpenState::Open(opened) => opened.part,
            OpenState::Reading { .. } | OpenState::Folding { .. } | OpenState::Refused(_) => None,
        });
        match part {
            Some(part) => format!("What was read of this file {lacks}. {part}"),
            None => format!("This file {lacks}."),
        }
    }

    /// Whether there is nothing left to hang up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let standing = standing(&self.snapshot.picture);
        self.journey == Journey::Idle
            || (self.snapshot.finished && matches!(standing, Standing::Ended | Standing::Failed))
    }

    /// How long media could flow so far.
    #[must_use]
    pub fn elapsed(&self) -> Option<Duration> {
        let picture = self.picture();
        Some(picture.ended_at.unwrap_or(self.now).since(picture.timings.selected?))
    }

    /// Whether something on the screen changes by the mere passing of time.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.journey != Journey::Idle && !self.snapshot.finished
    }
}

fn standing(picture: &Picture) -> Standing {
    use floe_inspect::picture::SecurityView;
    use floe_wire::{IceConnectionState as Ice, note::EndReason};

    match &picture.ended {
        Some(EndReason::HungUp | EndReason::PeerHungUp | EndReason::TimeOver) => return Standing::Ended,
        Some(EndReason::NotConnected | EndReason::Insecure { .. } | EndReason::NoNetwork) => return Standing::Failed,
        None => {}
    }
    match picture.ice_connection_state() {
        Ice::New if picture.timings.both_codes.is_some() => Standing::Checking,
        Ice::New if picture.timings.code_ready.is_some() => Standing::WaitingForCode,
        Ice::New => Standing::Preparing,
        Ice::Checking => Standing::Checking,
        Ice::Connected | Ice::Completed => match picture.security {
            SecurityView::Secured(_) | SecurityView::Seen(_) => Standing::Connected,
            SecurityView::Failed { .. } => Standing::Failed,
            SecurityView::None | SecurityView::Handshaking { .. } => Standing::Securing,
        },
        Ice::Disconnected => Standing::Interrupted,
        Ice::Failed => Standing::Failed,
        Ice::Closed => Standing::Ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::fixtures;

    #[test]
    fn a_call_without_keys_is_not_called_connected() {
        let mut snapshot = fixtures::connected();
        assert_eq!(standing(&snapshot.picture), Standing::Connected);
        let mut picture = (*snapshot.picture).clone();
        picture.security = floe_inspect::picture::SecurityView::None;
        snapshot.picture = picture.into();
        assert_eq!(standing(&snapshot.picture), Standing::Securing);
    }

    #[test]
    fn each_fixture_stands_where_it_says() {
        assert_eq!(standing(&Picture::default()), Standing::Preparing);
        assert_eq!(standing(&fixtures::waiting_for_code().picture), Standing::WaitingForCode);
        assert_eq!(standing(&fixtures::checking().picture), Standing::Checking);
        assert_eq!(standing(&fixtures::failed().picture), Standing::Failed);
    }
}
