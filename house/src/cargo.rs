//! What Cargo says of the workspace: its packages, and the features that each selection of them switches on.

use super::tree::{Built, Package, in_code};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Member>,
    workspace_root: String,
}

#[derive(Deserialize)]
struct Member {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    rename: Option<String>,
    kind: Option<String>,
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<String> {
    let program = option_env!("CARGO").unwrap_or("cargo");
    let output = Command::new(program)
        .current_dir(root)
        .args(arguments)
        .output()
        .with_context(|| format!("run {program}"))?;
    ensure!(
        output.status.success(),
        "cargo {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// The packages of the workspace in a folder.
pub(crate) fn packages(root: &Path) -> Result<Vec<Package>> {
    let text = cargo(root, &["metadata", "--format-version", "1", "--no-deps", "--locked"])?;
    let metadata: Metadata = serde_json::from_str(&text).context("cargo metadata")?;
    let packages = metadata.packages.into_iter().map(|it| {
        let folder = Path::new(&it.manifest_path).parent().context("a manifest's folder")?;
        let folder = folder.strip_prefix(&metadata.workspace_root)?;
        let in_product = it.dependencies.iter().filter(|it| it.kind.as_deref() != Some("dev"));
        Ok(Package {
            name: it.name,
            folder: folder.to_string_lossy().into_owned(),
            in_product: in_product.map(|it| it.name.clone()).collect(),
            dependencies: it
                .dependencies
                .into_iter()
                .map(|it| (in_code(it.rename.as_deref().unwrap_or(&it.name)), it.name))
                .collect(),
        })
    });
    packages.collect()
}

/// How the product's crates are built, alone and together with all tests.
pub(crate) fn builds(root: &Path) -> Result<Vec<Built>> {
    let product = features(root, &["-p", "moocflix", "-e", "normal,no-proc-macro"])?;
    let mut tests = features(root, &["--workspace", "-e", "normal,dev,no-proc-macro"])?;
    let built = product.into_iter().map(|(package, product)| Built {
        tests: tests.remove(&package).unwrap_or_default(),
        package,
        product,
    });
    Ok(built.collect())
}

/// The features that a selection switches on, by package; a package may be built more than once.
fn features(root: &Path, selection: &[&str]) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let fixed = ["tree", "--locked", "--prefix", "none", "--format", "{p}|{f}"];
    let text = cargo(root, &[&fixed, selection].concat())?;
    let mut features: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines() {
        if let Some((package, of)) = line.trim_end_matches(" (*)").split_once('|') {
            features.entry(package.to_owned()).or_default().insert(of.to_owned());
        }
    }
    ensure!(features.len() > 50, "cargo tree lists {} packages", features.len());
    Ok(features)
}
