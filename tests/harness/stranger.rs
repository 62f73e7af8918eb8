//! A stranger who speaks HTTP/2 by hand, from an address of loopback of the stranger's own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The stranger's address. Honest senders of the tests have 127.0.0.1.
const ADDRESS: &str = "127.0.0.2:0";
/// The longest frame that a peer must take.
const FRAME: usize = 16 * 1024;
/// The longest time for the bytes of one connection to leave. A gateway may read none of them.
const SENDING: Duration = Duration::from_secs(60);

/// Connections of a stranger. They are closed when the value is dropped.
pub(crate) struct Stranger {
    runtime: Runtime,
    target: SocketAddr,
    open: Vec<OwnedWriteHalf>,
    /// The bytes that the gateway has answered.
    answered: Arc<AtomicU64>,
}

impl Stranger {
    pub(crate) fn of(target: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        Self {
            runtime,
            target,
            open: Vec::new(),
            answered: Arc::default(),
        }
    }

    /// Opens connections with so many streams each. Each stream has a head of about so many bytes,
    /// and a body that never comes.
    pub(crate) fn holds_heads(&mut self, connections: usize, streams: usize, bytes: usize) {
        self.send_on_each(connections, heads(streams, bytes));
    }

    /// Opens connections and sends the same bytes on each, as far as the gateway takes them.
    pub(crate) fn send_on_each(&mut self, connections: usize, bytes: Vec<u8>) {
        let bytes: Arc<[u8]> = bytes.into();
        let (target, answered) = (self.target, self.answered.clone());
        let open = self.runtime.block_on(async {
            let mut sending = JoinSet::new();
            for _ in 0..connections {
                sending.spawn(send(target, bytes.clone(), answered.clone()));
            }
            sending.join_all().await
        });
        self.open.extend(open);
    }

    /// Waits until the gateway has answered nothing for a while. Bytes that were sent may wait in
    /// the buffers of the system.
    pub(crate) fn falls_silent(&self) {
        let mut before = 0;
        loop {
            std::thread::sleep(Duration::from_secs(2));
            let now = self.answered.load(Ordering::Relaxed);
            if now == before {
                return;
            }
            before = now;
        }
    }
}

/// Sends on a new connection, and reads answers until the connection ends.
async fn send(target: SocketAddr, bytes: Arc<[u8]>, answered: Arc<AtomicU64>) -> OwnedWriteHalf {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(ADDRESS.parse().unwrap()).unwrap();
    let (mut read, mut write) = socket.connect(target).await.unwrap().into_split();
    tokio::spawn(async move {
        let mut answers = vec![0; 1 << 14];
        while let Ok(some @ 1..) = read.read(&mut answers).await {
            answered.fetch_add(some as u64, Ordering::Relaxed);
        }
    });
    // The gateway may end the connection, or stop reading.
    _ = timeout(SENDING, write.write_all(&bytes)).await;
    write
}

/// The bytes of a connection with so many streams. Each stream has a head of about so many bytes,
/// and a body that never comes.
pub(crate) fn heads(streams: usize, bytes: usize) -> Vec<u8> {
    let mut all = preface();
    for stream in 0..streams as u32 {
        all.extend(head(2 * stream + 1, bytes));
    }
    all
}

/// The bytes of a connection with so many streams that are reset as soon as they are open.
pub(crate) fn resets(streams: u32) -> Vec<u8> {
    let mut all = preface();
    for stream in 0..streams {
        let path = [&[0x83, 0x86, 0x04, 16][..], b"/webhooks/stripe"].concat();
        all.extend(frame(1, 5, 2 * stream + 1, &path));
        all.extend(frame(3, 0, 2 * stream + 1, &8_u32.to_be_bytes()));
    }
    all
}

/// The preface of a client, with empty settings.
pub(crate) fn preface() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    bytes
}

/// A frame of this kind.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The frames of a POST's head with about so many bytes of headers, whose stream stays open.
fn head(stream: u32, bytes: usize) -> Vec<u8> {
    // :method POST, :scheme http, :path and :authority as literals.
    let mut block = vec![0x83, 0x86];
    block.extend([0x04, 16]);
    block.extend(b"/webhooks/stripe");
    block.extend([0x01, 9]);
    block.extend(b"localhost");
    for number in 0..bytes / 1000 {
        let name = format!("x-{number:04}");
        block.extend([0x00, name.len() as u8]);
        block.extend(name.as_bytes());
        // A length of 1000: 127, then the rest in groups of seven bits.
        block.extend([0x7f, 0xe9, 0x06]);
        block.extend([b'x'; 1000]);
    }
    let mut frames = Vec::new();
    let last = block.chunks(FRAME).count() - 1;
    for (index, part) in block.chunks(FRAME).enumerate() {
        let kind = if index == 0 { 1 } else { 9 };
        let ends_head = if index == last { 4 } else { 0 };
        frames.extend(frame(kind, ends_head, stream, part));
    }
    frames
}
