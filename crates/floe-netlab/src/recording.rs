//! A recorded WAV file, and how much of a tone is in it.

use std::{f64::consts::TAU, path::Path};

use anyhow::{Context, Result, ensure};

/// A window long enough to tell 440 Hz from its neighbours (5 Hz apart) and short enough to show a gap.
const WINDOW_MS: usize = 200;
/// The power of a tone that has faded to a quarter of its amplitude, as it does while a decoder makes it up.
const FADED: f64 = 1.0 / 16.0;
/// Windows that tell where a tone begins and ends, in seconds: two periods of 440 Hz.
const WINDOW_S: f64 = 0.005;
/// Between two interruptions, sound of less than two frames is what a decoder made up.
const MADE_UP_WINDOWS: usize = 6;
/// The share of a tone in the power of a window that holds it.
const PURE: f64 = 0.95;
/// Below this power a window is silence: -50 dB of full scale.
const SILENCE: f64 = 1e-5;

/// What a peer heard.
pub struct Recording {
    samples: Vec<f64>,
    rate: u32,
}

impl Recording {
    /// Reads a WAV file of one channel.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(path: &Path) -> Result<Self> {
        let mut reader = hound::WavReader::open(path).with_context(|| format!("no recording at {}", path.display()))?;
        let spec = reader.spec();
        ensure!(spec.channels == 1 && spec.sample_format == hound::SampleFormat::Int, "unexpected format {spec:?}");
        let full = f64::from(1_u32 << (spec.bits_per_sample - 1));
        let samples = reader.samples::<i32>().map(|sample| Ok(f64::from(sample?) / full)).collect::<Result<_>>()?;
        Ok(Self { samples, rate: spec.sample_rate })
    }

    /// How long it is, in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }

    /// The share of the windows, from the first that is not silent on, that hold this tone and next to nothing
    /// else: 0 to 1.
    pub fn share_of_tone(&self, hz: f64) -> f64 {
        let window = self.rate as usize * WINDOW_MS / 1000;
        let heard = self.samples.chunks_exact(window).skip_while(|window| mean_power(window) <= SILENCE);
        let (tone, all) =
            heard.fold((0, 0), |(tone, all), window| (tone + u32::from(self.is_tone(window, hz)), all + 1_u32));
        if all == 0 { 0.0 } else { f64::from(tone) / f64::from(all) }
    }

    /// Where a tone that sounds all the time is missing: beginnings and lengths in seconds, of all that are longer than
    /// `at_least`. What comes before the first sound and after the last one does not count. Sounds of less than two frames
    /// neither divide an interruption nor end it: a decoder makes them up, after the last packet of a call as well.
    pub fn interruptions(&self, hz: f64, at_least: f64) -> Vec<(f64, f64)> {
        let windows = self.tone_windows(hz);
        let sounds: Vec<_> = windows.chunk_by(|one, other| one == other).collect();
        let mut at = 0;
        let mut there = Vec::new();
        for (index, run) in sounds.iter().enumerate() {
            if run[0] && (index == 0 || run.len() > MADE_UP_WINDOWS) {
                there.push((at, at + run.len()));
            }
            at += run.len();
        }
        let seconds = |windows: usize| windows as f64 * WINDOW_S;
        let gaps = there.windows(2).map(|pair| (seconds(pair[0].1), seconds(pair[1].0 - pair[0].1)));
        gaps.filter(|(_, length)| *length > at_least).collect()
    }

    /// How much of a stretch holds no tone; begin, end and result in seconds.
    pub fn without_tone(&self, hz: f64, begin: f64, end: f64) -> f64 {
        let silent = self.tone_windows_of(hz, begin, end).into_iter().filter(|is_there| !is_there);
        silent.count() as f64 * WINDOW_S
    }

    /// How much of a stretch holds no tone or, between two such windows, a sound of less than two frames, as in
    /// [`Self::interruptions`]; begin, end and result in seconds.
    pub fn interrupted(&self, hz: f64, begin: f64, end: f64) -> f64 {
        let windows = self.tone_windows_of(hz, begin, end);
        let Some(first) = windows.iter().position(|is_there| !is_there) else { return 0.0 };
        let last = windows.iter().rposition(|is_there| !is_there).unwrap_or(first);
        let runs = windows[first..=last].chunk_by(|one, other| one == other);
        let missing = runs.filter(|run| !run[0] || run.len() <= MADE_UP_WINDOWS).map(<[bool]>::len);
        missing.sum::<usize>() as f64 * WINDOW_S
    }

    fn tone_windows_of(&self, hz: f64, begin: f64, end: f64) -> Vec<bool> {
        let [from, to] = [begin, end].map(|at| (at.max(0.0) / WINDOW_S).round() as usize);
        self.tone_windows(hz).into_iter().take(to).skip(from).collect()
    }

    /// Whether the tone is there, window by window. What a decoder makes up is fainter or no tone any more after a few
    /// milliseconds; a splice in a tone hardly disturbs it.
    fn tone_windows(&self, hz: f64) -> Vec<bool> {
        let length = (f64::from(self.rate) * WINDOW_S) as usize;
        let windows: Vec<&[f64]> = self.samples.chunks_exact(length).collect();
        let mut sorted: Vec<f64> = windows.iter().map(|window| mean_power(window)).collect();
        sorted.sort_by(f64::total_cmp);
        // An outage may take up most of a recording.
        let faint = FADED * sorted.get(sorted.len() * 19 / 20).copied().unwrap_or_default();
        windows.into_iter().map(|window| self.is_pure(window, hz) && mean_power(window) > faint).collect()
    }

    /// Whether a window of any length is little else than a part of this tone (a fit by least squares).
    fn is_pure(&self, window: &[f64], hz: f64) -> bool {
        let step = TAU * hz / f64::from(self.rate);
        let (mut xs, mut xc, mut ss, mut cc, mut sc) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (index, sample) in window.iter().enumerate() {
            let (sine, cosine) = (step * index as f64).sin_cos();
            xs += sample * sine;
            xc += sample * cosine;
            ss += sine * sine;
            cc += cosine * cosine;
            sc += sine * cosine;
        }
        let determinant = ss * cc - sc * sc;
        let fitted = (xs * (xs * cc - xc * sc) + xc * (xc * ss - xs * sc)) / determinant;
        fitted > PURE * mean_power(window) * window.len() as f64
    }

    /// Whether at least nine tenths of the window's power are at this frequency.
    fn is_tone(&self, window: &[f64], hz: f64) -> bool {
        let power = mean_power(window);
        power > SILENCE && self.power_at(window, hz) > 0.9 * power
    }

    /// The mean power of the window's part at one frequency (one bin of a Fourier transform).
    fn power_at(&self, window: &[f64], hz: f64) -> f64 {
        let step = TAU * hz / f64::from(self.rate);
        let (sine, cosine) = window.iter().enumerate().fold((0.0, 0.0), |(sine, cosine), (index, sample)| {
            let phase = step * index as f64;
            (sine + sample * phase.sin(), cosine + sample * phase.cos())
        });
        2.0 * (sine * sine + cosine * cosine) / (window.len() as f64).powi(2)
    }
}

