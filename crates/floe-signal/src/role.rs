//! Who nominates, decided by the tie-breakers of both codes.

use floe_wire::IceRole;

/// Decides our role: the larger tie-breaker is controlling. `None` when they are equal, which means that the other
/// code is our own.
#[must_use]
pub fn role(local_tie_breaker: u64, remote_tie_breaker: u64) -> Option<IceRole> {
    match local_tie_breaker.cmp(&remote_tie_breaker) {
        std::cmp::Ordering::Greater => Some(IceRole::Controlling),
        std::cmp::Ordering::Less => Some(IceRole::Controlled),
        std::cmp::Ordering::Equal => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_side_is_controlling() {
        for (a, b) in [(1, 2), (u64::MAX, 0), (7, 6)] {
            let roles = [role(a, b), role(b, a)];
            assert!(roles.contains(&Some(IceRole::Controlling)) && roles.contains(&Some(IceRole::Controlled)));
        }
        assert_eq!(role(2, 1), Some(IceRole::Controlling));
    }

    #[test]
    fn an_equal_tie_breaker_is_our_own_code() {
        assert_eq!(role(5, 5), None);
    }
}
