//! Honest senders: events at a steady rate, each on a connection of its own, as providers send
//! them.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::payload::{Batch, Kind};

/// Events a second.
const RATE: u32 = 200;
/// The longest time that a sender waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How honest senders fared.
pub(super) struct Honest {
    /// The time of each acknowledged event from when it was due.
    pub(super) latencies: Vec<Duration>,
    /// The events that were not acknowledged at the first try.
    pub(super) lost: usize,
}

/// Posts events for this time.
pub(super) fn post(address: SocketAddr, time: Duration) -> Result<Honest> {
    let count = (time.as_secs_f64() * f64::from(RATE)) as usize;
    let batch = Rc::new(Batch::of(Kind::Unrouted, count)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let begun = Instant::now();
        let posts: Vec<_> = (0..count)
            .map(|index| {
                let (batch, due) = (
                    batch.clone(),
                    begun + index as u32 * Duration::from_secs(1) / RATE,
                );
                tokio::task::spawn_local(async move {
                    sleep_until(due).await;
                    let answered = timeout(PATIENCE, acknowledged(address, batch.get(index))).await;
                    matches!(answered, Ok(Ok(true))).then(|| due.elapsed())
                })
            })
            .collect();
        let mut honest = Honest {
            latencies: Vec::with_capacity(count),
            lost: 0,
        };
        for post in posts {
            match post.await? {
                Some(latency) => honest.latencies.push(latency),
                None => honest.lost += 1,
            }
        }
        Ok(honest)
    })
}

/// Whether the answer to a request is 200.
async fn acknowledged(address: SocketAddr, request: &[u8]) -> Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(request).await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    Ok(status.ends_with(b" 200"))
}
