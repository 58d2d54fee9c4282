//! Simulated hosts, links and NATs behind the Network seam.
