//! Names on a simulated network: answered for, asked for, and shouted about.

use std::net::{Ipv4Addr, Ipv6Addr};

use floe_simnet::{Scenario, Side, World};
use floe_transport::{Clock, TapReceiver};
use tokio::time::timeout;

use super::*;

const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 10));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 20));
/// Unique local addresses.
const A6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, 0, 0xA));
const B6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, 0, 0xB));

fn names(network: &Arc<dyn Network>) -> (Names, TapReceiver) {
    let (tap, records) = Tap::new(Clock::start(), 64);
    (Names::new(network, &tap), records)
}

fn host(name: HiddenName) -> HiddenHost {
    HiddenHost { name, port: 5000, local_preference: 7 }
}

async fn hear(names: &mut Names) {
    let heard = timeout(Duration::from_secs(10), names.next()).await.expect("somebody says something");
    names.on_heard(heard, Instant::now());
}

#[tokio::test]
async fn a_name_leads_to_its_address_and_nobody_listens_any_longer_than_needed() {
    let world = World::build(Scenario::Lan, 3).unwrap();
    let ((mut a, _records_a), (mut b, _records_b)) = (names(&world.a), names(&world.b));
    let name = a.hide(A, &[A]).unwrap();
    assert_eq!(a.hide(A, &[A]), Some(name));
    b.seek(&[host(name)], &[B], Instant::now());
    hear(&mut a).await;
    hear(&mut b).await;
    let found = b.take_found();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].address, SocketAddr::new(A, 5000));
    assert!(b.ears.is_empty() && b.poll_timeout().is_none_or(|at| Some(at) == b.second_ends));
    assert_eq!(a.ears.len(), 1);
}

#[tokio::test]
async fn a_name_that_nobody_answers_for_is_given_up_and_told_once() {
    let world = World::build(Scenario::Lan, 3).unwrap();
    let (mut names, mut records) = names(&world.a);
    let (name, start) = (HiddenName::from_random([1; 16]), Instant::now());
    names.seek(&[host(name)], &[A], start);
    for seconds in [1, 3, 7, 20] {
        names.on_timeout(start + Duration::from_secs(seconds));
    }
    assert!(names.ears.is_empty() && names.poll_timeout().is_none());
    drop(names);
    let mut told = Vec::new();
    records.recv_many(&mut told).await;
    let notes: Vec<String> = told.iter().map(|record| format!("{:?}", record.body)).collect();
    let count = |kind: &str| notes.iter().filter(|note| note.contains(kind)).count();
    assert_eq!((count("NameAsked"), count("NameSilent")), (WAITS.len(), 1), "{notes:?}");
}

#[test]
fn an_interface_is_spoken_to_over_each_family_that_it_has_if_anything_there_is_hidden() {
    let (open, other): (IpAddr, IpAddr) = ("2001:db8::7".parse().unwrap(), "192.168.1.9".parse().unwrap());
    assert_eq!(ears_of([A6, A, other]), [other, A6], "one of each");
    assert_eq!(ears_of([A6]), [A6]);
    assert_eq!(ears_of([A, open]), [A, open], "who asks may have IPv6 only");
    assert!(ears_of([open]).is_empty(), "it is told openly");
}

