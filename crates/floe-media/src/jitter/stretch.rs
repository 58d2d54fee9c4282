//! Makes audio a little longer or shorter where it repeats itself, by whole pitch periods (WSOLA).

/// 5 ms: enough of a low voice's period to compare, short enough to fade unnoticed.
const FADE: usize = 240;

/// 2.5 ms: a 400 Hz voice.
const SHORTEST: usize = 120;

/// 15 ms: a 67 Hz voice.
const LONGEST: usize = 720;

/// Lags this close to the best one's likeness are as good; then the longest is taken.
const AS_GOOD: f32 = 0.97;

/// Below about -55 dBFS nothing is heard of a splice.
const INAUDIBLE_ENERGY: f32 = FADE as f32 * 3e-6;

/// Removes up to `most` samples near the start, if the splice is at least `likeness` alike (-1 takes any).
/// Returns how many were removed.
pub(crate) fn shorten(pcm: &mut Vec<f32>, most: usize, likeness: f32) -> usize {
    let longest = most.min(LONGEST).min(pcm.len().saturating_sub(FADE));
    let Some(lag) = best_lag(longest, likeness, |lag| (&pcm[..FADE], &pcm[lag..lag + FADE])) else { return 0 };
    for index in 0..FADE {
        pcm[lag + index] = fade(pcm[index], pcm[lag + index], index);
    }
    pcm.drain(..lag);
    lag
}

/// Repeats up to `most` samples near the end, if the splice is at least `likeness` alike (-1 takes any).
/// Returns how many were added.
pub(crate) fn lengthen(pcm: &mut Vec<f32>, most: usize, likeness: f32) -> usize {
    let Some(splice) = pcm.len().checked_sub(FADE) else { return 0 };
    let longest = most.min(LONGEST).min(splice);
    let Some(lag) = best_lag(longest, likeness, |lag| (&pcm[splice..], &pcm[splice - lag..][..FADE])) else {
        return 0;
    };
    let again: Vec<f32> = pcm[splice - lag..].to_vec();
    for index in 0..FADE {
        pcm[splice + index] = fade(pcm[splice + index], again[index], index);
    }
    pcm.extend_from_slice(&again[FADE..]);
    lag
}

fn fade(from: f32, to: f32, index: usize) -> f32 {
    let part = (index as f32 + 0.5) / FADE as f32;
    from + (to - from) * part
}

fn best_lag<'a>(longest: usize, likeness: f32, pieces: impl Fn(usize) -> (&'a [f32], &'a [f32])) -> Option<usize> {
    let alike: Vec<(usize, f32)> = (SHORTEST..=longest)
        .map(|lag| {
            let (one, other) = pieces(lag);
            (lag, correlation(one, other))
        })
        .collect();
    let best = alike.iter().map(|&(_, value)| value).fold(f32::MIN, f32::max);
    if best < likeness {
        return None;
    }
    let enough = best - (1.0 - AS_GOOD) * best.abs();
    let (lag, _) = alike.into_iter().rev().find(|&(_, value)| value >= enough)?;
    Some(lag)
}

/// Normalised, -1 to 1; silence is like anything.
fn correlation(one: &[f32], other: &[f32]) -> f32 {
    let (mut product, mut first, mut second) = (0.0f32, 0.0f32, 0.0f32);
    for (a, b) in one.iter().zip(other) {
        product += a * b;
        first += a * a;
        second += b * b;
    }
    if first < INAUDIBLE_ENERGY && second < INAUDIBLE_ENERGY {
        return 1.0;
    }
    product / (first * second).sqrt().max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToneSource;

    fn tone(samples: usize) -> Vec<f32> {
        let mut source = ToneSource::new(440.0);
        let mut pcm = Vec::new();
        let mut frame = [0.0; 960];
        while pcm.len() < samples {
            source.read(&mut frame);
            pcm.extend_from_slice(&frame);
        }
        pcm.truncate(samples);
        pcm
    }

    fn largest_step(pcm: &[f32]) -> f32 {
        pcm.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_is_spliced_without_a_click() {
        let original = tone(1920);
        let steepest = largest_step(&original);
        let mut shorter = original.clone();
        let removed = shorten(&mut shorter, 900, 0.9);
        assert!(removed > 400 && shorter.len() == 1920 - removed, "removed {removed}");
        assert!(largest_step(&shorter) < steepest * 1.1);
        let mut longer = original;
        let added = lengthen(&mut longer, 900, 0.9);
        assert!(added > 400 && longer.len() == 1920 + added, "added {added}");
        assert!(largest_step(&longer) < steepest * 1.1);
    }

    #[test]
    fn silence_gives_way_as_far_as_asked() {
        let mut pcm = vec![0.0; 960];
        assert_eq!(lengthen(&mut pcm, 500, 0.9), 500);
        assert_eq!(shorten(&mut pcm, 500, 0.9), 500);
        assert_eq!(pcm.len(), 960);
    }

    #[test]
    fn audio_that_does_not_repeat_is_left_alone_unless_it_must() {
        let mut seed = 1u32;
        let mut noise: Vec<f32> = (0..1920)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / 16_777_216.0 - 0.5
            })
            .collect();
        assert_eq!(shorten(&mut noise, 900, 0.9), 0);
        assert_eq!(lengthen(&mut noise, 900, 0.9), 0);
        assert!(shorten(&mut noise, 900, -1.0) > 0);
    }

    #[test]
    fn too_little_audio_is_left_alone() {
        for len in [0, 1, 239, 240, 300] {
            let mut pcm = vec![0.0; len];
            assert_eq!(shorten(&mut pcm, 900, -1.0) + lengthen(&mut pcm, 900, -1.0), 0, "{len} samples");
        }
    }
}
