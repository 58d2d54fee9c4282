//! Pipes in place of files: nobody writes into them, and nobody waits for that.
#![cfg(unix)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Folder, floe};

/// A program that is still there after this time waits for a writer.
const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(20);

/// What the program says, unless it waits.
fn told(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = floe(arguments);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{arguments:?} waits for somebody to write");
        }
        std::thread::sleep(GLANCE);
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_pipe_is_refused_wherever_a_file_is_read() {
    let folder = Folder::new("pipes");
    let (pipe, call) = (folder.path("pipe"), folder.file("call.floe", crate::bad_files::RECORD));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (pipe, call) = (pipe.to_str().unwrap(), call.to_str().unwrap());
    for arguments in [&["report", pipe][..], &["open", pipe], &["report", call, "--side", pipe]] {
        let (status, errors) = told(arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains("this is a pipe or a device, not a file"), "{arguments:?}: {errors}");
    }
}
