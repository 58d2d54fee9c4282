//! Files that are not what they should be: a status and a sentence, never a panic.

use std::fs;

use crate::program::{Folder, Run, report, run};

/// A capture of a browser's call; it is one that people have.
const CAPTURE: &[u8] = include_bytes!("../../../crates/floe-capture/tests/browsers/direct.a.pcapng");
/// A record of version 1.
pub const RECORD: &[u8] = include_bytes!("../../../crates/floe-capture/tests/golden/v1.floe");

/// A frame of a capture: nanoseconds, bytes, length on the wire.
#[derive(Clone)]
struct Frame {
    at: u64,
    bytes: Vec<u8>,
    whole: u32,
}

/// The frames of [`CAPTURE`], which was written with nanoseconds in little-endian order.
fn frames() -> Vec<Frame> {
    let number = |at: usize| u32::from_le_bytes(CAPTURE[at..at + 4].try_into().unwrap());
    let mut frames = Vec::new();
    let mut at = 0;
    while at < CAPTURE.len() {
        if number(at) == 6 {
            let captured = number(at + 20) as usize;
            let time = u64::from(number(at + 12)) << 32 | u64::from(number(at + 16));
            frames.push(Frame {
                at: time,
                bytes: CAPTURE[at + 28..at + 28 + captured].to_vec(),
                whole: number(at + 24),
            });
        }
        at += number(at + 4) as usize;
    }
    frames
}

/// The same frames as a pcap file.
fn pcap(frames: &[Frame], is_big: bool, has_nanoseconds: bool) -> Vec<u8> {
    let number = |number: u32| if is_big { number.to_be_bytes() } else { number.to_le_bytes() };
    let mut file = number(if has_nanoseconds { 0xA1B2_3C4D } else { 0xA1B2_C3D4 }).to_vec();
    file.extend(if is_big { [0, 2, 0, 4] } else { [2, 0, 4, 0] });
    file.extend([0; 8]);
    file.extend([number(262_144), number(1)].concat());
    for frame in frames {
        let fraction = frame.at % 1_000_000_000 / if has_nanoseconds { 1 } else { 1_000 };
        let captured = u32::try_from(frame.bytes.len()).unwrap();
        let head = [u32::try_from(frame.at / 1_000_000_000).unwrap(), u32::try_from(fraction).unwrap(), captured];
        file.extend(head.map(number).concat());
        file.extend(number(frame.whole));
        file.extend(&frame.bytes);
    }
    file
}

/// What the program says of a file with these bytes.
fn say(test: &str, bytes: &[u8]) -> Run {
    let folder = Folder::new(test);
    report(&folder.file("file", bytes))
}

/// The table of pairs on a page.
fn pairs(run: &Run) -> String {
    let begin = run.out.find("\nPairs\n").expect("there are pairs");
    let table = &run.out[begin + 1..];
    table[..table.find("\n\n").expect("something follows")].to_owned()
}

