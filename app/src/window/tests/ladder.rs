//! The ladder: rows, the chosen message, the pair it follows.

use floe_inspect::ladder::RowId;

use super::*;

fn ladder(snapshot: Snapshot) -> Harness<'static, Stage> {
    let mut stage = Stage::new(snapshot);
    stage.view.dock.show(Panel::Ladder);
    window(stage, SMALL, egui::Theme::Dark)
}

#[test]
fn the_ladder_tells_answers_losses_and_repetitions_apart() {
    let harness = ladder(fixtures::exchanged(1));
    harness.get_by_label("00:00.100 sent: Binding request · eth0 · 203.0.113.9:4000");
    harness.get_by_label("00:00.131 received: Binding response · eth0 · 203.0.113.9:4000, 31 ms");
    harness.get_by_label("00:00.200 sent: Binding request · eth0 · 192.168.9.9:4000, no answer");
    harness.get_by_label("00:00.700 sent: Binding retransmission · eth0 · 192.168.9.9:4000, no answer");
}

#[test]
fn a_chosen_message_is_decoded_and_leads_to_its_moment() {
    let mut harness = ladder(fixtures::exchanged(1));
    harness.get_by_label_contains("00:00.100 sent").click();
    harness.run();
    harness.get_by_label("Binding request");
    harness.get_by_label("ICE-CONTROLLING");
    harness.get_by_label_contains("answered in 31 ms");
    harness.key_press(Key::ArrowDown);
    harness.run();
    assert!(harness.get_by_label_contains("00:00.131 received").is_focused());
    harness.get_by_label("XOR-MAPPED-ADDRESS");
    harness.get_by_label("Show this moment").click();
    harness.run();
    let moment = floe_wire::Stamp::from_millis(131);
    assert_eq!(wishes(&mut harness), [Wish::Playhead(PlayheadWish::Seek(moment))]);
}

#[test]
fn the_ladder_follows_the_pair_chosen_in_the_grid() {
    let mut harness = ladder(fixtures::exchanged(3));
    assert_eq!(harness.get_all_by_label_contains("192.168.9.9:4000").count(), 6);
    let pair =
        *harness.state().snapshot.picture.pairs.iter().find(|pair| pair.rtt.is_some()).map(|pair| &pair.id).unwrap();
    harness.state_mut().view.dock.grid.chosen = Some(pair);
    harness.run();
    assert_eq!(harness.query_all_by_label_contains("192.168.9.9:4000").count(), 0);
    assert_eq!(harness.get_all_by_label_contains("Binding response").count(), 3);
}

#[test]
fn a_hundred_thousand_messages_cost_no_more_than_those_in_sight() {
    let mut harness = ladder(fixtures::exchanged(24_000));
    let rows = |harness: &Harness<'static, Stage>| harness.query_all_by_label_contains("Binding re").count();
    assert!(harness.state().snapshot.picture.ladder.rows(None).len() > 90_000);
    assert!((5..40).contains(&rows(&harness)), "{} rows are drawn", rows(&harness));
    harness.state_mut().view.dock.ladder.show(RowId::Ours(50_001));
    harness.run();
    assert!((5..40).contains(&rows(&harness)), "{} rows are drawn", rows(&harness));
}

#[test]
fn a_lint_finding_leads_to_its_packet() {
    let mut stage = Stage::new(fixtures::exchanged(3));
    let picture = std::sync::Arc::make_mut(&mut stage.snapshot.picture);
    let (number, message) =
        picture.ladder.rows(None).get(5).map(|(number, message)| (number, message.clone())).unwrap();
    picture.lint = vec![LintFinding {
        rule: "pace",
        about: floe_inspect::Side::Peer,
        section: "RFC 8445 section 14.2",
        text: "New checks came 1 ms apart.".to_owned(),
        at: message.at,
        record: message.record,
        times: 4,
    }];
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label("lint pace").scroll_to_me();
    harness.run();
    harness.get_by_label("lint pace").click();
    harness.run();
    let wish = Wish::ShowPacket { record: message.record, at: message.at };
    assert_eq!(wishes(&mut harness), [wish]);
    let stage = harness.state_mut();
    stage.view.dock.ladder.show_record(&stage.snapshot.picture.ladder, message.record, message.at);
    assert_eq!(stage.view.dock.ladder.chosen, Some(RowId::Ours(number)));
}

#[test]
fn a_typed_password_tells_whether_a_message_of_a_capture_is_authentic() {
    let mut harness = ladder(fixtures::exchanged(1));
    harness.get_by_label_contains("00:00.100 sent").click();
    harness.run();
    harness.get_by_label_contains("not known: the password is not here");
    for (typed, expected) in
        [("any-password-of-24-", "wrong: not made with the password"), ("chars", "valid: made with the password")]
    {
        harness.get_by_label("Password to check integrity with").focus();
        harness.run();
        harness.event(egui::Event::Text(typed.to_owned()));
        harness.run();
        harness.get_by_label(expected);
    }
}

#[test]
fn a_message_that_the_session_found_forged_says_so_in_its_row() {
    let harness = ladder(fixtures::forged());
    harness.get_by_label("00:00.100 received: Binding request · eth0 · 203.0.113.9:4000, ✗ forged");
}

/// A call with the friend's side added at its end.
fn with_their_side() -> floe_inspect::History {
    let (records, text) = fixtures::both_sides();
    let mut history: floe_inspect::History = records.into_iter().collect();
    history.tick(floe_wire::Stamp::from_millis(15_000));
    let side = floe_signal::side_text::read_side(&text).unwrap();
    for note in floe_inspect::side::add_side(history.latest(), &side).unwrap() {
        let (at, body) = (floe_wire::Stamp::from_millis(15_000), floe_wire::RecordBody::note(note));
        history.push(floe_wire::Record { at, body });
    }
    history
}

