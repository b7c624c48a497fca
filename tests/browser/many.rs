use crate::chromium::Browser;
use crate::why::{has, shows, text_of};
use crate::world::{World, many_jobs};
use crate::{log_in, run};

const MANY: u32 = 10_000;

/// A supervisor with so many jobs that are over and one that is registered, and a browser that is logged in and shows the first of them.
async fn among_many() -> (World, Browser) {
    let mut world = World::alone().await;
    let like = world.register("first").await;
    let like = world.get(&format!("/api/v1/jobs/{like}")).await;
    world.stop();
    many_jobs(&world.data(), MANY, &like);
    world.start_again().await;
    let mut browser = Browser::start().await;
    log_in(&mut browser, &world).await;
    browser.sees("1–50 of 10,001").await;
    (world, browser)
}

#[test]
fn a_list_of_ten_thousand_jobs_is_searched_narrowed_and_paged() {
    run(async {
        let (world, mut browser) = among_many().await;
        let rows = "document.querySelectorAll('tr[data-job]').length";
        assert_eq!(browser.value(rows).await, 50, "no more than a page is in the document");
        let first = "document.querySelector('tr[data-job] a.name').textContent";
        assert_eq!(browser.value(first).await, "batch-09999", "the newest first");
        browser.screenshot("ten-thousand").await;

        browser.click(".pager button:last-child").await;
        browser.until(&format!("{first} === 'batch-09949'")).await;
        browser.click(".pager button:first-child").await;
        browser.until(&format!("{first} === 'batch-09999'")).await;

        // By a part of the name, typed.
        browser.click("#search").await;
        browser.types("batch-0123").await;
        browser.until(&format!("{rows} === 10 && {first} === 'batch-01239'")).await;
        // And by the state.
        browser.click("button[data-state=failed]").await;
        browser.until(&format!("{first} === 'batch-01239'")).await;
        let failed = (1230..1240).filter(|number| number % 7 == 0).count();
        browser.until(&format!("{rows} === {failed}")).await;
        let states = "[...document.querySelectorAll('tr[data-job] .state')].every(e => e.textContent === 'failed')";
        assert_eq!(browser.value(states).await, true);
        browser.click("#search").await;
        browser.value("document.querySelector('#search').select()").await;
        browser.types("no such job").await;
        browser.sees("No job is like that").await;
        browser.click(".notice button").await;
        browser.sees("1–50 of 10,001").await;

        // A job that is registered now shows at once, at the top.
        world.register("the-newest").await;
        browser.until(&format!("{first} === 'the-newest'")).await;
        browser.is_content(&world.url);
    });
}

#[test]
fn ten_thousand_jobs_are_ordered_by_their_margin_by_a_click_or_a_key_and_paged_in_that_order() {
    run(async {
        let (world, mut browser) = among_many().await;
        browser.click("th[data-head=margin] button").await;
        browser.sees("1–50 of 10,001, the latest against its deadline first").await;
        let sorted = "document.querySelector('th[data-head=margin]').getAttribute('aria-sort')";
        assert_eq!(browser.value(sorted).await, "ascending");
        let first = "document.querySelector('tr[data-job] td:nth-child(3) span').textContent";
        assert_eq!(browser.value(first).await, "16 min 39 s late", "the least of those that have one");
        let uuids = "[...document.querySelectorAll('tr[data-job]')].map(row => row.dataset.job)";
        let page = browser.value(uuids).await;
        browser.click(".pager button:last-child").await;
        browser.sees("51–100 of 10,001").await;
        let next = browser.value(uuids).await;
        let again = |one: &serde_json::Value| page.as_array().unwrap().contains(one);
        assert!(!next.as_array().unwrap().iter().any(again), "none twice");
        browser.click(".pager button:first-child").await;
        browser.sees("1–50 of 10,001").await;
        assert_eq!(browser.value(uuids).await, page, "and back to the same");
        browser.screenshot("ten-thousand-by-margin").await;
        // The other way round, by keyboard; those without a margin stay last.
        browser.value("document.querySelector('th[data-head=margin] button').focus()").await;
        browser.press("Enter").await;
        browser.sees("the earliest against its deadline first").await;
        assert_eq!(browser.value(sorted).await, "descending");
        assert!(browser.value(first).await.as_str().unwrap().ends_with("early"));
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
