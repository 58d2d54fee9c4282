//! The chosen message, attribute by attribute.

use egui::{Color32, Grid, Label, RichText, ScrollArea, TextEdit, Ui, vec2};
use floe_inspect::{
    Ladder,
    ladder::{Fate, Message, Outcome},
};
use floe_wire::{
    Direction,
    describe::{Description, Fingerprint, Integrity},
};

use crate::window::{
    format,
    model::Model,
    pen,
    playhead::PlayheadWish,
    theme::{self, Palette},
    wish::Wish,
};

/// A message in words, kept while it is chosen.
#[derive(Debug)]
pub struct Detail {
    number: u64,
    words: Description,
    /// Whether nobody but the person at this window can tell if it is authentic.
    needs_password: bool,
}

/// A password that a person typed to check messages with. It lives in this window and nowhere else.
#[derive(Default)]
pub struct TypedPassword(String);

impl std::fmt::Debug for TypedPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TypedPassword")
    }
}

impl TypedPassword {
    fn get(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }
}

impl Detail {
    fn of(ladder: &Ladder, number: u64, password: &TypedPassword) -> Option<Self> {
        let words = ladder.describe(number, password.get())?;
        let needs_password = ladder.describe(number, None)?.integrity == Integrity::Unknown;
        Some(Self { number, words, needs_password })
    }
}

/// Draws the message.
pub fn view(
    model: &Model<'_>,
    ladder: &Ladder,
    number: u64,
    cache: &mut Option<Detail>,
    password: &mut TypedPassword,
    wishes: &mut Vec<Wish>,
    ui: &mut Ui,
) {
    let Some(message) = ladder.message(number) else { return };
    if cache.as_ref().is_none_or(|detail| detail.number != number) {
        *cache = Detail::of(ladder, number, password);
    }
    let Some(Detail { words, needs_password, .. }) = &*cache else { return };
    ui.horizontal(|ui| {
        ui.label(RichText::new(&words.title).font(theme::strong(theme::BODY)));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let button = ui.button(RichText::new("Show this moment").size(theme::SMALL));
            if button.on_hover_text("Moves the playhead here  (Enter)").clicked() {
                wishes.push(Wish::Playhead(PlayheadWish::Seek(message.at)));
            }
        });
    });
    let mut is_retyped = false;
    ScrollArea::vertical().id_salt("message").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        pen::note(ui, sentence(model, ladder, message));
        if let Some(problem) = &words.problem {
            pen::trouble(ui, problem);
        }
        attributes(words, ui);
        is_retyped = *needs_password && ask_for_password(password, ui);
    });
    if is_retyped {
        *cache = Detail::of(ladder, number, password);
    }
}

/// Where it went, when, and what came of it.
fn sentence(model: &Model<'_>, ladder: &Ladder, message: &Message) -> String {
    let base = model.snapshot.picture.base(message.base);
    let here = base.map_or_else(|| message.base.to_string(), |base| format!("{} {}", base.interface, base.address));
    let way = match message.direction {
        Direction::Outbound => format!("{here} → {}", message.remote),
        Direction::Inbound => format!("{} → {here}", message.remote),
    };
    let mut parts = vec![format::stamp(message.at), way, format!("{} bytes", message.bytes.len())];
    let exchange = message.exchange.and_then(|number| ladder.exchange(number));
    if let Some(exchange) = exchange {
        if exchange.transmissions > 1 {
            parts.push(format!("sent {} times", exchange.transmissions));
        }
        parts.push(match exchange.fate(model.end) {
            Fate::Waiting => "no answer yet".to_owned(),
            Fate::Lost => "never answered".to_owned(),
            Fate::Ended(Outcome::Answered { rtt: Some(rtt) }) => format!("answered in {}", format::ms(rtt)),
            Fate::Ended(Outcome::Answered { rtt: None }) => "answered, after which sending cannot be told".to_owned(),
            Fate::Ended(Outcome::Refused { code }) => format!("refused with {code}"),
            Fate::Ended(Outcome::FromElsewhere) => "answered from another address, which does not count".to_owned(),
            Fate::Ended(Outcome::Unanswered) => "no answer".to_owned(),
        });
    }
    parts.extend(super::there::there(&model.snapshot.picture, message).sentence(message.direction));
    parts.join("  ·  ")
}

fn attributes(words: &Description, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    let value = |ui: &mut Ui, text: &str, color: Color32| {
        ui.add(Label::new(RichText::new(text).font(theme::mono()).color(color)).wrap());
    };
    ui.spacing_mut().interact_size.y = theme::SMALL;
    Grid::new("attributes").num_columns(2).spacing(vec2(12.0, 3.0)).show(ui, |ui| {
        let name = |ui: &mut Ui, text: &str| ui.label(RichText::new(text).size(theme::SMALL).color(palette.weak));
        // The verdicts first: where there is little room, they are what one looks for.
        name(ui, "Integrity");
        let (text, color) = integrity(words.integrity, palette);
        value(ui, text, color);
        ui.end_row();
        name(ui, "Fingerprint");
        let color = if words.fingerprint == Fingerprint::Wrong { palette.failed } else { palette.text };
        value(ui, words.fingerprint.name(), color);
        ui.end_row();
        for attribute in &words.attributes {
            name(ui, &attribute.name).on_hover_text(format!("0x{:04X}", attribute.kind));
            value(ui, &attribute.value, palette.text);
            ui.end_row();
        }
        if let Some(transaction) = &words.transaction {
            name(ui, "Transaction");
            value(ui, &hex(transaction.0), palette.text);
            ui.end_row();
        }
    });
}

/// A field for the password, where a record or a capture cannot know it; says whether it changed.
fn ask_for_password(password: &mut TypedPassword, ui: &mut Ui) -> bool {
    ui.add_space(theme::GRID / 2.0);
    let edit = TextEdit::singleline(&mut password.0).id_salt("message password").font(theme::mono()).password(true);
    let response = ui.add(edit.hint_text("Password, to check integrity with").desired_width(f32::INFINITY));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Password to check integrity with"));
    response
        .on_hover_text(
            "The ICE password of the side that answers (a=ice-pwd in its description), or the password of the account \
             with the TURN server. It is kept nowhere, and forgotten with this window",
        )
        .changed()
}

const fn integrity(integrity: Integrity, palette: &Palette) -> (&'static str, Color32) {
    match integrity {
        Integrity::Absent => ("absent", palette.text),
        Integrity::Unknown => ("not known: the password is not here", palette.text),
        Integrity::Valid => ("valid: made with the password", palette.succeeded),
        Integrity::Wrong => ("wrong: not made with the password", palette.failed),
    }
}

fn hex(bytes: [u8; 12]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
