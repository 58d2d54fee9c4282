//! What is known of the chosen pair.

use egui::{Frame, Margin, RichText, Stroke, Ui};
use floe_inspect::picture::PairView;

use crate::window::{
    format,
    model::Model,
    pen,
    playhead::PlayheadWish,
    theme::{self, Palette},
    wish::Wish,
};

/// About as high as it is in a narrow panel.
pub const HEIGHT: f32 = 190.0;

/// From this width on, what can be asked of a pair stands beside its name.
const BESIDE: f32 = 620.0;

/// Draws the pair's sentence, its numbers, and the ways to its moments.
pub fn view(model: &Model<'_>, pair: &PairView, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let frame = Frame::new()
        .fill(palette.surface)
        .stroke(Stroke::new(1.0, palette.border))
        .corner_radius(theme::ROUNDING)
        .inner_margin(Margin::symmetric(12, 8));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 4.0;
        let name = RichText::new(title(model, pair)).font(theme::mono()).color(palette.accent);
        if ui.available_width() >= BESIDE {
            ui.horizontal(|ui| {
                ui.label(name);
                super::wishes::buttons(model, pair, wishes, ui);
            });
        } else {
            ui.add(egui::Label::new(name).truncate());
            if super::wishes::can_be_asked(model) {
                ui.horizontal(|ui| super::wishes::buttons(model, pair, wishes, ui));
            }
        }
        ui.add(egui::Label::new(RichText::new(&pair.why).size(theme::BODY)).wrap());
        moments(pair, wishes, ui);
        pen::facts(ui, "pair facts", &facts(model, pair));
    });
}

/// The moments that a pair tells of, each a way there.
fn moments(pair: &PairView, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let known = [
        ("formed", Some(pair.formed), "When this pair was first known"),
        ("sent", pair.last_request_sent, "Your last check"),
        ("answered", pair.last_answer, "The last answer to one of yours"),
        ("received", pair.last_request_received, "Your friend's last check"),
    ];
    ui.spacing_mut().interact_size.y = 20.0;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        for (name, at, what) in known {
            let Some(at) = at else { continue };
            let link = ui.link(RichText::new(format!("{name} {}", format::stamp(at))).size(theme::SMALL));
            if link.on_hover_text(format!("{what}; shows that moment everywhere")).clicked() {
                wishes.push(Wish::Playhead(PlayheadWish::Seek(at)));
            }
        }
    });
}

fn title(model: &Model<'_>, pair: &PairView) -> String {
    let base = model.picture().base(pair.id.base);
    let local = base.map_or_else(|| pair.id.base.to_string(), |base| format!("{} {}", base.interface, base.address));
    let kind = pair
        .remote_candidate
        .as_deref()
        .and_then(|id| model.picture().candidate(id))
        .map_or("", |view| view.candidate.candidate_type.name());
    format!("{local} → {kind} {}", pair.id.remote)
}

fn facts(model: &Model<'_>, pair: &PairView) -> Vec<(&'static str, String)> {
    let ago = |at| format!("{} ago", format::span(model.now.since(at)));
    let average = u32::try_from(pair.responses_received).ok().filter(|count| *count > 0).map(|n| pair.total_rtt / n);
    let mut facts = vec![
        ("State", standing(pair)),
        ("Round trip", format::or_unknown(pair.rtt, format::ms)),
        ("Average", format::or_unknown(average, format::ms)),
        ("Priority", if pair.priority == 0 { format::UNKNOWN.to_owned() } else { pair.priority.to_string() }),
        ("Checks sent", format!("{}, {} answered", pair.requests_sent, pair.responses_received)),
        ("Checks received", format!("{}, {} answered", pair.requests_received, pair.responses_sent)),
        ("Sent again", pair.retransmissions_sent.to_string()),
        ("Consent checks", pair.consent_requests_sent.to_string()),
        ("Last answer", format::or_unknown(pair.last_answer, ago)),
        ("Last check received", format::or_unknown(pair.last_request_received, ago)),
        ("Media sent", traffic(pair.media_sent)),
        ("Media received", traffic(pair.media_received)),
    ];
    if let Some((code, reason)) = &pair.last_error {
        facts.push(("Last error", format!("{code} {reason}")));
    }
    facts
}

fn standing(pair: &PairView) -> String {
    match (pair.selected, pair.nominated) {
        (true, _) => format!("{}, selected ★", pair.state.name()),
        (false, true) => format!("{}, nominated", pair.state.name()),
        (false, false) => pair.state.name().to_owned(),
    }
}

fn traffic(traffic: floe_inspect::picture::Traffic) -> String {
    format!("{}, {}", format::count(traffic.packets, "packet"), format::bytes(traffic.bytes))
}
