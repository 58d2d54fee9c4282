//! Runs the program, with a folder for each test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// A program that reads a small file for longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that belongs to one test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(test: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file with these bytes.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the program did with its arguments.
#[derive(Debug)]
pub struct Run {
    pub status: Option<i32>,
    pub out: String,
    pub errors: String,
}

/// The program, without a display.
pub fn floe(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
    command.args(arguments).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("FLOE_LOG");
    command
}

/// Runs the program to its end; it may neither hang nor panic.
pub fn run(arguments: &[&str]) -> Run {
    let start = Instant::now();
    let Output { status, stdout, stderr } = floe(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(start.elapsed() < PATIENCE, "{arguments:?} took {:?}", start.elapsed());
    let [out, errors] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    Run { status: status.code(), out, errors }
}

/// `floe report FILE`.
pub fn report(file: &Path) -> Run {
    run(&["report", file.to_str().unwrap()])
}
