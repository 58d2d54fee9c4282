//! What a probe found, as values for the window and as the JSON of `floe probe`.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use floe_wire::{InterfaceKind, NatFiltering, NatMapping, RelayProtocol};
use serde::Serialize;

use crate::web::{WebAnswer, WebPage};

use super::{Findings, ForecastRow, Ipv6Report, forecast, text, turn::TurnFindings};

/// What a probe found. What is not known is null and says why beside it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeReport {
    /// Version of the program.
    pub floe: &'static str,
    /// The interfaces that are up.
    pub interfaces: Vec<InterfaceReport>,
    /// Why interfaces could not be listed.
    pub interfaces_error: Option<String>,
    /// The servers, as they were named.
    pub servers: Vec<ServerReport>,
    /// The NAT in front of the address that it suits best.
    pub nat: NatReport,
    /// Whether web pages are led elsewhere; null when no page was named.
    pub web: Option<WebReport>,
    /// The state of IPv6.
    pub ipv6: Ipv6Report,
    /// What can be connected to.
    pub forecast: Vec<ForecastRow>,
}

/// What a web page was answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebReport {
    /// The page.
    pub url: String,
    /// The status of a host that answered for itself.
    pub status: Option<u16>,
    /// `true`: the answer is the one that the page is known to give; null where that is not known.
    pub is_known_page: Option<bool>,
    /// The host that the network leads to: people have to sign in there first.
    pub redirected_to: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
}

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterfaceReport {
    /// The system's name.
    pub name: String,
    /// The kind of link.
    pub kind: InterfaceKind,
    /// Whether it is a VPN or another tunnel.
    pub vpn: bool,
    /// Its addresses.
    pub addresses: Vec<AddressReport>,
}

/// One address of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressReport {
    /// The address.
    pub address: IpAddr,
    /// Why it cannot be used.
    pub error: Option<String>,
    /// What servers see of a socket there.
    pub seen_as: Vec<SocketAddr>,
    /// The NAT in front of it.
    pub nat: NatReport,
}

/// How a NAT behaves (RFC 4787).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NatReport {
    /// When a socket keeps its mapped address; null when not known.
    pub mapping: Option<&'static str>,
    /// What that means for a call, for people.
    #[serde(skip)]
    pub mapping_meaning: Option<&'static str>,
    /// Why the mapping is not known.
    pub mapping_unknown: Option<&'static str>,
    /// Who may send to a mapped address; null when not known.
    pub filtering: Option<&'static str>,
    /// What that means for a call, for people.
    #[serde(skip)]
    pub filtering_meaning: Option<&'static str>,
    /// Why the filtering is not known.
    pub filtering_unknown: Option<&'static str>,
    /// Whether a carrier's NAT or a second router stands behind the first; `false` says that no sign of it was seen.
    pub carrier_grade: bool,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerReport {
    /// URL as the user wrote it.
    pub url: String,
    /// Over UDP.
    pub udp: Reach,
    /// Over TCP, on the same port.
    pub tcp: Reach,
    /// Over TLS; asked of `turns:` and `stuns:` servers.
    pub tls: Reach,
    /// The relayed address that it gave, for a TURN server.
    pub relayed: Option<SocketAddr>,
}

/// Whether a server can be reached in one way.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reach {
    /// Whether it answered; null when it was not asked.
    pub ok: Option<bool>,
    /// The shortest round trip.
    pub rtt_ms: Option<f64>,
    /// What went wrong.
    pub error: Option<String>,
}

impl Reach {
    const NOT_ASKED: Self = Self { ok: None, rtt_ms: None, error: None };

    fn of<'a>(results: impl Iterator<Item = &'a Result<Duration, String>>) -> Self {
        let mut reach = Self::NOT_ASKED;
        for result in results {
            match result {
                Ok(rtt) => {
                    let rtt = rtt.as_micros() as f64 / 1e3;
                    let best = reach.rtt_ms.map_or(rtt, |best| best.min(rtt));
                    reach = Self { ok: Some(true), rtt_ms: Some(best), error: None };
                }
                Err(error) if reach.ok != Some(true) => reach = Self::failed(error.clone()),
                Err(_) => {}
            }
        }
        reach
    }

    const fn failed(error: String) -> Self {
        Self { ok: Some(false), rtt_ms: None, error: Some(error) }
    }
}

impl NatReport {
    fn of(mapping: NatMapping, filtering: NatFiltering, carrier_grade: bool) -> Self {
        let (mapping_unknown, filtering_unknown) = (mapping.unknown(), filtering.unknown());
        Self {
            mapping: mapping_unknown.is_none().then(|| mapping.name()),
            mapping_meaning: mapping.meaning(),
            mapping_unknown: mapping_unknown.map(floe_wire::NatUnknown::name),
            filtering: filtering_unknown.is_none().then(|| filtering.name()),
            filtering_meaning: filtering.meaning(),
            filtering_unknown: filtering_unknown.map(floe_wire::NatUnknown::name),
            carrier_grade,
        }
    }

    /// The mapping and what it means, or why it is not known.
    #[must_use]
    pub fn mapping_words(&self) -> String {
        words(self.mapping, self.mapping_meaning, self.mapping_unknown)
    }

    /// The filtering and what it means, or why it is not known.
    #[must_use]
    pub fn filtering_words(&self) -> String {
        words(self.filtering, self.filtering_meaning, self.filtering_unknown)
    }
}

