//! Folds records into what people see: candidates, pairs, states, phases, statistics.

pub mod picture;

pub use picture::Picture;
