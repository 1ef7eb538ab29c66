//! Access tokens: cached, refreshed early, fetched anew when Azure Monitor rejects one.
//!
//! A fetch runs in a task of its own, because whoever waits for it does so under a deadline: a fetch that is cancelled
//! with its waiter would begin from scratch for the next one, and a slow identity endpoint would never be heard out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::http::sdk_options;

/// From here on a token is renewed while it still works, so that no event waits for the identity endpoint.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_secs(5 * 60);
/// A token that ends sooner is not used: the call it goes with must end first.
const USABLE_BEFORE_EXPIRY: Duration = Duration::from_secs(10);
/// An identity endpoint that has not answered by then will not.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);
/// The time from one early renewal to the next, whatever came of it: the token at hand still works, and one that lives for
/// minutes only is not asked for with each event.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// The managed identity of the app, as the Azure SDK's credential.
#[derive(Clone)]
pub(crate) struct Identity {
    client: reqwest::Client,
    client_id: Option<String>,
}

impl Identity {
    /// The user-assigned identity `client_id`, or the system-assigned one.
    #[must_use]
    pub(crate) fn new(client: reqwest::Client, client_id: Option<String>) -> Self {
        Self { client, client_id }
    }

    /// A credential with an empty cache, whose fetches outlive whoever waits for them.
    ///
    /// # Errors
    /// When the environment offers no managed identity that the SDK supports.
    pub(crate) fn credential(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let options = ManagedIdentityCredentialOptions {
            user_assigned_id: self.client_id.clone().map(UserAssignedId::ClientId),
            client_options: sdk_options(&self.client),
        };
        Ok(Arc::new(DetachedCredential(ManagedIdentityCredential::new(Some(options))?)))
    }
}

/// A credential whose fetch goes on, and fills the cache, when its caller gives up.
#[derive(Debug)]
struct DetachedCredential(Arc<ManagedIdentityCredential>);

#[async_trait::async_trait]
impl TokenCredential for DetachedCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let inner = Arc::clone(&self.0);
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let fetch = tokio::spawn(async move {
            let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
            let fetch = inner.get_token(&scopes, None);
            tokio::time::timeout(FETCH_TIMEOUT, fetch).await.unwrap_or_else(|_| Err(no_answer()))
        });
        fetch.await.unwrap_or_else(|_| Err(no_answer()))
    }
}

/// A credential for one scope whose tokens are renewed while nobody waits.
struct RenewedCredential(TokenSource);

impl std::fmt::Debug for RenewedCredential {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RenewedCredential")
    }
}

#[async_trait::async_trait]
impl TokenCredential for RenewedCredential {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let cached = self.0.cached().await?;
        Ok(AccessToken::new(cached.bearer.to_string(), cached.expires))
    }
}

fn no_answer() -> azure_core::Error {
    azure_core::Error::with_message(ErrorKind::Credential, "the identity endpoint did not answer")
}

#[derive(Clone)]
struct Cached {
    bearer: Arc<str>,
    expires: OffsetDateTime,
}

#[derive(Default)]
struct State {
    cached: Option<Cached>,
    /// `None` until the first fetch, and again when a token was rejected: the SDK's own cache must go with it.
    credential: Option<Arc<dyn TokenCredential>>,
    /// Before then no early renewal is begun.
    renew_from: Option<Instant>,
    /// When the last fetch ended well.
    fetched: Option<Instant>,
}

struct Shared {
    identity: Identity,
    scope: String,
    state: Mutex<State>,
    /// Held by the one fetch under way.
    fetching: tokio::sync::Mutex<()>,
}

/// Tokens for one scope, shared by all calls.
#[derive(Clone)]
pub(crate) struct TokenSource(Arc<Shared>);

impl TokenSource {
    /// A source for `scope`, for example `https://monitor.azure.com/.default`.
    #[must_use]
    pub(crate) fn new(identity: Identity, scope: String) -> Self {
        Self(Arc::new(Shared {
            identity,
            scope,
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        }))
    }

    /// The value of an `Authorization` header, without `Bearer `.
    ///
    /// # Errors
    /// When no token is cached that still works and the identity endpoint gives none.
    pub(crate) async fn token(&self) -> azure_core::Result<Arc<str>> {
        self.cached().await.map(|cached| cached.bearer)
    }

    async fn cached(&self) -> azure_core::Result<Cached> {
        if let Some(fresh) = self.0.cached_for(REFRESH_BEFORE_EXPIRY) {
            return Ok(fresh);
        }
        if let Some(still_good) = self.0.cached_for(USABLE_BEFORE_EXPIRY) {
            self.renew_early();
            return Ok(still_good);
        }
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move { shared.fetch().await }).await.unwrap_or_else(|_| Err(no_answer()))
    }

    /// These tokens as the Azure SDK takes them, which by itself would wait for a renewal while the old one works.
    #[must_use]
    pub(crate) fn as_credential(&self) -> Arc<dyn TokenCredential> {
        Arc::new(RenewedCredential(self.clone()))
    }

    /// Forgets `rejected`, so that the next [`Self::token`] fetches another.
    /// A token that was replaced in the meantime is not fetched twice.
    pub(crate) fn forget(&self, rejected: &str) {
        let mut state = self.0.lock();
        if state.cached.as_ref().is_some_and(|cached| &*cached.bearer == rejected) {
            *state = State::default();
        }
    }

    /// Whether a token is cached that still works.
    #[must_use]
    pub(crate) fn has_token(&self) -> bool {
        self.0.cached_for(USABLE_BEFORE_EXPIRY).is_some()
    }

    /// Begins a renewal that nobody waits for, one at a time and not too often.
    fn renew_early(&self) {
        let now = Instant::now();
        let mut state = self.0.lock();
        if state.renew_from.is_some_and(|from| now < from) {
            return;
        }
        state.renew_from = Some(now + RENEWAL_PAUSE);
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move { shared.fetch().await });
    }
}

impl Shared {
    /// Fetches a token, unless the fetch before this one brought one.
    async fn fetch(&self) -> azure_core::Result<Cached> {
        let asked = Instant::now();
        let _one_at_a_time = self.fetching.lock().await;
        let is_new = self.lock().fetched.is_some_and(|at| at >= asked);
        if let Some(fetched) = self.cached_for(USABLE_BEFORE_EXPIRY).filter(|_| is_new) {
            return Ok(fetched);
        }
        if let Some(fresh) = self.cached_for(REFRESH_BEFORE_EXPIRY) {
            return Ok(fresh);
        }
        let known = self.lock().credential.clone();
        let credential = match known {
            Some(credential) => credential,
            None => self.identity.credential()?,
        };
        let token = credential.get_token(&[&self.scope], None).await?;
        let bearer: Arc<str> = token.token.secret().into();
        let cached = Cached { bearer, expires: token.expires_on };
        let now = Instant::now();
        *self.lock() = State {
            cached: Some(cached.clone()),
            credential: Some(credential),
            renew_from: Some(now + RENEWAL_PAUSE),
            fetched: Some(now),
        };
        Ok(cached)
    }

    fn cached_for(&self, min: Duration) -> Option<Cached> {
        let state = self.lock();
        let cached = state.cached.as_ref()?;
        (cached.expires - OffsetDateTime::now_utc() > min).then(|| cached.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
