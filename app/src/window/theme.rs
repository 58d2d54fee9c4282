//! All colours, text sizes and distances of the window, for both themes.

use std::sync::Arc;

use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, RichText, Stroke, Style,
    TextStyle, Theme as Brightness, Visuals,
    style::{ScrollStyle, WidgetVisuals},
};
use floe_inspect::picture::{PairState, Severity};

/// The spacing grid, in points.
pub const GRID: f32 = 8.0;
/// Size of secondary text.
pub const SMALL: f32 = 12.0;
/// Size of ordinary text.
pub const BODY: f32 = 14.0;
/// Size of headlines.
pub const LARGE: f32 = 20.0;
/// Least height of anything that can be hit.
pub const HIT: f32 = 28.0;
/// How much of the text's colour a scroll handle has.
const HANDLE: f32 = 0.35;
/// Name of the emphasised font family.
const STRONG: &str = "strong";
/// Rounding of cards, cells and buttons.
pub const ROUNDING: u8 = 6;

/// The colours of one theme. State colours come from the Okabe–Ito palette, shifted in lightness until they read on
/// the theme's surfaces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Palette {
    /// Behind everything.
    pub background: Color32,
    /// Behind cards and cells.
    pub surface: Color32,
    /// Behind text fields and codes.
    pub sunken: Color32,
    /// Hairlines around surfaces.
    pub border: Color32,
    /// Ordinary text.
    pub text: Color32,
    /// Secondary text.
    pub weak: Color32,
    /// Glacier blue: links, focus, the current thing.
    pub accent: Color32,
    /// Behind text on the accent.
    pub accent_fill: Color32,
    /// Text on `accent_fill`.
    pub on_accent: Color32,
    /// Answered, secured, done.
    pub succeeded: Color32,
    /// Under way.
    pub in_progress: Color32,
    /// Its turn has not come.
    pub waiting: Color32,
    /// Waits for another pair.
    pub frozen: Color32,
    /// Not answered, refused, broken.
    pub failed: Color32,
    /// In use, as text.
    pub selected: Color32,
    /// In use, as a ring or line.
    pub selected_line: Color32,
}

/// The dark palette.
pub const DARK: Palette = Palette {
    background: Color32::from_rgb(0x10, 0x15, 0x1B),
    surface: Color32::from_rgb(0x19, 0x20, 0x28),
    sunken: Color32::from_rgb(0x0A, 0x0E, 0x12),
    border: Color32::from_rgb(0x33, 0x3E, 0x49),
    text: Color32::from_rgb(0xEC, 0xF1, 0xF5),
    weak: Color32::from_rgb(0xA6, 0xB3, 0xBF),
    accent: Color32::from_rgb(0x86, 0xC9, 0xF2),
    accent_fill: Color32::from_rgb(0x1F, 0x62, 0x8E),
    on_accent: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    succeeded: Color32::from_rgb(0x35, 0xCB, 0x9F),
    in_progress: Color32::from_rgb(0x6A, 0xBF, 0xEE),
    waiting: Color32::from_rgb(0xA6, 0xB3, 0xBF),
    frozen: Color32::from_rgb(0xC3, 0xCC, 0xD4),
    failed: Color32::from_rgb(0xFF, 0x87, 0x55),
    selected: Color32::from_rgb(0xF2, 0xBD, 0x3F),
    selected_line: Color32::from_rgb(0xE6, 0x9F, 0x00),
};

/// The light palette.
pub const LIGHT: Palette = Palette {
    background: Color32::from_rgb(0xF1, 0xF5, 0xF8),
    surface: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    sunken: Color32::from_rgb(0xE7, 0xED, 0xF2),
    border: Color32::from_rgb(0xC3, 0xCE, 0xD8),
    text: Color32::from_rgb(0x14, 0x1C, 0x24),
    weak: Color32::from_rgb(0x4B, 0x59, 0x66),
    accent: Color32::from_rgb(0x0A, 0x5C, 0x92),
    accent_fill: Color32::from_rgb(0x0A, 0x5C, 0x92),
    on_accent: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    succeeded: Color32::from_rgb(0x00, 0x6B, 0x4C),
    in_progress: Color32::from_rgb(0x07, 0x62, 0x9C),
    waiting: Color32::from_rgb(0x4B, 0x59, 0x66),
    frozen: Color32::from_rgb(0x57, 0x64, 0x70),
    failed: Color32::from_rgb(0xA8, 0x42, 0x00),
    selected: Color32::from_rgb(0x7A, 0x50, 0x00),
    selected_line: Color32::from_rgb(0xC4, 0x86, 0x00),
};

