//! Files: shown, read in another way, saved.

use super::*;

#[test]
fn a_file_is_named_and_can_be_closed() {
    let mut stage = Stage::new(fixtures::failed());
    stage.journey = Journey::File;
    let opened = Opened {
        picture: std::sync::Arc::clone(&stage.snapshot.picture),
        reading: Reading::of(&stage.snapshot.picture),
        problems: vec!["The file is cut off at byte 97; everything before it was read.".to_owned()],
        notices: vec!["12 media packets were captured without what was said in them.".to_owned()],
        capture: None,
        bytes: 123_456,
        part: None,
    };
    let state = OpenState::Open(std::sync::Arc::new(opened));
    stage.file = Some(FileFacts { name: "monday.floe".to_owned(), state, is_call_running: false });
    let mut harness = window(stage, SMALL, egui::Theme::Light);
    harness.get_by_label_contains("✗ The file is cut off at byte 97");
    // What is worth knowing is no error.
    harness.get_by_label("12 media packets were captured without what was said in them.");
    assert!(harness.query_by_label("Mute").is_none());
    harness.get_by_label("Close the file").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::CloseFile]);
}

#[test]
fn another_session_of_a_capture_and_its_other_side_can_be_chosen() {
    let mut stage = Stage::new(fixtures::connected());
    stage.journey = Journey::File;
    let line = |ufrag: &str| SessionLine {
        ufrag: ufrag.to_owned(),
        name: format!("{ufrag} and peer"),
        at: floe_wire::Stamp::from_millis(1_000),
        checks: 12,
    };
    let capture = Capture {
        sessions: vec![line("aaaa"), line("bbbb")],
        chosen: Some(0),
        us: Some("192.168.1.2 is taken for us: its packets are captured before a router".to_owned()),
        options: ImportOptions::default(),
    };
    let opened = Opened {
        picture: std::sync::Arc::clone(&stage.snapshot.picture),
        reading: Reading::of(&stage.snapshot.picture),
        problems: Vec::new(),
        notices: Vec::new(),
        capture: Some(capture),
        bytes: 123_456,
        part: None,
    };
    let state = OpenState::Open(std::sync::Arc::new(opened));
    stage.file = Some(FileFacts { name: "browser.pcapng".to_owned(), state, is_call_running: false });
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label("session bbbb and peer").click();
    harness.run();
    let other = ImportOptions { session: Some("bbbb".to_owned()), swap_sides: false };
    assert_eq!(wishes(&mut harness), [Wish::ReopenFile(other)]);
    harness.get_by_label("See it from the other side").click();
    harness.run();
    let swapped = ImportOptions { session: None, swap_sides: true };
    assert_eq!(wishes(&mut harness), [Wish::ReopenFile(swapped)]);
}

#[test]
fn while_a_file_is_read_every_panel_says_so_and_how_far_it_is() {
    let states = [
        (OpenState::Reading { read: 120_000_000, total: 500_000_000 }, "24 %", "120.0 MB of 500.0 MB"),
        (OpenState::Folding { taken: 500, total: 1_000 }, "50 %", "500 of 1000 records"),
    ];
    for ((state, percent, words), theme) in states.into_iter().zip([egui::Theme::Dark, egui::Theme::Light]) {
        let mut stage = Stage::new(Snapshot::default());
        stage.journey = Journey::File;
        stage.file = Some(FileFacts { name: "long.pcapng".to_owned(), state, is_call_running: true });
        let mut harness = window(stage, SMALL, theme);
        harness.get_by_label(&format!("{words} read"));
        harness.get_by_label(&format!("State: Reading  ·  {percent}"));
        for panel in [Panel::Grid, Panel::Candidates, Panel::Ladder, Panel::Events, Panel::Audio, Panel::Network] {
            harness.state_mut().view.dock.show(panel);
            harness.run();
            let said = harness.get_all_by_label_contains(&format!("The file is being read: {words}.")).count();
            assert!(said > 0, "{panel:?}");
            assert!(harness.query_by_label_contains("This file").is_none(), "{panel:?}");
        }
        harness.get_by_label("Cancel").click();
        harness.run();
        assert_eq!(wishes(&mut harness), [Wish::StopReading]);
    }
}

/// A file of which a fifth was read before somebody stopped.
fn partly_read(snapshot: Snapshot) -> Stage {
    let mut stage = Stage::new(snapshot);
    stage.journey = Journey::File;
    let opened = Opened {
        picture: std::sync::Arc::clone(&stage.snapshot.picture),
        reading: Reading::of(&stage.snapshot.picture),
        problems: Vec::new(),
        notices: Vec::new(),
        capture: None,
        bytes: 500_000_000,
        part: Some(Part { read: 100_000_000, total: 500_000_000, records: None }),
    };
    let state = OpenState::Open(std::sync::Arc::new(opened));
    stage.file = Some(FileFacts { name: "long.pcapng".to_owned(), state, is_call_running: false });
    stage
}

#[test]
fn a_file_that_was_not_read_to_its_end_says_so_and_can_be_walked_through() {
    let mut harness = window(partly_read(fixtures::connected()), SMALL, egui::Theme::Dark);
    harness.get_by_label("Read 100.0 MB of 500.0 MB, then you stopped it: the rest is not shown.");
    assert!(harness.query_by_label("Cancel").is_none());
    let previous = harness.get_by_label("Previous event");
    assert!(!previous.accesskit_node().is_disabled());
    previous.click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::Playhead(PlayheadWish::Previous)]);
    harness.get_by_label("Close the file").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::CloseFile]);
}

#[test]
fn a_part_without_a_pair_is_not_taken_for_a_file_without_one() {
    let mut inspector = floe_inspect::Inspector::new();
    let note = floe_wire::RecordBody::note(floe_wire::Note::Captured);
    inspector.ingest(&floe_wire::Record { at: floe_wire::Stamp::ZERO, body: note });
    let picture = std::sync::Arc::new(inspector.picture().clone());
    let mut harness = window(partly_read(Snapshot { picture, ..Snapshot::default() }), SMALL, egui::Theme::Light);
    harness.state_mut().view.dock.show(Panel::Grid);
    harness.run();
    harness
        .get_by_label_contains("What was read of this file holds no pair of addresses that was checked. Read 100.0 MB");
    harness.get_by_label_contains("State: No call in this file");
}

#[test]
fn a_record_a_capture_and_a_report_can_be_saved() {
    let mut stage = Stage::new(fixtures::connected());
    stage.view.dialog = Some(Dialog::Save(SaveDraft::new(std::path::Path::new("/home/me"), 7)));
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label("Capture for Wireshark").click();
    harness.run();
    harness.get_by_label("Redact").click();
    harness.run();
    harness.get_by_label("Save").click();
    harness.run();
    let path = std::path::PathBuf::from("/home/me/floe-7.pcapng");
    assert_eq!(wishes(&mut harness), [Wish::Save { what: SaveAs::Capture, is_redacted: true, path }]);
    assert!(harness.get_by_label("Saving…").accesskit_node().is_disabled());
}

#[test]
fn a_file_can_be_chosen_from_those_opened_lately() {
    let mut stage = Stage::new(fixtures::connected());
    let path = std::path::PathBuf::from("/nowhere/monday.floe");
    stage.settings = stage.settings.with_recent(path.clone());
    stage.view.dialog = Some(Dialog::OpenFile(PathDraft::default()));
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label("monday.floe").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::OpenFile(path)]);
}
