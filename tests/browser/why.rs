//! Somebody who has never seen the page finds out why a job was resized and why it was late. The log is that of five jobs on two nodes that had
//! not enough for all: three of them were late.

use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::world::World;
use crate::{log_in, run};

/// A browser that shows a job of the log; `more` is what follows its address.
pub async fn shows(name: &str, more: &str) -> (World, Browser) {
    let (world, mut browser) = (World::with_log("schema-4-rounds.db").await, Browser::start().await);
    let found = world.get(&format!("/api/v1/jobs?search={name}")).await;
    let uuid = found["items"][0]["uuid"].as_str().unwrap();
    log_in(&mut browser, &world).await;
    browser.open(&format!("{}/?why#/job/{uuid}{more}", world.url)).await;
    browser.until("document.querySelectorAll('ol.decisions > li').length > 0").await;
    (world, browser)
}

pub async fn text_of(browser: &mut Browser, selector: &str) -> String {
    let element = format!("document.querySelector({})", json!(selector));
    browser.until(&element).await;
    browser.value(&format!("{element}.innerText")).await.as_str().unwrap().to_owned()
}

pub fn has(text: &str, told: &[&str]) {
    for told in told {
        assert!(text.contains(told), "{told:?} is not in {text}");
    }
}

#[test]
fn a_change_that_other_jobs_made_necessary_says_so_and_names_them() {
    run(async {
        let (world, mut browser) = shows("job1", "/decision/35").await;
        browser.sees("shared with job2, job3").await;
        let row = text_of(&mut browser, "#decision-35 button").await;
        has(&row, &["lower 1.7 CPU to 0.1 CPU, as it gives way to others", "shared with job2, job3, job5 and 1 more"]);
        let raise = text_of(&mut browser, "#decision-27 button").await;
        has(&raise, &["raise 0.3 CPU to 1.7 CPU instead of 2 CPU, as others need the room"]);
        browser.sees("What was weighed").await;
        browser.screenshot("why-shared").await;
        let reason = text_of(&mut browser, "#why-35").await;
        has(
            &reason,
            &[
                "The policy alone wished for 2 CPU; the cluster left it at most 0.1 CPU, as it gives way to jobs that can still be on time.",
                "5 jobs shared 2 nodes of 2 CPU; the others: job2 (wished for 0.2 CPU), job3 (wished for 0.15 CPU)",
                // The prediction is for the CPU before, as what was wished for was not granted.
                "With 1.7 CPU the last one is expected to end at",
                "predicted end with 1.7 CPU",
                "0.1 CPU (decided)",
            ],
        );
        browser.is_content(&world.url);
    });
}

#[test]
fn a_prediction_says_for_which_cpu_it_is_and_a_job_that_was_not_sure_enough_is_not_called_too_slow() {
    run(async {
        let (world, mut browser) = shows("job1", "/decision/2").await;
        let row = text_of(&mut browser, "#decision-2 button").await;
        has(&row, &["not sure to be on time", "raise 1 CPU to 1.9 CPU", "replaced by the next decision"]);
        has(
            &text_of(&mut browser, "#decision-5 button").await,
            &["early, but not sure enough", "lower 1 CPU to 0.1 CPU"],
        );
        has(&text_of(&mut browser, "#decision-33 button").await, &["too slow"]);
        browser.sees("What was weighed").await;
        let reason = text_of(&mut browser, "#why-2").await;
        has(
            &reason,
            &[
                "With 1.9 CPU the last one is expected to end at",
                "With the 1 CPU that it had, the job is not sure to be on time. The policy adds CPU when the probability to be on time is below 97 %, \
                 and then as much as makes it 99.3 %.",
                "It was replaced by the next decision before anything came of it (decision 2).",
                "1.9 CPU (decided)",
                "99.5 %",
            ],
        );
        // Its figures are in words, with their units.
        browser.click("#why-2 details summary").await;
        let figures = text_of(&mut browser, "#why-2 .figures-table").await;
        has(
            &figures,
            &[
                "probability to be on time that it chooses for 99.3 %",
                "never above 2 CPU",
                "Predicted end with 1.9 CPU",
            ],
        );
        assert!(!figures.contains("993000"), "{figures}");
        // Why more changes were decided than came into force.
        browser.sees("12 decisions, 7 changes of CPU decided: 5 came into force, 2 were replaced by the next decision before that.").await;
        browser.sees("Its CPU was changed 5 times (7 changes were decided").await;
        browser.is_content(&world.url);
    });
}

