//! Reads the workspace from its folder.

use super::cargo;
use super::tree::Tree;
use anyhow::Result;
use std::fs;
use std::path::Path;

/// Folders that hold what tools make, not what people write.
const MADE: [&str; 7] = ["target", "node_modules", "dist", "data", ".git", ".cache", ".venv"];

impl Tree {
    /// Reads the workspace that stands in a folder.
    pub fn read(root: &Path) -> Result<Self> {
        let mut tree = Self {
            packages: cargo::packages(root)?,
            builds: cargo::builds(root)?,
            ..Self::default()
        };
        tree.walk(root, "")?;
        Ok(tree)
    }

    fn walk(&mut self, root: &Path, folder: &str) -> Result<()> {
        let mut entries: Vec<_> = fs::read_dir(root.join(folder))?.collect::<Result<_, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            if entry.file_type()?.is_dir() {
                if !MADE.contains(&name.as_str()) {
                    self.walk(root, &path)?;
                }
            } else {
                match fs::read_to_string(entry.path()) {
                    Ok(text) => self.add(&path, &text)?,
                    Err(_) => self.note(&path, 0),
                }
            }
        }
        Ok(())
    }
}
