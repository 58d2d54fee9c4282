//! Sound: levels, mute, what is sent and where it is played.

use egui::{ComboBox, RichText, Ui, vec2};
use floe_audio::{DeviceInfo, Devices};
use floe_call::{AudioSource, Command, Playback};

use crate::window::{
    devices::DeviceList,
    level,
    model::Model,
    pen,
    settings::TONE_HZ,
    theme,
    wish::{DialogKind, Wish},
};

/// Draws the section.
pub fn view(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    // Levels are those of the moment shown; the switches are always those of the present.
    let (picture, present) = (model.picture(), &model.snapshot.picture);
    ui.horizontal(|ui| {
        pen::heading(ui, "Sound");
        if !model.snapshot.finished {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| mute(present.muted, wishes, ui));
        }
    });
    ui.spacing_mut().item_spacing.y = 4.0;
    // A level that was measured last is none that is there.
    let is_silent = model.snapshot.finished && model.playhead.at().is_none();
    let audio = picture.audio.as_ref().filter(|_| !is_silent);
    level::meter(ui, "You", audio.and_then(|audio| audio.sent_level_dbfs), picture.muted);
    level::meter(ui, "Friend", audio.and_then(|audio| audio.received_level_dbfs), picture.peer.muted);
    if model.snapshot.finished {
        return;
    }
    source(model, wishes, ui);
    playback(model, wishes, ui);
    if let DeviceList::Failed(why) = model.devices {
        pen::trouble(ui, &format!("Sound devices could not be listed: {why}"));
        if ui.button("Look again").clicked() {
            wishes.push(Wish::RefreshDevices);
        }
    }
    if let Some(message) = &present.audio_device {
        pen::note(ui, message);
    }
}

fn mute(muted: bool, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let title = if muted { "Unmute" } else { "Mute" };
    let size = vec2(96.0, theme::HIT);
    let hover = if muted { "Your friend hears silence. Click to be heard  (M)" } else { "Sends silence  (M)" };
    if ui.add_sized(size, egui::Button::new(title).selected(muted)).on_hover_text(hover).clicked() {
        wishes.push(Wish::Call(Command::SetMuted(!muted)));
    }
}

fn source(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let devices = known(model.devices).map_or(&[][..], |devices| &devices.inputs);
    let selected = source_name(model.source, devices);
    let response = combo("Send", selected, ui, |ui| {
        let mut choose = |choice: AudioSource, name: &str, ui: &mut Ui| {
            if ui.selectable_label(*model.source == choice, name).clicked() {
                wishes.push(Wish::Call(Command::SetSource(choice)));
            }
        };
        choose(AudioSource::Device(None), "Default microphone", ui);
        for device in devices {
            choose(AudioSource::Device(Some(device.id.clone())), &device.name, ui);
        }
        choose(AudioSource::Tone { hz: TONE_HZ }, "Test tone", ui);
        choose(AudioSource::None, "Nothing", ui);
        let wav = matches!(model.source, AudioSource::Wav(_));
        if ui.selectable_label(wav, "WAV file…").clicked() {
            wishes.push(Wish::Open(DialogKind::ChooseWav));
        }
    });
    opened(&response, model, wishes);
}

fn playback(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let devices = known(model.devices).map_or(&[][..], |devices| &devices.outputs);
    let selected = playback_name(model.playback, devices);
    let response = combo("Play", selected, ui, |ui| {
        let mut choose = |choice: Playback, name: &str, ui: &mut Ui| {
            if ui.selectable_label(*model.playback == choice, name).clicked() {
                wishes.push(Wish::Call(Command::SetPlayback(choice)));
            }
        };
        choose(Playback::Device(None), "Default speaker", ui);
        for device in devices {
            choose(Playback::Device(Some(device.id.clone())), &device.name, ui);
        }
        choose(Playback::None, "Nowhere", ui);
    });
    opened(&response, model, wishes);
}

/// A list that is opened is worth being fresh: devices come and go.
fn opened(response: &egui::Response, model: &Model<'_>, wishes: &mut Vec<Wish>) {
    let listing = matches!(model.devices, DeviceList::Listing);
    if response.clicked() && !listing {
        wishes.push(Wish::RefreshDevices);
    }
}

fn combo(label: &str, selected: String, ui: &mut Ui, choices: impl FnOnce(&mut Ui)) -> egui::Response {
    ui.horizontal(|ui| {
        let name = label_before(label, ui);
        let combo = ComboBox::from_id_salt(label).selected_text(selected).truncate().width(ui.available_width());
        combo.show_ui(ui, choices).response.labelled_by(name.id)
    })
    .inner
}

/// A name in front of a list, of equal width and flush left, so that the lists stand below each other.
fn label_before(label: &str, ui: &mut Ui) -> egui::Response {
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    ui.allocate_ui_with_layout(vec2(32.0, theme::HIT), layout, |ui| {
        ui.set_min_width(32.0);
        ui.label(RichText::new(label).size(theme::SMALL))
    })
    .inner
}

fn known(list: &DeviceList) -> Option<&Devices> {
    match list {
        DeviceList::Known(devices) => Some(devices),
        DeviceList::Unknown | DeviceList::Listing | DeviceList::Failed(_) => None,
    }
}

fn source_name(source: &AudioSource, devices: &[DeviceInfo]) -> String {
    match source {
        AudioSource::None => "Nothing".to_owned(),
        AudioSource::Tone { hz } => format!("Test tone, {hz} Hz"),
        AudioSource::Wav(path) => {
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
        }
        AudioSource::Device(id) => device_name(id.as_deref(), devices, "Default microphone"),
    }
}

fn playback_name(playback: &Playback, devices: &[DeviceInfo]) -> String {
    match playback {
        Playback::None => "Nowhere".to_owned(),
        Playback::Device(id) => device_name(id.as_deref(), devices, "Default speaker"),
    }
}

/// The device's name; its id stands in while the list is not here or the device is unplugged.
fn device_name(id: Option<&str>, devices: &[DeviceInfo], default: &str) -> String {
    let Some(id) = id else { return default.to_owned() };
    devices.iter().find(|device| device.id == id).map_or_else(|| id.to_owned(), |device| device.name.clone())
}
