//! Which rule is staged where; a rule without a stage has to say why.

use floe_inspect::{CodeBit, explain_code};

/// Where calls are put into the situation that a rule is about.
enum Stage {
    /// A test of this binary, named after the rule.
    Here,
    /// A test elsewhere that expects the rule; its source.
    Elsewhere(&'static str),
    /// Nowhere: a record has to do, for this reason.
    Record,
}

const LIVING: &str = include_str!("../living.rs");
const STEERING: &str = include_str!("../steering/quality.rs");
const LAB: &str = include_str!("../../../floe-netlab/tests/lab/trouble.rs");

fn stage(id: &str) -> Stage {
    match id {
        "C14" => Stage::Elsewhere(LAB),
        "C19" => Stage::Elsewhere(LIVING),
        "C27" => Stage::Elsewhere(STEERING),
        // It speaks of faults of the program, and a known one is mended and not staged.
        "C30" => Stage::Record,
        _ => Stage::Here,
    }
}

#[test]
fn every_rule_is_staged_on_a_real_call_or_says_why_not() {
    let here = [include_str!("checks.rs"), include_str!("healthy.rs"), include_str!("paths.rs")].concat();
    for CodeBit { id, .. } in explain_code("ICE-7FFFFFFF").expect("all bits are known") {
        match stage(id) {
            Stage::Here => {
                let name = id.to_lowercase();
                let is_staged = here.contains(&format!("fn {name}_")) || here.contains(&format!("_and_{name}_"));
                assert!(is_staged, "{id} is not staged");
            }
            Stage::Elsewhere(tests) => assert!(tests.contains(&format!("\"{id}\"")), "{id} is not expected there"),
            Stage::Record => {}
        }
    }
}
