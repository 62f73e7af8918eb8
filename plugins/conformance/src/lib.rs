//! A handler that runs the steps that its events name. The gateway's own tests use it as a guest.
//!
//! The payload is JSON: either one step, `{"do": "loop"}`, or several steps in order, `{"steps":
//! [{"do": "set", "key": "k", "value": "v"}, …]}`. See [`program::Step`] for all steps. Other
//! fields of the payload (an `id`, a `type`) are ignored, so the same bytes can be a provider's
//! event. The steps may also be below `/data/object`, or below `/data/object/metadata/steps` as
//! JSON text: these are places that an event of Stripe has for them. After the last step, the
//! handler is done.
//!
//! A step logs its result at level `info` under its own name, with fields of text: `get` logs
//! `key` and `value`. If the gateway refuses a call, the handler logs `refused` with the fields
//! `step` and `error`, and the run goes on. If the step has `"must": true`, the handler rejects
//! the event with the error instead.

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
