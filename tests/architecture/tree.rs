//! Files of this repository.

use std::fs;
use std::path::{Path, PathBuf};

/// A file and its text; the path is relative to the repository.
pub struct File {
    pub path: String,
    pub text: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files with this extension in `folder` and below, in a stable order.
pub fn files(folder: &str, extension: &str) -> Vec<File> {
    let mut found = Vec::new();
    collect(&root().join(folder), extension, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no .{extension} file in {folder}: the rule would check nothing");
    found
}

/// One file.
pub fn file(path: &str) -> File {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    File { path: path.to_owned(), text }
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<File>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(file(path.strip_prefix(root()).unwrap().to_str().unwrap()));
        }
    }
}

/// Fails with every finding, one a line.
pub fn none(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}
