//! From the answers of two queries to CPU time.

use std::collections::BTreeMap;

use crate::openstack::Series;
use crate::qos::units::Timestamp;

/// CPU time of one container, as one agent sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Tells it from others: all its dimensions.
    pub key: BTreeMap<String, String>,
    /// The container's name.
    pub container: Option<String>,
    /// The start of a part, and user and system time together in ticks; in the order of time, never falling but when the container is a new one.
    pub ticks: Vec<(Timestamp, f64)>,
}

/// Adds user and system time up, where both are known for the same moment.
pub fn combine(user: Vec<Series>, system: Vec<Series>) -> Vec<Measured> {
    let mut system: BTreeMap<BTreeMap<String, String>, Vec<(Timestamp, f64)>> =
        system.into_iter().map(|series| (series.dimensions, series.maxima)).collect();
    let both = user.into_iter().filter_map(|series| {
        let Series { dimensions, maxima } = series;
        // Whoever names a unit does not count ticks.
        if dimensions.contains_key("unit") {
            return None;
        }
        let system: BTreeMap<Timestamp, f64> = system.remove(&dimensions)?.into_iter().collect();
        let ticks: Vec<(Timestamp, f64)> =
            maxima.into_iter().filter_map(|(at, user)| Some((at, user + system.get(&at)?))).collect();
        let good = ticks.iter().all(|(_, ticks)| *ticks >= 0.0);
        let container = dimensions.get("name").cloned();
        good.then_some(Measured { key: dimensions, container, ticks })
    });
    both.collect()
}

/// The newest figure of a container that began at `since`, with the start of its part; what is in a part that began before may be of a
/// container before it. None when nothing came yet,
/// or two containers were measured at that moment and nobody knows which is meant.
pub fn newest(measured: &[&Measured], since: Timestamp) -> Option<(Timestamp, f64)> {
    let last = measured.iter().filter_map(|one| one.ticks.last().copied().filter(|(at, _)| *at > since));
    let last: Vec<(Timestamp, f64)> = last.collect();
    let newest = last.iter().map(|(at, _)| *at).max()?;
    let mut of_then = last.into_iter().filter(|(at, _)| *at == newest);
    let found = of_then.next()?;
    of_then.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(host: &str, values: &[(i64, f64)]) -> Series {
        let dimensions = [("name".to_owned(), "u".to_owned()), ("hostname".to_owned(), host.to_owned())].into();
        Series { dimensions, maxima: values.iter().map(|(at, value)| (at_second(*at), *value)).collect() }
    }

    fn at_second(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    #[test]
    fn user_and_system_time_are_added_where_both_are_known() {
        let user = vec![series("a", &[(1, 10.0), (2, 20.0), (3, 30.0)]), series("b", &[(1, 1.0)])];
        let both = combine(user, vec![series("a", &[(1, 1.0), (2, 2.0)])]);
        assert_eq!(both.len(), 1, "nothing is known of the other's system time");
        assert_eq!(both[0].ticks, [(at_second(1), 11.0), (at_second(2), 22.0)]);
    }

    #[test]
    fn a_figure_with_a_unit_is_not_taken_for_ticks() {
        let with_unit = |mut series: Series| {
            series.dimensions.insert("unit".into(), "cores".into());
            series
        };
        let one = || with_unit(series("a", &[(1, 1.0)]));
        assert_eq!(combine(vec![one()], vec![one()]), []);
    }

    #[test]
    fn the_newest_figure_counts_unless_it_is_of_a_container_before_or_of_two_at_once() {
        let one = |host: &str, values: &[(i64, f64)]| {
            let zero: Vec<(i64, f64)> = values.iter().map(|(at, _)| (*at, 0.0)).collect();
            combine(vec![series(host, values)], vec![series(host, &zero)]).remove(0)
        };
        let (old, new) = (one("a", &[(90, 5000.0)]), one("b", &[(105, 10.0), (110, 60.0)]));
        assert_eq!(newest(&[&old, &new], at_second(100)), Some((at_second(110), 60.0)));
        assert_eq!(newest(&[&old], at_second(100)), None, "late is not idle");
        assert_eq!(newest(&[&new, &one("c", &[(110, 7.0)])], at_second(100)), None);
        assert_eq!(newest(&[], at_second(100)), None);
    }
}
