//! The pair grid: local bases × remote candidates, each cell a pair that explains itself.

mod cell;
mod detail;
mod table;
mod wishes;

use egui::{EventFilter, Id, Key, Modifiers, Rect, Response, ScrollArea, Sense, Ui, vec2};
use floe_inspect::{
    Picture,
    picture::{PairId, PairState, PairView},
};

use self::table::GridTable;
pub use self::{cell::meaning, wishes::words as ruling_words};
use super::{
    format,
    model::{Journey, Model},
    pen,
    theme::{self, Palette},
    wish::Wish,
};

/// Least size of a cell, so that it can be hit.
const CELL: egui::Vec2 = vec2(96.0, 48.0);
/// Beyond this width a cell holds nothing but air.
const WIDEST_CELL: f32 = 200.0;
const ROW_HEADER: f32 = 104.0;
const COLUMN_HEADER: f32 = 40.0;
const GAP: f32 = 3.0;

/// Which cell the user is looking at.
#[derive(Debug, Default)]
pub struct GridState {
    /// The chosen pair; none shows the pair in use.
    pub chosen: Option<PairId>,
}

/// Draws the grid and the chosen pair's details.
pub fn view(model: &Model<'_>, state: &mut GridState, ui: &mut Ui) -> Vec<Wish> {
    let picture = model.picture();
    if picture.pairs.is_empty() {
        teach(model, ui);
        return Vec::new();
    }
    if state.chosen.is_some_and(|id| picture.pair(id).is_none()) {
        state.chosen = None;
    }
    let mut wishes = Vec::new();
    summary(model, &mut wishes, ui);
    let tables = table::of(picture);
    enter_with_arrows(picture, state, ui);
    move_with_arrows(&tables, state, ui);
    let pair = shown(picture, state);
    // Where the cells leave no room below them, the chosen one's words keep theirs at the bottom.
    let is_tight = ui.available_height() < height(&tables) + detail::HEIGHT;
    if let (true, Some(pair)) = (is_tight, pair) {
        let frame = egui::Frame::new().inner_margin(egui::Margin { left: 0, right: 0, top: 6, bottom: 0 });
        let panel = egui::Panel::bottom("pair below").exact_size((ui.available_height() * 0.42).min(detail::HEIGHT));
        panel.resizable(false).show_separator_line(false).frame(frame).show(ui, |ui| {
            ScrollArea::vertical().id_salt("pair").auto_shrink(false).show(ui, |ui| {
                detail::view(model, pair, &mut wishes, ui);
            });
        });
    }
    ScrollArea::both().id_salt("pairs").auto_shrink(false).show(ui, |ui| {
        for table in &tables {
            if let Some(title) = title(&tables, table) {
                pen::heading(ui, &title);
            }
            draw(table, model, state, &mut wishes, ui);
        }
        if let (false, Some(pair)) = (is_tight, pair) {
            ui.add_space(4.0);
            detail::view(model, pair, &mut wishes, ui);
        }
    });
    wishes
}

/// What tells a table from the others; nothing where there is one.
fn title(tables: &[GridTable<'_>], table: &GridTable<'_>) -> Option<String> {
    let generation = format!("Generation {}", table.generation.0);
    let has_generations = tables.iter().any(|other| other.generation != table.generation);
    match (has_generations, table.is_tcp) {
        (true, true) => Some(format!("{generation} · TCP")),
        (true, false) => Some(generation),
        (false, true) => Some("TCP".to_owned()),
        (false, false) => None,
    }
}

/// Height of all tables with their titles.
fn height(tables: &[GridTable<'_>]) -> f32 {
    let titles = tables.iter().filter(|table| title(tables, table).is_some()).count() as f32 * 30.0;
    titles + tables.iter().map(|table| table_height(table) + theme::GRID).sum::<f32>()
}

fn table_height(table: &GridTable<'_>) -> f32 {
    COLUMN_HEADER + (CELL.y + GAP) * table.rows.len() as f32
}

/// The pair whose details are shown.
fn shown<'a>(picture: &'a Picture, state: &GridState) -> Option<&'a PairView> {
    state
        .chosen
        .and_then(|id| picture.pair(id))
        .or_else(|| picture.selected_pair())
        .or_else(|| picture.pairs.iter().find(|pair| pair.state == PairState::Succeeded))
        .or_else(|| picture.pairs.first())
}

