//! The parts of the adaptive jitter buffer.
//!
//! How it works. Every packet's *transit* is its arrival time less its media time, on a common but arbitrary scale;
//! the smallest transit of the last seconds (the *base*) stands for an undisturbed network. What is played at some
//! moment has a *playout delay*: how much later than the base it is played. A packet is in time exactly when its own
//! transit exceeds the base by less than that, so the *target* is a high percentile of that excess. Both ends' clocks
//! and a changed path move the base, and playout follows it, whence drift cannot pile up delay.
//!
//! Playout is steered three ways, gentlest first: single pitch periods are removed or repeated ([`stretch`]); while
//! nothing at all is there, playing waits (a concealed frame that does not use up media time), and when what was lost
//! turns out to be lost, the wait already stood for it; and far behind, whole packets are dropped.

mod delay;
mod drift;
mod packets;
mod playback;
mod stretch;

pub(crate) use delay::{DelayTracker, Timing};
pub(crate) use packets::{Inserted, PacketBuffer, StoredPacket};
pub(crate) use playback::Playback;
