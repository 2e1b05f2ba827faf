//! The house's rules hold, and a breach of each of them is found.

mod doors;
mod packages;
mod rooms;
mod sizes;
mod sound;

use anyhow::{Context, Result, ensure};
use house::{RULES, Tree, breaches};
use std::collections::BTreeSet;
use std::path::Path;

const CONTENT: &str = "content-delivery-service";
const TRANSCODE_SERVICE: &str = "content-delivery-service/src/services/transcode_service.rs";
const USERS: &str = "user-management-service";
const COURSES: &str = "course-management-service";
const CIRCLE: &str = "no import circle between subjects (a file with the modules inside it)";
const ROOM: &str = "a room has at most 12 files";
const SIZE: &str = "a service has at most 8,000 lines of code";

#[test]
fn the_house_keeps_its_rules() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the workspace")?;
    let tree = Tree::read(root)?;
    ensure!(tree.names().contains("moocflix"), "the workspace was not read");
    ensure!(tree.sources.len() > 50, "only {} sources were read", tree.sources.len());
    let found = breaches(&tree);
    let listed: Vec<_> = found.iter().map(ToString::to_string).collect();
    ensure!(listed.is_empty(), "{} breaches:\n{}", listed.len(), listed.join("\n"));
    Ok(())
}

#[test]
fn a_sound_house_is_not_faulted() -> Result<()> {
    let breaches = breaches(&sound::house()?);
    ensure!(breaches.is_empty(), "{breaches:?}");
    Ok(())
}

#[test]
fn every_planted_breach_is_found_by_its_rule() -> Result<()> {
    let mut seen = BTreeSet::new();
    for (rule, what, tree) in planted()? {
        let found = breaches(&tree);
        ensure!(
            found.iter().any(|it| it.rule == rule),
            "{what}: {rule:?} did not see it, only {found:?}"
        );
        ensure!(
            found.iter().all(|it| it.rule == rule || also(rule, it.rule)),
            "{what}: others saw it too: {found:?}"
        );
        seen.insert(rule);
    }
    for rule in RULES {
        ensure!(seen.contains(rule.name), "no breach of {:?} is planted", rule.name);
    }
    Ok(())
}

/// Whether what breaks one rule may break another one, too: a room that names a higher one closes a circle.
fn also(rule: &str, other: &str) -> bool {
    rule == "inside a service arrows point down" && other == CIRCLE
}

type Plant = (&'static str, &'static str, Tree);

fn planted() -> Result<Vec<Plant>> {
    let mut all = packages::packages()?;
    all.extend(doors::doors()?);
    all.extend(doors::work()?);
    all.extend(rooms::ladder()?);
    all.extend(rooms::heights()?);
    all.extend(rooms::circles()?);
    all.extend(sizes::sizes()?);
    all.extend(sizes::whole()?);
    Ok(all)
}
