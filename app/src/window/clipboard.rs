//! Keeps a copied text alive beyond the window: on X11 the owner of the clipboard must hand it over when it leaves.

/// Remembers what was copied.
#[derive(Debug, Default)]
pub struct Clipboard {
    copied: Option<String>,
}

impl Clipboard {
    /// Copies a text.
    pub fn copy(&mut self, text: String, ctx: &egui::Context) {
        ctx.copy_text(text.clone());
        self.copied = Some(text);
    }

    /// Hands the text to the desktop's clipboard manager, if it is still what the clipboard holds. Nothing is to be
    /// done where the system keeps copied texts itself.
    pub fn hand_over(&mut self) {
        let Some(text) = self.copied.take() else { return };
        if !cfg!(target_os = "linux") || std::env::var_os("WAYLAND_DISPLAY").is_some() {
            return;
        }
        let outcome = arboard::Clipboard::new().and_then(|mut clipboard| {
            if clipboard.get_text()? == text {
                // Dropping the clipboard after this waits until a manager has taken the text.
                clipboard.set_text(text)?;
            }
            Ok(())
        });
        if let Err(error) = outcome {
            tracing::debug!(%error, "the copied text could not be handed over");
        }
    }
}
