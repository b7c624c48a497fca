//! A compacted log: smaller, the same chain, and read as before, as long as its archives are there.

use std::path::{Path, PathBuf};

use mesos_qos::events::chain::EventHash;
use mesos_qos::events::envelope::{StreamId, Version};
use mesos_qos::events::store::{
    CompactError, Compaction, EventStore, OfflineLog, StoreOptions, archive_faults, compact, integrity, verify,
};
use mesos_qos::qos::units::Timestamp;

use crate::command::{log, mesos_qos};

const NOW: Timestamp = Timestamp::from_micros(1_900_000_000_000_000);

/// A data directory with a simulated log.
fn data_dir() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.db");
    std::fs::rename(log(dir.path(), "i", "step"), &path).unwrap();
    (dir, path)
}

fn head(path: &Path) -> EventHash {
    OfflineLog::open(path).unwrap().head().unwrap().hash
}

fn export(path: &Path) -> String {
    mesos_qos(&["log", "export", "--log", path.to_str().unwrap()]).out
}

fn archives(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(dir.join("archive")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn no_event_is_lost_and_the_chain_is_the_same() {
    let (dir, path) = data_dir();
    let (before, lines, size) = (head(&path), export(&path), std::fs::metadata(&path).unwrap().len());
    let replayed = mesos_qos(&["replay", "--log", path.to_str().unwrap(), "--json"]).out;
    let audited = mesos_qos(&["audit", "openmpLinpack3", "--database", path.to_str().unwrap()]).out;
    let done = compact(&path, NOW, NOW).unwrap();
    assert_eq!((done.jobs, done.events, done.still_read), (6, lines.lines().count() as u64, 0));
    let report = verify(&path, Some(before)).unwrap();
    assert!(report.is_whole() && report.head.hash != before, "{report:?}");
    assert!(integrity(&path).unwrap().is_empty() && archive_faults(&path).unwrap().is_empty());
    assert!(std::fs::metadata(&path).unwrap().len() < size, "it is no smaller");
    let after = export(&path);
    assert_eq!(after.lines().take(lines.lines().count()).collect::<Vec<_>>(), lines.lines().collect::<Vec<_>>());
    assert!(after.lines().last().unwrap().contains("\"kind\":\"Compacted\""));
    let again = mesos_qos(&["replay", "--log", path.to_str().unwrap(), "--json"]).out;
    assert_eq!(again.replace("\"events\":287", "\"events\":286"), replayed, "{again}");
    assert_eq!(mesos_qos(&["audit", "openmpLinpack3", "--database", path.to_str().unwrap()]).out, audited);
    // Each file is called by what it holds.
    use sha2::Digest as _;
    for file in archives(dir.path()) {
        let sum = hex::encode(sha2::Sha256::digest(std::fs::read(&file).unwrap()));
        assert_eq!(file.file_stem().unwrap().to_str().unwrap(), sum);
    }
    assert_eq!(archives(dir.path()).len(), 6);
    assert_eq!(compact(&path, NOW, NOW).unwrap().jobs, 0, "what is archived stays so");
    // As lines it is whole again, and a database of its own.
    let (file, to) = (dir.path().join("lines"), dir.path().join("imported.db"));
    std::fs::write(&file, after).unwrap();
    let said = mesos_qos(&["log", "import", "--from", file.to_str().unwrap(), "--log", to.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(head(&to), head(&path));
}

#[test]
fn a_missing_or_changed_archive_is_named_by_whoever_needs_it_and_breaks_no_chain() {
    let (dir, path) = data_dir();
    let db = path.to_str().unwrap();
    compact(&path, NOW, NOW).unwrap();
    let needs = |file: &Path| std::fs::read_to_string(file).unwrap().contains("\"name\":\"openmpLinpack3\"");
    let file = archives(dir.path()).into_iter().find(|file| needs(file)).unwrap();
    let kept = std::fs::read(&file).unwrap();
    let mut changed = kept.clone();
    changed[100] ^= 1;
    for (content, problem) in [(None, "is missing"), (Some(changed), "is not what was archived")] {
        match content {
            None => std::fs::remove_file(&file).unwrap(),
            Some(changed) => std::fs::write(&file, changed).unwrap(),
        }
        let verified = mesos_qos(&["log", "verify", "--log", db]);
        assert_eq!(verified.code, Some(3), "the chain is whole and an archive is not: {}", verified.err);
        assert!(verified.out.contains("the chain is whole"), "{}", verified.out);
        for said in [
            verified,
            mesos_qos(&["replay", "--log", db]),
            mesos_qos(&["audit", "openmpLinpack3", "--database", db]),
            mesos_qos(&["log", "export", "--log", db]),
        ] {
            assert!(said.err.contains(problem) && said.err.contains(file.to_str().unwrap()), "{}", said.err);
        }
        assert_eq!(mesos_qos(&["replay", "--log", db]).code, Some(1));
        assert_eq!(mesos_qos(&["audit", "openmpLinpack1", "--database", db]).code, Some(0), "another job's is there");
    }
    std::fs::write(&file, kept).unwrap();
    assert_eq!(mesos_qos(&["replay", "--log", db]).code, Some(0));
    assert_eq!(mesos_qos(&["log", "verify", "--log", db]).code, Some(0));
}

#[test]
fn a_backup_of_a_compacted_log_is_whole_where_nothing_of_the_log_is() {
    let (dir, path) = data_dir();
    compact(&path, NOW, NOW).unwrap();
    let (lines, replayed) = (export(&path), mesos_qos(&["replay", "--log", path.to_str().unwrap(), "--json"]).out);
    let backups = tempfile::tempdir().unwrap();
    let (first, second) = (backups.path().join("first.db"), backups.path().join("second.db"));
    for to in [&first, &second] {
        let said = mesos_qos(&["log", "backup", "--log", path.to_str().unwrap(), "--to", to.to_str().unwrap()]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    }
    let mode = |path: &Path| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    let copies = archives(backups.path());
    assert_eq!(copies.len(), 6, "backups in one directory share their archives");
    assert_eq!((mode(&backups.path().join("archive")), mode(&copies[0])), (0o700, 0o600));
    drop(dir);
    assert!(!path.exists());
    let restored = tempfile::tempdir().unwrap();
    let database = restored.path().join("events.db");
    std::fs::rename(&second, &database).unwrap();
    std::fs::rename(backups.path().join("archive"), restored.path().join("archive")).unwrap();
    let db = database.to_str().unwrap();
    assert_eq!(mesos_qos(&["log", "verify", "--log", db]).code, Some(0));
    assert_eq!(export(&database), lines);
    assert_eq!(mesos_qos(&["replay", "--log", db, "--json"]).out, replayed);
    let said = mesos_qos(&["log", "verify", "--log", first.to_str().unwrap()]);
    assert_eq!(said.code, Some(3), "without its archives: {}", said.err);
}

#[test]
fn a_backup_says_which_archive_it_could_not_have_and_keeps_good_ones_that_are_there() {
    let (dir, path) = data_dir();
    compact(&path, NOW, NOW).unwrap();
    let backups = tempfile::tempdir().unwrap();
    let backup = |to: &str| {
        let to = backups.path().join(to);
        mesos_qos(&["log", "backup", "--log", path.to_str().unwrap(), "--to", to.to_str().unwrap()])
    };
    let (gone, broken) = (archives(dir.path())[0].clone(), archives(dir.path())[1].clone());
    std::fs::remove_file(&gone).unwrap();
    let said = backup("first.db");
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert!(said.err.contains(gone.to_str().unwrap()) && said.err.contains("is missing"), "{}", said.err);
    assert_eq!(archives(backups.path()).len(), 5);
    // What an earlier backup has is not lost by what has become of the log since.
    let copy = backups.path().join("archive").join(broken.file_name().unwrap());
    let good = std::fs::read(&copy).unwrap();
    std::fs::write(&broken, "{}").unwrap();
    assert_eq!(backup("second.db").code, Some(3));
    assert_eq!(std::fs::read(&copy).unwrap(), good);
}

#[test]
fn data_that_went_without_a_compaction_is_a_fault_of_the_log() {
    let (_dir, path) = data_dir();
    let db = path.to_str().unwrap();
    compact(&path, NOW, NOW).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    // The digest is right and the chain with it, but no event names such an archive.
    raw.execute("UPDATE archived SET archive = zeroblob(32) WHERE seq = 9", []).unwrap();
    let fault = verify(&path, None).unwrap().fault.unwrap();
    assert_eq!((fault.seq.0, fault.reason.contains("no Compacted event")), (9, true), "{}", fault.reason);
    for command in [vec!["log", "verify", "--log", db], vec!["replay", "--log", db]] {
        let said = mesos_qos(&command);
        assert!(said.code == Some(1) && said.err.contains("event 9: it has no data"), "{}", said.err);
    }
    raw.execute_batch(
        "DROP TRIGGER events_are_never_deleted; DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)",
    )
    .unwrap();
    assert_eq!(verify(&path, None).unwrap().fault.unwrap().seq.0, 1, "the compaction itself was cut off");
}

#[test]
fn space_that_an_ended_compaction_left_is_given_back_by_the_next() {
    let (_dir, path) = data_dir();
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("CREATE TABLE much (data BLOB); INSERT INTO much VALUES (zeroblob(200000)); DROP TABLE much")
        .unwrap();
    let free = || raw.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0)).unwrap();
    assert!(free() > 40);
    assert_eq!(compact(&path, Timestamp::from_micros(0), NOW).unwrap().jobs, 0);
    assert_eq!(free(), 0);
}

#[test]
fn an_error_after_the_archiving_says_what_is_archived() {
    let done = Compaction { jobs: 2, events: 30, still_read: 0 };
    let error = CompactError::Space { done, error: rusqlite::Error::InvalidQuery }.to_string();
    assert!(error.contains("30 events of 2 jobs are archived") && error.contains("compact it once more"), "{error}");
}

#[tokio::test]
async fn a_supervisor_reads_archived_events_and_keeps_the_log_to_itself() {
    let (dir, path) = data_dir();
    let lines = export(&path);
    compact(&path, NOW, NOW).unwrap();
    let store = EventStore::open(dir.path(), StoreOptions::default()).unwrap();
    assert!(matches!(compact(&path, NOW, NOW), Err(CompactError::Open(_))), "a supervisor has it");
    let job = OfflineLog::open(&path).unwrap().jobs().unwrap()[0].0;
    let events = store.log().read_stream(StreamId::Job(job), Version::NONE, 1000).await.unwrap();
    let as_exported: Vec<String> = events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    let of_job = lines.lines().filter(|line| line.contains(&format!("\"job\":\"{job}\"")));
    assert_eq!(as_exported, of_job.map(str::to_owned).collect::<Vec<_>>());
    store.close().await;
}

#[test]
fn what_is_not_archived_can_still_not_be_changed() {
    let (_dir, path) = data_dir();
    compact(&path, Timestamp::from_micros(0), NOW).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    for change in ["data = ''", "data = '{}'", "at = at + 1"] {
        let refused = raw.execute(&format!("UPDATE events SET {change} WHERE seq = 3"), []).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    drop(raw);
    compact(&path, NOW, NOW).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    for change in ["data = '{}'", "at = at + 1", "hash = randomblob(32)"] {
        assert!(raw.execute(&format!("UPDATE events SET {change} WHERE seq = 3"), []).is_err(), "{change}");
    }
    assert!(raw.execute("DELETE FROM events WHERE seq = 3", []).is_err());
}

#[test]
fn through_a_link_the_lock_and_the_archives_are_those_of_the_log_itself() {
    let (dir, path) = data_dir();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("events.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let lines = export(&path);
    let running = EventStore::open(dir.path(), StoreOptions::default()).unwrap();
    assert!(matches!(compact(&link, NOW, NOW), Err(CompactError::Open(_))), "a supervisor has the log");
    drop(running);
    assert_eq!(compact(&link, NOW, NOW).unwrap().jobs, 6);
    assert_eq!(archives(dir.path()).len(), 6);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 1, "only the link is beside the link");
    for log in [&path, &link] {
        assert!(export(log).starts_with(&lines));
    }
}

#[test]
fn what_somebody_still_reads_and_what_is_broken_stays() {
    let (_dir, path) = data_dir();
    compact(&path, Timestamp::from_micros(0), NOW).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute("INSERT INTO cursors VALUES ('metrics', 5, 0)", []).unwrap();
    drop(raw);
    let done = compact(&path, NOW, NOW).unwrap();
    assert_eq!((done.jobs, done.still_read), (0, 6));
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch(
        "DELETE FROM cursors; DROP TRIGGER events_are_never_updated; UPDATE events SET at = at + 1 WHERE seq = 7",
    )
    .unwrap();
    drop(raw);
    let broken = compact(&path, NOW, NOW).unwrap_err().to_string();
    assert!(broken.contains("event 7"), "{broken}");
}

#[test]
fn the_command_compacts_an_old_versions_log_that_is_then_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.db");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/schema-1.db"), &path).unwrap();
    let db = path.to_str().unwrap();
    let before = head(&path).to_string();
    let said = mesos_qos(&["log", "compact", "--log", db, "--older-than", "0s"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("are archived"), "{}", said.out);
    let verified = mesos_qos(&["log", "verify", "--log", db, "--expect-head", &before]);
    assert_eq!(verified.code, Some(0), "{}", verified.err);
    let replayed = mesos_qos(&["replay", "--log", db]);
    assert!(replayed.out.contains("8 decisions") && replayed.code == Some(0), "{} {}", replayed.out, replayed.err);
}
