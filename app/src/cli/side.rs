//! The other side of a call: its record, a capture or a copied text, laid beside the record that is reported on.

use std::{fs::File, io::Read as _, ops::ControlFlow, path::Path};

use anyhow::Context as _;
use floe_capture::{ImportOptions, load};
use floe_inspect::{
    Inspector,
    side::{add_side, side_of},
};
use floe_signal::side_text::{SIDE_MARK, read_side, write_side};
use floe_wire::{Record, RecordBody, side::SideDigest};

use crate::regular_file;

/// A text that holds a side is much shorter; what follows is not looked at.
const TEXT_BYTES: u64 = 1 << 20;

/// Appends what the other side knows.
///
/// # Errors
/// When the file cannot be read, or is not of the other side of this call.
pub(super) fn add(records: &mut Vec<Record>, path: &Path) -> anyhow::Result<()> {
    let side = read(path).with_context(|| format!("cannot use {} as the other side", path.display()))?;
    let notes = add_side(fold(records).picture(), &side)?;
    let at = records.iter().map(|record| record.at).max().unwrap_or_default();
    records.extend(notes.into_iter().map(|note| Record { at, body: RecordBody::note(note) }));
    Ok(())
}

/// The text of the side that records tell of.
pub(super) fn text(records: &[Record]) -> String {
    write_side(&side_of(fold(records).picture()))
}

fn read(path: &Path) -> anyhow::Result<SideDigest> {
    let mut beginning = Vec::new();
    open(path)?.take(TEXT_BYTES).read_to_end(&mut beginning)?;
    let text = String::from_utf8_lossy(&beginning);
    if text.contains(SIDE_MARK) && !beginning.contains(&0) {
        return Ok(read_side(&text)?);
    }
    let loaded = load(open(path)?, &ImportOptions::default(), &mut |_| ControlFlow::Continue(()))?;
    Ok(side_of(fold(loaded.records()).picture()))
}

fn open(path: &Path) -> anyhow::Result<File> {
    regular_file::open(path).map(|(file, _)| file).map_err(anyhow::Error::msg)
}

fn fold(records: &[Record]) -> Inspector {
    let mut inspector = Inspector::new();
    for record in records {
        inspector.ingest(record);
    }
    inspector
}

#[cfg(test)]
mod tests {
    use floe_capture::RecordWriter;
    use floe_inspect::peer::ChannelView;
    use floe_wire::{Generation, Note, Stamp};

    use super::*;

    /// A record whose fragments are these.
    fn record(own: &str, peer: &str) -> Vec<Record> {
        let generation = Generation(0);
        let notes = [
            Note::LocalCredentials { generation, ufrag: own.to_owned() },
            Note::RemoteCredentials { generation, ufrag: peer.to_owned() },
        ];
        notes.map(|note| Record { at: Stamp::from_millis(5), body: RecordBody::note(note) }).into()
    }

    fn with_file<T>(name: &str, bytes: &[u8], then: impl FnOnce(&Path) -> T) -> T {
        let path = std::env::temp_dir().join(format!("floe-side-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let outcome = then(&path);
        let _ = std::fs::remove_file(&path);
        outcome
    }

    fn file_of(records: &[Record]) -> Vec<u8> {
        let mut writer = RecordWriter::new(Vec::new());
        writer.append(records).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn the_other_side_may_be_its_record_or_its_text() {
        let theirs = record("bbbb", "aaaa");
        for (name, bytes) in [("record.floe", file_of(&theirs)), ("text.txt", text(&theirs).into_bytes())] {
            let mut ours = record("aaaa", "bbbb");
            with_file(name, &bytes, |path| add(&mut ours, path)).unwrap();
            let inspector = fold(&ours);
            assert!(matches!(inspector.picture().peer.channel, ChannelView::Added { matched: 0 }), "{name}");
        }
    }

    #[test]
    fn what_is_not_the_other_side_is_refused_with_a_sentence() {
        let cases = [
            ("own.floe", file_of(&record("aaaa", "bbbb")), "your own side"),
            ("other.floe", file_of(&record("cccc", "dddd")), "another call"),
            ("cut.txt", text(&record("bbbb", "aaaa")).into_bytes()[..30].to_vec(), "cut off"),
            ("hello.txt", b"hello".to_vec(), "neither a Floe record nor"),
        ];
        for (name, bytes, words) in cases {
            let mut ours = record("aaaa", "bbbb");
            let error = with_file(name, &bytes, |path| add(&mut ours, path)).expect_err(name);
            assert!(format!("{error:#}").contains(words), "{name}: {error:#}");
            assert_eq!(ours.len(), 2, "nothing was added");
        }
    }
}
