//! The listeners of a gateway: bound at the start, and served until the end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::run::core::Core;
use crate::server::{self, Admin, Ingress, Layers, Limits, Redirect};
use crate::settings::Server;

/// The listeners of a gateway.
pub(super) struct Listeners {
    pub(super) ingress: TcpListener,
    pub(super) admin: TcpListener,
    /// Sends plain HTTP to HTTPS.
    pub(super) redirect: Option<TcpListener>,
}

/// An address cannot be listened on.
#[derive(Debug)]
pub(super) struct ListenError {
    pub(super) address: SocketAddr,
    pub(super) error: io::Error,
}

impl Listeners {
    /// Binds the addresses of `[server]`.
    pub(super) async fn bind(server: &Server) -> Result<Self, ListenError> {
        Ok(Self {
            ingress: listen(server.listen).await?,
            admin: listen(server.admin).await?,
            redirect: match &server.redirect {
                Some(redirect) => Some(listen(redirect.listen).await?),
                None => None,
            },
        })
    }

    /// Serves all listeners until `ended` turns true. Returns their tasks.
    pub(super) fn serve(
        self,
        core: &Arc<Core>,
        settings: &Server,
        ended: &watch::Receiver<bool>,
    ) -> Vec<JoinHandle<()>> {
        let Self {
            ingress,
            admin,
            redirect,
        } = self;
        let until = || {
            let mut ended = ended.clone();
            async move {
                // If the sender is gone, the gateway has ended.
                let _ = ended.wait_for(|ended| *ended).await;
            }
        };
        let mut tasks = Vec::new();
        if let Some(listener) = redirect {
            let service = Arc::new(redirect_to(&ingress, core, settings));
            let limits = Limits::of_redirect(settings);
            let layers = core.redirect_layers();
            let serving = server::serve(listener, service, limits, layers, until());
            tasks.push(tokio::spawn(serving));
        }
        let service = Ingress::new(
            core.clone(),
            core.clock.clone(),
            core.rejections.clone(),
            settings.per_address,
            settings.strict,
        );
        let service = Arc::new(service.tapped_by(core.taps.clone()));
        let limits = Limits::of_ingress(settings);
        let layers = core.ingress_layers();
        let serving = server::serve(ingress, service, limits, layers, until());
        tasks.push(tokio::spawn(serving));
        // A listener without a known address counts as one that everybody can reach.
        let address = admin
            .local_addr()
            .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        let service = Arc::new(Admin::new(core.clone(), address, ended.clone()));
        let limits = Limits::of_admin(settings);
        let serving = server::serve(admin, service, limits, Layers::none(), until());
        tasks.push(tokio::spawn(serving));
        tasks
    }
}

/// The service that sends peers to the port of `ingress`, or to the one that the manifest says.
fn redirect_to(ingress: &TcpListener, core: &Core, settings: &Server) -> Redirect {
    let own = ingress.local_addr().map_or(443, |address| address.port());
    let told = settings
        .redirect
        .as_ref()
        .and_then(|redirect| redirect.port);
    Redirect::new(
        told.unwrap_or(own),
        core.tls.challenges(),
        core.rejections.clone(),
        core.clock.clone(),
    )
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| ListenError { address, error })
}
