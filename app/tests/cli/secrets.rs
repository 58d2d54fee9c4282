//! Servers whose URL is wrong: the mistake is told, and the password in it is not.

use crate::program::run;

#[test]
fn a_turn_server_that_cannot_be_read_is_told_without_its_password() {
    for (url, sentence) in [
        ("trun:alice:hunter2@host", "this is not a TURN server; write it as turn:host"),
        ("turn:alice:hunter2@", "the host name of the TURN server is missing or wrong"),
        ("turn:alice:hunter2@host:99999", "the port of the TURN server is not a number"),
        ("turn:host:3478@alice:hunter2", "the port of the TURN server is not a number"),
        ("turn:alice:hunter2@host?transport=sctp", "the transport of a TURN server is udp or tcp"),
        ("alice:hunter2@host", "this is not a TURN server"),
    ] {
        for command in ["call", "probe"] {
            let told = run(&[command, "--turn", "turn:bob:sesame@turn.example.org", "--turn", url]);
            assert_eq!(told.status, Some(2), "{url}: {told:?}");
            assert!(told.errors.contains(sentence) && told.errors.contains("--turn (number 2 of 2)"), "{told:?}");
            for secret in ["hunter2", "sesame"] {
                assert!(!told.errors.contains(secret) && !told.out.contains(secret), "{url}: {told:?}");
            }
        }
    }
}

#[test]
fn a_turn_server_in_the_place_of_another_is_told_without_its_password() {
    for arguments in [
        &["call", "--stun", "turn:alice:hunter2@host"][..],
        &["call", "--turn", "turn:host", "--turn-user", "alice", "hunter2"],
        &["call", "--web", "http://alice:hunter2@host/"],
        &["open", "turn:alice:hunter2@host", "more"],
        &["turn:alice:hunter2@host"],
    ] {
        let told = run(arguments);
        assert_eq!(told.status, Some(2), "{told:?}");
        assert!(told.errors.contains("error: ") && !told.errors.contains("hunter2"), "{told:?}");
    }
}
