//! Every decision of a run can be computed again from the events before it, by the code that made it.

use mesos_qos::events::job::{JobEvent, ProgressDecided};
use mesos_qos::qos::job::command::{LookFacts, SampleFacts};
use mesos_qos::qos::job::{Command, JobState, Recorded, decide};
use mesos_qos::qos::units::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::helpers::on_actix;
use crate::world::{VERSIONS, World, job};

/// An event as it is stored.
struct Stored {
    recorded: Recorded,
    data: String,
}

fn stored(world: &World, uuid: &str) -> Vec<Stored> {
    let path = world.app.data.path().join("data/events.db");
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query = db.prepare("SELECT version, at, kind, data FROM events WHERE stream = ? ORDER BY version").unwrap();
    let stream = uuid::Uuid::parse_str(uuid).unwrap();
    let rows = query.query_map([&stream.as_bytes()[..]], |row| {
        let (version, at, kind, data): (i64, i64, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let event = JobEvent::decode(&kind, data.as_bytes()).unwrap();
        let (version, at) = (version as u64, Timestamp::from_micros(at));
        Ok(Stored { recorded: Recorded { version, at, event }, data })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// The decision that follows from the events before the sample that `decided` says it has used, and from that sample.
fn again(stream: &[Stored], decided: &ProgressDecided) -> Vec<u8> {
    let used = stream.iter().position(|one| one.recorded.version == decided.inputs.event).unwrap();
    let JobEvent::CpuSample(sample) = &stream[used].recorded.event else { panic!("{decided:?} used no sample") };
    let state = JobState::replay(stream[..used].iter().map(|one| one.recorded.clone())).unwrap();
    let facts = SampleFacts { segment: Some(sample.segment), at: sample.at, cpu: sample.cpu, limit: sample.limit };
    // What was free is the part of the ceiling that is not reserved.
    let free = decided.inputs.ceiling.zip(state.cpus).map(|(ceiling, reserved)| ceiling.saturating_sub(reserved));
    let look = Command::Look(LookFacts { sample: Some(facts), free, ..LookFacts::default() });
    let ruling = decide(Some(&state), look, stream[used].recorded.at).unwrap();
    let decision = ruling.events.iter().find(|event| matches!(event, JobEvent::ProgressDecided(_)));
    decision.unwrap_or_else(|| panic!("{decided:?} does not follow")).encode().unwrap()
}

/// How many decisions there are, all of which follow; and how many of them change the CPU.
fn all_follow(stream: &[Stored]) -> (usize, usize) {
    let (mut decisions, mut changes) = (0, 0);
    for (place, one) in stream.iter().enumerate() {
        let JobEvent::ProgressDecided(decided) = &one.recorded.event else { continue };
        let computed = again(&stream[..place], decided);
        assert_eq!(String::from_utf8(computed).unwrap(), one.data, "event {}", one.recorded.version);
        decisions += 1;
        changes += usize::from(decided.from != decided.to);
    }
    (decisions, changes)
}

#[test]
fn every_decision_follows_byte_for_byte_from_the_events_before_it() {
    on_actix(async {
        let mesos = [("cpu_source", "kind", "mesos"), ("cpu_source", "url", ""), ("elasticity", "rescale", "in-place")];
        let no_room = [
            ("elasticity", "cpu_max_slave", "2.6"),
            ("elasticity", "cpu_increment", "1.5"),
            ("marathon", "placement_patience", "0.5"),
        ];
        let in_place = [("elasticity", "rescale", "in-place")];
        // By restarts; without room; in place up and down; in place with what the node has free.
        let runs = [
            (&[][..], job(1.0, 0.6, 6.0)),
            (&no_room[..], job(1.0, 0.6, 6.0)),
            (&in_place[..], job(2.0, 1.0, 8.0)),
            (&mesos[..], job(1.0, 0.0, 1.0)),
        ];
        for (n, (settings, app)) in runs.into_iter().enumerate() {
            let world = World::start(VERSIONS[2], settings).await;
            let uuid = world.launch(app).await;
            world.wait_for_events(&uuid, "ProgressDecided", 4).await;
            // Decisions before and after a restart are of the same code.
            let world = world.restart_supervisor(std::time::Duration::from_millis(200)).await;
            world.wait_for_events(&uuid, "ProgressDecided", 6).await;
            let stream = stored(&world, &uuid);
            let (decisions, changes) = all_follow(&stream);
            assert!(decisions >= 6 && changes >= 1, "run {n}: {decisions} decisions, {changes} changes");
            world.stop().await;
        }
    });
}

#[test]
fn a_decision_that_does_not_follow_is_found() {
    on_actix(async {
        let world = World::start(VERSIONS[0], &[]).await;
        let uuid = world.launch(job(1.0, 0.6, 6.0)).await;
        world.wait_for_events(&uuid, "ProgressDecided", 1).await;
        let mut stream = stored(&world, &uuid);
        all_follow(&stream);
        // A sample that says something else than the one that was decided with.
        for one in &mut stream {
            if let JobEvent::CpuSample(sample) = &mut one.recorded.event {
                sample.cpu = sample.cpu * 2;
            }
        }
        let forged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| all_follow(&stream)));
        assert!(forged.is_err(), "the check is blind");
        assert_eq!(world.app.job(&uuid).await["flags"], json!([]));
        world.stop().await;
    });
}
