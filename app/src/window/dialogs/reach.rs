//! How one can be reached, in the settings: what the friend learns of us, and TCP beside UDP.

use egui::{TextEdit, Ui};

use crate::window::{
    pen,
    settings::{PrivacyLevel, Settings},
    theme,
};

/// Draws the section.
pub fn view(settings: &mut Settings, ports: &mut String, ui: &mut Ui) {
    pen::heading(ui, "What your friend learns");
    for (level, name) in [
        (PrivacyLevel::Everything, "All addresses"),
        (PrivacyLevel::HideLan, "Not those of my LAN"),
        (PrivacyLevel::RelayOnly, "Only a relay's"),
    ] {
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.spacing_mut().interact_size.y = 20.0;
            ui.radio_value(&mut settings.privacy, level, name);
            // Each says what it reveals before it is chosen.
            ui.indent(("privacy", name), |ui| super::hint(ui, level.to_call().describe()));
        });
    }
    if settings.privacy == PrivacyLevel::RelayOnly && settings.turn_servers.is_empty() {
        pen::trouble(ui, "Without a TURN server above, nobody can reach you like this.");
    }
    ui.horizontal(|ui| {
        ui.checkbox(&mut settings.tcp, "Offer TCP, too").on_hover_text("For networks that let no UDP through");
        ui.label("and listen on ports");
        let edit = TextEdit::singleline(ports)
            .font(theme::mono())
            .hint_text(theme::hint("such as 443, 80"))
            .desired_width(110.0);
        let response = ui.add_enabled(settings.tcp, edit);
        let shown = ports.clone();
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, "TCP ports");
            info.current_text_value = Some(shown.clone());
            info
        });
        response.on_hover_text("Besides one that the system chooses; firewalls let 443 and 80 through most");
    });
    if let Err(mistake) = read(ports) {
        pen::trouble(ui, &mistake);
    }
}

/// Ports as people write them.
pub fn written(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

/// Reads ports; a sentence where that is not possible.
pub fn read(text: &str) -> Result<Vec<u16>, String> {
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    let port = |part: &str| match part.parse() {
        Ok(0) | Err(_) => Err(format!("\"{part}\" is not a TCP port; ports are numbers from 1 to 65535")),
        Ok(port) => Ok(port),
    };
    parts.map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_survive_being_written_and_read_and_mistakes_are_named() {
        assert_eq!(read(&written(&[443, 80])), Ok(vec![443, 80]));
        assert_eq!(read("  "), Ok(Vec::new()));
        for wrong in ["70000", "0", "https"] {
            assert!(read(wrong).unwrap_err().contains(wrong));
        }
    }
}