fn teach(model: &Model<'_>, ui: &mut Ui) {
    let how = match model.journey {
        Journey::Idle => "Press New call on the left, or choose a demo above.",
        Journey::Call => "Paste your friend's code on the left; the pairs appear at once.",
        Journey::Demo(_) => "The two peers exchange their codes by themselves in a moment.",
        Journey::File => &model.of_file("holds no pair of addresses that was checked"),
    };
    pen::empty(ui, "Every way to your friend will appear here: your addresses × theirs, one cell each.", how);
}

/// What the signs mean, and how many pairs carry each.
fn summary(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let picture = model.picture();
    let palette = Palette::of(ui.visuals());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 2.0);
        ui.spacing_mut().interact_size.y = 24.0;
        for state in STATES {
            let count = picture.pairs.iter().filter(|pair| pair.state == state).count();
            // A state that no pair is in has no cell that would need explaining.
            if count == 0 {
                continue;
            }
            let (rect, _) = ui.allocate_exact_size(vec2(16.0, 16.0), Sense::hover());
            pen::pair_sign(ui.painter(), rect.center(), 6.0, state, palette.pair_state(state));
            ui.label(egui::RichText::new(format!("{count} {}", state.name())).size(theme::SMALL));
            ui.add_space(8.0);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            restart(model, wishes, ui);
            if ui.available_width() < 110.0 {
                return;
            }
            let text = egui::RichText::new("↑ yours  ↓ theirs").size(theme::SMALL).color(palette.weak);
            ui.add(egui::Label::new(text).extend()).on_hover_text(
                "In each cell: checks you sent and how many were answered, checks your friend sent and how many were \
                 answered",
            );
        });
    });
}

/// The way to begin ICE anew, once there is something to begin anew.
fn restart(model: &Model<'_>, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    if !model.is_running() || model.journey == Journey::File || model.snapshot.picture.selections.is_empty() {
        return;
    }
    let button = egui::Button::new(egui::RichText::new("Restart ICE").size(theme::SMALL));
    let hover = "Finds paths anew beside the one in use, and moves to the best of them without a gap";
    if ui.add(button).on_hover_text(hover).clicked() {
        wishes.push(Wish::Call(floe_call::Command::RestartIce));
    }
}

const STATES: [PairState; 5] =
    [PairState::Succeeded, PairState::InProgress, PairState::Waiting, PairState::Frozen, PairState::Failed];

fn draw(table: &GridTable<'_>, model: &Model<'_>, state: &mut GridState, wishes: &mut Vec<Wish>, ui: &mut Ui) {
    let columns = table.columns.len();
    let room = ui.available_width() - ROW_HEADER - GAP * columns as f32;
    let width = (room / columns as f32).clamp(CELL.x, WIDEST_CELL);
    let size = vec2(ROW_HEADER + (width + GAP) * columns as f32, table_height(table));
    let (area, _) = ui.allocate_exact_size(size, Sense::hover());
    let place = |row: usize, column: usize| {
        let left_top = area.left_top()
            + vec2(ROW_HEADER + GAP + column as f32 * (width + GAP), COLUMN_HEADER + GAP + row as f32 * (CELL.y + GAP));
        Rect::from_min_size(left_top, vec2(width, CELL.y))
    };
    for (index, column) in table.columns.iter().enumerate() {
        let cell = place(0, index);
        let header = Rect::from_min_size(egui::pos2(cell.left(), area.top()), vec2(width, COLUMN_HEADER));
        cell::column_header(column, header, ui);
    }
    for (row_index, row) in table.rows.iter().enumerate() {
        let first = place(row_index, 0);
        let header = Rect::from_min_size(egui::pos2(area.left(), first.top()), vec2(ROW_HEADER, CELL.y));
        cell::row_header(row, header, ui);
        for (column_index, column) in table.columns.iter().enumerate() {
            let rect = place(row_index, column_index);
            match table.cells[row_index][column_index] {
                Some(pair) => {
                    let words = cell::Words::of(row, column, pair, model.picture());
                    let response = pair_cell(&words, pair, model, rect, state, ui);
                    wishes::menu(model, pair.id, wishes, &response);
                }
                None => cell::no_pair(rect, ui),
            }
        }
    }
}

