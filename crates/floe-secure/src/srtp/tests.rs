//! Packets as they should be, and as nobody should accept them.
