//! The window as people and screen readers meet it.

use egui::{Key, Modifiers, Vec2, vec2};
use egui_kittest::{
    Harness,
    kittest::{NodeT as _, Queryable as _},
};
use floe_call::{AudioSource, Command, Playback, Snapshot};
use floe_capture::ImportOptions;
use floe_inspect::{LintFinding, peer::RestartView};

use super::{
    archive::{Capture, OpenState, Opened, SaveAs, SessionLine},
    break_it::Breakage,
    devices::DeviceList,
    dialogs::{Dialog, PathDraft, SaveDraft, SettingsDraft},
    dock::Panel,
    fixtures,
    frame::{self, ViewState},
    model::{FileFacts, Journey, Model, Side},
    network_test::TestState,
    playhead::{Playhead, PlayheadWish, Span},
    reading::Reading,
    settings::{PrivacyLevel, Settings},
    theme,
    turn_server::TurnServer,
    wish::{DialogKind, Wish},
};

struct Stage {
    snapshot: Snapshot,
    reading: Reading,
    journey: Journey,
    breakage: Option<Breakage>,
    playhead: Playhead,
    file: Option<FileFacts>,
    settings: Settings,
    devices: DeviceList,
    network_test: TestState,
    view: ViewState,
    wishes: Vec<Wish>,
}

impl Stage {
    fn new(snapshot: Snapshot) -> Self {
        Self {
            reading: Reading::of(&snapshot.picture),
            snapshot,
            journey: Journey::Call,
            breakage: None,
            playhead: Playhead::default(),
            file: None,
            settings: Settings::default(),
            devices: DeviceList::Unknown,
            network_test: TestState::NotRun,
            view: ViewState::default(),
            wishes: Vec::new(),
        }
    }

    fn draw(&mut self, ui: &mut egui::Ui) {
        let model = Model {
            journey: self.journey,
            side: Side::You,
            snapshot: &self.snapshot,
            moment: None,
            reading: &self.reading,
            now: self.snapshot.picture.at,
            end: self.snapshot.picture.at,
            playhead: self.playhead,
            file: self.file.as_ref(),
            source: &AudioSource::Tone { hz: 440 },
            playback: &Playback::None,
            breakage: self.breakage.as_ref(),
            settings: &self.settings,
            devices: &self.devices,
            network_test: &self.network_test,
            toast: None,
            notice: None,
        };
        self.wishes.extend(frame::view(&model, &mut self.view, ui));
    }
}

const SMALL: Vec2 = vec2(1000.0, 700.0);

fn window(stage: Stage, size: Vec2, brightness: egui::Theme) -> Harness<'static, Stage> {
    let mut harness = Harness::builder()
        // The harness keeps a margin of 8 points around what it draws.
        .with_size(size + vec2(16.0, 16.0))
        .with_theme(brightness)
        .with_context_setup(theme::install)
        .build_ui_state(|ui, stage: &mut Stage| stage.draw(ui), stage);
    harness.run();
    harness
}

/// A window at the smallest promised size, in the dark theme.
fn small(snapshot: Snapshot) -> Harness<'static, Stage> {
    window(Stage::new(snapshot), SMALL, egui::Theme::Dark)
}

fn wishes(harness: &mut Harness<'static, Stage>) -> Vec<Wish> {
    std::mem::take(&mut harness.state_mut().wishes)
}

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
fn a_refused_code_is_named_below_the_paste_box() {
    let harness = small(fixtures::refused_paste());
    let error = harness.get_by_label_contains("This code is cut off after 97 of 156 characters").rect();
    let paste_box = harness.get_by_label("Friend's code").rect();
    assert!(error.top() >= paste_box.bottom());
}

#[test]
fn a_code_pasted_anywhere_is_taken() {
    let mut harness = small(fixtures::waiting_for_code());
    harness.event(egui::Event::Paste("floe:ABC".to_owned()));
    harness.run();
    assert!(wishes(&mut harness).contains(&Wish::Call(Command::PasteCode("floe:ABC".to_owned()))));
}

#[test]
fn a_code_pasted_into_the_box_is_taken_without_a_click() {
    let mut harness = small(fixtures::waiting_for_code());
    harness.get_by_label("Friend's code").focus();
    harness.run();
    harness.event(egui::Event::Paste(fixtures::CODE.to_owned()));
    harness.run();
    let taken = wishes(&mut harness);
    assert_eq!(taken, [Wish::Call(Command::PasteCode(fixtures::CODE.to_owned()))]);
}

