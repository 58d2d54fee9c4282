//! Set-up, run, test, tidy, bench and package Floe.
fn main() {}
