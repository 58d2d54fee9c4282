//! TURN servers in the settings: address, user name, password, and whether the password is kept.

use egui::{TextEdit, Ui, vec2};

use crate::window::{
    pen, theme,
    turn_server::TurnServer,
    wish::{FileFor, Wish},
};

/// Draws the list.
pub fn view(servers: &mut Vec<TurnServer>, authorities: &mut String, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    pen::heading(ui, "TURN servers");
    super::hint(
        ui,
        "They carry the audio where no direct path exists. A password is forgotten with the window, unless you let it be \
         remembered: then it stands readable in the settings file.",
    );
    let mut removed = None;
    for (number, server) in servers.iter_mut().enumerate() {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            if row(number, server, ui) {
                removed = Some(number);
            }
        });
    }
    if let Some(number) = removed {
        servers.remove(number);
    }
    for mistake in mistakes(servers) {
        pen::trouble(ui, &mistake);
    }
    if ui.button("Add a TURN server").on_hover_text("Yours, or one you have an account with").clicked() {
        servers.push(TurnServer::default());
    }
    if !servers.is_empty() {
        trust(authorities, wishes, ui);
    }
}

/// Whom to believe that it is the server, where its certificate is not one of the system's.
fn trust(authorities: &mut String, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.label("Certificate authority of your own");
        let edit = TextEdit::singleline(authorities).id_salt("turn authorities").font(theme::mono());
        let response = ui.add(edit.hint_text(theme::hint("PEM file, for turns: only")).desired_width(210.0));
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, "TURN certificate authorities");
            info.current_text_value = Some(authorities.clone());
            info
        });
        response.on_hover_text("Believed besides those of your system. Leave it empty for a public server");
        if ui.button("Browse…").on_hover_text("Opens the system's file dialog").clicked() {
            wishes.push(Wish::Browse(FileFor::Authorities));
        }
    });
}

fn row(number: usize, server: &mut TurnServer, ui: &mut Ui) -> bool {
    let mut field = |text: &mut String, name: &str, hint: &str, width: f32, is_secret: bool| {
        let edit = TextEdit::singleline(text).id_salt((name, number)).font(theme::mono());
        let size = vec2(width, theme::HIT);
        let response = ui.add_sized(size, edit.hint_text(theme::hint(hint)).password(is_secret));
        let name = format!("{name} {}", number + 1);
        let shown = if is_secret { String::new() } else { text.clone() };
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, &name);
            info.current_text_value = Some(shown.clone());
            info
        });
    };
    field(&mut server.url, "TURN server", "turns:turn.example.org", 210.0, false);
    field(&mut server.user, "TURN user", "user", 80.0, false);
    field(&mut server.password, "TURN password", "password", 80.0, true);
    ui.checkbox(&mut server.is_remembered, "Remember").on_hover_text("Writes the password into the settings file");
    let remove = ui.button("Remove");
    remove.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Remove TURN server {}", number + 1))
    });
    remove.on_hover_text("Removes this server").clicked()
}

/// What is wrong, server by server. A line that nothing was typed into is none.
pub fn mistakes(servers: &[TurnServer]) -> Vec<String> {
    let named = servers.iter().enumerate().filter(|(_, server)| !server.is_blank());
    named
        .filter_map(|(number, server)| Some(format!("TURN server {}: {}", number + 1, server.check().err()?)))
        .collect()
}
