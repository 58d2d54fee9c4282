//! Servers that refuse, are not there, or are not what they are said to be: each is told by name, with what to do.

use std::time::Duration;

use floe_netlab::{CallOptions, CallProcess, Certificate, Lab, Process, TurnServer, floe, helper, isolated};
use serde_json::Value;

use crate::SOON;

/// The slowest of them are silent.
const PROBE: Duration = Duration::from_secs(40);
const PORT: u16 = 3478;
/// The machine that answers everything like a web server.
const BABBLER: &str = "stun:203.0.113.60:3478";
const PASSWORD: &str = "a-password-for-the-lab";

/// A machine at 203.0.113.60 that answers everything like a web server.
fn babbler(lab: &Lab) -> Process {
    let host = lab.server("babbler", [203, 0, 113, 60].into()).unwrap();
    let mut command = host.command(helper().unwrap());
    let mut babbler = Process::start("babbler", command.args(["babble", "203.0.113.60:3478"])).unwrap();
    babbler.wait_for_line(SOON, |line| (line == "ready").then_some(())).unwrap();
    babbler
}

/// How a server is named, what stands in its report as URL, and what its error must say.
type Case = (String, &'static str, &'static [&'static str]);

fn cases(old: &TurnServer, other: &TurnServer, good: &TurnServer) -> Vec<Case> {
    let fake = |scheme: &str, query: &str| format!("{scheme}:floe:{PASSWORD}@203.0.113.60:{PORT}{query}");
    vec![
        (
            good.udp().replace(PASSWORD, "not-the-password"),
            "turn:203.0.113.40:3478",
            &["401", "the user name or the password is wrong; check both"],
        ),
        (old.tls(), "turns:203.0.113.41:3478", &["its certificate has expired", "its operator must renew it"]),
        (
            other.tls(),
            "turns:203.0.113.42:3478",
            &["for another host name", "use the name that the certificate is for"],
        ),
        (
            format!("turn:floe:{PASSWORD}@no-such-name.example"),
            "turn:no-such-name.example:3478",
            &["does not resolve", "check the spelling and DNS"],
        ),
        (
            fake("turn", "?transport=tcp"),
            "turn:203.0.113.60:3478?transport=tcp",
            &["not TURN", "check its host name and port"],
        ),
        (fake("turns", ""), "turns:203.0.113.60:3478", &["does not speak TLS there", "5349 or 443"]),
        (
            format!("turn:floe:{PASSWORD}@203.0.113.99"),
            "turn:203.0.113.99:3478",
            &["no answer within", "the server is down, or the way to it is blocked"],
        ),
    ]
}

/// All errors of a server in a report, whatever it was asked over.
fn errors(report: &Value, url: &str) -> String {
    let servers = report["servers"].as_array().unwrap().iter().filter(|server| server["url"] == url);
    let errors = servers.flat_map(|server| {
        let ways = ["udp", "tcp", "tls"].map(|way| server[way]["error"].as_str());
        ways.into_iter().chain([server["error"].as_str()]).flatten().map(str::to_owned).collect::<Vec<_>>()
    });
    errors.collect::<Vec<_>>().join("; ")
}

fn check(report: &Value, cases: &[Case]) {
    for (_, url, wanted) in cases {
        let said = errors(report, url);
        assert!(wanted.iter().all(|words| said.contains(words)), "{url}: {said:?}\n{:#}", report["servers"]);
    }
    assert!(!report.to_string().contains(PASSWORD), "a password is in the report");
}

/// A file with both certificates, so that only their own faults count.
fn authorities(lab: &Lab, servers: [&TurnServer; 2]) -> std::path::PathBuf {
    let pem: String = servers.map(|server| std::fs::read_to_string(server.certificate()).unwrap()).concat();
    let file = lab.file("authorities.pem");
    std::fs::write(&file, pem).unwrap();
    file
}

#[test]
fn every_trouble_with_a_relay_has_its_own_words_in_a_probe_and_in_a_call() {
    isolated(|| {
        let lab = Lab::two_nats().unwrap();
        let start = |kind| TurnServer::start_with(&lab, PORT, kind).unwrap();
        let (good, old, other) = (start(Certificate::Good), start(Certificate::Expired), start(Certificate::OtherName));
        let _babbler = babbler(&lab);
        let cases = cases(&old, &other, &good);
        let authorities = authorities(&lab, [&old, &other]);

        let mut command = lab.stranger.command(floe().unwrap());
        command.args(["probe", "--json", "--turn-ca"]).arg(&authorities);
        command.args(cases.iter().flat_map(|(url, ..)| ["--turn", url]));
        command.args(["--stun", BABBLER]);
        let babbles = (String::new(), BABBLER, &["something that is not STUN; check its host name and port"][..]);
        let mut process = Process::start("probe", &mut command).unwrap();
        let json = process.wait_for_line(PROBE, |line| line.starts_with('{').then(|| line.to_owned())).unwrap();
        let cases = [cases, vec![babbles]].concat();
        check(&serde_json::from_str(&json).unwrap(), &cases);
        assert_eq!(process.wait(PROBE).unwrap().code(), Some(3), "no server was of use");

        let turn = cases.iter().map(|(url, ..)| url.clone()).filter(|url| !url.is_empty()).collect();
        let stun = vec![BABBLER.to_owned()];
        let options = CallOptions { stun, turn, turn_ca: Some(authorities), ..CallOptions::default() };
        let mut alice = CallProcess::start(&lab, &lab.stranger, &options).unwrap();
        alice.code().unwrap();
        // The silent server is named within this time.
        alice.keep_waiting(Duration::from_secs(8)).unwrap();
        alice.hang_up().unwrap();
        check(&alice.finish(SOON).unwrap().report, &cases);
    });
}

#[test]
fn what_is_no_server_url_is_refused_before_anything_is_sent() {
    isolated(|| {
        let lab = Lab::lan().unwrap();
        for (arguments, wanted) in [
            (["call", "--turn", "https://example.org"], "write it as turn:host"),
            (["call", "--turn", "turns:host?transport=udp"], "with turns: it is tcp"),
            (["call", "--turn", "turn:host:99999"], "not a number from 1 to 65535"),
            (["call", "--turn", "turn:host"], "needs a user name and a password"),
            (["call", "--stun", "stuns:host"], "UDP only"),
            (["probe", "--stun", "turn:host"], "this is a TURN server"),
            (["probe", "--turn-ca", "/no/such/file.pem"], "cannot read /no/such/file.pem"),
        ] {
            let output = lab.alice.command(floe().unwrap()).args(arguments).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
            assert!(said.contains(wanted), "{arguments:?}: {said}");
        }
    });
}