/// Two names on a LAN whose hosts have these addresses, which both hide and seek.
async fn check_found(of_a: &[IpAddr], of_b: &[IpAddr], hidden: IpAddr) {
    let world = World::build(Scenario::Lan, 3).unwrap();
    assert!(world.set_addresses(Side::A, "eth0", of_a) && world.set_addresses(Side::B, "eth0", of_b));
    let ((mut a, mut records_a), (mut b, mut records_b)) = (names(&world.a), names(&world.b));
    let name = a.hide(hidden, &ears_of(of_a.iter().copied())).unwrap();
    b.seek(&[host(name)], &ears_of(of_b.iter().copied()), Instant::now());
    let found = timeout(Duration::from_secs(10), async {
        loop {
            let found = b.take_found();
            if !found.is_empty() {
                return found;
            }
            tokio::select! {
                heard = a.next() => a.on_heard(heard, Instant::now()),
                heard = b.next() => b.on_heard(heard, Instant::now()),
            }
        }
    });
    let found = found.await.expect("the name is answered for");
    assert_eq!(found.iter().map(|found| found.address).collect::<Vec<_>>(), [SocketAddr::new(hidden, 5000)]);
    for (records, kinds) in [(&mut records_a, &["NameTold"][..]), (&mut records_b, &["NameAsked", "NameFound"])] {
        let mut told = Vec::new();
        records.recv_many(&mut told).await;
        let text = format!("{told:?}");
        assert!(kinds.iter().all(|kind| text.matches(kind).count() == 1), "{kinds:?}: {text}");
    }
}

#[tokio::test]
async fn a_unique_local_address_is_found_over_either_family_and_both_ends_note_it_once() {
    check_found(&[A, A6], &[B], A6).await;
    check_found(&[A, A6], &[B, B6], A6).await;
    check_found(&[A6], &[B6], A6).await;
    check_found(&[A, A6], &[B6], A6).await;
    check_found(&[A6], &[B, B6], A6).await;
}

#[tokio::test]
async fn an_address_that_is_told_openly_or_that_nobody_could_ask_for_has_no_name() {
    let world = World::build(Scenario::Lan, 3).unwrap();
    let (mut names, _records) = names(&world.a);
    assert_eq!(names.hide("2001:db8::7".parse().unwrap(), &[A]), None);
    assert_eq!(names.hide(A, &[]), None);
    assert_eq!(names.hide(A6, &[B]), None, "nothing can listen there");
}

#[tokio::test]
async fn hostile_answers_lead_nowhere_and_a_flood_is_not_listened_to() {
    let world = World::build(Scenario::Lan, 3).unwrap();
    let (mut names, _records) = names(&world.a);
    let (name, start) = (HiddenName::from_random([1; 16]), Instant::now());
    names.seek(&[host(name)], &[A], start);
    let say = |names: &mut Names, message: Vec<u8>, port| {
        let heard = Heard { local: A, message: Ok((message, SocketAddr::new(B, port))) };
        names.on_heard(heard, start);
    };
    say(&mut names, mdns::answer(name, Ipv4Addr::new(203, 0, 113, 9).into()), 5353);
    say(&mut names, mdns::answer(name, Ipv4Addr::LOCALHOST.into()), 5353);
    say(&mut names, mdns::answer(name, B), 4000);
    say(&mut names, mdns::answer(HiddenName::from_random([2; 16]), B), 5353);
    assert!(names.take_found().is_empty());
    for _ in 0..MAX_HEARD {
        say(&mut names, vec![0xFF; 600], 5353);
    }
    let outside = world.b.bind_multicast(B, mdns::group(B)).unwrap();
    outside.try_send_to(&[0xFF; 600], mdns::group(B)).unwrap();
    assert!(timeout(Duration::from_millis(100), names.next()).await.is_err(), "a flood is listened to");
    names.on_timeout(start + SECOND);
    hear(&mut names).await;
    say(&mut names, mdns::answer(name, B), 5353);
    assert_eq!(names.take_found().len(), 1);
}

#[tokio::test]
async fn an_answer_is_not_repeated_within_a_second() {
    let world = World::build(Scenario::Lan, 3).unwrap();
    let (mut names, _records) = names(&world.a);
    let (name, start) = (names.hide(A, &[A]).unwrap(), Instant::now());
    let sent = || world.counters().unwrap().sent;
    let before = sent();
    for (milliseconds, answers) in [(0, 1), (10, 1), (999, 1), (1000, 2)] {
        let message = Ok((mdns::question(name), SocketAddr::new(B, 5353)));
        names.on_heard(Heard { local: A, message }, start + Duration::from_millis(milliseconds));
        assert_eq!(sent() - before, answers);
    }
}