#[test]
fn what_is_no_capture_is_refused_in_one_sentence() {
    let noise: Vec<u8> = (0_u32..100_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let files: [(&[u8], &str); 4] = [
        (&noise, "neither a Floe record nor a pcap or pcapng file"),
        (b"", "the file is empty"),
        (b"GET / HTTP/1.1\r\n\r\n", "neither a Floe record nor a pcap or pcapng file"),
        (&[0xFF; 64], "neither a Floe record nor a pcap or pcapng file"),
    ];
    for (bytes, sentence) in files {
        let run = say("no_capture", bytes);
        assert_eq!(run.status, Some(2));
        assert!(run.errors.contains(sentence) && run.errors.lines().count() == 1, "{}", run.errors);
        assert_eq!(run.out, "");
    }
}

#[test]
fn a_file_that_is_not_there_and_a_folder_are_told_as_such() {
    let folder = Folder::new("not_there");
    for path in [folder.path("nothing.pcap"), folder.path("")] {
        for command in ["report", "open"] {
            let run = run(&[command, path.to_str().unwrap()]);
            assert_eq!(run.status, Some(2), "{command}");
            assert!(run.errors.starts_with("floe: ") && run.out.is_empty(), "{}", run.errors);
        }
    }
}

#[test]
fn noise_behind_a_capture_s_header_is_given_up_with_a_sentence() {
    let noise: Vec<u8> = (0_u32..200_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    for header in [pcap(&[], false, true), pcap(&[], true, false), CAPTURE[..200].to_vec()] {
        let run = say("noise", &[header, noise.clone()].concat());
        assert_eq!(run.status, Some(0));
        assert!(run.errors.contains("The file is "), "{}", run.errors);
    }
}

#[test]
fn a_length_of_4_gb_is_damage_and_what_follows_is_read() {
    let mut file = pcap(&frames(), false, true);
    // The captured length of the second frame.
    let second = 24 + 16 + frames()[0].bytes.len();
    file[second + 8..second + 12].fill(0xFF);
    let damaged = say("4_gb", &file);
    assert_eq!(damaged.status, Some(0));
    assert!(damaged.errors.contains(&format!("The file is damaged at byte {second}")), "{}", damaged.errors);
    assert!(pairs(&damaged).contains("succeeded (in use)"));
}

#[test]
fn a_capture_cut_anywhere_is_read_up_to_there() {
    let folder = Folder::new("cut");
    for file in [CAPTURE.to_vec(), pcap(&frames(), false, false)] {
        for part in 1..16 {
            // Odd places: within headers, within frames, and rarely between two.
            let at = file.len() * part / 16 + part;
            let run = report(&folder.file("file", &file[..at]));
            assert_eq!(run.status, Some(0), "{at}: {}", run.errors);
            assert!(
                run.errors.contains("The file is cut off at byte ") || !run.errors.contains("The file"),
                "{}",
                run.errors
            );
        }
    }
    for length in 1..24 {
        let run = report(&folder.file("file", &CAPTURE[..length]));
        assert!(matches!(run.status, Some(0 | 2)) && !run.errors.is_empty(), "{length}: {}", run.errors);
    }
}

#[test]
fn either_byte_order_and_resolution_gives_the_same_page() {
    let expected = say("pcapng", CAPTURE);
    for (is_big, has_nanoseconds) in [(false, true), (true, true), (true, false), (false, false)] {
        let run = say("byte_order", &pcap(&frames(), is_big, has_nanoseconds));
        assert_eq!(run.status, Some(0));
        // pcap has no names for interfaces.
        let named = pairs(&run).replace("capture", "eth0");
        let count = |page: &str| {
            page.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        if has_nanoseconds {
            assert_eq!(count(&named), count(&pairs(&expected)), "{is_big}");
        } else {
            assert_eq!(named.lines().count(), pairs(&expected).lines().count());
        }
    }
}

#[test]
fn packets_cut_by_the_snap_length_are_counted_and_the_rest_is_read() {
    let mut frames = frames();
    for frame in &mut frames {
        // Ethernet, IP, UDP, and a STUN header without its attributes.
        frame.bytes.truncate(62);
    }
    let run = say("snap_length", &pcap(&frames, false, true));
    assert_eq!(run.status, Some(0));
    assert!(run.errors.contains("were captured in part only (snap length); what is there was read"), "{}", run.errors);
}

#[test]
fn a_clock_that_goes_backwards_is_told_and_packets_are_put_in_order() {
    let mut frames = frames();
    let middle = frames.len() / 2;
    for frame in &mut frames[middle..] {
        frame.at -= 1_000_000_000;
    }
    let run = say("clock", &pcap(&frames, false, true));
    assert_eq!(run.status, Some(0));
    assert!(run.errors.contains("The clock of the capture went backwards"), "{}", run.errors);
    assert!(pairs(&run).contains("succeeded"));
}

/// Every TCP segment twice, and a third time one byte earlier with what were then other bytes: the first copy counts.
#[test]
fn tcp_that_overlaps_itself_is_read_once() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/floe-capture/tests/browsers/turn-tcp.a.pcapng");
    let file = fs::read(path).unwrap();
    let (mut twice, mut at) = (Vec::new(), 0);
    while at < file.len() {
        let length = u32::from_le_bytes(file[at + 4..at + 8].try_into().unwrap()) as usize;
        let block = &file[at..at + length];
        twice.extend(block);
        if block[0] == 6 {
            twice.extend(block);
            let mut earlier = block.to_vec();
            // Ethernet and IPv4 without options: the sequence number, and whether it opens or ends a connection.
            let tcp = 28 + 14 + 20;
            let sequence = u32::from_be_bytes(block[tcp + 4..tcp + 8].try_into().unwrap());
            earlier[tcp + 4..tcp + 8].copy_from_slice(&sequence.wrapping_sub(1).to_be_bytes());
            if block[tcp + 13] & 7 == 0 {
                twice.extend(earlier);
            }
        }
        at += length;
    }
    let (once, twice) = (say("tcp_once", &file), say("tcp_twice", &twice));
    assert_eq!(twice.status, Some(0));
    assert!(pairs(&twice).contains("succeeded (in use)"), "{}", twice.out);
    assert_eq!(pairs(&twice), pairs(&once));
}

#[test]
fn a_record_of_a_newer_version_and_a_damaged_one_are_read_as_far_as_they_go() {
    let mut newer = RECORD.to_vec();
    // The version follows the magic bytes.
    let version = RECORD.windows(2).position(|pair| pair == [1, 0]).expect("it is version 1");
    newer[version] = 9;
    let run = say("newer", &newer);
    assert!(matches!(run.status, Some(0 | 2)), "{}", run.errors);
    assert!(run.errors.contains("newer"), "{}", run.errors);

    let mut damaged = RECORD.to_vec();
    damaged[2_000..2_040].fill(0xAA);
    let run = say("damaged", &damaged);
    assert_eq!(run.status, Some(0));
    assert!(run.errors.contains("The file is damaged at byte "), "{}", run.errors);

    let run = say("torn", &RECORD[..RECORD.len() - 7]);
    assert_eq!(run.status, Some(0));
    assert!(run.errors.contains("The file is cut off at byte "), "{}", run.errors);
}

#[test]
fn a_user_fragment_that_no_session_has_is_told() {
    let folder = Folder::new("no_session");
    let file = folder.file("file.pcapng", CAPTURE);
    let run = run(&["report", file.to_str().unwrap(), "--session", "nope"]);
    assert_eq!(run.status, Some(2));
    assert!(run.errors.contains("no ICE session with the user fragment \"nope\""), "{}", run.errors);
}
