//! The rule about packets on a TCP connection: their lengths fit what they hold.

use std::net::SocketAddr;

use floe_wire::note::FramingFault;

use super::{LintFinding, LintRule, Linter, Place, Side, report};

const FRAMING: LintRule = LintRule { name: "framing", section: "RFC 4571 section 2" };

/// All of them.
pub(super) const RULES: &[LintRule] = &[FRAMING];

impl Linter {
    /// Takes what was found where frames are read, which records hold without their lengths.
    pub(crate) fn on_framing(
        findings: &mut Vec<LintFinding>,
        place: Place,
        outbound: bool,
        fault: FramingFault,
        remote: SocketAddr,
    ) {
        report(findings, FRAMING, Side::sender(outbound), place, || match fault {
            FramingFault::OutOfStep => format!("a frame on the connection with {remote} holds no packet of RFC 7983"),
            FramingFault::CutShort => format!("the connection with {remote} ended in the middle of a frame"),
        });
    }
}
