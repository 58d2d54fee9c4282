//! Plots of the path in use: round trip, loss, jitter, buffer.

use egui::{Color32, RichText, Ui, vec2};
use egui_plot::{AxisHints, GridMark, Line, Plot, PlotPoints, VLine};
use floe_inspect::picture::Sample;
use floe_wire::Stamp;

use super::{
    format,
    model::{Journey, Model},
    path_ways, pen,
    playhead::PlayheadWish,
    theme::{self, Palette},
    wish::Wish,
};

struct Series<'a> {
    title: &'static str,
    unit: &'static str,
    meaning: &'static str,
    /// The plot reaches at least this high, so that a quiet line does not look like a storm.
    least_top: f64,
    color: Color32,
    samples: &'a [Sample],
    /// Value at the moment shown.
    shown: Option<f64>,
}

/// Draws the four plots, two by two where there is room.
pub fn view(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    // The whole record, with a line where the playhead stands: a click on what comes later leads there.
    let (series, shown) = (&model.snapshot.picture.series, &model.picture().series);
    let newest = |samples: &[Sample]| samples.last().map(|sample| sample.value);
    let mut wishes = Vec::new();
    path_ways::view(model, &mut wishes, ui);
    if series.rtt_ms.is_empty() && series.jitter_ms.is_empty() {
        let how = match model.journey {
            Journey::Idle => "Press New call on the left, or choose a demo above.",
            Journey::Call | Journey::Demo(_) => "They begin when audio flows, and reach back one hour.",
            Journey::File => "This file holds no measurements of a path in use.",
        };
        pen::empty(ui, "Round trip, loss, jitter and buffer will be drawn here over time.", how);
        return wishes;
    }
    let palette = Palette::of(ui.visuals());
    let plots = [
        Series {
            title: "Round trip",
            unit: "ms",
            meaning: "From a check to its answer, over the path in use",
            least_top: 10.0,
            color: palette.accent,
            samples: &series.rtt_ms,
            shown: newest(&shown.rtt_ms),
        },
        Series {
            title: "Loss",
            unit: "%",
            meaning: "Share of your friend's packets that never came, per measurement",
            least_top: 5.0,
            color: palette.failed,
            samples: &series.loss_percent,
            shown: newest(&shown.loss_percent),
        },
        Series {
            title: "Jitter",
            unit: "ms",
            meaning: "How unevenly packets arrive (RFC 3550)",
            least_top: 5.0,
            color: palette.selected,
            samples: &series.jitter_ms,
            shown: newest(&shown.jitter_ms),
        },
        Series {
            title: "Buffer",
            unit: "ms",
            meaning: "What is held back so that late packets still play",
            least_top: 20.0,
            color: palette.succeeded,
            samples: &series.buffer_ms,
            shown: newest(&shown.buffer_ms),
        },
    ];
    let mut asked = None;
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let gap = theme::GRID;
        ui.spacing_mut().item_spacing = vec2(gap, gap);
        let columns = if ui.available_width() >= 460.0 { 2 } else { 1 };
        let rows = plots.len() / columns;
        let share = |whole: f32, parts: usize| (whole - gap * (parts as f32 - 1.0)) / parts as f32;
        let size = vec2(
            share(ui.available_width(), columns).floor(),
            share(ui.available_height() - 4.0, rows).floor().max(110.0),
        );
        for row in plots.chunks(columns) {
            ui.horizontal_top(|ui| {
                for series in row {
                    ui.allocate_ui_with_layout(size, egui::Layout::top_down(egui::Align::Min), |ui| {
                        ui.set_min_size(size);
                        asked = plot(series, model.playhead.at(), size, ui).or(asked);
                    });
                }
            });
        }
    });
    wishes.extend(asked.map(|at| Wish::Playhead(PlayheadWish::Seek(at))));
    wishes
}

/// Draws one plot; the moment that was clicked.
fn plot(series: &Series<'_>, playhead: Option<Stamp>, size: egui::Vec2, ui: &mut Ui) -> Option<Stamp> {
    let palette = Palette::of(ui.visuals());
    let title_height = 20.0;
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.spacing_mut().interact_size.y = title_height;
    // The plot writes its axes in the body font.
    ui.style_mut().text_styles.insert(egui::TextStyle::Body, theme::small());
    ui.horizontal(|ui| {
        ui.label(RichText::new(series.title).font(theme::strong(theme::SMALL))).on_hover_text(series.meaning);
        let text = format::or_unknown(series.shown, |value| number(value, series.unit));
        ui.label(RichText::new(text).size(theme::SMALL).color(series.color));
    });
    let points: PlotPoints<'_> =
        series.samples.iter().map(|sample| [sample.at.0.as_secs_f64(), sample.value]).collect();
    let unit = series.unit;
    let drawn = Plot::new(series.title)
        .height((size.y - title_height).max(60.0))
        .width(size.x)
        .include_y(0.0)
        .include_y(series.least_top)
        .allow_scroll(false)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_boxed_zoom(false)
        .show_axes([true, true])
        .show_grid([false, true])
        .grid_color(palette.border)
        .set_margin_fraction(vec2(0.0, 0.08))
        .grid_spacing(egui::Rangef::new(10.0, 80.0))
        .custom_y_axes(vec![
            AxisHints::new_y()
                .min_thickness(30.0)
                .label_spacing(egui::Rangef::new(14.0, 20.0))
                .formatter(|mark, _| format!("{:.0}", mark.value)),
        ])
        .x_axis_formatter(|mark: GridMark, _| clock(mark.value))
        .label_formatter(move |hover| match hover {
            egui_plot::HoverPosition::NearDataPoint { position, .. } => {
                Some(format!("{}\n{}", clock(position.x), number(position.y, unit)))
            }
            egui_plot::HoverPosition::Elsewhere { .. } => None,
        })
        .show(ui, |plot| {
            if let Some(at) = playhead {
                plot.vline(VLine::new("playhead", at.0.as_secs_f64()).color(palette.selected_line).width(1.5));
            }
            plot.line(Line::new(series.title, points).color(series.color).width(2.0));
        });
    let clicked = drawn.response.clicked().then(|| drawn.response.interact_pointer_pos()).flatten()?;
    let seconds = drawn.transform.value_from_position(clicked).x;
    Some(Stamp(std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()))
}

fn clock(seconds: f64) -> String {
    // A plot may ask for marks left of zero.
    format::clock(std::time::Duration::from_secs_f64(seconds.max(0.0)))
}

fn number(value: f64, unit: &str) -> String {
    match unit {
        "ms" => format::ms_value(value),
        _ => format!("{value:.1} {unit}"),
    }
}
