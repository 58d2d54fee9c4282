//! The one advised action, large above the panels, when a call failed or limps.

use egui::{Align2, Frame, Label, Margin, RichText, Sense, Stroke, Ui, vec2};
use floe_inspect::{Confidence, Finding};

use super::{
    model::{Model, Standing},
    pen,
    theme::{self, Palette},
    wish::Wish,
};

/// Rules that say a connected call limps; the others explain what was survived.
const LIMPING: [&str; 7] = ["C22", "C23", "C24", "C26", "C27", "C28", "C32"];
/// Rules that only say that things take their time, or that a part without consequence is missing.
const PATIENT: [&str; 3] = ["C09", "C10", "C29"];

/// The finding that stands above the panels; none while there is nothing a person should do at once.
#[must_use]
pub fn advised<'a>(model: &Model<'a>) -> Option<&'a Finding> {
    let mut findings = model.reading.findings.iter();
    match model.standing() {
        Standing::Failed | Standing::Interrupted => {
            findings.find(|finding| !PATIENT.contains(&finding.id)).or_else(|| model.reading.findings.first())
        }
        Standing::Connected => findings.find(|finding| LIMPING.contains(&finding.id)),
        Standing::Checking | Standing::Securing => {
            findings.find(|finding| finding.confidence != Confidence::Possible && !PATIENT.contains(&finding.id))
        }
        Standing::Idle
        | Standing::Reading
        | Standing::Nothing
        | Standing::Preparing
        | Standing::WaitingForCode
        | Standing::Ended => None,
    }
}

/// Draws the banner.
pub fn view(finding: &Finding, model: &Model<'_>, ui: &mut Ui) -> Vec<Wish> {
    let palette = Palette::of(ui.visuals());
    let color = match model.standing() {
        Standing::Failed | Standing::Interrupted => palette.failed,
        _ => palette.selected,
    };
    let frame = Frame::new()
        .fill(palette.tinted(color))
        .stroke(Stroke::new(1.0, theme::blend(palette.surface, color, 0.6)))
        .corner_radius(theme::ROUNDING)
        .inner_margin(Margin::symmetric(12, 8));
    let response = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.horizontal_top(|ui| {
            let (sign, _) = ui.allocate_exact_size(vec2(22.0, 22.0), Sense::hover());
            pen::line(ui.painter(), sign, Align2::LEFT_CENTER, "→", theme::strong(theme::LARGE), color);
            ui.vertical(|ui| {
                let advice = RichText::new(&finding.advice).font(theme::strong(theme::BODY));
                ui.add(Label::new(advice).wrap());
                pen::note(ui, evidence(finding, model));
            });
        });
    });
    response.response.on_hover_text(format!("Rule {}, {}", finding.id, finding.confidence.name()));
    Vec::new()
}

fn evidence(finding: &Finding, model: &Model<'_>) -> String {
    match &model.reading.failure_code {
        Some(code) => format!("{}  ·  {code}", finding.evidence),
        None => finding.evidence.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::fixtures;

    #[test]
    fn a_healthy_call_is_not_told_what_to_do() {
        fixtures::with_model(&fixtures::connected(), |model| {
            assert!(!model.reading.findings.is_empty(), "a silent server is among the findings");
            assert_eq!(advised(model), None);
        });
    }

    #[test]
    fn a_failed_call_is() {
        fixtures::with_model(&fixtures::failed(), |model| {
            let ids: Vec<_> = model.reading.findings.iter().map(|finding| finding.id).collect();
            assert!(ids.len() > 1 && ids[0] == "C09", "a silent server is the first thing that is told: {ids:?}");
            assert_eq!(advised(model).map(|finding| finding.id), Some(ids[1]), "what needs no action is not advised");
        });
    }
}
