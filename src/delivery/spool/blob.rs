//! The spool in Azure Blob storage.

use azure_core::error::ErrorKind;
use azure_core::http::headers::HeaderName;
use azure_core::http::{RequestContent, StatusCode, Url};
use azure_core::time::parse_rfc7231;
use azure_storage_blob::clients::{BlobContainerClient, BlobContainerClientOptions};
use azure_storage_blob::models::{BlobContainerClientListBlobsOptions, BlockBlobClientUploadOptions};
use bytes::Bytes;
use futures::TryStreamExt as _;

use super::{Entry, Page, SpoolError};
use crate::delivery::http::{root_cause, sdk_options};
use crate::delivery::token::TokenSource;

/// What tokens are for, in every cloud.
/// <https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory>
pub(crate) const SCOPE: &str = "https://storage.azure.com/.default";

/// What time it is for the storage.
const DATE: HeaderName = HeaderName::from_static("date");

/// Blobs of one container.
pub(crate) struct BlobStore {
    container: BlobContainerClient,
    tokens: TokenSource,
}

impl BlobStore {
    /// Opens the container at `url`, which must be https, with tokens of `tokens`, whose scope is [`SCOPE`].
    ///
    /// # Errors
    /// When the SDK rejects the URL.
    pub(crate) fn new(client: &reqwest::Client, url: Url, tokens: TokenSource) -> Result<Self, SpoolError> {
        let options =
            BlobContainerClientOptions { client_options: sdk_options(client), ..Default::default() };
        let container = BlobContainerClient::new(url, Some(tokens.as_credential()), Some(options))?;
        Ok(Self { container, tokens })
    }

    /// Has the first token fetched, which then is in the cache.
    pub(super) async fn warm_up(&self) {
        // Whoever needs the token next hears of the error.
        self.tokens.token().await.ok();
    }

    pub(super) async fn create(&self, name: &str, content: Bytes) -> Result<bool, SpoolError> {
        let options = BlockBlobClientUploadOptions::default().if_not_exists();
        let blob = self.container.blob_client(name).block_blob_client();
        match blob.upload(RequestContent::from(content.to_vec()), Some(options)).await {
            Ok(_) => Ok(true),
            // 409 BlobAlreadyExists or 412 ConditionNotMet: an earlier attempt of ours arrived after all.
            Err(error) if is(&error, &[StatusCode::PreconditionFailed]) || already_exists(&error) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<Bytes>, SpoolError> {
        let response = match self.container.blob_client(name).download(None).await {
            Ok(response) => response,
            Err(error) if blob_is_gone(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(response.body.collect().await?))
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), SpoolError> {
        match self.container.blob_client(name).delete(None).await {
            Ok(_) => Ok(()),
            Err(error) if blob_is_gone(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn list(
        &self,
        prefix: &str,
        after: Option<String>,
        max: u16,
    ) -> Result<Page, SpoolError> {
        let options = BlobContainerClientListBlobsOptions {
            prefix: Some(prefix.to_owned()),
            marker: after,
            maxresults: Some(i32::from(max)),
            ..Default::default()
        };
        let mut pages = self.container.list_blobs(Some(options))?.into_pages();
        let Some(page) = pages.try_next().await? else { return Ok(Page::default()) };
        let date = page.headers().get_optional_str(&DATE).and_then(|date| parse_rfc7231(date).ok());
        let page = page.into_model()?;
        let entries = page.blob_items.into_iter().filter_map(|item| {
            let properties = item.properties.as_ref();
            let size = properties.and_then(|properties| properties.content_length).unwrap_or(0);
            let written = properties.and_then(|properties| properties.last_modified);
            let age = date.zip(written).map(|(date, written)| date - written);
            Some(Entry { name: item.name?, size, age })
        });
        Ok(Page {
            foreign: Vec::new(),
            entries: entries.collect(),
            next: page.next_marker.filter(|marker| !marker.is_empty()),
        })
    }
}

/// What Storage said, or the innermost cause: the SDK's own text is a page of XML or the name of its HTTP client.
pub(super) fn told(error: &azure_core::Error) -> String {
    let ErrorKind::HttpResponse { status, error_code, raw_response } = error.kind() else {
        return root_cause(error);
    };
    let body = raw_response.as_ref().map(|response| String::from_utf8_lossy(response.body().as_ref()));
    let message = body.as_deref().and_then(|body| {
        let (_, rest) = body.split_once("<Message>")?;
        let (message, _) = rest.split_once("</Message>")?;
        // Then come a request's id and a time.
        message.lines().next()
    });
    let code = error_code.as_deref().unwrap_or("no error code");
    match message {
        Some(message) => format!("{} {code}: {message:.300}", u16::from(*status)),
        None => format!("{} {code}", u16::from(*status)),
    }
}

fn is(error: &azure_core::Error, statuses: &[StatusCode]) -> bool {
    error.http_status().is_some_and(|status| statuses.contains(&status))
}

fn code(error: &azure_core::Error) -> Option<&str> {
    match error.kind() {
        ErrorKind::HttpResponse { error_code, .. } => error_code.as_deref(),
        _ => None,
    }
}

fn already_exists(error: &azure_core::Error) -> bool {
    is(error, &[StatusCode::Conflict]) && code(error) == Some("BlobAlreadyExists")
}

/// A missing container is a fault of the configuration, not a blob that is gone.
fn blob_is_gone(error: &azure_core::Error) -> bool {
    is(error, &[StatusCode::NotFound]) && code(error) != Some("ContainerNotFound")
}
