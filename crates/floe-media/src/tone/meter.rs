//! Finds the strongest tone in audio.

/// Measures the frequency of a tone.
pub struct ToneMeter {}

impl Default for ToneMeter {
    fn default() -> Self {
        Self::new()
    }
}

impl ToneMeter {
    /// A meter that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {}
    }

    /// Listens to the next samples at 48 kHz.
    pub fn push(&mut self, _samples: &[f32]) {}

    /// The tone's frequency in Hz; `None` in silence or noise, and until half a second was heard.
    #[must_use]
    pub fn hz(&self) -> Option<f64> {
        None
    }
}
