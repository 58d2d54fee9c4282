//! Runs a test in namespaces of its own.

use std::{
    any::type_name,
    env, fs,
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::PathBuf,
    process::{Command, id},
};

/// Set in the copy of the test that runs inside: a file it creates to show that it ran.
const INSIDE: &str = "FLOE_NETLAB_INSIDE";
/// A folder to keep the files of a lab in, for whoever wants to look at them.
const KEEP: &str = "FLOE_NETLAB_KEEP";
/// Niceness: below zero is before others.
const PRIORITY: &str = "-10";
/// The programs a lab is made of.
const TOOLS: &[&str] = &["nice", "unshare", "nsenter", "mount", "ip", "nft", "ss"];

/// Runs `body` in fresh namespaces: the test's own executable is started again under `unshare`, for this test only.
///
/// Where that is impossible the test says so by name; under continuous integration (`CI=true`) it fails.
///
/// # Panics
/// When the test fails inside.
pub fn isolated<F: FnOnce()>(body: F) {
    let test = test_name::<F>();
    if let Some(witness) = env::var_os(INSIDE) {
        fs::write(witness, test).expect("the witness can be written");
        mount_private_run();
        let outcome = catch_unwind(AssertUnwindSafe(body));
        if let Some(folder) = env::var_os(KEEP) {
            crate::lab::keep_files(folder.as_ref()).expect("the files can be kept");
        }
        if let Err(panic) = outcome {
            // What the calls recorded is gone with the namespaces.
            crate::call::tell_records();
            resume_unwind(panic);
        }
        return;
    }
    match obstacle() {
        Some(obstacle) => cannot_run(test, &obstacle),
        None => run_inside(test),
    }
}

/// `calls::two_calls_connect::{{closure}}` → `two_calls_connect`, the name the test runner knows.
fn test_name<F>() -> &'static str {
    let path = type_name::<F>();
    let path = path.split_once("::").map_or(path, |(_crate, rest)| rest);
    path.split("::{{closure}}").next().unwrap_or(path)
}

/// Why namespaces cannot be had here; none when they can.
fn obstacle() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("network namespaces exist on Linux only".to_owned());
    }
    if let Some(tool) = TOOLS.iter().find(|tool| !crate::program::is_installed(tool)) {
        return Some(format!("`{tool}` is not installed (cargo xtask test installs it)"));
    }
    let probe = unshare().args(["ip", "link", "add", "type", "bridge"]).output();
    match probe {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("no namespaces here: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("unshare does not start: {error}")),
    }
}

/// `unshare` into everything a lab needs; when it dies, all inside die. Inside we are an ordinary user who may do
/// everything to these namespaces: root in a user namespace is worse off, because tcpdump would try to become somebody
/// else, and there is nobody else.
///
/// Calls are timed inside, so they go before other work where the system allows it; where not, `nice` only says so.
fn unshare() -> Command {
    let mut command = Command::new("nice");
    command.args(["-n", PRIORITY, "unshare"]);
    command.args(["--user", "--map-user=1000", "--map-group=1000", "--keep-caps"]);
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
    command
}

fn cannot_run(test: &str, obstacle: &str) {
    let is_ci = env::var_os("CI").is_some_and(|value| value == "true" || value == "1");
    assert!(!is_ci, "{test} cannot run: {obstacle}");
    // Not `eprintln`: the test harness would swallow it with the output of a test that passes.
    writeln!(std::io::stderr(), "CANNOT RUN {test}: {obstacle}").expect("stderr is open");
}

fn run_inside(test: &str) {
    let witness = witness(test);
    let status = unshare()
        .arg(env::current_exe().expect("a test has an executable"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, &witness)
        .status()
        .expect("unshare started a moment ago");
    let ran = fs::remove_file(&witness).is_ok();
    assert!(ran, "the test harness found no test named {test}");
    assert!(status.success(), "{test} failed in its namespaces; its output is above");
}

fn witness(test: &str) -> PathBuf {
    env::temp_dir().join(format!("floe-netlab-{}-{test}", id()))
}

/// `ip netns` keeps its names in /run/netns; a /run of our own keeps them apart from everyone else's.
fn mount_private_run() {
    let mounted = Command::new("mount").args(["-t", "tmpfs", "tmpfs", "/run"]).status();
    assert!(mounted.is_ok_and(|status| status.success()), "cannot mount a private /run");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of<F: FnOnce()>(_body: F) -> &'static str {
        test_name::<F>()
    }

    #[test]
    fn a_test_knows_its_own_name() {
        assert_eq!(name_of(|| {}), "isolation::tests::a_test_knows_its_own_name");
    }

    #[test]
    fn the_machine_s_own_network_is_out_of_reach() {
        isolated(|| {
            let links = Command::new("ip").args(["-brief", "link"]).output().unwrap();

            assert_eq!(String::from_utf8_lossy(&links.stdout).lines().count(), 1, "only loopback is here");
            assert_eq!(id(), 1, "we are the first process of our process namespace");
        });
    }
}
