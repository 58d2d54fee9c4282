//! The demo: both peers, what can be broken, the way to run it again.

use super::*;

#[test]
fn a_demo_shows_either_peer() {
    let mut stage = Stage::new(fixtures::connected());
    stage.journey = Journey::Demo(floe_simnet::Scenario::default());
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label("Friend (B)").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::ShowSide(Side::Friend)]);
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
fn a_demo_that_is_over_can_run_again() {
    let scenario = floe_simnet::Scenario::default();
    let mut stage = Stage::new(fixtures::failed());
    stage.journey = Journey::Demo(scenario);
    let mut harness = window(stage, SMALL, egui::Theme::Dark);
    harness.get_by_label("Run the demo again").click();
    harness.run();
    assert_eq!(wishes(&mut harness), [Wish::StartDemo(scenario)]);
}
