//! ICE generations over bases: agents, the gate, nomination, consent.
