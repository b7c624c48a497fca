//! Nobody much later than the others: what there is goes to whoever is latest.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::contender::Contender;
use super::packing::{Nodes, Sizes};
use super::{Share, Standing};

/// Sizes for `contenders`, in their order, beside `others`, which keep theirs.
pub fn share(nodes: Nodes, others: &Sizes, contenders: &[&Contender]) -> Vec<Share> {
    let mut sizes = others.clone();
    contenders.iter().for_each(|one| sizes.add(one.floor));
    let mut shares: Vec<Share> = contenders.iter().map(|one| Share::new(one.floor, Standing::Saved)).collect();
    let late = |place: usize, share: &Share| Late { seconds: contenders[place].late_with(share.cpus), place };
    let mut open: BinaryHeap<Late> = shares.iter().enumerate().map(|(place, share)| late(place, share)).collect();
    // Each round either gives a step to the latest, or finds that it can get no more.
    while let Some(Late { place, .. }) = open.pop() {
        let (one, cpus) = (contenders[place], shares[place].cpus);
        let Some(next) = one.next_size(cpus).filter(|next| *next <= one.wish) else { continue };
        sizes.remove(cpus);
        sizes.add(next);
        if sizes.always_placeable(nodes) {
            shares[place].cpus = next;
            open.push(late(place, &shares[place]));
        } else {
            sizes.remove(next);
            sizes.add(cpus);
        }
    }
    for (share, one) in shares.iter_mut().zip(contenders) {
        if one.late_with(share.cpus) > 0.0 && share.cpus < one.wish {
            share.standing = Standing::GivesWay;
        }
    }
    shares
}

/// How late a job is expected to be; the greatest is the latest, of equally late ones the first.
#[derive(Debug, Clone, Copy)]
struct Late {
    seconds: f64,
    place: usize,
}

impl Ord for Late {
    fn cmp(&self, other: &Self) -> Ordering {
        self.seconds.total_cmp(&other.seconds).then(other.place.cmp(&self.place))
    }
}

impl PartialOrd for Late {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Late {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Late {}
