//! A container's writable layer as a tar archive: with extended attributes, hard links, and the device nodes by which
//! overlayfs marks what was deleted.

pub mod pack;
pub mod unpack;

/// Prefix of PAX records that hold extended attributes, as GNU tar and bsdtar have it.
const XATTR: &str = "SCHILY.xattr.";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
    use std::path::Path;

    use nix::sys::stat::{Mode, SFlag, makedev, mknod};

    use super::{pack, unpack};

    fn round(fill: impl FnOnce(&Path)) -> (tempfile::TempDir, tempfile::TempDir) {
        let (from, to, place) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fill(from.path());
        let archive = place.path().join("rw.tar");
        pack::pack(from.path(), &archive).unwrap();
        unpack::unpack(&archive, to.path()).unwrap();
        (from, to)
    }

    #[test]
    fn files_directories_links_and_their_attributes_travel() {
        let (from, to) = round(|base| {
            fs::create_dir(base.join("d")).unwrap();
            fs::set_permissions(base.join("d"), fs::Permissions::from_mode(0o1775)).unwrap();
            fs::write(base.join("d/file"), b"contents").unwrap();
            fs::set_permissions(base.join("d/file"), fs::Permissions::from_mode(0o4751)).unwrap();
            std::os::unix::fs::chown(base.join("d/file"), Some(1234), Some(77)).unwrap();
            fs::set_permissions(base.join("d/file"), fs::Permissions::from_mode(0o4751)).unwrap();
            fs::hard_link(base.join("d/file"), base.join("other")).unwrap();
            std::os::unix::fs::symlink("/nowhere/at/all", base.join("link")).unwrap();
            std::os::unix::fs::chown(base.join("d"), Some(5), Some(6)).unwrap();
            fs::write(base.join("x".repeat(200)), vec![7; 100_000]).unwrap();
        });
        let (a, b) = (from.path(), to.path());
        let (file, twin) = (fs::metadata(b.join("d/file")).unwrap(), fs::metadata(b.join("other")).unwrap());
        assert_eq!((file.uid(), file.gid(), file.mode() & 0o7777), (1234, 77, 0o4751));
        assert_eq!(file.ino(), twin.ino());
        assert_eq!(file.mtime(), fs::metadata(a.join("d/file")).unwrap().mtime());
        assert_eq!(fs::read_link(b.join("link")).unwrap(), Path::new("/nowhere/at/all"));
        let directory = fs::metadata(b.join("d")).unwrap();
        assert_eq!((directory.uid(), directory.gid(), directory.mode() & 0o7777), (5, 6, 0o1775));
        assert_eq!(fs::read(b.join("x".repeat(200))).unwrap(), vec![7; 100_000]);
    }

    #[test]
    fn marks_of_deletion_and_other_special_files_travel() {
        let (_, to) = round(|base| {
            mknod(&base.join("deleted"), SFlag::S_IFCHR, Mode::empty(), makedev(0, 0)).unwrap();
            mknod(&base.join("fifo"), SFlag::S_IFIFO, Mode::from_bits_truncate(0o640), 0).unwrap();
            fs::create_dir(base.join("opaque")).unwrap();
            xattr::set(base.join("opaque"), "trusted.overlay.opaque", b"y").unwrap();
        });
        let deleted = fs::symlink_metadata(to.path().join("deleted")).unwrap();
        assert!(deleted.file_type().is_char_device());
        assert_eq!(deleted.rdev(), 0);
        assert!(fs::symlink_metadata(to.path().join("fifo")).unwrap().file_type().is_fifo());
        assert_eq!(xattr::get(to.path().join("opaque"), "trusted.overlay.opaque").unwrap().unwrap(), b"y");
    }

    #[test]
    fn an_archive_cannot_reach_outside() {
        let place = tempfile::tempdir().unwrap();
        let archive = place.path().join("evil.tar");
        let mut builder = tar::Builder::new(fs::File::create(&archive).unwrap());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Char);
        header.set_size(0);
        // The library refuses to write such a name, so it is put into the header by hand.
        header.as_gnu_mut().unwrap().name[..9].copy_from_slice(b"../escape");
        header.set_device_major(0).unwrap();
        header.set_device_minor(0).unwrap();
        header.set_cksum();
        builder.append(&header, std::io::empty()).unwrap();
        builder.into_inner().unwrap();
        let to = place.path().join("to");
        fs::create_dir(&to).unwrap();
        assert!(unpack::unpack(&archive, &to).is_err());
        assert!(!place.path().join("escape").exists());
    }
}
