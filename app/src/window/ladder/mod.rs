//! The ladder: every STUN and TURN message on a time axis, between you, your friend and the servers.

mod detail;
mod filter;
mod lanes;
mod row;
mod their_row;
mod there;

use egui::{EventFilter, Id, Key, Modifiers, Panel, Rect, ScrollArea, Sense, Ui, vec2};
use floe_inspect::{
    Ladder,
    ladder::{BothRow, BothRows, Fate, Lane, Message, MessageKind, RowId},
};
use floe_wire::{Direction, Stamp, stun::IntegrityVerdict};

use self::{
    detail::{Detail, TypedPassword},
    lanes::Lanes,
};
use super::{
    grid::GridState,
    model::{Journey, Model},
    pen,
    theme::{self, Palette},
    wish::Wish,
};

/// Height of a message; every row has it, so that a hundred thousand of them need no measuring.
const ROW: f32 = 20.0;
/// From this width on, a message's contents stand beside the messages.
const BESIDE: f32 = 860.0;

/// What the user is looking at.
#[derive(Debug, Default)]
pub struct LadderState {
    /// Whose messages are shown; none shows all.
    pub lane: Option<Lane>,
    /// The chosen message.
    pub chosen: Option<RowId>,
    /// The pair of the grid that was followed last.
    followed: Option<floe_inspect::picture::PairId>,
    /// Where the playhead was when the rows were last moved to it.
    playhead: Option<Stamp>,
    /// A message to bring into sight.
    reveal: Option<Reveal>,
    detail: Option<Detail>,
    password: TypedPassword,
}

/// A message to bring into sight, and for how many frames: room that a panel takes is known to a scroll area one later.
#[derive(Debug, Clone, Copy)]
struct Reveal {
    row: RowId,
    frames: u8,
}

impl Reveal {
    const fn new(row: RowId) -> Self {
        Self { row, frames: 3 }
    }
}

impl LadderState {
    /// Chooses a message and brings it into sight.
    pub fn show(&mut self, row: RowId) {
        self.chosen = Some(row);
        self.reveal = Some(Reveal::new(row));
    }

    /// Chooses the message of a record, whatever was filtered before.
    pub fn show_record(&mut self, ladder: &Ladder, record: u64, at: Stamp) {
        let rows = ladder.rows(None);
        let from = rows.first_at(at);
        let found = (from..rows.len()).filter_map(|row| rows.get(row)).take_while(|(_, message)| message.at == at);
        let mut found = found.filter(|(_, message)| message.record >= record);
        if let Some((number, _)) = found.next() {
            self.lane = None;
            self.show(RowId::Ours(number));
        }
    }

    /// The grid's choice is the ladder's filter, until another one is chosen here.
    fn follow(&mut self, grid: &GridState) {
        if self.followed != grid.chosen {
            self.followed = grid.chosen;
            self.lane = grid.chosen.map(Lane::Pair);
        }
    }
}

/// Draws the panel.
pub fn view(model: &Model<'_>, state: &mut LadderState, grid: &mut GridState, ui: &mut Ui) -> Vec<Wish> {
    let mut wishes = Vec::new();
    // The whole record, not the moment's: what comes after the playhead is dimmed and can be stepped into.
    let ladder = &model.snapshot.picture.ladder;
    if ladder.both_rows().is_empty() {
        let how = match model.journey {
            Journey::Idle => "Press New call on the left, or choose a demo above.",
            Journey::Call | Journey::Demo(_) => "The first ones go to the servers, or to your friend.",
            Journey::File => &model.of_file("holds no STUN or TURN message"),
        };
        pen::empty(ui, "Every STUN and TURN message will appear here, with its answer or without.", how);
        return wishes;
    }
    state.follow(grid);
    ui.spacing_mut().item_spacing.y = 4.0;
    filter::view(model, ladder, state, grid, ui);
    if state.chosen.is_some_and(|chosen| ladder.both_rows().row_of(chosen).is_none()) {
        state.chosen = None;
    }
    if let Some(chosen) = state.chosen {
        let frame = egui::Frame::new().inner_margin(egui::Margin { left: 8, right: 0, top: 6, bottom: 0 });
        let panel = match ui.available_width() >= BESIDE {
            true => Panel::right("message beside").exact_size(330.0),
            false => Panel::bottom("message below").exact_size((ui.available_height() * 0.45).clamp(110.0, 220.0)),
        };
        panel.resizable(false).frame(frame).show(ui, |ui| match chosen {
            RowId::Ours(number) => {
                detail::view(model, ladder, number, &mut state.detail, &mut state.password, &mut wishes, ui);
            }
            RowId::Theirs(message) => their_row::detail(&message, &mut wishes, ui),
        });
    }
    let rows = state.lane.as_ref().map_or_else(|| ladder.both_rows(), |lane| ladder.rows_of_lane(lane));
    if rows.is_empty() {
        pen::note(ui, "Nothing was sent or received here. Choose another pair, or all messages.");
        return wishes;
    }
    list(model, &rows, state, &mut wishes, ui);
    wishes
}

