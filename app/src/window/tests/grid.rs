//! The pair grid: cells, keys, restarts.

use floe_inspect::{picture::PairId, rulings::RulingView};
use floe_wire::verdict::{Judge, PairRuling, PairVerdict};

use super::*;

#[test]
fn a_cell_of_the_grid_says_what_it_is() {
    let harness = small(fixtures::connected());
    harness.get_by_label("pair eth0 192.168.1.2 to srflx 198.51.100.7: succeeded, 31 ms, selected");
    harness.get_by_label("pair wlan0 192.168.2.7 to host 192.168.178.40: failed");
}

#[test]
fn a_clicked_cell_explains_itself_below_the_grid() {
    let mut harness = small(fixtures::connected());
    harness.get_by_label("pair wlan0 192.168.2.7 to relay 192.0.2.200: frozen").click();
    harness.run();
    harness.get_by_label("Waits for the first pair of its foundation to be answered.");
}

#[test]
fn arrow_keys_move_between_pairs() {
    let mut harness = small(fixtures::connected());
    harness.get_by_label_contains("pair eth0 192.168.1.2 to host").focus();
    harness.run();
    for (key, expected) in [
        (Key::ArrowRight, "pair eth0 192.168.1.2 to prflx"),
        (Key::ArrowDown, "pair wlan0 192.168.2.7 to prflx"),
        (Key::ArrowLeft, "pair wlan0 192.168.2.7 to host"),
        (Key::ArrowUp, "pair eth0 192.168.1.2 to host"),
        (Key::ArrowUp, "pair eth0 192.168.1.2 to host"),
    ] {
        harness.key_press(key);
        harness.run();
        assert!(harness.get_by_label_contains(expected).is_focused(), "{key:?} should lead to {expected}");
    }
}

#[test]
fn an_arrow_key_without_focus_enters_the_grid_at_the_pair_in_use() {
    let mut harness = small(fixtures::connected());
    harness.key_press(Key::ArrowDown);
    harness.run();
    assert!(harness.get_by_label_contains("31 ms, selected").is_focused());
}

#[test]
fn cells_are_large_enough_to_hit_and_lie_inside_the_smallest_window() {
    let harness = small(fixtures::connected());
    let cells: Vec<_> = harness.get_all_by_label_contains("pair ").map(|node| node.rect()).collect();
    assert_eq!(cells.len(), 8);
    for cell in cells {
        assert!(cell.width() >= 96.0 && cell.height() >= 44.0, "{cell:?}");
        assert!(cell.right() <= SMALL.x + 8.0, "{cell:?} is clipped");
    }
}

#[test]
fn ice_can_be_restarted_from_the_grid_of_a_running_call() {
    let mut harness = small(fixtures::connected());
    harness.get_by_label("Restart ICE").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::Call(Command::RestartIce)]);
    assert!(small(fixtures::failed()).query_by_label("Restart ICE").is_none());
}

/// A running call whose pair in use is ruled upon.
fn ruled(verdict: PairVerdict, by: Judge) -> Snapshot {
    let mut snapshot = fixtures::connected();
    let picture = std::sync::Arc::make_mut(&mut snapshot.picture);
    let PairId { base, remote, .. } = picture.selected_pair().unwrap().id;
    let ruling = PairRuling { base, remote, verdict, by, measured: None, is_shared: true };
    picture.rulings = vec![RulingView { ruling, at: picture.at }];
    snapshot
}

#[test]
fn a_pair_is_forced_blocked_and_released_below_the_grid() {
    let mut harness = small(fixtures::connected());
    let id = harness.state().snapshot.picture.selected_pair().unwrap().id;
    let (base, remote) = (id.base, id.remote);
    for (title, command) in
        [("Use this pair", Command::ForcePair { base, remote }), ("Block", Command::BlockPair { base, remote })]
    {
        harness.get_by_label(title).scroll_to_me();
        harness.run();
        harness.get_by_label(title).click();
        harness.run();
        assert_eq!(wishes(&mut harness), [Wish::Call(command)]);
    }
    assert!(harness.query_by_label("Release").is_none());
    let mut harness = small(ruled(PairVerdict::Forced, Judge::Here));
    harness.get_by_label("Release").scroll_to_me();
    harness.run();
    harness.get_by_label("Release").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::Call(Command::ReleasePair { base, remote })]);
}

#[test]
fn a_right_click_on_a_cell_asks_the_same_for_its_pair() {
    let mut harness = small(fixtures::connected());
    let cell = "pair wlan0 192.168.2.7 to relay 192.0.2.200: frozen";
    harness.get_by_label(cell).click_secondary();
    harness.run();
    let chosen = harness.state().view.dock.grid.chosen.unwrap();
    let entries: Vec<_> = harness.get_all_by_label("Block").collect();
    assert_eq!(entries.len(), 2, "in the menu and below the grid");
    entries[1].click();
    harness.run();
    let PairId { base, remote, .. } = chosen;
    assert_eq!(wishes(&mut harness), [Wish::Call(Command::BlockPair { base, remote })]);
}

