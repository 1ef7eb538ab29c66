//! The calls, as Humanbound's own client makes them: `hb` 2.13.0, `humanbound_cli/client.py`.

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, Request, Url};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::answer::{self, Object, judge, list, object, odd};
use super::connector::is_ingest;
use super::credentials::{Login, Pass};
use super::models::{
    Deletion, Deliveries, Delivery, NewWebhook, Organisation, Project, Replay, Replayed, Tested, Webhook,
    number,
};
use super::wire::{Answer, Timing, Wire};
use super::{Error, base_url};
use crate::config::PlatformSettings;

/// Projects a page; the API's own default is 20.
const PAGE: usize = 100;
/// A bound on the pages, for a platform that always says that there are more.
const MAX_PAGES: usize = 1000;

/// The kind of login, to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMode {
    /// With an API key.
    Key,
    /// With the session of `hb login`.
    Session {
        /// When it ends, as far as the credentials say.
        expires_at: Option<OffsetDateTime>,
    },
}

/// A client for one organisation of one platform.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    login: Login,
    base_url: Url,
    organisation: Option<String>,
}

/// A call before its credential.
struct Call<'a> {
    method: Method,
    path: &'a [&'a str],
    query: &'a [(&'a str, String)],
    body: Option<Vec<u8>>,
    /// Sent as the header `organisation_id`, by routes that do not have it in their path.
    organisation: Option<&'a str>,
}

impl<'a> Call<'a> {
    fn new(method: Method, path: &'a [&'a str]) -> Self {
        Self { method, path, query: &[], body: None, organisation: None }
    }

    fn body(mut self, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Setup { detail: error.to_string() })?;
        self.body = Some(body);
        Ok(self)
    }
}

impl Client {
    /// Finds the credentials, the base URL (`HUMANBOUND_BASE_URL`, else the credentials', else the platform's own) and
    /// the organisation (`organisation`, else `HUMANBOUND_ORG_ID`, else the credentials'). Calls nothing.
    ///
    /// # Errors
    /// When there is no login, or something that was set cannot be used.
    pub fn open(
        settings: &PlatformSettings,
        organisation: Option<&str>,
        timing: Timing,
    ) -> Result<Self, Error> {
        let named = organisation.map(str::to_owned).or_else(|| settings.organisation.clone());
        if settings.api_key.is_some() && named.is_none() {
            return Err(Error::KeyWithoutOrganisation);
        }
        let login = Login::find(settings)?;
        let (saved_organisation, saved_url) = match &login {
            Login::Key(_) => (None, None),
            Login::Session(session) => (session.organisation.clone(), session.base_url.clone()),
        };
        let base_url = match (&settings.base_url, &saved_url) {
            (Some(url), _) => base_url::parse("`HUMANBOUND_BASE_URL`", url)?,
            (None, Some(url)) => base_url::parse("`base_url` in the credentials of `hb`", url)?,
            (None, None) => base_url::parse("the default base URL", base_url::DEFAULT)?,
        };
        let wire = Wire::new(settings, timing)?;
        Ok(Self { wire, login, base_url, organisation: named.or(saved_organisation) })
    }

    /// The base URL that is called.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// The id of the organisation, as it was given.
    ///
    /// # Errors
    /// When none was.
    pub fn organisation(&self) -> Result<&str, Error> {
        self.organisation.as_deref().ok_or(Error::NoOrganisation)
    }

    /// The kind of login.
    pub async fn login_mode(&self) -> LoginMode {
        match &self.login {
            Login::Key(_) => LoginMode::Key,
            Login::Session(session) => LoginMode::Session { expires_at: session.expires_at().await },
        }
    }

    /// Seconds by which this machine's clock is ahead of the platform's, by its last answer; `None` below five minutes.
    #[must_use]
    pub fn clock_off(&self) -> Option<i64> {
        self.wire.clock_off()
    }

    /// The organisations that the caller belongs to.
    ///
    /// # Errors
    /// As every call: see [`Error`].
    pub async fn organisations(&self) -> Result<Vec<Organisation>, Error> {
        let answer = self.call(Call::new(Method::GET, &["organisations"])).await?;
        let (items, _) = list(&answer.body)?;
        all(&items, Organisation::read, &answer)
    }

