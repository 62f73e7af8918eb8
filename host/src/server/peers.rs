//! The open connections of a listener, and which of them make room for others.
//!
//! While every place is taken, each new connection ends an old one that carries no request.
//! Otherwise a stranger who opens connections and says nothing would keep every sender out.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;

use super::idle::Activity;

/// One out of so many connections ends when room is needed: to look for the right one takes a walk
/// over all connections.
const AT_ONCE: usize = 64;

/// The open connections of a listener.
#[derive(Debug, Default)]
pub(super) struct Peers(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    peers: HashMap<u64, Peer>,
}

#[derive(Debug)]
struct Peer {
    network: Network,
    activity: Arc<Activity>,
}

/// The addresses that one stranger can easily have together: one address of IPv4, 64 bits of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Network(u64);

impl Network {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u64::from(address.to_bits())),
            IpAddr::V6(address) => Self((address.to_bits() >> 64) as u64),
        }
    }
}

/// Takes a connection out of the open ones when dropped.
#[derive(Debug)]
pub(super) struct Entry {
    peers: Arc<Peers>,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.peers.0.lock().peers.remove(&self.id);
    }
}

impl Peers {
    /// Notes an open connection.
    pub(super) fn enter(self: &Arc<Self>, address: SocketAddr, activity: Arc<Activity>) -> Entry {
        let mut open = self.0.lock();
        let id = open.next;
        open.next += 1;
        let network = Network::of(address.ip());
        open.peers.insert(id, Peer { network, activity });
        Entry {
            peers: self.clone(),
            id,
        }
    }

    /// Tells connections that carry no request to end: first those of which no request was ever
    /// answered with 2xx, of the network that has most connections open; then those that have been
    /// silent for longest. Returns how many were told.
    pub(super) fn make_room(&self) -> usize {
        let open = self.0.lock();
        let mut sizes: HashMap<Network, usize> = HashMap::new();
        for peer in open.peers.values() {
            *sizes.entry(peer.network).or_default() += 1;
        }
        let mut silent: Vec<_> = open
            .peers
            .values()
            .filter_map(|peer| Some((peer, peer.activity.silent_since()?)))
            .map(|(peer, since)| {
                let proven = peer.activity.is_proven();
                let size = if proven { 0 } else { sizes[&peer.network] };
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
        let peers = Arc::new(Peers::default());
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
        let peers = Arc::new(Peers::default());
        let mut open = open(&peers, &["192.0.2.1"; 3]);
        open[0].0.prove();
        let busy = open[1].0.begin();
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
        let peers = Arc::new(Peers::default());
        let open = open(&peers, &["192.0.2.1"; 640]);
        assert_eq!(peers.make_room(), 10);
        for (index, (activity, _)) in open.iter().enumerate() {
            assert_eq!(told(activity), index < 10, "{index}");
        }
        drop(open);
        assert_eq!(peers.make_room(), 0);
    }
}
