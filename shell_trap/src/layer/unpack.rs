//! Reading the archive.

use std::fs::{self, File};
use std::io::BufReader;
use std::os::unix::fs::{PermissionsExt as _, lchown};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use tar::{Archive, Entry, EntryType};

use super::XATTR;

/// Unpacks the archive into a directory, the writable layer of a container that was not started yet.
///
/// # Errors
/// When the archive is malformed or reaches outside, or something cannot be made.
pub fn unpack(archive: &Path, directory: &Path) -> Result<()> {
    let file = File::open(archive).with_context(|| archive.display().to_string())?;
    let mut reader = Archive::new(BufReader::with_capacity(1 << 18, file));
    reader.set_preserve_permissions(true);
    reader.set_preserve_ownerships(true);
    reader.set_overwrite(true);
    // A directory's own times would change with each file that is put into it.
    let mut directories = Vec::new();
    for entry in reader.entries()? {
        let mut entry = entry.with_context(|| archive.display().to_string())?;
        let name = entry.path()?.into_owned();
        one(&mut entry, &name, directory).with_context(|| format!("unpacking {}", name.display()))?;
        if entry.header().entry_type() == EntryType::Directory {
            directories.push((directory.join(&name), entry.header().mtime().unwrap_or(0)));
        }
    }
    for (path, seconds) in directories.into_iter().rev() {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        File::open(&path)?.set_modified(time).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn one(entry: &mut Entry<impl std::io::Read>, name: &Path, directory: &Path) -> Result<()> {
    ensure!(name.components().all(|part| matches!(part, Component::Normal(_))), "this name reaches outside");
    let kind = entry.header().entry_type();
    let attributes = attributes(entry)?;
    let target = directory.join(name);
    match kind {
        EntryType::Char | EntryType::Block | EntryType::Fifo => special(entry, kind, &inside(directory, name)?)?,
        _ => ensure!(entry.unpack_in(directory)?, "this name reaches outside"),
    }
    for (key, value) in attributes {
        xattr::set(&target, &key, &value).with_context(|| format!("attribute {key}"))?;
    }
    Ok(())
}

fn attributes(entry: &mut Entry<impl std::io::Read>) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for record in entry.pax_extensions()?.into_iter().flatten() {
        let record = record?;
        if let Some(key) = record.key()?.strip_prefix(XATTR) {
            found.push((key.to_owned(), record.value_bytes().to_owned()));
        }
    }
    Ok(found)
}

/// The path of a special file, whose parent must lie inside with no link on the way.
fn inside(directory: &Path, name: &Path) -> Result<PathBuf> {
    let target = directory.join(name);
    let parent = target.parent().unwrap_or(directory);
    let real = fs::canonicalize(parent).with_context(|| parent.display().to_string())?;
    ensure!(real.starts_with(fs::canonicalize(directory)?), "this name reaches outside");
    Ok(target)
}

fn special(entry: &Entry<impl std::io::Read>, kind: EntryType, target: &Path) -> Result<()> {
    let header = entry.header();
    let device = || -> Result<u64> {
        let (major, minor) =
            (header.device_major()?.context("no device")?, header.device_minor()?.context("no device")?);
        Ok(makedev(major.into(), minor.into()))
    };
    let (flag, device) = match kind {
        EntryType::Char => (SFlag::S_IFCHR, device()?),
        EntryType::Block => (SFlag::S_IFBLK, device()?),
        _ => (SFlag::S_IFIFO, 0),
    };
    let _ = fs::remove_file(target);
    mknod(target, flag, Mode::empty(), device)?;
    lchown(target, Some(u32::try_from(header.uid()?)?), Some(u32::try_from(header.gid()?)?))?;
    Ok(fs::set_permissions(target, fs::Permissions::from_mode(header.mode()? & 0o7777))?)
}
