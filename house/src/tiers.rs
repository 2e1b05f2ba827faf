//! Which package may depend on which.

use super::tree::{Package, Tree};

/// What a package is in the house, by its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    Root,
    Service,
    /// Does a service's work in a role of its own, and never names the service.
    Worker,
    /// What a service and its workers both know.
    Renditions,
    /// A subject of a service, perhaps with routes of its own.
    Quizzes,
    /// What the media plane serves.
    Served,
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
        ["content-delivery-service", "transcoding-jobs" | "live"] => Tier::Worker,
        ["content-delivery-service", "renditions" | "broadcasts"] => Tier::Renditions,
        [
            "content-delivery-service",
            "quizzes" | "entitlements" | "watching" | "live-lectures",
        ] => Tier::Quizzes,
        ["user-management-service", "passwords"] => Tier::Quizzes,
        ["content-delivery-service", "media-store"] => Tier::Served,
        ["web"] => Tier::Page,
        ["platform", "runtime"] => Tier::Runtime,
        ["platform", "sandbox"] => Tier::Sandbox,
        ["platform", "adapters"] => Tier::Adapters,
        ["platform", "backing"] => Tier::Backing,
        ["platform", "contracts"] => Tier::Contracts,
        ["platform", "testing"] => Tier::Testing,
        ["media", _] => Tier::Media,
        ["e2e" | "house"] | ["bench", ..] => Tier::Scenarios,
        _ => return None,
    })
}

/// The service that a package belongs to, by its folder.
pub(crate) fn service_of(package: &Package) -> Option<&str> {
    let first = package.folder.split('/').next()?;
    first.ends_with("-service").then_some(first)
}

/// Whether a package of one tier may name a package of another.
fn may_name(from: Tier, to: Tier) -> bool {
    use Tier::{
        Adapters, Backing, Contracts, Media, Page, Quizzes, Renditions, Root, Runtime, Sandbox, Scenarios, Served,
        Service, Testing, Worker,
    };
    match from {
        Root => to != Scenarios,
        Service => matches!(
            to,
            Renditions | Quizzes | Served | Runtime | Sandbox | Backing | Contracts | Media
        ),
        Worker => matches!(to, Renditions | Runtime | Sandbox | Backing | Contracts | Media),
        Served => matches!(to, Renditions | Backing | Contracts | Media),
        Renditions => matches!(to, Backing | Contracts | Media),
        Quizzes => matches!(to, Renditions | Runtime | Backing | Contracts),
        Page | Testing => matches!(to, Runtime | Backing | Contracts),
        Runtime | Adapters => matches!(to, Backing | Contracts),
        Backing => to == Contracts,
        Media => to == Media,
        Contracts | Sandbox | Scenarios => false,
    }
}

/// A dependency between two packages of the workspace.
struct Arrow<'a> {
    from: &'a Package,
    to: &'a Package,
    /// The tiers of both.
    tiers: (Tier, Tier),
    /// Tests alone need it.
    tests: bool,
}

impl Arrow<'_> {
    fn breach(&self) -> (String, String) {
        (self.from.name.clone(), format!("depends on {}", self.to.name))
    }

    /// Both belong to one service.
    fn at_home(&self) -> bool {
        service_of(self.from).is_some() && service_of(self.from) == service_of(self.to)
    }
}

fn all(tree: &Tree) -> impl Iterator<Item = Arrow<'_>> {
    tree.packages.iter().flat_map(move |from| {
        let named = from.dependencies.values().filter_map(|it| tree.named(it));
        named.filter_map(move |to| {
            Some(Arrow {
                from,
                to,
                tiers: (tier(from)?, tier(to)?),
                tests: !from.in_product.contains(&to.name),
            })
        })
    })
}

/// What a service and its workers are built from, which others ask over the bus or through contracts.
fn serves(tier: Tier) -> bool {
    matches!(
        tier,
        Tier::Service | Tier::Worker | Tier::Renditions | Tier::Quizzes | Tier::Page
    )
}

pub(crate) fn arrows(tree: &Tree) -> Vec<(String, String)> {
    let up = |it: &Arrow<'_>| {
        let (from, to) = it.tiers;
        // rules of their own
        let elsewhere = matches!(to, Tier::Adapters | Tier::Testing) || serves(from) && serves(to);
        !elsewhere && !may_name(from, to)
    };
    all(tree).filter(up).map(|it| it.breach()).collect()
}

pub(crate) fn known(tree: &Tree) -> Vec<(String, String)> {
    let homeless = tree.packages.iter().filter(|it| tier(it).is_none());
    homeless
        .map(|it| (it.name.clone(), format!("{} is no room of the house", it.folder)))
        .collect()
}

/// Between services, and between the crates of one of them.
pub(crate) fn services_apart(tree: &Tree) -> Vec<(String, String)> {
    let wrong = all(tree).filter(|it| {
        let (from, to) = it.tiers;
        // a service's tests make what its workers make, and those of its subjects take its schema
        let tested = it.tests
            && matches!(
                (from, to),
                (Tier::Service, Tier::Worker) | (Tier::Quizzes, Tier::Renditions)
            );
        serves(from) && serves(to) && !(it.at_home() && (may_name(from, to) || tested))
    });
    wrong.map(|it| it.breach()).collect()
}

pub(crate) fn adapters(tree: &Tree) -> Vec<(String, String)> {
    let wrong = all(tree).filter(|it| it.tiers.1 == Tier::Adapters && it.tiers.0 != Tier::Root);
    wrong.map(|it| it.breach()).collect()
}

pub(crate) fn testing(tree: &Tree) -> Vec<(String, String)> {
    let apart = |tier: Tier| matches!(tier, Tier::Contracts | Tier::Media | Tier::Scenarios);
    let wrong = all(tree).filter(|it| it.tiers.1 == Tier::Testing && (!it.tests || apart(it.tiers.0)));
    wrong.map(|it| it.breach()).collect()
}
