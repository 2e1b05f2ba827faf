//! Which package may depend on which.

use super::tree::{Package, Tree};

/// What a package is in the house, by its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    Root,
    Service,
    /// What a service and its workers both know.
    Renditions,
    /// Takes the tasks of a service.
    Jobs,
    Page,
    Runtime,
    /// Runs foreign programs; knows nothing of the house.
    Sandbox,
    Adapters,
    Backing,
    Contracts,
    Media,
    /// What the tests of several packages share.
    Testing,
    Scenarios,
}

pub(crate) fn tier(package: &Package) -> Option<Tier> {
    let parts: Vec<&str> = package.folder.split('/').collect();
    Some(match parts.as_slice() {
        ["moocflix"] => Tier::Root,
        [service] if service.ends_with("-service") => Tier::Service,
        [service, "renditions"] if service.ends_with("-service") => Tier::Renditions,
        [service, _] if service.ends_with("-service") => Tier::Jobs,
        ["web"] => Tier::Page,
        ["platform", "runtime"] => Tier::Runtime,
        ["platform", "sandbox"] => Tier::Sandbox,
        ["platform", "adapters"] => Tier::Adapters,
        ["platform", "backing"] => Tier::Backing,
        ["platform", "contracts"] => Tier::Contracts,
        ["platform", "testing"] => Tier::Testing,
        ["media", _] => Tier::Media,
        ["e2e" | "house"] => Tier::Scenarios,
        _ => return None,
    })
}

/// Whether a package of one tier may name a package of another. Two services are another rule's.
fn may_name(from: Tier, to: Tier) -> bool {
    use Tier::{
        Adapters, Backing, Contracts, Jobs, Media, Page, Renditions, Root, Runtime, Sandbox, Scenarios, Service,
        Testing,
    };
    if to == Testing {
        return !matches!(from, Contracts | Media);
    }
    match from {
        Root => to != Scenarios,
        Service | Jobs => matches!(
            to,
            Runtime | Sandbox | Backing | Contracts | Media | Renditions | Service | Jobs | Page | Adapters
        ),
        Renditions => matches!(to, Backing | Contracts | Media | Adapters),
        Page => matches!(to, Runtime | Backing | Contracts | Service | Jobs | Adapters),
        Runtime => matches!(to, Backing | Contracts | Adapters),
        Testing => matches!(to, Runtime | Backing | Contracts),
        Adapters => matches!(to, Backing | Contracts),
        Backing => matches!(to, Contracts | Adapters),
        Media => to == Media,
        Contracts | Sandbox | Scenarios => false,
    }
}

/// Every dependency between two packages of the workspace.
fn pairs(tree: &Tree) -> impl Iterator<Item = (&Package, &Package)> {
    tree.packages.iter().flat_map(move |from| {
        from.dependencies
            .values()
            .filter_map(move |it| tree.named(it))
            .map(move |to| (from, to))
    })
}

fn told(from: &Package, to: &Package) -> (String, String) {
    (from.name.clone(), format!("depends on {}", to.name))
}

pub(crate) fn arrows(tree: &Tree) -> Vec<(String, String)> {
    let up = |(from, to): &(&Package, &Package)| tier(from).zip(tier(to)).is_some_and(|(from, to)| !may_name(from, to));
    pairs(tree).filter(up).map(|(from, to)| told(from, to)).collect()
}

pub(crate) fn known(tree: &Tree) -> Vec<(String, String)> {
    let homeless = tree.packages.iter().filter(|it| tier(it).is_none());
    homeless
        .map(|it| (it.name.clone(), format!("{} is no room of the house", it.folder)))
        .collect()
}

pub(crate) fn services_apart(tree: &Tree) -> Vec<(String, String)> {
    let serves = |it: &Package| {
        matches!(
            tier(it),
            Some(Tier::Service | Tier::Jobs | Tier::Page | Tier::Renditions)
        )
    };
    let house = |it: &Package| it.folder.split('/').next().map(str::to_owned);
    // The tests of the jobs run the service.
    let below = |from: &Package, to: &Package| {
        house(from) == house(to)
            && (tier(to) == Some(Tier::Renditions) || matches!(tier(from), Some(Tier::Jobs | Tier::Renditions)))
    };
    let wrong = pairs(tree).filter(|(from, to)| serves(from) && serves(to) && !below(from, to));
    wrong.map(|(from, to)| told(from, to)).collect()
}

pub(crate) fn adapters(tree: &Tree) -> Vec<(String, String)> {
    let wrong = pairs(tree).filter(|(from, to)| tier(to) == Some(Tier::Adapters) && tier(from) != Some(Tier::Root));
    wrong.map(|(from, to)| told(from, to)).collect()
}
