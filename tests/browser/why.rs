//! Somebody who has never seen the page finds out why a job was resized and why it was late. The log is that of five jobs on two nodes that had
//! not enough for all: three of them were late.

use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::world::World;
use crate::{log_in, run};

/// A browser that shows a job of the log; `more` is what follows its address.
async fn shows(name: &str, more: &str) -> (World, Browser) {
    let (world, mut browser) = (World::with_log("schema-4-rounds.db").await, Browser::start().await);
    let found = world.get(&format!("/api/v1/jobs?search={name}")).await;
    let uuid = found["items"][0]["uuid"].as_str().unwrap();
    log_in(&mut browser, &world).await;
    browser.open(&format!("{}/?why#/job/{uuid}{more}", world.url)).await;
    browser.until("document.querySelectorAll('ol.decisions > li').length > 0").await;
    (world, browser)
}

async fn text_of(browser: &mut Browser, selector: &str) -> String {
    let element = format!("document.querySelector({})", json!(selector));
    browser.until(&element).await;
    browser.value(&format!("{element}.innerText")).await.as_str().unwrap().to_owned()
}

fn has(text: &str, told: &[&str]) {
    for told in told {
        assert!(text.contains(told), "{told:?} is not in {text}");
    }
}

/// What a module of the page answers.
async fn answer(browser: &mut Browser, module: &str, call: &str) -> Value {
    browser.value(&format!("import('/page/{module}').then(m => {call})")).await
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
fn the_list_counts_who_is_late_and_who_was_and_is_ordered_by_name() {
    run(async {
        let (world, mut browser) = shows("job1", "").await;
        browser.click(".crumbs a").await;
        browser.until("document.querySelectorAll('tr[data-job]').length === 5").await;
        let figures = text_of(&mut browser, "dl.figures").await;
        has(
            &figures,
            &["Late now, or predicted to be\n0\nof the jobs that are not over", "Completed late\n3\nof 5 completed"],
        );
        let names = "[...document.querySelectorAll('tr[data-job] a.name')].map(e => e.textContent).join()";
        browser.click("th[data-head=job] button").await;
        browser.until(&format!("{names} === 'job1,job2,job3,job4,job5'")).await;
        assert_eq!(
            browser.value("document.querySelector('th[data-head=job]').getAttribute('aria-sort')").await,
            "ascending"
        );
        browser.click("th[data-head=job] button").await;
        browser.until(&format!("{names} === 'job5,job4,job3,job2,job1'")).await;
        // And back to the order that has no heading.
        browser.value("document.querySelector('#order').value = 'oldest'; document.querySelector('#order').dispatchEvent(new Event('change'))").await;
        browser.sees("the oldest first").await;
        has(&text_of(&mut browser, ".pager").await, &["Next"]);
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
fn words_follow_the_same_truth_as_a_yes_or_no() {
    run(async {
        let (_world, mut browser) = shows("job1", "").await;
        let said = answer(&mut browser, "format.js", "[-0.02, 0.02, -0.000001, 0, 1e-9, 12.5].map(m.margin)").await;
        assert_eq!(
            said,
            json!(["20 ms late", "20 ms early", "1 ms late", "just on time", "just on time", "12.5 s early"])
        );
        let said = answer(&mut browser, "format.js", "[1, 0.99951, 0.993, 0.00001, 0].map(m.chance)").await;
        assert_eq!(
            said,
            json!(["more than 99.9 %", "more than 99.9 %", "99.3 %", "less than 0.1 %", "less than 0.1 %"])
        );
    });
}

#[test]
fn of_every_policy_it_is_known_for_which_cpu_it_predicts() {
    run(async {
        let (_world, mut browser) = shows("job1", "").await;
        let decided = "(name, prediction, more) => m.predictedWith({ data: { from: 1000, to: 1500, prediction, policy: { policy: { name } }, ...more } })";
        let call = format!(
            "(decided => [decided('step', 90), decided('fixed', 90), decided('proportional', 90), decided('predictive', 70, {{ model: {{ finish: 70 }} }}), \
             decided('predictive', 90, {{ wish: 2000, model: {{ finish: 60 }} }}), \
             decided('predictive', 90, {{ policy: {{ dry_run: true, policy: {{ name: 'predictive' }} }}, model: {{ finish: 70 }} }})])({decided})"
        );
        // By the declaration alone; with the CPU before; with the one that it gets; and where the wish is held back, or only recommended, before again.
        let found = answer(&mut browser, "decision.js", &call).await;
        assert_eq!(found, json!([null, null, 1000, 1500, 1000, 1000]));
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

/// A job in a task under an agent: raised in the middle of its first iteration, and lowered for a second task; an intention in between was given up.
const IN_PLACE: &str = "(() => { const history = new m.History(); let version = 0;
  const at = second => new Date(second * 1000).toISOString(), us = second => second * 1e6;
  const take = (second, kind, data) => history.take({ version: ++version, seq: version, kind, at: at(second), data });
  const decided = (second, from, to) => take(second, 'Decided', { inputs: { event: version, at: us(second), remaining: 2 }, from, to, performance: 'UNDER_PERFORMANT',
    policy: { policy: { name: 'pid' } }, prediction: us(90), bounds: { lower: us(80), upper: us(100) }, reason: 'for the test' });
  const wanted = (second, from, to) => { decided(second, from, to); const decision = version; take(second, 'Rescaled', { from, to, decision }); };
  take(0, 'Registered', { t0: us(0), deadline_at: us(100), cpus: 1000, chain: true, iterations: 2, framework: 'chronos', declared: { duration: us(20), deadline: us(100) }, supervision: {} });
  take(1, 'SegmentStarted', { segment: 1, started_at: us(1), hostname: 'node1', limit: 1000 });
  take(2, 'IterationStarted', { iteration: 1, started_at: us(2) });
  wanted(10, 1000, 1200); wanted(11, 1000, 1500);
  take(12, 'RescaleApplied', { cpus: 1500 });
  take(20, 'IterationFinished', { iteration: 1, started_at: us(2), finished_at: us(20), duration: us(18), outcome: 'counted', hostname: 'node1' });
  wanted(20, 1500, 500);
  take(20, 'ChainAnswered', { decision: version - 1, next: 'exit', reason: 'a new task' });
  take(21, 'SegmentEnded', { segment: 1, ended_at: us(21), reason: 'exited', cpu: us(20) });
  take(22, 'RescaleApplied', { cpus: 500 });
  take(30, 'Completed', { finished_at: us(30), on_time: true, margin: us(70) });
  return history; })()";

#[test]
fn a_change_in_the_middle_of_an_iteration_is_seen_where_it_happened_and_told_from_one_between_two_tasks() {
    run(async {
        let (world, mut browser) = shows("job1", "").await;
        let line =
            answer(&mut browser, "history.js", &format!("{IN_PLACE}.cpus.map(one => [one.at / 1e6, one.cpus])")).await;
        assert_eq!(line, json!([[0, 1000], [12, 1500], [22, 500]]));
        let job = "{ framework: 'chronos', in_place: false, rescales: 2 }";
        let page = "Promise.all(['/page/history.js', '/page/changes.js', '/page/cpu_chart.js', '/page/plot.js'].map(one => import(one)))";
        let told = browser
            .value(&format!(
                "{page}.then(([m, c, chart, plot]) => {{ const history = {IN_PLACE}, job = {job}; \
                 const drawn = chart.cpuOverTime(plot.plotOf('x', () => ({{ history, job, present: 40e6 }}))); \
                 return [c.how(job, history), c.how(job, new m.History()), c.changesInWords(history, job), history.granted(2e6, 20e6), drawn.rows.map(row => row[2]), \
                 drawn.marks.map(mark => mark.x), drawn.regions[0].pieces.map(one => [one.x0, one.x1])]; }})"
            ))
            .await;
        assert_eq!(
            told,
            json!([
                "; once while it ran, once between two tasks, each of several iterations",
                "; a change comes between two iterations",
                "3 changes of CPU decided: 2 came into force, 1 was replaced by the next decision before that",
                10 + 12,
                ["in iteration 1", "in iteration 1", "after iteration 1"],
                [10, 11, 20],
                [[2, 20]]
            ])
        );
        // The same of a recorded job: the line has a step for every change that came into force.
        let steps = "[...document.querySelectorAll('figure')][1].querySelector('path.line.cpu').getAttribute('d').match(/V/g).length";
        browser.until(&format!("{steps} === 6")).await;
        browser.is_content(&world.url);
    });
}

#[test]
fn a_spike_does_not_squash_the_chart_and_its_value_can_be_read() {
    run(async {
        let (world, mut browser) = shows("job1", "").await;
        let scales = "[m.robust([1, 2, 900, 2, 1, 2, 3, 2, 500, 2, 500], [0, 4]), m.robust([1, 2, 30], [0, 20]), m.robust([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [0, 1])]";
        let scales = answer(&mut browser, "chart.js", scales).await;
        let bound = |one: usize, edge: usize| scales[one][edge].as_f64().unwrap();
        assert!(bound(0, 0) < 0.0 && (4.0..20.0).contains(&bound(0, 1)), "without the spike: {scales}");
        assert!(bound(1, 1) > 30.0, "what is not far beyond the others is shown: {scales}");
        assert!(bound(2, 1) > 10.0, "what rises steadily, too: {scales}");
        let drawn = "(async () => { const { chart } = await import('/page/chart.js');
          const mark = { id: 1, x: 5, y: 500, value: '+500 s', kind: 'under', href: '#/', label: 'Decision 1, +500 s' };
          const made = chart('Spike', '', () => ({ x: { domain: [0, 10], label: '', format: String }, y: { domain: [0, 4], label: '', format: String }, marks: [mark, { ...mark, id: 2, y: 2, value: '+2 s' }] }));
          document.querySelector('main').append(made.element);
          await new Promise(done => setTimeout(done, 500));
          made.redraw();
          const found = [made.element.querySelectorAll('path.beyond').length, [...made.element.querySelectorAll('.beyondvalue')].map(e => e.textContent)];
          made.leave(); made.element.remove(); return found; })()";
        assert_eq!(browser.value(drawn).await, json!([1, ["+500 s"]]));
        // Every mark of the chart names the CPU of its prediction, and how far it is from the deadline.
        let labels = "[...document.querySelectorAll('figure')][0].querySelectorAll('a.mark')";
        let label = browser.value(&format!("{labels}[0].getAttribute('aria-label')")).await;
        has(
            label.as_str().unwrap(),
            &["not sure to be on time, raise 1 CPU to 1.9 CPU; predicted end with 1.9 CPU −6 s against the deadline"],
        );
        browser.is_content(&world.url);
    });
}

/// The fills of the three regions, and the ink on them, in the present scheme.
const FILLS: &str = "(() => { const parse = text => text.match(/\\d+/g).map(Number);
  const svg = document.querySelector('figure svg');
  const fill = kind => parse(getComputedStyle(svg.querySelector('rect.region.' + kind)).fill);
  return { bands: ['under', 'plan', 'over'].map(fill), opacity: getComputedStyle(svg.querySelector('rect.region')).opacity,
    ink: parse(getComputedStyle(document.documentElement).color) }; })()";

#[test]
fn the_regions_are_told_apart_and_can_be_written_on_in_the_light_and_in_the_dark() {
    run(async {
        let (world, mut browser) = shows("job1", "").await;
        for scheme in ["light", "dark"] {
            browser.window(1280, 900, scheme).await;
            browser.until("document.querySelector('figure svg rect.region.over')").await;
            let fills = browser.value(FILLS).await;
            assert_eq!(fills["opacity"], "1", "no region is mixed with what is behind it");
            let colour = |value: &Value| -> Vec<f64> {
                value.as_array().unwrap().iter().take(3).map(|one| one.as_f64().unwrap()).collect()
            };
            let (ink, bands) =
                (colour(&fills["ink"]), fills["bands"].as_array().unwrap().iter().map(colour).collect::<Vec<_>>());
            for (at, band) in bands.iter().enumerate() {
                let (one, other) = (light(&ink), light(band));
                let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
                assert!(contrast >= 4.5, "{scheme}: {contrast} {fills}");
                for next in &bands[at + 1..] {
                    let apart = band.iter().zip(next).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                    assert!(apart > 25.0, "{scheme}: {apart} {fills}");
                }
            }
        }
        browser.is_content(&world.url);
    });
}

/// The luminance of WCAG 2.
fn light(colour: &[f64]) -> f64 {
    let part = |value: f64| {
        if value <= 0.03928 * 255.0 { value / 255.0 / 12.92 } else { ((value / 255.0 + 0.055) / 1.055).powf(2.4) }
    };
    [0.2126, 0.7152, 0.0722].iter().zip(colour).map(|(weight, value)| weight * part(*value)).sum()
}
