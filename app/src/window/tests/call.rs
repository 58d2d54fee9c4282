//! The left column and the bar above: codes, mute, words, how a call stands.

use super::*;

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
fn what_to_do_about_a_failed_call_stands_above_the_panels() {
    let harness = small(fixtures::failed());
    let advice = Reading::of(&fixtures::failed().picture).findings[1].advice.clone();
    let tab = harness.get_by_label("Candidates").rect();
    let shown: Vec<_> = harness.get_all_by_label(&advice).map(|node| node.rect()).collect();
    assert!(shown.iter().any(|rect| rect.bottom() < tab.top()), "{shown:?} should be above {tab:?}");
}

#[test]
fn a_code_that_nobody_outside_can_use_says_so_before_it_is_sent() {
    let mut snapshot = fixtures::waiting_for_code();
    let harness = small(snapshot.clone());
    assert!(harness.query_by_label_contains("your own network only").is_none());
    let picture = std::sync::Arc::make_mut(&mut snapshot.picture);
    picture.local_candidates.retain(|view| view.candidate.candidate_type == floe_wire::CandidateType::Host);
    let mut harness = small(snapshot);
    harness.get_by_label_contains("your own network only");
    harness.get_by_label("Choose a STUN server…").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::Open(DialogKind::Settings)]);
}
