//! The real program in real namespaces: calls on a LAN, behind NATs, under fire, and with much patience.
#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it should be")]

mod network;
