//! The system's file dialogs, shown without stopping the window.

use std::{
    path::PathBuf,
    pin::Pin,
    sync::mpsc::{Receiver, TryRecvError, channel},
};

use tokio::{runtime::Runtime, task::JoinHandle};

use super::wish::FileFor;

/// A file dialog that may be open.
#[derive(Default)]
pub struct Picker {
    open: Option<Open>,
}

struct Open {
    what: FileFor,
    answer: Receiver<Option<PathBuf>>,
    task: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Picker {
    /// Shows a dialog, unless one is open.
    pub fn show(&mut self, what: FileFor, runtime: &Runtime, ctx: &egui::Context) {
        if self.open.is_some() {
            return;
        }
        let dialog = rfd::AsyncFileDialog::new();
        let chosen: Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>> = match what {
            FileFor::Save(what) => {
                let dialog = dialog.set_title("Save").set_file_name(format!("call.{}", what.extension()));
                Box::pin(dialog.add_filter(what.name(), &[what.extension()]).save_file())
            }
            FileFor::Open => {
                let dialog = dialog.set_title("Open a record or a capture");
                let dialog = dialog.add_filter("Records and captures", &["floe", "pcapng", "pcap", "cap"]);
                Box::pin(dialog.add_filter("Any file", &["*"]).pick_file())
            }
            FileFor::Authorities => {
                let dialog = dialog.set_title("Certificate authorities").add_filter("PEM", &["pem", "crt", "cer"]);
                Box::pin(dialog.add_filter("Any file", &["*"]).pick_file())
            }
            FileFor::Wav => Box::pin(dialog.set_title("Send a WAV file").add_filter("WAV", &["wav"]).pick_file()),
        };
        let (sender, answer) = channel();
        let ctx = ctx.clone();
        let task = runtime.spawn(async move {
            let file = chosen.await;
            // The window may be gone by then; nobody is left to tell.
            let _ = sender.send(file.map(|file| file.path().to_owned()));
            ctx.request_repaint();
        });
        self.open = Some(Open { what, answer, task });
    }

    /// The file that was chosen, once.
    pub fn poll(&mut self) -> Option<(FileFor, PathBuf)> {
        let open = self.open.as_ref()?;
        let (what, answer) = (open.what, open.answer.try_recv());
        match answer {
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) | Ok(None) => {
                self.open = None;
                None
            }
            Ok(Some(path)) => {
                self.open = None;
                Some((what, path))
            }
        }
    }
}
