//! A long-running job: its charts, a decision about it, and what would have been. The test is its agent.

use std::time::{Duration, Instant};

use mesos_qos::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::world::World;
use crate::{log_in, run};

/// CPU-seconds that are declared, and seconds for them.
const DURATION: f64 = 400.0;
const DEADLINE: f64 = 600.0;

/// An agent that reports what the test wants.
struct Agent<'a> {
    world: &'a World,
    uuid: String,
    began: Instant,
    used: f64,
    limit: f64,
}

impl<'a> Agent<'a> {
    async fn begin(world: &'a World, name: &str) -> Agent<'a> {
        let uuid = uuid::Uuid::new_v4().to_string();
        let body = json!({"uuid": uuid, "name": name, "framework": "marathon", "job_duration": DURATION, "deadline": DEADLINE,
            "desv_deadline": 0.1, "cpus": 1, "arguments_version": 1});
        world.post("/initTask", body).await;
        let began =
            json!({"uuid": uuid, "started_at": now(), "sent_at": now(), "execution": "e1", "hostname": "node1"});
        world.post("/initMarathonApp", began).await;
        let mut agent = Agent { world, uuid, began: Instant::now(), used: 0.0, limit: 1.0 };
        agent.report(json!({"kind": "start", "base_cpu_seconds": 0, "runtime": "process", "execution": "e1", "hostname": "node1"})).await;
        agent
    }

    /// CPU-seconds that are due by now.
    fn due(&self) -> f64 {
        DURATION * self.began.elapsed().as_secs_f64() / DEADLINE
    }

    async fn report(&mut self, more: Value) -> Value {
        let mut report = json!({"at": now(), "sent_at": now(), "user_seconds": self.used, "system_seconds": 0, "segment": 1,
            "limit": self.limit});
        report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.world.post(&format!("/api/v1/jobs/{}/cpu-samples", self.uuid), report).await
    }

    /// Reports, as agents do, that it is ahead of its plan or stands still, and obeys, until `page` shows something.
    async fn reports_until(&mut self, ahead: bool, browser: &mut Browser, page: &str) {
        let began = Instant::now();
        while browser.value(&format!("Boolean({page})")).await != true {
            assert!(began.elapsed() < Duration::from_secs(90), "waited in vain for {page}:\n{}", browser.text().await);
            if ahead {
                self.used = self.used.max(self.due() * 1.5 + 6.0);
            }
            let answer = self.report(json!({})).await;
            self.limit = answer["cpus"].as_f64().unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn end(&mut self) {
        self.report(json!({"kind": "end", "reason": "exited"})).await;
        self.world.post("/endMarathonApp", json!({"uuid": self.uuid, "finished_at": now(), "exit_code": 0})).await;
    }
}

fn now() -> f64 {
    SystemClock.now().epoch_seconds()
}

#[test]
fn a_long_running_job_shows_its_four_charts_why_it_was_resized_and_what_would_have_been() {
    run(async {
        let (world, mut browser) = (World::for_long_running().await, Browser::start().await);
        let mut agent = Agent::begin(&world, "/solver").await;
        log_in(&mut browser, &world).await;
        browser.click("tr[data-job] a.name").await;
        browser.until("document.querySelectorAll('figure svg.chart').length === 4").await;
        let titles = browser.value("[...document.querySelectorAll('figure h3')].map(e => e.textContent)").await;
        assert_eq!(
            titles,
            json!([
                "Predicted end minus deadline",
                "CPU over time",
                "Progress ratio",
                "Used CPU time against what is due"
            ])
        );

        // It is faster than needed, and gives CPU away; then it stands still, and gets some back.
        let changed = "document.querySelectorAll('ol.decisions li.changed').length";
        agent
            .reports_until(
                true,
                &mut browser,
                &format!("{changed} > 0 && document.body.innerText.includes('in force')"),
            )
            .await;
        browser.sees("because it was faster than needed").await;
        agent
            .reports_until(
                false,
                &mut browser,
                "document.body.innerText.includes('because it was too slow for its deadline')",
            )
            .await;
        browser.sees("% of the CPU time that was due by then.").await;
        browser.sees("changed while it runs").await;

        // The decision, from its mark in the chart of the progress ratio.
        let marks = "[...document.querySelectorAll('figure')][2].querySelectorAll('a.mark.changed')";
        let label = browser.value(&format!("{marks}[0].getAttribute('aria-label')")).await;
        assert!(label.as_str().unwrap().contains("faster than needed, lower 1 CPU to "), "{label}");
        let version = browser.value(&format!("{marks}[0].dataset.mark")).await.as_str().unwrap().to_owned();
        // By keyboard: so early in the job's life the marks lie over each other.
        browser.value(&format!("{marks}[0].focus()")).await;
        browser.press("Enter").await;
        browser.until(&format!("document.querySelector('#why-{version} .reason')")).await;
        let reason = browser.value(&format!("document.querySelector('#why-{version}').innerText")).await;
        for told in [
            "What happened. Its used CPU time was measured at",
            "What was expected. To end by its deadline it should have used",
            "% of what is due (on plan is 90 to 110 %)",
            "the job was faster than needed",
            "So it can give some away: 1 CPU becomes",
            "The job’s agent had",
            "while the job ran on",
        ] {
            assert!(reason.as_str().unwrap().contains(told), "{told:?} is not in {reason}");
        }
        // What the two of the four charts say that only such a job has.
        for (chart, heads) in
            [(2, "Time\tRatio\tCPU-seconds used\tCPU-seconds due"), (3, "Time\tCPU-seconds used\tCPU-seconds due")]
        {
            let table = format!("[...document.querySelectorAll('figure')][{chart}]");
            browser.value(&format!("{table}.querySelector('details').open = true")).await;
            browser.until(&format!("{table}.querySelectorAll('tbody tr').length > 1")).await;
            let shown = browser.value(&format!("{table}.querySelector('thead').innerText")).await;
            assert_eq!(shown.as_str().unwrap().trim(), heads);
            browser.value(&format!("{table}.querySelector('details').open = false")).await;
        }
        browser.screenshot("marathon-running").await;

        agent.end().await;
        browser.sees("completed, on time").await;
        browser.value("document.querySelector('#what-policy').value = ''; document.querySelector('#what-policy').dispatchEvent(new Event('change'))").await;
        browser.value("document.querySelector('#what-cpu').value = '0.5'").await;
        browser.click(".whatif button").await;
        browser.sees("It would have ended").await;
        browser.sees("0.5 CPU").await;
        // Far too little is refused in words that help.
        browser.value("document.querySelector('#what-cpu').value = '0.001'").await;
        browser.click(".whatif button").await;
        browser.sees("Not computed: cpus: with 0.001 CPU").await;
        browser.complaints.retain(|said| !said.contains("422"));
        for (width, scheme) in [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")] {
            browser.window(width, 844, scheme).await;
            let wider = browser.value("document.documentElement.scrollWidth - innerWidth").await;
            assert!(wider.as_i64().unwrap() <= 0, "{wider} pixels are beyond the edge at {width}");
            browser.screenshot(&format!("marathon-{width}-{scheme}")).await;
        }
        browser.is_content(&world.url);
    });
}

#[test]
fn a_finished_long_running_job_is_told_by_four_charts_from_its_first_look_to_its_end() {
    run(async {
        let (world, mut browser) = (World::with_log("schema-2-marathon.db").await, Browser::start().await);
        log_in(&mut browser, &world).await;
        browser.click("tr[data-job] a.name").await;
        browser.until("document.querySelectorAll('figure svg.chart').length === 4").await;
        // Each draws its line and marks the three decisions about the job.
        let drawn = "[...document.querySelectorAll('figure')].map(e => [e.querySelectorAll('path.line').length > 0, e.querySelectorAll('a.mark').length])";
        assert_eq!(browser.value(drawn).await, json!([[true, 3], [true, 3], [true, 3], [true, 3]]));
        let told = "[...document.querySelectorAll('figure svg')].map(e => e.getAttribute('aria-label'))";
        let told = browser.value(told).await;
        for (chart, words) in
            [(1, "At its end it had 0.8 CPU"), (2, "The last ratio was 1.09"), (3, "13 of 13 CPU-seconds")]
        {
            assert!(told[chart].as_str().unwrap().contains(words), "{words:?} is not in {told}");
        }
        for (width, scheme) in [(1280, "light"), (390, "dark")] {
            browser.window(width, 844, scheme).await;
            browser.screenshot(&format!("marathon-finished-{width}-{scheme}")).await;
        }
        browser.is_content(&world.url);
    });
}
