//! The whole window as one view: bars, columns, panels, dialog, toast.

use egui::{CentralPanel, Frame, Margin, Panel as Side, RichText, Stroke, Ui};

use super::{
    advice, break_it,
    call_panel::{self, CallPanelState},
    dialogs::{self, Dialog},
    dock::{self, DockState},
    happened, keys,
    model::Model,
    path_picture, playhead, status,
    theme::{self, Palette},
    top_bar,
    wish::Wish,
};

const TOP: f32 = 46.0;
const BOTTOM: f32 = 26.0;
const PLAYHEAD: f32 = 38.0;
const RIBBON: f32 = 32.0;
const STRIP: f32 = 36.0;
const LEFT: f32 = 244.0;
const RIGHT: f32 = 204.0;
/// From these widths on, the columns are wider.
const ROOMY: f32 = 1200.0;
const WIDE: f32 = 1400.0;

/// What the user is looking at.
#[derive(Default)]
pub struct ViewState {
    /// The left column.
    pub call: CallPanelState,
    /// The panels.
    pub dock: DockState,
    /// The open dialog.
    pub dialog: Option<Dialog>,
}

/// Draws the window.
pub fn view(model: &Model<'_>, state: &mut ViewState, ui: &mut Ui) -> Vec<Wish> {
    let palette = Palette::of(ui.visuals());
    let mut wishes = keys::pressed(model, state, ui);
    let size = ui.available_size();
    let wide = size.x >= WIDE;
    let bar = Frame::new().fill(palette.surface).inner_margin(Margin::symmetric(12, 0));
    let column = Frame::new().fill(palette.background).inner_margin(Margin::symmetric(12, 10));
    ui.style_mut().visuals.widgets.noninteractive.bg_stroke = Stroke::new(1.0, palette.border);

    Side::top("top").exact_size(TOP).resizable(false).frame(bar).show(ui, |ui| {
        wishes.extend(top_bar::view(model, ui));
    });
    if let Some(notice) = model.notice {
        Side::top("notice").resizable(false).frame(bar.inner_margin(Margin::symmetric(12, 6))).show(ui, |ui| {
            notice_line(notice, &mut wishes, ui);
        });
    }
    Side::bottom("status").exact_size(BOTTOM).resizable(false).frame(bar).show(ui, |ui| {
        wishes.extend(status::view(model, ui));
    });
    Side::bottom("playhead").exact_size(PLAYHEAD).resizable(false).frame(bar).show(ui, |ui| {
        wishes.extend(playhead::view(model, ui));
    });
    if model.playhead.at().is_some() {
        let ribbon = bar.fill(palette.tinted(palette.selected));
        Side::bottom("ribbon").exact_size(RIBBON).resizable(false).frame(ribbon).show(ui, |ui| {
            wishes.extend(playhead::ribbon(model, ui));
        });
    }
    if model.breakage.is_some() {
        Side::bottom("break it").exact_size(STRIP).resizable(false).frame(bar).show(ui, |ui| {
            wishes.extend(break_it::view(model, ui));
        });
    }
    let left = if wide { LEFT + 56.0 } else { LEFT };
    Side::left("call").exact_size(left).resizable(false).frame(column).show(ui, |ui| {
        wishes.extend(call_panel::view(model, &mut state.call, ui));
    });
    let hero = (size.y * 0.245).clamp(164.0, 236.0);
    Side::top("path").exact_size(hero).resizable(false).frame(column).show(ui, |ui| {
        wishes.extend(path_picture::view(model, ui));
    });
    let right = match size.x {
        WIDE.. => RIGHT + 108.0,
        ROOMY.. => RIGHT + 56.0,
        _ => RIGHT,
    };
    Side::right("happened").exact_size(right).resizable(false).frame(column).show(ui, |ui| {
        wishes.extend(happened::view(model, ui));
    });
    if let Some(finding) = advice::advised(model) {
        let around =
            Frame::new().fill(palette.background).inner_margin(Margin { left: 10, right: 10, top: 8, bottom: 8 });
        let banner = Side::top("advice").resizable(false).show_separator_line(false).frame(around);
        let height = banner.show(ui, |ui| wishes.extend(advice::view(finding, model, ui))).response.rect.height();
        settle(egui::Id::unique("advice height"), height, ui);
    }
    CentralPanel::default().frame(Frame::new().fill(palette.background)).show(ui, |ui| {
        wishes.extend(dock::view(model, &mut state.dock, ui));
    });
    wishes.extend(dialogs::view(model, &mut state.dialog, ui));
    dropped(&mut wishes, ui);
    if let Some(toast) = model.toast {
        show_toast(toast, ui);
    }
    keys::copy_code_if_nothing_else_was(model, ui, &mut wishes);
    wishes
}

/// A file that hovers over the window, or was let go there.
fn dropped(wishes: &mut Vec<Wish>, ui: &Ui) {
    let path = ui.input(|input| input.raw.dropped_files.first().map(|file| file.path().to_owned()));
    wishes.extend(path.map(Wish::OpenFile));
    if ui.input(|input| input.raw.hovered_files.is_empty()) {
        return;
    }
    let palette = Palette::of(ui.visuals());
    let painter = ui.ctx().layer_painter(egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop")));
    let area = ui.ctx().content_rect();
    painter.rect_filled(area, 0.0, palette.background.gamma_multiply(0.85));
    painter.rect_stroke(area.shrink(12.0), 12.0, Stroke::new(2.0, palette.accent), egui::StrokeKind::Inside);
    let words = "Drop a record or a capture to look at it";
    painter.text(area.center(), egui::Align2::CENTER_CENTER, words, theme::large(), palette.text);
}

/// What is as large as its contents learns how large they are while it draws them; what depends on that follows a frame
/// later, which nothing else may ask for.
pub fn settle(id: egui::Id, size: f32, ui: &Ui) {
    let before = ui.data_mut(|data| std::mem::replace(data.get_temp_mut_or_default::<f32>(id), size));
    if before != size {
        ui.ctx().request_repaint();
    }
}

fn notice_line(notice: &str, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let palette = Palette::of(ui.visuals());
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(format!("⚠ {notice}")).size(theme::SMALL).color(palette.selected));
        if ui.small_button("Understood").clicked() {
            wishes.push(Wish::DismissNotice);
        }
    });
}

fn show_toast(text: &str, ui: &Ui) {
    let palette = Palette::of(ui.visuals());
    egui::Area::new(egui::Id::unique("toast"))
        .anchor(egui::Align2::CENTER_BOTTOM, egui::vec2(0.0, -BOTTOM - PLAYHEAD - theme::GRID * 2.0))
        .interactable(false)
        .order(egui::Order::Tooltip)
        .show(ui.ctx(), |ui| {
            Frame::new()
                .fill(palette.accent_fill)
                .corner_radius(theme::ROUNDING)
                .inner_margin(Margin::symmetric(14, 8))
                .show(ui, |ui| ui.label(RichText::new(text).color(palette.on_accent)));
        });
}
