use crate::chromium::Browser;
use crate::world::{World, many_jobs};
use crate::{log_in, run};

const MANY: u32 = 10_000;

#[test]
fn a_list_of_ten_thousand_jobs_is_searched_narrowed_and_paged() {
    run(async {
        let mut world = World::alone().await;
        let like = world.register("first").await;
        let like = world.get(&format!("/api/v1/jobs/{like}")).await;
        world.stop();
        many_jobs(&world.data(), MANY, &like);
        world.start_again().await;
        let mut browser = Browser::start().await;
        log_in(&mut browser, &world).await;
        browser.sees("1–50 of 10,001").await;
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
