//! What the gateway tells the service manager that started it.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::harness::{Handler, Launch, Manifest, Site, eventually};

/// The socket of a service manager.
struct Manager(UnixDatagram);

impl Manager {
    /// Listens in the site's folder.
    fn of(site: &Site) -> Self {
        let socket = UnixDatagram::bind(site.path("notify")).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self(socket)
    }

    /// The lines of the next message.
    fn told(&self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let length = self.0.recv(&mut bytes).unwrap();
        let text = std::str::from_utf8(&bytes[..length]).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// The next message that has a line which begins in this way.
    fn told_with(&self, begin: &str) -> Vec<String> {
        loop {
            let lines = self.told();
            if lines.iter().any(|line| line.starts_with(begin)) {
                return lines;
            }
        }
    }

    /// What has been told until now.
    fn rest(&self) -> Vec<String> {
        self.0.set_nonblocking(true).unwrap();
        let mut all = Vec::new();
        let mut bytes = [0; 4096];
        loop {
            match self.0.recv(&mut bytes) {
                Ok(length) => {
                    let text = std::str::from_utf8(&bytes[..length]).unwrap();
                    all.extend(text.lines().map(str::to_owned));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return all,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn a_service_manager_hears_of_start_life_and_end() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let manager = Manager::of(&site);
    let gateway = Launch::new(&site)
        .env("NOTIFY_SOCKET", site.path("notify"))
        .env("WATCHDOG_USEC", "200000")
        .start();

    let starting = manager.told();
    assert_eq!(starting, ["STATUS=starting"]);
    assert_eq!(manager.told(), ["EXTEND_TIMEOUT_USEC=30000000"]);
    let ready = manager.told_with("READY=1");
    let status = format!("STATUS=receives at http://{}", gateway.ingress);
    assert!(ready.contains(&status), "{ready:?}");
    for _ in 0..3 {
        assert_eq!(manager.told(), ["WATCHDOG=1"]);
    }

    gateway.stop();
    let rest = manager.rest();
    assert!(rest.contains(&"STOPPING=1".to_owned()), "{rest:?}");
    assert!(
        rest.contains(&"EXTEND_TIMEOUT_USEC=30000000".to_owned()),
        "{rest:?}"
    );
}

#[test]
fn a_gateway_that_hangs_tells_nothing() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let manager = Manager::of(&site);
    let gateway = Launch::new(&site)
        .env("NOTIFY_SOCKET", site.path("notify"))
        .env("WATCHDOG_USEC", "200000")
        .start();
    manager.told_with("WATCHDOG=1");
    gateway.freeze();
    eventually("nothing is told for as long as the watchdog waits", || {
        manager.rest();
        std::thread::sleep(Duration::from_millis(200));
        manager.rest().is_empty()
    });
    gateway.kill();
}

#[test]
fn a_service_manager_that_is_gone_stops_nothing() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = Launch::new(&site)
        .env("NOTIFY_SOCKET", site.path("nobody"))
        .env("WATCHDOG_USEC", "200000")
        .start();
    let log = gateway.stop();
    let told = log.matches("the service manager cannot be told").count();
    assert_eq!(told, 1, "{log}");
}
