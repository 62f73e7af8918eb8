//! `make demo`: a provider, a shop and an account around one running gateway.
//!
//! The demo starts `tollgate serve` on a copy of `examples/quickstart`, sends events that
//! Stripe's own SDK signed, receives the requests of the handlers, and prints what happened
//! to each event. Then it keeps running. With `--unattended`, it ends instead, and fails if a
//! check of the account fails.

#![expect(
    clippy::print_stdout,
    reason = "the printed account is what this program is for"
)]

mod account;
mod acts;
mod curl;
mod demo;
mod events;
mod gateway;
mod ledger;
mod receiver;
mod signer;
mod stay;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use account::Account;
use demo::Demo;
use gateway::{Gateway, Setup};
use ledger::Ledger;
use signer::Signer;

#[tokio::main]
async fn main() -> ExitCode {
    let unattended = std::env::args()
        .skip(1)
        .any(|argument| argument == "--unattended");
    let told = tokio::select! {
        told = tell(unattended) => told,
        // Dropping the story's future ends the gateway, which would otherwise keep running.
        ended = told_to_end() => ended,
    };
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("\nThe demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Resolves when a signal other than Ctrl-C ends this process. The gateway receives a Ctrl-C
/// too.
async fn told_to_end() -> Result<bool> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = hung_up.recv() => {}
    }
    bail!("a signal ended it")
}

/// Plays the whole demo. Returns true if all checks hold.
async fn tell(unattended: bool) -> Result<bool> {
    let mut demo = start(unattended).await?;
    acts::play(&mut demo).await?;
    if unattended {
        curl::check(&mut demo).await?;
    }
    let good = demo.account.close();
    if !unattended {
        stay::until_interrupted(&mut demo).await?;
    }
    demo.gateway.stop()?;
    Ok(good)
}

/// Sets everything up below `target/demo`.
async fn start(unattended: bool) -> Result<Demo> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the host has no parent")?;
    let scratch = root.join("target/demo");
    let (shop, address) = receiver::open(choose_address(unattended, 9090).await).await?;
    let origin = format!("http://{address}");
    let folder = gateway::copy_walkthrough(root, &scratch, &origin)?;
    let setup = Setup {
        program: program()?,
        log: scratch.join("gateway.log"),
        shop: origin,
        listen: [
            choose_address(unattended, 8080).await.to_string(),
            choose_address(unattended, 8081).await.to_string(),
        ],
        folder,
    };
    let signer = Signer::start(root);
    println!("Tollgate's walk-through, in {}", setup.folder.display());
    println!("   signed by  {}", signer.by);
    println!("   the first start compiles the handlers to machine code; later ones use the cache");
    let gateway = Gateway::start(&setup)?;
    println!(
        "   gateway    {} (process {}), its log in {}",
        gateway.ingress,
        gateway.pid(),
        setup.log.display()
    );
    println!(
        "   shop       {} receives what the handlers send",
        setup.shop
    );
    Ok(Demo {
        account: Account::default(),
        ledger: Ledger::at(&setup.folder.join("data/tollgate.db")),
        plugins: scratch.join("plugins"),
        gateway,
        setup,
        shop,
        signer,
    })
}

/// Returns an address with this easily remembered port if it is free, else with any port.
async fn choose_address(unattended: bool, port: u16) -> SocketAddr {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    match TcpListener::bind(wanted).await {
        Ok(_) if !unattended => wanted,
        _ => any,
    }
}

/// Returns the path of the `tollgate` program that was built beside this one.
fn program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let built = own
        .parent()
        .and_then(Path::parent)
        .context("no target folder")?;
    let program = built.join("tollgate");
    ensure!(
        program.is_file(),
        "{} is missing: run `make build`",
        program.display()
    );
    Ok(program)
}
