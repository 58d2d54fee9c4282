//! What a snapshot says, worked out once per snapshot instead of once per frame.

use floe_call::Snapshot;
use floe_inspect::{Finding, Headline, PathFacts, diagnose, failure_code, headline, path_facts};

/// What a snapshot says.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The one sentence.
    pub headline: Headline,
    /// The path to draw.
    pub path: PathFacts,
    /// The rules that matched.
    pub findings: Vec<Finding>,
    /// The stable code of a failed call.
    pub failure_code: Option<String>,
}

impl Reading {
    /// Works out what a snapshot says.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let picture = &snapshot.picture;
        Self {
            headline: headline(picture),
            path: path_facts(picture),
            findings: diagnose(picture),
            failure_code: failure_code(picture),
        }
    }
}
