//! Nobody much later than the others: what there is goes to whoever is latest.

use super::contender::Contender;
use super::packing::{Nodes, Sizes};
use super::{Share, Standing};

/// Sizes for `contenders`, in their order, beside `others`, which keep theirs.
pub fn share(nodes: Nodes, others: &Sizes, contenders: &[Contender]) -> Vec<Share> {
    let mut sizes = others.clone();
    contenders.iter().for_each(|one| sizes.add(one.floor));
    let mut shares: Vec<Share> =
        contenders.iter().map(|one| Share { cpus: one.floor, standing: Standing::Saved }).collect();
    let mut open: Vec<usize> = (0..contenders.len()).collect();
    // Each round either gives a step to the latest, or finds that it can get no more.
    while let Some((nth, place)) = latest(contenders, &shares, &open) {
        let (one, cpus) = (&contenders[place], shares[place].cpus);
        let next = one.next_size(cpus).filter(|next| *next <= one.wish);
        let Some(next) = next else {
            open.swap_remove(nth);
            continue;
        };
        sizes.remove(cpus);
        sizes.add(next);
        if sizes.always_placeable(nodes) {
            shares[place].cpus = next;
        } else {
            sizes.remove(next);
            sizes.add(cpus);
            open.swap_remove(nth);
        }
    }
    for (share, one) in shares.iter_mut().zip(contenders) {
        if one.late_with(share.cpus) > 0.0 && share.cpus < one.wish {
            share.standing = Standing::GivesWay;
        }
    }
    shares
}

fn latest(contenders: &[Contender], shares: &[Share], open: &[usize]) -> Option<(usize, usize)> {
    let late = |place: usize| contenders[place].late_with(shares[place].cpus);
    open.iter().copied().enumerate().max_by(|(_, a), (_, b)| late(*a).total_cmp(&late(*b)).then(b.cmp(a)))
}
