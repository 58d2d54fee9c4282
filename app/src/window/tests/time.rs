//! The playhead: moments asked for, moments shown.

use super::*;

/// A call held at a moment.
pub fn held(ms: u64) -> Stage {
    let mut stage = Stage::new(fixtures::connected());
    let picture = std::sync::Arc::clone(&stage.snapshot.picture);
    let span = Span { whole: &picture, end: picture.at, is_running: true };
    stage.playhead.take(PlayheadWish::Seek(floe_wire::Stamp::from_millis(ms)), span);
    stage
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

/// The moments that a click asks for.
fn sought(harness: &mut Harness<'static, Stage>) -> Vec<Wish> {
    wishes(harness).into_iter().filter(|wish| matches!(wish, Wish::Playhead(PlayheadWish::Seek(_)))).collect()
}

fn seek(at: floe_wire::Stamp) -> [Wish; 1] {
    [Wish::Playhead(PlayheadWish::Seek(at))]
}

fn panel(panel: Panel) -> Harness<'static, Stage> {
    let mut stage = Stage::new(fixtures::connected());
    stage.view.dock.show(panel);
    window(stage, SMALL, egui::Theme::Dark)
}

#[test]
fn a_click_on_a_state_leads_to_the_moment_it_was_entered() {
    let mut harness = panel(Panel::States);
    let entered = harness.state().snapshot.picture.ice_connection[1].entered;
    harness.get_by_label_contains("ICE connection checking: visited").click();
    harness.run();
    assert_eq!(sought(&mut harness), seek(entered));
    harness.get_by_label_contains("ICE connection failed: not visited").click();
    harness.run();
    assert_eq!(sought(&mut harness), []);
}

#[test]
fn a_click_on_a_transition_leads_to_the_moment_it_was_taken() {
    let mut harness = panel(Panel::States);
    let entered = harness.state().snapshot.picture.ice_connection[1].entered;
    let (new, checking) = (
        harness.get_by_label_contains("ICE connection new: visited").rect(),
        harness.get_by_label_contains("ICE connection checking: visited").rect(),
    );
    let place = egui::pos2(new.left() + new.width() * 0.72, (new.bottom() + checking.top()) / 2.0);
    harness.hover_at(place);
    harness.run();
    for pressed in [true, false] {
        let (button, modifiers) = (egui::PointerButton::Primary, Modifiers::NONE);
        harness.event(egui::Event::PointerButton { pos: place, button, pressed, modifiers });
        harness.run();
    }
    assert_eq!(sought(&mut harness), seek(entered));
}

#[test]
fn lines_of_the_log_candidates_phases_and_facts_of_a_pair_lead_to_their_moments() {
    let picture = std::sync::Arc::clone(&fixtures::connected().picture);
    let of_pair = picture.selected_pair().unwrap().formed;
    for (shown, label, at) in [
        (Panel::Events, "00:00.002 ".to_owned(), floe_wire::Stamp::from_millis(2)),
        (Panel::Candidates, format!("candidate {} ", picture.local_candidates[0].id), picture.local_candidates[0].at),
        (Panel::Grid, format!("formed {of_pair}"), of_pair),
    ] {
        let mut harness = panel(shown);
        harness.get_all_by_label_contains(&label).next().unwrap().click();
        harness.run();
        assert_eq!(sought(&mut harness), seek(at), "{label}");
    }
    let mut harness = panel(Panel::Grid);
    harness.get_by_label("phase gathering: done").click();
    harness.run();
    assert_eq!(sought(&mut harness).len(), 1);
}

#[test]
fn escape_closes_an_open_list_and_leaves_the_moment_alone() {
    let mut harness = window(held(41_000), SMALL, egui::Theme::Dark);
    harness.get_by_label("Speed 1×").click();
    harness.run();
    harness.get_by_label("16×");
    for key in [Key::Escape, Key::Escape] {
        assert_eq!(wishes(&mut harness), []);
        harness.key_press(key);
        harness.run();
        assert!(harness.query_by_label("16×").is_none());
    }
    assert_eq!(wishes(&mut harness), [Wish::Playhead(PlayheadWish::End)], "the second one is for the moment");
}