impl Palette {
    /// The palette of the theme that `visuals` shows.
    #[must_use]
    pub fn of(visuals: &Visuals) -> &'static Self {
        if visuals.dark_mode { &DARK } else { &LIGHT }
    }

    /// The colour of a pair's state.
    #[must_use]
    pub const fn pair_state(&self, state: PairState) -> Color32 {
        match state {
            PairState::Frozen => self.frozen,
            PairState::Waiting => self.waiting,
            PairState::InProgress => self.in_progress,
            PairState::Succeeded => self.succeeded,
            PairState::Failed => self.failed,
        }
    }

    /// The colour of an event's severity.
    #[must_use]
    pub const fn severity(&self, severity: Severity) -> Color32 {
        match severity {
            Severity::Detail => self.weak,
            Severity::Info => self.text,
            Severity::Warning => self.selected,
            Severity::Error => self.failed,
        }
    }

    /// A surface tinted towards `color`, on which `text` still reads.
    #[must_use]
    pub fn tinted(&self, color: Color32) -> Color32 {
        blend(self.surface, color, 0.12)
    }
}

/// Mixes `share` of `over` into `under`.
#[must_use]
pub fn blend(under: Color32, over: Color32, share: f32) -> Color32 {
    let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8;
    Color32::from_rgb(mix(under.r(), over.r()), mix(under.g(), over.g()), mix(under.b(), over.b()))
}

/// A monospace font for codes and addresses.
#[must_use]
pub fn mono() -> FontId {
    FontId::monospace(SMALL)
}

/// The secondary text font.
#[must_use]
pub fn small() -> FontId {
    FontId::proportional(SMALL)
}

/// The ordinary text font.
#[must_use]
pub fn body() -> FontId {
    FontId::proportional(BODY)
}

/// The headline font.
#[must_use]
pub fn large() -> FontId {
    FontId::proportional(LARGE)
}

/// An example in an empty field: slanted, so that nobody takes it for what the field holds.
#[must_use]
pub fn hint(text: &str) -> RichText {
    RichText::new(text).italics().size(SMALL)
}

/// The emphasised font in a given size.
#[must_use]
pub fn strong(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(STRONG.into()))
}

/// Installs the fonts and both themes into egui.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts());
    for (brightness, palette) in [(Brightness::Dark, &DARK), (Brightness::Light, &LIGHT)] {
        ctx.style_mut_of(brightness, |style| apply(style, palette));
    }
}

/// Inter for text; egui's own fonts stand in for signs it lacks.
fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let inter = [
        ("Inter", &include_bytes!("../../../assets/fonts/Inter-Regular.otf")[..]),
        ("Inter SemiBold", &include_bytes!("../../../assets/fonts/Inter-SemiBold.otf")[..]),
    ];
    for (name, bytes) in inter {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let others = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let with = |first: &str| {
        let mut names = vec![first.to_owned(), "Hack".to_owned()];
        names.extend(others.iter().cloned());
        names
    };
    fonts.families.insert(FontFamily::Proportional, with("Inter"));
    fonts.families.insert(FontFamily::Name(STRONG.into()), with("Inter SemiBold"));
    fonts.families.entry(FontFamily::Monospace).or_default().push("Inter".to_owned());
    fonts
}

fn apply(style: &mut Style, palette: &Palette) {
    style.text_styles = [
        (TextStyle::Small, FontId::new(SMALL, FontFamily::Proportional)),
        (TextStyle::Body, FontId::new(BODY, FontFamily::Proportional)),
        (TextStyle::Button, FontId::new(BODY, FontFamily::Proportional)),
        (TextStyle::Heading, FontId::new(LARGE, FontFamily::Proportional)),
        (TextStyle::Monospace, FontId::new(SMALL, FontFamily::Monospace)),
    ]
    .into();
    style.spacing.item_spacing = egui::vec2(GRID, GRID);
    style.spacing.button_padding = egui::vec2(GRID * 1.25, 4.0);
    style.spacing.interact_size.y = HIT;
    style.spacing.window_margin = Margin::same(16);
    style.spacing.menu_margin = Margin::same(8);
    style.spacing.scroll = scroll_bars();
    style.interaction.tooltip_delay = 0.4;
    apply_visuals(&mut style.visuals, palette);
}