fn words(known: Option<&str>, meaning: Option<&str>, unknown: Option<&str>) -> String {
    match (known, meaning) {
        (Some(known), Some(meaning)) => format!("{known}: {meaning}"),
        (Some(known), None) => known.to_owned(),
        (None, _) => format!("not known: {}", unknown.unwrap_or("not tested")),
    }
}

impl ProbeReport {
    /// The report for people, line by line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        text::lines(self)
    }

    /// Whether there is an address to call from, and a server answered where servers were named.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        let usable = |address: &AddressReport| address.error.is_none();
        let has_address = self.interfaces.iter().flat_map(|interface| &interface.addresses).any(usable);
        let answered = |server: &ServerReport| {
            [&server.udp, &server.tcp, &server.tls].into_iter().any(|reach| reach.ok == Some(true))
        };
        has_address && (self.servers.is_empty() || self.servers.iter().any(answered))
    }
}

/// Puts findings in order.
pub(super) fn write(findings: &Findings, ipv6: Ipv6Report) -> ProbeReport {
    let summary = findings.udp.summary;
    ProbeReport {
        floe: env!("CARGO_PKG_VERSION"),
        interfaces: findings.interfaces.iter().map(|interface| interface_report(findings, interface)).collect(),
        interfaces_error: findings.listing_error.clone(),
        servers: findings
            .servers
            .iter()
            .map(|server| server_report(findings, server))
            .chain(findings.turn.iter().map(turn_report))
            .collect(),
        nat: NatReport::of(summary.mapping, summary.filtering, summary.carrier_grade),
        web: findings.web.as_ref().map(web_report),
        ipv6,
        forecast: forecast::rows(findings),
    }
}

fn web_report((page, answer): &(WebPage, Result<WebAnswer, String>)) -> WebReport {
    let report =
        WebReport { url: page.to_string(), status: None, is_known_page: None, redirected_to: None, error: None };
    match answer {
        Ok(WebAnswer::Direct { status, is_known }) => {
            WebReport { status: Some(*status), is_known_page: is_known.then_some(true), ..report }
        }
        Ok(WebAnswer::Redirected { to }) => WebReport { redirected_to: Some(to.clone()), ..report },
        Err(error) => WebReport { error: Some(error.clone()), ..report },
    }
}

impl WebReport {
    /// What it means, in one sentence.
    #[must_use]
    pub fn words(&self) -> String {
        match (&self.redirected_to, &self.error) {
            (Some(to), _) => format!("this network leads web pages to {to}: sign in to it in a browser first"),
            (None, Some(error)) => format!("{} did not answer: {error}", self.url),
            (None, None) if self.is_known_page == Some(true) => {
                format!("{} answers for itself; nobody asks to sign in", self.url)
            }
            (None, None) => format!(
                "{} answers and leads nowhere else; whether the answer is its own is not known (name a page that exists for \
                 this, http://…/generate_204 for example)",
                self.url
            ),
        }
    }
}

fn interface_report(findings: &Findings, interface: &floe_wire::InterfaceInfo) -> InterfaceReport {
    let bases = findings.udp.bases.iter().filter(|base| base.interface == interface.name);
    let addresses = bases.map(|base| AddressReport {
        address: base.address,
        error: base.error.clone(),
        seen_as: base.mapped.clone(),
        nat: NatReport::of(base.verdict.mapping, base.verdict.filtering, base.is_behind_two),
    });
    InterfaceReport {
        name: interface.name.clone(),
        kind: interface.kind,
        vpn: interface.kind == InterfaceKind::Tunnel,
        addresses: addresses.collect(),
    }
}

fn server_report(findings: &Findings, server: &super::Server) -> ServerReport {
    let url = shown(&server.url);
    if let Err(error) = &server.addresses {
        let reach =
            |transport| if server.transport == transport { Reach::failed(error.clone()) } else { Reach::NOT_ASKED };
        let [udp, tcp, tls] = [RelayProtocol::Udp, RelayProtocol::Tcp, RelayProtocol::Tls].map(reach);
        return ServerReport { url, udp, tcp, tls, relayed: None };
    }
    let udp = findings.udp.answers.iter().filter(|answer| answer.url == server.url).map(|answer| &answer.result);
    let over = |is_tls| {
        let streams = findings.streams.iter().filter(move |answer| answer.url == server.url && answer.is_tls == is_tls);
        Reach::of(streams.map(|answer| &answer.result))
    };
    ServerReport { udp: Reach::of(udp), tcp: over(false), tls: over(true), url, relayed: None }
}

/// What stands before an `@` may be a password that somebody pasted.
fn shown(url: &str) -> String {
    if url.contains('@') {
        "a server whose URL is not shown, because it may hold a password".to_owned()
    } else {
        url.to_owned()
    }
}

fn turn_report(findings: &TurnFindings) -> ServerReport {
    let reach = |transport: RelayProtocol| {
        let ways = findings.ways.iter().filter(|way| way.transport == transport);
        let results: Vec<_> =
            ways.map(|way| way.result.as_ref().map(|answer| answer.rtt).map_err(Clone::clone)).collect();
        Reach::of(results.iter())
    };
    let url = findings.url.clone();
    let relayed = findings.ways.iter().find_map(|way| Some(way.result.as_ref().ok()?.relayed));
    let (mut udp, tcp, tls) = (reach(RelayProtocol::Udp), reach(RelayProtocol::Tcp), reach(RelayProtocol::Tls));
    if let Some(error) = &findings.error {
        udp = Reach::failed(error.clone());
    }
    ServerReport { url, udp, tcp, tls, relayed }
}
