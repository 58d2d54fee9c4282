//! Who checks whom: pairs of user fragments, the flows they were seen on, and the sessions they make up.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use super::flows::{FlowId, Flows};

/// Pairs of user fragments remembered.
const FRAGMENTS_KEPT: usize = 4_096;

/// Position in the list of pairs of user fragments.
pub(super) type FragmentsId = u32;

/// The two user fragments of a USERNAME, in the order of the alphabet.
#[derive(Debug)]
struct Fragments {
    names: [String; 2],
    first: u64,
    last: u64,
    checks: u64,
    /// Where they were seen; `true` where the flow's `a` is the first of the two.
    flows: BTreeMap<FlowId, bool>,
    /// Whether the first check was sent by the first of the two.
    first_asks: bool,
}

/// Everything that USERNAMEs tell.
#[derive(Debug, Default)]
pub(super) struct Checks {
    list: Vec<Fragments>,
    index: BTreeMap<[String; 2], FragmentsId>,
    /// Binding requests without USERNAME: whose `a` (or `b`) asked a server.
    questions: BTreeSet<(FlowId, bool)>,
    /// The first PRIORITY that each end of a flow sent.
    priorities: BTreeMap<(FlowId, bool), u32>,
    /// Checks beyond what is remembered.
    pub forgotten: u64,
}

/// One session: the generations that two sides went through.
#[derive(Debug)]
pub(super) struct Grouped {
    /// Its generations in order.
    pub generations: Vec<Generated>,
    /// Every flow, and whether its `a` is the first side.
    pub flows: BTreeMap<FlowId, bool>,
    /// Checks captured.
    pub checks: u64,
    /// The first and the last check.
    pub span: (u64, u64),
    /// Whether the first check was sent by the first side.
    pub first_side_asks: bool,
}

/// One generation of a session.
#[derive(Debug, Clone)]
pub(super) struct Generated {
    /// What packets carry.
    pub fragments: FragmentsId,
    /// The user fragments of both sides.
    pub names: [String; 2],
}

impl Checks {
    /// Takes a check.
    pub fn note(&mut self, flow: FlowId, from_a: bool, at: u64, sender: &str, receiver: &str) -> Option<FragmentsId> {
        let sender_is_first = sender <= receiver;
        let (first, second) = if sender_is_first { (sender, receiver) } else { (receiver, sender) };
        let names = [first.to_owned(), second.to_owned()];
        let id = match self.index.get(&names) {
            Some(id) => *id,
            None if self.list.len() >= FRAGMENTS_KEPT => {
                self.forgotten += 1;
                return None;
            }
            None => {
                let id = FragmentsId::try_from(self.list.len()).ok()?;
                self.index.insert(names.clone(), id);
                let flows = BTreeMap::new();
                self.list.push(Fragments { names, first: at, last: at, checks: 0, flows, first_asks: sender_is_first });
                id
            }
        };
        let fragments = &mut self.list[id as usize];
        fragments.checks += 1;
        fragments.last = fragments.last.max(at);
        fragments.first = fragments.first.min(at);
        fragments.flows.entry(flow).or_insert(from_a == sender_is_first);
        Some(id)
    }

    /// Takes the PRIORITY of a check.
    pub fn note_priority(&mut self, flow: FlowId, from_a: bool, priority: u32) {
        self.priorities.entry((flow, from_a)).or_insert(priority);
    }

    /// The PRIORITY that an end of a flow sends in its checks, if it sends any.
    pub fn priority(&self, flow: FlowId, from_a: bool) -> Option<u32> {
        self.priorities.get(&(flow, from_a)).copied()
    }

    /// Takes a Binding request without USERNAME: a question to a server.
    pub fn note_question(&mut self, flow: FlowId, from_a: bool) {
        if self.questions.len() < FRAGMENTS_KEPT {
            self.questions.insert((flow, from_a));
        }
    }

    /// Who asked servers: the flow, and whether its `a` did.
    pub fn questions(&self) -> impl Iterator<Item = (FlowId, bool)> {
        self.questions.iter().copied()
    }

    /// Groups user fragments into sessions: pairs of them that share a flow are generations of one.
    pub fn sessions(&self) -> Vec<Grouped> {
        let mut on_flow: BTreeMap<FlowId, Vec<FragmentsId>> = BTreeMap::new();
        for (id, fragments) in (0..).zip(&self.list) {
            for flow in fragments.flows.keys() {
                on_flow.entry(*flow).or_default().push(id);
            }
        }
        let mut known = vec![false; self.list.len()];
        let mut sessions = Vec::new();
        for start in 0..self.list.len() {
            if !known[start] {
                sessions.push(self.gather(start, &on_flow, &mut known));
            }
        }
        sessions.sort_by_key(|session: &Grouped| session.span.0);
        sessions
    }

    /// Everything reachable from one pair of fragments over shared flows.
    fn gather(&self, start: usize, on_flow: &BTreeMap<FlowId, Vec<FragmentsId>>, known: &mut [bool]) -> Grouped {
        known[start] = true;
        // Whether the first side is the first of the two names.
        let mut found = vec![(start, true)];
        let mut flows: BTreeMap<FlowId, bool> = BTreeMap::new();
        let mut next = 0;
        while let Some((id, is_first)) = found.get(next).copied() {
            next += 1;
            for (flow, a_is_first_name) in &self.list[id].flows {
                let a_is_first_side = *flows.entry(*flow).or_insert(*a_is_first_name == is_first);
                for other in on_flow.get(flow).into_iter().flatten().map(|other| *other as usize) {
                    if !std::mem::replace(&mut known[other], true) {
                        let other_a_is_first_name = self.list[other].flows[flow];
                        found.push((other, other_a_is_first_name == a_is_first_side));
                    }
                }
            }
        }
        found.sort_by_key(|(id, _)| self.list[*id].first);
        let asks = |(id, is_first): (usize, bool)| self.list[id].first_asks == is_first;
        let all = || found.iter().map(|(id, _)| &self.list[*id]);
        Grouped {
            checks: all().map(|fragments| fragments.checks).sum(),
            span: (
                all().map(|fragments| fragments.first).min().unwrap_or_default(),
                all().map(|fragments| fragments.last).max().unwrap_or_default(),
            ),
            first_side_asks: found.first().copied().is_some_and(asks),
            generations: found.iter().map(|(id, is_first)| self.generated(*id, *is_first)).collect(),
            flows,
        }
    }

    fn generated(&self, id: usize, is_first: bool) -> Generated {
        let [first, second] = self.list[id].names.clone();
        let names = if is_first { [first, second] } else { [second, first] };
        Generated { fragments: FragmentsId::try_from(id).unwrap_or(FragmentsId::MAX), names }
    }
}

impl Grouped {
    /// The addresses of each side.
    pub fn addresses(&self, flows: &Flows) -> [BTreeSet<SocketAddr>; 2] {
        let mut sides = [BTreeSet::new(), BTreeSet::new()];
        for (flow, a_is_first) in &self.flows {
            let flow = flows.get(*flow);
            sides[usize::from(!a_is_first)].insert(flow.a);
            sides[usize::from(*a_is_first)].insert(flow.b);
        }
        sides
    }
}
