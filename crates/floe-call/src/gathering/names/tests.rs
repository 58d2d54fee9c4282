//! Names on a simulated network: answered for, asked for, and shouted about.

use floe_simnet::{Scenario, World};
use floe_transport::{Clock, TapReceiver};
use tokio::time::timeout;

use super::*;

const A: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
const B: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 20);

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
    let name = a.hide(A.into(), A).unwrap();
    assert_eq!(a.hide(A.into(), A), Some(name));
    b.seek(&[host(name)], &[B], Instant::now());
    hear(&mut a).await;
    hear(&mut b).await;
    let found = b.take_found();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].address, (A, 5000).into());
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

#[tokio::test]
async fn a_unique_local_address_is_asked_for_over_ipv4_and_both_ends_note_it() {
    let world = World::build(Scenario::Lan, 3).unwrap();
    let ((mut a, mut records_a), (mut b, mut records_b)) = (names(&world.a), names(&world.b));
    let hidden: IpAddr = "fd00::7".parse().unwrap();
    assert_eq!(ear_of(hidden, [hidden, A.into()]), Some(A));
    assert_eq!(ear_of(hidden, [hidden]), None, "nobody could ask for it");
    assert_eq!(ear_of("2001:db8::7".parse().unwrap(), [A.into()]), None, "it is told openly");
    let name = a.hide(hidden, A).unwrap();
    b.seek(&[host(name)], &[B], Instant::now());
    hear(&mut a).await;
    hear(&mut b).await;
    let found = b.take_found();
    assert_eq!(found.iter().map(|found| found.address).collect::<Vec<_>>(), [(hidden, 5000).into()]);
    for (records, kinds) in [(&mut records_a, &["NameTold"][..]), (&mut records_b, &["NameAsked", "NameFound"])] {
        let mut told = Vec::new();
        records.recv_many(&mut told).await;
        let text = format!("{told:?}");
        assert!(kinds.iter().all(|kind| text.contains(kind)), "{kinds:?}: {text}");
    }
}

#[tokio::test]
async fn hostile_answers_lead_nowhere_and_a_flood_is_not_listened_to() {
    let world = World::build(Scenario::Lan, 3).unwrap();
    let (mut names, _records) = names(&world.a);
    let (name, start) = (HiddenName::from_random([1; 16]), Instant::now());
    names.seek(&[host(name)], &[A], start);
    let say = |names: &mut Names, message: Vec<u8>, port| {
        let heard = Heard { local: A, message: Ok((message, (B, port).into())) };
        names.on_heard(heard, start);
    };
    say(&mut names, mdns::answer(name, Ipv4Addr::new(203, 0, 113, 9).into()), 5353);
    say(&mut names, mdns::answer(name, Ipv4Addr::LOCALHOST.into()), 5353);
    say(&mut names, mdns::answer(name, B.into()), 4000);
    say(&mut names, mdns::answer(HiddenName::from_random([2; 16]), B.into()), 5353);
    assert!(names.take_found().is_empty());
    for _ in 0..MAX_HEARD {
        say(&mut names, vec![0xFF; 600], 5353);
    }
    let outside = world.b.bind_multicast(B, GROUP).unwrap();
    outside.try_send_to(&[0xFF; 600], GROUP.into()).unwrap();
    assert!(timeout(Duration::from_millis(100), names.next()).await.is_err(), "a flood is listened to");
    names.on_timeout(start + SECOND);
    hear(&mut names).await;
    say(&mut names, mdns::answer(name, B.into()), 5353);
    assert_eq!(names.take_found().len(), 1);
}

#[tokio::test]
async fn an_answer_is_not_repeated_within_a_second() {
    let world = World::build(Scenario::Lan, 3).unwrap();
    let (mut names, _records) = names(&world.a);
    let (name, start) = (names.hide(A.into(), A).unwrap(), Instant::now());
    let sent = || world.counters().unwrap().sent;
    let before = sent();
    for (milliseconds, answers) in [(0, 1), (10, 1), (999, 1), (1000, 2)] {
        let message = Ok((mdns::question(name), (B, 5353).into()));
        names.on_heard(Heard { local: A, message }, start + Duration::from_millis(milliseconds));
        assert_eq!(sent() - before, answers);
    }
}
