//! What a picture says, worked out once per picture instead of once per frame.

use floe_inspect::{
    Finding, Headline, PathFacts, Picture, diagnose,
    directions::{Directions, directions},
    failure_code, headline, path_facts,
};

/// What a picture says.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The one sentence.
    pub headline: Headline,
    /// The path to draw.
    pub path: PathFacts,
    /// Each direction by itself.
    pub directions: Directions,
    /// The rules that matched.
    pub findings: Vec<Finding>,
    /// The stable code of a failed call.
    pub failure_code: Option<String>,
}

impl Reading {
    /// Works out what a picture says.
    #[must_use]
    pub fn of(picture: &Picture) -> Self {
        Self {
            headline: headline(picture),
            path: path_facts(picture),
            directions: directions(picture),
            findings: diagnose(picture),
            failure_code: failure_code(picture),
        }
    }
}
