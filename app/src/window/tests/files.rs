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
fn reading_a_file_can_be_cancelled() {
    let mut stage = Stage::new(Snapshot::default());
    stage.journey = Journey::File;
    let state = OpenState::Reading { read: 120_000_000, total: 500_000_000 };
    stage.file = Some(FileFacts { name: "long.pcapng".to_owned(), state, is_call_running: true });
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label("120.0 MB of 500.0 MB read");
    harness.get_by_label("Cancel").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::CloseFile]);
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
