//! Makes, lists and deletes clients, and signs them in.

use super::account_service::is_fresh;
use super::error::{ClientError, Failure};
use super::revocation_service::RevocationService;
use super::tokens::secret_token::SecretToken;
use super::tokens::token_issuer::TokenIssuer;
use crate::config::LONGEST_REFUSAL;
use crate::models::accounts::actor::Actor;
use crate::models::clients::client::{Client, scopes};
use crate::models::sessions::revocation::{Refused, Revocation};
use crate::repositories::clients::client_repository::ClientRepository;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use backing::Clock;
use contracts::{ClientId, text};
use runtime::Caller;
use runtime::page::{Page, PageRequest};
use secrecy::SecretString;
use std::time::Duration;

/// How long after its end a token may still be accepted, because clocks differ.
const SLACK: Duration = Duration::from_secs(60);

/// The kind of clients' secrets.
#[derive(Clone)]
pub(crate) struct Secret;

/// A client that has just got a secret, which nobody can read again.
pub(crate) struct Made {
    pub(crate) client: Client,
    pub(crate) secret: SecretString,
}

/// A client's access token.
pub(crate) struct ClientToken {
    pub(crate) access_token: SecretString,
    pub(crate) expires_in: Duration,
    /// What it admits to.
    pub(crate) scope: String,
}

/// Works on clients.
#[derive(Clone)]
pub(crate) struct ClientService {
    pub(crate) clients: ClientRepository,
    pub(crate) issuer: TokenIssuer,
    pub(crate) revocations: RevocationService,
    pub(crate) clock: Clock,
}

impl ClientService {
    /// Whether this caller may get credentials that outlive their sign-in.
    ///
    /// Errors: `ReauthenticationRequired`
    pub(crate) fn demand_fresh(&self, caller: &Caller) -> Result<(), ClientError> {
        if is_fresh(caller, self.clock.now()) {
            Ok(())
        } else {
            Err(ClientError::ReauthenticationRequired)
        }
    }

    /// Makes a client.
    ///
    /// Errors: `Invalid`, or what the database reports
    pub(crate) async fn create(&self, name: &str, listed: &[String], actor: &Actor) -> Result<Made, ClientError> {
        create(&self.clients, &self.clock, (name, listed), actor).await
    }

    /// A page of clients, in the order in which they were made.
    pub(crate) async fn list(&self, page: &PageRequest<ClientId>) -> Result<Page<Client>, Failure> {
        Ok(self.clients.page(page).await?)
    }

    /// Gives a client a new secret; the old one is good for nothing from now on, and tokens that it got stay.
    pub(crate) async fn renew_secret(&self, id: ClientId, actor: &Actor) -> Result<Made, ClientError> {
        let secret = SecretToken::<Secret>::generate()?;
        let renewed = self.clients.renew(id, secret.hash(), actor, self.clock.now()).await?;
        let client = renewed.ok_or(ClientError::NotFound)?;
        Ok(Made {
            client,
            secret: secret.text(),
        })
    }

    /// Deletes a client; its tokens are refused, and what it has opened ends.
    pub(crate) async fn delete(&self, id: ClientId, actor: &Actor) -> Result<(), ClientError> {
        let (now, until) = (self.clock.now(), self.clock.now() + LONGEST_REFUSAL);
        let removed = self.clients.remove(id, actor, (now, until)).await;
        if removed.is_err() {
            // It is in force in this process although it can't be stored now; its admin asks again.
            self.revocations.feed().end_client(id, until);
        }
        self.revocations.apply(&removed?.ok_or(ClientError::NotFound)?);
        Ok(())
    }

    /// The client whose credentials these are.
    ///
    /// Errors: `InvalidClient`, whatever is wrong with them
    pub(crate) async fn authenticate(&self, id: &str, secret: &str) -> Result<Client, ClientError> {
        let id = id.parse().map_err(|_| ClientError::InvalidClient)?;
        let given = SecretToken::<Secret>::parse(secret).ok_or(ClientError::InvalidClient)?;
        let (client, hash) = self.clients.find(id).await?.ok_or(ClientError::InvalidClient)?;
        let is_right = verify_slices_are_equal(&given.hash().0, &hash.0).is_ok();
        is_right.then_some(client).ok_or(ClientError::InvalidClient)
    }

    /// Signs a token for a client, with the scopes that it asks for or all that it has.
    ///
    /// Errors: `InvalidScope` for one that it has not
    pub(crate) fn token(&self, client: &Client, wanted: Option<&str>) -> Result<ClientToken, ClientError> {
        let scope = client.granted(wanted).ok_or(ClientError::InvalidScope)?;
        Ok(ClientToken {
            access_token: self.issuer.issue_to_client(client.id, &scope, self.clock.now())?,
            expires_in: self.issuer.lifetime(),
            scope,
        })
    }

    /// The client that got an access token, also one that has run out.
    pub(crate) fn owner_of(&self, token: &str) -> Option<ClientId> {
        self.issuer.client_of(token).map(|(client, ..)| client)
    }

    /// Refuses a client's access token from now on.
    pub(crate) async fn revoke(&self, token: &str) -> Result<(), Failure> {
        let (now, until) = (self.clock.now(), self.clock.now() + LONGEST_REFUSAL);
        let Some((_, token, ends)) = self.issuer.client_of(token) else {
            return Ok(());
        };
        if ends + SLACK < now {
            return Ok(());
        }
        self.revocations.feed().end_token(token, until);
        let revocation = Revocation::of_clients(Refused::Token(token), until);
        self.clients.refuse(&revocation, now).await?;
        self.revocations.apply(&revocation);
        Ok(())
    }
}

/// Makes a client in the database, also while no server runs.
pub(crate) async fn create(
    clients: &ClientRepository,
    clock: &Clock,
    (name, listed): (&str, &[String]),
    actor: &Actor,
) -> Result<Made, ClientError> {
    let (title, granted) = (text::title(name), scopes(listed));
    let wrong: Vec<_> = [("name", title.as_ref().err()), ("scopes", granted.as_ref().err())]
        .into_iter()
        .filter_map(|(field, why)| Some((field, *why?)))
        .collect();
    let (Ok(name), Ok(scopes)) = (title, granted) else {
        return Err(ClientError::Invalid(wrong));
    };
    let (now, secret) = (clock.now(), SecretToken::<Secret>::generate()?);
    let client = Client {
        id: ClientId::generate(),
        name,
        scopes,
        created_at: now,
        renewed_at: now,
    };
    clients.insert(&client, secret.hash(), actor).await?;
    Ok(Made {
        client,
        secret: secret.text(),
    })
}
