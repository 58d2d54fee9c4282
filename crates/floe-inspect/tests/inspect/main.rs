//! Records in, pictures out: what the inspector makes of calls, faults and garbage.

mod both_ends;
mod bounds;
mod causes;
mod diagnosis;
mod directions;
mod ladder;
mod lint;
mod lost_paths;
mod lost_peer;
mod moments;
mod moves;
mod pages;
mod pairs;
mod relay;
mod report;
mod rulings;
mod script;
mod sides;
mod two_nat_call;
