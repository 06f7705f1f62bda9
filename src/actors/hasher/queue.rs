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

/// The reason why no place is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlace {
    /// All places are reserved, or all those of the network.
    Full,
    /// The queue is closed.
    Closed,
}

/// Places and the jobs in them. A reserved place is free again when its job starts or when it is released.
pub struct HasherQueue<J> {
    logins: VecDeque<Waiting<J>>,
    registrations: VecDeque<Waiting<J>>,
    taken: usize,
    taken_by_network: HashMap<Network, usize>,
    most: usize,
    most_by_network: usize,
    closed: bool,
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
            closed: false,
        }
    }

    /// Reserves a place.
    pub fn reserve(&mut self, network: Network) -> Result<(), NoPlace> {
        if self.closed {
            return Err(NoPlace::Closed);
        }
        let of_network = self.taken_by_network.get(&network).copied().unwrap_or(0);
        if self.taken >= self.most || of_network >= self.most_by_network {
            return Err(NoPlace::Full);
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

    /// Puts a job into a reserved place. A closed queue returns the job.
    pub fn put(&mut self, network: Network, priority: Priority, job: J) -> Result<(), J> {
        if self.closed {
            self.release(network);
            return Err(job);
        }
        let line = match priority {
            Priority::Login => &mut self.logins,
            Priority::Registration => &mut self.registrations,
        };
        line.push_back(Waiting { network, job });
        Ok(())
    }

    /// The next job; its place is free again.
    pub fn take(&mut self) -> Option<J> {
        let waiting = self.logins.pop_front().or_else(|| self.registrations.pop_front())?;
        self.release(waiting.network);
        Some(waiting.job)
    }

    /// Closes the queue. The waiting jobs are returned, so that they are dropped outside the lock.
    pub fn close(&mut self) -> Vec<J> {
        self.closed = true;
        std::iter::from_fn(|| self.take()).collect()
    }

    /// Whether the queue is closed.
    pub fn is_closed(&self) -> bool {
        self.closed
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
        assert_eq!(queue.reserve(network(1)), Err(NoPlace::Full));
        assert_eq!(queue.reserve(network(2)), Ok(()));
        assert_eq!(queue.reserve(network(3)), Ok(()));
        assert_eq!(queue.reserve(network(4)), Err(NoPlace::Full));
        queue.release(network(1));
        assert_eq!(queue.reserve(network(1)), Ok(()));
    }

    #[test]
    fn a_place_is_free_again_when_its_job_begins() {
        let mut queue = HasherQueue::new(1, 1);
        queue.reserve(network(1)).unwrap();
        queue.put(network(1), Priority::Login, 'a').unwrap();
        assert_eq!(queue.reserve(network(1)), Err(NoPlace::Full));
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
            queue.put(network(1), priority, job).unwrap();
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!(order, ["l1", "l2", "r1", "r2"]);
    }

    #[test]
    fn a_closed_queue_accepts_no_job_and_returns_the_waiting_ones() {
        let mut queue = HasherQueue::new(9, 9);
        queue.reserve(network(1)).unwrap();
        queue.reserve(network(1)).unwrap();
        queue.put(network(1), Priority::Login, 1).unwrap();
        assert_eq!(queue.close(), [1]);
        assert_eq!(queue.put(network(1), Priority::Login, 2), Err(2));
        assert_eq!(queue.reserve(network(1)), Err(NoPlace::Closed));
        assert_eq!(queue.taken(), 0);
    }
}
