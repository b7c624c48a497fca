use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix::Actor;
use mesos_qos::actors::{KeptTokens, TokenActor};
use mesos_qos::clock::{Clock, SystemClock};
use mesos_qos::credentials::OpenStackCredentials;
use mesos_qos::openstack::{
    Awaited, Keystone, KeystoneError, Metric, Monasca, MonascaError, Query, Token, TokenSource,
};
use mesos_qos::qos::units::Span;
use reqwest::header::HeaderValue;

use crate::helpers::on_actix;
use crate::rig::{Rig, SHORT_LIFE, patient, rig};

pub fn keystone(credentials: &OpenStackCredentials) -> Keystone {
    Keystone::new(credentials, &patient()).unwrap()
}

/// Tokens as the supervisor keeps them; notes which it was given, and which were refused. May begin with one of somebody else's.
pub struct Watched {
    kept: KeptTokens,
    first: Option<HeaderValue>,
    refused: AtomicUsize,
    newest: AtomicUsize,
}

/// The number of the token to begin with; those that are kept count from 1.
const FIRST: u64 = 1_000_000;

impl Watched {
    pub fn new(credentials: &OpenStackCredentials, first: Option<HeaderValue>) -> Arc<Self> {
        let kept = KeptTokens::new(TokenActor::new(keystone(credentials)).start());
        Arc::new(Watched { kept, first, refused: AtomicUsize::new(0), newest: AtomicUsize::new(0) })
    }

    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    /// How many logins there were.
    pub fn logins(&self) -> usize {
        self.newest.load(Ordering::SeqCst)
    }
}

impl TokenSource for Watched {
    fn token(&self, refused: Option<u64>) -> Awaited<'_> {
        Box::pin(async move {
            if refused.is_some() {
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
            if let (Some(first), None, 0) = (&self.first, refused, self.logins()) {
                // Old enough to have ended for all that its user knows.
                let asked = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
                return Ok(Token { header: first.clone(), number: FIRST, asked });
            }
            let token = self.kept.token(refused.filter(|number| *number != FIRST)).await?;
            self.newest.fetch_max(token.number as usize, Ordering::SeqCst);
            Ok(token)
        })
    }
}

pub fn monasca(credentials: &OpenStackCredentials, tokens: Arc<Watched>) -> Monasca {
    Monasca::new(credentials, tokens, &patient()).unwrap()
}

/// A value of a series that no other test has.
pub fn metric(series: &str, value: f64) -> Metric {
    let dimensions = [("jobname".to_owned(), series.to_owned())].into();
    Metric { name: "of_the_tests".into(), dimensions, timestamp: SystemClock.now().micros() / 1000, value }
}

