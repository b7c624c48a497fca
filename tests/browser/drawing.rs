//! What the page draws and what its modules answer, with what no recorded job has: spikes, changes in the middle of an iteration, every policy.

use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::run;
use crate::why::{has, shows};

/// What a module of the page answers.
async fn answer(browser: &mut Browser, module: &str, call: &str) -> Value {
    browser.value(&format!("import('/page/{module}').then(m => {call})")).await
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
fn a_long_running_job_says_why_it_was_late_by_what_it_had_used() {
    run(async {
        let (world, mut browser) = shows("job1", "").await;
        let late = "(async () => { const { History } = await import('/page/history.js'), { whyLate } = await import('/page/late.js'), history = new History();
          const take = (version, second, kind, data) => history.take({ version, seq: version, kind, at: new Date(second * 1000).toISOString(), data });
          take(1, 0, 'Registered', { t0: 0, deadline_at: 100e6, cpus: 1000, framework: 'marathon', declared: { duration: 80e6, deadline: 100e6, deviation_ppm: 100000 }, supervision: {} });
          const decided = (version, second, millionths) => take(version, second, 'ProgressDecided', { inputs: { event: 1, at: second * 1e6, cpu_current: 1, cpu_desired: 2 },
            ratio_millionths: millionths, from: 1000, to: 1000, performance: 'ON_PLAN', policy: { policy: { name: 'step', cpu_max: 2000 } } });
          decided(2, 10, 950000); decided(3, 20, 500000);
          const job = { uuid: 'x', state: 'completed', on_time: false, framework: 'marathon', finished_at: new Date(120e3).toISOString(), margin_seconds: -20,
            deadline_at: new Date(100e3).toISOString(), admission: null, cpu_seconds_wasted: 5 };
          const told = whyLate(history, job, { round: () => null }).innerText;
          return [told, whyLate(history, { ...job, on_time: true }, {})]; })()";
        let told = browser.value(late).await;
        has(
            told[0].as_str().unwrap(),
            &[
                "20 s late; it was due at",
                // Within its tolerance it was not behind.
                "it had used 50 % of the CPU time that was due by then (decision 2).",
                "In no decision it got less than its policy wished for",
                "5 CPU-seconds of its work were lost with a container and done again.",
            ],
        );
        assert_eq!(told[1], Value::Null);
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
