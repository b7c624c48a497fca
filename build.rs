//! Tells cargo what the compiler cannot see.

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// What decides which state follows from a list of events, and how it is written.
const FOLD: [&str; 3] = ["src/events", "src/qos", "Cargo.lock"];

fn main() -> io::Result<()> {
    // `embed_migrations!` names each file that it finds to the compiler; a file that is new is noticed through its directory.
    println!("cargo:rerun-if-changed=migrations");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut files = Vec::new();
    for name in FOLD {
        println!("cargo:rerun-if-changed={name}");
        collect(&root.join(name), &mut files)?;
    }
    files.sort();
    // A snapshot of a state is believed by a program of the same sources alone: nobody has to think of it when one of them is changed. Not
    // against malice, so the standard library's hash is enough.
    let mut hasher = DefaultHasher::new();
    for file in files {
        (file.strip_prefix(&root).unwrap_or(&file), fs::read(&file)?).hash(&mut hasher);
    }
    // Cargo gives it to what `cargo run` and `cargo test` start, too: a name with the prefix of our own variables would be taken for a setting.
    println!("cargo:rustc-env=FOLD_SOURCES={:016x}", hasher.finish());
    Ok(())
}

/// All files in `place` and below; what is not there is left out.
fn collect(place: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if place.is_file() {
        files.push(place.to_owned());
    } else if place.is_dir() {
        for entry in fs::read_dir(place)? {
            collect(&entry?.path(), files)?;
        }
    }
    Ok(())
}
