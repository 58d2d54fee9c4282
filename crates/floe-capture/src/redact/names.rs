//! Names and addresses in notes, found by the keys they stand under and by what they look like.

use std::net::{IpAddr, SocketAddr};

use floe_wire::Note;
use serde_json::Value;

use super::pseudonyms::Pseudonyms;

/// Schemes of server addresses, as they stand before the host.
const SCHEMES: [&str; 6] = ["stun:", "stuns:", "turn:", "turns:", "http://", "https://"];

/// Remembers every name that stands under its own key, so that it is also found in sentences.
pub(super) fn learn(pseudonyms: &mut Pseudonyms, note: &Note) {
    match note {
        Note::InterfaceListed(interface) => {
            pseudonyms.interface(&interface.name);
        }
        Note::BaseOpened { interface, .. } | Note::BaseFailed { interface, .. } => {
            pseudonyms.interface(interface);
        }
        Note::LocalCredentials { ufrag, .. } | Note::RemoteCredentials { ufrag, .. } => {
            pseudonyms.ufrag(ufrag);
        }
        // Everything else is found by its key when its turn comes.
        _ => {}
    }
}

/// Rewrites every string of a note.
pub(super) fn redact(pseudonyms: &mut Pseudonyms, note: &mut Value) {
    walk(pseudonyms, "", "", note);
}

fn walk(pseudonyms: &mut Pseudonyms, parent: &str, key: &str, value: &mut Value) {
    match value {
        Value::String(text) => *text = rewrite(pseudonyms, parent, key, text),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(pseudonyms, parent, key, item)),
        Value::Object(fields) => {
            for (name, field) in fields {
                if name == "port" || name.ends_with("_port") {
                    let port = field.as_u64().and_then(|port| u16::try_from(port).ok());
                    if let Some(port) = port {
                        *field = pseudonyms.port(port).into();
                    }
                }
                walk(pseudonyms, key, name, field);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn rewrite(pseudonyms: &mut Pseudonyms, parent: &str, key: &str, text: &str) -> String {
    match key {
        "ufrag" => pseudonyms.ufrag(text),
        "interface" => pseudonyms.interface(text),
        "name" if parent == "InterfaceListed" => pseudonyms.interface(text),
        "foundation" => pseudonyms.other("f", text),
        "local_fingerprint" | "remote_fingerprint" => pseudonyms.other("fingerprint ", text),
        "sas" => pseudonyms.other("word", text),
        "version" | "dtls_version" | "srtp_cipher" | "cipher_suite" => text.to_owned(),
        _ => sentence(pseudonyms, text),
    }
}

/// Rewrites what looks like an address or a name in a text; a text that is one altogether as well.
fn sentence(pseudonyms: &mut Pseudonyms, text: &str) -> String {
    let is_between = |character: char| character.is_whitespace() || "\"'`()<>,;|{}".contains(character);
    let mut rewritten = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(is_between).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rewritten.push_str(&self::word(pseudonyms, word));
        let mut characters = after.chars();
        rewritten.extend(characters.next());
        rest = characters.as_str();
    }
    rewritten
}

fn word(pseudonyms: &mut Pseudonyms, word: &str) -> String {
    // What ends a sentence or a clause is no part of a name.
    let core = word.trim_end_matches(['.', ':', '!', '?']);
    let end = &word[core.len()..];
    let replaced = if let Some(scheme) = SCHEMES.iter().find(|scheme| core.starts_with(**scheme)) {
        Some(format!("{scheme}{}", authority(pseudonyms, &core[scheme.len()..])))
    } else {
        address(pseudonyms, core)
            .or_else(|| pseudonyms.known_interface(core))
            .or_else(|| pseudonyms.known_ufrag(core))
            .or_else(|| pseudonyms.known_host(core))
            .or_else(|| is_host_name(core).then(|| host_and_port(pseudonyms, core)))
    };
    replaced.map_or_else(|| word.to_owned(), |replaced| replaced + end)
}

/// What follows a scheme: host, port, parameters. Paths tell who somebody is and are cut off.
fn authority(pseudonyms: &mut Pseudonyms, text: &str) -> String {
    let (host, parameters) = text.split_at(text.find(['?', '/']).unwrap_or(text.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let parameters = if parameters.starts_with("?transport=") { parameters } else { "" };
    let host = address(pseudonyms, host).unwrap_or_else(|| host_and_port(pseudonyms, host));
    host + parameters
}

fn host_and_port(pseudonyms: &mut Pseudonyms, text: &str) -> String {
    match text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?))) {
        Some((host, port)) => format!("{}:{}", pseudonyms.host(host), pseudonyms.port(port)),
        None => pseudonyms.host(text),
    }
}

/// Rewrites `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1%2]:80` and `2001:db8::1%eth0`.
fn address(pseudonyms: &mut Pseudonyms, text: &str) -> Option<String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(pseudonyms.socket(address).to_string());
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let bare = bare.split('%').next().unwrap_or(bare);
    let address = bare.parse::<IpAddr>().ok()?;
    let pseudonym = pseudonyms.ip(address).to_string();
    Some(if text.starts_with('[') { format!("[{pseudonym}]") } else { pseudonym })
}

/// Whether a word looks like `stun.example.org` or `stun.example.org:3478`.
fn is_host_name(word: &str) -> bool {
    let host = word.rsplit_once(':').map_or(word, |(host, _)| host);
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty() && label.chars().all(|character| character.is_alphanumeric() || "-_".contains(character))
    };
    let ends_in_letters = labels.last().is_some_and(|last| last.len() >= 2 && last.chars().all(char::is_alphabetic));
    labels.len() >= 2 && labels.iter().all(is_label) && ends_in_letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_found_in_sentences() {
        let mut pseudonyms = Pseudonyms::new(1);
        pseudonyms.interface("wlan0");
        pseudonyms.ufrag("Ab3x");
        let text = "Cannot reach stun.example.org:3478 (93.184.216.34) from wlan0 [2a02::1]:80; Ab3x.";
        assert_eq!(
            sentence(&mut pseudonyms, text),
            "Cannot reach host1.example:3478 (198.18.0.1) from if1 [2001:db8::1]:80; uuu1."
        );
    }

    #[test]
    fn urls_keep_scheme_port_and_transport_only() {
        let mut pseudonyms = Pseudonyms::new(1);
        let mut redact = |text: &str| sentence(&mut pseudonyms, text);
        assert_eq!(redact("turn:turn.example.org:443?transport=tcp"), "turn:host1.example:443?transport=tcp");
        assert_eq!(redact("stun:93.184.216.34:3478"), "stun:198.18.0.1:3478");
        assert_eq!(redact("https://bob@portal.hotel.example/room/12?name=bob"), "https://host2.example");
        assert_eq!(redact("turns:turnserver"), "turns:host3.example");
    }

    #[test]
    fn ordinary_words_stay() {
        let mut pseudonyms = Pseudonyms::new(1);
        let text = "The socket's send buffer is full: DTLS 1.3, e.g. after 2.5 s; have-local-offer";
        assert_eq!(sentence(&mut pseudonyms, text), text);
    }
}
