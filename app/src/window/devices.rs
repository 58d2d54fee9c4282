//! The sound devices, listed off the window's thread because some systems take seconds.

use std::{
    sync::mpsc::{Receiver, TryRecvError, channel},
    thread,
};

use floe_audio::Devices;

/// The sound devices, as last listed.
#[derive(Debug, Default)]
pub enum DeviceList {
    /// Never asked.
    #[default]
    Unknown,
    /// Being listed.
    Listing,
    /// As the system says.
    Known(Devices),
    /// The system gave none; the sentence says why.
    Failed(String),
}

/// Lists devices in the background.
#[derive(Default)]
pub struct DeviceWatch {
    list: DeviceList,
    answer: Option<Receiver<DeviceList>>,
}

impl DeviceWatch {
    /// The newest list.
    #[must_use]
    pub fn list(&self) -> &DeviceList {
        &self.list
    }

    /// Begins listing, unless that is under way; `done` is called when there is an answer.
    pub fn refresh(&mut self, done: impl FnOnce() + Send + 'static) {
        if self.answer.is_some() {
            return;
        }
        let (sender, receiver) = channel();
        let spawned = thread::Builder::new().name("floe-devices".to_owned()).spawn(move || {
            let list =
                floe_audio::devices().map_or_else(|error| DeviceList::Failed(error.to_string()), DeviceList::Known);
            // The window may be gone by then; nobody is left to tell.
            let _ = sender.send(list);
            done();
        });
        match spawned {
            Ok(_) => {
                self.answer = Some(receiver);
                if !matches!(self.list, DeviceList::Known(_)) {
                    self.list = DeviceList::Listing;
                }
            }
            Err(error) => self.list = DeviceList::Failed(error.to_string()),
        }
    }

    /// Takes the answer if it is there.
    pub fn poll(&mut self) {
        let Some(answer) = &self.answer else { return };
        match answer.try_recv() {
            Ok(list) => self.list = list,
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => {
                self.list = DeviceList::Failed("the sound system gave no list".to_owned());
            }
        }
        self.answer = None;
    }
}