    /// All projects of the organisation.
    ///
    /// # Errors
    /// As every call: see [`Error`].
    pub async fn projects(&self) -> Result<Vec<Project>, Error> {
        let organisation = self.organisation()?;
        let mut projects = Vec::new();
        for page in 1..=MAX_PAGES {
            let query = [("page", page.to_string()), ("size", PAGE.to_string())];
            let mut call = Call::new(Method::GET, &["projects"]);
            call.query = &query;
            call.organisation = Some(organisation);
            let answer = self.call(call).await?;
            let (items, rest) = list(&answer.body)?;
            projects.extend(all(&items, Project::read, &answer)?);
            let has_next = rest.get("has_next_page").and_then(Value::as_bool).unwrap_or(false);
            if !has_next || items.is_empty() {
                return Ok(projects);
            }
        }
        Err(Error::OddBody { detail: format!("the list of projects does not end after {MAX_PAGES} pages") })
    }

    /// The organisation's webhooks; there are ten at most.
    ///
    /// # Errors
    /// As every call: see [`Error`].
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, Error> {
        let answer = self.webhook_call(Method::GET, &[], None::<&()>).await?;
        let (items, _) = list(&answer.body)?;
        all(&items, Webhook::read, &answer)
    }

    /// Those of them that lead to a connector, whoever made them.
    ///
    /// # Errors
    /// As every call: see [`Error`].
    pub async fn webhooks_to_connectors(&self) -> Result<Vec<Webhook>, Error> {
        let all = self.webhooks().await?;
        Ok(all.into_iter().filter(|webhook| is_ingest(&webhook.url)).collect())
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone; else as every call.
    pub async fn webhook(&self, id: &str) -> Result<Webhook, Error> {
        let answer = self.webhook_call(Method::GET, &[id], None::<&()>).await?;
        Webhook::read(&object(&answer.body)?).ok_or_else(|| odd("a webhook", &answer.body))
    }

    /// Creates a webhook, active from the start. Never repeated.
    ///
    /// # Errors
    /// [`Error::Unclear`] when it may exist now, also after a success that names no id: list before trying again.
    pub async fn create_webhook(&self, new: &NewWebhook<'_>) -> Result<Webhook, Error> {
        let body = serde_json::json!({
            "url": new.url,
            "secret": new.secret,
            "name": new.name,
            "event_types": new.event_types,
            "is_active": true,
        });
        let answer = self.webhook_call(Method::POST, &[], Some(&body)).await?;
        let webhook = object(&answer.body).ok().as_ref().and_then(Webhook::read);
        webhook.ok_or_else(|| Error::Unclear {
            status: Some(answer.status.as_u16()),
            reason: "the answer names no id".to_owned(),
        })
    }

    /// Switches a webhook on or off. The call may be repeated.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone; else as every call.
    pub async fn set_webhook_active(&self, id: &str, active: bool) -> Result<(), Error> {
        let body = serde_json::json!({ "is_active": active });
        self.webhook_call(Method::PUT, &[id], Some(&body)).await.map(drop)
    }

    /// Leads a webhook to another URL; its secret stays. It can be made again.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone; else as every call.
    pub async fn set_webhook_url(&self, id: &str, url: &str) -> Result<(), Error> {
        let body = serde_json::json!({ "url": url });
        self.webhook_call(Method::PUT, &[id], Some(&body)).await.map(drop)
    }

    /// Deletes a webhook; one that is gone already is a success.
    ///
    /// # Errors
    /// As every call: see [`Error`].
    pub async fn delete_webhook(&self, id: &str) -> Result<Deletion, Error> {
        match self.webhook_call(Method::DELETE, &[id], None::<&()>).await {
            Ok(_) => Ok(Deletion::Deleted),
            Err(Error::NotFound { .. }) => Ok(Deletion::NotThere),
            Err(error) => Err(error),
        }
    }

    /// Asks the platform to deliver a test event now. A success does not prove that it arrived. Never repeated.
    ///
    /// # Errors
    /// [`Error::Unclear`] on 5xx, with which the platform also reports that the delivery failed; else as every call.
    pub async fn test_webhook(&self, id: &str) -> Result<Tested, Error> {
        let answer = self.webhook_call(Method::POST, &[id, "test"], None::<&()>).await?;
        Ok(object(&answer.body).map(|object| Tested::read(&object)).unwrap_or_default())
    }

    /// A page of a webhook's deliveries; pages count from 1.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the webhook is gone; else as every call.
    pub async fn deliveries(&self, id: &str, page: usize, size: usize) -> Result<Deliveries, Error> {
        let query = [("page", page.to_string()), ("size", size.to_string())];
        let path = ["organisations", self.organisation()?, "webhooks", id, "deliveries"];
        let mut call = Call::new(Method::GET, &path);
        call.query = &query;
        let answer = self.call(call).await?;
        let (items, rest) = list(&answer.body)?;
        Ok(Deliveries { items: items.iter().map(Delivery::read).collect(), total: number(&rest, "total") })
    }

    /// Asks the platform to deliver past events once more. Never repeated.
    ///
    /// # Errors
    /// [`Error::Unclear`] when they may be on their way: ask for the same window again, as duplicates are removed.
    pub async fn replay(&self, id: &str, replay: &Replay<'_>) -> Result<Replayed, Error> {
        let answer = self.webhook_call(Method::POST, &[id, "replay"], Some(replay)).await?;
        let queued = object(&answer.body).ok().and_then(|object| number(&object, "events_queued"));
        Ok(Replayed { queued })
    }

    async fn webhook_call(
        &self,
        method: Method,
        below: &[&str],
        body: Option<&impl Serialize>,
    ) -> Result<Answer, Error> {
        let path = [&["organisations", self.organisation()?, "webhooks"], below].concat();
        let call = Call::new(method, &path);
        self.call(match body {
            Some(body) => call.body(body)?,
            None => call,
        })
        .await
    }

    /// Makes a call, and once more with a renewed session if the platform rejects the current one.
    async fn call(&self, call: Call<'_>) -> Result<Answer, Error> {
        let pass = self.login.pass(&self.wire, &self.base_url).await.map_err(|error| self.dated(error))?;
        let answer = self.send(&call, &pass).await?;
        let answer = match answer.status.as_u16() {
            401 => {
                let other = self.login.another(&self.wire, &self.base_url, &pass).await;
                match other.map_err(|error| self.dated(error))? {
                    Some(other) => self.send(&call, &other).await?,
                    None => answer,
                }
            }
            _ => answer,
        };
        judge(answer, matches!(self.login, Login::Key(_)), settles(&call.method))
            .map_err(|error| self.dated(error))
    }

    /// Adds a wrong clock to the failure that it may have caused.
    fn dated(&self, error: Error) -> Error {
        match error {
            Error::NotLoggedIn { reason, .. } => {
                Error::NotLoggedIn { reason, clock_off: self.wire.clock_off() }
            }
            other => other,
        }
    }

    async fn send(&self, call: &Call<'_>, pass: &Pass) -> Result<Answer, Error> {
        let request = self.request(call, pass)?;
        self.wire.send(request).await.map_err(|none| {
            if none.fault.may_have_arrived() && !settles(&call.method) {
                let reason = format!("{}: {}", none.fault, none.detail);
                return Error::Unclear { status: None, reason };
            }
            none.into()
        })
    }

    fn request(&self, call: &Call<'_>, pass: &Pass) -> Result<Request, Error> {
        let mut url = base_url::join(&self.base_url, call.path)?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        // `hb` sends the content type with every verb, so any proxy of the platform accepts it.
        let mut request = self.wire.http().request(call.method.clone(), url);
        request = request.header(ACCEPT, "application/json").header(CONTENT_TYPE, "application/json");
        if let Some(organisation) = call.organisation {
            request = request.header("organisation_id", organisation);
        }
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        pass.sign(request)?.build().map_err(|_| Error::Unusable {
            what: "the organisation's id".to_owned(),
            problem: "cannot be sent".to_owned(),
        })
    }
}

/// Whether a call can be repeated without checking what the first try did.
fn settles(method: &Method) -> bool {
    *method != Method::POST
}

/// Reads every item of a list; an item without an id makes the answer unusable.
fn all<T>(items: &[Object], read: fn(&Object) -> Option<T>, answer: &Answer) -> Result<Vec<T>, Error> {
    let read: Option<Vec<T>> = items.iter().map(read).collect();
    read.ok_or_else(|| answer::odd("items with an id", &answer.body))
}
