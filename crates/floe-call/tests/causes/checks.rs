//! What keeps two computers from finding a path, staged on real calls.

use floe_call::{Privacy, web::WebPage};
use floe_simnet::web_server::redirect;
use floe_wire::stun::{Class, StunMessage};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn c01_the_own_code_is_said_until_the_right_one_comes() {
    let pair = Pair::start(Scenario::Lan);
    let (code_a, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    pair.a.send(Command::PasteCode(code_a.clone()));
    pair.b.send(Command::PasteCode(code_b.clone()));
    says_first(&pair.a, "C01").await;
    says_first(&pair.b, "C01").await;
    pair.a.send(Command::PasteCode(code_b));
    pair.b.send(Command::PasteCode(code_a));
    let pair = pair.connected().await;
    assert_eq!(ids(&pair.a.snapshot().picture), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn c02_an_older_code_at_one_end_is_named_at_both() {
    let pair = Pair::start(Scenario::Lan);
    let (code_a, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    let (mut older, _) = Code::decode(&code_a).expect("a code just made");
    older.ufrag = "older".to_owned();
    pair.b.send(Command::PasteCode(older.encode()));
    pair.a.send(Command::PasteCode(code_b));
    says_first(&pair.a, "C02").await;
    says_first(&pair.b, "C02").await;
    let advice = |call: &Call| diagnose(&call.snapshot().picture)[0].advice.clone();
    assert!(advice(&pair.a).contains("Send the code shown here"), "{}", advice(&pair.a));
    assert!(advice(&pair.b).contains("Ask the other side"), "{}", advice(&pair.b));
}

#[tokio::test(flavor = "multi_thread")]
async fn c04_no_interface_at_either_end() {
    let world = World::build(Scenario::Lan, 7).expect("the world can be built");
    let [a, b] = [&world.a, &world.b].map(|network| Meddler::before(network).hiding(|_| false).build());
    let pair = Pair::over(world, a, b, &[]);
    says_first(&pair.a, "C04").await;
    says_first(&pair.b, "C04").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c18_one_end_has_ipv4_only_and_the_other_ipv6_only() {
    let world = World::build(Scenario::DualStack, 7).expect("the world can be built");
    let a = Meddler::before(&world.a).hiding(|address| address.is_ipv4()).build();
    let b = Meddler::before(&world.b).hiding(|address| address.is_ipv6()).build();
    let pair = Pair::over(world, a, b, &[]).exchanged().await;
    says_first(&pair.a, "C18").await;
    says_first(&pair.b, "C18").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c06_a_firewall_that_refuses_everything_and_what_the_other_end_sees_of_it() {
    let pair = Pair::meddled(Scenario::Lan, |_, _| Fate::DENY).exchanged().await;
    says_first(&pair.a, "C06").await;
    says_first(&pair.b, "C13").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c06_a_firewall_that_refuses_everything_at_both_ends() {
    let pair = Pair::both_meddled(Scenario::Lan, |_, _| Fate::DENY).exchanged().await;
    says_first(&pair.a, "C06").await;
    says_first(&pair.b, "C06").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c07_udp_blocked_at_both_ends() {
    let world = World::build(Scenario::TwoNat, 7).expect("the world can be built");
    assert!(world.block_udp(Side::A, true) && world.block_udp(Side::B, true));
    let (a, b) = (Arc::clone(&world.a), Arc::clone(&world.b));
    let pair = Pair::over(world, a, b, &[]).exchanged().await;
    says_first(&pair.a, "C07").await;
    says_first(&pair.b, "C07").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c09_one_dead_server_is_named_and_the_call_connects() {
    let world = World::build(Scenario::TwoNat, 7).expect("the world can be built");
    let (a, b) = (Arc::clone(&world.a), Arc::clone(&world.b));
    let pair = Pair::over(world, a, b, &["stun:203.0.113.250:3478"]).exchanged().await.connected().await;
    for call in [&pair.a, &pair.b] {
        let snapshot = says(call, "C09").await;
        assert_eq!(ids(&snapshot.picture), ["C09"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c10_and_c11_two_symmetric_routers() {
    let pair = Pair::start(Scenario::SymmetricBoth).exchanged().await;
    for call in [&pair.a, &pair.b] {
        says_first(call, "C11").await;
        says(call, "C10").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c12_and_c13_checks_that_pass_one_way() {
    // To the servers, everything passes.
    let pair = Pair::meddled(Scenario::Lan, |datagram, _| if is_stun(datagram) { Fate::Lose } else { Fate::Pass });
    let pair = pair.exchanged().await;
    says_first(&pair.a, "C12").await;
    says_first(&pair.b, "C13").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c12_answers_that_neither_end_gets() {
    let lose = |datagram: &[u8], _| match StunMessage::decode(datagram) {
        Ok(message) if message.class == Class::Success => Fate::Lose,
        _ => Fate::Pass,
    };
    let pair = Pair::both_meddled(Scenario::Lan, lose).exchanged().await;
    says_first(&pair.a, "C12").await;
    says_first(&pair.b, "C12").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c13_the_other_end_answers_and_has_not_pasted_our_code() {
    let pair = Pair::start(Scenario::Lan);
    let (_, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    pair.a.send(Command::PasteCode(code_b));
    let snapshot = says_first(&pair.a, "C13").await;
    let advice = diagnose(&snapshot.picture).remove(0).advice;
    assert!(advice.contains("paste your newest code"), "{advice}");
    assert_eq!(ids(&pair.b.snapshot().picture), [] as [&str; 0], "nobody has asked b for anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn c13_nobody_is_checking_at_the_other_end() {
    let pair = Pair::start(Scenario::TwoNat);
    let (_, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    pair.a.send(Command::PasteCode(code_b));
    says_first(&pair.a, "C13").await;
    assert_eq!(ids(&pair.b.snapshot().picture), [] as [&str; 0], "nobody has asked b for anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn c16_everything_leaves_through_a_tunnel_that_carries_nothing() {
    let world = World::build(Scenario::OneNat, 7).expect("the world can be built");
    let network_a = Meddler::before(&world.a).judging(|_, _| Fate::Lose).through_a_tunnel().build();
    let network_b = Arc::clone(&world.b);
    let pair = Pair::over(world, network_a, network_b, &[]).exchanged().await;
    let finding = |picture: &Picture| diagnose(picture).into_iter().find(|finding| finding.id == "C16");
    let is_likely = |snapshot: &Snapshot| {
        finding(&snapshot.picture).is_some_and(|finding| finding.confidence == Confidence::Likely)
    };
    let snapshot = until(&pair.a, "the tunnel is named as the likely cause", is_likely).await;
    let evidence = finding(&snapshot.picture).map(|finding| finding.evidence).unwrap_or_default();
    assert!(evidence.starts_with("everything leaves through the tunnel "), "{evidence}");
    // The other end cannot know of it.
    says(&pair.b, "C13").await;
    assert!(!ids(&pair.b.snapshot().picture).contains(&"C16"));
}

#[tokio::test(flavor = "multi_thread")]
async fn c16_both_ends_are_behind_tunnels_that_carry_nothing() {
    let world = World::build(Scenario::OneNat, 7).expect("the world can be built");
    let tunnel = |network| Meddler::before(network).judging(|_, _| Fate::Lose).through_a_tunnel().build();
    let (a, b) = (tunnel(&world.a), tunnel(&world.b));
    let pair = Pair::over(world, a, b, &[]).exchanged().await;
    says(&pair.a, "C16").await;
    says(&pair.b, "C16").await;
}

/// Whether a datagram is a check or an answer to one.
fn is_stun(datagram: &[u8]) -> bool {
    classify(datagram) == PacketKind::Stun
}

#[tokio::test(flavor = "multi_thread")]
async fn c03_both_claim_to_be_controlling_and_the_call_connects() {
    role_conflict(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c03_both_claim_to_be_controlled_and_the_call_connects() {
    role_conflict(u64::MAX).await;
}

/// Each side is told a tie-breaker of the other that makes both take one role.
async fn role_conflict(tie_breaker: u64) {
    let pair =
        Pair::start(Scenario::Lan).exchange_forged(|code| code.tie_breaker = tie_breaker).await.connected().await;
    for call in [&pair.a, &pair.b] {
        let snapshot = says(call, "C03").await;
        assert_eq!(ids(&snapshot.picture), ["C03"], "{}", story(&snapshot.picture));
    }
    let roles = [&pair.a, &pair.b].map(|call| call.snapshot().picture.role);
    assert_ne!(roles[0], roles[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn c05_only_the_local_network_is_refused() {
    let world = World::build(Scenario::TwoNat, 7).expect("the world can be built");
    // The other side's public address is lost, so that the call has to lean on its local one.
    let is_server = |remote: SocketAddr| remote.port() == 3478 || remote.port() == 3479;
    let judge = move |_: &[u8], remote: SocketAddr| match remote.ip() {
        _ if is_server(remote) => Fate::Pass,
        ip if floe_inspect::nat::is_private(ip) => Fate::UNREACHABLE,
        _ => Fate::Lose,
    };
    let (a, b) = (meddle(&world.a, judge), meddle(&world.b, judge));
    let pair = Pair::over(world, a, b, &[]).exchanged().await;
    says_first(&pair.a, "C05").await;
    says_first(&pair.b, "C05").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c15_two_carriers_that_translate_once_more() {
    let (world, carriers_server) = World::behind_carriers(7).expect("the world can be built");
    let networks = [Arc::clone(&world.a), Arc::clone(&world.b)];
    let pair = Pair::configured(world, networks, |side, config| {
        if side == Side::A {
            config.stun_servers.push(carriers_server.clone());
        }
    });
    let a = says(&pair.a, "C15").await;
    let b = says(&pair.b, "C15").await;
    let evidence = |snapshot: &Snapshot| {
        let finding = diagnose(&snapshot.picture).into_iter().find(|finding| finding.id == "C15");
        finding.expect("just waited for").evidence
    };
    assert!(evidence(&a).contains("sees the private address 100.64.0.10"), "{}", evidence(&a));
    assert!(evidence(&b).contains("wwan0 has 100.64.7.11"), "{}", evidence(&b));
    // A server between the two routers sees another address than the outside; that makes neither of them symmetric.
    let is_gathered = |snapshot: &Snapshot| snapshot.picture.timings.gathered.is_some();
    for call in [&pair.a, &pair.b] {
        let snapshot = until(call, "all servers have answered", is_gathered).await;
        assert_eq!(ids(&snapshot.picture), ["C15"], "{}", story(&snapshot.picture));
    }
    let pair = pair.exchanged().await.connected().await;
    for call in [&pair.a, &pair.b] {
        assert_eq!(ids(&call.snapshot().picture), [] as [&str; 0], "{}", story(&call.snapshot().picture));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c17_names_that_no_multicast_carries() {
    let world = World::build(Scenario::Lan, 7).expect("the world can be built");
    let networks = [&world.a, &world.b].map(|network| Meddler::before(network).without_multicast().build());
    let pair = Pair::configured(world, networks, |_, config| config.privacy = Privacy::HideLan).exchanged().await;
    says_first(&pair.a, "C17").await;
    says_first(&pair.b, "C17").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c21_answers_that_come_from_another_address_than_was_asked() {
    let world = World::build(Scenario::Lan, 7).expect("the world can be built");
    let source = |datagram: &[u8], from: SocketAddr| match StunMessage::decode(datagram) {
        Ok(message) if message.class == Class::Success => (from.ip(), from.port() ^ 1).into(),
        _ => from,
    };
    let [a, b] = [&world.a, &world.b].map(|network| Meddler::before(network).translating(source).build());
    let pair = Pair::over(world, a, b, &[]).exchanged().await;
    says_first(&pair.a, "C21").await;
    says_first(&pair.b, "C21").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c29_and_c13_silence_means_nothing_at_first_and_something_later() {
    let lose = |datagram: &[u8], _| if is_stun(datagram) { Fate::Lose } else { Fate::Pass };
    let pair = Pair::both_meddled(Scenario::Lan, lose).exchanged().await;
    for call in [&pair.a, &pair.b] {
        let snapshot = says_first(call, "C29").await;
        let finding = diagnose(&snapshot.picture).remove(0);
        assert!(finding.evidence.contains("of 39 s"), "{}", finding.evidence);
        assert_eq!(failure_code(&snapshot.picture), None, "it has not failed");
    }
    says_first(&pair.a, "C13").await;
    says_first(&pair.b, "C13").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c08_a_network_that_leads_pages_to_another_host() {
    let evidence = "this network leads web pages to login.hotel.example";
    signs_in("page.example", &redirect("https://login.hotel.example/"), evidence).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c08_a_network_that_answers_in_place_of_a_page_that_is_known() {
    let login = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<form>Room number: <input></form>";
    signs_in("page.example/generate_204", login, "this network leads web pages to a page of its own").await;
}

/// Both ends ask for a page and are answered by somebody else.
async fn signs_in(page: &str, answer: &str, evidence: &str) {
    let mut world = World::build(Scenario::TwoNat, 7).expect("the world can be built");
    assert!(world.block_udp(Side::A, true) && world.block_udp(Side::B, true));
    world.serve_web("page.example", answer.as_bytes()).expect("a web server");
    let page = WebPage::parse(&format!("http://{page}")).expect("a page");
    let networks = [Arc::clone(&world.a), Arc::clone(&world.b)];
    let pair = Pair::configured(world, networks, |_, config| config.web_page = Some(page.clone())).exchanged().await;
    for call in [&pair.a, &pair.b] {
        let snapshot = says_first(call, "C08").await;
        let finding = diagnose(&snapshot.picture).remove(0);
        assert_eq!(finding.evidence, evidence);
    }
}