#[test]
fn the_mute_button_and_its_key_ask_for_the_same() {
    let mut harness = small(fixtures::connected());
    harness.get_by_label("Mute").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::Call(Command::SetMuted(true))]);
    harness.key_press(Key::M);
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::Call(Command::SetMuted(true))]);
}

#[test]
fn letters_typed_into_a_field_are_not_keys_of_the_window() {
    let mut harness = small(fixtures::waiting_for_code());
    harness.get_by_label("Friend's code").focus();
    harness.run();
    harness.key_press(Key::M);
    harness.key_press(Key::Num3);
    harness.run();
    assert_eq!(wishes(&mut harness), []);
}

#[test]
fn copying_with_nothing_selected_copies_our_code() {
    let mut harness = small(fixtures::waiting_for_code());
    harness.event(egui::Event::Copy);
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::Copy { text: fixtures::CODE.to_owned(), what: "Your code" }]);
}

#[test]
fn number_keys_ask_for_panels() {
    let mut harness = small(fixtures::connected());
    harness.key_press(Key::Num8);
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::ShowPanel(Panel::Events)]);
    harness.state_mut().view.dock.show(Panel::Events);
    harness.run();
    harness.get_by_label("Your friend is heard");
}

#[test]
fn the_current_state_of_each_machine_is_marked() {
    let mut stage = Stage::new(fixtures::connected());
    stage.view.dock.show(Panel::States);
    let harness = window(stage, SMALL, egui::Theme::Light);
    for label in [
        "Signaling stable: current, 04:12 · 2×",
        "Gathering complete: current, 04:13",
        "ICE connection completed: current, 04:11",
    ] {
        harness.get_by_label(label);
    }
    harness.get_by_label("ICE connection checking: visited, 58 ms");
    harness.get_by_label("ICE connection failed: not visited");
}

#[test]
fn every_state_lies_inside_the_smallest_window_and_none_overlap() {
    let mut stage = Stage::new(fixtures::connected());
    stage.view.dock.show(Panel::States);
    let harness = window(stage, SMALL, egui::Theme::Dark);
    let nodes: Vec<egui::Rect> = ["Signaling ", "Gathering ", "ICE connection "]
        .iter()
        .flat_map(|machine| harness.get_all_by_label_contains(machine))
        .filter(|node| node.accesskit_node().label().is_some_and(|label| label.contains(": ")))
        .map(|node| node.rect())
        .collect();
    assert_eq!(nodes.len(), 16);
    for (index, node) in nodes.iter().enumerate() {
        assert!(node.bottom() < SMALL.y - 18.0 && node.right() < SMALL.x - 200.0, "{node:?} is clipped");
        assert!(nodes[index + 1..].iter().all(|other| !node.intersects(*other)), "{node:?} overlaps another");
    }
}

#[test]
fn the_words_to_compare_come_with_what_to_do_with_them() {
    let harness = small(fixtures::connected());
    harness.get_by_label("amber  maple  orbit  velvet");
    harness.get_by_label_contains("Read these aloud");
}

#[test]
fn the_bar_says_where_the_call_stands() {
    let harness = small(fixtures::connected());
    harness.get_by_label("State: Connected  ·  direct  ·  31 ms  ·  04:12");
    let harness = small(fixtures::checking());
    harness.get_by_label("State: Looking for a path");
}

#[test]
fn a_finished_call_offers_a_new_one_and_no_used_up_code() {
    let mut harness = small(fixtures::failed());
    assert!(harness.query_by_label("Copy").is_none());
    harness.get_by_label("New call").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::NewCall]);
}

#[test]
fn an_empty_window_teaches_in_every_panel() {
    let mut stage = Stage::new(Snapshot::default());
    stage.journey = Journey::Idle;
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    for panel in
        [Panel::Grid, Panel::Candidates, Panel::Ladder, Panel::Path, Panel::Audio, Panel::Network, Panel::Events]
    {
        harness.state_mut().view.dock.show(panel);
        harness.run();
        harness.get_by_label("Press New call on the left, or choose a demo above.");
    }
}

