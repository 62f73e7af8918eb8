//! Components that go on in another engine.

use std::sync::Arc;

use crate::component::Component;
use crate::sandbox::Sandbox;

impl Sandbox {
    /// The component for the present runtime, if the component was linked for an earlier one.
    /// `None` if the component can be used as it is, and if its code is not in the cache.
    pub(crate) fn moved(&self, component: &Component) -> Option<Arc<Component>> {
        if self.runtime.runs_on(&component.running) {
            return None;
        }
        let runtime = self.runtime.get();
        let mut moved = runtime.moved.lock();
        if let Some(component) = moved.get(&component.digest) {
            return Some(component.clone());
        }
        let Some(compiled) = self.cache.find(&runtime.running.engine, component.digest) else {
            tracing::warn!(
                component = %component.digest,
                "runs go on in the earlier engine, because the compiled code is not in the cache"
            );
            return None;
        };
        match runtime.link(&compiled, component.digest, component.imports) {
            Ok(linked) => {
                let linked = Arc::new(linked);
                moved.insert(component.digest, linked.clone());
                Some(linked)
            }
            Err(error) => {
                tracing::error!(component = %component.digest, %error, "a component cannot be linked anew");
                None
            }
        }
    }
}
