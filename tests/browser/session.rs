use serde_json::json;

use crate::chromium::Browser;
use crate::world::World;
use crate::{log_in, run};

#[test]
fn an_operator_logs_in_with_the_token_a_wrong_one_is_refused_visibly_and_logging_out_ends_it() {
    run(async {
        let (world, mut browser) = (World::alone().await, Browser::start().await);
        browser.open(&world.url).await;
        browser.sees("Operator token").await;
        browser.click("#token").await;
        browser.types("0123456789abcdef0123456789abcdef").await;
        browser.click("form button").await;
        browser.sees("This is not the operator token of this supervisor.").await;
        browser.screenshot("login-refused").await;
        // Chromium notes each 401 in its console. That is all that may stand there.
        assert!(browser.complaints.iter().all(|said| said.contains("401")), "{:?}", browser.complaints);
        browser.complaints.clear();

        log_in(&mut browser, &world).await;
        browser.sees("No jobs yet").await;
        browser.sees("mesos-qos launch").await;
        browser.screenshot("no-jobs").await;
        let cookies = browser.call("Network.getCookies", json!({})).await;
        let cookie = &cookies["cookies"][0];
        assert_eq!((&cookie["httpOnly"], &cookie["sameSite"]), (&json!(true), &json!("Strict")), "{cookies}");
        assert_eq!(browser.value("document.cookie").await, "", "no script sees it");
        let everything = browser.value("JSON.stringify([{...localStorage}, {...sessionStorage}])").await;
        assert_eq!(everything, "[{},{}]", "the token is kept nowhere");
        let held = format!("{}={}", cookie["name"].as_str().unwrap(), cookie["value"].as_str().unwrap());
        assert_eq!(world.status_with_cookie(&held).await, 200);
        browser.is_content(&world.url);

        // Still logged in after the page is loaded again.
        browser.open(&world.url).await;
        browser.sees("No jobs yet").await;
        browser.click("#logout").await;
        browser.sees("Operator token").await;
        assert_eq!(world.status_with_cookie(&held).await, 401, "the session itself is over");
        browser.is_content(&world.url);
    });
}

#[test]
fn a_session_that_is_ended_elsewhere_is_over_in_every_page_at_once() {
    run(async {
        let (world, mut browser) = (World::alone().await, Browser::start().await);
        world.register("secret").await;
        log_in(&mut browser, &world).await;
        browser.sees("secret").await;
        let cookies = browser.call("Network.getCookies", json!({})).await;
        let cookie = &cookies["cookies"][0];
        world.log_out(&format!("{}={}", cookie["name"].as_str().unwrap(), cookie["value"].as_str().unwrap())).await;
        browser.sees("The session is over: log in again.").await;
        assert!(!browser.text().await.contains("secret"), "nothing of it is to be seen any more");
        browser.is_content(&world.url);
    });
}

#[test]
fn when_the_supervisor_is_gone_the_page_says_so_and_comes_back_by_itself_without_a_login() {
    run(async {
        let (mut world, mut browser) = (World::alone().await, Browser::start().await);
        world.register("before").await;
        log_in(&mut browser, &world).await;
        browser.sees("before").await;
        world.stop();
        browser.sees("No answer from the supervisor").await;
        browser.sees("before").await;
        browser.screenshot("supervisor-gone").await;
        world.start_again().await;
        let uuid = world.register("after").await;
        browser.until("document.querySelector('#connection').dataset.kind === 'live'").await;
        browser.sees("after").await;
        browser.until(&format!("document.querySelector('tr[data-job=\"{uuid}\"]')")).await;
        // What could not be asked while nobody answered is noted by Chromium; there is nothing else.
        let refused = |said: &String| {
            said.contains("ERR_CONNECTION_REFUSED")
                || said.contains("ERR_INCOMPLETE_CHUNKED")
                || said.contains("ERR_CONNECTION_RESET")
                || said.contains("ERR_EMPTY_RESPONSE")
        };
        assert!(browser.complaints.iter().all(refused), "{:?}", browser.complaints);
    });
}

#[test]
fn the_description_of_the_interface_works_under_a_strict_policy_and_asks_nobody_outside() {
    run(async {
        let (world, mut browser) = (World::alone().await, Browser::start().await);
        browser.open(&format!("{}/docs", world.url)).await;
        browser.until("document.querySelectorAll('.opblock').length > 20").await;
        browser.sees("/api/v1/jobs/{uuid}/decisions").await;
        browser.click("#operations-jobs-list .opblock-summary-control").await;
        browser.sees("Only jobs in this state").await;
        browser.screenshot("docs").await;
        browser.is_content(&world.url);
    });
}
