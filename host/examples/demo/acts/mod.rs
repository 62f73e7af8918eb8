//! The acts of the demo's story, one function for each.

mod arrivals;
mod changes;
mod crash;
mod handlers;

use anyhow::Result;

use crate::demo::Demo;

/// Plays all acts in their order.
pub(crate) async fn play(demo: &mut Demo) -> Result<()> {
    handlers::two_events_one_order(demo).await?;
    arrivals::duplicates(demo).await?;
    arrivals::strangers(demo).await?;
    arrivals::unrouted(demo).await?;
    arrivals::burst(demo).await?;
    handlers::dunning(demo).await?;
    handlers::retries(demo).await?;
    changes::plugin(demo).await?;
    changes::manifest(demo).await?;
    changes::mistake(demo).await?;
    crash::kill(demo).await?;
    crash::totals(demo).await
}
