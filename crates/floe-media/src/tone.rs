//! A sine tone, and a meter that finds one.

mod meter;
mod source;

pub use meter::ToneMeter;
pub use source::ToneSource;
