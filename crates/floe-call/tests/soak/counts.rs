//! What is in use: bytes and allocations of the whole program, tasks of the runtime, sockets of the simulated network.

use std::{alloc::System, fmt};

use floe_simnet::{Side, World};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::runtime::Handle;

use crate::line::Totals;

/// Counts what the program asks for; memory of the Opus library, which asks the C library, is not in it.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What is in use at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub bytes: usize,
    pub allocations: usize,
    pub tasks: usize,
    pub sockets: usize,
}

impl Counts {
    /// With the sockets of a world that is still there.
    pub fn of(world: &World) -> Self {
        let open = |side| world.open_sockets(side).expect("a simulated world");
        Self { sockets: open(Side::A) + open(Side::B), ..Self::without_sockets() }
    }

    pub fn without_sockets() -> Self {
        let stats = ALLOCATOR.stats();
        Self {
            bytes: live_bytes(),
            allocations: stats.allocations - stats.deallocations,
            tasks: Handle::current().metrics().num_alive_tasks(),
            sockets: 0,
        }
    }
}

/// Bytes in use.
pub fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub minute: u64,
    pub counts: Counts,
    pub line: Totals,
}

impl Row {
    pub const HEAD: &str = "minute  live kB  folds kB  copies kB  messages kB  rest kB  allocations  tasks  sockets  generation  record kB  gap ms";

    /// What is in use beside the folds of both records, of which the test has one more of the same size, the messages
    /// in them, and the copies of their pictures. All these are lists with bounds of their own, which an hour may not
    /// reach.
    pub fn rest(&self) -> usize {
        let Totals { folds, copies, messages, .. } = self.line;
        self.counts.bytes.saturating_sub(2 * folds + copies + messages)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { minute, counts: Counts { bytes, allocations, tasks, sockets }, line } = self;
        let [kb, folds, copies, messages, rest] =
            [*bytes, line.folds, line.copies, line.messages, self.rest()].map(|bytes| bytes / 1024);
        let record = line.record / 1024;
        let Totals { generation, gap, .. } = line;
        write!(
            f,
            "{minute:>6}  {kb:>7}  {folds:>8}  {copies:>9}  {messages:>11}  {rest:>7}  {allocations:>11}  {tasks:>5}  {sockets:>7}  {generation:>10}  {record:>9}  {:>6}",
            gap.as_millis()
        )
    }
}
