use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::world::World;
use crate::{log_in, run};

/// Four iterations that are far too slow for the deadline, so that the first decision asks for more CPU.
fn late_job() -> Value {
    json!({
        "name": "nightly-report", "command": "sleep 2", "schedule": "R4//PT1S", "cpus": "0.2", "mem": "16",
        "owner": "owner@example.com", "qos": {"duration": 2, "deadline": 9, "desv_deadline": 0.2}
    })
}

#[test]
fn a_running_job_is_watched_live_a_decision_opens_its_reason_and_a_what_if_is_answered() {
    run(async {
        let (world, mut browser) = (World::with_cluster().await, Browser::start().await);
        log_in(&mut browser, &world).await;
        browser.sees("No jobs yet").await;
        world.launch(&late_job()).await;
        // Nobody touches the page: the job appears, and moves.
        browser.sees("nightly-report").await;
        browser.sees("1 of 4 iterations").await;
        browser.screenshot("list-running").await;
        browser.click("tr[data-job] a.name").await;
        browser.until("document.querySelectorAll('figure svg.chart').length === 5").await;
        browser.sees("Why this CPU?").await;
        let decisions = "document.querySelectorAll('ol.decisions > li').length";
        // One was there, perhaps; another comes, or has come meanwhile.
        browser.until(&format!("{decisions} >= 2")).await;
        browser.screenshot("job-running").await;

        // The decision that gave it more CPU, from its mark in a chart.
        browser.until("document.querySelector('a.mark.changed')").await;
        let mark = "document.querySelector('a.mark.changed')";
        let label = browser.value(&format!("{mark}.getAttribute('aria-label')")).await;
        assert!(label.as_str().unwrap().contains("too slow, raise 0.2 CPU to 0.6 CPU"), "{label}");
        let version = browser.value(&format!("{mark}.dataset.mark")).await.as_str().unwrap().to_owned();
        browser.click("a.mark.changed").await;
        browser.until(&format!("document.querySelector('#why-{version} .reason')")).await;
        let reason = browser.value(&format!("document.querySelector('#why-{version}').innerText")).await;
        let reason = reason.as_str().unwrap();
        for told in [
            "What happened. Iteration 1 of 4 ended at",
            "What was expected. 3 iterations remain.",
            "after the latest end that is on plan",
            "too slow",
            "0.2 CPU becomes 0.6 CPU",
            "What came of it. Chronos had 0.6 CPU",
            "the supervisor’s own words",
        ] {
            assert!(reason.contains(told), "{told:?} is not in {reason}");
        }
        // The same words as in the log.
        let uuid = world.get("/api/v1/jobs").await["items"][0]["uuid"].as_str().unwrap().to_owned();
        let logged = world.get(&format!("/api/v1/jobs/{uuid}/decisions?limit=1")).await;
        assert!(reason.contains(logged["items"][0]["data"]["reason"].as_str().unwrap()), "{reason}");
        browser.screenshot("decision").await;

        // It ends while it is watched.
        browser.sees("completed").await;
        browser
            .until("document.querySelector('.whatif button') && !document.querySelector('.whatif button').disabled")
            .await;
        browser.value("document.querySelector('#what-policy').value = 'fixed'; document.querySelector('#what-policy').dispatchEvent(new Event('change'))").await;
        browser.click(".whatif button").await;
        browser.sees("Would have been (policy fixed)").await;
        browser.sees("It would have ended").await;
        browser.sees("with a probability of 95 %").await;
        let answer = browser.value("document.querySelector('#what-answer').innerText").await;
        assert!(answer.as_str().unwrap().contains("0.2 CPU"), "the submitted CPU to the end: {answer}");
        browser.screenshot("what-if").await;
        browser.is_content(&world.url);
    });
}

#[test]
fn a_job_is_cancelled_only_after_a_second_click() {
    run(async {
        let (world, mut browser) = (World::alone().await, Browser::start().await);
        let uuid = world.register("unwanted").await;
        log_in(&mut browser, &world).await;
        browser.click("tr[data-job] a.name").await;
        browser.click("button.cancel").await;
        browser.sees("Really cancel?").await;
        assert_eq!(world.get(&format!("/api/v1/jobs/{uuid}")).await["state"], "registered");
        browser.click("button.cancel").await;
        browser.sees("cancelled by an operator").await;
        assert_eq!(world.get(&format!("/api/v1/jobs/{uuid}")).await["state"], "cancelled");
        browser.is_content(&world.url);
    });
}
