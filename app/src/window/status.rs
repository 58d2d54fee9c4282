//! The bottom line: how long, how much, and what was not taken in.

use egui::{RichText, Ui};

use super::{
    format,
    model::{Journey, Model},
    theme::{self, Palette},
    wish::Wish,
};

/// Draws the line.
pub fn view(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let picture = model.picture();
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = theme::GRID * 2.0;
        if model.journey == Journey::Idle {
            item(ui, "F1 shows keys and signs", "Every action has its key in its tooltip", false);
            return;
        }
        let record = picture.ended_at.unwrap_or(model.now).0;
        let clock = format!("Record {}", format::clock(record));
        item(ui, &clock, "Time since this side began to gather", false);
        let talk = format::or_unknown(model.elapsed(), format::clock);
        item(ui, &format!("Call {talk}"), "Time since a path was first in use", false);
        let sum = |kinds: &[(floe_wire::PacketKind, u64)]| kinds.iter().map(|(_, count)| count).sum::<u64>();
        let sent = format!("Sent {}", format::count(sum(&picture.counters.sent_by_kind), "packet"));
        item(ui, &sent, &by_kind(&picture.counters.sent_by_kind), false);
        let received = format!("Received {}", format::count(sum(&picture.counters.received_by_kind), "packet"));
        item(ui, &received, &by_kind(&picture.counters.received_by_kind), false);
        let refused: u64 = picture.counters.refused.iter().map(|(_, count)| count).sum();
        let why: Vec<String> =
            picture.counters.refused.iter().map(|(reason, count)| format!("{count} × {}", reason.name())).collect();
        item(
            ui,
            &format!("Refused {refused}"),
            &told(why, "Packets that were not for us or not authentic"),
            refused > 0,
        );
        let dropped: u64 = picture.counters.dropped.iter().map(|(_, count)| count).sum();
        let what: Vec<String> =
            picture.counters.dropped.iter().map(|(kind, count)| format!("{count} × {}", dropped_name(*kind))).collect();
        item(ui, &format!("Dropped {dropped}"), &told(what, "Things left out to keep memory bounded"), dropped > 0);
    });
    Vec::new()
}

fn item(ui: &mut Ui, text: &str, hover: &str, stands_out: bool) {
    let palette = Palette::of(ui.visuals());
    let color = if stands_out { palette.text } else { palette.weak };
    ui.add(egui::Label::new(RichText::new(text).size(theme::SMALL).color(color)).selectable(false))
        .on_hover_text(hover);
}

fn told(lines: Vec<String>, purpose: &str) -> String {
    if lines.is_empty() { format!("{purpose}: none") } else { format!("{purpose}\n{}", lines.join("\n")) }
}

fn by_kind(kinds: &[(floe_wire::PacketKind, u64)]) -> String {
    let lines: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {}", kind_name(*kind))).collect();
    if lines.is_empty() { "None yet".to_owned() } else { lines.join("\n") }
}

const fn kind_name(kind: floe_wire::PacketKind) -> &'static str {
    use floe_wire::PacketKind::{ChannelData, Dtls, Rtcp, Rtp, Stun, Unknown};
    match kind {
        Stun => "STUN",
        Dtls => "DTLS",
        ChannelData => "TURN ChannelData",
        Rtp => "RTP",
        Rtcp => "RTCP",
        Unknown => "of no protocol we know",
    }
}

const fn dropped_name(kind: floe_wire::note::DropKind) -> &'static str {
    use floe_wire::note::DropKind::{
        AudioFrames, Candidates, Connections, ControlMessages, Datagrams, Frames, Pairs, Records,
    };
    match kind {
        Records => "records",
        Datagrams => "datagrams",
        Candidates => "candidates above the cap",
        Pairs => "pairs above 100",
        AudioFrames => "audio frames",
        Frames => "datagrams that TCP had no room for",
        Connections => "connections of strangers",
        ControlMessages => "messages of the other side that cannot be read",
    }
}
