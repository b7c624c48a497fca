//! Refuses network file systems: their locks and shared memory do not hold what SQLite's WAL needs.

use std::os::linux::fs::MetadataExt;
use std::path::Path;

use nix::sys::statfs::statfs;

use crate::events::store::options::OpenError;

/// File systems by the magic number that statfs(2) gives.
const NETWORK: [(i64, &str); 16] = [
    (0x6969, "nfs"),
    (0x517B, "smb"),
    (0xFE53_4D42, "smb2"),
    (0xFF53_4D42, "cifs"),
    (0x00C3_6400, "ceph"),
    (0x0102_1997, "9p"),
    (0x5346_414F, "afs"),
    (0x6B41_4653, "kafs"),
    (0x7375_7245, "coda"),
    (0x564C, "ncp"),
    (0x0BD0_0BD0, "lustre"),
    (0x4750_4653, "gpfs"),
    (0x1983_0326, "beegfs"),
    (0x7461_636F, "ocfs2"),
    (0x0116_1970, "gfs2"),
    (0x2003_0528, "orangefs"),
];

/// What statfs(2) says of every file system in user space; which one it is, the table of mounts tells.
const FUSE: i64 = 0x6573_5546;

/// File systems in user space that reach over the network. Others (an overlay, an encrypted directory) are local.
const NETWORK_FUSE: [&str; 17] = [
    "sshfs",
    "rclone",
    "s3fs",
    "gcsfuse",
    "goofys",
    "glusterfs",
    "ceph",
    "ceph-fuse",
    "davfs",
    "davfs2",
    "curlftpfs",
    "juicefs",
    "mfs",
    "moosefs",
    "lizardfs",
    "blobfuse",
    "smbnetfs",
];

/// Checks that `dir` is on a local file system.
pub(super) fn refuse_network(dir: &Path) -> Result<(), OpenError> {
    let io = |error| OpenError::Io { path: dir.to_owned(), error };
    let found = statfs(dir).map_err(|errno| io(errno.into()))?;
    let magic = i64::from(found.filesystem_type().0 as u32);
    let subtype = if magic == FUSE { fuse_subtype(dir) } else { None };
    match network_kind(magic, subtype.as_deref()) {
        Some(kind) => Err(OpenError::NetworkFileSystem { path: dir.to_owned(), kind }),
        None => Ok(()),
    }
}

/// The name of the network file system with this magic number and FUSE subtype; nothing when it is local.
fn network_kind(magic: i64, fuse_subtype: Option<&str>) -> Option<String> {
    if let Some((_, name)) = NETWORK.iter().find(|(number, _)| *number == magic) {
        return Some((*name).to_owned());
    }
    let subtype = fuse_subtype?;
    NETWORK_FUSE.contains(&subtype).then(|| format!("fuse.{subtype}"))
}

/// `sshfs` when `dir` is on a `fuse.sshfs`; nothing when the table of mounts does not tell.
fn fuse_subtype(dir: &Path) -> Option<String> {
    let device = std::fs::metadata(dir).ok()?.st_dev();
    let device = format!("{}:{}", nix::sys::stat::major(device), nix::sys::stat::minor(device));
    let mounts = procfs::process::Process::myself().ok()?.mountinfo().ok()?;
    let mount = mounts.into_iter().find(|mount| mount.majmin == device)?;
    mount.fs_type.strip_prefix("fuse.").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_named_and_local_ones_pass() {
        assert_eq!(network_kind(0x6969, None).as_deref(), Some("nfs"));
        assert_eq!(network_kind(0xFF53_4D42, None).as_deref(), Some("cifs"));
        assert_eq!(network_kind(FUSE, Some("sshfs")).as_deref(), Some("fuse.sshfs"));
        assert_eq!(network_kind(FUSE, Some("fuse-overlayfs")), None);
        assert_eq!(network_kind(FUSE, None), None);
        for local in [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630] {
            assert_eq!(network_kind(local, None), None);
        }
    }

    #[test]
    fn the_error_says_what_to_do() {
        let error = OpenError::NetworkFileSystem { path: "/data".into(), kind: "nfs".into() };
        assert!(error.to_string().contains("/data is on a network file system (nfs)"), "{error}");
        assert!(error.to_string().contains("local disk"), "{error}");
    }
}
