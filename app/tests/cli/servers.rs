//! Servers that are of no use, as whoever calls from a terminal hears of them.

use std::{net::UdpSocket, thread};

use crate::program::run;

/// Answers whatever it is sent with something that is not STUN, for as long as anybody asks; gives its port.
fn babbler() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let _gone = socket.send_to(b"220 mail.example ESMTP", from);
        }
    });
    port
}

#[test]
fn a_call_names_each_server_that_is_of_no_use_once_and_waits_on() {
    let url = format!("stun:127.0.0.1:{}", babbler());
    let call = run(&["call", "--loopback", "--interface", "lo", "--audio", "tone", "--stun", &url, "--wait", "7"]);
    let told = format!("{url} is of no use: 127.0.0.1:");
    assert_eq!(call.errors.matches(&told).count(), 1, "{}", call.errors);
    assert!(call.errors.contains("not STUN; check its host name and port."), "{}", call.errors);
    assert!(call.out.contains("code: ") && call.errors.contains("Not connected within 7 s"), "{call:?}");
}
