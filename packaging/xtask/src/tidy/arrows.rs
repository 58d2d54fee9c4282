//! Which crate may use which: the table of the architecture as data, held against `cargo metadata`.

use anyhow::{Context, Result};
use serde_json::Value;

/// What a crate of ours may use of ours.
struct Allowed {
    /// The crate.
    name: &'static str,
    /// In the program.
    program: &'static [&'static str],
    /// Beyond that, in its tests only.
    tests: &'static [&'static str],
}

/// An arrow that is not here is forbidden. The vocabulary (`floe-wire`) is open to everyone above it.
const TABLE: &[Allowed] = &[
    Allowed { name: "floe-wire", program: &[], tests: &[] },
    Allowed { name: "floe-inspect", program: &["floe-wire"], tests: &[] },
    Allowed { name: "floe-capture", program: &["floe-wire"], tests: &["floe-inspect"] },
    Allowed { name: "floe-signal", program: &["floe-wire"], tests: &[] },
    Allowed { name: "floe-media", program: &["floe-wire"], tests: &[] },
    Allowed { name: "floe-secure", program: &["floe-wire"], tests: &[] },
    Allowed { name: "floe-transport", program: &["floe-wire"], tests: &["floe-simnet"] },
    Allowed { name: "floe-audio", program: &["floe-media"], tests: &[] },
    Allowed { name: "floe-path", program: &["floe-wire", "floe-transport"], tests: &["floe-simnet"] },
    Allowed {
        name: "floe-call",
        program: &[
            "floe-wire",
            "floe-inspect",
            "floe-signal",
            "floe-media",
            "floe-secure",
            "floe-transport",
            "floe-audio",
            "floe-path",
        ],
        tests: &["floe-simnet", "floe-capture"],
    },
    Allowed {
        name: "floe",
        // The vocabulary, because snapshots and pictures speak it; the system's network and the simulated one, because
        // the edge chooses which of the two a call gets; the list of sound devices, which people choose from before
        // there is a call.
        program: &[
            "floe-call",
            "floe-inspect",
            "floe-capture",
            "floe-signal",
            "floe-wire",
            "floe-transport",
            "floe-simnet",
            "floe-audio",
        ],
        tests: &["floe-media"],
    },
    Allowed { name: "floe-simnet", program: &["floe-wire", "floe-transport"], tests: &[] },
    Allowed { name: "floe-netlab", program: &[], tests: &[] },
    Allowed {
        name: "floe-bench",
        program: &["floe-call", "floe-inspect", "floe-path", "floe-simnet", "floe-transport", "floe-wire"],
        tests: &[],
    },
    Allowed { name: "xtask", program: &[], tests: &[] },
];

/// Crates that get time, randomness and bytes as parameters.
const PURE: &[&str] = &["floe-wire", "floe-inspect", "floe-capture", "floe-signal", "floe-media", "floe-secure"];

/// What no pure crate may name in its manifest: each brings a clock, a socket, a device or a screen.
const IMPURE_LIBRARIES: &[&str] =
    &["cpal", "eframe", "egui", "mio", "netdev", "rfd", "socket2", "tokio", "webrtc-ice", "webrtc-util"];

/// The ICE engine is one crate's secret; another one measures it by itself.
const ENGINE: &str = "webrtc-ice";
const ENGINE_OWNER: &str = "floe-path";
const ENGINE_RIVAL: &str = "floe-bench";

/// Every arrow that the table does not allow, as a sentence.
pub fn broken(metadata: &Value) -> Result<Vec<String>> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().context("a package without a name")?;
        let Some(allowed) = TABLE.iter().find(|allowed| allowed.name == name) else {
            findings.push(format!("{name} is not in the table of crates (packaging/xtask/src/tidy/arrows.rs)"));
            continue;
        };
        let dependencies = package["dependencies"].as_array().context("a package without dependencies")?;
        let arrows = dependencies.iter().filter_map(Arrow::read);
        findings.extend(arrows.filter_map(|arrow| arrow.objection(allowed, &names)));
    }
    Ok(findings)
}

