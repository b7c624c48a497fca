//! How long the launch of a task is put off after tasks have ended.

use std::collections::BTreeMap;

use super::app::App;
use super::version::MarathonVersion;
use crate::qos::units::{Span, Timestamp};

/// The original looks for delays to forget at this period.
const CLEANUP: Span = Span::from_secs(10);

/// A delay of one app.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Delay {
    since: Timestamp,
    length: Span,
    longest: Span,
}

/// The delays of all apps, by app and last change of its configuration.
#[derive(Debug)]
pub struct Backoff {
    version: MarathonVersion,
    started: Timestamp,
    delays: BTreeMap<(String, Timestamp), Delay>,
}

impl Backoff {
    /// No delays yet.
    pub fn new(version: MarathonVersion, now: Timestamp) -> Self {
        Backoff { version, started: now, delays: BTreeMap::new() }
    }

    /// A task has ended that will be launched again: the delay begins, or grows.
    pub fn add(&mut self, app: &App, now: Timestamp) {
        self.forget(now);
        let longest = seconds(f64::from(app.max_launch_delay_seconds));
        let first = seconds(f64::from(app.backoff_seconds));
        let length = match self.delays.get(&key(app)) {
            Some(delay) => seconds(delay.length.seconds() * app.backoff_factor).min(longest),
            None if self.version.since_1_5() => first.min(longest),
            None => first,
        };
        self.delays.insert(key(app), Delay { since: now, length, longest });
    }

    /// Forgets the delay of an app.
    pub fn reset(&mut self, app: &App) {
        self.delays.remove(&key(app));
    }

    /// Forgets everything about an app.
    pub fn remove(&mut self, id: &str) {
        self.delays.retain(|(app, _), _| app != id);
    }

    /// Before this instant the app is not launched; in the past, or `None`, it may be.
    pub fn deadline(&self, app: &App) -> Option<Timestamp> {
        self.delays.get(&key(app)).map(|delay| delay.since + delay.length)
    }

    /// Up to 1.4 a delay is forgotten when it is over, from 1.5 on after the longest delay without a failure; each at
    /// the next cleanup.
    fn forget(&mut self, now: Timestamp) {
        let cleanups = now.since(self.started).micros() / CLEANUP.micros();
        let last_cleanup = self.started + Span::from_micros(cleanups * CLEANUP.micros());
        let since_1_5 = self.version.since_1_5();
        self.delays.retain(|_, delay| {
            let kept_for = if since_1_5 { delay.longest } else { delay.length };
            delay.since + kept_for >= last_cleanup
        });
    }
}

fn key(app: &App) -> (String, Timestamp) {
    (app.id.clone(), app.last_config_change_at)
}

fn seconds(seconds: f64) -> Span {
    Span::try_from_seconds(seconds).unwrap_or(Span::from_secs(i64::from(i32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use MarathonVersion::{V1_1, V1_4, V1_5};

    fn at(seconds: f64) -> Timestamp {
        Timestamp::from_micros(0) + Span::try_from_seconds(seconds).unwrap()
    }

    fn app(backoff: u32, factor: f64, longest: u32) -> App {
        App {
            backoff_seconds: backoff,
            backoff_factor: factor,
            max_launch_delay_seconds: longest,
            ..App::with_defaults("/a", V1_5)
        }
    }

    fn waits(backoff: &Backoff, app: &App, now: Timestamp) -> f64 {
        backoff.deadline(app).map_or(0.0, |deadline| deadline.since(now).seconds())
    }

    #[test]
    fn each_end_makes_the_delay_longer_up_to_the_longest() {
        for version in [V1_1, V1_4, V1_5] {
            let app = app(300, 1.5, 600);
            let mut backoff = Backoff::new(version, at(0.0));
            let mut seen = Vec::new();
            for _ in 0..4 {
                backoff.add(&app, at(1.0));
                seen.push(waits(&backoff, &app, at(1.0)));
            }
            assert_eq!(seen, [300.0, 450.0, 600.0, 600.0], "{version}");
            backoff.reset(&app);
            assert_eq!(backoff.deadline(&app), None);
        }
    }

    #[test]
    fn the_first_delay_is_capped_from_1_5_on() {
        for (version, first) in [(V1_1, 300.0), (V1_4, 300.0), (V1_5, 60.0)] {
            let mut backoff = Backoff::new(version, at(0.0));
            backoff.add(&app(300, 2.0, 60), at(0.0));
            assert_eq!(waits(&backoff, &app(300, 2.0, 60), at(0.0)), first, "{version}");
        }
    }

    #[test]
    fn a_delay_that_is_over_is_forgotten_at_the_next_cleanup_and_in_1_5_much_later() {
        for (version, again) in [(V1_1, 4.0), (V1_4, 4.0), (V1_5, 8.0)] {
            let (mut backoff, app) = (Backoff::new(version, at(0.0)), app(4, 2.0, 3600));
            backoff.add(&app, at(1.0));
            backoff.add(&app, at(21.0));
            assert_eq!(waits(&backoff, &app, at(21.0)), again, "{version}");
        }
        let (mut backoff, app) = (Backoff::new(V1_1, at(0.0)), app(4, 2.0, 3600));
        backoff.add(&app, at(1.0));
        backoff.add(&app, at(9.0));
        assert_eq!(waits(&backoff, &app, at(9.0)), 8.0, "there was no cleanup between");
    }

    #[test]
    fn a_new_configuration_has_no_delay() {
        let mut backoff = Backoff::new(V1_4, at(0.0));
        let old = app(300, 2.0, 3600);
        backoff.add(&old, at(0.0));
        let new = App { last_config_change_at: at(1.0), ..old.clone() };
        assert_eq!(backoff.deadline(&new), None);
        backoff.remove("/a");
        assert_eq!(backoff.deadline(&old), None);
    }
}
