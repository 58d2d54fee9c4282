//! The report of a probe in words.

use floe_wire::InterfaceKind;

use super::report::{AddressReport, NatReport, ProbeReport, Reach, ServerReport};

pub(super) fn lines(report: &ProbeReport) -> Vec<String> {
    let mut lines = vec!["Interfaces".to_owned()];
    lines.extend(report.interfaces_error.iter().map(|error| format!("  {error}")));
    if report.interfaces.is_empty() {
        lines.push("  none is up with an address".to_owned());
    }
    for interface in &report.interfaces {
        let vpn = if interface.vpn { ", a VPN or another tunnel" } else { "" };
        lines.push(format!("  {} ({}{vpn})", interface.name, kind(interface.kind)));
        lines.extend(interface.addresses.iter().map(|address| format!("    {}", address_line(address))));
    }
    lines.push("Servers".to_owned());
    if report.servers.is_empty() {
        lines.push("  none was named, so nothing outside was asked; name one with --stun".to_owned());
    }
    lines.extend(report.servers.iter().flat_map(server_lines));
    lines.push("NAT".to_owned());
    lines.extend(nat_lines(&report.nat));
    lines.extend(report.web.iter().map(|web| format!("Web: {}", web.words())));
    lines.push(format!("IPv6: {} ({})", report.ipv6.state.name(), report.ipv6.why));
    lines.push("What a call can expect of a peer without IPv6".to_owned());
    for row in &report.forecast {
        lines.push(format!("  {}: {}", row.peer.name(), row.outlook_words()));
        lines.push(format!("    {}", row.without_relay.why));
    }
    lines
}

const fn kind(kind: InterfaceKind) -> &'static str {
    match kind {
        InterfaceKind::Ethernet => "cable",
        InterfaceKind::Wireless => "Wi-Fi",
        InterfaceKind::Cellular => "mobile",
        InterfaceKind::Tunnel => "tunnel",
        InterfaceKind::Loopback => "loopback",
        InterfaceKind::Unknown => "unknown kind",
    }
}

fn address_line(address: &AddressReport) -> String {
    let ip = address.address;
    match (&address.error, address.seen_as.as_slice()) {
        (Some(error), _) => format!("{ip} cannot be used: {error}"),
        (None, []) => ip.to_string(),
        (None, seen) => {
            let seen: Vec<String> = seen.iter().map(ToString::to_string).collect();
            format!("{ip} is seen as {}", seen.join(" and "))
        }
    }
}

fn server_lines(server: &ServerReport) -> Vec<String> {
    let ways = [("UDP", &server.udp), ("TCP", &server.tcp), ("TLS", &server.tls)];
    let asked = ways.into_iter().filter_map(|(way, reach)| Some(format!("    {way}: {}", reach_words(reach)?)));
    let relayed = server.relayed.map(|address| format!("    it relays for us at {}", address.ip()));
    std::iter::once(format!("  {}", server.url)).chain(asked).chain(relayed).collect()
}

fn reach_words(reach: &Reach) -> Option<String> {
    match (reach.rtt_ms, &reach.error) {
        (Some(rtt), _) => Some(format!("answers in {rtt:.1} ms")),
        (None, Some(error)) => Some(error.clone()),
        (None, None) => None,
    }
}

fn nat_lines(nat: &NatReport) -> Vec<String> {
    let mut lines =
        vec![format!("  mapping: {}", nat.mapping_words()), format!("  filtering: {}", nat.filtering_words())];
    if nat.carrier_grade {
        lines.push("  a second NAT stands behind the first (a carrier's, or another router)".to_owned());
    }
    lines
}
