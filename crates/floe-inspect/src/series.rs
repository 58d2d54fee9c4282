//! Samples for plots, bounded to an hour and to a number of points that a plot can show.

use std::time::Duration;

use floe_wire::Stamp;

use crate::picture::Sample;

/// How far back plots reach.
const SPAN: Duration = Duration::from_secs(3_600);

/// Points kept per series: more than a plot has columns, few enough to clone twenty times a second.
pub(crate) const POINTS_KEPT: usize = 2_400;

/// The spacing at which half of the points reach over the whole span.
const COARSE: Duration = Duration::from_secs(SPAN.as_secs() / (POINTS_KEPT as u64 / 2));

/// Appends a sample. A full series keeps the newer half of its points in full and the older half coarsely.
pub(crate) fn push_sample(series: &mut Vec<Sample>, at: Stamp, value: f64) {
    if !value.is_finite() {
        return;
    }
    let too_old = series.iter().take_while(|sample| at.since(sample.at) > SPAN).count();
    series.drain(..too_old);
    if series.len() >= POINTS_KEPT {
        thin(series);
    }
    if series.len() >= POINTS_KEPT {
        series.remove(0);
    }
    series.push(Sample { at, value });
}

fn thin(series: &mut Vec<Sample>) {
    let Some(boundary) = series.get(POINTS_KEPT / 2).map(|sample| sample.at) else { return };
    let mut kept: Option<Stamp> = None;
    series.retain(|sample| {
        let is_kept = sample.at >= boundary || kept.is_none_or(|kept| sample.at.since(kept) >= COARSE);
        if is_kept {
            kept = Some(sample.at);
        }
        is_kept
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_call_keeps_an_hour_and_the_newest_points_in_full() {
        let mut series = Vec::new();
        for n in 0..100_000_u64 {
            push_sample(&mut series, Stamp::from_millis(n * 200), n as f64);
        }
        assert!(series.len() <= POINTS_KEPT);
        assert!(series.is_sorted_by_key(|sample| sample.at));
        let newest: Vec<_> = series[series.len() - 1_000..].iter().map(|sample| sample.value).collect();
        assert_eq!(newest, (99_000..100_000).map(f64::from).collect::<Vec<_>>());
        let reach = series[series.len() - 1].at - series[0].at;
        assert!(reach <= SPAN && reach + COARSE * 2 > SPAN, "{reach:?}");
    }

    #[test]
    fn values_that_are_no_numbers_are_left_out() {
        let mut series = Vec::new();
        push_sample(&mut series, Stamp::ZERO, f64::NAN);
        push_sample(&mut series, Stamp::ZERO, f64::NEG_INFINITY);
        assert!(series.is_empty());
    }
}
