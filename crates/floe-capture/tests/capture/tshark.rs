//! tshark as a second opinion.

use std::{fs, path::PathBuf, process::Command};

/// Runs a test's closure with tshark. Without tshark the test says so by name, and fails where CI has to have it.
pub fn with_tshark(test: &str, run: impl FnOnce(Tshark)) {
    if Command::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return run(Tshark { test: test.to_owned() });
    }
    assert!(std::env::var_os("CI").is_none(), "{test} needs tshark, which `cargo xtask test` installs");
    eprintln!("{test} did not run: tshark is not installed");
}

/// Reads files with tshark.
pub struct Tshark {
    test: String,
}

impl Tshark {
    /// Writes a capture where tshark can read it.
    pub fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.pcapng", self.test));
        fs::write(&path, bytes).unwrap();
        path
    }

    /// What tshark prints for the file; it has nothing to complain about.
    pub fn read(&self, file: &PathBuf, arguments: &[&str]) -> Vec<String> {
        let mut command = Command::new("tshark");
        // Its own settings only, no names looked up, RTP recognised by what it looks like.
        command.args(["-n", "-C", "Default", "--enable-heuristic", "rtp_udp", "-r"]).arg(file).args(arguments);
        // A home of each test's own: two tsharks that make their settings' folder at once trip over each other.
        let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-home", self.test));
        fs::create_dir_all(&home).unwrap();
        let output = command.env("HOME", home).output().unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        let complaints: Vec<_> = complaints.lines().filter(|line| !line.contains("as user \"root\"")).collect();
        assert!(output.status.success() && complaints.is_empty(), "{complaints:?}");
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// The values of fields, one line per packet.
    pub fn fields(&self, file: &PathBuf, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
        let mut arguments = vec!["-Y", filter, "-T", "fields"];
        for field in fields {
            arguments.extend(["-e", field]);
        }
        let lines = self.read(file, &arguments);
        lines.iter().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }
}
