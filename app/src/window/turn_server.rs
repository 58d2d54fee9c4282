//! A TURN server as the user named it. Its password is kept in the settings file only when the user asks for that.

use std::fmt;

use floe_transport::relay::{Credentials, TurnAccess, TurnUrlError};
use serde::{Deserialize, Serialize};

/// A TURN server as the user named it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TurnServer {
    /// `turn:host[:port][?transport=tcp]` or `turns:host[:port]`.
    pub url: String,
    /// The user name.
    pub user: String,
    /// The password.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub password: String,
    /// Whether the password may stand in the settings file.
    pub is_remembered: bool,
}

impl TurnServer {
    /// As a call takes it.
    #[must_use]
    pub fn to_call(&self) -> TurnAccess {
        TurnAccess { url: self.url.trim().to_owned(), credentials: self.credentials() }
    }

    fn credentials(&self) -> Option<Credentials> {
        let is_given = !self.user.is_empty() && !self.password.is_empty();
        is_given.then(|| Credentials::new(&self.user, &self.password))
    }

    /// What is wrong with it.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn check(&self) -> Result<(), TurnUrlError> {
        self.to_call().read().map(drop)
    }

    /// Whether nothing was typed.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.url.trim().is_empty()
    }

    /// The server with a user name and a password that stood in its URL in their own places: a URL is shown, and kept.
    #[must_use]
    pub fn untangled(mut self) -> Self {
        if let Ok((url, credentials)) = self.to_call().read() {
            self.url = url.to_string();
            self.user = credentials.user;
            self.password = credentials.password;
        }
        self
    }

    /// As it may be written to a file.
    #[must_use]
    pub fn for_file(&self) -> Self {
        let password = if self.is_remembered { self.password.clone() } else { String::new() };
        Self { password, ..self.clone() }
    }
}

impl fmt::Debug for TurnServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnServer").field("url", &self.to_call().shown()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> TurnServer {
        TurnServer {
            url: "turn:turn.example.org".to_owned(),
            user: "alice".to_owned(),
            password: "hunter2".to_owned(),
            is_remembered: false,
        }
    }

    #[test]
    fn a_password_reaches_the_file_only_when_it_shall_be_remembered() {
        let written = |server: &TurnServer| serde_json::to_string(&server.for_file()).unwrap();
        assert!(!written(&server()).contains("hunter2"));
        assert!(written(&TurnServer { is_remembered: true, ..server() }).contains("hunter2"));
    }

    #[test]
    fn a_password_in_the_url_moves_out_of_it() {
        let tangled = TurnServer {
            url: "turn:bob:s3cret@turn.example.org:3478?transport=tcp".to_owned(),
            ..TurnServer::default()
        };
        let server = tangled.untangled();
        assert!(!server.url.contains("s3cret") && server.url.contains("turn.example.org"), "{}", server.url);
        assert_eq!((server.user.as_str(), server.password.as_str()), ("bob", "s3cret"));
    }

    #[test]
    fn debug_output_does_not_show_the_password() {
        let tangled = TurnServer { url: "turn:bob:s3cret@turn.example.org".to_owned(), ..server() };
        let shown = format!("{tangled:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_server_without_a_password_is_refused_with_a_sentence() {
        let error = TurnServer { password: String::new(), ..server() }.check().unwrap_err();
        assert!(error.to_string().contains("password"));
        assert_eq!(server().check(), Ok(()));
    }
}
