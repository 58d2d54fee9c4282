//! What Floe needs from the system, and its installation where that is possible.

use std::process::Command;

use anyhow::{Result, bail};

use crate::run::{on_path, run, succeeds};

/// A reason to need system packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// To compile: ALSA's headers, and CMake with a C compiler for Opus.
    Build,
    /// To open the window.
    Window,
    /// To run every test: virtual display and sound card, software rendering, namespaces with NAT and a STUN server.
    Tests,
}

impl Need {
    /// Debian's and Ubuntu's packages.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Build => &["libasound2-dev", "pkg-config", "cmake", "gcc", "g++", "make", "libc6-dev"],
            Self::Window => &[
                "libx11-6",
                "libx11-xcb1",
                "libxcursor1",
                "libxi6",
                "libxkbcommon-x11-0",
                "libgl1",
                "libegl1",
                "libgl1-mesa-dri",
                "libdbus-1-3",
            ],
            Self::Tests => &[
                "coturn",
                "dbus",
                "dbus-x11",
                "imagemagick",
                "iproute2",
                "libasound2-plugins",
                "mesa-vulkan-drivers",
                "nftables",
                "pulseaudio",
                "pulseaudio-utils",
                "tcpdump",
                "tshark",
                "util-linux",
                "xdotool",
                "xvfb",
            ],
        }
    }

    /// Programs without which the need cannot be met; the way to check a system that has no apt.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Build if cfg!(target_os = "linux") => &["pkg-config", "cmake", "cc"],
            Self::Build => &["cmake"],
            Self::Window => &[],
            Self::Tests if cfg!(target_os = "linux") => {
                &["turnserver", "nft", "ip", "unshare", "nsenter", "tcpdump", "tshark", "Xvfb", "pulseaudio"]
            }
            Self::Tests => &[],
        }
    }
}

/// Makes sure that everything for these needs is installed: by apt where it is at home and we may use it, else
/// says exactly what to install and goes on if the programs are there already.
pub fn ensure_installed(needs: &[Need]) -> Result<()> {
    if !on_path("dpkg-query") || !on_path("apt-get") {
        return ensure_programs(needs);
    }
    let missing = missing_packages(needs);
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("Missing system packages: {}", missing.join(" "));
    let Some(superuser) = superuser() else {
        let missing = missing.join(" ");
        bail!(
            "cannot install them without being root or having sudo; please run\n  apt-get install --no-install-recommends {missing}"
        );
    };
    keep_coturn_off(&missing, superuser)?;
    run(as_superuser(superuser, "apt-get").args(["update", "--quiet"]))?;
    run(as_superuser(superuser, "apt-get")
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(&missing))
}

/// Who may install packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Superuser {
    /// We are root.
    Ourselves,
    /// `sudo` makes us root, perhaps after asking for a password.
    Sudo,
}

fn superuser() -> Option<Superuser> {
    let id = crate::run::output(Command::new("id").arg("-u")).unwrap_or_default();
    if id.trim() == "0" { Some(Superuser::Ourselves) } else { on_path("sudo").then_some(Superuser::Sudo) }
}

/// `program` as root, asking no questions.
fn as_superuser(superuser: Superuser, program: &str) -> Command {
    let mut command = match superuser {
        Superuser::Ourselves => Command::new("env"),
        Superuser::Sudo => {
            let mut command = Command::new("sudo");
            command.arg("env");
            command
        }
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", program]);
    command
}

/// Debian starts a package's service when it is installed; tests start their own coturn in a namespace, and nobody
/// who runs tests wants a public STUN server on the real interfaces.
fn keep_coturn_off(missing: &[&str], superuser: Superuser) -> Result<()> {
    let systemd = std::path::Path::new("/run/systemd/system").is_dir();
    if systemd && missing.contains(&"coturn") {
        run(as_superuser(superuser, "systemctl").args(["mask", "coturn.service"]))?;
    }
    Ok(())
}

fn missing_packages(needs: &[Need]) -> Vec<&'static str> {
    let wanted = needs.iter().flat_map(|need| need.packages());
    wanted.copied().filter(|package| !is_installed(package)).collect()
}

fn is_installed(package: &str) -> bool {
    crate::run::output(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}\n", package]))
        .is_ok_and(|status| status.lines().any(|line| line == "installed"))
}

/// The way without apt: programs stand for packages.
fn ensure_programs(needs: &[Need]) -> Result<()> {
    let missing: Vec<_> = needs.iter().flat_map(|need| need.programs()).filter(|program| !on_path(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.iter().map(|program| program.to_string()).collect::<Vec<_>>().join(", ");
    let packages = needs.iter().flat_map(|need| need.packages()).copied().collect::<Vec<_>>().join(" ");
    bail!(
        "these programs are missing: {missing}.\n\
         On Linux, install what your distribution calls these Debian packages:\n  {packages}\n\
         On macOS: xcode-select --install && brew install cmake\n\
         On Windows: Visual Studio Build Tools with C++ and CMake"
    )
}

/// Makes sure that a component of the Rust toolchain is there (`rustfmt`, `clippy`).
pub fn ensure_component(component: &str, cargo_command: &str) -> Result<()> {
    if succeeds(&mut crate::run::cargo(&[cargo_command, "--version"])) {
        return Ok(());
    }
    eprintln!("{component} is not installed; adding it to the toolchain");
    run(Command::new("rustup").args(["component", "add", component]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_does_not_exist_counts_as_missing() {
        assert!(!is_installed("no-such-package-anywhere"));
    }

    #[test]
    fn every_need_is_listed_without_duplicates() {
        let all: Vec<_> = [Need::Build, Need::Window, Need::Tests].iter().flat_map(|need| need.packages()).collect();
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();

        assert_eq!(all.len(), distinct.len());
    }

    #[test]
    fn root_installs_without_sudo_and_nobody_is_asked_a_question() {
        let command = as_superuser(Superuser::Ourselves, "apt-get");

        assert_eq!(command.get_program(), "env");
        assert!(command.get_args().any(|argument| argument == "DEBIAN_FRONTEND=noninteractive"));
    }
}
