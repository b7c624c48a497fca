//! A full disk takes nothing back, is said, and is over when there is space again.

#[path = "support/small_disk.rs"]
mod small_disk;
mod store_support;

use mesos_qos::events::envelope::{StreamId, Version};
use mesos_qos::events::store::{AppendError, DATABASE, Health, verify};
use store_support::{one, open};

#[test]
fn a_full_disk_is_a_storage_error_until_there_is_space_again() {
    small_disk::run(1, "on_a_small_disk");
}

#[tokio::test]
#[ignore = "started by another test"]
async fn on_a_small_disk() {
    let dir = small_disk::directory();
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![0; 300_000]).unwrap();
    let store = open(&dir.join("data"));
    let log = store.log();
    let text = "x".repeat(5_000);
    let mut version = 0;
    let error = loop {
        match log.append(one(StreamId::Cluster, version, &text)).await {
            Ok(_) => version += 1,
            Err(error) => break error,
        }
        assert!(version < 1_000, "a disk of one MiB never gets full");
    };
    assert!(matches!(&error, AppendError::Storage(why) if why.contains("full")), "{error}");
    assert!(version > 10);
    assert!(matches!(log.health(), Health::Failing(_)));
    // Still full, and still what was acknowledged, no more.
    let again = log.append(one(StreamId::Cluster, version, &text)).await.unwrap_err();
    assert!(matches!(again, AppendError::Storage(_)), "{again}");
    let events = log.read_stream(StreamId::Cluster, Version::NONE, 10_000).await.unwrap();
    assert_eq!(events.len() as u64, version);
    assert!(log.stats().failed_commits >= 2);

    std::fs::remove_file(&ballast).unwrap();
    log.probe().await.unwrap();
    assert_eq!(log.health(), Health::Good);
    let appended = log.append(one(StreamId::Cluster, version, &text)).await.unwrap();
    assert_eq!(appended.events[0].version, Version(version + 1));
    let report = verify(&dir.join("data").join(DATABASE), Some(appended.events[0].hash)).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.head.seq, appended.events[0].seq);
}
