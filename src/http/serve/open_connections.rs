//! The limit of the open connections of both listeners, and the order of eviction.

use std::{
    cmp::Reverse,
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
};

use rustix::process::{Resource, getrlimit};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::connection_state::{ConnectionPhase, ConnectionState};
use crate::{
    config,
    types::{Cidr, Network, limits},
};

/// All open connections. Clones share them.
///
/// ```text
/// a connection arrives
///   its network has its share     -> one of that network that is not busy is evicted; else the new one is refused
///   all places are taken          -> one that is not busy is evicted, idle ones first; the new one waits
/// ```
#[derive(Debug, Clone)]
pub struct OpenConnections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ceiling: usize,
    /// The most connections of one network.
    share: usize,
    /// Trusted proxies, whose connections carry many clients.
    unshared: Vec<Cidr>,
    turns: Arc<AtomicU64>,
    left: Notify,
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    next: u64,
    open: HashMap<u64, OpenConnection>,
    /// The connections of each network, without those that are being evicted.
    by_network: HashMap<Network, usize>,
}

#[derive(Debug)]
struct OpenConnection {
    network: Option<Network>,
    state: ConnectionState,
    leave: CancellationToken,
    is_leaving: bool,
}

/// The place of one connection. Dropping it frees the place.
pub(super) struct ConnectionPlace {
    id: u64,
    shared: Arc<Shared>,
    pub(super) state: ConnectionState,
    /// Cancelled when the connection is evicted.
    pub(super) leave: CancellationToken,
}

enum Admission {
    Admitted(ConnectionPlace),
    Refused,
    Full,
}

impl OpenConnections {
    /// At most `ceiling` connections, and at most a quarter of them from one network (IPv4 /24, IPv6 /64) unless it is
    /// in `unshared`.
    pub fn new(ceiling: usize, unshared: Vec<Cidr>) -> Self {
        let ceiling = ceiling.max(1);
        Self(Arc::new(Shared {
            ceiling,
            share: (ceiling / limits::NETWORK_PART).max(1),
            unshared,
            turns: Arc::default(),
            left: Notify::new(),
            rows: Mutex::default(),
        }))
    }

    /// The limits of `edge`, reduced to the process's limit of file descriptors.
    pub fn of_process(edge: &config::EdgeConfig) -> Self {
        let descriptors = getrlimit(Resource::Nofile).current;
        let ceiling = ceiling(edge.connections(), descriptors);
        if ceiling < edge.connections() {
            tracing::warn!(
                connections = ceiling,
                descriptors,
                "the limit of open files is lower than edge.max_connections needs; fewer connections are accepted"
            );
        }
        Self::new(ceiling, edge.trusted_proxies.clone())
    }

    /// Waits for a place for a connection from `peer`; `None` if its network has its share and all of it is busy.
    pub(super) async fn admit(&self, peer: IpAddr) -> Option<ConnectionPlace> {
        let peer = peer.to_canonical();
        let is_unshared = self.0.unshared.iter().any(|range| range.contains(peer));
        let network = (!is_unshared).then(|| Network::of(peer));
        loop {
            let mut left = std::pin::pin!(self.0.left.notified());
            left.as_mut().enable();
            match self.try_admit(network) {
                Admission::Admitted(place) => return Some(place),
                Admission::Refused => return None,
                // An evicted connection may take some time to end; after the pause the next one is evicted.
                Admission::Full => drop(tokio::time::timeout(limits::EVICTION_PAUSE, left).await),
            }
        }
    }

    fn try_admit(&self, network: Option<Network>) -> Admission {
        let mut rows = self.0.rows();
        let held = network.map_or(0, |network| rows.by_network.get(&network).copied().unwrap_or(0));
        if held >= self.0.share && !rows.evict(|open| open.network == network) {
            return Admission::Refused;
        }
        if rows.open.len() >= self.0.ceiling {
            rows.evict(|_| true);
            return Admission::Full;
        }
        let (id, state, leave) = (rows.next, ConnectionState::new(Arc::clone(&self.0.turns)), CancellationToken::new());
        rows.next += 1;
        if let Some(network) = network {
            *rows.by_network.entry(network).or_insert(0) += 1;
        }
        let open = OpenConnection { network, state: state.clone(), leave: leave.clone(), is_leaving: false };
        rows.open.insert(id, open);
        Admission::Admitted(ConnectionPlace { id, shared: Arc::clone(&self.0), state, leave })
    }
}

impl Shared {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        // Each change is complete before the lock is released.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    /// Evicts one connection that `may` accepts: idle ones first, then those of the largest network, then the one that
    /// has been in its phase longest. Busy connections are not evicted.
    fn evict(&mut self, may: impl Fn(&OpenConnection) -> bool) -> bool {
        let of_network = |network: Option<Network>| network.and_then(|network| self.by_network.get(&network)).copied();
        let evictable = self.open.iter().filter(|(_, open)| !open.is_leaving && may(open));
        let ranked = evictable.filter_map(|(id, open)| {
            let phase = open.state.phase();
            let rank = (phase, Reverse(of_network(open.network)), open.state.changed());
            (phase != ConnectionPhase::Busy).then_some((rank, *id))
        });
        let Some((_, id)) = ranked.min() else { return false };
        if let Some(open) = self.open.get_mut(&id) {
            open.is_leaving = true;
            open.leave.cancel();
            let network = open.network;
            self.uncount(network);
        }
        true
    }

