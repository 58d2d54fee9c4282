//! Help and settings.

use super::*;

#[test]
fn the_last_path_that_works_is_not_blocked_without_a_question() {
    let mut snapshot = fixtures::connected();
    let picture = std::sync::Arc::make_mut(&mut snapshot.picture);
    let selected = picture.selected_pair().unwrap().id;
    for pair in picture.pairs.iter_mut().filter(|pair| pair.id != selected) {
        pair.state = floe_inspect::picture::PairState::Failed;
    }
    let mut stage = Stage::new(snapshot);
    stage.view.dock.grid.chosen = Some(selected);
    let mut harness = window(stage, SMALL, egui::Theme::Light);
    harness.get_by_label("Block").click();
    harness.run();
    let (base, remote) = (selected.base, selected.remote);
    assert_eq!(wishes(&mut harness), [Wish::Open(DialogKind::BlockLast { base, remote })]);
    for (button, asked) in [("Keep it", None), ("Block it all the same", Some(Command::BlockPair { base, remote }))] {
        harness.state_mut().view.dialog = Some(Dialog::BlockLast { base, remote });
        harness.run();
        harness.get_by_label(button).click();
        harness.run();
        let calls = wishes(&mut harness).into_iter().filter_map(|wish| match wish {
            Wish::Call(command) => Some(command),
            _ => None,
        });
        assert_eq!(calls.collect::<Vec<_>>(), Vec::from_iter(asked));
    }
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
    stage.view.dialog = Some(Dialog::Settings(Box::new(SettingsDraft::of(&stage.settings))));
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
    stage.view.dialog = Some(Dialog::Settings(Box::new(SettingsDraft::of(&stage.settings))));
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label_contains("TURN server 1: a TURN server needs a user name and a password");
    harness.get_by_label("TURN password 1").focus();
    harness.run();
    harness.event(egui::Event::Text("hunter2".to_owned()));
    harness.run();
    harness.get_by_label("Not those of my LAN").scroll_to_me();
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
fn a_file_of_authorities_is_taken_over_with_the_settings() {
    let mut stage = Stage::new(fixtures::connected());
    stage.settings.turn_servers = vec![TurnServer {
        url: "turns:turn.example.org".to_owned(),
        user: "alice".to_owned(),
        password: "hunter2".to_owned(),
        is_remembered: false,
    }];
    stage.view.dialog = Some(Dialog::Settings(Box::new(SettingsDraft::of(&stage.settings))));
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label("TURN certificate authorities").focus();
    harness.run();
    harness.event(egui::Event::Text("/etc/ssl/mine.pem".to_owned()));
    harness.run();
    harness.get_by_label("Save settings").click();
    harness.run();
    let Some(Wish::ChangeSettings(settings)) = wishes(&mut harness).into_iter().next() else { panic!("not saved") };
    assert_eq!(settings.turn_authorities, Some("/etc/ssl/mine.pem".into()));
}

#[test]
fn new_servers_can_be_used_at_once_while_the_friends_code_is_not_here() {
    for (snapshot, is_offered) in [(fixtures::waiting_for_code(), true), (fixtures::connected(), false)] {
        let mut stage = Stage::new(snapshot);
        stage.view.dialog = Some(Dialog::Settings(Box::new(SettingsDraft::of(&stage.settings))));
        let mut harness = window(stage, SMALL, egui::Theme::Dark);
        assert_eq!(harness.query_by_label("Save and make a new code").is_some(), is_offered);
        if is_offered {
            harness.get_by_label("Google").click();
            harness.run();
            harness.get_by_label("Save and make a new code").click();
            harness.run();
            let wishes = wishes(&mut harness);
            assert!(matches!(&wishes[0], Wish::ChangeSettings(settings) if settings.stun_servers.len() == 1));
            assert_eq!(wishes[1..], [Wish::CloseDialog, Wish::NewCall]);
        }
    }
}