#[test]
fn what_only_the_friend_s_record_has_stands_between_ours_and_can_be_looked_at() {
    let picture = std::sync::Arc::new(with_their_side().latest().clone());
    assert_eq!(picture.ladder.theirs().len(), 9);
    let mut harness = ladder(Snapshot { picture, ..fixtures::connected() });
    assert!(harness.get_all_by_label_contains("sent there, never arrived here").count() > 3);
    let theirs = harness.get_by_label_contains("00:07.400 your friend's Binding request").rect();
    let ours = |label| harness.get_by_label_contains(label).rect();
    assert!(ours("00:07.100 sent").bottom() <= theirs.top() && theirs.bottom() <= ours("00:08.100 sent").top());
    // The keys go through all rows, and what is chosen stays in sight while its contents take room.
    harness.get_by_label_contains("00:07.100 sent").click();
    harness.run_steps(20);
    for row in ["00:07.100 sent", "00:07.400 your friend's Binding request", "00:08.100 sent"] {
        assert!(harness.get_by_label_contains(row).is_focused(), "{row}");
        if row.contains("friend") {
            harness.get_by_label_contains("by your friend's.");
            harness.get_by_label("sent there, never arrived here");
        }
        harness.key_press(Key::ArrowDown);
        harness.run_steps(20);
    }
    // A click chooses it too, and Enter goes to its moment.
    harness.get_by_label_contains("00:07.400 your friend's Binding request").click();
    harness.run_steps(20);
    wishes(&mut harness);
    harness.key_press(Key::Enter);
    harness.run_steps(20);
    let moments = wishes(&mut harness);
    assert!(
        matches!(moments[..], [Wish::Playhead(PlayheadWish::Seek(at))] if at.0.as_millis() == 7_400),
        "{moments:?}"
    );
}

#[test]
fn the_next_trouble_may_be_one_that_only_the_friend_saw() {
    let picture = std::sync::Arc::new(with_their_side().latest().clone());
    let mut harness = ladder(Snapshot { picture, ..fixtures::connected() });
    let mut next = || {
        harness.get_by_label("Next trouble").click();
        harness.run_steps(20);
        harness.state().view.dock.ladder.chosen
    };
    // The first round of checks was answered; the friend's own check of it never came.
    let first = next();
    assert!(matches!(first, Some(RowId::Theirs(message)) if message.at.0.as_millis() == 400), "{first:?}");
    assert!(matches!(next(), Some(RowId::Ours(_))), "our check of the second round");
    assert!(matches!(next(), Some(RowId::Theirs(message)) if message.at.0.as_millis() == 1_400));
    let rounds: Vec<_> = (0..13).map(|_| next()).collect();
    assert!(rounds.contains(&first), "after the last one comes the first one: {rounds:?}");
}

/// Frames of a wheel that turns over 100,000 messages, as a window draws them that no screen reader listens to.
#[test]
#[ignore = "a measurement: cargo xtask bench window"]
fn scrolling_a_hundred_thousand_messages_is_measured() {
    const FRAMES: usize = 400;
    for (rounds, chosen) in [(250, None), (25_000, None), (25_000, Some(50_001))] {
        let mut stage = Stage::new(fixtures::exchanged(rounds));
        stage.view.dock.show(Panel::Ladder);
        let messages = stage.snapshot.picture.ladder.rows(None).len();
        if let Some(number) = chosen {
            stage.view.dock.ladder.show(RowId::Ours(number));
        }
        let ctx = egui::Context::default();
        theme::install(&ctx);
        let mut frames = Vec::with_capacity(FRAMES);
        for frame in 0..FRAMES + 20 {
            let begun = std::time::Instant::now();
            scroll(&ctx, &mut stage, frame);
            if frame >= 20 {
                frames.push(begun.elapsed());
            }
        }
        frames.sort_unstable();
        let percent = |share: usize| frames[(FRAMES - 1) * share / 100];
        let build = if cfg!(debug_assertions) { "dev: opt-level 0, egui 1" } else { "release: opt-level 3" };
        println!(
            "{messages} messages, message shown: {}, 1920×1080, {build}: median {:?}, p95 {:?}, p99 {:?}, worst {:?}",
            chosen.is_some(),
            percent(50),
            percent(95),
            percent(99),
            percent(100)
        );
    }
}

/// One frame: input, layout, and the triangles for the graphics card.
fn scroll(ctx: &egui::Context, stage: &mut Stage, frame: usize) {
    let size = vec2(1920.0, 1080.0);
    let up = if (frame / 100).is_multiple_of(2) { 1.0 } else { -1.0 };
    let wheel = egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Line,
        delta: vec2(0.0, up * 3.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
        modifiers: Modifiers::NONE,
    };
    let input = egui::RawInput {
        screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, size)),
        time: Some(frame as f64 / 60.0),
        events: vec![egui::Event::PointerMoved(egui::pos2(900.0, 600.0)), wheel],
        ..egui::RawInput::default()
    };
    let mut output = ctx.run_ui(input, |ui| stage.draw(ui));
    let triangles = ctx.tessellate(output.shapes, output.pixels_per_point);
    assert!(!triangles.is_empty());
    // There is no graphics card to take them.
    output.textures_delta.clear();
    stage.wishes.clear();
}
