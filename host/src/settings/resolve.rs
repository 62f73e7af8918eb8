//! `resolve` of a source: asking the provider's API for the objects of thin events.

use std::fmt;
use std::time::Duration;

use tollgate_base::origin::Origin;
use tollgate_base::rate::Rate;
use tollgate_base::secret::{Secret, equal};

use super::network::Network;

/// `resolve` of a source: how the provider's API is asked for what thin events leave out.
#[derive(Clone)]
pub struct Resolve {
    /// `key`: the API key. It goes to `origin` alone.
    pub key: Secret,
    /// `version`: the `Stripe-Version` of every request, which gives the objects their shape.
    pub version: String,
    /// `object`: whether to ask for the object that an event is about. Default: true.
    pub object: bool,
    /// `event`: whether to ask for the event with its `data` and `changes`. Default: false.
    pub event: bool,
    /// `host`: where the API is. Default: `https://api.stripe.com`.
    pub origin: Origin,
    /// `addresses`: networks that `origin` may be in although they are not public, with `origin`
    /// itself if it is an address.
    pub addresses: Vec<Network>,
    /// `rate`: how many requests go out in so much time. Default: 100 a second with a key of the
    /// live mode, 25 with any other.
    pub rate: Rate,
    /// `timeout`: how long one answer may take. Default: 10 s.
    pub timeout: Duration,
    /// `answer_limit`: the bytes of one answer. Default: 1 MiB.
    pub answer_limit: usize,
}

/// The mode of a provider's account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// Real money.
    Live,
    /// A sandbox.
    Test,
}

impl Mode {
    /// The mode of a Stripe key, by its prefix. `None` if the key does not tell.
    pub fn of_key(key: &Secret) -> Option<Self> {
        let begins = |text: &str| key.expose().starts_with(text.as_bytes());
        let kinds = ["sk", "rk", "sk_org"];
        if kinds.iter().any(|kind| begins(&format!("{kind}_live_"))) {
            Some(Self::Live)
        } else if kinds.iter().any(|kind| begins(&format!("{kind}_test_"))) {
            Some(Self::Test)
        } else {
            None
        }
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl Resolve {
    /// The mode of the key.
    pub fn mode(&self) -> Option<Mode> {
        Mode::of_key(&self.key)
    }

    /// Whether both settings ask the same questions in the same way, so that what one met, the
    /// other would meet.
    pub fn same(&self, other: &Self) -> bool {
        let asked = |of: &Self| (of.object, of.event, of.timeout, of.answer_limit);
        equal(self.key.expose(), other.key.expose())
            && self.version == other.version
            && self.origin == other.origin
            && self.addresses == other.addresses
            && asked(self) == asked(other)
    }
}

impl fmt::Debug for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolve")
            .field("version", &self.version)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
