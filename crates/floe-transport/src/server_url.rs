//! STUN server URLs (RFC 7064), as people write them.

use std::net::Ipv6Addr;

use floe_wire::RelayProtocol;

/// The port STUN servers listen on (RFC 8489 section 18.6).
pub const DEFAULT_PORT: u16 = 3478;

/// The port for TLS (RFC 7064 section 3.2 with RFC 8489 section 18.6).
const DEFAULT_TLS_PORT: u16 = 5349;

/// A STUN server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    /// Host name or address literal, without brackets.
    pub host: String,
    /// UDP or TCP port.
    pub port: u16,
}

/// Why a text is not the URL of a STUN server; the sentences are shown to people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing was given.
    #[error("the server is empty; write it as stun:host or stun:host:port")]
    Empty,
    /// STUN over TLS, which tells nothing that a call could use.
    #[error("a call asks STUN servers over UDP only; use stun:host:port (`floe probe` tests stuns: too)")]
    Tls,
    /// A TURN server.
    #[error("this is a TURN server; name it as one, because it needs a user name and a password")]
    Turn,
    /// Not a STUN URL at all.
    #[error("this is not a STUN server; write it as stun:host or stun:host:port")]
    NotStun,
    /// A transport other than UDP was asked for.
    #[error("a call asks STUN servers over UDP and not {0}; leave out ?transport (`floe probe` tests it too)")]
    Transport(String),
    /// No host, or characters no host name has.
    #[error("the host name of the server is missing or wrong; write it as stun:host or stun:host:port")]
    Host,
    /// A port that is none.
    #[error("the port of the server is not a number from 1 to 65535")]
    Port,
}

impl ServerUrl {
    /// Reads `stun:host`, `stun:host:port` or `stun:[v6]:port`; slashes after the scheme are forgiven.
    ///
    /// # Errors
    /// A sentence that says what is wrong and how to write it. The text itself is not repeated: people paste
    /// passwords.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        match Self::parse_any(text)? {
            (url, RelayProtocol::Udp) => Ok(url),
            (_, RelayProtocol::Tcp) => Err(UrlError::Transport("TCP".to_owned())),
            (_, RelayProtocol::Tls) => Err(UrlError::Tls),
        }
    }

    /// As [`Self::parse`], and `stun:host?transport=tcp` and `stuns:host` too; tells how the server is asked.
    ///
    /// # Errors
    /// As there.
    pub fn parse_any(text: &str) -> Result<(Self, RelayProtocol), UrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        let (scheme, rest) = text.split_once(':').ok_or(UrlError::NotStun)?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "stun" => false,
            "stuns" => true,
            "turn" | "turns" => return Err(UrlError::Turn),
            _ => return Err(UrlError::NotStun),
        };
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let transport = transport(is_tls, query);
        let default = if is_tls { DEFAULT_TLS_PORT } else { DEFAULT_PORT };
        let (host, port) = split_port(address.strip_suffix('/').unwrap_or(address), default)?;
        if is_host(host) { Ok((Self { host: host.to_owned(), port }, transport)) } else { Err(UrlError::Host) }
    }
}

/// STUN URLs have no query (RFC 7064); people know it from TURN.
fn transport(is_tls: bool, query: &str) -> RelayProtocol {
    match query.to_ascii_lowercase().strip_prefix("transport=") {
        _ if is_tls => RelayProtocol::Tls,
        Some("tls") => RelayProtocol::Tls,
        Some("tcp") => RelayProtocol::Tcp,
        _ => RelayProtocol::Udp,
    }
}

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(crate) fn split_port(address: &str, default: u16) -> Result<(&str, u16), UrlError> {
    if let Some(bracketed) = address.strip_prefix('[') {
        let (host, after) = bracketed.split_once(']').ok_or(UrlError::Host)?;
        host.parse::<Ipv6Addr>().map_err(|_| UrlError::Host)?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, parse_port(port)?)),
            None if after.is_empty() => Ok((host, default)),
            None => Err(UrlError::Host),
        };
    }
    // An IPv6 literal without brackets has no port: which colon would begin it?
    if address.parse::<Ipv6Addr>().is_ok() {
        return Ok((address, default));
    }
    match address.split_once(':') {
        Some((host, port)) => Ok((host, parse_port(port)?)),
        None => Ok((address, default)),
    }
}

fn parse_port(text: &str) -> Result<u16, UrlError> {
    match text.parse() {
        Ok(0) | Err(_) => Err(UrlError::Port),
        Ok(port) => Ok(port),
    }
}

/// Host names of any script, dots, dashes; the resolver judges the rest.
pub(crate) fn is_host(host: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    host.parse::<Ipv6Addr>().is_ok() || (!host.is_empty() && host.len() <= 253 && host.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_the_ways_people_write_them() {
        for (text, host, port) in [
            ("stun:stun.example.org", "stun.example.org", 3478),
            ("stun:stun.example.org:19302", "stun.example.org", 19302),
            (" STUN://stun.example.org:3479/ ", "stun.example.org", 3479),
            ("stun:192.0.2.1:5", "192.0.2.1", 5),
            ("stun:[2001:db8::1]:3479", "2001:db8::1", 3479),
            ("stun:[2001:db8::1]", "2001:db8::1", 3478),
            ("stun:2001:db8::1", "2001:db8::1", 3478),
            ("stun:stun.example.org?transport=udp", "stun.example.org", 3478),
        ] {
            let url = ServerUrl::parse(text);
            assert_eq!(url, Ok(ServerUrl { host: host.to_owned(), port }), "{text}");
        }
    }

    #[test]
    fn a_probe_asks_over_tcp_and_tls_as_well() {
        for (text, port, transport) in [
            ("stun:host", 3478, RelayProtocol::Udp),
            ("stun:host?transport=TCP", 3478, RelayProtocol::Tcp),
            ("stuns:host", 5349, RelayProtocol::Tls),
            ("stuns:host:443?transport=tcp", 443, RelayProtocol::Tls),
        ] {
            let host = "host".to_owned();
            assert_eq!(ServerUrl::parse_any(text), Ok((ServerUrl { host, port }, transport)), "{text}");
        }
    }

    #[test]
    fn what_is_no_stun_server_is_told_by_name() {
        for (text, error) in [
            ("", UrlError::Empty),
            ("stun.example.org", UrlError::NotStun),
            ("https://example.org", UrlError::NotStun),
            ("stuns:stun.example.org", UrlError::Tls),
            ("turn:turn.example.org?transport=tcp", UrlError::Turn),
            ("TURNS:turn.example.org", UrlError::Turn),
            ("stun:host?transport=tcp", UrlError::Transport("TCP".to_owned())),
            ("stun:", UrlError::Host),
            ("stun::3478", UrlError::Host),
            ("stun:user@host", UrlError::Host),
            ("stun:[2001:db8::1", UrlError::Host),
            ("stun:[host]:1", UrlError::Host),
            ("stun:host:0", UrlError::Port),
            ("stun:host:65536", UrlError::Port),
            ("stun:host:", UrlError::Port),
        ] {
            assert_eq!(ServerUrl::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn the_sentence_for_turn_says_what_to_use() {
        let sentence = ServerUrl::parse("turn:host").unwrap_err().to_string();
        assert_eq!(sentence, "this is a TURN server; name it as one, because it needs a user name and a password");
    }

    #[test]
    fn no_sentence_repeats_what_was_pasted() {
        let sentence = ServerUrl::parse("stun:alice:hunter2@host").unwrap_err().to_string();
        assert!(!sentence.contains("hunter2"), "{sentence}");
    }
}
