//! After the story, the demo keeps running, suggests what to try, and prints new events.

use std::time::Duration;

use anyhow::Result;

use crate::curl;
use crate::demo::Demo;
use crate::gateway::Gateway;

/// The time between two looks for new events.
const GLANCE: Duration = Duration::from_millis(300);

/// Prints new events until Ctrl-C.
pub(crate) async fn until_interrupted(demo: &mut Demo) -> Result<()> {
    print_invitation(demo);
    tokio::select! {
        ended = follow(demo) => ended,
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

/// Prints new events. If somebody kills the gateway, starts it again, as a service manager
/// does.
async fn follow(demo: &mut Demo) -> Result<()> {
    let mut last = demo.ledger.total("SELECT MAX(seq) FROM events")?;
    loop {
        tokio::time::sleep(GLANCE).await;
        if demo.gateway.has_ended()? {
            demo.gateway = Gateway::start(&demo.setup)?;
            println!(
                "   the gateway has ended; the demo started it again as process {}",
                demo.gateway.pid()
            );
        }
        for (seq, id, kind) in demo.ledger.since(last)? {
            println!("   in   {kind:<30} {id}");
            // A handler under edit may fail for longer than this wait.
            if demo.ledger.settled().await.is_err() {
                println!("        its delivery is still being retried");
            }
            if let Some(recorded) = demo.ledger.event(&id)? {
                demo.account.handled(&recorded, &demo.shop.received());
            }
            last = seq;
        }
    }
}

fn print_invitation(demo: &Demo) {
    let Demo {
        gateway,
        setup,
        plugins,
        ..
    } = demo;
    let (folder, plugins) = (setup.folder.display(), plugins.display());
    println!(
        "
The gateway keeps running; Ctrl-C ends it. New events appear below.

Post to {}/webhooks/stripe. These lines post a correctly signed event. Post it again
with the same id, and it is a duplicate; change the secret, and the gateway refuses it:

{}

Edit the manifest; it takes effect at once:
   {folder}/tollgate.toml
Edit a handler, then compile it:
   {plugins}/welcome/src/lib.rs
   {plugins}/build welcome
Look inside:
   curl {}/status
   sqlite3 {folder}/data/tollgate.db 'select * from v_attempts'
Kill the gateway; the demo starts it again, and no acknowledged event is lost:
   kill -9 {}
",
        gateway.ingress,
        curl::line(gateway),
        gateway.admin,
        gateway.pid(),
    );
}
