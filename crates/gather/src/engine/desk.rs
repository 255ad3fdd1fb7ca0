//! For a program that submits targets for as long as it lives: records come back to a function.

use std::fmt;
use std::sync::Arc;

use gather_core::{Record, Target, TargetNo};

use super::Engine;
use super::fetching::{SubmitError, handed_over};
use crate::asker::{Back, Hook};

/// Targets go in one by one, and each record goes to the function that [`Engine::desk`] was given.
///
/// It costs neither a channel nor a future for each target. Dropping it cancels nothing.
#[derive(Clone)]
pub struct Desk {
    engine: Engine,
    hook: Arc<Hook>,
}

impl Desk {
    pub(super) fn new(
        engine: Engine,
        on_record: impl Fn(TargetNo, Option<Record>) + Send + Sync + 'static,
    ) -> Self {
        let hook = move |n, record: Option<Box<Record>>| {
            on_record(n, record.map(|record| handed_over(*record)));
        };
        Self { engine, hook: Arc::new(hook) }
    }

    /// Submits one target, if there is room for it; its record carries the number it has.
    ///
    /// # Errors
    /// [`SubmitError::Busy`] with the target if the engine holds as many as it may, and
    /// [`SubmitError::Stopped`] if it has stopped: then the function is told so, too.
    pub fn try_submit(&self, target: Target) -> Result<(), SubmitError> {
        let entrance = &self.engine.0.entrance;
        let n = target.n;
        let target = entrance.read(target, Some(n)).map_err(SubmitError::Invalid)?;
        match entrance.try_place() {
            Some(place) => {
                let back = Back::Hook(Arc::clone(&self.hook));
                Ok(entrance.submit(target, back, place)?)
            }
            None => Err(SubmitError::Busy(Box::new(target))),
        }
    }

    /// The engine behind it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("engine", &self.engine).finish_non_exhaustive()
    }
}
