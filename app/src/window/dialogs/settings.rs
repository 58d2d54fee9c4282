//! The settings: servers, devices, interfaces, theme.

use std::path::{Path, PathBuf};

use egui::{ComboBox, ScrollArea, TextEdit, Ui, vec2};
use floe_audio::DeviceInfo;
use floe_call::web::WebPage;
use floe_transport::ServerUrl;

use crate::window::{
    devices::DeviceList,
    format,
    model::{Journey, Model, Standing},
    pen,
    settings::{Output, Settings, Source, ThemeChoice},
    theme,
    turn_server::TurnServer,
    wish::Wish,
};

/// Public servers that can be added with one click. None is used unless the user adds it.
const PRESETS: [(&str, &str); 3] = [
    ("Google", "stun:stun.l.google.com:19302"),
    ("Cloudflare", "stun:stun.cloudflare.com:3478"),
    ("Nextcloud", "stun:stun.nextcloud.com:3478"),
];

/// Settings being changed.
#[derive(Debug)]
pub struct SettingsDraft {
    servers: String,
    ports: String,
    authorities: String,
    settings: Settings,
}

impl SettingsDraft {
    /// A draft of the settings as they are.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let ports = super::reach::written(&settings.tcp_ports);
        let authorities =
            settings.turn_authorities.as_ref().map_or_else(String::new, |path| path.display().to_string());
        Self { servers: settings.stun_servers.join("\n"), ports, authorities, settings: settings.clone() }
    }

    /// Takes a file that was picked.
    pub fn take_authorities(&mut self, path: &Path) {
        self.authorities = path.display().to_string();
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.servers.lines().map(str::trim).filter(|line| !line.is_empty())
    }

    /// What is wrong, line by line.
    fn mistakes(&self) -> Vec<String> {
        let lines = self.servers.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines
            .filter_map(|(index, line)| {
                let mistake = ServerUrl::parse(line.trim()).err()?;
                Some(format!("Line {}: {mistake}", index + 1))
            })
            .collect()
    }

    fn add(&mut self, url: &str) {
        if self.lines().any(|line| line == url) {
            return;
        }
        if !self.servers.is_empty() && !self.servers.ends_with('\n') {
            self.servers.push('\n');
        }
        self.servers.push_str(url);
    }

    fn finished(&self) -> Settings {
        let named = self.settings.turn_servers.iter().filter(|server| !server.is_blank());
        Settings {
            stun_servers: self.lines().map(str::to_owned).collect(),
            tcp_ports: super::reach::read(&self.ports).unwrap_or_default(),
            turn_authorities: Some(self.authorities.trim()).filter(|path| !path.is_empty()).map(PathBuf::from),
            turn_servers: named.cloned().map(TurnServer::untangled).collect(),
            ..self.settings.clone()
        }
    }
}

/// Draws the dialog.
pub fn view(model: &Model<'_>, draft: &mut SettingsDraft, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    super::title(ui, "Settings");
    let room = (ui.ctx().content_rect().height() - 210.0).max(200.0);
    ScrollArea::vertical().id_salt("settings").max_height(room).show(ui, |ui| {
        servers(draft, ui);
        ui.separator();
        super::turn::view(&mut draft.settings.turn_servers, &mut draft.authorities, wishes, ui);
        ui.separator();
        web_page(&mut draft.settings.web_page, ui);
        ui.separator();
        super::reach::view(&mut draft.settings, &mut draft.ports, ui);
        ui.separator();
        devices(model, draft, wishes, ui);
        ui.separator();
        interfaces(model, draft, ui);
    });
    ui.separator();
    ui.horizontal(|ui| {
        ui.label("Theme");
        for (choice, name) in
            [(ThemeChoice::System, "As the system"), (ThemeChoice::Light, "Light"), (ThemeChoice::Dark, "Dark")]
        {
            ui.radio_value(&mut draft.settings.theme, choice, name);
        }
    });
    let mut mistakes = draft.mistakes();
    mistakes.extend(super::turn::mistakes(&draft.settings.turn_servers));
    mistakes.extend(super::reach::read(&draft.ports).err());
    mistakes.extend(web_mistake(&draft.settings.web_page));
    ui.horizontal(|ui| {
        let save = ui.add_enabled(mistakes.is_empty(), egui::Button::new("Save settings"));
        if save.on_disabled_hover_text("Correct what is marked first").clicked() {
            wishes.push(Wish::ChangeSettings(draft.finished()));
            wishes.push(Wish::CloseDialog);
        }
        // What is in a code that was made already does not change; nobody's call is ended for a new one.
        if model.journey == Journey::Call && matches!(model.standing(), Standing::WaitingForCode | Standing::Failed) {
            let renew = ui.add_enabled(mistakes.is_empty(), egui::Button::new("Save and make a new code"));
            let hover = "A code that you have sent already is worth nothing then: send the new one";
            if renew.on_hover_text(hover).clicked() {
                wishes.push(Wish::ChangeSettings(draft.finished()));
                wishes.push(Wish::CloseDialog);
                wishes.push(Wish::NewCall);
            }
        }
        if ui.button("Cancel").on_hover_text("Esc").clicked() {
            ui.close();
        }
        super::hint(ui, "Servers and interfaces count from the next code on.");
    });
}

