//! The versions of the world, by the names of imports.

/// A version of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Version {
    /// `tollgate:handler@0.1.x`
    #[default]
    V0_1,
    /// A draft that no gateway serves, of a version to come.
    #[cfg(test)]
    V0_2,
}

impl Version {
    /// The version in the name of an import, such as `tollgate:handler/types@0.1.0`. `None` if the
    /// import is not of the world, or its name has no version. An error if nobody serves the
    /// version, with the version.
    pub(crate) fn of_import(name: &str) -> Option<Result<Self, &str>> {
        let (_, version) = name.strip_prefix("tollgate:handler/")?.split_once('@')?;
        Some(match version.rsplit_once('.')?.0 {
            "0.1" => Ok(Self::V0_1),
            #[cfg(test)]
            "0.2" => Ok(Self::V0_2),
            _ => Err(version),
        })
    }
}
