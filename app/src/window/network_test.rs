//! The test of the network behind the Network panel: runs in the background, keeps its result.

use std::sync::Arc;

use floe_call::probe::{ProbeConfig, ProbeReport, probe};
use floe_transport::Network;
use tokio::sync::oneshot;

use super::archive::Repaint;
use crate::engine::Engine;

/// How far the test of the network is.
#[derive(Debug, Clone, Default)]
pub enum TestState {
    /// Nobody asked for it.
    #[default]
    NotRun,
    /// It runs, for half a minute at most.
    Running,
    /// This is what it found.
    Done(Arc<ProbeReport>),
}

/// Runs one test at a time.
#[derive(Default)]
pub struct NetworkTest {
    state: TestState,
    result: Option<oneshot::Receiver<ProbeReport>>,
}

impl NetworkTest {
    /// How far it is.
    #[must_use]
    pub fn state(&self) -> &TestState {
        &self.state
    }

    /// Begins a test; a running one goes on instead.
    pub fn start(&mut self, engine: &Engine, config: ProbeConfig, network: Arc<dyn Network>, repaint: Repaint) {
        if self.result.is_some() {
            return;
        }
        let (sender, result) = oneshot::channel();
        engine.runtime().spawn(async move {
            // Whoever closed the window meanwhile wants no result.
            let _ = sender.send(probe(&config, network).await);
            repaint();
        });
        self.result = Some(result);
        self.state = TestState::Running;
    }

    /// Takes the result once it is there.
    pub fn poll(&mut self) {
        let Some(result) = &mut self.result else { return };
        match result.try_recv() {
            Ok(report) => self.state = TestState::Done(Arc::new(report)),
            Err(oneshot::error::TryRecvError::Empty) => return,
            Err(oneshot::error::TryRecvError::Closed) => self.state = TestState::NotRun,
        }
        self.result = None;
    }

    /// Forgets a result of another network.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        thread,
        time::{Duration, Instant},
    };

    use floe_simnet::{Scenario, World};

    use super::*;

    #[test]
    fn a_test_runs_behind_the_window_and_its_result_is_kept() {
        let engine = Engine::start().unwrap();
        let world = {
            let _in_runtime = engine.runtime().enter();
            World::build(Scenario::OneNat, 1).unwrap()
        };
        let config = ProbeConfig { stun_servers: world.stun_servers.clone(), ..ProbeConfig::default() };
        let (done, waiting) = std::sync::mpsc::channel();
        let repaint: Repaint = Arc::new(move || {
            let _ = done.send(());
        });
        let mut test = NetworkTest::default();
        test.start(&engine, config, Arc::clone(&world.a), repaint);
        assert!(matches!(test.state(), TestState::Running));
        waiting.recv_timeout(Duration::from_secs(40)).expect("the window is painted when the test is over");
        let deadline = Instant::now() + Duration::from_secs(5);
        while matches!(test.state(), TestState::Running) && Instant::now() < deadline {
            test.poll();
            thread::yield_now();
        }
        let TestState::Done(report) = test.state() else { panic!("{:?}", test.state()) };
        assert_eq!(report.nat.mapping, Some("endpoint-independent"));
    }
}
