//! Calls whose ends could not tell each other, and the two records laid side by side afterwards.

use floe_call::{Call, Command};
use floe_inspect::{
    Inspector, Picture,
    peer::ChannelView,
    side::{NotTheOtherSide, add_side, side_of},
};
use floe_signal::{
    Capabilities, Code,
    side_text::{read_side, write_side},
};
use floe_simnet::Scenario;
use floe_wire::{Note, Record, RecordBody};

use super::pair::{Pair, code_of, hears_a_tone, until};

/// What a pair that cannot work says, with the peer's word if there is one.
fn hopeless(picture: &Picture) -> Option<&str> {
    let whys = picture.pairs.iter().map(|pair| pair.why.as_str());
    whys.into_iter().find(|why| why.ends_with("the peer saw none of them"))
}

/// Appends notes to a record as a person who opens it would.
fn with_notes(picture: &Picture, notes: Vec<Note>, records: &[Record]) -> Inspector {
    let mut inspector = Inspector::new();
    for record in records {
        inspector.ingest(record);
    }
    for note in notes {
        inspector.ingest(&Record { at: picture.at, body: RecordBody::note(note) });
    }
    inspector.tick(picture.at);
    inspector
}

async fn is_told(call: &Call) {
    until(call, "a pair says that the peer saw nothing of it", |snapshot| hopeless(&snapshot.picture).is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn a_side_pasted_after_the_call_says_what_the_channel_would_have_said() {
    // The same world twice: once told live, once without a channel and pasted afterwards.
    let live = Pair::exchanged(Scenario::TwoNat).await;
    hears_a_tone(&live.b).await;
    is_told(&live.b).await;
    let live_sentence = hopeless(&live.b.snapshot().picture).expect("just seen").to_owned();
    live.finish().await;

    let (pair, records) = Pair::recorded(Scenario::TwoNat);
    let (code_a, code_b) = (code_of(&pair.a).await, code_of(&pair.b).await);
    for (call, code) in [(&pair.a, code_b), (&pair.b, code_a)] {
        let (mut older, _) = Code::decode(&code).expect("a code just made");
        older.capabilities = Capabilities::AUDIO;
        call.send(Command::PasteCode(older.encode()));
    }
    hears_a_tone(&pair.a).await;
    hears_a_tone(&pair.b).await;
    until(&pair.b, "a pair of it has failed", |snapshot| {
        snapshot.picture.pairs.iter().any(|pair| pair.why.contains("sent, 0 back"))
    })
    .await;
    let (a, b) = pair.finish().await;
    assert!(b.picture.peer.digests.is_none() && hopeless(&b.picture).is_none(), "nobody told");
    let records = records.await.expect("the reader ends with the call");

    let text = write_side(&side_of(&a.picture));
    assert!(text.len() < 20_000, "{} characters", text.len());
    let side = read_side(&text).expect("just written");
    let own = read_side(&write_side(&side_of(&b.picture))).expect("just written");
    assert_eq!(add_side(&b.picture, &own), Err(NotTheOtherSide::OwnSide));
    let notes = add_side(&b.picture, &side).expect("they are of one call");
    let both = with_notes(&b.picture, notes, &records);
    let picture = both.picture();
    assert!(
        matches!(picture.peer.channel, ChannelView::Added { matched } if matched > 4),
        "{:?}",
        picture.peer.channel
    );
    let end_of = |sentence: &str| sentence.rsplit("; ").next().map(str::to_owned);
    let pasted = hopeless(picture).expect("the peer's side says so");
    assert_eq!(end_of(pasted), end_of(&live_sentence), "{pasted}");
    let rows = picture.ladder.rows(None);
    let selected = picture.selected_pair().expect("a pair was selected");
    assert!(rows.iter().filter(|(_, message)| message.there.is_some()).count() >= 2);
    assert!(picture.peer.seen_of(selected.id).is_some(), "the pair in use is known at both ends");
    let clocks = picture.peer.clock_log.at(picture.at).expect("messages went in both directions");
    assert!(clocks.uncertainty.as_millis() >= 14, "the way takes 15 ms: {clocks:?}");
}
