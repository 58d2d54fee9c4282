//! The background runtime: starts calls and demos, hands out their snapshots. The window and the subcommands share it.

use std::{io, sync::Arc};

use floe_call::{Call, CallConfig};
use floe_transport::{Network, SystemNetwork};

/// The background runtime. Dropping it ends every call.
pub struct Engine {
    runtime: tokio::runtime::Runtime,
}

impl Engine {
    /// Starts the runtime's threads.
    ///
    /// # Errors
    /// When the system refuses threads.
    pub fn start() -> io::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("floe").enable_all().build()?;
        Ok(Self { runtime })
    }

    /// Begins a call over the system's network: gathering starts at once.
    pub fn call(&self, config: CallConfig) -> Call {
        self.call_over(config, Arc::new(SystemNetwork::new()))
    }

    /// Begins a call over a given network.
    pub fn call_over(&self, config: CallConfig, network: Arc<dyn Network>) -> Call {
        let _in_runtime = self.runtime.enter();
        Call::start(config, network)
    }

    /// The runtime, for subcommands that wait.
    pub fn runtime(&self) -> &tokio::runtime::Runtime {
        &self.runtime
    }

    /// Ends the runtime without waiting for threads that are stuck in a read.
    pub fn shut_down(self) {
        self.runtime.shutdown_background();
    }
}
