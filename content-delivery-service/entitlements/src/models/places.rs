//! How many may watch at once.

/// How many sessions hold a place at once; 0 means any number.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    /// Of one user.
    pub of_user: u32,
    /// Of one lecture, opened without a sign-in.
    pub of_lecture: u32,
}

/// Where one more viewer without a sign-in finds a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// A place is free.
    Free,
    /// This network has to give one up.
    From(i64),
    /// Nowhere.
    Full,
}

/// Finds a place for a viewer from `network`. In a full lecture, a network that holds more than half of the places gives one
/// up to viewers from others, so that one network can't keep everybody else out.
///
/// Shape: `crowd` has how many places each network holds
#[must_use]
pub fn admission(crowd: &[(i64, i64)], network: i64, places: u32) -> Admission {
    let held: i64 = crowd.iter().map(|(_, count)| count).sum();
    if places == 0 || held < i64::from(places) {
        return Admission::Free;
    }
    let largest = crowd.iter().max_by_key(|(_, count)| *count);
    match largest {
        Some((other, count)) if *other != network && count * 2 > i64::from(places) => Admission::From(*other),
        _ => Admission::Full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_lecture_takes_viewers_from_elsewhere_while_one_network_holds_more_than_half_of_it() {
        let (a, b, c) = (-1, 2, 3);
        assert_eq!(admission(&[], a, 1), Admission::Free);
        assert_eq!(admission(&[(a, 7), (b, 2)], a, 10), Admission::Free);
        assert_eq!(admission(&[(a, 8), (b, 2)], a, 10), Admission::Full);
        assert_eq!(admission(&[(a, 8), (b, 2)], b, 10), Admission::From(a));
        assert_eq!(admission(&[(a, 8), (b, 2)], c, 10), Admission::From(a));
        assert_eq!(admission(&[(a, 5), (b, 5)], c, 10), Admission::Full);
        assert_eq!(admission(&[(a, 900), (b, 900)], c, 0), Admission::Free);
    }
}
