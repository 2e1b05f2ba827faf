//! The order of a course's modules and items.

use contracts::{ItemId, ModuleId};
use std::collections::BTreeSet;

/// A module and the items in it, in their order.
pub type Arranged = (ModuleId, Vec<ItemId>);

/// Whether an order names each module and each item of the present one exactly once, and nothing else; an item may be in
/// another module.
pub(crate) fn is_complete(order: &[Arranged], present: &[Arranged]) -> bool {
    fn ids(all: &[Arranged]) -> (Vec<ModuleId>, Vec<ItemId>) {
        let items = all.iter().flat_map(|(_, items)| items.iter().copied());
        (all.iter().map(|(module, _)| *module).collect(), items.collect())
    }
    fn same<T: Ord>(one: Vec<T>, other: Vec<T>) -> bool {
        let (length, other_length) = (one.len(), other.len());
        let (one, other): (BTreeSet<T>, BTreeSet<T>) = (one.into_iter().collect(), other.into_iter().collect());
        length == other_length && one.len() == length && one == other
    }
    let ((modules, items), (present_modules, present_items)) = (ids(order), ids(present));
    same(modules, present_modules) && same(items, present_items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_names_everything_exactly_once() {
        let modules: Vec<_> = (0..2).map(|_| ModuleId::generate()).collect();
        let items: Vec<_> = (0..3).map(|_| ItemId::generate()).collect();
        let present = [(modules[0], vec![items[0], items[1]]), (modules[1], vec![items[2]])];
        assert!(is_complete(&present, &present));
        let moved = [(modules[1], vec![items[2], items[0]]), (modules[0], vec![items[1]])];
        assert!(is_complete(&moved, &present));
        for wrong in [
            vec![],
            vec![(modules[0], vec![items[0], items[1], items[2]])],
            vec![(modules[0], vec![items[0], items[1]]), (modules[1], vec![])],
            vec![
                (modules[0], vec![items[0], items[1], items[1]]),
                (modules[1], vec![items[2]]),
            ],
            vec![(modules[0], vec![items[0], items[1], items[2]]), (modules[0], vec![])],
            vec![
                (modules[0], vec![items[0], items[1]]),
                (ModuleId::generate(), vec![items[2]]),
            ],
            vec![
                (modules[0], vec![items[0], ItemId::generate()]),
                (modules[1], vec![items[2]]),
            ],
        ] {
            assert!(!is_complete(&wrong, &present), "{wrong:?}");
        }
    }
}
