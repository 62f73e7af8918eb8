//! One look at the gateway for all pages that are open.
//!
//! A page that is open wants to know of changes within a second. However many pages are open, the
//! gateway is looked at once a second, and not at all while no page is open.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::sleep;

/// The time between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Looks at the gateway. The text tells one state of the gateway from another.
type Look = dyn Fn() -> Pin<Box<dyn Future<Output = String> + Send>> + Send + Sync;

/// Tells all open pages of changes.
pub(crate) struct Changes {
    look: Box<Look>,
    /// What the last look has seen; empty before the first.
    seen: watch::Sender<String>,
    /// Whether a task looks.
    looks: Mutex<bool>,
}

impl Changes {
    /// Changes of what `look` sees.
    pub(crate) fn of<F>(look: impl Fn() -> F + Send + Sync + 'static) -> Arc<Self>
    where
        F: Future<Output = String> + Send + 'static,
    {
        Arc::new(Self {
            look: Box::new(move || Box::pin(look())),
            seen: watch::Sender::new(String::new()),
            looks: Mutex::new(false),
        })
    }

    /// What is seen, from now on.
    pub(super) fn subscribe(self: &Arc<Self>) -> watch::Receiver<String> {
        let mut looks = self.looks.lock();
        let receiver = self.seen.subscribe();
        if !std::mem::replace(&mut looks, true) {
            tokio::spawn(self.clone().look_while_wanted());
        }
        receiver
    }

    /// Looks again and again, as long as a page is open.
    async fn look_while_wanted(self: Arc<Self>) {
        loop {
            sleep(LOOK).await;
            {
                let mut looks = self.looks.lock();
                if self.seen.receiver_count() == 0 {
                    *looks = false;
                    // The next page does not get what was seen long before.
                    self.seen.send_replace(String::new());
                    return;
                }
            }
            let now = (self.look)().await;
            self.seen.send_if_modified(|seen| {
                let is_new = *seen != now;
                *seen = now;
                is_new
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn all_pages_share_one_look() {
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = looks.clone();
        let changes = Changes::of(move || {
            let number = counted.fetch_add(1, Ordering::Relaxed) + 1;
            async move { number.to_string() }
        });
        let mut pages: Vec<_> = (0..20).map(|_| changes.subscribe()).collect();
        for page in &mut pages {
            let seen = page.wait_for(|seen| seen == "2").await;
            assert_eq!(*seen.expect("a look"), "2");
        }
        assert!(looks.load(Ordering::Relaxed) < 20, "one look serves all");
        drop(pages);
        while *changes.looks.lock() {
            sleep(LOOK / 10).await;
        }
        let before = looks.load(Ordering::Relaxed);
        let mut page = changes.subscribe();
        let first = page.wait_for(|seen| !seen.is_empty()).await;
        let first = first.expect("a look").clone();
        assert_eq!(first, (before + 1).to_string(), "nothing old is told");
    }
}
