//! Tests are built on the very crates that the program is built on.

use super::tree::Tree;

/// Crates of the product that tests would build a second time, with features that the product does not have.
pub(crate) fn features(tree: &Tree) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for built in &tree.builds {
        for more in built.tests.difference(&built.product) {
            let has: Vec<&str> = built.product.iter().flat_map(|it| it.split(',')).collect();
            let added: Vec<&str> = more.split(',').filter(|it| !has.contains(it)).collect();
            found.push((
                built.package.clone(),
                format!("tests add the features {}", added.join(", ")),
            ));
        }
    }
    found
}
