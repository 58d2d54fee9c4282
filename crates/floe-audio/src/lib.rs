//! Audio devices behind lock-free rings: frames of 48 kHz mono on this side, whatever the device speaks on the other.
//!
//! A device's callback only converts samples to mono `f32` and moves them through a ring: no lock, no allocation, no
//! log, no waiting. Resampling, drift and levels are the reader's and writer's business. Streams live on threads of
//! their own, since some systems bind them to one, and since a system that hangs must not hang the caller.

mod callback;
mod capture;
mod device;
mod pacer;
mod playout;
mod shared;
mod stream;
mod trouble;

pub use capture::Capture;
pub use device::{DeviceInfo, Devices, devices};
pub use playout::Playout;
pub use shared::DeviceCounters;
pub use trouble::{AudioError, DeviceTrouble, Direction};
