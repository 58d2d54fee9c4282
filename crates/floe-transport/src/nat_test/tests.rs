//! The test against servers that keep quiet, refuse or lie; NATs of every kind stand in `tests/nat.rs` of the simnet.

use super::*;

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn local() -> SocketAddr {
    at("192.168.1.2:5000")
}

fn mapped() -> SocketAddr {
    at("203.0.113.1:6000")
}

fn first() -> FirstAnswer {
    let (server, other) = (at("192.0.2.1:3478"), at("198.51.100.1:3479"));
    FirstAnswer { server, mapped: mapped(), other, rtt: Duration::from_millis(20) }
}

/// What a server does with a request to `to` that wants a `change`.
#[derive(Clone, Copy)]
enum Does {
    Answer(SocketAddr),
    /// Answers from where it was asked, whatever was wished.
    Ignore,
    Refuse,
    Nothing,
}

/// Runs a test to its end against a server; gives the verdict, the time it took and how many requests it sent.
fn run(server: impl Fn(usize, SocketAddr, Option<Change>) -> Does) -> (NatVerdict, Duration, usize) {
    let start = Instant::now();
    let mut now = start;
    let mut test = NatTest::new(1, local(), first(), now).unwrap();
    let mut sent = 0;
    loop {
        while let Some((to, bytes)) = test.poll_send() {
            let request = StunMessage::decode(&bytes).unwrap();
            let does = server(sent, to, request.change);
            let answer = match does {
                Does::Ignore => stun::binding_success(&bytes, mapped(), None).unwrap(),
                Does::Answer(mapped) => stun::binding_success(&bytes, mapped, None).unwrap(),
                Does::Refuse => stun::unknown_attributes_error(&bytes, &[3]).unwrap(),
                Does::Nothing => Vec::new(),
            };
            sent += 1;
            let from = match does {
                Does::Ignore => to,
                _ => first().origin(to, request.change.unwrap_or_default()),
            };
            if let Ok(answer) = StunMessage::decode(&answer) {
                assert!(test.handle(from, &answer, now));
            }
        }
        if let Some(verdict) = test.verdict() {
            return (verdict, now - start, sent);
        }
        let wake = test.poll_timeout().expect("what is not over has a deadline");
        assert!(wake >= now, "a wake-up in the past would spin");
        now = wake;
        test.handle_timeout(now);
    }
}

#[test]
fn an_open_cone_is_known_after_four_requests_without_waiting() {
    let (verdict, took, sent) = run(|_, _, _| Does::Answer(mapped()));
    let independent = Dependence::EndpointIndependent;
    assert_eq!(verdict.mapping, NatMapping::Known(independent));
    assert_eq!(verdict.filtering, NatFiltering::Known(independent));
    assert_eq!((took, sent), (Duration::ZERO, 4));
}

#[test]
fn silence_where_the_filter_is_open_is_the_servers_and_not_the_nats() {
    let (verdict, took, _) = run(|_, _, change| match change {
        None => Does::Answer(mapped()),
        Some(_) => Does::Nothing,
    });
    assert_eq!(verdict.mapping, NatMapping::Known(Dependence::EndpointIndependent));
    assert_eq!(verdict.filtering, NatFiltering::Unknown(NatUnknown::ChangeIgnored));
    assert!(took <= Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_server_that_answers_from_where_it_was_asked_says_nothing_about_the_filter() {
    let (verdict, took, _) = run(|_, _, change| if change.is_some() { Does::Ignore } else { Does::Answer(mapped()) });
    assert_eq!(verdict.filtering, NatFiltering::Unknown(NatUnknown::ChangeIgnored));
    assert_eq!(took, Duration::ZERO);
}

#[test]
fn a_server_that_refuses_leaves_the_filtering_unknown() {
    let (verdict, ..) = run(|_, _, change| if change.is_some() { Does::Refuse } else { Does::Answer(mapped()) });
    assert_eq!(verdict.filtering, NatFiltering::Unknown(NatUnknown::ChangeRefused));
    assert_eq!(verdict.mapping, NatMapping::Known(Dependence::EndpointIndependent));
}

#[test]
fn a_second_address_that_is_dead_leaves_both_unknown() {
    let (verdict, took, _) = run(|_, _, _| Does::Nothing);
    assert_eq!(verdict, NatVerdict::unknown(NatUnknown::SecondAddressSilent));
    assert!(took <= Duration::from_secs(5), "{took:?}");
}

#[test]
fn one_live_port_of_the_second_address_still_tells_whether_the_mapping_depends() {
    let other = first().other;
    let (verdict, ..) = run(|_, to, change| match change {
        None if to == other => Does::Answer(at("203.0.113.1:6001")),
        _ => Does::Nothing,
    });
    assert_eq!(verdict.mapping, NatMapping::EndpointDependent);
}

#[test]
fn a_lost_request_or_answer_changes_nothing() {
    let dependent = |to: SocketAddr| at(&format!("203.0.113.1:{}", 6000 + u32::from(to.ip() == first().other.ip())));
    for lost in 0..12 {
        let (verdict, ..) = run(|number, to, change| match change {
            _ if number == lost => Does::Nothing,
            Some(change) if change.address => Does::Nothing,
            _ => Does::Answer(dependent(to)),
        });
        assert_eq!(verdict.mapping, NatMapping::Known(Dependence::AddressDependent), "request {lost} lost");
        assert_eq!(verdict.filtering, NatFiltering::Known(Dependence::AddressDependent), "request {lost} lost");
    }
}

#[test]
fn answers_to_nothing_asked_are_not_taken() {
    let now = Instant::now();
    let mut test = NatTest::new(1, local(), first(), now).unwrap();
    let stranger = stun::binding_request(TransactionId([9; 12]));
    let answer = stun::binding_success(&stranger, mapped(), None).unwrap();
    let (to, own) = test.poll_send().unwrap();
    for (datagram, what) in [(stranger, "a request"), (answer, "a stranger's answer"), (own, "our own request")] {
        assert!(!test.handle(to, &StunMessage::decode(&datagram).unwrap(), now), "{what}");
    }
}

#[test]
fn a_second_address_that_differs_in_one_part_only_is_of_no_use() {
    for other in
        ["192.0.2.1:3479", "198.51.100.1:3478", "198.51.100.1:0", "0.0.0.0:1", "224.0.0.1:1", "[2001:db8::1]:1"]
    {
        let first = FirstAnswer { other: at(other), ..first() };
        assert!(NatTest::new(1, local(), first, Instant::now()).is_none(), "{other}");
    }
}
