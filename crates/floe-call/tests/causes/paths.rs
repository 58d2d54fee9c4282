//! What befalls a path that was found, staged on real calls.

use floe_inspect::Confidence;
use floe_simnet::{NatConfig, PortAssignment};
use floe_wire::IceRole;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn c25_an_interface_that_goes_down_is_a_network_change() {
    let pair = Pair::start(Scenario::TwoNat).exchanged().await.connected().await;
    let interface = |call: &Call| {
        let picture = &call.snapshot().picture;
        let base = picture.selected_pair().expect("a pair is in use").id.base;
        picture.base(base).expect("it has a base").interface.clone()
    };
    assert!(pair.world.set_interface_up(Side::A, &interface(&pair.a), false));
    says(&pair.a, "C25").await;
    // The other end sees that media comes from elsewhere, and no interface of its own that changed.
    until(&pair.b, "media goes elsewhere", |snapshot| snapshot.picture.selections.len() > 1).await;
    assert!(!ids(&pair.b.snapshot().picture).contains(&"C25"), "{}", story(&pair.b.snapshot().picture));
}

#[tokio::test(flavor = "multi_thread")]
async fn c25_both_ends_lose_their_networks_at_once() {
    let pair = Pair::start(Scenario::TwoNat).exchanged().await.connected().await;
    for (side, call) in [(Side::A, &pair.a), (Side::B, &pair.b)] {
        let snapshot = call.snapshot();
        let base = snapshot.picture.selected_pair().expect("a pair is in use").id.base;
        let interface = &snapshot.picture.base(base).expect("it has a base").interface;
        assert!(pair.world.set_interface_up(side, interface, false));
    }
    says(&pair.a, "C25").await;
    says(&pair.b, "C25").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c26_a_computer_that_slept_until_its_router_had_forgotten_the_call() {
    let world = World::build(Scenario::TwoNat, 7).expect("the world can be built");
    // What is mapped anew gets another port, which the other router does not let in.
    assert!(world.set_nat(Side::A, NatConfig { ports: PortAssignment::Random, ..NatConfig::HOME }));
    let config = CallConfig { tcp: false, ..config_for(&world) };
    let sleeper = Sleeper::start(config.clone(), Arc::clone(&world.a));
    let pair = Pair { a: sleeper.call, b: Call::start(config, Arc::clone(&world.b)), world };
    let pair = pair.exchanged().await.connected().await;
    let asleep = sleeper.asleep;
    sleeper.sleep.send(Duration::from_secs(27)).expect("it is awake");
    asleep.await.expect("it falls asleep");
    assert!(pair.world.flush_nat(Side::A));
    says_first(&pair.a, "C26").await;
    // The other end was awake, and asked all the time.
    says_first(&pair.b, "C31").await;
}

/// A call on a computer that can be put to sleep: all its tasks are on one thread, and that stands still.
struct Sleeper {
    call: Call,
    sleep: tokio::sync::oneshot::Sender<Duration>,
    /// Told when it has fallen asleep.
    asleep: tokio::sync::oneshot::Receiver<()>,
}

impl Sleeper {
    fn start(config: CallConfig, network: Arc<dyn Network>) -> Self {
        let (call_sender, call) = std::sync::mpsc::channel();
        let (sleep, bedtime) = tokio::sync::oneshot::channel();
        let (falls_asleep, asleep) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let call = Call::start(config, network);
                let ended = call.watch();
                call_sender.send(call).expect("somebody waits for it");
                if let Ok(time) = bedtime.await {
                    let _ = falls_asleep.send(());
                    std::thread::sleep(time);
                }
                let mut ended = ended;
                // Ends with the call.
                let _ = ended.wait_for(|snapshot| snapshot.finished).await;
            });
        });
        Self { call: call.recv().expect("the call was started"), sleep, asleep }
    }
}

