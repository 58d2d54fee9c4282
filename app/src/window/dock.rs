//! The panels below the path, as tabs that can be moved beside each other.

use egui::{Color32, Frame, Id, Margin, Stroke, Ui, Visuals, WidgetText};
use egui_tiles::{Behavior, SimplificationOptions, TabState, Tile, TileId, Tiles, Tree, UiResponse};

use super::{
    audio, candidates, events,
    grid::{self, GridState},
    ladder::{self, LadderState},
    model::Model,
    network, path_plots, states,
    theme::{self, Palette},
    wish::Wish,
};

/// The panels, in the order of their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    /// The pair grid.
    Grid,
    /// Both sides' candidates.
    Candidates,
    /// Every STUN and TURN message on a time axis.
    Ladder,
    /// The state machines.
    States,
    /// Plots of the path in use.
    Path,
    /// What is heard and what was lost.
    Audio,
    /// Interfaces, sockets and servers.
    Network,
    /// The log.
    Events,
}

impl Panel {
    /// Every panel, in the order of their keys.
    pub const ALL: [Self; 8] = [
        Self::Grid,
        Self::Candidates,
        Self::Ladder,
        Self::States,
        Self::Path,
        Self::Audio,
        Self::Network,
        Self::Events,
    ];

    /// The word on its tab.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Grid => "Grid",
            Self::Candidates => "Candidates",
            Self::Ladder => "Ladder",
            Self::States => "States",
            Self::Path => "Path",
            Self::Audio => "Audio",
            Self::Network => "Network",
            Self::Events => "Events",
        }
    }

    /// What it shows, for its tab's tooltip.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Grid => "Every pair of addresses and how its checks went",
            Self::Candidates => "The addresses of both sides, as they were found",
            Self::Ladder => "Every STUN and TURN message on a time axis",
            Self::States => "The three state machines of a call",
            Self::Path => "Round trip, loss, jitter and buffer over time",
            Self::Audio => "What is sent, what is heard and what was lost",
            Self::Network => "Interfaces, sockets and servers",
            Self::Events => "The whole log, searchable",
        }
    }

    /// Its place in `ALL`, from one: the key that shows it.
    #[must_use]
    pub fn key(self) -> usize {
        Self::ALL.iter().position(|panel| *panel == self).map_or(0, |index| index + 1)
    }
}

/// Where the panels are, and what the user is looking at in each.
pub struct DockState {
    tree: Tree<Panel>,
    /// The grid's choice.
    pub grid: GridState,
    /// The ladder's choice.
    pub ladder: LadderState,
    /// The log's search.
    pub events: events::EventsState,
}

impl Default for DockState {
    fn default() -> Self {
        let tree = Tree::new_tabs(Id::unique("floe dock"), Panel::ALL.to_vec());
        Self {
            tree,
            grid: GridState::default(),
            ladder: LadderState::default(),
            events: events::EventsState::default(),
        }
    }
}

impl DockState {
    /// Brings a panel to the front.
    pub fn show(&mut self, panel: Panel) {
        self.tree.make_active(|_, tile| matches!(tile, Tile::Pane(pane) if *pane == panel));
    }
}

/// Draws the panels.
pub fn view(model: &Model<'_>, state: &mut DockState, ui: &mut Ui) -> Vec<Wish> {
    let mut shelf = Shelf {
        model,
        grid: &mut state.grid,
        ladder: &mut state.ladder,
        events: &mut state.events,
        wishes: Vec::new(),
    };
    state.tree.ui(&mut shelf, ui);
    shelf.wishes
}

struct Shelf<'a, 'm> {
    model: &'a Model<'m>,
    grid: &'a mut GridState,
    ladder: &'a mut LadderState,
    events: &'a mut events::EventsState,
    wishes: Vec<Wish>,
}

impl Behavior<Panel> for Shelf<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _: TileId, panel: &mut Panel) -> UiResponse {
        let palette = Palette::of(ui.visuals());
        Frame::new().fill(palette.background).inner_margin(Margin::symmetric(10, 8)).show(ui, |ui| {
            let wishes = match panel {
                Panel::Grid => grid::view(self.model, self.grid, ui),
                Panel::Candidates => candidates::view(self.model, ui),
                Panel::Ladder => ladder::view(self.model, self.ladder, self.grid, ui),
                Panel::States => states::view(self.model, ui),
                Panel::Path => path_plots::view(self.model, ui),
                Panel::Audio => audio::view(self.model, ui),
                Panel::Network => network::view(self.model, ui),
                Panel::Events => events::view(self.model, self.events, ui),
            };
            self.wishes.extend(wishes);
        });
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, panel: &Panel) -> WidgetText {
        panel.title().into()
    }

    fn on_tab_button(&mut self, tiles: &mut Tiles<Panel>, tile: TileId, response: egui::Response) -> egui::Response {
        match tiles.get(tile) {
            Some(Tile::Pane(panel)) => response.on_hover_text(format!(
                "{}  ({})\nDrag the tab to put it beside another",
                panel.purpose(),
                panel.key()
            )),
            _ => response,
        }
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }

    fn tab_bar_height(&self, _: &egui::Style) -> f32 {
        30.0
    }

    fn tab_title_spacing(&self, _: &Visuals) -> f32 {
        9.0
    }

    fn tab_bar_color(&self, visuals: &Visuals) -> Color32 {
        Palette::of(visuals).sunken
    }

    fn tab_bg_color(&self, visuals: &Visuals, _: &Tiles<Panel>, _: TileId, state: &TabState) -> Color32 {
        if state.active { Palette::of(visuals).background } else { Color32::TRANSPARENT }
    }

    fn tab_outline_stroke(&self, visuals: &Visuals, _: &Tiles<Panel>, _: TileId, state: &TabState) -> Stroke {
        if state.active { Stroke::new(1.0, Palette::of(visuals).border) } else { Stroke::NONE }
    }

    fn tab_text_color(&self, visuals: &Visuals, _: &Tiles<Panel>, _: TileId, state: &TabState) -> Color32 {
        let palette = Palette::of(visuals);
        if state.active { palette.accent } else { palette.text }
    }

    fn gap_width(&self, _: &egui::Style) -> f32 {
        theme::GRID / 2.0
    }
}
