//! The window: views on one model, wishes out.

mod format;
mod settings;
mod theme;

use floe_simnet::Scenario;

/// How the window starts.
#[derive(Debug, Clone, Default)]
pub struct WindowOptions {
    /// Begin with this demo; none begins with a call of one's own.
    pub demo: Option<Scenario>,
    /// STUN servers for this run only, beside those of the settings.
    pub stun_servers: Vec<String>,
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// When there is no display, or it has no OpenGL.
pub fn run(options: WindowOptions) -> anyhow::Result<()> {
    let _ = options;
    anyhow::bail!("the window is not wired yet")
}
