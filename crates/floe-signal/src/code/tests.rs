//! Codes as people meet them: whole, damaged, and not codes at all.

use std::net::SocketAddr;

use floe_wire::{
    Candidate, CandidateType, Protocol, TcpType,
    candidate::{passive_preference, priority, tcp_priority},
};
use proptest::prelude::*;

use super::*;
use crate::{MAX_CANDIDATES, Unusable, new_credentials};

/// A machine with two IPv4 addresses, one IPv6 address and one server-reflexive candidate.
fn typical() -> Code {
    let host = |address, preference| candidate(CandidateType::Host, address, preference);
    let mut reflexive = candidate(CandidateType::ServerReflexive, "198.51.100.77:61001", 65_535);
    reflexive.related_address = Some(address("192.168.1.2:50001"));
    let hosts = [
        host("192.168.1.2:50001", 65_535),
        host("10.8.0.6:50002", 65_279),
        host("[2001:db8:12:34:56:78:9abc:def0]:50003", 65_023),
    ];
    code([&hosts[..], &[reflexive]].concat())
}

fn code(candidates: Vec<Candidate>) -> Code {
    let (ufrag, password) = new_credentials(std::array::from_fn(|i| 0xFF - 7 * i as u8));
    let mut code = Code {
        version: VERSION,
        tie_breaker: 0xF123_4567_89AB_CDEF,
        ufrag,
        password,
        fingerprint: std::array::from_fn(|i| 0x80 + i as u8),
        created_s: 1_763_808_000,
        capabilities: Capabilities::AUDIO,
        nat_summary: None,
        candidates,
        hidden: Vec::new(),
    };
    number_foundations(&mut code);
    code
}

