//! The playhead: which moment the panels show, and how it moves.

mod bar;
mod spark;
mod track;

use std::time::Duration;

use floe_inspect::Picture;
use floe_wire::Stamp;

pub use self::bar::{ribbon, view};

/// Which moment the panels show.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Playhead {
    position: Position,
    speed: Speed,
}

/// Where the playhead stands.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Position {
    /// At the end, which moves on while a call runs.
    #[default]
    End,
    /// At a moment.
    At { at: Stamp, is_playing: bool },
}

/// How fast a record is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speed {
    /// A quarter of the time it took.
    Quarter,
    /// As it was.
    #[default]
    Normal,
    /// Four times as fast.
    Fast,
    /// Sixteen times as fast.
    Fastest,
}

/// What a person asks of the playhead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PlayheadWish {
    /// Show this moment.
    Seek(Stamp),
    /// Show the end, live if the call runs.
    End,
    /// Play, pause, or hold a running call still to look at it.
    Toggle,
    /// Go to the next event.
    Next,
    /// Go to the previous event.
    Previous,
    /// Play at this speed.
    Play(Speed),
}

/// The record that the playhead moves over.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// Everything so far.
    pub whole: &'a Picture,
    /// The present of a running call, or the end of a record.
    pub end: Stamp,
    /// Whether the call goes on.
    pub is_running: bool,
}

impl Speed {
    /// All of them, slowest first.
    pub const ALL: [Self; 4] = [Self::Quarter, Self::Normal, Self::Fast, Self::Fastest];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quarter => "¼×",
            Self::Normal => "1×",
            Self::Fast => "4×",
            Self::Fastest => "16×",
        }
    }

    const fn factor(self) -> f64 {
        match self {
            Self::Quarter => 0.25,
            Self::Normal => 1.0,
            Self::Fast => 4.0,
            Self::Fastest => 16.0,
        }
    }
}

impl Playhead {
    /// The moment it stands at; none at the end.
    #[must_use]
    pub const fn at(&self) -> Option<Stamp> {
        match self.position {
            Position::End => None,
            Position::At { at, .. } => Some(at),
        }
    }

    /// Whether it moves by itself.
    #[must_use]
    pub const fn is_playing(&self) -> bool {
        matches!(self.position, Position::At { is_playing: true, .. })
    }

    /// How fast it plays.
    #[must_use]
    pub const fn speed(&self) -> Speed {
        self.speed
    }

    /// Does what a person asks.
    pub fn take(&mut self, wish: PlayheadWish, span: Span<'_>) {
        let here = self.at().unwrap_or(span.end);
        match wish {
            PlayheadWish::Seek(at) => self.go(at, self.is_playing(), span),
            PlayheadWish::End => self.position = Position::End,
            PlayheadWish::Play(speed) => self.speed = speed,
            PlayheadWish::Toggle => self.toggle(span),
            PlayheadWish::Next => match span.whole.next_marker(here) {
                Some(marker) => self.go(marker.at, false, span),
                None => self.position = Position::End,
            },
            PlayheadWish::Previous => {
                let at = span.whole.previous_marker(here).map_or(Stamp::ZERO, |marker| marker.at);
                self.position = Position::At { at, is_playing: false };
            }
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, passed: Duration, span: Span<'_>) {
        if let Position::At { at, is_playing: true } = self.position {
            self.go(at + passed.mul_f64(self.speed.factor()), true, span);
        }
    }

    fn toggle(&mut self, span: Span<'_>) {
        self.position = match self.position {
            Position::At { at, is_playing } => Position::At { at, is_playing: !is_playing },
            Position::End if span.is_running => Position::At { at: span.end, is_playing: false },
            Position::End => Position::At { at: Stamp::ZERO, is_playing: true },
        };
    }

    fn go(&mut self, at: Stamp, is_playing: bool, span: Span<'_>) {
        self.position = if at >= span.end { Position::End } else { Position::At { at, is_playing } };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::fixtures;

    fn ms(ms: u64) -> Stamp {
        Stamp::from_millis(ms)
    }

    fn finished(whole: &Picture) -> Span<'_> {
        Span { whole, end: ms(1000), is_running: false }
    }

    #[test]
    fn a_finished_record_is_played_from_its_start_and_stops_at_its_end() {
        let whole = Picture::default();
        let mut playhead = Playhead::default();
        playhead.take(PlayheadWish::Toggle, finished(&whole));
        assert_eq!((playhead.at(), playhead.is_playing()), (Some(Stamp::ZERO), true));
        playhead.take(PlayheadWish::Play(Speed::Fast), finished(&whole));
        playhead.advance(Duration::from_millis(100), finished(&whole));
        assert_eq!(playhead.at(), Some(ms(400)));
        playhead.advance(Duration::from_millis(200), finished(&whole));
        assert_eq!((playhead.at(), playhead.is_playing()), (None, false));
    }

    #[test]
    fn a_running_call_is_held_still_while_it_goes_on() {
        let whole = Picture::default();
        let mut playhead = Playhead::default();
        playhead.take(PlayheadWish::Toggle, Span { whole: &whole, end: ms(500), is_running: true });
        playhead.advance(Duration::from_millis(100), Span { whole: &whole, end: ms(600), is_running: true });
        assert_eq!((playhead.at(), playhead.is_playing()), (Some(ms(500)), false));
        playhead.take(PlayheadWish::End, Span { whole: &whole, end: ms(600), is_running: true });
        assert_eq!(playhead.at(), None);
    }

    #[test]
    fn steps_lead_from_event_to_event() {
        let whole = fixtures::marked(&[100, 400, 800]);
        let mut playhead = Playhead::default();
        let mut step = |wish, expected: Option<u64>| {
            playhead.take(wish, finished(&whole));
            assert_eq!(playhead.at(), expected.map(ms), "after {wish:?}");
        };
        step(PlayheadWish::Previous, Some(800));
        step(PlayheadWish::Previous, Some(400));
        step(PlayheadWish::Next, Some(800));
        step(PlayheadWish::Next, None);
        step(PlayheadWish::Seek(ms(50)), Some(50));
        step(PlayheadWish::Previous, Some(0));
    }
}
