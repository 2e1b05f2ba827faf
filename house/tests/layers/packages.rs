//! Breaches that dependencies show.

use super::sound::{depends, house, with, with_for_tests};
use super::{CONTENT, Plant, USERS};
use anyhow::{Result, ensure};
use house::{Tree, breaches};

pub(super) fn packages() -> Result<Vec<Plant>> {
    let mut plants = arrows()?;
    plants.extend(services()?);
    plants.extend(rooms()?);
    Ok(plants)
}

fn arrows() -> Result<Vec<Plant>> {
    let up = "arrows point down";
    Ok(vec![
        (up, "backing names runtime", with("backing", "runtime")?),
        (up, "contracts name backing", with("contracts", "backing")?),
        (up, "runtime names a service", with("runtime", USERS)?),
        (up, "runtime runs foreign programs", with("runtime", "sandbox")?),
        (up, "the sandbox names backing", with("sandbox", "backing")?),
        (up, "media names contracts", with("fmp4", "contracts")?),
        (up, "a service names moocflix", with(USERS, "moocflix")?),
        (up, "the page reads media", with("web", "fmp4")?),
        (up, "renditions name runtime", with("renditions", "runtime")?),
        (up, "testing names a service", with("testing", CONTENT)?),
        (up, "tests name a tier above", with_for_tests("backing", "runtime")?),
        (up, "the scenarios link a crate in", with("e2e", "contracts")?),
    ])
}

fn services() -> Result<Vec<Plant>> {
    let apart = "services never name each other";
    let quizzes = || house().map(|it| it.package("quizzes", "content-delivery-service/quizzes", &["runtime", "axum"]));
    let live = || {
        let folder = "content-delivery-service/live";
        house().map(|it| it.package("live", folder, &["renditions", "sandbox", "runtime"]))
    };
    let sound = [
        (
            "content names its quizzes",
            depends(quizzes()?, CONTENT, "quizzes", true)?,
        ),
        ("live names renditions", live()?),
        (
            "content's tests run its workers",
            with_for_tests(CONTENT, "transcoding-jobs")?,
        ),
    ];
    for (what, tree) in sound {
        let found = breaches(&tree);
        ensure!(found.is_empty(), "{what}: {found:?}");
    }
    Ok(vec![
        (apart, "users name content", with(USERS, CONTENT)?),
        (apart, "the page names users", with("web", USERS)?),
        (apart, "content names its jobs", with(CONTENT, "transcoding-jobs")?),
        (apart, "the jobs name content", with("transcoding-jobs", CONTENT)?),
        (
            apart,
            "tests of the jobs name content",
            with_for_tests("transcoding-jobs", CONTENT)?,
        ),
        (apart, "the jobs name users", with("transcoding-jobs", USERS)?),
        (apart, "renditions name content", with("renditions", CONTENT)?),
        (apart, "users name content's renditions", with(USERS, "renditions")?),
        (
            apart,
            "the jobs name quizzes",
            depends(quizzes()?, "transcoding-jobs", "quizzes", true)?,
        ),
        (apart, "live names content", depends(live()?, "live", CONTENT, true)?),
    ])
}

fn rooms() -> Result<Vec<Plant>> {
    let adapters = "adapters are named by moocflix alone";
    let testing = "testing is for tests alone";
    let adapted = || house().map(|it| it.package("adapters", "platform/adapters", &["backing", "contracts"]));
    let renamed = |name: &str| -> Result<Tree> {
        let mut tree = adapted()?;
        for package in tree.packages.iter_mut().filter(|it| it.name == name) {
            package.dependencies.insert("renamed".to_owned(), "adapters".to_owned());
        }
        Ok(tree)
    };
    let sound = depends(adapted()?, "moocflix", "adapters", true)?;
    ensure!(breaches(&sound).is_empty(), "moocflix may name adapters");
    let sound = with_for_tests(USERS, "testing")?;
    ensure!(breaches(&sound).is_empty(), "tests may name testing");
    Ok(vec![
        (adapters, "a service names adapters", renamed(CONTENT)?),
        (adapters, "runtime names adapters", renamed("runtime")?),
        (testing, "a service is built on testing", with(USERS, "testing")?),
        (testing, "the program is built on testing", with("moocflix", "testing")?),
        (
            testing,
            "tests of contracts name testing",
            with_for_tests("contracts", "testing")?,
        ),
        (
            "every package has a tier",
            "a package beside the house",
            house()?.package("tools", "platform/tools", &[]),
        ),
        (
            "every package has a tier",
            "a crate of a service that nobody planned",
            house()?.package("tools", "content-delivery-service/tools", &[]),
        ),
    ])
}
