//! The memory of the gateway with 1, 100 and 1,000 handlers, each with its own component.

use std::fs;

use anyhow::Result;

use crate::gateway::{Gateway, preamble, route};
use crate::load;
use crate::options::Options;
use crate::payload::{Batch, Kind};
use crate::reload::version;
use crate::report::Report;

const PART: &str = "memory";

/// Starts a gateway for each number of handlers.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let folder = options.scratch.join("memory");
    let plugins = folder.join("plugins");
    fs::create_dir_all(&plugins)?;
    let original = fs::read(options.component("fulfillment"))?;
    for count in [1, 100, 1000] {
        let mut manifest = preamble(&plugins);
        for n in 0..count {
            let file = plugins.join(format!("h{n}.wasm"));
            if !file.is_file() {
                fs::write(&file, version(&original, n))?;
            }
            manifest.push_str(&format!(
                "[handlers.h{n}]\ncomponent = \"h{n}.wasm\"\nconfig = {{ warehouse_url = \"http://127.0.0.1:1/\" }}\n"
            ));
        }
        manifest.push_str(&route("payment_intent.canceled", "h0"));
        // The first start compiles. The second start finds compiled code, like any later
        // start.
        drop(Gateway::fresh(&folder, &manifest)?);
        let gateway = Gateway::fresh(&folder, &manifest)?;
        load::send(gateway.ingress, Batch::of(Kind::Unrouted, 100)?, 4, None)?;
        let name = format!("{count} handlers, each with its own component");
        report.figure(
            PART,
            format!("{name}: resident"),
            "MiB",
            vec![gateway.memory("VmRSS:")?],
        );
        report.figure(
            PART,
            format!("{name}: of that, not files"),
            "MiB",
            vec![gateway.memory("RssAnon:")?],
        );
    }
    Ok(())
}
