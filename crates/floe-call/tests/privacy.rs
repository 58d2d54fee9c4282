//! What codes and packets reveal at each level of privacy.

mod common;

use std::{net::IpAddr, sync::Arc};

use floe_call::{Call, CallConfig, Command, Privacy, Snapshot};
use floe_signal::Code;
use floe_simnet::{Scenario, World};
use floe_wire::{Candidate, CandidateType};

use crate::common::{code_of, pair::config_for, until};

/// Connects two calls, of which A has this level; gives A's code and both last snapshots.
async fn connected(scenario: Scenario, privacy: Privacy) -> (Code, Arc<Snapshot>, Arc<Snapshot>) {
    connected_at(scenario, [privacy, Privacy::Everything]).await
}

/// The same with a level for each.
async fn connected_at(scenario: Scenario, levels: [Privacy; 2]) -> (Code, Arc<Snapshot>, Arc<Snapshot>) {
    let [privacy, of_b] = levels;
    let world = World::build(scenario, 5).expect("the world can be built");
    let config = config_for(&world);
    let a = Call::start(CallConfig { privacy, ..config.clone() }, Arc::clone(&world.a));
    let b = Call::start(CallConfig { privacy: of_b, ..config }, Arc::clone(&world.b));
    let (code_a, code_b) = (code_of(&a).await, code_of(&b).await);
    a.send(Command::PasteCode(code_b));
    b.send(Command::PasteCode(code_a.clone()));
    let secured = |snapshot: &Snapshot| snapshot.picture.timings.secured.is_some();
    let (at_a, at_b) = (until(&a, "a is secured", secured).await, until(&b, "b is secured", secured).await);
    (Code::decode(&code_a).expect("a code just made").0, at_a, at_b)
}

/// Every address that a code tells.
fn told(code: &Code) -> Vec<IpAddr> {
    let addresses = |candidate: &Candidate| [Some(candidate.address), candidate.related_address];
    code.candidates.iter().flat_map(addresses).flatten().map(|address| address.ip()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_lan_is_in_no_code_and_the_call_connects_through_the_routers() {
    let (code, ..) = connected(Scenario::TwoNat, Privacy::HideLan).await;
    let told = told(&code);
    assert!(!told.is_empty() && told.iter().all(|ip| !ip.to_string().starts_with("192.168.")), "{told:?}");
    assert!(!code.describe().join("\n").contains("192.168."));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_hides_the_lan_still_meets_one_on_it_who_does_not() {
    let (code, ..) = connected(Scenario::Lan, Privacy::HideLan).await;
    assert!(code.candidates.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_hide_their_lan_meet_on_it_by_names() {
    let (code, at_a, at_b) = connected_at(Scenario::Lan, [Privacy::HideLan; 2]).await;
    assert!(code.candidates.is_empty() && !code.hidden.is_empty(), "{code:?}");
    for snapshot in [at_a, at_b] {
        let selected = snapshot.picture.selected_pair().expect("a path is in use");
        assert!(selected.id.remote.ip().to_string().starts_with("192.168.1."), "{selected:?}");
        assert!(snapshot.picture.silent_names.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_only_shows_the_peer_nothing_but_the_relay() {
    let (code, at_a, at_b) = connected(Scenario::SymmetricBoth, Privacy::RelayOnly).await;
    assert!(!code.candidates.is_empty());
    assert!(code.candidates.iter().all(|told| told.candidate_type == CandidateType::Relayed), "{code:?}");
    assert!(code.candidates.iter().all(|told| told.related_address.is_none()), "{code:?}");
    let relays: Vec<IpAddr> = told(&code);
    let seen = at_b.picture.remote_candidates.iter().map(|view| view.candidate.address.ip());
    let others: Vec<IpAddr> = seen.filter(|ip| !relays.contains(ip)).collect();
    assert!(others.is_empty(), "b has seen {others:?}");
    let selected = at_a.picture.selected_pair().expect("a path is in use");
    let base = at_a.picture.base(selected.id.base).expect("its base is known");
    assert!(relays.contains(&base.address.ip()), "{base:?}");
}
