//! The window: views on one model, wishes out.

mod advice;
mod app;
mod archive;
mod audio;
mod break_it;
mod call_panel;
mod candidate_lines;
mod candidates;
mod clipboard;
mod curve;
mod devices;
mod dialogs;
mod dock;
mod events;
mod file_panel;
#[cfg(test)]
mod fixtures;
mod format;
mod frame;
mod grid;
mod happened;
mod interfaces;
mod keys;
mod ladder;
mod level;
mod model;
mod network;
mod network_test;
mod paint_pace;
mod path_picture;
mod path_plots;
mod path_ways;
mod pen;
mod picker;
mod playhead;
mod reading;
mod seat;
mod session;
mod settings;
mod states;
mod status;
#[cfg(test)]
mod tests;
mod theme;
mod top_bar;
mod turn_server;
mod update;
mod wish;

use std::path::PathBuf;

use anyhow::Context as _;
use floe_simnet::Scenario;

use self::{app::FloeWindow, settings::SettingsFile};
use crate::engine::Engine;

/// How the window starts.
#[derive(Debug, Clone, Default)]
pub struct WindowOptions {
    /// Begin with this demo; none begins with a call of one's own.
    pub demo: Option<Scenario>,
    /// Open this record or capture.
    pub file: Option<PathBuf>,
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// When there is no display, or it has no OpenGL.
pub fn run(options: WindowOptions) -> anyhow::Result<()> {
    let engine = Engine::start().context("the system gives no threads")?;
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Floe")
            .with_app_id("floe")
            .with_inner_size([1280.0, 800.0])
            .with_min_inner_size([800.0, 560.0])
            .with_icon(icon()?),
        ..eframe::NativeOptions::default()
    };
    let create: eframe::AppCreator<'_> = Box::new(move |creation| {
        Ok(Box::new(FloeWindow::new(engine, SettingsFile::locate(), options, &creation.egui_ctx)))
    });
    // The error holds window-system handles that must not leave this thread; its words can.
    eframe::run_native("Floe", native, create).map_err(|error| anyhow::anyhow!("the window cannot open: {error}"))
}

fn icon() -> anyhow::Result<egui::IconData> {
    eframe::icon_data::from_png_bytes(include_bytes!("../../../assets/icon.png")).context("the icon is damaged")
}
