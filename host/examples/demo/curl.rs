//! A command line for curl that posts a correctly signed event, for people to paste.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::demo::{Demo, PATH};
use crate::gateway::{Gateway, SECRET};

/// The id of the event that the command posts.
const EVENT: &str = "evt_by_curl";

/// Returns the command in two lines: the body, then the signed POST request.
pub(crate) fn line(gateway: &Gateway) -> String {
    let body = format!(
        r#"{{"id":"{EVENT}","type":"customer.created","created":1790000000,"data":{{"object":{{"id":"cus_you","email":"you@example.com","name":"You"}}}}}}"#
    );
    format!(
        r#"body='{body}'; t=$(date +%s)
curl -i {}{PATH} -H 'content-type: application/json' -H "stripe-signature: t=$t,v1=$(printf %s "$t.$body" | openssl dgst -sha256 -hmac {SECRET} -r | cut -d' ' -f1)" --data-binary "$body""#,
        gateway.ingress
    )
}

/// Runs the command and checks the result, if curl and openssl are installed.
pub(crate) async fn check(demo: &mut Demo) -> Result<()> {
    demo.account.act("By hand, with curl and openssl");
    let tools = "command -v curl && command -v openssl";
    if !Command::new("sh")
        .args(["-c", tools])
        .output()?
        .status
        .success()
    {
        demo.account.note("skipped: curl or openssl is missing");
        return Ok(());
    }
    let output = Command::new("sh")
        .args(["-c", &line(&demo.gateway)])
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "curl failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let first = said.lines().next().unwrap_or_default().trim().to_owned();
    demo.account.note(format_args!(
        "the command that the demo prints at its end gets {first}"
    ));
    demo.account
        .expect("curl's answer", first, "HTTP/1.1 200 OK".to_owned());
    demo.ledger.settled().await?;
    let states = demo.ledger.event(EVENT)?.map(|recorded| recorded.states);
    demo.account
        .expect("curl's event", states, Some(vec!["done".to_owned()]));
    Ok(())
}
