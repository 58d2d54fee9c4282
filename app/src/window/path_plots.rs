//! Plots over time: round trip, either direction by itself, loss, jitter, buffer, level.

use egui::{Color32, RichText, Stroke, Ui, vec2};
use egui_plot::{AxisHints, GridMark, Plot, VLine};
use floe_inspect::picture::Sample;
use floe_wire::Stamp;

use super::{
    curve::Trace,
    format,
    model::{Journey, Model},
    path_ways, pen,
    playhead::PlayheadWish,
    theme::{self, Palette},
    wish::Wish,
};

/// From this width on, three plots stand side by side.
const THREE: f32 = 900.0;
/// From this width on, two do.
const TWO: f32 = 460.0;
/// Points that the name of a time takes, with what keeps it apart from the next one.
const ROOM_FOR_A_TIME: f64 = 72.0;
/// The least height of a plot that can be read.
const LEAST_HEIGHT: f32 = 88.0;

struct Series<'a> {
    title: &'static str,
    unit: &'static str,
    meaning: &'static str,
    /// The plot reaches this far, so that a quiet line does not look like a storm.
    reach: [f64; 2],
    curves: Vec<Curve<'a>>,
}

struct Curve<'a> {
    /// What tells it from the other ones of its plot.
    name: &'static str,
    color: Color32,
    samples: &'a [Sample],
    /// Value at the moment shown.
    shown: Option<f64>,
}

/// What all plots have in common.
struct Frame {
    /// From the first measurement to the end, in seconds.
    span: [f64; 2],
    playhead: Option<Stamp>,
}

impl Frame {
    fn of(model: &Model<'_>) -> Self {
        let series = &model.snapshot.picture.series;
        let firsts = [&series.rtt_ms, &series.jitter_ms, &series.buffer_ms, &series.delay_there_ms];
        let first = firsts.into_iter().filter_map(|samples| samples.first()).map(|sample| sample.at).min();
        let seconds = |stamp: Stamp| stamp.0.as_secs_f64();
        Self { span: [first.map_or(0.0, seconds), seconds(model.end)], playhead: model.playhead.at() }
    }
}

/// Draws the plots, side by side where there is room.
pub fn view(model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let series = &model.snapshot.picture.series;
    let mut wishes = Vec::new();
    path_ways::view(model, &mut wishes, ui);
    let all = [&series.rtt_ms, &series.jitter_ms, &series.delay_there_ms, &series.delay_here_ms];
    if all.into_iter().all(Vec::is_empty) {
        let how = match model.journey {
            Journey::Idle => "Press New call on the left, or choose a demo above.",
            Journey::Call | Journey::Demo(_) => "They begin when audio flows, and reach back one hour.",
            Journey::File => &model.of_file("holds no measurements of a path in use"),
        };
        pen::empty(ui, "Round trip, loss, jitter and buffer will be drawn here over time.", how);
        return wishes;
    }
    let palette = Palette::of(ui.visuals());
    let mut plots = vec![round_trip(model, palette)];
    plots.extend(one_way(model, palette));
    plots.extend([loss(model, palette), jitter(model, palette), buffer(model, palette)]);
    let mut asked = None;
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let columns = match ui.available_width() {
            THREE.. => 3,
            TWO.. => 2,
            _ => 1,
        };
        asked = draw(&plots, columns, &Frame::of(model), ui);
    });
    wishes.extend(asked.map(|at| Wish::Playhead(PlayheadWish::Seek(at))));
    wishes
}

/// Level, jitter buffer and loss in one row; nothing where they cannot be read.
pub fn of_audio(model: &Model<'_>, ui: &mut Ui) -> Option<Wish> {
    if ui.available_height() < LEAST_HEIGHT + theme::GRID || model.snapshot.picture.series.buffer_ms.is_empty() {
        return None;
    }
    let palette = Palette::of(ui.visuals());
    let plots = [level(model, palette), buffer(model, palette), loss(model, palette)];
    let asked = draw(&plots, plots.len(), &Frame::of(model), ui);
    asked.map(|at| Wish::Playhead(PlayheadWish::Seek(at)))
}

