//! TURN server URLs (RFC 7065) and what is needed to use them.

use std::fmt;

use floe_wire::RelayProtocol;

use crate::server_url::{self, is_host, split_port};

/// The port for TLS (RFC 8656 section 18).
const DEFAULT_TLS_PORT: u16 = 5349;

/// A user name and its password (RFC 8489 section 9.2). Neither logs nor records show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Credentials {
    /// Keeps both.
    #[must_use]
    pub fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned() }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A TURN server. Its text form (`Display`) is the URL without user name and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnUrl {
    /// Host name or address literal, without brackets.
    pub host: String,
    /// UDP or TCP port.
    pub port: u16,
    /// How it is reached.
    pub transport: RelayProtocol,
}

/// Why a text is not the URL of a TURN server; the sentences are shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TurnUrlError {
    /// Nothing was given.
    #[error("the TURN server is empty; write it as turn:host or turns:host")]
    Empty,
    /// Not a TURN URL.
    #[error("this is not a TURN server; write it as turn:host, turn:host?transport=tcp or turns:host")]
    NotTurn,
    /// A transport that TURN does not have, or TLS over UDP.
    #[error("the transport of a TURN server is udp or tcp, and with turns: it is tcp")]
    Transport,
    /// No host, or characters no host name has.
    #[error("the host name of the TURN server is missing or wrong; write it as turn:host or turn:host:port")]
    Host,
    /// A port that is none.
    #[error("the port of the TURN server is not a number from 1 to 65535")]
    Port,
    /// Neither in the URL nor elsewhere.
    #[error("a TURN server needs a user name and a password")]
    NoCredentials,
}

/// A TURN server as people name it. What logs and records show of it is without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct TurnAccess {
    /// As [`TurnUrl::parse`] reads it.
    pub url: String,
    /// Used where the URL itself has none.
    pub credentials: Option<Credentials>,
}

impl TurnAccess {
    /// Reads the URL and finds the credentials.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn read(&self) -> Result<(TurnUrl, Credentials), TurnUrlError> {
        let (url, within) = TurnUrl::parse(&self.url)?;
        let credentials = within.or_else(|| self.credentials.clone());
        Ok((url, credentials.ok_or(TurnUrlError::NoCredentials)?))
    }

    /// What may be shown: the URL without user name and password. Where they are in one that cannot be read nobody knows.
    #[must_use]
    pub fn shown(&self) -> String {
        match TurnUrl::parse(&self.url) {
            Ok((url, _)) => url.to_string(),
            Err(_) => "turn:…".to_owned(),
        }
    }
}

impl fmt::Debug for TurnAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TurnAccess").field(&self.shown()).finish()
    }
}

impl TurnUrl {
    /// Reads `turn:host[:port][?transport=udp|tcp]` or `turns:host[:port]`, and `user:password@` before the host, which
    /// RFC 7065 does not have. Characters may be percent-encoded there; the last colon divides the two.
    ///
    /// # Errors
    /// A sentence that says what is wrong and how to write it. The text itself is not repeated: it may hold a password.
    pub fn parse(text: &str) -> Result<(Self, Option<Credentials>), TurnUrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TurnUrlError::Empty);
        }
        let (scheme, rest) = text.split_once(':').ok_or(TurnUrlError::NotTurn)?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "turn" => false,
            "turns" => true,
            _ => return Err(TurnUrlError::NotTurn),
        };
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((before, after)) => (Some(read_credentials(before)?), after),
            None => (None, rest),
        };
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let transport = read_transport(is_tls, query)?;
        let default = if is_tls { DEFAULT_TLS_PORT } else { server_url::DEFAULT_PORT };
        let split = split_port(address.strip_suffix('/').unwrap_or(address), default);
        let (host, port) = split.map_err(|error| match error {
            server_url::UrlError::Port => TurnUrlError::Port,
            _ => TurnUrlError::Host,
        })?;
        if !is_host(host) {
            return Err(TurnUrlError::Host);
        }
        Ok((Self { host: host.to_owned(), port, transport }, credentials))
    }
}