/// Gives foundations the form that reading gives them.
fn number_foundations(code: &mut Code) {
    let mut known = Vec::new();
    for candidate in &mut code.candidates {
        if !known.contains(&candidate.foundation) {
            known.push(candidate.foundation.clone());
        }
        let number = known.iter().position(|foundation| *foundation == candidate.foundation).unwrap() + 1;
        candidate.foundation = number.to_string();
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn candidate(candidate_type: CandidateType, text: &str, preference: u16) -> Candidate {
    let address = address(text);
    Candidate {
        candidate_type,
        protocol: Protocol::Udp,
        tcp_type: None,
        address,
        priority: priority(candidate_type, preference),
        foundation: format!("{candidate_type}{}", address.ip()),
        related_address: None,
    }
}

/// What [`typical`] has when each of its addresses listens on these ports, too.
fn typical_with_tcp(ports: &[u16]) -> Code {
    let mut code = typical();
    for (ip, preference) in hosts(&code) {
        let passive = ports.iter().enumerate().map(|(place, port)| (TcpType::Passive, place, *port));
        let others = [(TcpType::SimultaneousOpen, 0, 41_001), (TcpType::Active, 0, 9)];
        for (tcp_type, place, port) in passive.chain(others) {
            code.candidates.push(Candidate {
                candidate_type: CandidateType::Host,
                protocol: Protocol::Tcp,
                tcp_type: Some(tcp_type),
                address: (ip, port).into(),
                priority: tcp_priority(CandidateType::Host, tcp_type, passive_preference(preference, place)),
                foundation: format!("{tcp_type:?}{ip}"),
                related_address: None,
            });
        }
    }
    code
}

fn hosts(code: &Code) -> Vec<(std::net::IpAddr, u16)> {
    let hosts = code.candidates.iter().filter(|candidate| candidate.candidate_type == CandidateType::Host);
    hosts.zip([65_535, 65_279, 65_023]).map(|(candidate, preference)| (candidate.address.ip(), preference)).collect()
}

/// The candidates in an order of their own, without the names of their foundations.
fn sorted(code: &Code) -> Vec<Candidate> {
    let mut candidates = code.candidates.clone();
    candidates.iter_mut().for_each(|candidate| candidate.foundation.clear());
    candidates.sort_by_key(|candidate| (candidate.address, candidate.tcp_type));
    candidates
}

fn decoded(text: &str) -> Code {
    Code::decode(text).unwrap_or_else(|error| panic!("{error}: {text:?}")).0
}

fn refusal(text: &str) -> CodeError {
    Code::decode(text).expect_err(text)
}

#[test]
fn a_typical_code_fits_into_240_characters() {
    let mut code = typical_with_tcp(&[41_000]);
    code.nat_summary = Some([0x12, 0x34]);
    let text = code.encode();
    assert!(text.len() <= 240, "{} characters", text.len());
    assert!(text.starts_with("F10E1"));
    assert!(text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()));
    assert!(!text.contains(['I', 'L', 'O', 'U']));
}

#[test]
fn a_code_comes_back_as_it_was() {
    let mut code = typical();
    assert_eq!(Code::decode(&code.encode()), Ok((code.clone(), Vec::new())));
    code.nat_summary = Some([1, 2]);
    code.capabilities = Capabilities(0xFFFF);
    assert_eq!(decoded(&code.encode()), code);
}

#[test]
fn every_kind_of_candidate_comes_back() {
    let kinds = [
        (Protocol::Udp, None),
        (Protocol::Tcp, Some(TcpType::Active)),
        (Protocol::Tcp, Some(TcpType::Passive)),
        (Protocol::Tcp, Some(TcpType::SimultaneousOpen)),
    ];
    let types =
        [CandidateType::Host, CandidateType::ServerReflexive, CandidateType::PeerReflexive, CandidateType::Relayed];
    let mut candidates = Vec::new();
    for (n, candidate_type) in types.into_iter().enumerate() {
        for (m, (protocol, tcp_type)) in kinds.into_iter().enumerate() {
            let mut one = candidate(candidate_type, &format!("203.0.113.{n}:{}", 9 + m), 77);
            one.protocol = protocol;
            one.tcp_type = tcp_type;
            one.related_address = [None, Some(address("10.0.0.9:4")), Some(address("[fd00::1]:5"))][(n + m) % 3];
            one.priority = if m == 0 { one.priority } else { 12_345 };
            candidates.push(one);
        }
    }
    let code = code(candidates);
    assert_eq!(Code::decode(&code.encode()), Ok((code, Vec::new())));
}

#[test]
fn tcp_candidates_cost_few_characters_and_come_back() {
    let without = typical().encode().len();
    for (ports, cost) in [(&[41_000][..], 10), (&[41_000, 443], 13), (&[], 8)] {
        let code = typical_with_tcp(ports);
        let text = code.encode();
        assert!(text.len() - without <= cost, "{} characters for {ports:?}", text.len() - without);
        let (read, problems) = Code::decode(&text).unwrap();
        assert_eq!(problems, []);
        assert_eq!(sorted(&read), sorted(&code));
    }
}

#[test]
fn tcp_candidates_that_not_every_address_has_come_back_too() {
    for missing in [TcpType::Passive, TcpType::SimultaneousOpen, TcpType::Active] {
        let mut code = typical_with_tcp(&[41_000, 443]);
        let at = code.candidates.iter().rposition(|candidate| candidate.tcp_type == Some(missing)).unwrap();
        code.candidates.remove(at);
        let (read, problems) = Code::decode(&code.encode()).unwrap();
        assert_eq!(problems, []);
        assert_eq!(sorted(&read), sorted(&code), "{missing:?}");
    }
}

#[test]
fn tcp_candidates_of_one_address_and_role_share_a_foundation() {
    let candidates = decoded(&typical_with_tcp(&[41_000, 443]).encode()).candidates;
    let passive: Vec<_> = candidates.iter().filter(|one| one.tcp_type == Some(TcpType::Passive)).collect();
    assert_eq!(passive.len(), 6);
    for one in &passive {
        for other in &candidates {
            let alike = (one.address.ip(), one.tcp_type) == (other.address.ip(), other.tcp_type);
            assert_eq!(one.foundation == other.foundation, alike);
        }
    }
}

#[test]
fn ports_cannot_stand_for_more_candidates_than_a_code_may_carry() {
    let hosts = (1..=60).map(|host| candidate(CandidateType::Host, &format!("192.0.2.{host}:7"), 65_535 - host));
    let mut contents = layout::write(&code(hosts.collect()));
    contents.extend([0x04, 200]);
    contents.extend((0..200).map(|at| 1 + at % 7));
    let (code, problems) = Code::decode(&frame::wrap(VERSION, &contents)).unwrap();
    assert_eq!(code.candidates.len(), MAX_CANDIDATES);
    assert!(problems.iter().any(|problem| matches!(problem, CandidateProblem::TooMany { .. })));
}

#[test]
fn credentials_of_another_maker_come_back_as_text() {
    let mut code = typical();
    code.ufrag = "h+7G".to_owned();
    code.password = "asd88fgpdd777uzjYhagZg".to_owned();
    assert_eq!(decoded(&code.encode()), code);
    code.password = "short".to_owned();
    assert_eq!(refusal(&code.encode()), CodeError::BadContents { what: "its password is not one" });
}

#[test]
fn candidates_that_share_a_foundation_still_share_it() {
    let mut code = typical();
    code.candidates[1].foundation = code.candidates[0].foundation.clone();
    let candidates = decoded(&code.encode()).candidates;
    assert_eq!(candidates[0].foundation, candidates[1].foundation);
    assert_ne!(candidates[0].foundation, candidates[2].foundation);
}

#[test]
fn damage_that_chats_mails_and_people_do_is_undone() {
    let code = typical();
    let text = code.encode();
    let wrapped: Vec<&str> = text.as_bytes().chunks(30).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let spelled_wrong = text.replace('0', "o").replace('1', "l");
    let full_width: String = text.chars().map(|c| char::from_u32(u32::from(c) + 0xFEE0).unwrap()).collect();
    for damaged in [
        text.to_lowercase(),
        spelled_wrong.clone(),
        spelled_wrong.to_uppercase(),
        full_width,
        format!("  \r\n{text}\r\n\r\n"),
        format!("\u{FEFF}{text}\u{200B}"),
        format!("floe:{text}"),
        format!("code: {text}"),
        format!("Code:\n{text}\n"),
        format!("`{text}`"),
        format!("```\n{text}\n```"),
        format!("**{text}**"),
        format!("“{text}”"),
        format!("‘{text}’,"),
        format!("«\u{A0}{text}\u{A0}»"),
        format!("🧊{text}🧊 call me 📞"),
        format!("1️⃣{text}"),
        format!("代码{text}谢谢"),
        format!("Hi, floe me! Here is my code (F1 is not on tonight):\n\n{text}\n\nLove, Liu"),
        format!("https://example.invalid/#{text}"),
        wrapped.join("\n"),
        wrapped.join("\r\n> "),
        format!("> {}", wrapped.join("\n> > ")),
        wrapped.join("=\n"),
        wrapped.join("-"),
        wrapped.join("\u{AD}"),
        wrapped.join("\u{200B}"),
        wrapped.join("\u{2060} \u{A0}"),
        wrapped.join(" … "),
        wrapped.join("–"),
        text.chars().flat_map(|c| [c, ' ']).collect(),
    ] {
        assert_eq!(decoded(&damaged), code);
    }
}

#[test]
fn texts_that_are_no_codes_are_named() {
    for empty in ["", "  \n\t", "\u{200B}\u{FEFF}\u{A0}"] {
        assert_eq!(refusal(empty), CodeError::Empty);
    }
    for sdp in [
        "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
        r#"{"type":"offer","sdp":"v=0\r\no=- 46"}"#,
        "candidate:1 1 udp 2130706431 192.168.1.2 50001 typ host",
        "a=candidate:1 1 udp 2130706431 192.168.1.2 50001 typ host",
    ] {
        assert_eq!(refusal(sdp), CodeError::Sdp);
    }
    for url in ["https://meet.example.invalid/abc-defg-hij", "www.example.invalid"] {
        assert_eq!(refusal(url), CodeError::Url);
    }
    for other in ["hello", "floe", "Floe code please", "F1 is tonight", "…", "d41d8cd98f00b204e9800998ecf8427e", "🧊"]
    {
        assert_eq!(refusal(other), CodeError::NotACode, "{other}");
    }
    let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(refusal(sha256), CodeError::NotACode);
    assert_eq!(refusal(&"x".repeat(70_000)), CodeError::TooLong { characters: 70_000 });
}

#[test]
fn a_code_without_its_beginning_is_named() {
    assert_eq!(refusal(&typical().encode()[20..]), CodeError::StartMissing);
}

#[test]
fn a_letter_that_codes_never_contain_is_pointed_at() {
    let mut text = typical().encode();
    text.replace_range(99..100, "U");
    assert_eq!(refusal(&text), CodeError::ForeignCharacter { position: 100, character: 'U' });
}

#[test]
fn a_wrong_length_or_mark_is_a_mistyped_character_and_not_a_cut() {
    let text = typical().encode();
    for at in 0..8 {
        let mut damaged = text.clone().into_bytes();
        damaged[at] = if damaged[at] == b'3' { b'4' } else { b'3' };
        assert_eq!(refusal(std::str::from_utf8(&damaged).unwrap()), CodeError::Mistyped, "character {at}");
    }
}

#[test]
fn an_intact_code_of_a_newer_version_asks_for_an_update() {
    let text = crate::frame::wrap(2, b"whatever the future brings, at any length");
    assert_eq!(refusal(&text), CodeError::NewerVersion { version: 2 });
    assert!(refusal(&text).to_string().contains("update Floe"));
}

#[test]
fn an_intact_code_with_senseless_contents_is_named() {
    let text = crate::frame::wrap(VERSION, &[0; 10]);
    assert_eq!(refusal(&text), CodeError::BadContents { what: "its contents end too early" });
}

#[test]
fn fields_and_candidates_of_later_versions_are_skipped() {
    let mut code = typical();
    let mut contents = crate::layout::write(&code);
    contents.extend([0x44, 3, 1, 2, 3]);
    contents.extend([0b1000_1010, 5, b'a', b'.', b'l', b'o', b'c']);
    let (read, problems) = Code::decode(&crate::frame::wrap(VERSION, &contents)).unwrap();
    assert_eq!(problems, [CandidateProblem::UnknownKind { count: 1 }]);
    code.version = read.version;
    assert_eq!(read, code);
}

#[test]
fn candidates_that_nobody_can_send_to_are_dropped_and_named() {
    let unusable = [
        ("192.168.1.2:0", Unusable::PortZero),
        ("0.0.0.0:5", Unusable::Unspecified),
        ("[::]:5", Unusable::Unspecified),
        ("224.0.0.251:5353", Unusable::Multicast),
        ("[ff02::fb]:5353", Unusable::Multicast),
        ("255.255.255.255:5", Unusable::Broadcast),
        ("[fe80::1]:5", Unusable::LinkLocal),
        ("[::ffff:10.0.0.1]:5", Unusable::MappedIpv4),
    ];
    let good = candidate(CandidateType::Host, "192.168.1.2:5", 1);
    let loopback = candidate(CandidateType::Host, "127.0.0.1:5", 1);
    let mut candidates: Vec<_> = unusable.iter().map(|(text, _)| candidate(CandidateType::Host, text, 1)).collect();
    candidates.extend([good.clone(), loopback.clone(), good.clone()]);
    let (read, problems) = Code::decode(&code(candidates).encode()).unwrap();
    let kept: Vec<_> = read.candidates.iter().map(|candidate| candidate.address).collect();
    assert_eq!(kept, [good.address, loopback.address]);
    let mut expected: Vec<_> = unusable
        .map(|(text, reason)| CandidateProblem::Dropped { address: address(text), reason })
        .into_iter()
        .collect();
    expected.push(CandidateProblem::Loopback { address: loopback.address });
    expected.push(CandidateProblem::Duplicate { address: good.address });
    assert_eq!(problems, expected);
}

#[test]
fn candidates_above_the_cap_are_dropped_and_counted() {
    let many = (1..=MAX_CANDIDATES + 9).map(|port| candidate(CandidateType::Host, &format!("10.0.0.1:{port}"), 1));
    let written = decoded(&code(many.clone().collect()).encode());
    assert_eq!(written.candidates.len(), MAX_CANDIDATES);
    let mut contents = crate::layout::write(&code(Vec::new()));
    for candidate in many {
        let fields = crate::candidate_field::write_all(&[candidate]);
        contents.extend([fields[0].0, fields[0].1.len() as u8]);
        contents.extend(&fields[0].1);
    }
    let (read, problems) = Code::decode(&crate::frame::wrap(VERSION, &contents)).unwrap();
    assert_eq!(read.candidates.len(), MAX_CANDIDATES);
    assert_eq!(problems, [CandidateProblem::TooMany { count: 9 }]);
}

#[test]
fn a_code_with_a_thousand_candidates_is_read_up_to_the_cap_and_the_rest_counted() {
    let mut contents = crate::layout::write(&code(Vec::new()));
    for port in 1..=1000 {
        let fields =
            crate::candidate_field::write_all(&[candidate(CandidateType::Host, &format!("10.0.0.1:{port}"), 1)]);
        contents.extend([fields[0].0, fields[0].1.len() as u8]);
        contents.extend(&fields[0].1);
    }
    let (read, problems) = Code::decode(&crate::frame::wrap(VERSION, &contents)).unwrap();
    assert_eq!(read.candidates.len(), MAX_CANDIDATES);
    assert_eq!(problems.iter().map(CandidateProblem::dropped).sum::<usize>(), 1000 - MAX_CANDIDATES);
}

#[test]
fn a_description_reveals_all_but_the_password() {
    let code = typical();
    let lines = code.describe().join("\n");
    for expected in [
        "LAN addresses 192.168.1.2, 10.8.0.6",
        "public addresses 2001:db8:12:34:56:78:9abc:def0, 198.51.100.77",
        "2025-11-22 10:40:00 UTC",
        "srflx udp 198.51.100.77:61001",
        "Can do: audio",
        "80:81:82",
        code.ufrag.as_str(),
    ] {
        assert!(lines.contains(expected), "{expected} in\n{lines}");
    }
    assert!(!lines.contains(&code.password) && !format!("{code:?}").contains(&code.password));
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let candidate_type = prop_oneof![
        Just(CandidateType::Host),
        Just(CandidateType::ServerReflexive),
        Just(CandidateType::PeerReflexive),
        Just(CandidateType::Relayed)
    ];
    let address = any::<(std::net::IpAddr, u16)>().prop_map(SocketAddr::from);
    let related = proptest::option::of(any::<(std::net::IpAddr, u16)>().prop_map(SocketAddr::from));
    (candidate_type, address, any::<u32>(), "[a-zA-Z0-9+/]{1,32}", related).prop_map(
        |(candidate_type, address, priority, foundation, related_address)| Candidate {
            candidate_type,
            protocol: Protocol::Udp,
            tcp_type: None,
            address,
            priority,
            foundation,
            related_address,
        },
    )
}

fn any_code() -> impl Strategy<Value = Code> {
    let head = (any::<u64>(), any::<[u8; 24]>(), any::<[u8; 32]>(), 0..1_u64 << 40);
    (head, any::<u16>(), any::<Option<[u8; 2]>>(), proptest::collection::vec(any_candidate(), 0..20)).prop_map(
        |((tie_breaker, random, fingerprint, created_s), capabilities, nat_summary, candidates)| {
            let (ufrag, password) = new_credentials(random);
            let capabilities = Capabilities(capabilities);
            let mut code = Code { tie_breaker, ufrag, password, fingerprint, created_s, ..code(candidates) };
            code.capabilities = capabilities;
            code.nat_summary = nat_summary;
            code
        },
    )
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*") {
        let _ = Code::decode(&text).map_err(|error| error.to_string());
    }

    #[test]
    fn arbitrary_text_that_begins_like_a_code_is_refused(text in "(F10E1|floe |f1oe2)[0-9A-Za-z \\n]{0,600}") {
        prop_assert!(Code::decode(&text).is_err());
    }

    #[test]
    fn arbitrary_contents_never_panic(contents in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok((code, _)) = Code::decode(&crate::frame::wrap(VERSION, &contents)) {
            prop_assert!(code.candidates.len() <= MAX_CANDIDATES);
            let _ = code.describe();
        }
    }

    #[test]
    fn every_code_comes_back_but_for_unusable_candidates(code in any_code()) {
        let (read, problems) = Code::decode(&code.encode()).unwrap();
        let dropped = problems.iter().filter(|problem| problem.is_dropped()).count();
        prop_assert_eq!(read.candidates.len() + dropped, code.candidates.len());
        if problems.is_empty() {
            prop_assert_eq!(read, code);
        }
    }

    #[test]
    fn any_single_wrong_character_is_noticed(code in any_code(), at in any::<prop::sample::Index>(), wrong in "[ -~]|\\PC") {
        let text = code.encode();
        let at = at.index(text.len());
        let harmless = crate::alphabet::symbol(wrong.chars().next().unwrap()) == Some(text.as_bytes()[at]);
        let damaged = format!("{}{wrong}{}", &text[..at], &text[at + 1..]);
        prop_assert_eq!(Code::decode(&damaged).is_ok(), harmless);
    }

    #[test]
    fn any_truncation_is_named_as_a_cut(code in any_code(), at in any::<prop::sample::Index>()) {
        let text = code.encode();
        let have = 4 + at.index(text.len() - 4);
        let of = (have >= 8).then_some(text.len());
        prop_assert_eq!(refusal(&text[..have]), CodeError::CutOff { have, of });
        prop_assert!(refusal(&text[..have]).to_string().contains("cut off"));
    }

    #[test]
    fn separators_anywhere_do_no_harm(
        code in any_code(),
        separators in proptest::collection::vec("[ \\t\\n\\r>\"'`*_.,;:–—…“”‘’«»\u{A0}\u{AD}\u{200B}\u{FE0F}🧊😀-]{0,3}", 400),
    ) {
        let text = code.encode();
        let damaged: String = text.chars().zip(separators.iter().cycle()).map(|(c, s)| format!("{s}{c}")).collect();
        prop_assert_eq!(Code::decode(&damaged), Code::decode(&text));
    }
}

