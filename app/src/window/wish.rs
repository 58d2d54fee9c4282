//! What a view asks for. Wishes are carried out in one place, after drawing.

use std::{net::SocketAddr, path::PathBuf};

use floe_call::Command;
use floe_capture::ImportOptions;
use floe_simnet::Scenario;
use floe_wire::{BaseId, Stamp};

use super::{
    archive::SaveAs, break_it::Breakage, dock::Panel, model::Side, playhead::PlayheadWish, settings::Settings,
};

/// What a view asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// The call looked at shall do this.
    Call(Command),
    /// Begin a call of one's own; a running one is hung up.
    NewCall,
    /// Begin a demo; a running call is hung up.
    StartDemo(Scenario),
    /// Look at this peer of the demo.
    ShowSide(Side),
    /// Let the simulated network around the peer looked at be broken like this.
    Break(Breakage),
    /// Let the simulated router of the peer looked at forget everything.
    RestartRouter,
    /// Move the playhead.
    Playhead(PlayheadWish),
    /// Show this packet on the ladder, and its moment everywhere.
    ShowPacket {
        /// Number of its record.
        record: u64,
        /// When.
        at: Stamp,
    },
    /// Show this record or capture; a running call goes on behind it.
    OpenFile(PathBuf),
    /// Read the capture shown in another way: another session, or seen from the other side.
    ReopenFile(ImportOptions),
    /// Stop reading the file and show what was read of it.
    StopReading,
    /// Stop showing the file.
    CloseFile,
    /// Test the network without a peer.
    TestNetwork,
    /// Bring a panel to the front.
    ShowPanel(Panel),
    /// Put a text on the clipboard and say so.
    Copy {
        /// The text.
        text: String,
        /// What it is, as the start of a sentence: "Your code".
        what: &'static str,
    },
    /// Put the side looked at on the clipboard, for the friend to add.
    CopySide,
    /// Add the friend's side, exactly as it was pasted.
    AddSide(String),
    /// Take these settings and keep them.
    ChangeSettings(Settings),
    /// List the sound devices anew.
    RefreshDevices,
    /// Open a dialog.
    Open(DialogKind),
    /// Close the dialog.
    CloseDialog,
    /// Let the user pick a place with the system's file dialog.
    Browse(FileFor),
    /// Save what is looked at.
    Save {
        /// What.
        what: SaveAs,
        /// Whether addresses and names are replaced.
        is_redacted: bool,
        /// Where to.
        path: PathBuf,
    },
    /// Stop showing the notice.
    DismissNotice,
}

/// The dialogs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialogKind {
    /// Servers, devices, interfaces, theme.
    Settings,
    /// Keys and signs.
    Help,
    /// Our code as a QR picture.
    QrCode,
    /// Which record or capture to show.
    OpenFile,
    /// What to save, and where to.
    Save,
    /// Which WAV file to send.
    ChooseWav,
    /// Copying our side, adding the friend's.
    Sides,
    /// Whether the last path that works is really not wanted.
    BlockLast {
        /// Our base.
        base: BaseId,
        /// The other end.
        remote: SocketAddr,
    },
}

/// What a picked file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFor {
    /// It is written there.
    Save(SaveAs),
    /// It is shown.
    Open,
    /// It is sent as audio.
    Wav,
    /// TURN servers are believed because of it.
    Authorities,
}
