//! Breaches of sizes, and those that only the whole shows.

use super::sound::{and, house};
use super::{Plant, ROOM, SIZE, TRANSCODE_SERVICE};
use anyhow::{Result, ensure};
use house::{Built, Tree, breaches};

/// Breaches of what a room, a service and a build may hold.
pub(super) fn sizes() -> Result<Vec<Plant>> {
    let files = |folder: &str, count: usize| {
        (0..count).try_fold(house()?, |it, n| it.file(&format!("{folder}/f{n}.rs"), "//! A file."))
    };
    let models = "user-management-service/src/models";
    ensure!(breaches(&files(models, 12)?).is_empty(), "twelve files are no breach");
    ensure!(
        breaches(&files("e2e/src", 20)?).is_empty(),
        "scenarios' helpers have no rooms"
    );
    // as many as fill seven rooms, each of them short
    let code = |text: &str| {
        (0..84).try_fold(house()?, |it, n| {
            it.file(&format!("{models}/s{}/f{n}.rs", n / 12), &text.repeat(105))
        })
    };
    ensure!(breaches(&code("// why\n")?).is_empty(), "comments are no code");
    ensure!(
        breaches(&code("#[cfg(test)] const A: u8 = 1;\n")?).is_empty(),
        "tests are no code"
    );
    let built = |tests: &[&str]| -> Result<Tree> {
        let mut tree = house()?;
        let sets = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
        tree.builds.push(Built {
            package: "tokio v1.0.0".to_owned(),
            product: sets(&["fs,net"]),
            tests: sets(tests),
        });
        Ok(tree)
    };
    ensure!(
        breaches(&built(&["fs,net"])?).is_empty(),
        "the same features are no breach"
    );
    Ok(vec![
        (ROOM, "a room of thirteen files", files(models, 13)?),
        (
            ROOM,
            "a nested crate's room",
            files("content-delivery-service/transcoding-jobs/src", 13)?,
        ),
        (ROOM, "a room of the platform", files("platform/runtime/src", 13)?),
        (SIZE, "a service of 8,820 lines", code("const A: u8 = 1;\n")?),
        (
            "tests add no feature to what the product uses",
            "a feature for tests",
            built(&["fs,net,test-util"])?,
        ),
    ])
}

/// Breaches that only the whole shows.
pub(super) fn whole() -> Result<Vec<Plant>> {
    let lines = |count: usize| "//\n".repeat(count);
    let many = |count: usize, length: usize| {
        (0..count).try_fold(house()?, |it, n| it.file(&format!("web/src/f{n}.rs"), &lines(length)))
    };
    let keys = (0..130).fold(String::new(), |keys, n| format!("{keys}key{n} = {n}\n"));
    let mut missing = house()?;
    missing.paths.remove(TRANSCODE_SERVICE);
    let mut careless = house()?;
    careless
        .settings
        .insert("web/Cargo.toml".to_owned(), "[package]\nname = \"web\"\n".to_owned());
    Ok(vec![
        (
            "files are at most 600 lines",
            "a long file",
            and("web/src/long.rs", &lines(601))?,
        ),
        (
            "files are at most 600 lines",
            "a long page",
            and("web/page/src/App.svelte", &lines(601))?,
        ),
        (
            "half of the files are at most 120 lines",
            "many files of some length",
            many(60, 200)?,
        ),
        (
            "nine files in ten are at most 350 lines",
            "some long files",
            many(8, 500)?,
        ),
        (
            "at most 120 configuration keys",
            "too many keys",
            house()?.settings("moocflix/config/default.toml", &keys),
        ),
        (
            "the workspace's lints hold everywhere",
            "a manifest without lints",
            careless,
        ),
        (
            "rooms have names that say something",
            "a file",
            and("web/src/helpers.rs", "")?,
        ),
        (
            "rooms have names that say something",
            "a folder",
            and("platform/runtime/src/common/it.rs", "")?,
        ),
        (
            "rooms have names that say something",
            "a page's",
            and("web/page/src/utils.ts", "")?,
        ),
        ("the seed's rooms are there", "a missing room", missing),
    ])
}
