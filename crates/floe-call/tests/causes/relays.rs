//! Relays that say no, each code on a real call that connects without them.

use floe_wire::turn::Method;

use super::*;

/// Both ends name the code before everything else.
async fn refused(method: Method, code: u16, advice: &str) {
    let world = World::build_with_relays(Scenario::TwoNat, &[RelayProtocol::Udp], 7).expect("the world can be built");
    world.refuse_turn(method, code);
    let pair = Pair::relayed(world, None).exchanged().await.connected().await;
    for call in [&pair.a, &pair.b] {
        let snapshot = says_first(call, "C20").await;
        let findings = diagnose(&snapshot.picture);
        let expected = format!("refused {} with {code} ", method.name());
        assert!(findings[0].evidence.contains(&expected), "{}", findings[0].evidence);
        assert!(findings[0].advice.contains(advice), "{}", findings[0].advice);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_a_relay_that_is_forbidden() {
    refused(Method::Allocate, 403, "its operator decides").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_a_relay_that_does_not_carry_to_the_peer() {
    refused(Method::CreatePermission, 403, "does not carry packets to this address").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_a_relay_that_has_another_allocation_for_this_socket() {
    refused(Method::Allocate, 437, "has another one for this socket").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_a_relay_that_refuses_every_nonce() {
    refused(Method::Allocate, 438, "refuses every nonce").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_a_relay_without_the_address_family() {
    refused(Method::Allocate, 440, "no addresses of this family").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_a_relay_with_the_allocation_of_another_user() {
    refused(Method::Allocate, 441, "belongs to another user").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_a_relay_that_does_not_carry_udp() {
    refused(Method::Allocate, 442, "does not carry UDP").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_a_relay_whose_quota_is_used_up() {
    refused(Method::Allocate, 486, "quota for this user is used up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_a_relay_that_is_full() {
    refused(Method::Allocate, 508, "no addresses left").await;
}
