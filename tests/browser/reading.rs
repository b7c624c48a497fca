//! Who reads it, and with what: on a phone, in the dark, by keyboard, by a screen reader; and what a name may be.

use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::world::World;
use crate::{log_in, run};

/// The least contrast of any text that is to be seen against what is behind it, by the formula of WCAG 2, and whose it is.
const LEAST_CONTRAST: &str = "(() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => { const f = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const behind = e => { for (; e; e = e.parentElement) { const found = getComputedStyle(e).backgroundColor; const c = parse(found);
    if (!found.startsWith('color(') && c.length >= 3 && (c.length === 3 || c[3] === 1)) return c; } return [255, 255, 255]; };
  let least = [99, ''];
  for (const e of document.querySelectorAll('main *, header *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility() || e.closest('svg') || e.disabled || e.matches('option, .hidden')) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least[0]) least = [ratio, e.textContent.slice(0, 40) + ' ' + e.className];
  }
  return least;
})()";

async fn is_readable(browser: &mut Browser, what: &str) {
    let wider = browser.value("document.documentElement.scrollWidth - innerWidth").await;
    assert!(wider.as_i64().unwrap() <= 0, "{what}: {wider} pixels are beyond the edge");
    let least = browser.value(LEAST_CONTRAST).await;
    assert!(least[0].as_f64().unwrap() >= 4.5, "{what}: {least}");
}

#[test]
fn it_is_readable_on_a_phone_and_in_the_dark() {
    run(async {
        let (world, mut browser) = (World::case_one().await, Browser::start().await);
        world.register("a-job-with-a-name-that-is-much-longer-than-a-phone-is-wide-and-has-no-blank-in-it").await;
        log_in(&mut browser, &world).await;
        browser.sees("much-longer").await;
        for (width, scheme) in [(390, "dark"), (390, "light"), (1280, "dark"), (1280, "light")] {
            browser.window(width, 844, scheme).await;
            browser.open(&format!("{}/#/", world.url)).await;
            browser.until("document.querySelector('tr[data-job]')").await;
            is_readable(&mut browser, &format!("the list at {width} in the {scheme}")).await;
            browser.screenshot(&format!("list-{width}-{scheme}")).await;
            browser.click("tr[data-job]:nth-child(2) a.name").await;
            browser.until("document.querySelectorAll('svg.chart path.line').length > 2").await;
            browser.click("ol.decisions button.decision").await;
            browser.sees("What was expected.").await;
            is_readable(&mut browser, &format!("a job at {width} in the {scheme}")).await;
            browser.screenshot(&format!("job-{width}-{scheme}")).await;
        }
        let ground = "getComputedStyle(document.documentElement).backgroundColor";
        let light = browser.value(ground).await;
        browser.window(1280, 844, "dark").await;
        assert_ne!(browser.value(ground).await, light);
        browser.is_content(&world.url);
    });
}

#[test]
fn every_part_has_a_name_and_the_way_to_a_reason_needs_no_mouse() {
    run(async {
        let (world, mut browser) = (World::case_one().await, Browser::start().await);
        log_in(&mut browser, &world).await;
        browser.sees("openmpLinpack6").await;
        all_are_named(&mut browser).await;
        tab_to(&mut browser, "a.name").await;
        browser.press("Enter").await;
        browser.sees("Why?").await;
        browser.until("document.querySelector('a.mark')").await;
        all_are_named(&mut browser).await;
        tab_to(&mut browser, "a.mark").await;
        // Who reaches a mark by keyboard is told what it is.
        browser.until("document.querySelector('figure .hint').textContent.includes('Decision 1')").await;
        browser.press("Enter").await;
        browser.sees("What was decided.").await;
        let focused = browser.value("document.activeElement.getAttribute('aria-expanded')").await;
        assert_eq!(focused, "true", "the focus is on the decision that was opened");
        browser.press("Enter").await;
        browser.until("!document.querySelector('.reason')").await;
        // Each chart as a table.
        tab_to(&mut browser, "figure summary").await;
        browser.press("Enter").await;
        browser.until("document.querySelector('figure details[open] table tbody tr')").await;
        browser.is_content(&world.url);
    });
}

/// What can be used has a name for those who do not see it.
async fn all_are_named(browser: &mut Browser) {
    let tree = browser.call("Accessibility.getFullAXTree", json!({})).await;
    let used = [
        "button",
        "link",
        "textbox",
        "searchbox",
        "combobox",
        "checkbox",
        "spinbutton",
        "table",
        "image",
        "progressbar",
    ];
    let is_used =
        |node: &&Value| used.contains(&node["role"]["value"].as_str().unwrap_or_default()) && node["ignored"] != true;
    let nodes: Vec<&Value> = tree["nodes"].as_array().unwrap().iter().filter(is_used).collect();
    assert!(nodes.len() > 10, "{tree}");
    for node in nodes {
        assert!(!node["name"]["value"].as_str().unwrap_or_default().trim().is_empty(), "without a name: {node}");
    }
}

async fn tab_to(browser: &mut Browser, selector: &str) {
    for _ in 0..120 {
        browser.press("Tab").await;
        if browser.value(&format!("document.activeElement.matches({})", json!(selector))).await == true {
            return;
        }
    }
    panic!("{selector} is not reached by the key Tab");
}

#[test]
fn a_name_full_of_html_is_shown_as_it_is_and_does_nothing() {
    run(async {
        let (world, mut browser) = (World::alone().await, Browser::start().await);
        let name = "<img src=x onerror=alert(1)><script>alert(2)</script>&amp;\"'";
        world.register(name).await;
        log_in(&mut browser, &world).await;
        browser.until("document.querySelector('tr[data-job] a.name')").await;
        assert_eq!(browser.value("document.querySelector('tr[data-job] a.name').textContent").await, name);
        browser.click("tr[data-job] a.name").await;
        browser.until("document.querySelector('.title h1')").await;
        assert_eq!(browser.value("document.querySelector('.title h1').textContent").await, name);
        assert_eq!(browser.value("document.querySelectorAll('main img, main script').length").await, 0);
        browser.screenshot("html-name").await;
        browser.is_content(&world.url);
    });
}