/// Draws rows of plots that share what room there is; the moment that was clicked.
fn draw(plots: &[Series<'_>], columns: usize, frame: &Frame, ui: &mut Ui) -> Option<Stamp> {
    let gap = theme::GRID;
    ui.spacing_mut().item_spacing = vec2(gap, gap);
    let share = |whole: f32, parts: usize| (whole - gap * (parts as f32 - 1.0)) / parts as f32;
    let rows = plots.len().div_ceil(columns);
    let height = share(ui.available_height() - 4.0, rows).floor().max(LEAST_HEIGHT);
    let mut asked = None;
    for row in plots.chunks(columns) {
        let size = vec2(share(ui.available_width(), row.len()).floor(), height);
        ui.horizontal_top(|ui| {
            for series in row {
                ui.allocate_ui_with_layout(size, egui::Layout::top_down(egui::Align::Min), |ui| {
                    ui.set_min_size(size);
                    asked = plot(series, frame, size, ui).or(asked);
                });
            }
        });
    }
    asked
}

/// The value at the moment shown: what is known of a direction may have been told later.
fn at_moment(samples: &[Sample], now: Stamp) -> Option<f64> {
    let later = samples.partition_point(|sample| sample.at <= now);
    samples.get(later.checked_sub(1)?).map(|sample| sample.value)
}

fn curve<'a>(model: &Model<'_>, name: &'static str, color: Color32, samples: &'a [Sample]) -> Vec<Curve<'a>> {
    vec![Curve { name, color, samples, shown: at_moment(samples, model.now) }]
}

// The whole record is drawn, with a line where the playhead stands: a click on what comes later leads there.

fn round_trip<'a>(model: &Model<'a>, palette: &Palette) -> Series<'a> {
    Series {
        title: "Round trip",
        unit: "ms",
        meaning: "From a check to its answer, over the path in use",
        reach: [0.0, 10.0],
        curves: curve(model, "", palette.accent, &model.snapshot.picture.series.rtt_ms),
    }
}

/// Either direction by itself, where both ends are in view.
fn one_way<'a>(model: &Model<'a>, palette: &Palette) -> Option<Series<'a>> {
    let series = &model.snapshot.picture.series;
    let mut curves = curve(model, "to friend", palette.accent, &series.delay_there_ms);
    curves.extend(curve(model, "to you", palette.selected, &series.delay_here_ms));
    curves.retain(|curve| !curve.samples.is_empty());
    let meaning = "How long packets are under way in either direction, as both ends tell. What the clocks are apart too \
                   much is too much in one direction and missing in the other one";
    (!curves.is_empty()).then_some(Series { title: "One way", unit: "ms", meaning, reach: [0.0, 10.0], curves })
}

fn loss<'a>(model: &Model<'a>, palette: &Palette) -> Series<'a> {
    Series {
        title: "Loss",
        unit: "%",
        meaning: "Share of your friend's packets that never came, per measurement",
        reach: [0.0, 5.0],
        curves: curve(model, "", palette.failed, &model.snapshot.picture.series.loss_percent),
    }
}

fn jitter<'a>(model: &Model<'a>, palette: &Palette) -> Series<'a> {
    Series {
        title: "Jitter",
        unit: "ms",
        meaning: "How unevenly packets arrive (RFC 3550)",
        reach: [0.0, 5.0],
        curves: curve(model, "", palette.selected, &model.snapshot.picture.series.jitter_ms),
    }
}

fn buffer<'a>(model: &Model<'a>, palette: &Palette) -> Series<'a> {
    Series {
        title: "Buffer",
        unit: "ms",
        meaning: "What is held back so that late packets still play",
        reach: [0.0, 20.0],
        curves: curve(model, "", palette.succeeded, &model.snapshot.picture.series.buffer_ms),
    }
}

fn level<'a>(model: &Model<'a>, palette: &Palette) -> Series<'a> {
    Series {
        title: "Level heard",
        unit: "dB",
        meaning: "How loud your friend is played; 0 is the loudest a sample can be",
        reach: [-60.0, 0.0],
        curves: curve(model, "", palette.accent, &model.snapshot.picture.series.level_dbfs),
    }
}

