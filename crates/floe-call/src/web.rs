//! Whether this network leads web pages elsewhere, as one does that wants people to sign in: one page that the user named
//! is asked for, over plain HTTP.
//!
//! Nothing is asked unless a page is named. A network that wants a sign-in leads it to another host, or answers in its
//! place: that shows only of pages whose contents are known, those that systems ask for to find out the same. Of any
//! other page only the header is read. An answer is trusted with nothing but the name of the host that it points to.

use std::{fmt, net::SocketAddr, time::Duration};

use floe_transport::{Network, TcpStream};
use floe_wire::{InterfaceInfo, Note};
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::probe::stream::source;

/// Name, connection and answer together: a portal answers at once, and a call does not wait for it.
const TIMEOUT: Duration = Duration::from_secs(8);
/// Longest answer that is read; headers of portals are a tenth of it, and pages with known contents are shorter.
const MAX_ANSWER: usize = 16 * 1024;
/// Fields of a header that are read.
const MAX_FIELDS: usize = 64;
/// Longest host name (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 253;
const MAX_PATH: usize = 1024;
/// "Network Authentication Required" (RFC 6585 section 6), which portals answer that know it.
const SIGN_IN: u16 = 511;
/// What stands in for the name of a host, where a portal answers in place of the page.
const IN_ITS_PLACE: &str = "a page of its own";
/// Pages that exist to be asked for, by the end of their path, and what they hold: those of Android and Chromium (two), of
/// Apple (two), Windows (two), Firefox (two) and NetworkManager.
const KNOWN_PAGES: [(&str, Contents); 9] = [
    ("/generate_204", Contents::Nothing),
    ("/gen_204", Contents::Nothing),
    ("/hotspot-detect.html", Contents::Text("Success")),
    ("/library/test/success.html", Contents::Text("Success")),
    ("/connecttest.txt", Contents::Text("Microsoft Connect Test")),
    ("/ncsi.txt", Contents::Text("Microsoft NCSI")),
    ("/success.txt", Contents::Text("success")),
    ("/canonical.html", Contents::Text("support.mozilla.org/kb/captive-portal")),
    ("/check_network_status.txt", Contents::Text("NetworkManager is online")),
];

/// What a page holds when nobody answers in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contents {
    /// No body, and status 204.
    Nothing,
    /// This text, in whatever is around it.
    Text(&'static str),
}

/// A page on the web, `http://host[:port][/path]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebPage {
    host: String,
    port: u16,
    path: String,
}

/// Why a text names no page that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WebPageError {
    /// TLS cannot be led elsewhere unseen, so that it would tell nothing.
    #[error("a network can only lead plain pages elsewhere; begin with http:// and not with https://")]
    Encrypted,
    /// Something else stands at its beginning.
    #[error("a web page begins with http://")]
    NoScheme,
    /// Credentials have no place here.
    #[error("leave out what stands before the @; it would be sent in the open")]
    Credentials,
    /// There is no host, or none that can be.
    #[error("there is no host name in it")]
    NoHost,
    /// The port is no number from 1 to 65535.
    #[error("its port is no number from 1 to 65535")]
    BadPort,
    /// Spaces and control characters would end the request.
    #[error("its path is too long or has characters that a path cannot have")]
    BadPath,
}

/// What a page was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebAnswer {
    /// The host that was asked answered for itself, as far as can be told.
    Direct {
        /// The status.
        status: u16,
        /// Whether the answer is the one that the page is known to give; else somebody may have answered in its place.
        is_known: bool,
    },
    /// Somebody answered that the page is elsewhere, on a host that has nothing to do with the one asked, or answered in
    /// its place.
    Redirected {
        /// The host, or what stands in for it.
        to: String,
    },
}

