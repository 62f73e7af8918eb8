//! A whole gateway in this process, with a real ledger and real sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use socket2::SockRef;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tollgate::run::{Gateway, Options};
use tollgate_base::time::ManualClock;
use tollgate_sandbox::CompileIn;

use super::seeds::{NOW, SECRET, VALID, valid};

/// How long a peer waits for the end of an answer.
const PATIENCE: Duration = Duration::from_millis(100);

/// After so many inputs the ledger is looked at.
const LOOK: u64 = 4096;

/// A listener of the gateway.
#[derive(Clone, Copy)]
pub enum Door {
    /// Where providers post to.
    Ingress,
    /// Where operators ask.
    Admin,
}

/// The gateway, until the end of the process.
pub struct Running {
    ingress: SocketAddr,
    admin: SocketAddr,
    ledger: PathBuf,
    inputs: AtomicU64,
    _runtime: Runtime,
    _folder: TempDir,
}

impl Running {
    /// Starts the gateway that a target needs.
    pub fn start(target: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = match target {
            "tls" => {
                write_certificate(&folder);
                "tls = { cert = \"cert.pem\", key = \"key.pem\" }"
            }
            "proxy" => "proxy_protocol = true\ntrusted_proxies = [\"127.0.0.1\"]",
            _ => "",
        };
        let manifest = folder.path().join("tollgate.toml");
        std::fs::write(&manifest, text(server)).expect("the manifest is written");
        let runtime = Runtime::new().expect("a runtime");
        let options = Options {
            manifest,
            clock: Arc::new(ManualClock::at(NOW)),
            env: Arc::new(|_| None),
            compile_in: CompileIn::ThisProcess,
            code_cache: None,
            local: None,
        };
        let gateway = runtime
            .block_on(Gateway::start(options))
            .expect("the gateway starts");
        let running = Self {
            ingress: gateway.ingress_address().expect("an address"),
            admin: gateway.admin_address().expect("an address"),
            ledger: folder.path().join("data/tollgate.db"),
            inputs: AtomicU64::new(0),
            _runtime: runtime,
            _folder: folder,
        };
        running._runtime.spawn(gateway.run(std::future::pending()));
        if target == "admin" {
            (0..VALID).for_each(|number| running.take(Door::Ingress, &valid(number)));
        }
        running
    }

    /// Sends bytes on a connection of its own and reads the answer to its end. No bytes may make
    /// the gateway record an event that is not signed, or keep it from serving the next one.
    pub fn take(&self, door: Door, bytes: &[u8]) {
        let address = match door {
            Door::Ingress => self.ingress,
            Door::Admin => self.admin,
        };
        let mut stream = TcpStream::connect(address).expect("the gateway accepts");
        // The end of the connection leaves nothing behind in the system.
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .expect("a socket option");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        // The gateway may close the connection at any byte.
        let sent = stream.write_all(bytes);
        let _ = sent.and_then(|()| stream.shutdown(Shutdown::Write));
        let _ = stream.read_to_end(&mut Vec::new());
        drop(stream);
        if self.inputs.fetch_add(1, Ordering::Relaxed) % LOOK == LOOK - 1 {
            self.look();
        }
    }

    /// Only events of the seeds are signed, so no others may be on record.
    fn look(&self) {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let ledger = Connection::open_with_flags(&self.ledger, flags).expect("the ledger");
        let events: u32 = ledger
            .query_row("SELECT count(*) FROM events", [], |row| row.get(0))
            .expect("a number of events");
        assert!(events as usize <= VALID, "{events} events are on record");
    }
}

fn text(server: &str) -> String {
    format!(
        r#"version = 1
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
strict = true
header_timeout = "1s"
per_address = {{ failures = "1000000/s" }}
{server}

[ledger]
url = "sqlite:data/tollgate.db"

[sources.stripe]
path = "/hooks/stripe"
scheme = "stripe"
secrets = ["{SECRET}"]
"#
    )
}

fn write_certificate(folder: &TempDir) {
    let made = rcgen::generate_simple_self_signed(vec!["fuzz.example".to_owned()]);
    let made = made.expect("a certificate");
    let write = |name: &str, pem: String| {
        std::fs::write(folder.path().join(name), pem).expect("a file is written");
    };
    write("cert.pem", made.cert.pem());
    write("key.pem", made.signing_key.serialize_pem());
}
