//! Codes that people paste, the signaling state machine and roles.
