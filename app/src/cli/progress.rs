//! Progress on standard error: one live line on a terminal, one line per change elsewhere.

use std::io::IsTerminal as _;

use floe_inspect::{Picture, headline};

use super::speech::{hint, hint_part};

/// Progress on standard error.
pub(super) struct Progress {
    is_terminal: bool,
    shown: String,
    ice: String,
}

impl Progress {
    pub fn new() -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), shown: String::new(), ice: String::new() }
    }

    /// Shows where a call stands.
    pub fn show(&mut self, picture: &Picture) {
        if picture.wall_ms.is_none() {
            return;
        }
        let ice = picture.ice_connection_state().name().to_owned();
        let line = format!("[{ice}] {}", headline(picture).text);
        if self.is_terminal {
            if line != self.shown {
                // \x1b[K clears what a longer line left behind.
                hint_part(format_args!("\r{line}\x1b[K"));
                self.shown = line;
            }
        } else if ice != self.ice {
            hint(&line);
            self.ice = ice;
        }
    }

    /// Says something that stays, above the live line.
    pub fn say(&mut self, text: &str) {
        if self.is_terminal {
            hint(format_args!("\r{text}\x1b[K"));
            self.shown.clear();
        } else {
            hint(text);
        }
    }

    /// Leaves the live line.
    pub fn end(&mut self) {
        if self.is_terminal && !self.shown.is_empty() {
            hint("");
        }
    }
}