/// Bars that are always there, beside what they scroll: their handles are drawn in the text's colour, thinned, because the
/// fill of buttons cannot be told from their groove.
fn scroll_bars() -> ScrollStyle {
    ScrollStyle {
        bar_width: 8.0,
        floating_width: 8.0,
        floating_allocated_width: 12.0,
        foreground_color: true,
        dormant_background_opacity: 1.0,
        active_background_opacity: 1.0,
        interact_background_opacity: 1.0,
        dormant_handle_opacity: HANDLE,
        active_handle_opacity: 0.5,
        interact_handle_opacity: 0.7,
        ..ScrollStyle::floating()
    }
}

fn apply_visuals(visuals: &mut Visuals, palette: &Palette) {
    visuals.panel_fill = palette.background;
    visuals.window_fill = palette.surface;
    visuals.window_stroke = Stroke::new(1.0, palette.border);
    visuals.window_corner_radius = CornerRadius::same(10);
    visuals.menu_corner_radius = CornerRadius::same(ROUNDING);
    visuals.extreme_bg_color = palette.sunken;
    visuals.text_edit_bg_color = Some(palette.sunken);
    visuals.code_bg_color = palette.sunken;
    visuals.faint_bg_color = blend(palette.background, palette.surface, 0.6);
    visuals.weak_text_color = Some(palette.weak);
    visuals.hyperlink_color = palette.accent;
    visuals.warn_fg_color = palette.selected;
    visuals.error_fg_color = palette.failed;
    visuals.selection.bg_fill = palette.accent_fill;
    visuals.selection.stroke = Stroke::new(1.0, palette.on_accent);
    visuals.text_cursor.stroke.color = palette.accent;

    let raised = blend(palette.surface, palette.text, 0.06);
    let hovered = blend(palette.surface, palette.accent, 0.16);
    let pressed = blend(palette.surface, palette.accent, 0.28);
    let widgets = &mut visuals.widgets;
    set(&mut widgets.noninteractive, palette.surface, palette.border, palette.text);
    set(&mut widgets.inactive, raised, palette.border, palette.text);
    set(&mut widgets.hovered, hovered, palette.accent, palette.text);
    set(&mut widgets.active, pressed, palette.accent, palette.text);
    set(&mut widgets.open, hovered, palette.border, palette.text);
}

fn set(widget: &mut WidgetVisuals, fill: Color32, border: Color32, text: Color32) {
    widget.bg_fill = fill;
    widget.weak_bg_fill = fill;
    widget.bg_stroke = Stroke::new(1.0, border);
    widget.fg_stroke = Stroke::new(1.0, text);
    widget.corner_radius = CornerRadius::same(ROUNDING);
    widget.expansion = 0.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.1.
    fn luminance(color: Color32) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_colour_reads_on_every_background_in_both_themes() {
        for (name, p) in [("dark", DARK), ("light", LIGHT)] {
            let texts =
                [p.text, p.weak, p.accent, p.succeeded, p.in_progress, p.waiting, p.frozen, p.failed, p.selected];
            let mut backgrounds = vec![p.background, p.surface, p.sunken];
            backgrounds.extend(texts.map(|color| p.tinted(color)));
            for text in texts {
                for background in &backgrounds {
                    let ratio = contrast(text, *background);
                    assert!(ratio >= 4.5, "{name}: {text:?} on {background:?} has only {ratio:.2}");
                }
            }
            assert!(contrast(p.on_accent, p.accent_fill) >= 4.5, "{name}: text on the accent");
        }
    }

    #[test]
    fn widget_text_reads_on_its_own_fill_in_every_interaction_state() {
        for palette in [DARK, LIGHT] {
            let mut visuals = Visuals::dark();
            apply_visuals(&mut visuals, &palette);
            let w = &visuals.widgets;
            for widget in [&w.noninteractive, &w.inactive, &w.hovered, &w.active, &w.open] {
                assert!(contrast(widget.fg_stroke.color, widget.weak_bg_fill) >= 4.5);
            }
        }
    }

    #[test]
    fn scroll_handles_stand_out_from_what_they_run_in() {
        for palette in [DARK, LIGHT] {
            let ratio = contrast(blend(palette.sunken, palette.text, HANDLE), palette.sunken);
            assert!(ratio >= 1.8, "{ratio:.2}");
        }
    }

    #[test]
    fn lines_that_carry_meaning_stand_out_from_the_surface() {
        // WCAG 2.1 asks 3:1 of graphics.
        for p in [DARK, LIGHT] {
            for line in [p.selected_line, p.succeeded, p.failed, p.in_progress, p.accent] {
                assert!(contrast(line, p.surface) >= 3.0);
            }
        }
    }
}
