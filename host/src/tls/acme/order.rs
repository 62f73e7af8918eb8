//! One order: from the account to the certificate.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, ExternalAccountKey,
    Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use super::challenges::{ChallengeError, Challenges};
use super::client::Client;
use super::store::Store;
use crate::certificates::{Certificate, CertificateError};
use crate::egress::{error_chain, system_roots};
use crate::settings::{Acme, Challenge};

/// How the state of an order is asked for.
const ASK: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .backoff(1.5)
    .timeout(Duration::from_secs(120));

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(in crate::tls) enum OrderError {
    /// The authority cannot be reached, or refuses.
    #[error("{}", error_chain(.0))]
    Authority(instant_acme::Error),
    /// The authority has none of the challenges that this side answers.
    #[error("the authority does not offer the challenge {0:?} for {1}")]
    NoChallenge(Challenge, String),
    /// The authority did not find the domains here.
    #[error("{0}")]
    NotHere(String),
    /// The answer to a challenge cannot be made.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    /// The request for the certificate cannot be made.
    #[error("the request for the certificate cannot be made")]
    Request(#[from] rcgen::Error),
    /// The certificate of the authority cannot be used.
    #[error("the certificate that the authority issued cannot be used")]
    Certificate(#[from] CertificateError),
    /// The data folder cannot be written.
    #[error("the data folder cannot be written")]
    Store(#[from] io::Error),
    /// The order took too long.
    #[error("the order was not complete in time")]
    Late,
}

impl From<instant_acme::Error> for OrderError {
    fn from(error: instant_acme::Error) -> Self {
        Self::Authority(error)
    }
}

/// Orders a certificate, and keeps it in `store`.
///
/// # Errors
/// There is no certificate, and nothing has changed.
pub(in crate::tls) async fn order(
    acme: &Acme,
    store: &Store,
    challenges: &Challenges,
) -> Result<Certificate, OrderError> {
    let account = account(acme, store).await?;
    let identifiers: Vec<_> = acme.domains.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    let answered = answer(acme, challenges, &mut order).await;
    let ready = match answered {
        Ok(()) => order.poll_ready(&ASK).await.map_err(OrderError::from),
        Err(error) => Err(error),
    };
    challenges.clear();
    if ready? != OrderStatus::Ready {
        return Err(OrderError::NotHere(reason(&mut order).await));
    }
    let mut params = CertificateParams::new(acme.domains.clone())?;
    params.distinguished_name = DistinguishedName::new();
    let key = KeyPair::generate()?;
    let request = params.serialize_request(&key)?;
    order.finalize_csr(request.der()).await?;
    let chain = order.poll_certificate(&ASK).await?;
    let key = Store::pem_of(&key);
    let certificate = Certificate::read(chain.as_bytes(), key.as_bytes())?;
    store.keep(acme, &chain, &key)?;
    Ok(certificate)
}

/// The account that is kept, or a new one.
async fn account(acme: &Acme, store: &Store) -> Result<Account, OrderError> {
    let roots = acme.roots.clone();
    let roots = roots.unwrap_or_else(|| Arc::new(system_roots()));
    let builder = Account::builder_with_http(Box::new(Client::new(roots)));
    if let Some(kept) = store.account(acme)
        && let Ok(credentials) = serde_json::from_slice::<AccountCredentials>(&kept)
    {
        return Ok(builder.from_credentials(credentials).await?);
    }
    let contact: Vec<_> = acme.contact.iter().map(String::as_str).collect();
    let new = NewAccount {
        contact: &contact,
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let external = acme.external_account.as_ref();
    let external = external.map(|of| ExternalAccountKey::new(of.id.clone(), of.key.expose()));
    let (account, credentials) = builder
        .create(&new, acme.directory.clone(), external.as_ref())
        .await?;
    let credentials = serde_json::to_vec(&credentials).map_err(io::Error::from)?;
    store.keep_account(acme, &credentials)?;
    Ok(account)
}

/// Answers a challenge for each domain that is not authorized yet.
async fn answer(acme: &Acme, challenges: &Challenges, order: &mut Order) -> Result<(), OrderError> {
    let kind = match acme.challenge {
        Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        Challenge::Http01 => ChallengeType::Http01,
    };
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let domain = authorization.identifier().to_string();
        let Some(mut challenge) = authorization.challenge(kind.clone()) else {
            return Err(OrderError::NoChallenge(acme.challenge, domain));
        };
        let proof = challenge.key_authorization();
        match acme.challenge {
            Challenge::TlsAlpn01 => challenges.answer_tls(&domain, proof.digest().as_ref())?,
            Challenge::Http01 => challenges.answer_http(&challenge.token, proof.as_str()),
        }
        challenge.set_ready().await?;
    }
    Ok(())
}

/// What the authority says about the challenges of an order that failed.
async fn reason(order: &mut Order) -> String {
    let mut said = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if authorization.refresh().await.is_err() {
            continue;
        }
        let domain = authorization.identifier().to_string();
        let errors = authorization.challenges.iter();
        let errors = errors.filter_map(|challenge| challenge.error.as_ref());
        said.extend(errors.map(|error| format!("{domain}: {error}")));
    }
    match said.is_empty() {
        true => "the authority refused the order without a reason".to_owned(),
        false => said.join("; "),
    }
}
