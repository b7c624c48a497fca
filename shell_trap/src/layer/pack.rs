//! Writing the archive.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use nix::sys::stat::{major, minor};
use tar::{Builder, EntryType, Header};

use super::XATTR;

/// Packs everything below `directory` into a new archive, and brings it to disk.
///
/// # Errors
/// When something cannot be read, or the archive not written.
pub fn pack(directory: &Path, archive: &Path) -> Result<()> {
    let file = File::create_new(archive).with_context(|| archive.display().to_string())?;
    let mut packer = Packer { builder: Builder::new(BufWriter::with_capacity(1 << 18, file)), links: HashMap::new() };
    packer.directory(directory, Path::new(""))?;
    let writer = packer.builder.into_inner().with_context(|| archive.display().to_string())?;
    let file =
        writer.into_inner().map_err(io::IntoInnerError::into_error).with_context(|| archive.display().to_string())?;
    file.sync_all().with_context(|| archive.display().to_string())
}

struct Packer {
    builder: Builder<BufWriter<File>>,
    /// Files with several names, by device and inode: the name under which the contents are packed.
    links: HashMap<(u64, u64), PathBuf>,
}

impl Packer {
    fn directory(&mut self, directory: &Path, name: &Path) -> Result<()> {
        let mut entries: Vec<_> =
            fs::read_dir(directory).with_context(|| directory.display().to_string())?.collect::<io::Result<_>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), name.join(entry.file_name()));
            let metadata = fs::symlink_metadata(&path).with_context(|| path.display().to_string())?;
            self.entry(&path, &name, &metadata).with_context(|| path.display().to_string())?;
            if metadata.is_dir() {
                self.directory(&path, &name)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, name: &Path, metadata: &Metadata) -> Result<()> {
        let kind = metadata.file_type();
        // A socket means nothing without the process that listens; CRIU makes it anew.
        if kind.is_socket() {
            return Ok(());
        }
        let mut header = Header::new_gnu();
        header.set_metadata(metadata);
        header.set_size(0);
        if !metadata.is_dir() && metadata.nlink() > 1 {
            let first = self.links.entry((metadata.dev(), metadata.ino())).or_insert_with(|| name.to_owned());
            if first != name {
                header.set_entry_type(EntryType::Link);
                return Ok(self.builder.append_link(&mut header, name, &*first)?);
            }
        }
        self.attributes(path)?;
        if kind.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            return Ok(self.builder.append_link(&mut header, name, fs::read_link(path)?)?);
        }
        if kind.is_file() {
            header.set_entry_type(EntryType::Regular);
            header.set_size(metadata.len());
            return Ok(self.builder.append_data(&mut header, name, File::open(path)?)?);
        }
        if kind.is_char_device() || kind.is_block_device() {
            header.set_entry_type(if kind.is_char_device() { EntryType::Char } else { EntryType::Block });
            header.set_device_major(u32::try_from(major(metadata.rdev()))?)?;
            header.set_device_minor(u32::try_from(minor(metadata.rdev()))?)?;
        } else {
            header.set_entry_type(if kind.is_fifo() { EntryType::Fifo } else { EntryType::Directory });
        }
        Ok(self.builder.append_data(&mut header, name, io::empty())?)
    }

    /// The records stand before the entry that they describe.
    fn attributes(&mut self, path: &Path) -> Result<()> {
        let mut records = Vec::new();
        for attribute in xattr::list(path)? {
            // Labels and file handles of this node: the kernel of the other one makes its own.
            let local = [
                &b"security.selinux"[..],
                b"trusted.overlay.origin",
                b"trusted.overlay.uuid",
                b"trusted.overlay.upper",
            ];
            if local.contains(&attribute.as_bytes()) {
                continue;
            }
            // Only the attributes would be here, and the contents in a layer below.
            ensure!(attribute.as_bytes() != b"trusted.overlay.metacopy", "the overlay is mounted with metacopy=on");
            let key = attribute.to_str().context("an extended attribute has a name that is not UTF-8")?;
            records.push((format!("{XATTR}{key}"), xattr::get(path, &attribute)?.unwrap_or_default()));
        }
        if !records.is_empty() {
            self.builder.append_pax_extensions(records.iter().map(|(key, value)| (key.as_str(), value.as_slice())))?;
        }
        Ok(())
    }
}
