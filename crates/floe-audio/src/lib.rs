//! Audio devices behind lock-free rings: frames of 48 kHz mono on this side, whatever the device speaks on the other.

mod capture;
mod device;
mod playout;
mod trouble;

pub use capture::Capture;
pub use device::{DeviceInfo, Devices, devices};
pub use playout::Playout;
pub use trouble::{AudioError, DeviceTrouble};