#[test]
fn the_network_is_tested_on_request_and_the_panel_says_whom_a_call_reaches() {
    let mut harness = small(fixtures::connected());
    harness.state_mut().view.dock.show(Panel::Network);
    harness.run();
    harness.get_by_label("Test my network").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::TestNetwork]);
    harness.state_mut().network_test = TestState::Done(fixtures::tested_network());
    harness.run();
    harness.get_by_label("not known: one server alone has nothing to be compared with; add a second one");
    harness.get_by_label_contains("through a relay");
}

#[test]
fn help_opens_with_its_key_and_closes_with_escape() {
    let mut harness = small(fixtures::connected());
    harness.key_press(Key::F1);
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::Open(DialogKind::Help)]);
    harness.state_mut().view.dialog = Some(Dialog::Help);
    harness.run();
    harness.get_by_label("Keys and signs");
    harness.key_press_modifiers(Modifiers::NONE, Key::Escape);
    harness.run();
    assert!(wishes(&mut harness).contains(&Wish::CloseDialog));
}

#[test]
fn a_mistyped_server_is_named_and_cannot_be_saved() {
    let mut stage = Stage::new(fixtures::connected());
    stage.settings.stun_servers = vec!["http://stun.example.org".to_owned()];
    stage.view.dialog = Some(Dialog::Settings(SettingsDraft::of(&stage.settings)));
    let harness = window(stage, SMALL, egui::Theme::Light);
    harness.get_by_label_contains("Line 1: ");
    assert!(harness.get_by_label("Save settings").accesskit_node().is_disabled());
}

#[test]
fn a_turn_server_needs_a_password_before_it_can_be_saved() {
    let mut stage = Stage::new(fixtures::connected());
    let server =
        TurnServer { url: "turn:turn.example.org".to_owned(), user: "alice".to_owned(), ..TurnServer::default() };
    stage.settings.turn_servers = vec![server];
    stage.view.dialog = Some(Dialog::Settings(SettingsDraft::of(&stage.settings)));
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label_contains("TURN server 1: a TURN server needs a user name and a password");
    harness.get_by_label("TURN password 1").focus();
    harness.run();
    harness.event(egui::Event::Text("hunter2".to_owned()));
    harness.run();
    harness.get_by_label("Not those of my LAN").click();
    harness.run();
    let save = harness.get_by_label("Save settings");
    assert!(save.rect().bottom() < SMALL.y, "the button is clipped");
    save.click();
    harness.run();
    let Some(Wish::ChangeSettings(settings)) = wishes(&mut harness).into_iter().next() else { panic!("not saved") };
    assert_eq!(settings.turn_servers[0].password, "hunter2");
    assert_eq!(settings.privacy, PrivacyLevel::HideLan);
    assert!(!settings.turn_servers[0].is_remembered);
}

#[test]
fn a_demo_shows_either_peer() {
    let mut stage = Stage::new(fixtures::connected());
    stage.journey = Journey::Demo(floe_simnet::Scenario::default());
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label("Friend (B)").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::ShowSide(Side::Friend)]);
}

/// A call held at a moment.
fn held(ms: u64) -> Stage {
    let mut stage = Stage::new(fixtures::connected());
    let picture = std::sync::Arc::clone(&stage.snapshot.picture);
    let span = Span { whole: &picture, end: picture.at, is_running: true };
    stage.playhead.take(PlayheadWish::Seek(floe_wire::Stamp::from_millis(ms)), span);
    stage
}

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
    harness.state_mut().view.dock.ladder.show(50_001);
    harness.run();
    assert!((5..40).contains(&rows(&harness)), "{} rows are drawn", rows(&harness));
    let begun = std::time::Instant::now();
    for _ in 0..20 {
        harness.step();
    }
    eprintln!("a frame takes {:?}", begun.elapsed() / 20);
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
    assert_eq!(stage.view.dock.ladder.chosen, Some(number));
}

#[test]
fn ice_can_be_restarted_from_the_grid_of_a_running_call() {
    let mut harness = small(fixtures::connected());
    harness.get_by_label("Restart ICE").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::Call(Command::RestartIce)]);
    assert!(small(fixtures::failed()).query_by_label("Restart ICE").is_none());
}