fn read_transport(is_tls: bool, query: &str) -> Result<RelayProtocol, TurnUrlError> {
    match (is_tls, query.to_ascii_lowercase().as_str()) {
        (false, "" | "transport=udp") => Ok(RelayProtocol::Udp),
        (false, "transport=tcp") => Ok(RelayProtocol::Tcp),
        (true, "" | "transport=tcp") => Ok(RelayProtocol::Tls),
        _ => Err(TurnUrlError::Transport),
    }
}

fn read_credentials(text: &str) -> Result<Credentials, TurnUrlError> {
    let (user, password) = text.rsplit_once(':').ok_or(TurnUrlError::NoCredentials)?;
    let credentials = Credentials { user: percent_decoded(user), password: percent_decoded(password) };
    if credentials.user.is_empty() { Err(TurnUrlError::NoCredentials) } else { Ok(credentials) }
}

/// Percent signs that encode nothing stand for themselves: people write passwords as they are.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (first, after) {
            (b'%', [high, low, after @ ..]) if hex(high).is_some() && hex(low).is_some() => {
                bytes.push(hex(high).unwrap_or_default() * 16 + hex(low).unwrap_or_default());
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl fmt::Display for TurnUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, transport } = self;
        let scheme = if *transport == RelayProtocol::Tls { "turns" } else { "turn" };
        let query = if *transport == RelayProtocol::Tcp { "?transport=tcp" } else { "" };
        if host.contains(':') {
            write!(f, "{scheme}:[{host}]:{port}{query}")
        } else {
            write!(f, "{scheme}:{host}:{port}{query}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_the_ways_people_write_them() {
        for (text, shown) in [
            ("turn:turn.example.org", "turn:turn.example.org:3478"),
            ("turn:turn.example.org:80?transport=TCP", "turn:turn.example.org:80?transport=tcp"),
            ("turns:turn.example.org", "turns:turn.example.org:5349"),
            ("TURNS://turn.example.org:443/?transport=tcp", "turns:turn.example.org:443"),
            ("turn:[2001:db8::1]:5?transport=udp", "turn:[2001:db8::1]:5"),
        ] {
            let (url, credentials) = TurnUrl::parse(text).unwrap();
            assert_eq!((url.to_string().as_str(), credentials), (shown, None), "{text}");
        }
    }

    #[test]
    fn credentials_are_taken_out_of_the_url_and_never_shown() {
        for (text, user, password) in [
            ("turn:alice:hunter2@host", "alice", "hunter2"),
            ("turn:1700000000:alice:c2VjcmV0/+=@host", "1700000000:alice", "c2VjcmV0/+="),
            ("turns:alice:p%40ss%3Aword@host", "alice", "p@ss:word"),
            ("turn:alice:50%off@host", "alice", "50%off"),
        ] {
            let (url, credentials) = TurnUrl::parse(text).unwrap();
            let credentials = credentials.unwrap();
            assert_eq!((credentials.user.as_str(), credentials.password.as_str()), (user, password), "{text}");
            assert!(!format!("{url} {credentials:?}").contains(password), "{text}");
        }
    }

    #[test]
    fn of_a_url_that_cannot_be_read_nothing_is_shown() {
        for url in ["turn:host:3478@alice:hunter2", "turn:alice:hunter2@host:0", "hunter2"] {
            let access = TurnAccess { url: url.to_owned(), credentials: None };
            assert_eq!(access.shown(), "turn:…");
            assert!(!format!("{access:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_is_no_turn_server_is_told_by_name() {
        for (text, error) in [
            ("", TurnUrlError::Empty),
            ("turn.example.org", TurnUrlError::NotTurn),
            ("stun:turn.example.org", TurnUrlError::NotTurn),
            ("turn:", TurnUrlError::Host),
            ("turn:host:0", TurnUrlError::Port),
            ("turn:host?transport=sctp", TurnUrlError::Transport),
            ("turns:host?transport=udp", TurnUrlError::Transport),
            ("turn:alice@host", TurnUrlError::NoCredentials),
        ] {
            assert_eq!(TurnUrl::parse(text), Err(error), "{text}");
        }
    }
}