/// Draws one plot; the moment that was clicked.
fn plot(series: &Series<'_>, frame: &Frame, size: egui::Vec2, ui: &mut Ui) -> Option<Stamp> {
    let palette = Palette::of(ui.visuals());
    let title_height = 20.0;
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.spacing_mut().interact_size.y = title_height;
    // The plot writes its axes in the body font.
    ui.style_mut().text_styles.insert(egui::TextStyle::Body, theme::small());
    ui.horizontal(|ui| {
        ui.label(RichText::new(series.title).font(theme::strong(theme::SMALL))).on_hover_text(series.meaning);
        for curve in &series.curves {
            let value = format::or_unknown(curve.shown, |value| number(value, series.unit));
            let text = if curve.name.is_empty() { value } else { format!("{} {value}", curve.name) };
            ui.label(RichText::new(text).size(theme::SMALL).color(curve.color));
        }
    });
    let unit = series.unit;
    let drawn = Plot::new(series.title)
        .height((size.y - title_height).max(60.0))
        .width(size.x)
        .include_x(frame.span[0])
        .include_x(frame.span[1])
        .include_y(series.reach[0])
        .include_y(series.reach[1])
        .allow_scroll(false)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_boxed_zoom(false)
        .show_axes([true, true])
        .show_grid([false, true])
        .grid_color(palette.border)
        .set_margin_fraction(vec2(0.0, 0.08))
        .grid_spacing(egui::Rangef::new(10.0, 80.0))
        .x_grid_spacer(move |input| time_marks(input.bounds, f64::from(size.x)))
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
            if let Some(at) = frame.playhead {
                plot.vline(VLine::new("playhead", at.0.as_secs_f64()).color(palette.selected_line).width(1.5));
            }
            for curve in &series.curves {
                let points = curve.samples.iter().map(|sample| [sample.at.0.as_secs_f64(), sample.value]).collect();
                let name = format!("{} {}", series.title, curve.name);
                plot.add(Trace::new(name, points, Stroke::new(1.6, curve.color)));
            }
        });
    let clicked = drawn.response.clicked().then(|| drawn.response.interact_pointer_pos()).flatten()?;
    let seconds = drawn.transform.value_from_position(clicked).x;
    Some(Stamp(std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()))
}

/// Round times, as many as there is room to name.
fn time_marks((from, until): (f64, f64), width: f64) -> Vec<GridMark> {
    const STEPS: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 3_600.0];
    let least = (until - from).max(0.0) * ROOM_FOR_A_TIME / width.max(1.0);
    let Some(step) = STEPS.into_iter().find(|step| *step >= least) else { return Vec::new() };
    let first = (from / step).ceil() as i64;
    let marks = (first..).map(|number| number as f64 * step).take_while(|value| *value <= until);
    // A mark fades where the next one is near: these are not.
    marks.take(64).map(|value| GridMark { value, step_size: step.max(until - from) }).collect()
}

fn clock(seconds: f64) -> String {
    // A plot may ask for marks left of zero.
    format::clock(std::time::Duration::from_secs_f64(seconds.max(0.0)))
}

fn number(value: f64, unit: &str) -> String {
    match unit {
        "ms" => format::ms_value(value),
        "dB" => format!("{value:.0} dB"),
        _ => format!("{value:.1} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plot_of_any_width_and_length_names_some_times_and_none_overlap() {
        for (until, width) in [(5.0, 190.0), (78.0, 390.0), (78.0, 600.0), (600.0, 250.0), (3_600.0, 250.0)] {
            let marks = time_marks((1.3, 1.3 + until), width);
            assert!((1..=12).contains(&marks.len()), "{until} s in {width}: {}", marks.len());
            let apart = marks.windows(2).map(|pair| (pair[1].value - pair[0].value) / until * width);
            assert!(apart.into_iter().all(|points| points >= ROOM_FOR_A_TIME));
        }
        assert_eq!(time_marks((0.0, f64::INFINITY), 100.0).len(), 0);
    }

    #[test]
    fn the_value_of_a_moment_is_the_newest_until_then() {
        let sample = |ms, value| Sample { at: Stamp::from_millis(ms), value };
        let samples = [sample(100, 1.0), sample(200, 2.0), sample(300, 3.0)];
        for (ms, expected) in [(50, None), (100, Some(1.0)), (299, Some(2.0)), (9_000, Some(3.0))] {
            assert_eq!(at_moment(&samples, Stamp::from_millis(ms)), expected, "at {ms} ms");
        }
        assert_eq!(at_moment(&[], Stamp::ZERO), None);
    }
}
