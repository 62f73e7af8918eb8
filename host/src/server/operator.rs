//! The operator who asks the admin service.

use std::borrow::Cow;
use std::sync::Arc;

use crate::settings::Role;

/// The name in records of an operator who says none and presents no token.
const UNNAMED: &str = "admin API";

/// The operator who sent a request to the admin service. Each request has its operator among its
/// extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The name of the token; `None` on loopback without a token.
    pub name: Option<Arc<str>>,
    /// What the operator may do.
    pub role: Role,
}

impl Operator {
    /// Everybody who reaches a listener on loopback that asks for no token.
    pub(crate) const LOCAL: Self = Self {
        name: None,
        role: Role::Operate,
    };

    /// The name for the records of a change. `said` is the name that the request says. It stands
    /// beside the name of the token and not in its place, since a request may say any name.
    pub fn signs<'a>(&'a self, said: Option<&'a str>) -> Cow<'a, str> {
        match (self.name.as_deref(), said) {
            (None, said) => said.unwrap_or(UNNAMED).into(),
            (Some(name), None) => name.into(),
            (Some(name), Some(said)) if said == name => name.into(),
            (Some(name), Some(said)) => format!("{said} ({name})").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_cannot_take_the_name_of_another_token() {
        let of = |name: Option<&str>, said| {
            let operator = Operator {
                name: name.map(Into::into),
                role: Role::Operate,
            };
            operator.signs(said).into_owned()
        };
        assert_eq!(of(None, None), "admin API");
        assert_eq!(of(None, Some("ada")), "ada");
        assert_eq!(of(Some("night"), None), "night");
        assert_eq!(of(Some("night"), Some("night")), "night");
        assert_eq!(of(Some("night"), Some("ada")), "ada (night)");
    }
}
