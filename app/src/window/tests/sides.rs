//! Both sides of a call: the friend's side pasted into the window that shows a file, and saved with it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use floe_capture::{RecordReader, RecordWriter};
use floe_inspect::{
    History, Picture,
    peer::ChannelView,
    side::{add_side, side_of},
};
use floe_signal::side_text::{read_side, write_side};
use floe_wire::Record;

use crate::{
    engine::Engine,
    window::{
        WindowOptions,
        app::FloeWindow,
        archive::SaveAs,
        dialogs::{Dialog, SideDraft},
        fixtures,
        session::FileNews,
        wish::Wish,
    },
};

/// A window that shows a file, and the folder it is in.
struct Shown {
    window: FloeWindow,
    ctx: egui::Context,
    folder: PathBuf,
}

impl Drop for Shown {
    fn drop(&mut self) {
        // What is left behind is in the system's folder for such things.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Shown {
    fn new(name: &str, records: &[Record]) -> Self {
        let folder = std::env::temp_dir().join(format!("floe-sides-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("mine.floe");
        let mut writer = RecordWriter::new(Vec::new());
        writer.append(records).unwrap();
        fs::write(&file, writer.finish().unwrap()).unwrap();
        let ctx = egui::Context::default();
        let options = WindowOptions { demo: None, file: Some(file.clone()) };
        let mut shown = Self { window: FloeWindow::new(Engine::start().unwrap(), None, options, &ctx), ctx, folder };
        assert_eq!(shown.wait(|window| window.session.poll()), FileNews::Opened(file));
        shown.window.view.dialog = Some(Dialog::Sides(SideDraft::default()));
        shown
    }

    /// Asks until there is an answer, at most twenty seconds.
    fn wait<T>(&mut self, mut ask: impl FnMut(&mut FloeWindow) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(answer) = ask(&mut self.window) {
                return answer;
            }
            assert!(Instant::now() < deadline, "nothing happened");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn paste(&mut self, text: &str) {
        self.window.carry_out(Wish::AddSide(text.to_owned()), &self.ctx);
    }

    /// What is wrong, as the open dialog says.
    fn complaint(&self) -> Option<&str> {
        match &self.window.view.dialog {
            Some(Dialog::Sides(draft)) => draft.error.as_deref(),
            _ => None,
        }
    }

    fn wait_for_both_sides(&mut self) {
        self.wait(|window| {
            let _ = window.session.poll();
            let channel = &window.session.shown().snapshot.picture.peer.channel;
            matches!(channel, ChannelView::Added { matched: 6 }).then_some(())
        });
    }
}

fn folded(path: &Path) -> Picture {
    let records = RecordReader::new(fs::File::open(path).unwrap()).unwrap();
    records.collect::<History>().latest().clone()
}

#[test]
fn a_pasted_side_shows_both_ends_and_closes_the_dialog() {
    let (records, text) = fixtures::both_sides();
    let mut shown = Shown::new("paste", &records);
    shown.paste(&text);
    assert!(shown.window.view.dialog.is_none(), "{:?}", shown.complaint());
    shown.wait_for_both_sides();
    let picture = &shown.window.session.shown().snapshot.picture;
    let told = picture.ladder.rows(None).iter().filter(|(_, message)| message.there.is_some()).count();
    assert_eq!(told, 6, "three checks and their answers are in both records");
}

#[test]
fn a_wrong_side_is_refused_in_the_dialog_and_what_is_shown_stays() {
    let (records, text) = fixtures::both_sides();
    let mut shown = Shown::new("wrong", &records);
    let own = {
        let history: History = records.iter().cloned().collect();
        write_side(&side_of(history.latest()))
    };
    for (text, words) in [
        ("", "nothing here yet"),
        ("hello", "not a side of a call"),
        (&text[..text.len() / 2], "cut off"),
        (own.as_str(), "your own side"),
    ] {
        shown.paste(text);
        let complaint = shown.complaint().unwrap_or_default();
        assert!(complaint.contains(words), "{text}: {complaint}");
    }
    let picture = &shown.window.session.shown().snapshot.picture;
    assert_eq!((&picture.peer.channel, picture.counters.records), (&ChannelView::None, records.len() as u64));
}

#[test]
fn a_file_is_saved_with_the_side_that_was_added_to_it() {
    let (records, text) = fixtures::both_sides();
    let mut shown = Shown::new("save", &records);
    shown.paste(&text);
    shown.wait_for_both_sides();
    let path = shown.folder.join("both.floe");
    shown
        .window
        .carry_out(Wish::Save { what: SaveAs::Record, is_redacted: false, path: path.clone() }, &shown.ctx.clone());
    let saved = shown.wait(|window| window.session.shown().saved());
    assert_eq!(saved.outcome, Ok(()));
    let saved = folded(&path);
    assert_eq!(saved.peer.channel, ChannelView::Added { matched: 6 });
    assert_eq!(saved.ladder, shown.window.session.shown().snapshot.picture.ladder);
    // The file itself is as it was.
    let original = folded(&shown.folder.join("mine.floe"));
    assert!(add_side(&original, &read_side(&text).unwrap()).is_ok());
    assert_eq!(original.peer.channel, ChannelView::None);
}
