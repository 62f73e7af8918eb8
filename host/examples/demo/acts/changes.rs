//! Changes that take effect while the gateway runs.

use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::demo::Demo;
use crate::events::customer;

/// Edits and compiles a handler's source. The next customer gets the new greeting.
pub(crate) async fn plugin(demo: &mut Demo) -> Result<()> {
    demo.account
        .act("The handler `welcome` is edited and compiled while the gateway runs");
    greet(demo, "before", "Welcome, Barbara!", "Barbara").await?;

    let source = demo.plugins.join("welcome/src/lib.rs");
    let text = fs::read_to_string(&source)?;
    let edited = text.replace(
        "GREETING: &str = \"Welcome\"",
        "GREETING: &str = \"Good to see you\"",
    );
    ensure!(
        edited != text,
        "{} holds no greeting to change",
        source.display()
    );
    fs::write(&source, edited)?;
    demo.account
        .note("edit  GREETING = \"Good to see you\", then plugins/build welcome");
    let before = demo.generation().await?;
    let started = Instant::now();
    let output = Command::new(demo.plugins.join("build"))
        .arg("welcome")
        .output()
        .context("plugins/build cannot be started")?;
    ensure!(
        output.status.success(),
        "plugins/build failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let compiled = started.elapsed();
    let waited = demo
        .until("the new component", |g| g["number"].as_u64() > Some(before))
        .await?;
    demo.account.note(format_args!(
        "compiled in {:.1} s; serving {} ms later",
        compiled.as_secs_f64(),
        waited.as_millis(),
    ));
    greet(demo, "after", "Good to see you, Dorothy!", "Dorothy").await
}

/// Sends a customer and checks the text of the letter.
async fn greet(demo: &mut Demo, when: &str, text: &str, name: &str) -> Result<()> {
    let event = customer(&format!("plugin_{when}"), "customer.created", name, 0);
    demo.send_well(&event, "").await?;
    demo.tell(&event).await?;
    let letters = demo.requests("/mail", "/text", text);
    demo.account
        .expect(&format!("letters that say {text:?}"), letters, 1);
    Ok(())
}

/// Adds a route to the manifest.
pub(crate) async fn manifest(demo: &mut Demo) -> Result<()> {
    demo.account
        .act("The manifest gets a route for customer.updated");
    let before = customer("update_before", "customer.updated", "Edith", 0);
    demo.send_well(&before, "no route yet").await?;
    demo.account
        .expect("deliveries before", demo.recorded(&before)?.deliveries, 0);

    let generation = demo.generation().await?;
    let path = demo.setup.folder.join("tollgate.toml");
    let text = fs::read_to_string(&path)?;
    let edited = text.replace(
        "[\"customer.created\"]",
        "[\"customer.created\", \"customer.updated\"]",
    );
    ensure!(edited != text, "{} has no such route", path.display());
    fs::write(&path, edited)?;
    let waited = demo
        .until("the new manifest", |g| {
            g["number"].as_u64() > Some(generation)
        })
        .await?;
    demo.account.note(format_args!(
        "edit  saved; serving after {} ms",
        waited.as_millis()
    ));

    let after = customer("update_after", "customer.updated", "Frances", 0);
    demo.send_well(&after, "").await?;
    let recorded = demo.tell(&after).await?;
    demo.account
        .expect("states after", recorded.states, vec!["done".to_owned()]);
    Ok(())
}

/// Makes a mistake in the manifest. The last good manifest keeps serving, and the mistake is
/// reported.
pub(crate) async fn mistake(demo: &mut Demo) -> Result<()> {
    demo.account
        .act("A mistake in the manifest: the last good manifest keeps serving");
    let path = demo.setup.folder.join("tollgate.toml");
    let good = fs::read_to_string(&path)?;
    fs::write(
        &path,
        good.replace("handlers = [\"welcome\"]", "handlers = [\"welcom\"]"),
    )?;
    demo.until("the error", |g| !g["error"].is_null()).await?;
    let status = demo.gateway.status().await?;
    let error = status["generation"]["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    error
        .lines()
        .for_each(|line| demo.account.note(format_args!("      {line}")));
    demo.account.expect(
        "the error names the handler",
        error.contains("welcom"),
        true,
    );

    let event = customer("meanwhile", "customer.created", "Hedy", 0);
    demo.send_well(&event, "meanwhile").await?;
    let recorded = demo.tell(&event).await?;
    demo.account
        .expect("states meanwhile", recorded.states, vec!["done".to_owned()]);
    fs::write(&path, good)?;
    demo.until("the fixed manifest", |g| g["error"].is_null())
        .await?;
    demo.account.note("edit  fixed; the error is gone");
    Ok(())
}
