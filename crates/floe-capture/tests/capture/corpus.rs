//! The corpus of the fuzz targets, replayed: whatever they found once stays found.

use std::{fs, ops::ControlFlow, path::Path};

use floe_capture::{ImportOptions, MediaPayloads, Opened, PcapngWriter, RecordWriter, import, redact};
use floe_wire::Record;

/// The files of a fuzz target.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect();
    assert!(files.len() >= 3, "the corpus of {target} is committed");
    files
}

fn export(records: &[Record]) -> Vec<u8> {
    let mut writer = PcapngWriter::new(Vec::new(), MediaPayloads::AsRecorded);
    writer.append(records).unwrap();
    writer.finish().unwrap()
}

#[test]
fn record_files_of_the_corpus_are_read_redacted_written_and_exported() {
    for (name, file) in corpus("record") {
        let Ok(opened) = Opened::read(&file[..]) else { continue };
        let redacted = redact(&opened.records);
        let mut writer = RecordWriter::new(Vec::new());
        writer.append(&redacted).unwrap();
        let again = Opened::read(&writer.finish().unwrap()[..]).unwrap();
        assert_eq!((again.records.len(), again.problems.len()), (redacted.len(), 0), "{name}");
        export(&redacted);
    }
}

#[test]
fn captures_of_the_corpus_are_imported_exported_and_imported_again() {
    let mut imported = 0;
    for (name, file) in corpus("pcap") {
        for swap_sides in [false, true] {
            let options = ImportOptions { session: None, swap_sides };
            let Ok(import_of) = import(&file[..], &options, &mut |_| ControlFlow::Continue(())) else { continue };
            imported += import_of.records.len();
            assert!(import_of.records.windows(2).all(|pair| pair[0].at <= pair[1].at), "{name}");
            let again = export(&import_of.records);
            assert!(import(&again[..], &options, &mut |_| ControlFlow::Continue(())).is_ok(), "{name}");
        }
    }
    assert!(imported > 100);
}

#[test]
fn every_cut_and_every_flipped_bit_of_a_small_capture_is_survived() {
    for (_, file) in corpus("pcap").into_iter().filter(|(_, file)| file.len() < 1_080) {
        for at in 0..file.len() {
            for bit in [0x01, 0xFF] {
                let mut damaged = file.clone();
                damaged[at] ^= bit;
                let options = ImportOptions::default();
                if let Ok(import) = import(&damaged[..], &options, &mut |_| ControlFlow::Continue(())) {
                    let _ = redact(&import.records);
                }
            }
        }
    }
}