#[test]
fn a_restart_says_its_cause_and_what_was_heard_of_it() {
    let mut snapshot = fixtures::connected();
    std::sync::Arc::make_mut(&mut snapshot.picture).restarts = vec![RestartView {
        generation: floe_wire::Generation(1),
        cause: floe_wire::peer::RestartCause::NetworkDown,
        started: floe_wire::Stamp::from_millis(62_000),
        selected: Some(floe_wire::Stamp::from_millis(62_400)),
        gap: Some(std::time::Duration::from_millis(380)),
    }];
    let harness = small(snapshot);
    harness.get_by_label("01:02  a network went away");
    harness.get_by_label("generation 1: 380 ms of audio made up");
}

#[test]
fn the_keys_of_the_playhead_ask_for_its_moves() {
    let mut harness = small(fixtures::connected());
    for (key, wish) in [
        (Key::Space, PlayheadWish::Toggle),
        (Key::ArrowLeft, PlayheadWish::Previous),
        (Key::ArrowRight, PlayheadWish::Next),
    ] {
        harness.key_press(key);
        harness.run();
        assert_eq!(wishes(&mut harness), [Wish::Playhead(wish)], "{key:?}");
    }
}

#[test]
fn an_earlier_moment_is_said_and_left_with_a_button_or_escape() {
    let mut harness = window(held(41_000), SMALL, egui::Theme::Dark);
    harness.get_by_label("Showing 00:41.000");
    harness.get_by_label("00:41 / 04:13");
    harness.get_by_label("Back to live").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::Playhead(PlayheadWish::End)]);
    harness.key_press(Key::Escape);
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::Playhead(PlayheadWish::End)]);
}

#[test]
fn a_click_on_the_track_asks_for_that_moment() {
    let mut harness = small(fixtures::connected());
    harness.get_by_label("Playhead at 04:13.400 of 04:13").click();
    harness.run();
    let [Wish::Playhead(PlayheadWish::Seek(at))] = wishes(&mut harness)[..] else { panic!("no moment was asked for") };
    assert!((126..=127).contains(&at.0.as_secs()), "{at} is not the middle");
}

#[test]
fn a_running_call_is_live_and_its_track_lies_inside_the_smallest_window() {
    let harness = small(fixtures::connected());
    let live = harness.get_by_label("live").rect();
    let track = harness.get_by_label("Playhead at 04:13.400 of 04:13").rect();
    assert!(track.width() > 300.0 && live.right() <= SMALL.x, "{track:?} {live:?}");
}

#[test]
fn a_file_is_named_and_can_be_closed() {
    let mut stage = Stage::new(fixtures::failed());
    stage.journey = Journey::File;
    let opened = Opened {
        picture: std::sync::Arc::clone(&stage.snapshot.picture),
        reading: Reading::of(&stage.snapshot.picture),
        problems: vec!["The file is cut off at byte 97; everything before it was read.".to_owned()],
        capture: None,
        bytes: 123_456,
    };
    let state = OpenState::Open(std::sync::Arc::new(opened));
    stage.file = Some(FileFacts { name: "monday.floe".to_owned(), state, is_call_running: false });
    let mut harness = window(stage, SMALL, egui::Theme::Light);
    harness.get_by_label_contains("cut off at byte 97");
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

#[test]
fn a_demo_can_be_broken_and_mended() {
    let mut stage = Stage::new(fixtures::connected());
    stage.journey = Journey::Demo(floe_simnet::Scenario::default());
    stage.breakage = Some(Breakage::default());
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label("wlan0 up").click();
    harness.run();
    let down = Breakage { down: vec!["wlan0".to_owned()], ..Breakage::default() };
    assert_eq!(wishes(&mut harness), [Wish::Break(down.clone())]);
    harness.state_mut().breakage = Some(down);
    harness.run();
    harness.get_by_label("wlan0 down");
    let mend = harness.get_by_label("Mend all");
    assert!(mend.rect().right() <= SMALL.x + 8.0, "the strip is clipped at {:?}", mend.rect());
    mend.click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::Break(Breakage::default())]);
}

#[test]
fn a_call_of_ones_own_cannot_be_broken() {
    let harness = small(fixtures::connected());
    assert!(harness.query_by_label("Mend all").is_none());
}

