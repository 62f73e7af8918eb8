//! Why the gateway refused a request: its answer tells a sender nothing, so its admin API is asked.

use std::time::Duration;

use tollgate_base::printable::printable;
use tollgate_base::time::WallTime;
use tollgate_ledger::{Listed, RejectionView};

use super::target::Target;
use crate::cli::gateway::{Client, ClientError};
use crate::cli::output::print_error;

/// The gateway writes refused requests down once a second, and lets everything else go first.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(200);

/// Tells on standard error why the gateway refused requests since a time.
pub(super) fn tell(target: &Target, since: WallTime) {
    match asked(target, since) {
        Some(reason) => print_error(format!("the gateway says why: {}", printable(&reason))),
        None => print_error(
            "the gateway tells only its operator why: its log has a line, `tollgate status` counts \
             refused requests, and GET /api/rejections of the admin service lists them",
        ),
    }
}

/// The reason, if the gateway's admin service answers and has written it down.
fn asked(target: &Target, since: WallTime) -> Option<String> {
    let (client, path) = (target.admin()?, target.url.as_ref()?.path());
    for _ in 0..TRIES {
        let found = reason(&client, path, since).ok()?;
        if found.is_some() {
            return found;
        }
        std::thread::sleep(BETWEEN);
    }
    None
}

/// The reason of the newest refusal of a request to this path; `None` if there is none yet.
fn reason(client: &Client, path: &str, since: WallTime) -> Result<Option<String>, ClientError> {
    let query = [("from", since.as_millis().to_string())];
    let listed: Listed<RejectionView> = client.get("/api/rejections", &query)?;
    let here = |view: &RejectionView| view.path.as_deref() == Some(path);
    Ok(listed.items.into_iter().find(here).map(|view| view.reason))
}