/// Which end is the DTLS client; it speaks first. The controlling side is.
async fn client_and_server(pair: &Pair) -> [&Call; 2] {
    let snapshot = until(&pair.a, "roles are decided", |snapshot| snapshot.picture.role.is_some()).await;
    match snapshot.picture.role {
        Some(IceRole::Controlling) => [&pair.a, &pair.b],
        Some(IceRole::Controlled) | None => [&pair.b, &pair.a],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c23_large_packets_do_not_pass() {
    let pair = Pair::both_meddled(Scenario::Lan, |datagram, _| {
        let is_large = classify(datagram) == PacketKind::Dtls && datagram.len() > 400;
        // A handshake record that begins with a ClientHello (RFC 9147 section 5.2).
        let is_hello = datagram.first() == Some(&22) && datagram.get(13) == Some(&1);
        if is_large && !is_hello { Fate::Lose } else { Fate::Pass }
    });
    let pair = pair.exchanged().await;
    let [client, server] = client_and_server(&pair).await;
    // The client's first packet arrives. What is lost then is the server's: it sees that the client goes on asking, and
    // the client sees that nothing comes back.
    says_first(server, "C23").await;
    says_first(client, "C28").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c28_only_stun_passes() {
    let pass_stun = |datagram: &[u8], _| if classify(datagram) == PacketKind::Stun { Fate::Pass } else { Fate::Lose };
    let pair = Pair::both_meddled(Scenario::Lan, pass_stun).exchanged().await;
    let [client, server] = client_and_server(&pair).await;
    for (call, confidence) in [(server, Confidence::Likely), (client, Confidence::Possible)] {
        let snapshot = says_first(call, "C28").await;
        let finding = diagnose(&snapshot.picture).remove(0);
        // The client's packets are large, so that it cannot tell a filter from a small path MTU.
        assert_eq!(finding.confidence, confidence, "{}", finding.evidence);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c22_media_of_both_ends_leaves_by_another_interface_than_was_agreed() {
    let strays = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&strays);
    let judge = move |datagram: &[u8], _| {
        let is_audio = matches!(classify(datagram), PacketKind::Rtp | PacketKind::Rtcp);
        if is_audio && switch.load(Ordering::Relaxed) { Fate::Stray } else { Fate::Pass }
    };
    let pair = Pair::both_meddled(Scenario::Lan, judge).exchanged().await.connected().await;
    strays.store(true, Ordering::Relaxed);
    says_first(&pair.a, "C22").await;
    says_first(&pair.b, "C22").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c24_media_that_goes_one_way() {
    let judge = |datagram: &[u8], _| if classify(datagram) == PacketKind::Rtp { Fate::Lose } else { Fate::Pass };
    let pair = Pair::meddled(Scenario::Lan, judge).exchanged().await;
    says_first(&pair.b, "C24").await;
    says_first(&pair.a, "C24").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c31_a_path_that_dies_in_the_middle_of_a_call() {
    let is_dead = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&is_dead);
    let judge = move |_: &[u8], _| if switch.load(Ordering::Relaxed) { Fate::Lose } else { Fate::Pass };
    let pair = Pair::both_meddled(Scenario::TwoNat, judge).exchanged().await.connected().await;
    is_dead.store(true, Ordering::Relaxed);
    says_first(&pair.a, "C31").await;
    says_first(&pair.b, "C31").await;
    for call in [&pair.a, &pair.b] {
        let snapshot = until(call, "ICE has failed", |snapshot| {
            snapshot.picture.ice_connection_state() == IceConnectionState::Failed
        })
        .await;
        let code = failure_code(&snapshot.picture).expect("it failed");
        assert!(floe_inspect::explain_code(&code).unwrap().iter().any(|bit| bit.id == "C31"), "{code}");
        assert!(snapshot.picture.lint.is_empty(), "{}", story(&snapshot.picture));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c32_every_path_is_blocked_by_a_person() {
    let pair = Pair::start(Scenario::TwoNat).exchanged().await.connected().await;
    // What takes over is blocked as well, until nothing is left.
    let mut blocked = Vec::new();
    while pair.a.snapshot().picture.all_blocked().is_none() {
        assert!(blocked.len() < 20, "{}", story(&pair.a.snapshot().picture));
        let path = |snapshot: &Snapshot| {
            let picture = &snapshot.picture;
            let mut answered = picture.pairs.iter().filter(|pair| pair.last_answer.is_some());
            answered.find(|pair| !picture.is_blocked(pair.id)).map(|pair| pair.id)
        };
        if let Some(id) = path(&pair.a.snapshot()) {
            blocked.push(id);
            // What has no name at the other end yet cannot be told there.
            until(&pair.a, "the other side told of it", |now| now.picture.peer.seen_of(id).is_some()).await;
            pair.a.send(Command::BlockPair { base: id.base, remote: id.remote });
            until(&pair.a, "it is blocked", |snapshot| snapshot.picture.is_blocked(id)).await;
        }
    }
    says_first(&pair.a, "C32").await;
    says_first(&pair.b, "C32").await;
    let text = |call: &Call| floe_inspect::headline(&call.snapshot().picture).text;
    assert_eq!(text(&pair.a), "Every path is blocked by you");
    assert_eq!(text(&pair.b), "Every path is blocked by the other side");
    // The one advised action helps.
    let moves = pair.a.snapshot().picture.selections.len();
    for id in blocked {
        pair.a.send(Command::ReleasePair { base: id.base, remote: id.remote });
    }
    until(&pair.a, "a path is there again", |snapshot| {
        let picture = &snapshot.picture;
        let works =
            matches!(picture.ice_connection_state(), IceConnectionState::Connected | IceConnectionState::Completed);
        works && picture.all_blocked().is_none() && picture.selections.len() > moves
    })
    .await;
}
