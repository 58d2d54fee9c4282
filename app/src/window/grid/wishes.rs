//! What people can ask of a pair: to be used, not to be used, or to be left to its priority.

use egui::{Button, RichText, Ui};
use floe_call::Command;
use floe_inspect::{
    Picture,
    picture::{PairId, PairState, PairView},
    rulings::RulingView,
};
use floe_wire::verdict::{Judge, PairVerdict};

use crate::window::{
    model::{Journey, Model},
    theme,
    wish::{DialogKind, Wish},
};

/// A way to ask for something, as a button or an entry of a menu.
struct Choice {
    title: &'static str,
    hover: &'static str,
    wish: Wish,
}

/// Whether anything can be asked of pairs: those shown are of the running call, and of this moment.
pub fn can_be_asked(model: &Model<'_>) -> bool {
    model.is_running() && model.journey != Journey::File && model.moment.is_none()
}

/// What can be asked of a pair of the running call; nothing of a record or an earlier moment.
fn choices(model: &Model<'_>, pair: PairId) -> Vec<Choice> {
    if !can_be_asked(model) {
        return Vec::new();
    }
    let PairId { base, remote, .. } = pair;
    let verdict = model.picture().ruling_of(pair).map(|known| known.ruling.verdict);
    let force = Choice {
        title: "Use this pair",
        hover: "Both sides use it whenever it answers, whatever its priority; another one is used while it does not",
        wish: Wish::Call(Command::ForcePair { base, remote }),
    };
    let block = Choice {
        title: "Block",
        hover: "Both sides neither check nor use it; the call ends up without a path if no other pair works",
        wish: match is_last_way(model.picture(), pair) {
            true => Wish::Open(DialogKind::BlockLast { base, remote }),
            false => Wish::Call(Command::BlockPair { base, remote }),
        },
    };
    let release = Choice {
        title: "Release",
        hover: "Its priority decides again",
        wish: Wish::Call(Command::ReleasePair { base, remote }),
    };
    match verdict {
        None | Some(PairVerdict::Distrusted | PairVerdict::Released) => vec![force, block],
        Some(PairVerdict::Forced) => vec![release, block],
        Some(PairVerdict::Blocked) => vec![release, force],
    }
}

/// Whether nothing else would carry the call.
fn is_last_way(picture: &Picture, pair: PairId) -> bool {
    let mut working =
        picture.pairs.iter().filter(|pair| pair.state == PairState::Succeeded && !picture.is_blocked(pair.id));
    // A pair of an older generation is on its way out.
    working.next_back().is_some_and(|newest| newest.id == pair)
        && working.all(|other| other.id.generation < pair.generation)
}

/// Draws what can be asked as buttons in a row.
pub fn buttons(model: &Model<'_>, pair: &PairView, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    for Choice { title, hover, wish } in choices(model, pair.id) {
        let button = Button::new(RichText::new(title).size(theme::SMALL));
        if ui.add(button).on_hover_text(hover).clicked() {
            wishes.push(wish);
        }
    }
}

/// Lets a right click on a cell ask the same.
pub fn menu(model: &Model<'_>, pair: PairId, wishes: &mut Vec<Wish>, response: &egui::Response) {
    let choices = choices(model, pair);
    if choices.is_empty() {
        return;
    }
    response.context_menu(|ui| {
        for Choice { title, hover, wish } in choices {
            if ui.button(title).on_hover_text(hover).clicked() {
                wishes.push(wish);
                ui.close();
            }
        }
    });
}

/// What was decided about a pair, in the few words of a cell.
pub fn words(picture: &Picture, pair: PairId) -> Option<String> {
    let RulingView { ruling, .. } = picture.ruling_of(pair)?;
    let by = match ruling.by {
        Judge::Here => " by you",
        Judge::Peer => " by friend",
        Judge::Measurement => "",
    };
    Some(format!("{}{by}", ruling.verdict.name()))
}
