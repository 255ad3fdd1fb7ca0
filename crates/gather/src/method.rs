//! The method that targets get which name none: it must be known to whoever decides what may be
//! repeated, not only to whoever sends.

use std::sync::Arc;

use gather_core::{Method, RequestSpec, Target};
use gather_fetch::ClientOptions;

/// The run's own method, where it is not GET.
pub(crate) struct RunMethod(Option<Arc<RequestSpec>>);

impl RunMethod {
    pub(crate) fn of(client: &ClientOptions) -> Self {
        let method = Some(client.method.clone()).filter(|method| *method != Method::GET);
        Self(
            method.map(|method| {
                Arc::new(RequestSpec { method: Some(method), ..RequestSpec::default() })
            }),
        )
    }

    /// Says it in a target that names none.
    pub(crate) fn say_in(&self, target: &mut Target) {
        let Some(run) = &self.0 else { return };
        match &mut target.request {
            None => target.request = Some(Arc::clone(run)),
            Some(own) if own.method.is_none() => {
                Arc::make_mut(own).method.clone_from(&run.method);
            }
            Some(_) => {}
        }
    }
}