/// Waits until the largest value of the series is this.
pub async fn wait_for_value(monasca: &Monasca, series: &str, value: f64) {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let (from, to) = (SystemClock.now() - Span::from_secs(300), SystemClock.now() + Span::from_secs(60));
        let dimension = ("jobname".to_owned(), vec![series.to_owned()]);
        let query = Query { name: "of_the_tests".into(), dimension, from, to, period: 3600 };
        let found = monasca.maxima(&query).await.unwrap();
        let largest = found.iter().flat_map(|one| &one.maxima).map(|(_, value)| *value).reduce(f64::max);
        if largest == Some(value) {
            return;
        }
        assert!(Instant::now() < patience, "{series}: {found:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn a_login_works_with_every_spelling_of_the_address_and_what_is_sent_can_be_read() {
    on_actix(async {
        let rig = rig();
        let _calm = rig.shared().await;
        for (number, (keystone_path, monasca_path)) in
            [("", ""), ("/", "/"), ("/v3", "/v2.0"), ("/v3/", "/v2.0/")].into_iter().enumerate()
        {
            let credentials = OpenStackCredentials {
                keystone_url: format!("{}{keystone_path}", rig.keystone).parse().unwrap(),
                monasca_url: format!("{}{monasca_path}", rig.monasca).parse().unwrap(),
                ..rig.user()
            };
            let login = keystone(&credentials).login().await.unwrap();
            // Keystone rounds the instant of the issue up.
            assert!((3598..=3600).contains(&login.lifetime.as_secs()), "{:?}", login.lifetime);
            let tokens = Watched::new(&credentials, None);
            let monasca = monasca(&credentials, tokens.clone());
            let (series, value) = (format!("address {number}"), 1.5 + number as f64);
            monasca.send_metrics(&[metric(&series, value)]).await.unwrap();
            wait_for_value(&monasca, &series, value).await;
            assert_eq!((tokens.logins(), tokens.refused()), (1, 0));
        }
    });
}

#[test]
fn all_four_faults_of_a_login_are_told_alike() {
    on_actix(async {
        let rig = rig();
        let _calm = rig.shared().await;
        let elsewhere = OpenStackCredentials { project_name: "another".into(), ..rig.user() };
        for credentials in [
            rig.credentials("user_monasca", "1234567"),
            rig.credentials("nobody", "123456"),
            rig.credentials("stranger", "stranger of the tests"),
            elsewhere,
        ] {
            let error = keystone(&credentials).login().await.unwrap_err();
            assert!(matches!(error, KeystoneError::Denied { .. }), "{error:?}");
            let text = error.to_string();
            for cause in ["password is wrong", "user is unknown", "project is unknown", "no role on the project"] {
                assert!(text.contains(cause), "{text}");
            }
            assert!(!text.contains("123456"), "{text}");
        }
    });
}

/// The published client asked for a new token and tried again, for ever.
#[test]
fn a_missing_role_is_told_and_no_other_login_is_tried() {
    on_actix(async {
        let rig = rig();
        let _calm = rig.shared().await;
        let credentials = rig.credentials("member", "member of the tests");
        // A token that could have ended: its age is no reason not to log in again.
        let old = keystone(&credentials).login().await.unwrap().token;
        let tokens = Watched::new(&credentials, Some(old));
        let error = monasca(&credentials, tokens.clone()).send_metrics(&[metric("forbidden", 1.0)]).await.unwrap_err();
        assert!(matches!(error, MonascaError::Forbidden { .. }), "{error:?}");
        assert!(error.to_string().contains("monasca-user"), "{error}");
        assert_eq!((tokens.logins(), tokens.refused()), (0, 0));
        // Sending and reading are two roles.
        let reader = rig.credentials("reader", "reader of the tests");
        let reading = monasca(&reader, Watched::new(&reader, None));
        assert!(matches!(reading.send_metrics(&[metric("reader", 1.0)]).await, Err(MonascaError::Forbidden { .. })));
        let agent = rig.credentials("agent", "agent of the tests");
        let sending = monasca(&agent, Watched::new(&agent, None));
        sending.send_metrics(&[metric("by the agent", 2.0)]).await.unwrap();
        wait_for_value(&reading, "by the agent", 2.0).await;
    });
}

/// Of the user, with tokens that live for [`SHORT_LIFE`] seconds.
async fn short_lived(rig: &'static Rig) -> OpenStackCredentials {
    rig.keystone_short().await;
    OpenStackCredentials { keystone_url: rig.keystone_short.parse().unwrap(), ..rig.user() }
}

#[test]
fn a_stream_goes_on_over_the_end_of_its_tokens() {
    on_actix(async {
        let rig = rig();
        let _calm = rig.shared().await;
        let credentials = short_lived(rig).await;
        let tokens = Watched::new(&credentials, None);
        let monasca = monasca(&credentials, tokens.clone());
        let began = Instant::now();
        let mut sent = 0.0;
        // Two lives, and what a third one needs to have begun.
        while began.elapsed() < Duration::from_secs(2 * SHORT_LIFE + 2) {
            sent += 1.0;
            monasca.send_metrics(&[metric("stream", sent)]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // Each was renewed before its end: none was refused.
        assert!(tokens.logins() >= 3 && tokens.refused() == 0, "{} {}", tokens.logins(), tokens.refused());
        wait_for_value(&monasca, "stream", sent).await;
    });
}

#[test]
fn a_token_that_has_ended_is_replaced_by_one_login_and_the_call_is_made_again() {
    on_actix(async {
        let rig = rig();
        let _calm = rig.shared().await;
        let ended = keystone(&short_lived(rig).await).login().await.unwrap();
        assert!((SHORT_LIFE - 2..=SHORT_LIFE).contains(&ended.lifetime.as_secs()), "{:?}", ended.lifetime);
        tokio::time::sleep(Duration::from_secs(SHORT_LIFE + 1)).await;
        let tokens = Watched::new(&rig.user(), Some(ended.token));
        let monasca = monasca(&rig.user(), tokens.clone());
        monasca.send_metrics(&[metric("after its end", 3.0)]).await.unwrap();
        assert_eq!((tokens.logins(), tokens.refused()), (1, 1));
        wait_for_value(&monasca, "after its end", 3.0).await;
        assert_eq!((tokens.logins(), tokens.refused()), (1, 1));
    });
}
