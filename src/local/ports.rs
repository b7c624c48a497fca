//! The host ports that tasks are given. The virtual nodes are one machine, so they share its ports.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use rand::RngExt;
use rand::rngs::StdRng;

/// What a Mesos agent offers when it is not told otherwise.
const OFFERED: std::ops::RangeInclusive<u16> = 31_000..=32_000;

/// Ports by who has them.
#[derive(Debug, Clone)]
pub struct Ports {
    taken: BTreeSet<u16>,
    /// Whether a port of this machine is free of other programs.
    free: fn(u16) -> bool,
}

impl Default for Ports {
    fn default() -> Self {
        Ports { taken: BTreeSet::new(), free: nobody_listens }
    }
}

impl Ports {
    /// Ports of an imagined machine, for simulations.
    pub fn imagined() -> Self {
        Ports { taken: BTreeSet::new(), free: |_| true }
    }

    /// Reserves a port for each of `wanted`: this very one, or any for 0. `None` when one of them cannot be had.
    pub fn reserve(&mut self, wanted: &[u16], rng: &mut StdRng) -> Option<Vec<u16>> {
        let mut reserved = Vec::with_capacity(wanted.len());
        for port in wanted {
            let found = if *port == 0 { self.any(rng) } else { Some(*port).filter(|port| self.usable(*port)) };
            match found {
                Some(port) => {
                    self.taken.insert(port);
                    reserved.push(port);
                }
                None => {
                    self.release(&reserved);
                    return None;
                }
            }
        }
        Some(reserved)
    }

    /// Gives ports back.
    pub fn release(&mut self, ports: &[u16]) {
        for port in ports {
            self.taken.remove(port);
        }
    }

    /// From a random one on, so that a port is not given again at once to whoever comes next.
    fn any(&self, rng: &mut StdRng) -> Option<u16> {
        let first = rng.random_range(OFFERED);
        (first..=*OFFERED.end()).chain(*OFFERED.start()..first).find(|port| self.usable(*port))
    }

    fn usable(&self, port: u16) -> bool {
        !self.taken.contains(&port) && (self.free)(port)
    }
}

/// Looks whether a port is free now. It may be taken before the task listens; so it may be on an agent.
fn nobody_listens(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() && UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_port_is_given_to_one_task_only_and_again_when_it_is_free() {
        let mut rng = StdRng::seed_from_u64(3);
        let mut ports = Ports::imagined();
        let first = ports.reserve(&[0, 0, 80], &mut rng).unwrap();
        assert_eq!((first.len(), first[2]), (3, 80));
        assert!(OFFERED.contains(&first[0]) && OFFERED.contains(&first[1]) && first[0] != first[1]);
        assert_eq!(ports.reserve(&[0, 80], &mut rng), None, "all or none");
        assert_eq!(ports.taken.len(), 3);
        ports.release(&first);
        assert_eq!(ports.reserve(&[80], &mut rng), Some(vec![80]));
        let all = vec![0; OFFERED.count()];
        assert!(ports.reserve(&all, &mut rng).is_some() && ports.reserve(&[0], &mut rng).is_none());
    }

    #[test]
    fn what_another_program_listens_on_is_not_given_away() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(Ports::default().reserve(&[port], &mut StdRng::seed_from_u64(1)), None);
    }
}
