//! The interfaces in the panel Network: one card each, with everything that is open on it.

use egui::{RichText, Ui};
use floe_inspect::{
    Picture,
    picture::{BaseView, ServerVerdict},
};
use floe_wire::BaseKind;

use super::{
    format,
    network::card,
    pen,
    theme::{self, Palette},
};

/// Draws the interfaces in use, and names those that are not.
pub fn view(picture: &Picture, ui: &mut Ui) {
    let mut names: Vec<&str> = Vec::new();
    for base in &picture.bases {
        if !names.contains(&base.interface.as_str()) {
            names.push(&base.interface);
        }
    }
    for name in names {
        let bases: Vec<&BaseView> = picture.bases.iter().filter(|base| base.interface == name).collect();
        card(ui, |ui| interface(name, &bases, picture, ui));
    }
    idle_interfaces(picture, ui);
}

fn interface(name: &str, bases: &[&BaseView], picture: &Picture, ui: &mut Ui) {
    ui.spacing_mut().interact_size.y = 20.0;
    ui.horizontal(|ui| {
        ui.label(RichText::new(name).font(theme::strong(theme::BODY)));
        if let Some(base) = bases.first() {
            pen::note(ui, format::interface_kind(base.kind));
        }
    });
    let (large, small): (Vec<&BaseView>, _) = bases.iter().partition(|base| base.base_kind == BaseKind::Udp);
    for base in large {
        udp(base, picture, ui);
    }
    for base in small {
        other(base, ui);
    }
}

fn udp(base: &BaseView, picture: &Picture, ui: &mut Ui) {
    ui.horizontal(|ui| address(base, ui));
    let rows = [
        ("Router", router(base, picture)),
        ("Sent", traffic(base.sent)),
        ("Received", traffic(base.received)),
        ("Opened", format::stamp(base.opened)),
        ("Sends refused", base.send_failures.to_string()),
    ];
    pen::facts(ui, &format!("base {}", base.base.0), &rows);
    if let Some(error) = &base.last_send_error {
        pen::trouble(ui, &format!("The system refused to send: {error}"));
    }
}

/// Sockets that an interface has several of, in a line each.
fn other(base: &BaseView, ui: &mut Ui) {
    ui.horizontal_wrapped(|ui| {
        address(base, ui);
        let failed = match base.send_failures {
            0 => String::new(),
            count => format!(", {} refused", format::count(count, "send")),
        };
        let words = format!("sent {}, received {}{failed}", traffic(base.sent), traffic(base.received));
        let response = pen::note(ui, words);
        if let Some(error) = &base.last_send_error {
            response.on_hover_text(format!("The system refused to send: {error}"));
        }
    });
}

fn address(base: &BaseView, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    ui.label(RichText::new(kind(&base.base_kind)).size(theme::SMALL));
    ui.label(RichText::new(base.address.to_string()).font(theme::mono()).color(palette.accent));
    if let Some(closed) = base.closed {
        pen::note(ui, format!("closed at {}", format::stamp(closed)));
    }
}

fn kind(kind: &BaseKind) -> String {
    match kind {
        BaseKind::Udp => "UDP".to_owned(),
        BaseKind::Tcp { tcp_type } => format!("TCP {}", tcp_type.name()),
        BaseKind::TurnClient { transport, .. } => format!("to a relay over {}", transport.name().to_uppercase()),
        BaseKind::Relay { .. } => "relay".to_owned(),
    }
}

/// What the servers say of the router in front of a base.
fn router(base: &BaseView, picture: &Picture) -> String {
    let mut seen: Vec<_> = picture
        .servers
        .iter()
        .filter(|server| server.base == Some(base.base))
        .filter_map(|server| match &server.verdict {
            ServerVerdict::Answered { mapped, .. } => Some(*mapped),
            ServerVerdict::Failed { .. } => None,
        })
        .collect();
    seen.sort_unstable();
    seen.dedup();
    match seen.as_slice() {
        [] => format::UNKNOWN.to_owned(),
        [one] if *one == base.address => "none in between".to_owned(),
        [one] => format!("seen as {one}"),
        [first, ..] => format!("{} differs per server: symmetric", first.ip()),
    }
}

fn traffic(traffic: floe_inspect::picture::Traffic) -> String {
    format!("{}, {}", format::count(traffic.packets, "packet"), format::bytes(traffic.bytes))
}

fn idle_interfaces(picture: &Picture, ui: &mut Ui) {
    let unused = picture.interfaces.iter().filter(|interface| {
        picture.bases.iter().all(|base| base.interface != interface.name)
            && picture.base_failures.iter().all(|(place, _)| !place.starts_with(&interface.name))
    });
    for interface in unused {
        let addresses: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
        let kind = format::interface_kind(interface.kind);
        pen::note(ui, format!("{} ({kind}) is not used: {}", interface.name, addresses.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::fixtures;

    #[test]
    fn a_router_that_shows_two_faces_is_called_symmetric() {
        let mut snapshot = fixtures::connected();
        let picture = std::sync::Arc::make_mut(&mut snapshot.picture);
        assert_eq!(router(&picture.bases[0], picture), "seen as 203.0.113.21:61044");
        let mut second = picture.servers[0].clone();
        second.verdict = ServerVerdict::Answered {
            mapped: "203.0.113.21:9".parse().unwrap(),
            rtt: std::time::Duration::from_millis(9),
        };
        picture.servers.push(second);
        assert!(router(&picture.bases[0], picture).contains("symmetric"));
    }

    #[test]
    fn a_silent_server_leaves_the_router_unknown() {
        let mut snapshot = fixtures::connected();
        let picture = std::sync::Arc::make_mut(&mut snapshot.picture);
        picture.servers.clear();
        assert_eq!(router(&picture.bases[0], picture), "–");
    }
}
