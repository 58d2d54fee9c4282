//! The report as a page: everything a person needs, and nothing of a stranger's making.

use floe_inspect::report::{html_page, text_page};
use floe_wire::{CandidateType, IceConnectionState, Note, note::EndReason};

use crate::script::{ETH, GENERATION, Script, addr, candidate, two_nat_call};

const REMOTE: &str = "203.0.113.9:4000";

fn failed_call() -> Script {
    let mut script = Script::checking();
    for _ in 0..39 {
        script.wait(1_000).check(REMOTE);
    }
    script.wait(500).ice(IceConnectionState::Failed).note(Note::Ended { reason: EndReason::NotConnected });
    script
}

#[test]
fn a_failed_call_leads_with_its_cause_its_code_and_one_advice() {
    let page = text_page(failed_call().picture());
    let lines: Vec<_> = page.lines().collect();
    assert_eq!(lines[0], "Not connected: 39 checks sent, nothing of the peer arrived");
    assert_eq!(lines[1], "Failure code ICE-0080");
    assert!(page.contains("C13 (possible): 39 checks sent, nothing of the peer arrived"), "{page}");
    assert_eq!(page.matches("What to do:").count(), 1);
    assert!(page.contains("203.0.113.9:4000  failed"), "{page}");
}

#[test]
fn both_pages_of_a_connected_call_have_its_pairs_candidates_servers_and_moments() {
    let script = two_nat_call();
    for page in [text_page(script.picture()), html_page(script.picture())] {
        for wanted in ["192.168.1.2:5000", REMOTE, "stun:198.51.100.1:3478", "in use", "Audio goes over", "DTLS 1.2"] {
            assert!(page.contains(wanted), "{wanted} in\n{page}");
        }
    }
    let page = html_page(script.picture());
    assert_eq!(page.matches("<svg").count(), 2, "the grid and the states");
    assert!(page.contains("prefers-color-scheme: dark") && !page.contains("<script"));
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("src="),
        "it asks nobody for anything"
    );
}

#[test]
fn nothing_of_a_record_becomes_markup_or_moves_a_terminal() {
    let evil = "<img src=x onerror=alert(1)>\u{1B}[2J\"'&\n";
    let mut script = failed_call();
    script.server_fails(evil, evil);
    script.open_base(floe_wire::BaseId(77), evil, "10.0.0.9:1");
    let mut relayed = candidate(CandidateType::Host, "10.0.0.9:1");
    relayed.foundation = evil.to_owned();
    let server = Some(evil.to_owned());
    script.note(Note::LocalCandidate { generation: GENERATION, base: ETH, candidate: relayed, server });
    script.note(Note::SecurityFailed { error: evil.to_owned() });
    script.note(Note::PeerCodeRefused { reason: evil.to_owned() });
    script.note(Note::SendFailed { base: ETH, remote: addr(REMOTE), error: evil.to_owned() });
    let html = html_page(script.picture());
    assert!(!html.contains("<img") && html.contains("&lt;img src=x onerror=alert(1)&gt;"));
    for page in [html, text_page(script.picture())] {
        assert!(!page.contains('\u{1B}'));
    }
}

#[test]
fn pages_of_empty_and_of_endless_records_are_short() {
    let empty = Script::new();
    assert!(html_page(empty.picture()).len() < 10_000 && !text_page(empty.picture()).is_empty());
    let mut script = two_nat_call();
    for n in 0..3_000_u32 {
        script.remote(candidate(CandidateType::Host, &format!("10.0.{}.{}:1", n / 250, n % 250)));
        script.ice(if n.is_multiple_of(2) { IceConnectionState::Disconnected } else { IceConnectionState::Connected });
    }
    assert!(html_page(script.picture()).len() < 1 << 20, "{}", html_page(script.picture()).len());
    assert!(text_page(script.picture()).len() < 200_000);
}
