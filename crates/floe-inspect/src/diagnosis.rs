//! Why a call does not connect: rules over the picture, each with its evidence and one advised action.

use serde::Serialize;

use crate::Picture;

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The evidence allows other causes.
    Possible,
    /// Other causes are rare.
    Likely,
    /// The evidence is the cause.
    Certain,
}

impl Confidence {
    /// The word people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// One rule that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule: `C02`, `C12`, ….
    pub id: &'static str,
    /// How sure it is.
    pub confidence: Confidence,
    /// What was seen, in one sentence.
    pub evidence: String,
    /// What to do, in one sentence.
    pub advice: String,
}

/// Lists the rules that match, the most telling one first.
#[must_use]
pub fn diagnose(picture: &Picture) -> Vec<Finding> {
    let _ = picture;
    Vec::new()
}

/// The stable code of a failed call, `ICE-` and the evidence bits in hexadecimal; none while it runs or works.
#[must_use]
pub fn failure_code(picture: &Picture) -> Option<String> {
    let _ = picture;
    None
}
