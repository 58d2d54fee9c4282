//! The report: the JSON object that `--json` prints and a person can send.

use serde::Serialize;

use crate::Picture;

/// The report of a call; field names and units are those of W3C webrtc-stats where one exists.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Version of the program that wrote the record.
    pub floe: Option<String>,
}

impl Report {
    /// The report of what the picture shows.
    #[must_use]
    pub fn of(picture: &Picture) -> Self {
        Self { floe: picture.version.clone() }
    }
}
