//! `make demo`: a provider, a shop and an accountant around one running gateway.
//!
//! Starts `tollgate serve` on a copy of `examples/quickstart`, sends it events that
//! Stripe's own SDK has signed, receives what its handlers send out, and tells what
//! became of each. Then it stays up. With `--unattended` it ends instead, and fails if
//! anything in the account is not as it should be.

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
        // Dropping the story ends the gateway, which would else be left behind.
        ended = told_to_end() => ended,
    };
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("\nThe demo cannot go on: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Resolves when this process is told to end by other means than Ctrl-C, which the gateway
/// hears too.
async fn told_to_end() -> Result<bool> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = hung_up.recv() => {}
    }
    bail!("it was told to end")
}

/// The whole of it; whether all was as it should be.
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
    println!("   compiling the handlers to machine code, once; then they come from the cache");
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

/// The port that a person finds easy to remember, if it is free; else any.
async fn choose_address(unattended: bool, port: u16) -> SocketAddr {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    match TcpListener::bind(wanted).await {
        Ok(_) if !unattended => wanted,
        _ => any,
    }
}

/// The `tollgate` program that was built beside this one.
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
