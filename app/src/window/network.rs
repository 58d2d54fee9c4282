//! Interfaces, sockets and servers.

use egui::{Frame, Margin, RichText, ScrollArea, Stroke, Ui, vec2};
use floe_call::probe::{ForecastRow, ProbeReport, ServerReport};
use floe_inspect::{
    Picture,
    picture::{ServerVerdict, ServerView},
};

use super::{
    format, interfaces,
    model::{Journey, Model},
    network_test::TestState,
    pen,
    theme::{self, Palette},
    wish::{DialogKind, Wish},
};

/// Draws the panel.
pub fn view(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let picture = model.picture();
    let mut wishes = Vec::new();
    test_button(model, &mut wishes, ui);
    if picture.bases.is_empty() && picture.interfaces.is_empty() && picture.base_failures.is_empty() {
        let how = match model.journey {
            Journey::Idle => "Press New call on the left, or choose a demo above.",
            Journey::Call | Journey::Demo(_) => "They are being listed; this takes a moment.",
            Journey::File => &model.of_file("names none of them"),
        };
        if !matches!(model.network_test, TestState::Done(_)) {
            pen::empty(ui, "Your interfaces and what each server answered will appear here.", how);
        }
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| test_result(model, ui));
        return wishes;
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        test_result(model, ui);
        pen::heading(ui, "Servers");
        servers(model, picture, &mut wishes, ui);
        ui.add_space(theme::GRID / 2.0);
        pen::heading(ui, "Interfaces");
        interfaces::view(picture, ui);
        for (place, words) in &picture.base_failures {
            pen::trouble(ui, &format!("{place} could not be used: {words}"));
        }
    });
    wishes
}

fn test_button(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    if model.journey == Journey::File {
        return;
    }
    let is_running = matches!(model.network_test, TestState::Running);
    let label = if is_running { "Testing…" } else { "Test my network" };
    let hover = "Asks your servers how this network maps and filters, and forecasts whom a call reaches; it takes up to \
                 half a minute and needs no friend";
    let button = egui::Button::new(label).min_size(vec2(0.0, theme::HIT));
    if ui.add_enabled(!is_running, button).on_hover_text(hover).clicked() {
        wishes.push(Wish::TestNetwork);
    }
}

/// What the test of the network found, apart from what the panel shows of servers and interfaces anyway.
fn test_result(model: &Model<'_>, ui: &mut Ui) {
    let TestState::Done(report) = model.network_test else { return };
    pen::heading(ui, "This network");
    card(ui, |ui| {
        let ProbeReport { nat, ipv6, .. } = &**report;
        let two = if nat.carrier_grade { "yes (a carrier's, or another router)" } else { "no sign of one" };
        let rows = [
            ("Mapping", nat.mapping_words()),
            ("Filtering", nat.filtering_words()),
            ("Second NAT", two.to_owned()),
            ("IPv6", format!("{}: {}", ipv6.state.name(), ipv6.why)),
        ];
        pen::facts(ui, "network test", &rows);
        for server in &report.servers {
            tested_server(server, ui);
        }
        match &report.web {
            Some(web) if web.redirected_to.is_some() || web.error.is_some() => {
                pen::trouble(ui, &format!("Web: {}", web.words()));
            }
            Some(web) => {
                pen::note(ui, format!("✓ Web: {}", web.words()));
            }
            None => {}
        }
    });
    pen::heading(ui, "Whom a call from here reaches");
    card(ui, |ui| {
        for row in &report.forecast {
            prospect(row, ui);
        }
    });
    ui.add_space(theme::GRID / 2.0);
}

fn tested_server(server: &ServerReport, ui: &mut Ui) {
    ui.label(RichText::new(&server.url).font(theme::mono()));
    for (way, reach) in [("UDP", &server.udp), ("TCP", &server.tcp), ("TLS", &server.tls)] {
        match (reach.rtt_ms, &reach.error) {
            (Some(rtt), _) => {
                pen::note(ui, format!("✓ {way} answers in {}", format::ms_value(rtt)));
            }
            (None, Some(error)) => {
                pen::trouble(ui, &format!("{way}: {error}"));
            }
            (None, None) => {}
        }
    }
}

fn prospect(row: &ForecastRow, ui: &mut Ui) {
    ui.label(RichText::new(row.peer.name()));
    pen::note(ui, format!("{}: {}", row.outlook_words(), row.without_relay.why));
}

/// A framed part of the panel.
pub fn card(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let palette = Palette::of(ui.visuals());
    Frame::new()
        .fill(palette.surface)
        .stroke(Stroke::new(1.0, palette.border))
        .corner_radius(theme::ROUNDING)
        .inner_margin(Margin::symmetric(12, 8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 4.0;
            content(ui);
        });
}

fn servers(model: &Model<'_>, picture: &Picture, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    if picture.servers.is_empty() {
        let demo = matches!(model.journey, Journey::Demo(_));
        let text = if demo {
            "This scenario asks no server."
        } else {
            "No server is asked, so only addresses of this computer are known. Across routers you need a STUN server."
        };
        pen::note(ui, text);
        if !demo && ui.button("Choose servers…").on_hover_text("Opens the settings").clicked() {
            wishes.push(Wish::Open(DialogKind::Settings));
        }
        return;
    }
    card(ui, |ui| {
        for server in &picture.servers {
            server_line(server, picture, ui);
        }
    });
}

fn server_line(server: &ServerView, picture: &Picture, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let from = server
        .base
        .and_then(|base| picture.base(base))
        .map_or(String::new(), |base| format!(" from {}", base.interface));
    ui.spacing_mut().interact_size.y = 20.0;
    ui.horizontal_wrapped(|ui| match &server.verdict {
        ServerVerdict::Answered { mapped, rtt } => {
            ui.label(RichText::new("✓").color(palette.succeeded));
            ui.label(RichText::new(&server.url).font(theme::mono()));
            pen::note(ui, format!("{from} sees {mapped}, {}", format::ms(*rtt)));
        }
        ServerVerdict::Failed { error } => {
            ui.label(RichText::new("✗").color(palette.failed));
            ui.label(RichText::new(&server.url).font(theme::mono()));
            ui.label(RichText::new(format!("{from} {error}")).size(theme::SMALL).color(palette.failed));
        }
    });
}
