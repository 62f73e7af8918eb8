//! The versions of the world `tollgate:handler/handler`.
//!
//! Each released version is a module, and the enums here have one variant for each. All versions
//! are linked beside each other, so a component that was built against an older one runs unchanged.

use wasmtime::Store;
use wasmtime::component::{InstancePre, Linker};

use crate::bindings::v0_1 as bindings_v0_1;
use crate::call::Call;
use crate::outcome::End;
use crate::v0_1;
#[cfg(test)]
use crate::v0_2;
use crate::version::Version;
use tollgate_ledger::Delivery;

/// A linked component, by the version that it was built against.
pub(crate) enum World {
    V0_1(bindings_v0_1::HandlerPre<Call>),
    #[cfg(test)]
    V0_2(v0_2::HandlerPre<Call>),
}

/// An instance of a component.
pub(crate) enum Instance {
    V0_1(bindings_v0_1::Handler),
    #[cfg(test)]
    V0_2(v0_2::Handler),
}

impl World {
    /// Adds the functions that components of any version import.
    pub(crate) fn add_to_linker(linker: &mut Linker<Call>) -> wasmtime::Result<()> {
        #[cfg(test)]
        v0_2::add_to_linker(linker)?;
        v0_1::add_to_linker(linker)
    }

    /// The component by its version. An error if its export does not fit the version.
    pub(crate) fn new(version: Version, pre: InstancePre<Call>) -> wasmtime::Result<Self> {
        Ok(match version {
            Version::V0_1 => Self::V0_1(bindings_v0_1::HandlerPre::new(pre)?),
            #[cfg(test)]
            Version::V0_2 => Self::V0_2(v0_2::HandlerPre::new(pre)?),
        })
    }

    pub(crate) fn code(&self) -> &wasmtime::component::Component {
        match self {
            Self::V0_1(pre) => pre.instance_pre().component(),
            #[cfg(test)]
            Self::V0_2(pre) => pre.instance_pre().component(),
        }
    }

    pub(crate) fn instantiate(&self, store: &mut Store<Call>) -> wasmtime::Result<Instance> {
        Ok(match self {
            Self::V0_1(pre) => Instance::V0_1(pre.instantiate(store)?),
            #[cfg(test)]
            Self::V0_2(pre) => Instance::V0_2(pre.instantiate(store)?),
        })
    }

    /// As [`instantiate`](Self::instantiate), for a guest that may wait.
    pub(crate) async fn instantiate_async(
        &self,
        store: &mut Store<Call>,
    ) -> wasmtime::Result<Instance> {
        Ok(match self {
            Self::V0_1(pre) => Instance::V0_1(pre.instantiate_async(store).await?),
            #[cfg(test)]
            Self::V0_2(pre) => Instance::V0_2(pre.instantiate_async(store).await?),
        })
    }
}

impl Instance {
    /// Calls `handle`.
    pub(crate) fn call(
        &self,
        store: &mut Store<Call>,
        delivery: &Delivery,
    ) -> wasmtime::Result<End> {
        match self {
            Self::V0_1(handler) => v0_1::call(handler, store, delivery),
            #[cfg(test)]
            Self::V0_2(handler) => v0_2::call(handler, store, delivery),
        }
    }

    /// Calls `handle` of a guest that may wait.
    pub(crate) async fn call_async(
        &self,
        store: &mut Store<Call>,
        delivery: &Delivery,
    ) -> wasmtime::Result<End> {
        match self {
            Self::V0_1(handler) => v0_1::call_async(handler, store, delivery).await,
            #[cfg(test)]
            Self::V0_2(handler) => v0_2::call(handler, store, delivery),
        }
    }
}
