//! Many concurrent senders, which remember the acknowledged events.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Answer, Connection, Event};

/// The address to send to. It changes when a gateway starts again on another port.
#[derive(Clone)]
pub(crate) struct Target(Arc<Mutex<SocketAddr>>);

/// Senders that post events, each one after another, until they stop. They repeat events that
/// are not acknowledged, as a provider does.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    senders: Vec<JoinHandle<LoadReport>>,
}

/// The results of the senders.
#[derive(Debug, Default)]
pub(crate) struct LoadReport {
    /// The provider's id and the gateway's id of each acknowledged event.
    pub(crate) acknowledged: Vec<(String, String)>,
    /// Events that were sent and never acknowledged.
    pub(crate) open: Vec<String>,
    /// The status of each response that was no acknowledgement.
    pub(crate) refused: Vec<u16>,
    /// The number of requests that ended without a response.
    pub(crate) broken: u64,
    /// The longest time to an acknowledgement, measured on its own request.
    pub(crate) slowest: Duration,
}

impl Target {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self(Arc::new(Mutex::new(address)))
    }

    pub(crate) fn set(&self, address: SocketAddr) {
        *self.0.lock().unwrap() = address;
    }

    pub(crate) fn get(&self) -> SocketAddr {
        *self.0.lock().unwrap()
    }
}

impl Load {
    /// Starts this number of senders. `make` makes the event of each number. A sender pauses
    /// for `pace` after each acknowledgement.
    pub(crate) fn start(
        target: &Target,
        senders: usize,
        pace: Duration,
        make: impl Fn(u64) -> Event + Send + Sync + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (next, make) = (Arc::new(AtomicU64::new(0)), Arc::new(make));
        let senders = (0..senders)
            .map(|_| {
                let mut sender = Sender {
                    target: target.clone(),
                    stop: stop.clone(),
                    connection: None,
                    report: LoadReport::default(),
                };
                let (next, make) = (next.clone(), make.clone());
                std::thread::spawn(move || {
                    while !sender.stopped() {
                        sender.deliver(&make(next.fetch_add(1, Ordering::Relaxed)));
                        std::thread::sleep(pace);
                    }
                    sender.report
                })
            })
            .collect();
        Self { stop, senders }
    }

    /// Stops the senders after their requests under way. Returns their results.
    pub(crate) fn finish(self) -> LoadReport {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = LoadReport::default();
        for sender in self.senders {
            let one = sender.join().unwrap();
            all.acknowledged.extend(one.acknowledged);
            all.open.extend(one.open);
            all.refused.extend(one.refused);
            all.broken += one.broken;
            all.slowest = all.slowest.max(one.slowest);
        }
        all
    }
}

struct Sender {
    target: Target,
    stop: Arc<AtomicBool>,
    connection: Option<(SocketAddr, Connection)>,
    report: LoadReport,
}

impl Sender {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn deliver(&mut self, event: &Event) {
        loop {
            let began = Instant::now();
            match self.try_once(event) {
                Ok(answer) if answer.status == 200 => {
                    let id = answer.header("tollgate-event-id").unwrap_or_default();
                    self.report
                        .acknowledged
                        .push((event.id.clone(), id.to_owned()));
                    self.report.slowest = self.report.slowest.max(began.elapsed());
                    return;
                }
                Ok(answer) => self.report.refused.push(answer.status),
                Err(_) => {
                    self.connection = None;
                    self.report.broken += 1;
                }
            }
            if self.stopped() {
                self.report.open.push(event.id.clone());
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn try_once(&mut self, event: &Event) -> io::Result<Answer> {
        let target = self.target.get();
        let connection = match self.connection.take() {
            Some((address, connection)) if address == target => connection,
            _ => Connection::open(target)?,
        };
        let (_, connection) = self.connection.insert((target, connection));
        connection.write(&event.request())?;
        connection.answer()
    }
}
