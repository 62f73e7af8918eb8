//! After the story: stays up, says what to try, and tells of whatever comes in.

use std::time::Duration;

use anyhow::Result;

use crate::curl;
use crate::demo::Demo;
use crate::gateway::Gateway;

/// How often to look for news.
const GLANCE: Duration = Duration::from_millis(300);

/// Tells of new events until Ctrl-C.
pub(crate) async fn until_interrupted(demo: &mut Demo) -> Result<()> {
    invite(demo);
    tokio::select! {
        ended = follow(demo) => ended,
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

/// Tells of new events, and starts the gateway again when somebody kills it, as a service
/// manager does.
async fn follow(demo: &mut Demo) -> Result<()> {
    let mut last = demo.ledger.total("SELECT MAX(seq) FROM events")?;
    loop {
        tokio::time::sleep(GLANCE).await;
        if demo.gateway.has_ended()? {
            demo.gateway = Gateway::start(&demo.setup)?;
            println!(
                "   the gateway has ended; it was started again as process {}",
                demo.gateway.pid()
            );
        }
        for (seq, id, kind) in demo.ledger.since(last)? {
            println!("   in   {kind:<30} {id}");
            // A handler under edit may well fail for longer than this waits.
            if demo.ledger.settled().await.is_err() {
                println!("        it is still tried");
            }
            if let Some(recorded) = demo.ledger.event(&id)? {
                demo.account.handled(&recorded, &demo.shop.received());
            }
            last = seq;
        }
    }
}

fn invite(demo: &Demo) {
    let Demo {
        gateway,
        setup,
        plugins,
        ..
    } = demo;
    let (folder, plugins) = (setup.folder.display(), plugins.display());
    println!(
        "
The gateway stays up; Ctrl-C ends it. What comes in from now on is told below.

Post to {}/webhooks/stripe. These lines post an event, rightly signed. Post it
again under the same id, and it is a duplicate; change the secret, and it is refused:

{}

Edit the manifest, and see it take effect:
   {folder}/tollgate.toml
Edit a handler, then compile it:
   {plugins}/welcome/src/lib.rs
   {plugins}/build welcome
Look inside:
   curl {}/status
   sqlite3 {folder}/data/tollgate.db 'select * from v_attempts'
Kill it; it is started again, and nothing that was acknowledged is lost:
   kill -9 {}
",
        gateway.ingress,
        curl::line(gateway),
        gateway.admin,
        gateway.pid(),
    );
}
