//! Two sessions against each other over a pipe of virtual time.
