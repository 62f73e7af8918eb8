//! The open connections of a listener, and which of them make room for others.
//!
//! While every place is taken, each new connection ends an old one that carries no request.
//! Otherwise a stranger who opens connections and says nothing would keep every sender out.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::budget::{Allowance, Budget};
use super::idle::Activity;
use super::network::Network;
use super::secured::Secured;

/// One out of so many connections ends when room is needed: to look for the right one takes a walk
/// over all connections.
const AT_ONCE: usize = 64;

/// The open connections of a listener.
#[derive(Debug)]
pub(super) struct Peers {
    budget: Arc<Budget>,
    /// The most connections of one network; `None` is no limit.
    per_network: Option<usize>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    peers: HashMap<u64, Peer>,
    networks: HashMap<Network, OpenNetwork>,
}

#[derive(Debug)]
struct Peer {
    network: Network,
    activity: Arc<Activity>,
}

/// A network that has connections.
#[derive(Debug)]
struct OpenNetwork {
    connections: usize,
    allowance: Arc<Allowance>,
}

/// An open connection.
pub(super) struct Connection {
    /// The peer of the socket or, behind a proxy that tells it, the client of the proxy.
    pub(super) peer: SocketAddr,
    pub(super) activity: Arc<Activity>,
    /// The place among the open connections.
    pub(super) entry: Entry,
    /// What TLS found out about the peer; `None` without TLS.
    pub(super) secured: Option<Secured>,
}

/// Takes a connection out of the open ones when dropped.
#[derive(Debug)]
pub(super) struct Entry {
    peers: Arc<Peers>,
    id: u64,
    /// The memory that the network of the connection may hold.
    pub(super) allowance: Arc<Allowance>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut open = self.peers.open.lock();
        let Open {
            peers, networks, ..
        } = &mut *open;
        let Some(peer) = peers.remove(&self.id) else {
            return;
        };
        if let Some(network) = networks.get_mut(&peer.network) {
            network.connections -= 1;
            if network.connections == 0 {
                networks.remove(&peer.network);
            }
        }
    }
}

impl Peers {
    /// No connection is open. `per_network` is the most connections of one network.
    pub(super) fn new(budget: Arc<Budget>, per_network: Option<usize>) -> Arc<Self> {
        Arc::new(Self {
            budget,
            per_network,
            open: Mutex::default(),
        })
    }

    /// Whether the network of this address has all connections that it may have.
    pub(super) fn is_full(&self, address: SocketAddr) -> bool {
        let Some(most) = self.per_network else {
            return false;
        };
        let open = self.open.lock();
        let network = open.networks.get(&Network::of(address.ip()));
        network.is_some_and(|network| network.connections >= most)
    }

    /// Notes an open connection.
    pub(super) fn enter(self: &Arc<Self>, address: SocketAddr, activity: Arc<Activity>) -> Entry {
        let mut open = self.open.lock();
        let id = open.next;
        open.next += 1;
        let network = Network::of(address.ip());
        open.peers.insert(id, Peer { network, activity });
        let of = open.networks.entry(network).or_insert_with(|| OpenNetwork {
            connections: 0,
            allowance: Allowance::of(self.budget.clone()),
        });
        of.connections += 1;
        Entry {
            peers: self.clone(),
            id,
            allowance: of.allowance.clone(),
        }
    }

    /// Tells connections that carry no request to end: first those of which no request was ever
    /// answered with 2xx, of the network that has most connections open; then those that have been
    /// silent for longest. Returns how many were told.
    pub(super) fn make_room(&self) -> usize {
        let open = self.open.lock();
        let size = |network| open.networks.get(network).map_or(0, |of| of.connections);
        let mut silent: Vec<_> = open
            .peers
            .values()
            .filter_map(|peer| Some((peer, peer.activity.silent_since()?)))
            .map(|(peer, since)| {
                let proven = peer.activity.is_proven();
                let size = if proven { 0 } else { size(&peer.network) };
                ((proven, Reverse(size), since), peer)
            })
            .collect();
        let leave = (open.peers.len() / AT_ONCE).max(1).min(silent.len());
        if leave > 0 {
            silent.select_nth_unstable_by_key(leave - 1, |(order, _)| *order);
        }
        for (_, peer) in &silent[..leave] {
            peer.activity.tell_to_leave();
        }
        leave
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;

    /// Whether the connection was told to leave.
    fn told(activity: &Activity) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(activity.must_leave()).poll(&mut context) == Poll::Ready(())
    }

    fn peers(per_network: Option<usize>) -> Arc<Peers> {
        Peers::new(Budget::new(1 << 20), per_network)
    }

    fn address(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 1)
    }

    /// Connections of these addresses, one after another.
    fn open(peers: &Arc<Peers>, addresses: &[&str]) -> Vec<(Arc<Activity>, Entry)> {
        let mut opened = Vec::new();
        for text in addresses {
            let activity = Arc::new(Activity::new());
            opened.push((activity.clone(), peers.enter(address(text), activity)));
            std::thread::sleep(Duration::from_millis(1));
        }
        opened
    }

    #[test]
    fn the_oldest_silent_connection_of_the_largest_network_leaves() {
        let peers = peers(None);
        let same = ["192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"];
        let open = open(&peers, &same);
        assert_eq!(peers.make_room(), 1);
        let all: Vec<_> = open.iter().map(|(activity, _)| told(activity)).collect();
        assert_eq!(
            all,
            [false, true, false, false],
            "::1 and ::2 are one network"
        );
    }

    #[test]
    fn connections_with_a_request_stay_and_proven_ones_leave_last() {
        let peers = peers(None);
        let mut open = open(&peers, &["192.0.2.1"; 3]);
        open[0].0.prove();
        let busy = open[1].0.begin(None);
        assert_eq!(peers.make_room(), 1);
        assert!(told(&open[2].0));
        open.pop();
        assert_eq!(peers.make_room(), 1);
        assert!(told(&open[0].0) && !told(&open[1].0));
        open.remove(0);
        assert_eq!(peers.make_room(), 0, "the last one carries a request");
        drop(busy);
        assert_eq!(peers.make_room(), 1);
    }

    #[test]
    fn many_connections_make_room_for_many() {
        let peers = peers(None);
        let open = open(&peers, &["192.0.2.1"; 640]);
        assert_eq!(peers.make_room(), 10);
        for (index, (activity, _)) in open.iter().enumerate() {
            assert_eq!(told(activity), index < 10, "{index}");
        }
        drop(open);
        assert_eq!(peers.make_room(), 0);
    }

    #[test]
    fn a_network_has_a_limit_of_its_own() {
        let peers = peers(Some(2));
        let mut open = open(&peers, &["2001:db8::1", "192.0.2.1", "2001:db8::2"]);
        assert!(peers.is_full(address("2001:db8::3")));
        assert!(!peers.is_full(address("192.0.2.1")));
        assert!(!peers.is_full(address("192.0.2.2")));
        open.pop();
        assert!(!peers.is_full(address("2001:db8::3")));
        drop(open);
        assert!(peers.open.lock().networks.is_empty());
    }
}
