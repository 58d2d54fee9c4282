//! Our code as a QR picture, black on white in both themes: cameras expect it so.

use egui::{Color32, Rect, Sense, Ui, pos2, vec2};
use qrcode::{Color, EcLevel, QrCode};

use crate::window::{model::Model, pen};

/// White modules around the picture that a camera needs to find it (ISO/IEC 18004).
const QUIET_ZONE: usize = 4;
/// Width the picture may take, in points.
const WIDTH: f32 = 440.0;

/// Draws the picture.
pub fn view(model: &Model<'_>, ui: &mut Ui) {
    super::title(ui, "Your code");
    match model.snapshot.code.as_deref().map(Matrix::of) {
        Some(Some(matrix)) => {
            paint(&matrix, ui);
            super::hint(ui, "Let your friend's camera read it, then paste the code that comes back.");
        }
        Some(None) => {
            pen::trouble(ui, "Your code is too long for a picture. Copy it instead.");
        }
        None => super::hint(ui, "Your code is still being made; the picture appears by itself."),
    }
    super::close_row(ui);
}

/// Which modules are dark.
struct Matrix {
    width: usize,
    dark: Vec<bool>,
}

impl Matrix {
    /// A text as modules; none if it does not fit. Low redundancy: larger modules help a camera more on a screen.
    fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
        let dark = code.to_colors().into_iter().map(|color| color == Color::Dark).collect();
        Some(Self { width: code.width(), dark })
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        self.dark[y * self.width + x]
    }
}

fn paint(matrix: &Matrix, ui: &mut Ui) {
    let modules = matrix.width + 2 * QUIET_ZONE;
    // Whole pixels per module, so that no module is wider than another.
    let scale = ui.ctx().pixels_per_point();
    let module = (WIDTH * scale / modules as f32).floor().max(2.0) / scale;
    let side = module * modules as f32;
    let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "QR picture of your code"));
    let origin = pos2((rect.left() * scale).round() / scale, (rect.top() * scale).round() / scale);
    let painter = ui.painter();
    painter.rect_filled(Rect::from_min_size(origin, vec2(side, side)), 0.0, Color32::WHITE);
    for y in 0..matrix.width {
        for (start, length) in dark_runs(matrix, y) {
            let at = origin + vec2((start + QUIET_ZONE) as f32 * module, (y + QUIET_ZONE) as f32 * module);
            let run = Rect::from_min_size(at, vec2(length as f32 * module, module));
            painter.rect_filled(run, 0.0, Color32::BLACK);
        }
    }
}

/// Neighbouring dark modules of a row, drawn as one: seams between them would blur.
fn dark_runs(matrix: &Matrix, y: usize) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for x in (0..matrix.width).filter(|x| matrix.is_dark(*x, y)) {
        match runs.last_mut() {
            Some((start, length)) if *start + *length == x => *length += 1,
            _ => runs.push((x, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::fixtures;

    #[test]
    fn the_picture_has_its_three_finder_patterns() {
        let matrix = Matrix::of(fixtures::CODE).unwrap();
        let far = matrix.width - 7;
        for (left, top) in [(0, 0), (far, 0), (0, far)] {
            assert!((0..7).all(|step| matrix.is_dark(left + step, top) && matrix.is_dark(left, top + step)));
            assert!(!matrix.is_dark(left + 1, top + 1));
        }
    }

    #[test]
    fn runs_cover_exactly_the_dark_modules() {
        let matrix = Matrix::of("floe").unwrap();
        for y in 0..matrix.width {
            let covered: usize = dark_runs(&matrix, y).iter().map(|(_, length)| length).sum();
            assert_eq!(covered, (0..matrix.width).filter(|x| matrix.is_dark(*x, y)).count());
        }
    }

    #[test]
    fn a_text_beyond_the_largest_picture_gives_none() {
        assert!(Matrix::of(&"x".repeat(4000)).is_none());
    }
}
