//! Numbers of keys, or of grants, by person: two lists, however many persons there are. A login builds this
//! to look up one person, and a list for each would cost it more than everything else.

use super::at;
use alloc::vec;
use alloc::vec::Vec;

/// Numbers by person, each person's in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct ByPerson {
    /// Where each person's numbers end; the next person's begin there.
    ends: Vec<u32>,
    numbers: Vec<u32>,
}

impl ByPerson {
    /// Sorts pairs of person and number by person. Persons beyond `persons` are nobody.
    pub(super) fn new(persons: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut places = vec![0_u32; persons];
        for (person, _) in pairs.clone() {
            if let Some(count) = places.get_mut(at(person)) {
                *count = count.saturating_add(1);
            }
        }
        // From how many each has to where each begins; no list is longer than a u32 counts.
        let mut total = 0_u32;
        for place in &mut places {
            let begin = total;
            total = total.saturating_add(*place);
            *place = begin;
        }
        let mut numbers = vec![0; at(total)];
        for (person, number) in pairs {
            let Some(place) = places.get_mut(at(person)) else { continue };
            if let Some(slot) = numbers.get_mut(at(*place)) {
                *slot = number;
                *place = place.saturating_add(1);
            }
        }
        Self { ends: places, numbers }
    }

    /// The numbers of this person.
    pub(super) fn of(&self, person: u32) -> &[u32] {
        let Some(end) = self.ends.get(at(person)) else { return &[] };
        let begin = person.checked_sub(1).and_then(|before| self.ends.get(at(before))).copied().unwrap_or(0);
        self.numbers.get(at(begin)..at(*end)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_person_has_their_own_in_order() {
        let pairs = [(2, 10), (0, 11), (2, 12), (9, 13), (0, 14)];
        let lists = ByPerson::new(4, pairs.into_iter());
        assert_eq!(lists.of(0), [11, 14]);
        assert!(lists.of(1).is_empty());
        assert_eq!(lists.of(2), [10, 12]);
        assert!(lists.of(3).is_empty());
        assert!(lists.of(9).is_empty());
        assert!(ByPerson::new(0, pairs.into_iter()).of(0).is_empty());
    }
}
