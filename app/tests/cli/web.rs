//! `--web`: a page asked for through a network that may answer in its place, over loopback.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    thread,
};

use serde_json::Value;

use crate::program::{Run, run};

/// A web server that gives its one answer to the first that asks; what was asked for, once it has.
fn serve(answer: &'static str) -> (u16, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let request = lines.next().unwrap().unwrap();
        while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        stream.write_all(answer.as_bytes()).unwrap();
        request
    });
    (port, asked)
}

/// `floe probe` of a page behind that server.
fn probe(answer: &'static str, path: &str, arguments: &[&str]) -> Run {
    let (port, asked) = serve(answer);
    let url = format!("http://127.0.0.1:{port}{path}");
    let run = run(&[&["probe", "--loopback", "--interface", "lo", "--web", &url][..], arguments].concat());
    assert_eq!(asked.join().unwrap(), format!("GET {path} HTTP/1.1"));
    run
}

fn web(answer: &'static str, path: &str) -> Value {
    let run = probe(answer, path, &["--json"]);
    let report: Value = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    report["web"].clone()
}

const LOGIN: &str = "HTTP/1.1 200 OK\r\n\r\n<html><form action=/login>Room: <input name=room></form></html>";
const REDIRECT: &str = "HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/room\r\n\r\n";

#[test]
fn a_redirect_names_the_host_that_wants_a_sign_in() {
    let web = web(REDIRECT, "/generate_204");
    assert_eq!((&web["redirectedTo"], &web["status"]), (&"login.hotel.example".into(), &Value::Null));
    let words = probe(REDIRECT, "/", &[]).out;
    assert!(words.contains("leads web pages to login.hotel.example: sign in to it"), "{words}");
}

#[test]
fn a_login_page_in_place_of_a_known_one_is_a_portal() {
    for path in ["/generate_204", "/hotspot-detect.html", "/connecttest.txt"] {
        let web = web(LOGIN, path);
        assert_eq!(web["redirectedTo"], "a page of its own", "{web}");
    }
}

#[test]
fn a_page_that_answers_as_it_is_known_to_is_no_portal() {
    let empty = web("HTTP/1.1 204 No Content\r\n\r\n", "/generate_204");
    assert_eq!((&empty["status"], &empty["isKnownPage"]), (&204.into(), &true.into()));
    assert_eq!(empty["redirectedTo"], Value::Null);
    let text = web("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nSuccess", "/hotspot-detect.html");
    assert_eq!(text["isKnownPage"], true);
}

#[test]
fn of_a_page_whose_contents_are_not_known_nothing_is_claimed() {
    let web = web(LOGIN, "/");
    assert_eq!((&web["status"], &web["isKnownPage"]), (&200.into(), &Value::Null));
    let words = probe(LOGIN, "/", &[]).out;
    assert!(words.contains("whether the answer is its own is not known"), "{words}");
}
