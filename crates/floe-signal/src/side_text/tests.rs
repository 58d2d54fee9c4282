//! Texts of sides: what is written is read, mistakes are named, and what strangers write does no harm.

use floe_wire::{BaseId, Direction, Generation, SightedKind, peer::PairDigest};
use proptest::prelude::*;

use super::*;

fn sighting(n: u32) -> Sighting {
    Sighting {
        key: n.wrapping_mul(2_654_435_761),
        kind: [SightedKind::Request, SightedKind::Answer, SightedKind::Media][n as usize % 3],
        direction: if n.is_multiple_of(2) { Direction::Inbound } else { Direction::Outbound },
        at: Stamp::from_millis(1_000 + 200 * u64::from(n)),
    }
}

fn pair(n: u32) -> PairDigest {
    PairDigest {
        generation: Generation(n / 7),
        base: BaseId(n),
        remote: "[2001:db8::7]:9".parse().expect("an address"),
        requests_sent: n,
        responses_received: 300,
        requests_received: 3,
        responses_sent: u32::MAX,
        newest_request: n.is_multiple_of(2).then_some(0xDEAD_BEEF),
    }
}

fn side(pairs: u32, sightings: u32) -> SideDigest {
    let media = MediaDigest { packets_lost: -2, packets_received: 99_999, ..MediaDigest::default() };
    SideDigest {
        own_fragments: vec![1, 2, 3],
        peer_fragments: vec![4],
        digest: Digest { at: Stamp::from_millis(12_345), pairs: (0..pairs).map(pair).collect(), media },
        sightings: vec![Sightings {
            since: Stamp::ZERO,
            until: Stamp::from_millis(12_345),
            list: (0..sightings).map(sighting).collect(),
        }],
    }
}

#[test]
fn what_is_written_is_read() {
    for side in [SideDigest::default(), side(0, 0), side(3, 5), side(400, 6_000)] {
        assert_eq!(read_side(&write_side(&side)), Ok(side));
    }
}

#[test]
fn a_text_has_a_longest_length() {
    let longest = write_side(&side(1_000, 100_000));
    assert!(longest.len() < 100_000, "{} characters", longest.len());
    assert_eq!(read_side(&longest), Ok(side(400, 6_000)));
    let call_of_a_minute = write_side(&side(6, 400));
    assert!(call_of_a_minute.len() < 6_000, "{} characters", call_of_a_minute.len());
}

#[test]
fn a_text_is_found_among_others_wrapped_and_quoted() {
    let (told, text) = (side(3, 50), write_side(&side(3, 50)));
    let wrapped: Vec<String> =
        text.as_bytes().chunks(70).map(|line| format!("> {}\r\n", String::from_utf8_lossy(line))).collect();
    // The mark itself stays in one piece: it is in the first line.
    for text in [format!("Here it is:\n{text}\n\nBye"), format!("  {text} "), wrapped.concat()] {
        assert_eq!(read_side(&text), Ok(told.clone()), "{text}");
    }
}

#[test]
fn mistakes_are_named() {
    let text = write_side(&side(3, 50));
    let mut changed = text.clone().into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).expect("ASCII");
    assert_eq!(read_side(&changed), Err(SideError::Damaged));
    let (have, of) = (text.len() - SIDE_MARK.len() - 9, text.len() - SIDE_MARK.len());
    assert_eq!(read_side(&text[..text.len() - 9]), Err(SideError::CutOff { have, of }));
    assert_eq!(read_side(SIDE_MARK), Err(SideError::CutOff { have: 0, of: 8 }));
    assert_eq!(read_side(" \n"), Err(SideError::Empty));
    assert_eq!(read_side("f10e1234"), Err(SideError::IsACode));
    assert_eq!(read_side("hello"), Err(SideError::NotASide));
    assert_eq!(read_side(&"x".repeat(LONGEST_TEXT + 1)), Err(SideError::TooLong));
    for error in
        [SideError::Empty, SideError::Damaged, SideError::CutOff { have, of }, SideError::NewerVersion { version: 9 }]
    {
        assert!(error.to_string().contains(": "), "it says what to do: {error}");
    }
}

/// A text around other contents, with a checksum that fits.
fn wrap(version: u8, contents: &[u8]) -> String {
    let length = (contents.len() as u32).to_be_bytes();
    let mut bytes = [&[version, length[1], length[2], length[3]], contents].concat();
    bytes.extend(crc32(&bytes).to_le_bytes());
    format!("{SIDE_MARK}{}", BASE64URL_NOPAD.encode(&bytes))
}

#[test]
fn newer_versions_are_told_from_damage() {
    assert_eq!(read_side(&wrap(2, b"whatever it says")), Err(SideError::NewerVersion { version: 2 }));
    assert_eq!(read_side(&wrap(1, b"")), Err(SideError::BadContents));
}

#[test]
fn contents_that_claim_more_than_they_hold_are_refused_without_room_for_it() {
    let mut out = Writer::default();
    out.u8(0).u8(0);
    write_digest(&mut out, &Digest::default());
    out.u8(1).varint(0).varint(0).varint(u64::MAX);
    assert_eq!(read_side(&wrap(1, &out.finish())), Err(SideError::BadContents));
}

proptest! {
    #[test]
    fn arbitrary_texts_never_panic(text in ".{0,300}") {
        let _ = read_side(&text);
        let _ = read_side(&format!("{SIDE_MARK}{text}"));
    }

    #[test]
    fn arbitrary_contents_never_panic_and_what_is_read_stays_the_same(
        contents in proptest::collection::vec(any::<u8>(), 0..400)
    ) {
        if let Ok(side) = read_side(&wrap(1, &contents)) {
            prop_assert_eq!(read_side(&write_side(&side)), Ok(side));
        }
    }

    #[test]
    fn damage_anywhere_is_noticed(at in 0_usize..200, by in 1_u8..=255) {
        let mut bytes = write_contents(&side(1, 20));
        let at = at % bytes.len();
        let text = wrap(1, &bytes);
        bytes[at] ^= by;
        let damaged = wrap(1, &bytes);
        // The checksum of the one with the contents of the other.
        let cut = |text: &str| text.len() - 8;
        let mixed = format!("{}{}", &damaged[..cut(&damaged)], &text[cut(&text)..]);
        prop_assume!(mixed != text && mixed != damaged);
        prop_assert!(read_side(&mixed).is_err());
    }

    #[test]
    fn numbers_come_back(value in any::<u64>(), signed in any::<i64>()) {
        let mut out = Writer::default();
        out.varint(value).signed_varint(signed);
        let bytes = out.finish();
        let mut body = Reader::new(&bytes);
        prop_assert_eq!((body.varint(), body.signed_varint()), (Some(value), Some(signed)));
    }
}
