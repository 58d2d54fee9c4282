//! The receiver on simulated networks, in virtual time.
