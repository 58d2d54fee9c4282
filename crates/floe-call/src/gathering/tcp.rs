//! ICE-TCP bases of every interface address: one that dials, one that does both, and one for each port to listen on.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use floe_transport::{BrokenConnection, Inbound, Network, Tap, TcpBase};
use floe_wire::{BaseId, InterfaceInfo, Note, TcpType};
use tokio::sync::mpsc;

use super::any_base::AnyBase;
use crate::CallConfig;

/// What TCP bases are opened with.
pub(super) struct TcpOpener {
    network: Arc<dyn Network>,
    tap: Tap,
    inbound: mpsc::Sender<Inbound>,
    is_wanted: bool,
    /// Told of connections that end.
    watcher: mpsc::Sender<BrokenConnection>,
    /// Ports that a person chose.
    ports: Vec<u16>,
    /// Ports that the system chose for the first address. The others take the same if they can: one number in the
    /// code then does for all of them.
    chosen: [u16; 2],
}

impl TcpOpener {
    pub fn new(
        config: &CallConfig,
        network: &Arc<dyn Network>,
        tap: &Tap,
        inbound: &mpsc::Sender<Inbound>,
        watcher: mpsc::Sender<BrokenConnection>,
    ) -> Self {
        Self {
            watcher,
            network: Arc::clone(network),
            tap: tap.clone(),
            inbound: inbound.clone(),
            is_wanted: config.tcp && config.privacy.sends_directly(),
            ports: config.tcp_ports.clone(),
            chosen: [0; 2],
        }
    }

    /// Opens the bases of one address; a refusal is a note. Over loopback UDP always works, so it has none.
    pub fn open(&mut self, interface: &InterfaceInfo, ip: IpAddr, mut next_id: impl FnMut() -> BaseId) -> Vec<AnyBase> {
        if !self.is_wanted || ip.is_loopback() {
            return Vec::new();
        }
        let mut bases = Vec::new();
        let listening = [(TcpType::Passive, 0), (TcpType::SimultaneousOpen, 1)];
        for (tcp_type, slot) in listening {
            match self.listen(interface, ip, tcp_type, self.chosen[slot], &mut next_id) {
                Ok(base) => {
                    self.chosen[slot] = base.address().port();
                    bases.push(AnyBase::Tcp { base, tcp_type, place: 0 });
                }
                Err(error) => self.refused(interface, ip, &format!("no TCP port to listen on ({error})")),
            }
        }
        for (place, port) in (1..).zip(&self.ports) {
            let tcp_type = TcpType::Passive;
            match self.base(interface, (ip, *port).into(), tcp_type, next_id()) {
                Ok(base) => bases.push(AnyBase::Tcp { base, tcp_type, place }),
                Err(error) => self.refused(interface, ip, &refusal(*port, &error)),
            }
        }
        let tcp_type = TcpType::Active;
        match self.base(interface, (ip, 0).into(), tcp_type, next_id()) {
            Ok(base) => bases.push(AnyBase::Tcp { base, tcp_type, place: 0 }),
            Err(error) => self.refused(interface, ip, &error.to_string()),
        }
        bases
    }

    /// Listens on `port`, or on any other if that one is taken.
    fn listen(
        &self,
        interface: &InterfaceInfo,
        ip: IpAddr,
        tcp_type: TcpType,
        port: u16,
        next_id: &mut impl FnMut() -> BaseId,
    ) -> io::Result<TcpBase> {
        let id = next_id();
        match self.base(interface, (ip, port).into(), tcp_type, id) {
            Err(_) if port != 0 => self.base(interface, (ip, 0).into(), tcp_type, id),
            outcome => outcome,
        }
    }

    fn base(&self, interface: &InterfaceInfo, local: SocketAddr, tcp_type: TcpType, id: BaseId) -> io::Result<TcpBase> {
        let (interface, inbound) = (interface.clone(), self.inbound.clone());
        let base = TcpBase::open(&self.network, &self.tap, id, interface, local, tcp_type, inbound)?;
        base.watch(self.watcher.clone());
        Ok(base)
    }

    fn refused(&self, interface: &InterfaceInfo, address: IpAddr, error: &str) {
        let note = Note::BaseFailed { interface: interface.name.clone(), address, error: error.to_owned() };
        self.tap.note(note);
    }
}

/// Why a chosen port is not listened on, and what to do.
fn refusal(port: u16, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("TCP port {port} is not for ordinary users here; choose one above 1023 or ask an administrator")
        }
        io::ErrorKind::AddrInUse => format!("TCP port {port} is taken by another program"),
        _ => format!("TCP port {port}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_port_comes_with_advice() {
        let denied = refusal(443, &io::ErrorKind::PermissionDenied.into());
        assert!(denied.contains("443") && denied.contains("1023"), "{denied}");
        assert!(refusal(443, &io::ErrorKind::AddrInUse.into()).contains("another program"));
    }
}
