//! Records of whole calls: saved, exported, imported and redacted, they show what the call showed.

#[path = "../common/mod.rs"]
mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::Arc,
};

use floe_call::{Call, CallConfig};
use floe_capture::{Import, ImportOptions, MediaPayloads, Opened, PcapngWriter, RecordWriter, import, redact};
use floe_inspect::{Inspector, Picture, diagnose, picture::PairView};
use floe_simnet::{Scenario, World};
use floe_wire::{Note, Record, RecordBody, describe::Integrity};
use tokio::sync::mpsc;

use crate::common::{exchange, pair::config_for, until};

/// Both ends of a call that connected and heard each other for a moment.
async fn records_of(scenario: Scenario) -> Vec<Record> {
    let world = World::build(scenario, 7).expect("the world can be built");
    let (sender, mut receiver) = mpsc::channel(10_000);
    let config = config_for(&world);
    let b = Call::start(config.clone(), Arc::clone(&world.b));
    let a = Call::start(CallConfig { records: Some(sender), ..config }, Arc::clone(&world.a));
    exchange(&a, &b).await;
    // A second of media, so that files hold more than the beginning of a call.
    until(&a, "audio comes", |snapshot| {
        let received = snapshot.picture.audio.as_ref().map_or(0, |audio| audio.packets_received);
        snapshot.picture.timings.first_audio.is_some() && received >= 50
    })
    .await;
    tokio::join!(a.finish(), b.finish());
    let mut records = Vec::new();
    while let Some(batch) = receiver.recv().await {
        records.extend(batch);
    }
    records
}

fn fold(records: &[Record]) -> Picture {
    let mut inspector = Inspector::new();
    for record in records {
        inspector.ingest(record);
    }
    inspector.picture().clone()
}

fn import_of(records: &[Record]) -> Import {
    let mut writer = PcapngWriter::new(Vec::new(), MediaPayloads::AsRecorded);
    writer.append(records).expect("memory takes everything");
    let file = writer.finish().expect("memory takes everything");
    import(&file[..], &ImportOptions::default(), &mut |_| ControlFlow::Continue(())).expect("an export is a capture")
}

/// What the wire shows of each pair, by its addresses.
fn pairs(picture: &Picture) -> BTreeMap<String, String> {
    let name = |pair: &PairView| {
        let address = picture.base(pair.id.base).map(|base| base.address);
        format!("{address:?} {}", pair.id.remote)
    };
    let checked = picture.pairs.iter().filter(|pair| pair.requests_sent + pair.requests_received > 0);
    let facts = checked.map(|pair| {
        let requests = (pair.requests_sent, pair.retransmissions_sent, pair.requests_received);
        let answers = (pair.responses_sent, pair.responses_received);
        let media = (pair.media_sent, pair.media_received);
        (name(pair), format!("{requests:?} {answers:?} {:?} {:?} {media:?}", pair.rtt, pair.total_rtt))
    });
    facts.collect()
}

fn packets(records: &[Record]) -> usize {
    records.iter().filter(|record| matches!(record.body, RecordBody::Packet(_))).count()
}

/// Everything but measurements: decimal fractions may come back with another last digit.
fn exact(records: &[Record]) -> Vec<&Record> {
    let is_measured = |record: &&Record| matches!(record.body.as_note(), Some(Note::AudioMeasured(_)));
    records.iter().filter(|record| !is_measured(record)).collect()
}

async fn check(scenario: Scenario) {
    let records = records_of(scenario).await;
    assert!(packets(&records) > 100);

    let mut writer = RecordWriter::new(Vec::new());
    for batch in records.chunks(17) {
        writer.append(batch).expect("memory takes everything");
    }
    let opened = Opened::read(&writer.finish().expect("memory takes everything")[..]).expect("it is a record");
    assert_eq!(opened.problems, []);
    assert_eq!(exact(&opened.records), exact(&records));

    let live = fold(&records);
    let imported = import_of(&records);
    let picture = fold(&imported.records);
    assert_eq!(pairs(&picture), pairs(&live));
    assert_eq!(picture.role, live.role);
    let selected = |picture: &Picture| picture.selected_pair().map(|pair| pair.id.remote);
    assert_eq!(selected(&picture), selected(&live));
    // A capture begins with its first packet, a record a moment before.
    let first_check = |records: &[Record], picture: &Picture| {
        let packet = records.iter().find(|record| matches!(record.body, RecordBody::Packet(_)));
        Some(picture.timings.first_check?.since(packet?.at))
    };
    assert_eq!(first_check(&imported.records, &picture), first_check(&records, &live));
    assert!(picture.timings.secured.is_some() && picture.timings.first_audio.is_some());

    let redacted = fold(&redact(&records));
    let ids = |picture: &Picture| {
        diagnose(picture).iter().map(|finding| (finding.id, finding.confidence)).collect::<Vec<_>>()
    };
    assert_eq!(ids(&redacted), ids(&live));
    assert_eq!(pairs(&redacted).into_values().collect::<Vec<_>>().len(), pairs(&live).len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_call_is_the_same_in_every_file() {
    check(Scenario::TwoNat).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relayed_call_is_the_same_in_every_file() {
    check(Scenario::SymmetricBoth).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_signed_message_of_a_call_is_found_authentic_and_stays_so_in_its_file() {
    for (scenario, expected) in
        [(Scenario::TwoNat, &["Binding"][..]), (Scenario::SymmetricBoth, &["Allocate", "Binding", "CreatePermission"])]
    {
        let mut writer = RecordWriter::new(Vec::new());
        writer.append(&records_of(scenario).await).expect("memory takes everything");
        let file = writer.finish().expect("memory takes everything");
        let ladder = fold(&Opened::read(&file[..]).expect("what was written is read").records).ladder;
        let mut signed = BTreeSet::new();
        for (number, message) in ladder.rows(None).iter() {
            match ladder.describe(number, None).expect("it is a row").integrity {
                Integrity::Absent => {}
                found => {
                    assert_eq!(found, Integrity::Valid, "{scenario:?}: {message:?}");
                    signed.insert(message.method);
                }
            }
        }
        let missing: Vec<_> = expected.iter().filter(|method| !signed.contains(**method)).collect();
        assert!(missing.is_empty(), "{scenario:?} has no signed {missing:?}");
    }
}
