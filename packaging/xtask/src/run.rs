//! Runs other programs: shown before they start, and an error when they fail.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

/// The folder of the workspace, wherever xtask was started from.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("xtask lies two folders below the root").into()
}

/// The folder cargo builds into.
pub fn target_directory() -> Result<PathBuf> {
    let metadata = metadata()?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
    Ok(folder.into())
}

/// What `cargo metadata` says about the workspace's own packages; nothing is downloaded for it.
pub fn metadata() -> Result<serde_json::Value> {
    let text = output(&mut cargo(&["metadata", "--format-version=1", "--no-deps"]))?;
    serde_json::from_str(&text).context("cargo metadata is not JSON")
}

/// `cargo`, the one that runs us, in the workspace's folder.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace());
    command
}

/// Shows the command, runs it to its end and fails when it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    ensure!(status.success(), "`{}` ended with {status}", shown(command));
    Ok(())
}

/// Shows the command, runs it to its end and says how it ended.
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    eprintln!("\n$ {}", shown(command));
    command.status().with_context(|| format!("cannot start `{}`", shown(command)))
}

/// What the command prints; an error when it fails or is not there.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", shown(command)))?;
    ensure!(
        output.status.success(),
        "`{}` ended with {}: {}",
        shown(command),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether the command runs and succeeds; it says nothing.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether a program of this name is on the search path (or in `sbin`, which a user's path often lacks).
pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .any(|folder| folder.join(program).is_file() || folder.join(format!("{program}.exe")).is_file())
}

/// `4 min 5 s`, `12 s`.
pub fn shown_duration(duration: Duration) -> String {
    match (duration.as_secs() / 60, duration.as_secs() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// The command as a person would type it.
fn shown(command: &Command) -> String {
    let environment = command
        .get_envs()
        .filter_map(|(key, value)| Some(format!("{}={}", key.to_string_lossy(), value?.to_string_lossy())));
    let program = Path::new(command.get_program()).file_stem().unwrap_or(command.get_program());
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    environment.chain([program.to_string_lossy().into_owned()]).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_is_an_error_that_names_it() {
        let error = run(&mut cargo(&["no-such-command-of-cargo"])).unwrap_err();

        assert!(error.to_string().contains("cargo no-such-command-of-cargo"), "{error}");
    }

    #[test]
    fn a_command_that_is_missing_is_an_error_that_names_it() {
        let error = output(&mut Command::new("no-such-program-anywhere")).unwrap_err();

        assert!(error.to_string().contains("no-such-program-anywhere"), "{error}");
    }

    #[test]
    fn the_workspace_is_the_folder_of_the_lock_file() {
        assert!(workspace().join("Cargo.lock").is_file());
    }

    #[test]
    fn a_program_is_found_on_the_path_and_one_that_is_not_there_is_not() {
        assert!(on_path("cargo"));
        assert!(!on_path("no-such-program-anywhere"));
    }
}