#[test]
fn what_to_do_about_a_failed_call_stands_above_the_panels() {
    let harness = small(fixtures::failed());
    let advice = Reading::of(&fixtures::failed().picture).findings[1].advice.clone();
    let tab = harness.get_by_label("Candidates").rect();
    let shown: Vec<_> = harness.get_all_by_label(&advice).map(|node| node.rect()).collect();
    assert!(shown.iter().any(|rect| rect.bottom() < tab.top()), "{shown:?} should be above {tab:?}");
}

#[test]
fn a_demo_that_is_over_can_run_again() {
    let scenario = floe_simnet::Scenario::default();
    let mut stage = Stage::new(fixtures::failed());
    stage.journey = Journey::Demo(scenario);
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label("Run the demo again").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::StartDemo(scenario)]);
}

#[test]
fn the_log_shows_only_what_is_searched_for() {
    let mut stage = Stage::new(fixtures::connected());
    stage.view.dock.show(Panel::Events);
    stage.view.dock.events.filter = "heard".to_owned();
    let harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label("Your friend is heard");
    assert!(harness.query_by_label("Your code is ready").is_none());
}

/// Renders pictures for looking at, into the folder that `FLOE_WINDOW_PICTURES` names.
#[test]
#[ignore = "draws pictures for people to look at"]
fn the_window_can_be_rendered_in_both_themes_at_both_sizes() {
    let Some(folder) = std::env::var_os("FLOE_WINDOW_PICTURES") else { return };
    let only = std::env::var("FLOE_WINDOW_ONLY").unwrap_or_default();
    type Moment = (&'static str, fn() -> Snapshot);
    let moments: [Moment; 5] = [
        ("connected", fixtures::connected),
        ("waiting", fixtures::refused_paste),
        ("checking", fixtures::checking),
        ("failed", fixtures::failed),
        ("restarting", fixtures::restarting),
    ];
    for (moment, snapshot) in moments {
        for panel in Panel::ALL {
            for (look, brightness) in [("dark", egui::Theme::Dark), ("light", egui::Theme::Light)] {
                for (wide, size) in [("1000", SMALL), ("1920", vec2(1920.0, 1080.0))] {
                    let name = format!("{moment}-{}-{look}-{wide}", panel.title());
                    if !only.split(',').any(|part| !part.is_empty() && name.starts_with(part)) {
                        continue;
                    }
                    let mut stage = Stage::new(snapshot());
                    stage.view.dock.show(panel);
                    let mut harness = window(stage, size, brightness);
                    let image = harness.render().unwrap();
                    image.save(std::path::Path::new(&folder).join(format!("{name}.png"))).unwrap();
                }
            }
        }
    }
}

/// Renders each dialog, under the same conditions.
#[test]
#[ignore = "draws pictures for people to look at"]
fn the_dialogs_can_be_rendered_in_both_themes() {
    let Some(folder) = std::env::var_os("FLOE_WINDOW_PICTURES") else { return };
    type Open = fn(&Settings) -> Dialog;
    let dialogs: [(&str, Open); 5] = [
        ("help", |_| Dialog::Help),
        ("qr", |_| Dialog::QrCode),
        ("settings", |settings| Dialog::Settings(SettingsDraft::of(settings))),
        ("save", |_| Dialog::Save(SaveDraft::new(std::path::Path::new("/home/me"), 1))),
        ("open", |_| Dialog::OpenFile(PathDraft::default())),
    ];
    for (name, open) in dialogs {
        for (look, brightness) in [("dark", egui::Theme::Dark), ("light", egui::Theme::Light)] {
            let mut stage = Stage::new(fixtures::connected());
            stage.settings.stun_servers = vec!["stun:stun.example.org:3478".to_owned(), "stn:typo".to_owned()];
            let server = TurnServer { url: "turns:turn.example.org".to_owned(), ..TurnServer::default() };
            stage.settings.turn_servers = vec![server];
            stage.settings.recent_files = ["/home/me/monday.floe", "/home/me/browser.pcapng"].map(Into::into).to_vec();
            stage.view.dialog = Some(open(&stage.settings));
            let mut harness = window(stage, SMALL, brightness);
            let image = harness.render().unwrap();
            image.save(std::path::Path::new(&folder).join(format!("dialog-{name}-{look}.png"))).unwrap();
        }
    }
}
