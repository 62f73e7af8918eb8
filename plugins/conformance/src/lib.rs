//! A handler that does what its events say: the guest that the gateway's own
//! tests drive.
//!
//! The payload is JSON. Either one step, `{"do": "loop"}`, or several, run in
//! order: `{"steps": [{"do": "set", "key": "k", "value": "v"}, …]}`. See [`program::Step`] for
//! all of them. Other fields of the payload (an `id`, a `type`) are ignored, so that
//! the same bytes may be a provider's event. The steps may also stand below
//! `/data/object` or `/data/object/metadata/steps` (as JSON text), where an event of
//! Stripe has room for them. After the last step the handler is done.
//!
//! What a step finds out, it logs at level `info` under its own name, as fields of
//! text: `get` logs `key` and `value`. A call that the gateway refuses is logged
//! as `refused`, with fields `step` and `error`, and the run goes on, unless the step
//! has `"must": true`: then it is rejected with the error.

mod hostile;
mod program;
mod steps;
#[cfg(test)]
mod tests;

use tollgate_handler::prelude::*;

use program::Program;

tollgate_handler::handler!(handle);

fn handle(event: Event) -> Result<Outcome, Failure> {
    for item in Program::of(&event)?.steps {
        let name = item.step.name();
        match steps::run(&event, item.step) {
            Ok(None) => {}
            Ok(Some(end)) => return end,
            Err(error) if item.must => return Err(reject(format!("{name}: {error}"))),
            Err(error) => log::info!("refused", step = name, error = error),
        }
    }
    done()
}