#[test]
fn a_cell_says_what_was_decided_about_its_pair() {
    let cell = "pair eth0 192.168.1.2 to srflx 198.51.100.7: succeeded, 31 ms, selected";
    for (verdict, by, words) in [
        (PairVerdict::Forced, Judge::Here, "forced by you"),
        (PairVerdict::Blocked, Judge::Peer, "blocked by friend"),
        (PairVerdict::Distrusted, Judge::Measurement, "distrusted"),
    ] {
        small(ruled(verdict, by)).get_by_label(&format!("{cell}, {words}"));
    }
}

#[test]
fn nothing_can_be_asked_of_the_pairs_of_a_call_that_is_over() {
    let harness = small(fixtures::failed());
    assert!(harness.query_by_label("Use this pair").is_none() && harness.query_by_label("Block").is_none());
}

#[test]
fn a_blocked_pair_is_called_blocked_and_not_in_reserve() {
    let mut snapshot = fixtures::connected();
    let picture = std::sync::Arc::make_mut(&mut snapshot.picture);
    let is_reserve = |pair: &&floe_inspect::picture::PairView| {
        pair.state == floe_inspect::picture::PairState::Succeeded && !pair.selected
    };
    let pair = picture.pairs.iter().find(is_reserve).unwrap().id;
    picture.standby = vec![pair];
    let words = |snapshot: Snapshot| {
        let harness = small(snapshot);
        let cells: Vec<String> =
            harness.get_all_by_label_contains("pair ").filter_map(|node| node.accesskit_node().label()).collect();
        let those = |words: &str| cells.iter().filter(|cell| cell.contains(words)).count();
        (those(", standby"), those(", blocked by you"))
    };
    let (standby, blocked) = words(snapshot.clone());
    assert!(standby == 1 && blocked == 0, "{standby} {blocked}");
    let PairId { base, remote, .. } = pair;
    let (verdict, by) = (PairVerdict::Blocked, Judge::Here);
    let ruling = PairRuling { base, remote, verdict, by, measured: None, is_shared: true };
    std::sync::Arc::make_mut(&mut snapshot.picture).rulings = vec![RulingView { ruling, at: floe_wire::Stamp::ZERO }];
    let (standby, blocked) = words(snapshot);
    assert!(standby == 0 && blocked == 1, "{standby} {blocked}");
}

/// A call that got no answer, with the friend's side added at its end: three of nine checks had arrived there.
fn unanswered_with_their_side() -> floe_inspect::History {
    use floe_wire::{Direction, RecordBody, SightedKind, Stamp, peer::PairDigest};
    let (mut records, text) = fixtures::both_sides();
    records
        .retain(|record| !matches!(&record.body, RecordBody::Packet(packet) if packet.direction == Direction::Inbound));
    let mut history: floe_inspect::History = records.into_iter().collect();
    history.tick(Stamp::from_millis(15_000));
    let mut side = floe_signal::side_text::read_side(&text).unwrap();
    let arrived =
        |seen: &&floe_wire::Sighting| (seen.kind, seen.direction) == (SightedKind::Request, Direction::Inbound);
    let newest_request = side.sightings[0].list.iter().rfind(arrived).map(|seen| seen.key);
    side.digest.pairs = vec![PairDigest {
        generation: floe_wire::Generation(0),
        base: floe_wire::BaseId(9),
        remote: "203.0.113.21:5000".parse().unwrap(),
        requests_sent: 9,
        responses_received: 0,
        requests_received: 3,
        responses_sent: 3,
        newest_request,
    }];
    for note in floe_inspect::side::add_side(history.latest(), &side).unwrap() {
        history.push(floe_wire::Record { at: Stamp::from_millis(15_000), body: RecordBody::note(note) });
    }
    history
}

#[test]
fn at_every_moment_a_cell_says_what_a_side_added_afterwards_had_seen_by_then() {
    let mut history = unanswered_with_their_side();
    let whole = std::sync::Arc::new(history.latest().clone());
    for (ms, word) in [
        (2_000, "the peer saw 1 of them and sent 1 answer"),
        (5_000, "the peer saw 2 of them and sent 2 answers"),
        (14_999, "the peer saw 3 of them and sent 3 answers"),
        (15_000, "the peer saw 3 of them and sent 3 answers"),
    ] {
        let at = floe_wire::Stamp::from_millis(ms);
        let picture = history.picture_at(at);
        let mut stage = Stage::new(Snapshot { picture: std::sync::Arc::clone(&whole), ..fixtures::connected() });
        stage.moment = Some(Moment { at, reading: Reading::of(&picture), picture });
        let harness = window(stage, SMALL, egui::Theme::Light);
        harness.get_by_label_contains(word);
    }
}
