//! Finds the metric for which a batch was refused: Monasca refuses all for one.

use std::ops::Range;

use crate::openstack::MonascaError;

/// What is to become of a part that was refused for its content.
#[derive(Debug, PartialEq)]
pub(super) enum Refused {
    /// It is in one of these.
    In([Range<usize>; 2]),
    /// It is this one.
    Is(usize),
}

/// The next step in the search for it.
pub(super) fn split(part: Range<usize>) -> Refused {
    if part.len() <= 1 {
        return Refused::Is(part.start);
    }
    let middle = part.start + part.len() / 2;
    Refused::In([part.start..middle, middle..part.end])
}

/// Sends `count` metrics by `send`, a part at a time and in order, until each is taken or has been refused alone; `refused` is told
/// of those.
///
/// # Errors
/// The first that is not about the content: then some were taken, and nobody knows which.
pub(super) async fn send_all(
    count: usize,
    mut send: impl AsyncFnMut(Range<usize>) -> Result<(), MonascaError>,
    mut refused: impl FnMut(usize, &MonascaError),
) -> Result<(), MonascaError> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    parts.push(0..count);
    while let Some(part) = parts.pop() {
        match send(part.clone()).await {
            Ok(()) => {}
            Err(error) if error.is_about_the_content() => match split(part) {
                Refused::Is(one) => refused(one, &error),
                Refused::In([first, second]) => parts.extend([second, first]),
            },
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn status(status: u16) -> MonascaError {
        MonascaError::Status { call: String::new(), status, message: String::new() }
    }

    proptest! {
        #[test]
        fn the_bad_ones_are_found_and_all_others_are_taken_in_order(
            count in 1usize..150,
            bad in proptest::collection::btree_set(0usize..150, 0..6),
        ) {
            let bad: BTreeSet<usize> = bad.into_iter().filter(|one| *one < count).collect();
            let taken = RefCell::new(Vec::new());
            let requests = RefCell::new(0);
            let mut found = Vec::new();
            let send = async |part: Range<usize>| {
                *requests.borrow_mut() += 1;
                if part.clone().any(|one| bad.contains(&one)) {
                    return Err(status(422));
                }
                taken.borrow_mut().extend(part);
                Ok(())
            };
            let done = futures_util::FutureExt::now_or_never(send_all(count, send, |one, _| found.push(one)));
            prop_assert_eq!(done, Some(Ok(())));
            let expected: Vec<usize> = (0..count).filter(|one| !bad.contains(one)).collect();
            prop_assert_eq!(taken.into_inner(), expected);
            prop_assert_eq!(found, bad.iter().copied().collect::<Vec<_>>());
            // Each bad one costs its way down, twice.
            prop_assert!(*requests.borrow() <= 1 + bad.len() * 2 * 8, "{} requests", requests.borrow());
        }
    }

    #[test]
    fn an_outage_in_the_middle_ends_the_search() {
        let send = async |part: Range<usize>| Err(status(if part.len() > 1 { 422 } else { 503 }));
        let done =
            futures_util::FutureExt::now_or_never(send_all(4, send, |_, _| panic!("nothing is known to be bad")));
        assert_eq!(done, Some(Err(status(503))));
    }
}