fn servers(draft: &mut SettingsDraft, ui: &mut Ui) {
    pen::heading(ui, "STUN servers");
    super::hint(ui, "They tell you how the internet sees you. None is asked unless it stands here, one per line.");
    let edit = TextEdit::multiline(&mut draft.servers)
        .id_salt("stun servers")
        .font(theme::mono())
        .hint_text(theme::hint("for example stun:stun.example.org:3478"))
        .desired_rows(3)
        .desired_width(f32::INFINITY);
    let response = ui.add(edit);
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, "STUN servers");
        info.current_text_value = Some(draft.servers.clone());
        info
    });
    for mistake in draft.mistakes() {
        pen::trouble(ui, &mistake);
    }
    ui.horizontal(|ui| {
        pen::note(ui, "Add a public one:");
        for (name, url) in PRESETS {
            let known = draft.lines().any(|line| line == url);
            let button = ui.add_enabled(!known, egui::Button::new(name));
            if button.on_hover_text(url).on_disabled_hover_text("It is in the list").clicked() {
                draft.add(url);
            }
        }
    });
}

fn web_page(page: &mut String, ui: &mut Ui) {
    pen::heading(ui, "Networks that want you to sign in");
    super::hint(
        ui,
        "One plain page is asked for with each call, to see whether it is led elsewhere. None if this is empty.",
    );
    let edit = TextEdit::singleline(page)
        .id_salt("web page")
        .font(theme::mono())
        .hint_text("http://example.org/")
        .desired_width(f32::INFINITY);
    let response = ui.add(edit);
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Page to ask for");
        info.current_text_value = Some(page.clone());
        info
    });
    if let Some(mistake) = web_mistake(page) {
        pen::trouble(ui, &mistake);
    }
}

fn web_mistake(page: &str) -> Option<String> {
    let mistake = WebPage::parse(page).err().filter(|_| !page.trim().is_empty())?;
    Some(format!("The page: {mistake}"))
}

fn devices(model: &Model<'_>, draft: &mut SettingsDraft, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    pen::heading(ui, "Sound for new calls");
    let (inputs, outputs): (&[DeviceInfo], &[DeviceInfo]) = match model.devices {
        DeviceList::Known(devices) => (&devices.inputs, &devices.outputs),
        DeviceList::Unknown | DeviceList::Listing | DeviceList::Failed(_) => (&[], &[]),
    };
    source(&mut draft.settings.source, inputs, ui);
    output(&mut draft.settings.playback, outputs, ui);
    ui.horizontal(|ui| {
        if ui.button("Look for devices").on_hover_text("Lists what is plugged in now").clicked() {
            wishes.push(Wish::RefreshDevices);
        }
        match model.devices {
            DeviceList::Unknown => {}
            DeviceList::Listing => {
                pen::note(ui, "Looking…");
            }
            DeviceList::Known(devices) => {
                let inputs = format::count(devices.inputs.len() as u64, "microphone");
                pen::note(ui, format!("{inputs}, {}", format::count(devices.outputs.len() as u64, "speaker")));
            }
            DeviceList::Failed(why) => {
                pen::trouble(ui, &format!("They could not be listed: {why}"));
            }
        }
    });
}

fn source(source: &mut Source, inputs: &[DeviceInfo], ui: &mut Ui) {
    let name = |source: &Source| match source {
        Source::None => "Nothing".to_owned(),
        Source::Tone => "Test tone".to_owned(),
        Source::Wav(path) => path.display().to_string(),
        Source::Microphone(None) => "Default microphone".to_owned(),
        Source::Microphone(Some(id)) => device_name(id, inputs),
    };
    let selected = name(source);
    choice("Send", selected, ui, |ui| {
        let mut choices = vec![Source::Microphone(None), Source::Tone, Source::None];
        choices.extend(inputs.iter().map(|device| Source::Microphone(Some(device.id.clone()))));
        for choice in choices {
            let text = name(&choice);
            ui.selectable_value(source, choice, text);
        }
    });
}

