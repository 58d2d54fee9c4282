//! Which rule is staged where and at which ends; a rule without a stage, or at one end only, has to say why.

use floe_inspect::{CodeBit, explain_code};

/// Where calls are put into the situation that a rule is about.
enum Stage {
    /// Tests of this binary, named after the rule.
    Here(Ends),
    /// A test elsewhere that expects the rule; its source.
    Elsewhere(&'static str, Ends),
    /// Nowhere: a record has to do, for this reason.
    Record(&'static str),
}

/// Which ends say it.
enum Ends {
    /// A test expects it at both ends of one call.
    Both,
    /// A test expects it at one end; the other one sees something else, for this reason.
    One(&'static str),
}

const LIVING: &str = include_str!("../living.rs");
const STEERING: &str = include_str!("../steering/quality.rs");
const LAB: &str = include_str!("../../../floe-netlab/tests/lab/trouble.rs");

fn stage(id: &str) -> Stage {
    use Ends::{Both, One};
    match id {
        "C14" => Stage::Elsewhere(LAB, Both),
        "C19" => {
            Stage::Elsewhere(LIVING, One("it is about the code of the end whose router forgot it, before any call"))
        }
        "C22" => {
            // "Nominated and not answered" needs a check that was answered and a nomination that was not. Every check
            // of this program nominates until something is chosen, so that only another program's capture can hold
            // that; the fold is tested on a record of it. The other half, ends on different pairs, is staged at both
            // ends.
            Stage::Here(Both)
        }
        "C23" => Stage::Here(One("whose large packets are lost sees small ones come back; the other end sees C28")),
        "C26" => {
            Stage::Here(One("the end that slept was idle; the one that was awake asked all the time, and says C31"))
        }
        "C27" => Stage::Elsewhere(STEERING, Both),
        "C30" => Stage::Record(
            "it is about what this program did not do. A network cannot make it leave checks unanswered, for its packets \
             are recorded before they meet the network, and media has no path that did not answer; \
             what else looked like it (an end that answers and does not check) is C13",
        ),
        _ => Stage::Here(Both),
    }
}

#[test]
fn every_rule_is_staged_on_a_real_call_or_says_why_not() {
    let sources =
        [include_str!("checks.rs"), include_str!("healthy.rs"), include_str!("paths.rs"), include_str!("relays.rs")];
    let tests: Vec<&str> = sources.iter().flat_map(|source| source.split("#[tokio::test")).collect();
    for CodeBit { id, .. } in explain_code("ICE-FFFFFFFF").expect("all bits are known") {
        match stage(id) {
            Stage::Here(ends) => {
                let name = id.to_lowercase();
                let is_about =
                    |test: &&&str| test.contains(&format!("fn {name}_")) || test.contains(&format!("_and_{name}_"));
                let staged: Vec<_> = tests.iter().filter(is_about).collect();
                assert!(!staged.is_empty(), "{id} is not staged");
                check_reason(id, &ends);
            }
            Stage::Elsewhere(tests, ends) => {
                assert!(tests.contains(&format!("\"{id}\"")), "{id} is not expected there");
                check_reason(id, &ends);
            }
            Stage::Record(reason) => assert!(reason.len() > 20, "{id} says why not"),
        }
    }
}

fn check_reason(id: &str, ends: &Ends) {
    if let Ends::One(reason) = ends {
        assert!(reason.len() > 20, "{id} says why the other end does not");
    }
}
