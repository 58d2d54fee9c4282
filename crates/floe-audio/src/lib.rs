//! Audio devices behind lock-free rings.