#[test]
fn hidden_hosts_cost_twenty_two_bytes_and_are_described_without_an_address() {
    let plain = code(Vec::new());
    let name = floe_wire::mdns::HiddenName::from_random([7; 16]);
    let hidden = vec![HiddenHost { name, port: 50001, local_preference: 65_535 }];
    let code = Code { hidden, ..plain.clone() };
    assert_eq!(crate::layout::write(&code).len() - crate::layout::write(&plain).len(), 22);
    let (read, problems) = Code::decode(&code.encode()).unwrap();
    assert_eq!((read, problems), (code.clone(), Vec::new()));
    let described = code.describe().join("\n");
    assert!(described.contains(&name.to_string()) && described.contains("only computers in that LAN"), "{described}");
}

#[test]
fn hidden_hosts_are_few_and_those_without_a_port_or_cut_short_are_passed_over() {
    let mut contents = crate::layout::write(&code(Vec::new()));
    for number in 0..200_u8 {
        contents.extend([0x82, 20]);
        contents.extend([number; 16]);
        contents.extend([0, u8::from(number > 0), 0, 9]);
    }
    contents.extend([0x82, 3, 1, 2, 3]);
    let (read, problems) = Code::decode(&crate::frame::wrap(VERSION, &contents)).unwrap();
    assert_eq!(read.hidden.len(), crate::MAX_HIDDEN);
    assert_eq!(problems, [CandidateProblem::TooMany { count: 199 - crate::MAX_HIDDEN }]);
}