fn output(output: &mut Output, outputs: &[DeviceInfo], ui: &mut Ui) {
    let name = |output: &Output| match output {
        Output::None => "Nowhere".to_owned(),
        Output::Speaker(None) => "Default speaker".to_owned(),
        Output::Speaker(Some(id)) => device_name(id, outputs),
    };
    let selected = name(output);
    choice("Play", selected, ui, |ui| {
        let mut choices = vec![Output::Speaker(None), Output::None];
        choices.extend(outputs.iter().map(|device| Output::Speaker(Some(device.id.clone()))));
        for choice in choices {
            let text = name(&choice);
            ui.selectable_value(output, choice, text);
        }
    });
}

/// A list with its name in front.
fn choice(name: &str, selected: String, ui: &mut Ui, choices: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        let left = egui::Layout::left_to_right(egui::Align::Center);
        let label = ui.allocate_ui_with_layout(vec2(40.0, theme::HIT), left, |ui| {
            ui.set_min_width(40.0);
            ui.label(name)
        });
        let label = label.inner;
        let list = ComboBox::from_id_salt(("settings", name)).width(340.0).truncate().selected_text(selected);
        list.show_ui(ui, choices).response.labelled_by(label.id);
    });
}

fn device_name(id: &str, devices: &[DeviceInfo]) -> String {
    devices.iter().find(|device| device.id == id).map_or_else(|| id.to_owned(), |device| device.name.clone())
}

fn interfaces(model: &Model<'_>, draft: &mut SettingsDraft, ui: &mut Ui) {
    pen::heading(ui, "Interfaces");
    let mut names: Vec<&str> = model.picture().interfaces.iter().map(|interface| interface.name.as_str()).collect();
    names.extend(draft.settings.interfaces.iter().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    if names.is_empty() {
        super::hint(ui, "All of them are used. They can be chosen here once a call has listed them.");
        return;
    }
    super::hint(ui, "Only ticked ones are used; with all of them ticked, new ones are used too.");
    ui.horizontal_wrapped(|ui| {
        for name in &names {
            let mut used = is_used(&draft.settings.interfaces, name);
            if ui.checkbox(&mut used, name).changed() {
                draft.settings.interfaces = with_choice(&draft.settings.interfaces, &names, name, used);
            }
        }
    });
}

fn is_used(chosen: &[String], name: &str) -> bool {
    chosen.is_empty() || chosen.iter().any(|other| other == name)
}

/// The choice after one box was ticked or cleared. All ticked is kept as an empty list, which means all.
fn with_choice(chosen: &[String], names: &[String], changed: &str, used: bool) -> Vec<String> {
    let ticked = |name: &&String| if *name == changed { used } else { is_used(chosen, name) };
    let ticked: Vec<String> = names.iter().filter(ticked).cloned().collect();
    if ticked.len() == names.len() { Vec::new() } else { ticked }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_names_its_line() {
        let mut draft = SettingsDraft::of(&Settings::default());
        draft.servers = "stun:stun.example.org\n\nhttp://example.org".to_owned();
        let mistakes = draft.mistakes();
        assert_eq!(mistakes.len(), 1);
        assert!(mistakes[0].starts_with("Line 3: "), "{}", mistakes[0]);
    }

    #[test]
    fn a_page_may_be_missing_and_may_not_be_encrypted() {
        assert_eq!(web_mistake("  "), None);
        assert_eq!(web_mistake("http://example.org/"), None);
        assert!(web_mistake("https://example.org/").expect("a mistake").contains("http://"));
        let settings = Settings { web_page: "nonsense".to_owned(), ..Settings::default() };
        assert_eq!(settings.web_page(), None);
    }

    #[test]
    fn every_preset_is_valid_and_added_once() {
        let mut draft = SettingsDraft::of(&Settings::default());
        for (_, url) in PRESETS {
            draft.add(url);
            draft.add(url);
        }
        assert!(draft.mistakes().is_empty());
        assert_eq!(draft.finished().stun_servers.len(), PRESETS.len());
    }

    #[test]
    fn blank_lines_and_spaces_are_not_servers() {
        let mut draft = SettingsDraft::of(&Settings::default());
        draft.servers = "\n  stun:stun.example.org  \n\n".to_owned();
        assert_eq!(draft.finished().stun_servers, ["stun:stun.example.org"]);
    }

    #[test]
    fn clearing_one_interface_keeps_the_others_and_ticking_it_again_means_all() {
        let names = ["eth0", "wlan0"].map(str::to_owned);
        let one = with_choice(&[], &names, "wlan0", false);
        assert_eq!(one, ["eth0"]);
        assert!(with_choice(&one, &names, "wlan0", true).is_empty());
    }
}
