//! What became of the packets of a simulated network.

/// Counts of packets, datagrams and segments of TCP alike, since the network was made. Every one sent ends in exactly
/// one of the other counts, or is still under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Handed to the network by a socket.
    pub sent: u64,
    /// Put into a socket's queue, or given to a host's TCP.
    pub delivered: u64,
    /// Lost by a link's loss rate.
    pub lost: u64,
    /// Dropped by a link's full queue, or because too much was under way.
    pub congested: u64,
    /// Dropped because a link was down.
    pub link_down: u64,
    /// Dropped by a NAT or a stateful firewall that did not expect them.
    pub filtered: u64,
    /// Dropped by a firewall that blocks UDP.
    pub blocked: u64,
    /// Dropped because nobody knew the way.
    pub unroutable: u64,
    /// Arrived where no socket was bound.
    pub unclaimed: u64,
    /// Arrived at a socket whose queue was full.
    pub overrun: u64,
}

/// Why a datagram did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    Lost,
    Congested,
    LinkDown,
    Filtered,
    Blocked,
    Unroutable,
    Unclaimed,
    Overrun,
}

impl Counters {
    pub(crate) fn count(&mut self, loss: Loss) {
        let counter = match loss {
            Loss::Lost => &mut self.lost,
            Loss::Congested => &mut self.congested,
            Loss::LinkDown => &mut self.link_down,
            Loss::Filtered => &mut self.filtered,
            Loss::Blocked => &mut self.blocked,
            Loss::Unroutable => &mut self.unroutable,
            Loss::Unclaimed => &mut self.unclaimed,
            Loss::Overrun => &mut self.overrun,
        };
        *counter += 1;
    }
}