impl WebPage {
    /// Reads what the user wrote.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, WebPageError> {
        let text = text.trim();
        if strip_prefix_of(text, "https://").is_some() {
            return Err(WebPageError::Encrypted);
        }
        let rest = strip_prefix_of(text, "http://").ok_or(WebPageError::NoScheme)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(WebPageError::Credentials);
        }
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        if path.len() > MAX_PATH || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WebPageError::BadPath);
        }
        let (host, port) = split_port(authority);
        let port = match port {
            None => 80,
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(WebPageError::BadPort)?,
        };
        let host = host_name(host).ok_or(WebPageError::NoHost)?;
        Ok(Self { host, port, path })
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 80 { host } else { format!("{host}:{}", self.port) }
    }

    /// What is sent for it.
    fn request(&self) -> String {
        let (authority, path) = (self.authority(), &self.path);
        // No caches: an answer of yesterday would say nothing about this network.
        format!(
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: floe\r\nAccept: */*\r\nCache-Control: no-cache\r\n\
             Connection: close\r\n\r\n"
        )
    }

    /// What it is known to hold.
    fn contents(&self) -> Option<Contents> {
        let path = self.path.split('?').next().unwrap_or_default();
        KNOWN_PAGES.iter().find(|(end, _)| path.ends_with(end)).map(|(_, contents)| *contents)
    }

    /// What an answer says; none while too little of it is there. `is_whole`: no more will come.
    fn judge(&self, answer: &[u8], is_whole: bool) -> Result<Option<WebAnswer>, String> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let body = match response.parse(answer) {
            Ok(httparse::Status::Complete(header)) => answer.get(header..).unwrap_or_default(),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(format!("its answer is not HTTP ({error})")),
        };
        let status = response.code.unwrap_or_default();
        if status == SIGN_IN {
            return Ok(Some(WebAnswer::Redirected { to: "a page to sign in".to_owned() }));
        }
        let is_redirect = matches!(status, 301 | 302 | 303 | 307 | 308);
        let location = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case("location"));
        let host = location.filter(|_| is_redirect).and_then(|field| location_host(field.value));
        if let Some(to) = host.filter(|host| !is_related(host, &self.host)) {
            return Ok(Some(WebAnswer::Redirected { to }));
        }
        // A page that is broken at its own end says so with these.
        let is_trouble = status >= 400;
        let Some(contents) = self.contents().filter(|_| !is_trouble) else {
            return Ok(Some(WebAnswer::Direct { status, is_known: false }));
        };
        Ok(judge_contents(contents, (status, body), is_whole))
    }
}

impl fmt::Display for WebPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path)
    }
}

/// Whether a page holds what it is known to hold; none while that may still come.
fn judge_contents(contents: Contents, (status, body): (u16, &[u8]), is_whole: bool) -> Option<WebAnswer> {
    let holds = |text: &str| body.windows(text.len()).any(|part| part == text.as_bytes());
    let (is_as_known, is_decided) = match contents {
        // Some servers say 200 and send nothing, which no portal does.
        Contents::Nothing if status == 204 => (true, true),
        Contents::Nothing => (status == 200 && body.is_empty(), status != 200 || !body.is_empty()),
        Contents::Text(text) => (status == 200 && holds(text), status != 200 || holds(text)),
    };
    (is_decided || is_whole).then(|| match is_as_known {
        true => WebAnswer::Direct { status, is_known: true },
        false => WebAnswer::Redirected { to: IN_ITS_PLACE.to_owned() },
    })
}

/// Asks for a page.
///
/// # Errors
/// A sentence about why there is no answer.
pub async fn look(page: &WebPage, interfaces: &[InterfaceInfo], network: &dyn Network) -> Result<WebAnswer, String> {
    match tokio::time::timeout(TIMEOUT, ask(page, interfaces, network)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
    }
}

async fn ask(page: &WebPage, interfaces: &[InterfaceInfo], network: &dyn Network) -> Result<WebAnswer, String> {
    let addresses = network.resolve(&page.host, page.port).await;
    let addresses = addresses.map_err(|error| format!("its name does not resolve ({error})"))?;
    let ways = addresses.iter().filter_map(|remote| Some((source(interfaces, remote.is_ipv6())?, *remote)));
    let mut trouble = "no interface has an address of its family".to_owned();
    // One address of each family; a host with many would make a person wait.
    for is_ipv6 in [false, true] {
        let Some((local, remote)) = ways.clone().find(|(_, remote)| remote.is_ipv6() == is_ipv6) else { continue };
        match network.connect_tcp(SocketAddr::new(local, 0), remote).await {
            Ok(stream) => return read_answer(page, stream).await,
            Err(error) => trouble = format!("no TCP connection: {error}"),
        }
    }
    Err(trouble)
}

async fn read_answer(page: &WebPage, mut stream: Box<dyn TcpStream>) -> Result<WebAnswer, String> {
    stream.write_all(page.request().as_bytes()).await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    let mut chunk = [0; 2048];
    loop {
        let length = stream.read(&mut chunk).await.map_err(|error| error.to_string())?;
        answer.extend_from_slice(&chunk[..length]);
        let is_long = answer.len() >= MAX_ANSWER;
        if let Some(judged) = page.judge(&answer, length == 0 || is_long)? {
            return Ok(judged);
        }
        if length == 0 {
            return Err("its answer was cut off".to_owned());
        }
        if is_long {
            return Err("its answer has too long a header".to_owned());
        }
    }
}

/// What a call notes of an answer: only what says something about the network.
pub(crate) fn note_of(answer: Result<WebAnswer, String>) -> Option<Note> {
    match answer {
        Ok(WebAnswer::Redirected { to }) => Some(Note::WebRedirected { to }),
        Ok(WebAnswer::Direct { .. }) | Err(_) => None,
    }
}

fn strip_prefix_of<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// Host and port of an authority; brackets stand around an IPv6 address.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = authority.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

/// A name or address that can be shown and asked for; none for anything else.
fn host_name(text: &str) -> Option<String> {
    let text = text.trim_end_matches('.');
    let is_readable = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
    let is_name = !text.is_empty() && text.len() <= MAX_HOST && text.bytes().all(is_readable);
    is_name.then(|| text.to_ascii_lowercase())
}

/// The host that a Location leads to; none when it stays on the host that was asked, or cannot be read.
fn location_host(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let rest = ["http://", "https://", "//"].into_iter().find_map(|scheme| strip_prefix_of(text, scheme))?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host_name(split_port(authority).0)
}

/// Sites lead from one of their names to another (`example.org`, `www.example.org`).
fn is_related(one: &str, other: &str) -> bool {
    let is_below =
        |name: &str, site: &str| name.strip_suffix(site).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let site = |name: &str| name.strip_prefix("www.").unwrap_or(name).to_owned();
    let (one, other) = (site(one), site(other));
    is_below(&one, &other) || is_below(&other, &one)
}

#[cfg(test)]
mod tests;
