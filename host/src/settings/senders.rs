//! Warnings about sources that refuse senders by mistake.

use std::net::IpAddr;

use tollgate_base::time::WallTime;

use super::manifest::Manifest;
use super::source::Source;

/// A list that is older than a year gets a warning. Providers add addresses every year or two, and
/// a list without a new address refuses the provider.
const OLD_DAYS: u64 = 365;

impl Manifest {
    /// Warnings for the operator about `allow_from`: published lists that are old at `now`, and
    /// lists that no sender can be in.
    pub fn allow_from_warnings(&self, now: WallTime) -> Vec<String> {
        let listen = self.server.listen.ip();
        let hidden = listen.to_canonical().is_loopback() && self.server.trusted_proxies.is_empty();
        let sources = self.sources.values();
        sources
            .flat_map(|source| {
                let hidden = hidden.then(|| hidden_senders(source, listen)).flatten();
                [old_list(source, now), hidden]
            })
            .flatten()
            .collect()
    }
}

/// The warning about a source whose senders all have the address of a proxy on this machine.
fn hidden_senders(source: &Source, listen: IpAddr) -> Option<String> {
    let allowed = source.allow_from.as_ref()?;
    (!allowed.allows(listen)).then(|| {
        format!(
            "source `{}`: `listen` is a loopback address, so every sender has the address of the proxy \
             on this machine, and `allow_from` refuses them all: name the proxy in `trusted_proxies`",
            source.name.as_str()
        )
    })
}

fn old_list(source: &Source, now: WallTime) -> Option<String> {
    let list = source.allow_from.as_ref()?.published?;
    let days = list.days(now);
    (days > OLD_DAYS).then(|| {
        format!(
            "source `{}`: the provider's list of addresses is {days} days old: compare it with {}, \
             and name what is new in `allow_from`",
            source.name.as_str(),
            list.page
        )
    })
}
