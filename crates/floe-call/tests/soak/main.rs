//! Calls whose networks change again and again in simulated time, and what they hold and leave behind: memory, tasks
//! and sockets. `FLOE_SOAK_MINUTES` says how long the long one lasts.

mod changes;
#[path = "../common/mod.rs"]
mod common;
mod counts;
mod line;

use std::{
    env,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::runtime::Handle;

use self::{
    changes::Networks,
    counts::{Counts, Row},
    line::Line,
};

/// What the long call lasts where nothing else is asked for, in minutes.
const SHORT: u64 = 5;
/// Between two changes.
const PACE: Duration = Duration::from_secs(20);
/// Of a call's time, the part after which everything has been used that it needs: codecs, keys, tables that grow once.
const WARM: u64 = 6;
/// What may come and go beside the folds: packets under way, generations that begin and end, copies of a picture.
const SLACK: usize = 3 << 20;
/// The folds of both records, whatever the call's length: their lists are bounded.
const MOST_FOLDED: usize = 64 << 20;
/// A generation has agents for two addresses, and TCP dials the peer's.
const MOST_TASKS: usize = 80;
const MOST_SOCKETS: usize = 40;
/// The whole program's allocations are counted, so that one test runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn minutes() -> u64 {
    let asked = env::var("FLOE_SOAK_MINUTES").ok();
    asked.map_or(SHORT, |text| text.parse().expect("a number of minutes"))
}

/// A runtime whose time passes when there is nothing else to do.
fn in_simulated_time<T>(body: impl Future<Output = T>) -> T {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().expect("a runtime").block_on(body)
}

#[test]
fn a_call_whose_networks_change_all_the_time_keeps_flat_memory() {
    in_simulated_time(async {
        let line = Line::connected(7).await;
        let before = line.words();
        let mut networks = Networks::new(7);
        let mut rows = Vec::new();
        println!("{}", Row::HEAD);
        for minute in 1..=minutes() {
            for _ in 0..3 {
                let change = networks.change(&line).await;
                tokio::time::sleep(PACE).await;
                line.goes_on(change).await;
            }
            let row = Row { minute, counts: Counts::of(&line.world), line: line.totals() };
            println!("{row}");
            rows.push(row);
        }
        assert_eq!(line.words(), before);
        line.is_in_view();
        are_flat(&rows);
        line.end().await;
    });
}

fn are_flat(rows: &[Row]) {
    let warm = usize::try_from(minutes().div_ceil(WARM)).expect("minutes are few").max(2);
    let (before, after) = rows.split_at(warm.min(rows.len()));
    let most = before.iter().map(Row::rest).max().unwrap_or(0);
    for row in after {
        assert!(row.rest() <= most + SLACK, "minute {} has more than {most} bytes: {row}", row.minute);
    }
    for Row { counts, line, .. } in rows {
        assert!(line.folds <= MOST_FOLDED && counts.tasks <= MOST_TASKS && counts.sockets <= MOST_SOCKETS);
    }
}

/// A call with twenty changes; gives what it leaves.
async fn twenty_changes() -> Counts {
    let line = Line::connected(20).await;
    let mut networks = Networks::new(20);
    for _ in 0..20 {
        let change = networks.change(&line).await;
        line.goes_on(change).await;
    }
    let world = line.end().await;
    // Agents and connections end in their own time.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(Counts::of(&world).sockets, 0, "the peers' sockets are closed");
    drop(world);
    tokio::time::sleep(Duration::from_secs(1)).await;
    Counts::without_sockets()
}

#[test]
fn a_call_with_twenty_changes_leaves_no_task_no_socket_and_no_memory_behind() {
    in_simulated_time(async {
        let tasks = Handle::current().metrics().num_alive_tasks();
        // The first call makes what lives as long as the program: tables of the codec, threads' own randomness.
        let mut left = vec![twenty_changes().await];
        for _ in 0..2 {
            left.push(twenty_changes().await);
        }
        assert!(left.iter().all(|counts| counts.tasks == tasks), "{left:?}");
        let (first, last) = (left[0], left[2]);
        assert!(last.allocations <= first.allocations, "{left:?}");
        // A table that grew for good is one allocation still.
        assert!(last.bytes <= first.bytes + 1024, "{left:?}");
    });
}
