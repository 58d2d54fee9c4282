//! Which audio devices there are, and finding one again by its id.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use cpal::{
    Device, DeviceId, Host,
    traits::{DeviceTrait, HostTrait},
};

use crate::{AudioError, Direction};

/// A sound server that needs longer has hung.
const LISTING_TIME: Duration = Duration::from_secs(3);

/// All devices of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Devices {
    /// Microphones and the like.
    pub inputs: Vec<DeviceInfo>,
    /// Loudspeakers and the like.
    pub outputs: Vec<DeviceInfo>,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Names the device across restarts; may be stored.
    pub id: String,
    /// For people.
    pub name: String,
    /// What the system uses when nothing else is asked for.
    pub is_default: bool,
}

/// Lists the devices; blocks for up to three seconds.
///
/// # Errors
/// When the audio system fails or does not answer; a machine without audio has empty lists.
pub fn devices() -> Result<Devices, AudioError> {
    bounded("floe-devices", LISTING_TIME, list)?
}

/// Finds a device by its stored id, or the system's default.
pub(crate) fn find(direction: Direction, id: Option<&str>) -> Result<Device, AudioError> {
    let Some(id) = id else {
        return default_or_none(direction);
    };
    let not_found = || AudioError::NotFound { direction, id: id.to_owned() };
    let parsed: DeviceId = id.parse().map_err(|_| not_found())?;
    let host = cpal::host_from_id(parsed.host()).map_err(|_| not_found())?;
    let all = host.devices().map_err(|error| AudioError::opening(direction, &error))?;
    all.filter(|device| carries(device, direction))
        .find(|device| device.id().is_ok_and(|one| one == parsed))
        .ok_or_else(not_found)
}

/// The default device. ALSA always names one, even without a sound card, and complains on standard error when it is
/// opened; so there must be a device to be the default.
fn default_or_none(direction: Direction) -> Result<Device, AudioError> {
    let host = cpal::default_host();
    let mut all = host.devices().map_err(|error| AudioError::opening(direction, &error))?;
    let exists = all.any(|device| carries(&device, direction) && is_real(&device));
    let default = if exists { default_device(&host, direction) } else { None };
    default.ok_or(AudioError::NoDevice { direction })
}

/// Runs something on a thread of its own and waits for it, within reason. A hung audio system keeps its thread.
pub(crate) fn bounded<T: Send + 'static>(
    name: &str,
    time: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AudioError> {
    let (done, result) = mpsc::sync_channel(1);
    let spawned = thread::Builder::new().name(name.into()).spawn(move || {
        // Nobody waits any more once the time is over.
        let _ = done.send(work());
    });
    if let Err(error) = spawned {
        return Err(AudioError::NotListed { reason: error.to_string() });
    }
    result.recv_timeout(time).map_err(|error| match error {
        RecvTimeoutError::Timeout => AudioError::Unresponsive { seconds: time.as_secs() },
        RecvTimeoutError::Disconnected => AudioError::NotListed { reason: "the audio system crashed".into() },
    })
}

fn list() -> Result<Devices, AudioError> {
    let host = cpal::default_host();
    let all: Vec<Device> =
        host.devices().map_err(|error| AudioError::NotListed { reason: error.to_string() })?.collect();
    Ok(Devices { inputs: describe(&host, &all, Direction::Input), outputs: describe(&host, &all, Direction::Output) })
}

fn describe(host: &Host, all: &[Device], direction: Direction) -> Vec<DeviceInfo> {
    let default = default_device(host, direction).and_then(|device| device.id().ok());
    let matching = all.iter().filter(|device| carries(device, direction) && is_real(device));
    let infos = matching.filter_map(|device| {
        let id = device.id().ok()?;
        let name = device.description().map_or_else(|_| id.to_string(), |text| text.name().to_owned());
        Some(DeviceInfo { name, is_default: default.as_ref() == Some(&id), id: id.to_string() })
    });
    infos.collect()
}

fn default_device(host: &Host, direction: Direction) -> Option<Device> {
    match direction {
        Direction::Input => host.default_input_device(),
        Direction::Output => host.default_output_device(),
    }
}

fn carries(device: &Device, direction: Direction) -> bool {
    match direction {
        Direction::Input => device.supports_input(),
        Direction::Output => device.supports_output(),
    }
}

fn is_real(device: &Device) -> bool {
    device.id().is_ok_and(|id| !is_plugin(&id.to_string()))
}

/// ALSA lists its plugins (rate converters, bit buckets, every speaker layout) as devices, with or without a card.
fn is_plugin(id: &str) -> bool {
    const DEVICES: [&str; 5] = ["default", "sysdefault", "plughw", "hw", "pipewire"];
    id.strip_prefix("alsa:").is_some_and(|pcm| {
        let kind = pcm.split(':').next().unwrap_or(pcm);
        !DEVICES.contains(&kind)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    #[test]
    fn a_hung_audio_system_is_given_up_on() {
        let (hung, release) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let (inside, outside) = (hung.clone(), release.clone());
        let result = bounded("hung", Duration::from_millis(20), move || {
            inside.wait();
            outside.wait();
        });
        assert_eq!(result, Err(AudioError::Unresponsive { seconds: 0 }));
        hung.wait();
        release.wait();
    }

    #[test]
    fn a_crash_in_the_audio_system_is_an_error() {
        let result: Result<(), _> = bounded("crash", LISTING_TIME, || panic!("expected by this test"));
        assert_eq!(result, Err(AudioError::NotListed { reason: "the audio system crashed".into() }));
    }

    #[test]
    fn plugins_of_alsa_are_no_devices() {
        for id in ["alsa:null", "alsa:samplerate", "alsa:surround51:CARD=PCH,DEV=0", "alsa:oss"] {
            assert!(is_plugin(id), "{id}");
        }
        for id in ["alsa:default", "alsa:hw:CARD=PCH,DEV=0", "alsa:sysdefault:CARD=PCH", "pulseaudio:null", "wasapi:x"]
        {
            assert!(!is_plugin(id), "{id}");
        }
    }

    #[test]
    fn an_id_that_names_nothing_is_not_found() {
        for id in ["", "nonsense", "alsa:no-such-card", "wasapi:elsewhere"] {
            let error = find(Direction::Output, Some(id)).err().unwrap();
            assert!(error.to_string().contains(id), "{error}");
        }
    }
}