/// A line under `[dependencies]`, `[build-dependencies]` or `[dev-dependencies]`.
struct Arrow<'a> {
    to: &'a str,
    in_tests: bool,
}

impl<'a> Arrow<'a> {
    fn read(dependency: &'a Value) -> Option<Self> {
        Some(Self { to: dependency["name"].as_str()?, in_tests: dependency["kind"] == "dev" })
    }

    /// Why this arrow must not be; none when it may.
    fn objection(&self, from: &Allowed, ours: &[&str]) -> Option<String> {
        let Self { to, in_tests } = *self;
        let Allowed { name, program, tests } = from;
        let is_allowed = program.contains(&to) || (in_tests && tests.contains(&to));
        if ours.contains(&to) && !is_allowed {
            let place = if in_tests { "in its tests " } else { "" };
            return Some(format!(
                "{name} must not use {to} {place}(the table is in packaging/xtask/src/tidy/arrows.rs)"
            ));
        }
        if !in_tests && PURE.contains(name) && IMPURE_LIBRARIES.contains(&to) {
            return Some(format!("{name} is pure and must not depend on {to}"));
        }
        (to == ENGINE && ![ENGINE_OWNER, ENGINE_RIVAL].contains(name))
            .then(|| format!("{name} must not use {to}; only {ENGINE_OWNER} does"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What tidy says about a workspace in which `from` depends on `to`.
    fn arrow(from: &str, to: &str, kind: Option<&str>) -> Vec<String> {
        let package = |name: &str, dependencies: Value| json!({ "name": name, "dependencies": dependencies });
        let mut packages = vec![package(from, json!([{ "name": to, "kind": kind }]))];
        if TABLE.iter().any(|allowed| allowed.name == to) {
            packages.push(package(to, json!([])));
        }
        broken(&json!({ "packages": packages })).unwrap()
    }

    #[test]
    fn arrows_of_the_table_are_allowed() {
        assert!(arrow("floe-inspect", "floe-wire", None).is_empty());
        assert!(arrow("floe-path", "webrtc-ice", None).is_empty());
        assert!(arrow("floe-call", "floe-simnet", Some("dev")).is_empty());
    }

    #[test]
    fn an_arrow_outside_the_table_is_found() {
        assert_eq!(arrow("floe-inspect", "floe-path", None).len(), 1);
        assert_eq!(arrow("floe-inspect", "floe-path", Some("dev")).len(), 1);
        assert_eq!(arrow("floe-netlab", "floe-wire", None).len(), 1);
    }

    #[test]
    fn an_arrow_for_tests_is_not_one_for_the_program() {
        assert_eq!(arrow("floe-call", "floe-simnet", None).len(), 1);
        assert_eq!(arrow("floe-call", "floe-simnet", Some("build")).len(), 1);
    }

    #[test]
    fn a_pure_crate_names_no_runtime_screen_engine_or_device() {
        for library in ["tokio", "egui", "webrtc-ice", "cpal"] {
            for pure in PURE {
                assert!(!arrow(pure, library, None).is_empty(), "{pure} -> {library}");
            }
        }
        assert!(arrow("floe-secure", "tokio", Some("dev")).is_empty());
    }

    #[test]
    fn the_engine_belongs_to_one_crate() {
        assert_eq!(arrow("floe-call", "webrtc-ice", None).len(), 1);
        assert_eq!(arrow("floe", "webrtc-ice", Some("dev")).len(), 1);
    }

    #[test]
    fn a_crate_that_nobody_placed_in_the_table_is_found() {
        assert_eq!(arrow("floe-extra", "anyhow", None).len(), 1);
    }

    #[test]
    fn no_arrow_of_the_table_points_upwards_in_a_circle() {
        fn reaches(from: &str, to: &str) -> bool {
            let direct = TABLE.iter().find(|allowed| allowed.name == from).expect("a crate of the table").program;
            direct.iter().any(|next| *next == to || reaches(next, to))
        }

        assert!(TABLE.iter().all(|allowed| !reaches(allowed.name, allowed.name)));
    }
}
