//! The part of the settings dialog about TURN servers.

use egui::{ScrollArea, TextEdit, Ui};
use floe_transport::relay::{TurnUrl, TurnUrlError};

use crate::window::{pen, settings::TurnServer, theme};

/// Two relays and what may be wrong with them; more are scrolled to.
const LIST_HEIGHT: f32 = 96.0;

/// Draws one row for each server, and a button for another one.
pub(super) fn view(servers: &mut Vec<TurnServer>, ui: &mut Ui) {
    pen::heading(ui, "Relays (TURN servers)");
    super::super::hint(ui, "They carry what no direct path can, and see only ciphertext.");
    // Many relays must not push the buttons below out of a small window.
    ScrollArea::vertical().id_salt("relays").max_height(LIST_HEIGHT).show(ui, |ui| rows(servers, ui));
    if ui.button("Add a relay").on_hover_text("turn:host, turn:host?transport=tcp or turns:host").clicked() {
        servers.push(TurnServer::default());
    }
}

fn rows(servers: &mut Vec<TurnServer>, ui: &mut Ui) {
    let mut removed = None;
    for (index, server) in servers.iter_mut().enumerate() {
        ui.horizontal(|ui| {
            let number = index + 1;
            field(&mut server.url, &format!("Relay {number}"), "turns:turn.example.org", 250.0, false, ui);
            field(&mut server.user, &format!("User of relay {number}"), "user", 100.0, false, ui);
            field(&mut server.password, &format!("Password of relay {number}"), "password", 100.0, true, ui);
            if ui.button("Remove").clicked() {
                removed = Some(index);
            }
        });
    }
    if let Some(index) = removed {
        servers.remove(index);
    }
    for mistake in mistakes(servers) {
        pen::trouble(ui, &mistake);
    }
}

fn field(text: &mut String, name: &str, hint: &str, width: f32, is_secret: bool, ui: &mut Ui) {
    let edit = TextEdit::singleline(text).font(theme::mono()).hint_text(hint).desired_width(width).password(is_secret);
    let response = ui.add(edit);
    let shown = if is_secret { String::new() } else { text.clone() };
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, name);
        info.current_text_value = Some(shown.clone());
        info
    });
}

/// What is wrong, row by row. A row that is empty counts for nothing.
pub(super) fn mistakes(servers: &[TurnServer]) -> Vec<String> {
    let mistake = |server: &TurnServer| -> Option<TurnUrlError> {
        match TurnUrl::parse(&server.url) {
            Ok((_, None)) if server.user.is_empty() => Some(TurnUrlError::NoCredentials),
            Ok(_) => None,
            Err(error) => Some(error),
        }
    };
    let rows = servers.iter().enumerate().filter(|(_, server)| **server != TurnServer::default());
    rows.filter_map(|(index, server)| Some(format!("Relay {}: {}", index + 1, mistake(server)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_names_its_row_and_no_password() {
        let server = |url: &str, user: &str| TurnServer {
            url: url.to_owned(),
            user: user.to_owned(),
            password: "hunter2".to_owned(),
        };
        let servers = [
            server("turns:turn.example.org", "alice"),
            TurnServer::default(),
            server("stun:turn.example.org", "alice"),
            server("turn:turn.example.org", ""),
            server("turn:bob:secret@turn.example.org", ""),
        ];
        let mistakes = mistakes(&servers);
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
        assert!(mistakes[0].starts_with("Relay 3: ") && mistakes[1].starts_with("Relay 4: "), "{mistakes:?}");
        assert!(!format!("{mistakes:?} {servers:?}").contains("hunter2"));
    }
}