fn list(model: &Model<'_>, rows: &BothRows<'_>, state: &mut LadderState, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let ladder = &model.snapshot.picture.ladder;
    let partner = match state.chosen {
        Some(RowId::Ours(number)) => ladder.message(number).and_then(|message| message.exchange),
        Some(RowId::Theirs(_)) | None => None,
    };
    let width = ui.available_width() - ui.spacing().scroll.bar_width - 4.0;
    let has_servers = ladder.lanes().any(|(lane, _)| matches!(lane, Lane::Server { .. }));
    let lanes = Lanes::new(width, has_servers, !model.snapshot.picture.peer.clock_log.is_empty());
    let (header, _) = ui.allocate_exact_size(vec2(width, 18.0), Sense::hover());
    lanes.header(header, ui);
    ui.spacing_mut().item_spacing.y = 0.0;
    move_with_keys(rows, state, wishes, ui);
    let mut area = ScrollArea::vertical().id_salt("ladder rows").auto_shrink(false);
    // An offset that a panel's new room puts beyond the end would be flung back, and on to the top.
    ui.spacing_mut().scroll.kinetic.rubber_band = false;
    // New messages must not push the one out of sight that somebody reads.
    area = area.stick_to_bottom(state.chosen.is_none());
    if let Some(row) = row_to_show(model, rows, state) {
        let above = (ui.available_height() / 2.0 - ROW).max(0.0);
        let last = (rows.len() as f32 * ROW - ui.available_height()).max(0.0);
        area = area.vertical_scroll_offset((row as f32 * ROW - above).clamp(0.0, last));
        ui.ctx().request_repaint();
    }
    area.show_rows(ui, ROW, rows.len(), |ui, range| {
        let mut before = range.start.checked_sub(1).and_then(|row| rows.get(row)).map(|row| row.at());
        for row in range.filter_map(|row| rows.get(row)) {
            let (rect, _) = ui.allocate_exact_size(vec2(width, ROW), Sense::hover());
            match row {
                BothRow::Ours(number, message) => {
                    let line = row::Line::new(model, number, message, rect, before);
                    one(model, &line, &lanes, partner, state, wishes, ui);
                }
                BothRow::Theirs(message) => {
                    let response = interact(row.id(), row.at(), rect, state, wishes, ui);
                    let chosen = state.chosen == Some(row.id());
                    their_row::view(model, message, before, &lanes, chosen, &response, ui);
                }
            }
            before = Some(row.at());
        }
    });
    if ladder.forgotten() > 0 && state.lane.is_none() {
        let note = format!("{} older messages are no longer kept", ladder.forgotten());
        ui.label(egui::RichText::new(note).size(theme::SMALL).color(Palette::of(ui.visuals()).weak));
    }
}

fn one(
    model: &Model<'_>,
    line: &row::Line<'_>,
    lanes: &Lanes,
    partner: Option<u64>,
    state: &mut LadderState,
    wishes: &mut Vec<Wish>,
    ui: &mut Ui,
) {
    let id = RowId::Ours(line.number);
    let response = interact(id, line.message.at, line.rect, state, wishes, ui);
    let chosen = state.chosen == Some(id);
    // Words cost more than the row: they are made for whoever listens or hovers.
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Row, true, chosen, row::spoken(model, line)));
    let is_partner = partner.is_some() && partner == line.message.exchange;
    row::paint(model, line, lanes, chosen, is_partner, &response, ui);
    response.on_hover_ui(|ui| {
        ui.label(format!("{}\nDouble-click shows this moment everywhere", row::spoken(model, line)));
    });
}

