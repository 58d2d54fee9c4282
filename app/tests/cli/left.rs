//! Readers that leave before everything is said (`floe report FILE | head -1`) end nothing badly.

use std::{io::Read as _, process::Stdio};

use crate::program::floe;

/// Runs the program with a reader of both its outputs that reads nothing.
fn unheard(arguments: &[&str]) -> Option<i32> {
    let mut child = floe(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    child.wait().unwrap().code()
}

#[test]
fn results_that_nobody_reads_to_the_end_are_no_trouble() {
    assert_eq!(unheard(&["code", "ICE-0000"]), Some(0));
    assert_eq!(unheard(&["probe", "--scenario", "lan"]), Some(0));
    assert_eq!(unheard(&["probe", "--scenario", "lan", "--json"]), Some(0));
    assert_eq!(unheard(&["report", "no such file"]), Some(2));
}

#[test]
fn a_complaint_is_heard_when_the_result_is_not() {
    let mut child = floe(&["report", "no such file"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut heard = String::new();
    child.stderr.take().unwrap().read_to_string(&mut heard).unwrap();
    assert!(heard.contains("cannot open no such file"), "{heard}");
    child.wait().unwrap();
}
