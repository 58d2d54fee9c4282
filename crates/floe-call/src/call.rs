//! The handle of a running call.

use std::{sync::Arc, thread};

use floe_transport::Network;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{CallConfig, Command, Snapshot, session::Session};

/// How many commands may wait; people and scripts are slower than the session.
const COMMAND_CAPACITY: usize = 64;

/// A running call. Dropping it hangs up.
pub struct Call {
    commands: mpsc::Sender<Command>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    session: Option<JoinHandle<()>>,
}

impl Call {
    /// Begins a call over `network`: gathering starts at once. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(config: CallConfig, network: Arc<dyn Network>) -> Self {
        let (commands, command_queue) = mpsc::channel(COMMAND_CAPACITY);
        let (publisher, snapshot) = watch::channel(Arc::new(Snapshot::default()));
        let session = tokio::spawn(Session::run(config, network, command_queue, publisher));
        Self { commands, snapshot, session: Some(session) }
    }

    /// Asks something of the call. A call that is over ignores it; `false` then, or when 64 commands already wait.
    pub fn send(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }

    /// A receiver that is woken by every new snapshot.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }

    /// Hangs up and waits until sockets and threads are gone; gives the last snapshot.
    pub async fn finish(mut self) -> Arc<Snapshot> {
        self.send(Command::HangUp);
        if let Some(session) = self.session.take()
            && let Err(error) = session.await
        {
            tracing::error!(%error, "the session ended abnormally");
        }
        self.snapshot()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        // The session says goodbye and ends by itself when its command queue closes; a process that is unwinding
        // has no time for that.
        if thread::panicking() {
            session.abort();
        }
    }
}