/// A click or the focus chooses a row, a double-click takes the playhead to it.
fn interact(
    id: RowId,
    at: Stamp,
    rect: Rect,
    state: &mut LadderState,
    wishes: &mut Vec<Wish>,
    ui: &Ui,
) -> egui::Response {
    let response = ui.interact(rect, row_id(id), Sense::click());
    if response.clicked() {
        response.request_focus();
    }
    if response.clicked() || response.gained_focus() {
        // The panel with its contents takes room from the rows.
        state.reveal = state.chosen.is_none().then_some(Reveal::new(id));
        state.chosen = Some(id);
    }
    if response.double_clicked() {
        wishes.push(Wish::Playhead(super::playhead::PlayheadWish::Seek(at)));
    }
    response
}

fn row_id(row: RowId) -> Id {
    match row {
        RowId::Ours(number) => Id::unique(("ladder row", number)),
        RowId::Theirs(message) => Id::unique(("their row", message.key, message.theirs)),
    }
}

/// The row that has to be in sight: a message that was asked for, or the moment of a playhead that moved.
fn row_to_show(model: &Model<'_>, rows: &BothRows<'_>, state: &mut LadderState) -> Option<usize> {
    let moved = state.playhead != model.playhead.at();
    state.playhead = model.playhead.at();
    if let Some(Reveal { row, frames }) = state.reveal.take() {
        state.reveal = frames.checked_sub(1).filter(|left| *left > 0).map(|frames| Reveal { row, frames });
        return rows.row_of(row);
    }
    if !moved {
        return None;
    }
    Some(model.playhead.at().map_or(rows.len(), |at| rows.first_at(at)))
}

/// Arrow keys move between messages while one of them has the focus; Enter takes the playhead there.
fn move_with_keys(rows: &BothRows<'_>, state: &mut LadderState, wishes: &mut Vec<Wish>, ui: &Ui) {
    let has_focus = |row: &RowId| ui.memory(|memory| memory.has_focus(row_id(*row)));
    let Some(chosen) = state.chosen.filter(has_focus) else { return };
    let arrows = EventFilter { vertical_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(row_id(chosen), arrows));
    let Some((place, row)) = rows.row_of(chosen).and_then(|place| Some((place, rows.get(place)?))) else { return };
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let steps = [(Key::ArrowUp, -1), (Key::ArrowDown, 1), (Key::PageUp, -10), (Key::PageDown, 10)];
    let step: isize = steps.into_iter().filter(|(key, _)| pressed(*key)).map(|(_, step)| step).sum();
    let wanted = place.saturating_add_signed(step).min(rows.len() - 1);
    if let Some(wanted) = rows.get(wanted).filter(|_| step != 0) {
        state.show(wanted.id());
        ui.memory_mut(|memory| memory.request_focus(row_id(wanted.id())));
    }
    if pressed(Key::Enter) {
        wishes.push(Wish::Playhead(super::playhead::PlayheadWish::Seek(row.at())));
    }
}

/// The next message after `from` that went wrong, at either end; starts again at the top.
fn next_trouble(rows: &BothRows<'_>, ladder: &Ladder, from: Option<RowId>, now: Stamp) -> Option<RowId> {
    let is_trouble = |row: &BothRow<'_>| match row {
        BothRow::Ours(_, message) => is_trouble(ladder, message, now),
        // What left there and is not here got lost on the way.
        BothRow::Theirs(message) => message.direction == Direction::Outbound,
    };
    let after = from.and_then(|from| rows.row_of(from)).map_or(0, |row| row + 1);
    let found = rows.iter_from(after).find(is_trouble);
    found.or_else(|| rows.iter_from(0).find(is_trouble)).map(|row| row.id())
}

fn is_trouble(ladder: &Ladder, message: &Message, now: Stamp) -> bool {
    match message.kind {
        _ if message.integrity == IntegrityVerdict::Wrong => true,
        MessageKind::Retransmission | MessageKind::Error { .. } | MessageKind::Malformed => true,
        MessageKind::Request => is_lost(ladder, message, now),
        MessageKind::Success | MessageKind::Indication => false,
    }
}

/// Whether a message of ours asked for something and nothing came back.
fn is_lost(ladder: &Ladder, message: &Message, now: Stamp) -> bool {
    let exchange = message.exchange.and_then(|number| ladder.exchange(number));
    exchange.is_some_and(|exchange| exchange.fate(now) == Fate::Lost)
}

/// Room of a row's part, from one place to another.
fn span(rect: Rect, from: f32, to: f32) -> Rect {
    Rect::from_min_max(egui::pos2(rect.left() + from, rect.top()), egui::pos2(rect.left() + to, rect.bottom()))
}
