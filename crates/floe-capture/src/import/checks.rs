//! Who checks whom: pairs of user fragments, the flows they were seen on, and the sessions they make up.
//!
//! A restart changes user fragments, in browsers the sockets as well, and for a moment one side's new fragment meets the
//! other side's old one. Pairs of fragments are generations of one session when they share a flow; when the same two
//! tie-breakers check, which an agent keeps for as long as it lives; or when they share a fragment at one address and on
//! the other side the tie-breaker or an address. A shared fragment alone is not enough: some servers have one for all.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
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
    /// The tie-breakers of both, where their checks bear one.
    tie_breakers: [Option<u64>; 2],
}

/// A check with user fragments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub sender: &'a str,
    pub receiver: &'a str,
    pub tie_breaker: Option<u64>,
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
    /// Where they were seen.
    pub flows: Vec<FlowId>,
}

impl Checks {
    /// Takes a check.
    pub fn note(&mut self, flow: FlowId, from_a: bool, at: u64, asked: Asked<'_>) -> Option<FragmentsId> {
        let Asked { sender, receiver, tie_breaker } = asked;
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
                self.list.push(Fragments {
                    names,
                    first: at,
                    last: at,
                    checks: 0,
                    flows: BTreeMap::new(),
                    first_asks: sender_is_first,
                    tie_breakers: [None; 2],
                });
                id
            }
        };
        let fragments = &mut self.list[id as usize];
        fragments.checks += 1;
        fragments.last = fragments.last.max(at);
        fragments.first = fragments.first.min(at);
        fragments.flows.entry(flow).or_insert(from_a == sender_is_first);
        let known = &mut fragments.tie_breakers[usize::from(!sender_is_first)];
        *known = known.or(tie_breaker);
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

    /// Groups user fragments into sessions.
    pub fn sessions(&self, flows: &Flows) -> Vec<Grouped> {
        let links = Links::of(&self.list, flows);
        let mut known = vec![false; self.list.len()];
        let mut sessions = Vec::new();
        for start in 0..self.list.len() {
            if !known[start] {
                sessions.push(self.gather(start, &links, &mut known));
            }
        }
        sessions.sort_by_key(|session: &Grouped| session.span.0);
        sessions
    }

    /// Everything reachable from one pair of fragments.
    fn gather(&self, start: usize, links: &Links<'_>, known: &mut [bool]) -> Grouped {
        known[start] = true;
        // Whether the first side is the first of the two names.
        let mut found = vec![(start, true)];
        let mut flows: BTreeMap<FlowId, bool> = BTreeMap::new();
        let mut next = 0;
        while let Some((id, is_first)) = found.get(next).copied() {
            next += 1;
            for (flow, a_is_first_name) in &self.list[id].flows {
                flows.entry(*flow).or_insert(*a_is_first_name == is_first);
            }
            for (other, is_alike) in links.from(id) {
                if !std::mem::replace(&mut known[other], true) {
                    found.push((other, is_first == is_alike));
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
        let flows = self.list[id].flows.keys().copied().collect();
        Generated { fragments: FragmentsId::try_from(id).unwrap_or(FragmentsId::MAX), names, flows }
    }
}

/// Which pairs of user fragments belong together.
struct Links<'a> {
    list: &'a [Fragments],
    on_flow: BTreeMap<FlowId, Vec<usize>>,
    by_tie_breakers: BTreeMap<[u64; 2], Vec<usize>>,
    by_name: BTreeMap<&'a str, Vec<usize>>,
    /// The addresses of both sides of each.
    addresses: Vec<[BTreeSet<IpAddr>; 2]>,
}

impl<'a> Links<'a> {
    fn of(list: &'a [Fragments], flows: &Flows) -> Self {
        let addresses = list.iter().map(|fragments| fragments.addresses(flows)).collect();
        let (on_flow, by_tie_breakers, by_name) = Default::default();
        let mut links = Self { list, on_flow, by_tie_breakers, by_name, addresses };
        for (id, fragments) in list.iter().enumerate() {
            for flow in fragments.flows.keys() {
                links.on_flow.entry(*flow).or_default().push(id);
            }
            if let Some(both) = fragments.both_tie_breakers() {
                links.by_tie_breakers.entry(both).or_default().push(id);
            }
            for name in &fragments.names {
                links.by_name.entry(name).or_default().push(id);
            }
        }
        links
    }

    /// What belongs to a pair of fragments, and whether its first name is of the same side.
    fn from(&self, id: usize) -> Vec<(usize, bool)> {
        let this = &self.list[id];
        let mut found = Vec::new();
        for (flow, a_is_first_name) in &this.flows {
            let others = self.on_flow.get(flow).into_iter().flatten();
            found.extend(others.map(|other| (*other, self.list[*other].flows[flow] == *a_is_first_name)));
        }
        if let Some(both) = this.both_tie_breakers() {
            let others = self.by_tie_breakers.get(&both).into_iter().flatten();
            found.extend(others.map(|other| (*other, self.list[*other].tie_breakers == this.tie_breakers)));
        }
        for side in [0, 1] {
            let others = self.by_name.get(&this.names[side][..]).into_iter().flatten().copied();
            found.extend(others.filter_map(|other| Some((other, self.share_a_name(id, side, other)?))));
        }
        found
    }

    /// Whether two pairs that share a user fragment belong together, and then whether it is the same one of the two.
    fn share_a_name(&self, id: usize, side: usize, other: usize) -> Option<bool> {
        let (this, that) = (&self.list[id], &self.list[other]);
        let there = usize::from(that.names[0] != this.names[side]);
        let meet = |side: usize, there: usize| !self.addresses[id][side].is_disjoint(&self.addresses[other][there]);
        let tie_breaker = this.tie_breakers[1 - side];
        let is_same_peer = tie_breaker.is_some() && tie_breaker == that.tie_breakers[1 - there];
        (meet(side, there) && (is_same_peer || meet(1 - side, 1 - there))).then_some(side == there)
    }
}

impl Fragments {
    fn addresses(&self, flows: &Flows) -> [BTreeSet<IpAddr>; 2] {
        let mut sides = [BTreeSet::new(), BTreeSet::new()];
        for (flow, a_is_first) in &self.flows {
            let flow = flows.get(*flow);
            sides[usize::from(!a_is_first)].insert(flow.a.ip());
            sides[usize::from(*a_is_first)].insert(flow.b.ip());
        }
        sides
    }

    /// The tie-breakers of both sides in order of their size, where they can be told apart.
    fn both_tie_breakers(&self) -> Option<[u64; 2]> {
        let [first, second] = self.tie_breakers;
        let (first, second) = (first?, second?);
        (first != second).then_some([first.min(second), first.max(second)])
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