fn mean_power(window: &[f64]) -> f64 {
    window.iter().map(|sample| sample * sample).sum::<f64>() / window.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_second(sample: impl Fn(f64) -> f64) -> Recording {
        Recording { samples: (0..48_000).map(|index| sample(f64::from(index) / 48_000.0)).collect(), rate: 48_000 }
    }

    #[test]
    fn a_tone_is_found_at_its_frequency_only() {
        let recording = one_second(|t| 0.3 * (TAU * 440.0 * t).sin());

        assert_eq!(recording.share_of_tone(440.0), 1.0);
        assert_eq!(recording.share_of_tone(415.0), 0.0);
    }

    #[test]
    fn silence_and_noise_hold_no_tone() {
        let noise = one_second(|t| (t * 1e7).sin() * (t * 3.7e6).cos());

        assert_eq!(one_second(|_| 0.0).share_of_tone(440.0), 0.0);
        assert_eq!(noise.share_of_tone(440.0), 0.0);
    }

    #[test]
    fn silence_before_the_first_sound_does_not_count() {
        let recording = one_second(|t| if t < 0.4 { 0.0 } else { (TAU * 440.0 * t).sin() });

        assert_eq!(recording.share_of_tone(440.0), 1.0);
    }

    #[test]
    fn interruptions_are_found_where_they_are() {
        let recording = one_second(|t| if (0.4..0.55).contains(&t) { 0.0 } else { (TAU * 440.0 * t).sin() });

        let [(begin, length)] = recording.interruptions(440.0, 0.05)[..] else { panic!("one interruption is there") };
        assert!((begin - 0.4).abs() < 0.006 && (length - 0.15).abs() < 0.011, "{length} s from {begin} s on");
    }

    #[test]
    fn noise_as_loud_as_the_tone_interrupts_it() {
        let noise = |t: f64| (t * 1e7).sin() * (t * 3.7e6).cos();
        let recording = one_second(|t| if (0.4..0.5).contains(&t) { noise(t) } else { (TAU * 440.0 * t).sin() });

        assert!((recording.without_tone(440.0, 0.3, 0.6) - 0.1).abs() < 0.011);
        assert_eq!(recording.without_tone(440.0, 0.5, 0.9), 0.0);
    }

    #[test]
    fn a_short_sound_within_an_interruption_is_counted_as_asked() {
        let recording = |is_sound: fn(f64) -> bool| {
            one_second(|t| if (0.4..0.6).contains(&t) && !is_sound(t) { 0.0 } else { (TAU * 440.0 * t).sin() })
        };
        let short = recording(|t| (0.42..0.44).contains(&t));
        assert!((short.without_tone(440.0, 0.3, 0.7) - 0.18).abs() < 0.011);
        assert!((short.interrupted(440.0, 0.3, 0.7) - 0.2).abs() < 0.011);

        let long = recording(|t| (0.42..0.5).contains(&t));
        assert!((long.interrupted(440.0, 0.3, 0.7) - 0.12).abs() < 0.011, "two frames are no invention");
        assert_eq!(long.interrupted(440.0, 0.7, 0.9), 0.0);
    }

    #[test]
    fn what_is_made_up_after_the_last_packet_ends_no_interruption() {
        let until =
            |end: f64| one_second(|t| if (0.4..0.43).contains(&t) || t >= end { 0.0 } else { (TAU * 440.0 * t).sin() });
        assert_eq!(until(0.45).interruptions(440.0, 0.015), []);
        assert_eq!(until(0.5).interruptions(440.0, 0.015).len(), 1);
    }

    #[test]
    fn a_splice_interrupts_no_tone() {
        let recording = one_second(|t| (TAU * 440.0 * if t < 0.5 { t } else { t + 0.000_1 }).sin());

        assert_eq!(recording.interruptions(440.0, 0.0), []);
    }

    #[test]
    fn a_gap_shows() {
        let recording = one_second(|t| if t < 0.5 { (TAU * 440.0 * t).sin() } else { 0.0 });

        assert_eq!(recording.share_of_tone(440.0), 0.4);
    }
}
