//! Where the lifelines stand.

use egui::{Align2, Rect, Stroke, Ui};

use crate::window::{
    pen,
    theme::{self, Palette},
};

/// Room for `mm:ss.mmm`.
pub const TIME: f32 = 74.0;
/// Room for the time since the row before.
pub const GAP: f32 = 114.0;

/// Where the lifelines stand, counted from the row's left edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lanes {
    /// Ours.
    pub you: f32,
    /// The friend's.
    pub friend: f32,
    /// The servers'; none where no server was asked.
    pub server: Option<f32>,
    /// Where the friend's times begin; none where the friend told none.
    pub theirs: Option<f32>,
    /// Where the words begin.
    pub words: f32,
}

impl Lanes {
    /// Shares a row's width.
    pub fn new(width: f32, has_servers: bool, has_both: bool) -> Self {
        let room = ((width - GAP) * if width < 700.0 { 0.38 } else { 0.44 }).clamp(140.0, 460.0);
        let you = GAP + 22.0;
        let last = GAP + room - 22.0;
        let (friend, server) = if has_servers { (you + (last - you) * 0.58, Some(last)) } else { (last, None) };
        // Between friend and server, or else before the words.
        let theirs = has_both.then_some(friend + 8.0);
        let times = if has_both && !has_servers { TIME - 16.0 } else { 0.0 };
        Self { you, friend, server, theirs, words: GAP + room + 4.0 + times }
    }

    /// Names above the lifelines.
    pub fn header(&self, rect: Rect, ui: &Ui) {
        let palette = Palette::of(ui.visuals());
        let name = |x: f32, text: &str| {
            let place = super::span(rect, x - 40.0, x + 40.0);
            pen::line(ui.painter(), place, Align2::CENTER_CENTER, text, theme::strong(theme::SMALL), palette.text);
        };
        name(self.you, "You");
        name(self.friend, "Friend");
        if let Some(server) = self.server {
            name(server, "Server");
        }
    }

    /// The lifelines' piece in a row.
    pub fn lifelines(&self, rect: Rect, ui: &Ui) {
        let palette = Palette::of(ui.visuals());
        for x in [Some(self.you), Some(self.friend), self.server].into_iter().flatten() {
            ui.painter().vline(rect.left() + x, rect.y_range(), Stroke::new(1.0, palette.border));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifelines_keep_their_order_and_leave_room_for_words() {
        for width in [520.0, 800.0, 1500.0] {
            let lanes = Lanes::new(width, true, true);
            let server = lanes.server.unwrap();
            assert!(lanes.you < lanes.friend && lanes.friend < server && server < lanes.words, "{lanes:?}");
            assert!(width - lanes.words > 200.0, "{lanes:?} in {width}");
        }
        let (alone, both) = (Lanes::new(800.0, false, false), Lanes::new(800.0, false, true));
        assert_eq!((alone.server, alone.theirs), (None, None));
        let theirs = both.theirs.unwrap();
        assert!(both.friend < theirs && theirs + 50.0 <= both.words, "{both:?}");
    }
}
