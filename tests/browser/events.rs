//! Nothing that happens to a job is lost between what the page reads and what it is told, and what it has not loaded it says.

use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::world::{World, long_history};
use crate::{log_in, run};

#[test]
fn what_happens_after_the_first_read_and_before_the_stream_is_open_is_shown() {
    run(async {
        let (world, mut browser) = (World::alone().await, Browser::start().await);
        let uuid = world.register("short-lived").await;
        log_in(&mut browser, &world).await;
        // Everything is read, and the stream is not even asked for yet.
        browser.hold("*/api/v1/events?*").await;
        browser.open(&format!("{}/?held#/job/{uuid}", world.url)).await;
        browser.sees("Registered, and not begun yet").await;
        browser.holds_one().await;
        world.cancel(&uuid).await;
        browser.let_go().await;
        browser.sees("cancelled by an operator").await;
        browser.is_content(&world.url);
    });
}

#[test]
fn the_list_shows_a_job_that_was_registered_before_its_stream_was_open() {
    run(async {
        let (world, mut browser) = (World::alone().await, Browser::start().await);
        log_in(&mut browser, &world).await;
        browser.hold("*/api/v1/events?*").await;
        browser.open(&format!("{}/?held", world.url)).await;
        browser.sees("No jobs yet").await;
        browser.holds_one().await;
        world.register("in-between").await;
        browser.let_go().await;
        browser.sees("in-between").await;
        browser.is_content(&world.url);
    });
}

const EVENTS: i64 = 12_345;

#[test]
fn of_a_job_with_very_many_events_it_says_what_is_not_loaded_and_loads_it() {
    run(async {
        let (mut world, mut browser) = (World::alone().await, Browser::start().await);
        let uuid = world.register("long-lived").await;
        let like = world.get(&format!("/api/v1/jobs/{uuid}")).await;
        world.stop();
        let decisions = long_history(&world.data(), &uuid, &like, EVENTS);
        world.start_again().await;
        log_in(&mut browser, &world).await;
        browser.click("tr[data-job] a.name").await;
        // The first 20 and the newest 4000 are there.
        browser.sees("8,325 earlier events are not loaded").await;
        browser.sees("Events 21 to 8,345").await;
        browser.until("document.querySelectorAll('figure svg.chart rect.gap').length > 1").await;
        let top = "document.querySelector('ol.decisions > li')";
        assert_eq!(browser.value(&format!("{top}.value")).await, 0, "nobody knows how many there were before");
        browser.screenshot("job-not-all-loaded").await;
        browser.click("#gap button").await;
        browser.sees("3,325 earlier events are not loaded").await;
        browser.click("#gap button").await;
        browser.until("!document.querySelector('#gap')").await;
        assert_eq!(browser.value(&format!("{top}.value")).await, decisions, "each has its number");
        let said = format!("{} decisions, ", thousands(decisions));
        browser.sees(&said).await;

        // A decision that somebody was sent, from the middle.
        browser.open(&format!("{}/?again#/job/{uuid}/decision/5001", world.url)).await;
        browser.until("document.querySelector('#why-5001 .reason')").await;
        browser.sees("earlier events are not loaded").await;
        browser.is_content(&world.url);
    });
}

fn thousands(count: i64) -> String {
    format!("{},{:03}", count / 1000, count % 1000)
}

#[test]
fn the_tasks_of_a_chained_job_and_what_they_were_told_can_be_read() {
    run(async {
        let (world, mut browser) = (World::with_log("schema-4-chained.db").await, Browser::start().await);
        let jobs = world.get("/api/v1/jobs?search=openmpLinpack6").await;
        let uuid = jobs["items"][0]["uuid"].as_str().unwrap().to_owned();
        log_in(&mut browser, &world).await;
        browser.open(&format!("{}/?chained#/job/{uuid}/decision/31", world.url)).await;
        browser.until("document.querySelector('#why-31 .reason')").await;
        browser.sees("It ran in task 4, iteration 2 of it.").await;
        browser.sees("The task was told to go on: iteration 6 follows in the same task.").await;
        browser.click("#decision-55 button.decision").await;
        browser.sees("The task was told to end: iteration 12 gets a task with 1.6 CPU.").await;
        browser.click("#log summary").await;
        let log = "document.querySelector('#log table').innerText";
        browser.until(&format!("{log}.includes('was told to go on: iteration 14 follows in the same task')")).await;
        let log: Value = browser.value(log).await;
        for told in ["Iteration 14 began on node3 (number 3 in task ", "Removed from its framework.", "Done at "] {
            assert!(log.as_str().unwrap().contains(told), "{told:?} is not in {log}");
        }
        browser.screenshot("job-chained").await;
        assert_ne!(jobs, json!({}));
        browser.is_content(&world.url);
    });
}