#[test]
fn the_list_calls_a_job_that_is_expected_in_time_not_sure_and_not_too_slow() {
    run(async {
        let (world, mut browser) = (World::alone().await, Browser::start().await);
        let uuid = uuid::Uuid::new_v4();
        // 1600 of 1800 seconds by its declaration, which may be wrong by a quarter.
        let body = json!({"uuid": uuid, "name": "close", "framework": "chronos", "job_duration": 400, "deadline": 1800, "desv_deadline": 0.2,
            "iterations": 4, "cpus": 1.0, "arguments_version": 1, "policy": "predictive"});
        world.post("/initTask", body).await;
        log_in(&mut browser, &world).await;
        browser.sees("waiting to start, not sure to be on time").await;
        browser.click("tr[data-job] a.name").await;
        browser.sees("not sure to be on time").await;
        assert!(!browser.text().await.contains("too slow"), "{}", browser.text().await);
        // For which CPU the margin is.
        let decided =
            world.get(&format!("/api/v1/jobs/{uuid}/decisions")).await["items"][0]["data"]["to"].as_f64().unwrap();
        assert!(decided > 1000.0, "it gets more");
        has(&text_of(&mut browser, "dl.figures").await, &[&format!("with {} CPU; deadline", decided / 1000.0)]);
        browser.is_content(&world.url);
    });
}

#[test]
fn a_late_job_says_why_it_was_late_and_one_that_was_on_time_does_not() {
    run(async {
        let (world, mut browser) = shows("job1", "").await;
        browser.sees("the room being shared with").await;
        let told = text_of(&mut browser, ".whylate").await;
        has(
            &told,
            &[
                "12.5 s late; it was due at",
                "Reckoned at its registration, the deadline could be kept (needs 0.924 of at most 2 CPU). The first decision wished for 1.9 CPU; the most that any wished for was 2 CPU.",
                "with 5 iterations left: by 8.5 s with 0.1 CPU (decision 3).",
                "In 7 of 12 decisions it got less than its policy wished for",
                "0.1 CPU of 2 CPU, the room being shared with job2, job5, job4 and 1 more (decision 2).",
                "Of 33 s from its beginning to its end, its 6 iterations ran 14.1 s, and it waited 18.5 s",
                "The longest iterations: number 5 took 3.3 s with 0.1 CPU on node2",
            ],
        );
        // In the time zone that the page names.
        browser.call("Emulation.setTimezoneOverride", json!({"timezoneId": "Asia/Kolkata"})).await;
        browser.open(&format!("{}/?zone", world.url)).await;
        browser.sees("All times: Asia/").await;
        browser.click("th[data-head=job] button").await;
        browser.until("document.querySelector('tr[data-job] a.name').textContent === 'job1'").await;
        browser.click("tr[data-job] a.name").await;
        has(&text_of(&mut browser, ".story").await, &["2026", "08:09:01 GMT+5:30"]);
        browser.click(".crumbs a").await;
        browser.click("th[data-head=job] button").await;
        browser.until("document.querySelector('tr[data-job] a.name').textContent === 'job5'").await;
        browser.click("tr[data-job] a.name").await;
        browser.sees("completed, on time").await;
        assert_eq!(browser.value("document.querySelector('.whylate')").await, Value::Null);
        browser.is_content(&world.url);
    });
}

#[test]
fn a_what_if_says_that_it_is_of_this_job_alone_and_is_whole_on_a_phone() {
    run(async {
        let (world, mut browser) = shows("job1", "").await;
        browser.window(390, 844, "dark").await;
        has(&text_of(&mut browser, ".whatif button").await, &["Simulate"]);
        browser.click(".whatif button").await;
        browser.sees("What other jobs needed is left out").await;
        let answer = text_of(&mut browser, "#what-answer").await;
        has(
            &answer,
            &["Reserved CPU time", "of reserved CPU time", "another run of it is on time with a probability of"],
        );
        // Both answers are in the window, and nothing of them has to be scrolled to.
        let outside = "[...document.querySelectorAll('.compare td, .compare th')].filter(e => e.getBoundingClientRect().right > innerWidth || e.scrollWidth > e.clientWidth + 1).length";
        assert_eq!(browser.value(outside).await, 0);
        let scrolls = "(() => { const e = document.querySelector('.compare').parentElement; return e.scrollHeight > e.clientHeight || e.scrollWidth > e.clientWidth; })()";
        assert_eq!(browser.value(scrolls).await, false);
        browser.screenshot("what-if-390-dark").await;
        browser.is_content(&world.url);
    });
}

#[test]
fn what_is_called_cpu_time_has_one_name_each_and_is_explained() {
    run(async {
        let (world, mut browser) = shows("job1", "").await;
        browser.click(".glossary summary").await;
        let words = text_of(&mut browser, ".glossary").await;
        has(&words, &["Reserved CPU time", "Granted CPU time", "Used CPU time", "CPU limit", "in CPU-seconds"]);
        let titles = browser.value("[...document.querySelectorAll('figure h3')].map(e => e.textContent)").await;
        assert_eq!(
            titles,
            json!([
                "Predicted end minus deadline",
                "CPU over time",
                "Duration of each iteration",
                "Progress ratio",
                "Granted CPU time against what is due"
            ])
        );
        browser.is_content(&world.url);
    });
}