fn pair_cell(
    words: &cell::Words,
    pair: &PairView,
    model: &Model<'_>,
    rect: Rect,
    state: &mut GridState,
    ui: &mut Ui,
) -> Response {
    let response = ui.interact(rect, cell_id(pair.id), Sense::click());
    if response.clicked() {
        response.request_focus();
    }
    if response.clicked() || response.secondary_clicked() || response.gained_focus() {
        state.chosen = Some(pair.id);
        response.scroll_to_me(None);
    }
    let chosen = shown(model.picture(), state).is_some_and(|shown| shown.id == pair.id);
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, chosen, words.spoken(pair)));
    cell::paint(pair, words, rect, chosen, &response, ui);
    response.on_hover_ui(|ui| {
        ui.label(&pair.why);
        pen::note(ui, &words.route);
        pen::note(ui, "Arrow keys move between pairs");
    })
}

/// The identity of a cell follows the pair, not its place: pairs move while candidates arrive.
fn cell_id(pair: PairId) -> Id {
    Id::unique(("pair cell", pair))
}

/// An arrow key pressed while nothing has the focus leads to the pair whose details are shown.
fn enter_with_arrows(picture: &Picture, state: &GridState, ui: &mut Ui) {
    if ui.memory(|memory| memory.focused().is_some() || memory.top_modal_layer().is_some()) {
        return;
    }
    // Left and right belong to the playhead until a pair has the focus.
    let pressed =
        [Key::ArrowUp, Key::ArrowDown].iter().any(|key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, *key)));
    if let (true, Some(pair)) = (pressed, shown(picture, state)) {
        ui.memory_mut(|memory| {
            memory.request_focus(cell_id(pair.id));
            // egui saw the key as well and would go one step further.
            memory.move_focus(egui::FocusDirection::None);
        });
    }
}

/// The arrow keys, each with its step in rows and columns.
const ARROWS: [(Key, (isize, isize)); 4] =
    [(Key::ArrowLeft, (0, -1)), (Key::ArrowRight, (0, 1)), (Key::ArrowUp, (-1, 0)), (Key::ArrowDown, (1, 0))];

fn move_with_arrows(tables: &[GridTable<'_>], state: &mut GridState, ui: &mut Ui) {
    let focused = ui.memory(egui::Memory::focused);
    let at = tables.iter().enumerate().find_map(|(index, table)| {
        let (row, column) = table.find(|pair| Some(cell_id(pair.id)) == focused)?;
        Some((index, row, column))
    });
    let Some((index, row, column)) = at else { return };
    let Some(focused) = focused else { return };
    // Arrows belong to the grid while one of its cells has the focus; Tab still leaves it.
    let arrows = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(focused, arrows));
    for (key, step) in ARROWS {
        if !ui.input_mut(|input| input.consume_key(Modifiers::NONE, key)) {
            continue;
        }
        let next = tables[index].neighbour(row, column, step).or_else(|| match step.0 {
            1 => tables.get(index + 1)?.first(),
            -1 => tables.get(index.checked_sub(1)?)?.last(),
            _ => None,
        });
        if let Some(pair) = next {
            state.chosen = Some(pair.id);
            ui.memory_mut(|memory| memory.request_focus(cell_id(pair.id)));
        }
    }
}

/// A round trip, or the words for the state.
fn cell_text(pair: &PairView) -> String {
    match (pair.state, pair.rtt) {
        (PairState::Succeeded, Some(rtt)) => format::ms(rtt),
        (PairState::InProgress, _) => "checking".to_owned(),
        (PairState::Failed, _) => "no answer".to_owned(),
        (state, _) => state.name().to_owned(),
    }
}
