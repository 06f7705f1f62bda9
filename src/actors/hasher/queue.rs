//! The queue of the jobs that wait for a thread: its order and its bounds.

use std::collections::{HashMap, VecDeque};

use crate::types::Network;

/// The priority of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Logins and changes of a password; these run first.
    Login,
    /// Registrations, resets, imports.
    Registration,
}

/// All places are reserved, or all those of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueIsFull;

/// Places and the jobs in them. A reserved place is free again when its job starts or when it is released.
pub struct HasherQueue<J> {
    logins: VecDeque<Waiting<J>>,
    registrations: VecDeque<Waiting<J>>,
    taken: usize,
    taken_by_network: HashMap<Network, usize>,
    most: usize,
    most_by_network: usize,
}

struct Waiting<J> {
    network: Network,
    job: J,
}

impl<J> HasherQueue<J> {
    /// At most `most` places, `most_by_network` of them for one network.
    pub fn new(most: usize, most_by_network: usize) -> Self {
        Self {
            logins: VecDeque::new(),
            registrations: VecDeque::new(),
            taken: 0,
            taken_by_network: HashMap::new(),
            most,
            most_by_network,
        }
    }

    /// Reserves a place.
    pub fn reserve(&mut self, network: Network) -> Result<(), QueueIsFull> {
        let of_network = self.taken_by_network.get(&network).copied().unwrap_or(0);
        if self.taken >= self.most || of_network >= self.most_by_network {
            return Err(QueueIsFull);
        }
        self.taken += 1;
        self.taken_by_network.insert(network, of_network + 1);
        Ok(())
    }

    /// Releases a place without a job.
    pub fn release(&mut self, network: Network) {
        self.taken = self.taken.saturating_sub(1);
        if let Some(of_network) = self.taken_by_network.get_mut(&network) {
            *of_network -= 1;
            if *of_network == 0 {
                self.taken_by_network.remove(&network);
            }
        }
    }

    /// Puts a job into a reserved place.
    pub fn put(&mut self, network: Network, priority: Priority, job: J) {
        let line = match priority {
            Priority::Login => &mut self.logins,
            Priority::Registration => &mut self.registrations,
        };
        line.push_back(Waiting { network, job });
    }

    /// The next job; its place is free again.
    pub fn take(&mut self) -> Option<J> {
        let waiting = self.logins.pop_front().or_else(|| self.registrations.pop_front())?;
        self.release(waiting.network);
        Some(waiting.job)
    }

    /// The number of reserved places.
    pub fn taken(&self) -> usize {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u8) -> Network {
        Network::V4([10, 0, number])
    }

    #[test]
    fn places_are_bounded_over_all_and_by_network() {
        let mut queue = HasherQueue::<u8>::new(6, 4);
        for _ in 0..4 {
            assert_eq!(queue.reserve(network(1)), Ok(()));
        }
        assert_eq!(queue.reserve(network(1)), Err(QueueIsFull));
        assert_eq!(queue.reserve(network(2)), Ok(()));
        assert_eq!(queue.reserve(network(3)), Ok(()));
        assert_eq!(queue.reserve(network(4)), Err(QueueIsFull));
        queue.release(network(1));
        assert_eq!(queue.reserve(network(1)), Ok(()));
    }

    #[test]
    fn a_place_is_free_again_when_its_job_begins() {
        let mut queue = HasherQueue::new(1, 1);
        queue.reserve(network(1)).unwrap();
        queue.put(network(1), Priority::Login, 'a');
        assert_eq!(queue.reserve(network(1)), Err(QueueIsFull));
        assert_eq!(queue.take(), Some('a'));
        assert_eq!(queue.reserve(network(1)), Ok(()));
        assert_eq!(queue.taken(), 1);
    }

    #[test]
    fn logins_go_first_and_each_kind_in_its_order() {
        let mut queue = HasherQueue::new(9, 9);
        for (priority, job) in [
            (Priority::Registration, "r1"),
            (Priority::Login, "l1"),
            (Priority::Registration, "r2"),
            (Priority::Login, "l2"),
        ] {
            queue.reserve(network(1)).unwrap();
            queue.put(network(1), priority, job);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!(order, ["l1", "l2", "r1", "r2"]);
    }
}