    fn uncount(&mut self, network: Option<Network>) {
        let Some(network) = network else { return };
        if let Some(count) = self.by_network.get_mut(&network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_network.remove(&network);
            }
        }
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        let mut rows = self.shared.rows();
        if let Some(open) = rows.open.remove(&self.id)
            && !open.is_leaving
        {
            rows.uncount(open.network);
        }
        drop(rows);
        self.shared.left.notify_waiters();
    }
}

/// The number of connections for a process with `descriptors` file descriptors: some are reserved for the store.
fn ceiling(configured: usize, descriptors: Option<u64>) -> usize {
    let Some(descriptors) = descriptors.and_then(|descriptors| usize::try_from(descriptors).ok()) else {
        return configured;
    };
    // Of a very low limit three quarters are reserved, so that some connections remain possible.
    configured.min(descriptors.saturating_sub(limits::DESCRIPTORS_KEPT).max(descriptors / 4))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn admit(open: &OpenConnections, peer: &str) -> Option<Option<ConnectionPlace>> {
        open.admit(peer.parse().unwrap()).now_or_never()
    }

    fn admitted(open: &OpenConnections, peer: &str) -> ConnectionPlace {
        admit(open, peer).flatten().unwrap_or_else(|| panic!("no place for {peer}"))
    }

    fn idle(open: &OpenConnections, peer: &str) -> ConnectionPlace {
        let place = admitted(open, peer);
        place.state.enter(ConnectionPhase::Idle);
        place
    }

    fn busy(open: &OpenConnections, peer: &str) -> ConnectionPlace {
        let place = admitted(open, peer);
        place.state.enter(ConnectionPhase::Busy);
        place
    }

    #[test]
    fn some_descriptors_are_kept_for_the_store() {
        for (configured, descriptors, left) in [
            (10_000, Some(1_024), 768),
            (10_000, Some(65_536), 10_000),
            (100, Some(1_024), 100),
            (10_000, Some(256), 64),
            (10_000, None, 10_000),
        ] {
            assert_eq!(ceiling(configured, descriptors), left, "{descriptors:?}");
        }
    }

    #[tokio::test]
    async fn one_network_holds_a_quarter_and_replaces_its_own() {
        let open = OpenConnections::new(16, vec!["10.0.0.0/8".parse().unwrap()]);
        let crowd: Vec<_> = (1..=4).map(|n| idle(&open, &format!("192.0.2.{n}"))).collect();
        // The same /24, and an address of it mapped into IPv6.
        let fifth = busy(&open, "::ffff:192.0.2.99");
        let evicted: Vec<bool> = crowd.iter().map(|place| place.leave.is_cancelled()).collect();
        assert_eq!(evicted, [true, false, false, false], "the one that was idle for longest");
        crowd.iter().for_each(|place| place.state.enter(ConnectionPhase::Busy));
        assert!(admit(&open, "192.0.2.7").is_some_and(|place| place.is_none()), "all are busy: refused");
        let _other = busy(&open, "192.0.3.1");
        drop(fifth);
        let _again = busy(&open, "192.0.2.7");
        // These hold 6 of 16 places; a proxy may have the rest.
        let _proxy: Vec<_> = (0..10).map(|_| busy(&open, "10.0.0.1")).collect();
        assert!(admit(&open, "198.51.100.1").is_none(), "all places are taken: it waits");
    }

    #[tokio::test]
    async fn an_ipv6_network_is_a_64() {
        let open = OpenConnections::new(8, Vec::new());
        let _two = (busy(&open, "2001:db8::1"), busy(&open, "2001:db8::2"));
        assert!(admit(&open, "2001:db8::ffff:1").is_some_and(|place| place.is_none()));
        let _other = busy(&open, "2001:db8:0:1::1");
    }

    #[tokio::test]
    async fn at_the_limit_idle_connections_are_evicted_first_then_those_without_a_request() {
        let open = OpenConnections::new(4, Vec::new());
        let head = admitted(&open, "192.0.1.1");
        head.state.enter(ConnectionPhase::Head);
        let (fresh, idle, busy) = (admitted(&open, "192.0.2.1"), idle(&open, "192.0.3.1"), busy(&open, "192.0.4.1"));
        for evicted in [&idle, &fresh, &head] {
            assert!(!evicted.leave.is_cancelled());
            assert!(admit(&open, "192.0.5.1").is_none(), "the place is not free yet");
            assert!(evicted.leave.is_cancelled());
        }
        assert!(admit(&open, "192.0.5.1").is_none());
        assert!(!busy.leave.is_cancelled());
        drop(idle);
        assert!(admit(&open, "192.0.5.1").flatten().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_connection_gets_the_place_that_becomes_free() {
        let open = OpenConnections::new(1, Vec::new());
        let first = busy(&open, "192.0.2.1");
        let (second, ()) = tokio::join!(open.admit("192.0.3.1".parse().unwrap()), async {
            tokio::time::sleep(limits::EVICTION_PAUSE * 3).await;
            drop(first);
        });
        assert!(second.is_some());
    }
}
