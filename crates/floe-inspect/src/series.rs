//! Samples for plots, bounded to an hour and to a number of points that a plot can show.

use std::time::Duration;

use floe_wire::Stamp;

use crate::picture::Sample;

/// How far back plots reach.
const SPAN: Duration = Duration::from_secs(3_600);

/// Points kept per series: more than a plot has columns, few enough to clone twenty times a second.
pub(crate) const POINTS_KEPT: usize = 2_400;

/// Appends a sample. A full series keeps every second point of its older half.
pub(crate) fn push_sample(series: &mut Vec<Sample>, at: Stamp, value: f64) {
    if !value.is_finite() {
        return;
    }
    let too_old = series.iter().take_while(|sample| at.since(sample.at) > SPAN).count();
    series.drain(..too_old);
    if series.len() >= POINTS_KEPT {
        let mut position = 0;
        series.retain(|_| {
            position += 1;
            position > POINTS_KEPT / 2 || position % 2 == 0
        });
    }
    series.push(Sample { at, value });
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
        let newest: Vec<_> = series[series.len() - 600..].iter().map(|sample| sample.value).collect();
        assert_eq!(newest, (99_400..100_000).map(f64::from).collect::<Vec<_>>());
        let reach = series[series.len() - 1].at - series[0].at;
        assert!(reach <= SPAN && reach > SPAN / 2, "{reach:?}");
    }

    #[test]
    fn values_that_are_no_numbers_are_left_out() {
        let mut series = Vec::new();
        push_sample(&mut series, Stamp::ZERO, f64::NAN);
        push_sample(&mut series, Stamp::ZERO, f64::NEG_INFINITY);
        assert!(series.is_empty());
    }
}
