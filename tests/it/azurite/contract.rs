//! Holds Azurite, the Azure SDK and the relay to what the spool's tests rely on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, RequestContent, RetryOptions, StatusCode, Transport, Url};
use azure_storage_blob::clients::{BlobContainerClient, BlobContainerClientOptions};
use azure_storage_blob::models::{BlobContainerClientListBlobsOptions, BlockBlobClientUploadOptions};
use futures::TryStreamExt as _;
use time::OffsetDateTime;

use super::{Azurite, Fault, bearer};

const SOON: Duration = Duration::from_secs(20);

/// A credential whose tokens are for `audience`, whatever scope is asked for.
#[derive(Debug)]
struct Unsigned {
    audience: &'static str,
}

#[async_trait]
impl TokenCredential for Unsigned {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://storage.azure.com/.default"]);
        let now = OffsetDateTime::now_utc();
        Ok(AccessToken::new(bearer(self.audience, now), now + time::Duration::hours(1)))
    }
}

/// The SDK's client for the container, over a transport of our own and without its retries.
fn container(azurite: &Azurite, audience: &'static str) -> BlobContainerClient {
    let client_options = ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(azurite.http_client()))),
        ..ClientOptions::default()
    };
    let options = BlobContainerClientOptions { client_options, ..Default::default() };
    let url = Url::parse(&azurite.container_url()).unwrap();
    BlobContainerClient::new(url, Some(Arc::new(Unsigned { audience })), Some(options)).unwrap()
}

const STORAGE: &str = "https://storage.azure.com";

async fn put(container: &BlobContainerClient, name: &str, content: &[u8]) -> azure_core::Result<()> {
    let options = BlockBlobClientUploadOptions::default().if_not_exists();
    let blob = container.blob_client(name).block_blob_client();
    blob.upload(RequestContent::from(content.to_vec()), Some(options)).await.map(drop)
}

/// Status and error code of a failure.
fn code(error: &azure_core::Error) -> (Option<StatusCode>, Option<&str>) {
    match error.kind() {
        ErrorKind::HttpResponse { error_code, .. } => (error.http_status(), error_code.as_deref()),
        _ => (error.http_status(), None),
    }
}

#[tokio::test]
async fn the_sdk_puts_once_lists_downloads_and_deletes() {
    let Some(azurite) = Azurite::start().await else { return };
    let container = container(&azurite, STORAGE);
    for name in ["pending/2026/11/23/b.json.gz", "pending/2026/11/23/a.json.gz", "deadletter/c.json.gz"] {
        put(&container, name, b"\x1f\x8b not inflated").await.unwrap();
    }
    let again = put(&container, "deadletter/c.json.gz", b"other").await.unwrap_err();
    assert_eq!(code(&again), (Some(StatusCode::Conflict), Some("BlobAlreadyExists")));

    let options = BlobContainerClientListBlobsOptions {
        prefix: Some("pending/".to_owned()),
        maxresults: Some(1),
        ..Default::default()
    };
    let mut pages = container.list_blobs(Some(options)).unwrap().into_pages();
    let mut found = Vec::new();
    while let Some(page) = pages.try_next().await.unwrap() {
        let page = page.into_model().unwrap();
        let names = page
            .blob_items
            .into_iter()
            .map(|item| (item.name.unwrap(), item.properties.unwrap().content_length));
        found.push((names.collect::<Vec<_>>(), page.next_marker.is_some_and(|marker| !marker.is_empty())));
    }
    let item = |letter: char| vec![(format!("pending/2026/11/23/{letter}.json.gz"), Some(15))];
    assert_eq!(found, [(item('a'), true), (item('b'), false)]);

    let blob = container.blob_client("deadletter/c.json.gz");
    let content = blob.download(None).await.unwrap().body.collect().await.unwrap();
    assert_eq!(content, &b"\x1f\x8b not inflated"[..]);
    blob.delete(None).await.unwrap();
    let gone = blob.delete(None).await.unwrap_err();
    assert_eq!(code(&gone), (Some(StatusCode::NotFound), Some("BlobNotFound")));
    let gone = blob.download(None).await.err().unwrap();
    assert_eq!(code(&gone), (Some(StatusCode::NotFound), Some("BlobNotFound")));
}

#[tokio::test]
async fn the_assertions_see_what_the_sdk_does_and_the_other_way_round() {
    let Some(azurite) = Azurite::start().await else { return };
    let container = container(&azurite, STORAGE);
    azurite.put("pending/x", "from the test").await;
    assert_eq!(
        container.blob_client("pending/x").download(None).await.unwrap().body.collect().await.unwrap(),
        "from the test"
    );
    put(&container, "pending/y", b"from the SDK").await.unwrap();
    assert_eq!(azurite.list("pending/").await, ["pending/x", "pending/y"]);
    assert_eq!(azurite.list("oversize/").await, Vec::<String>::new());
    assert_eq!(azurite.get("pending/y").await.as_deref(), Some(b"from the SDK".as_slice()));
    azurite.delete("pending/y").await;
    assert_eq!(azurite.get("pending/y").await, None);
    let other = Azurite::start().await.unwrap();
    assert_eq!(other.list("").await, Vec::<String>::new(), "each test has its own container");
}

#[tokio::test]
async fn tokens_are_checked_and_so_is_the_certificate() {
    let Some(azurite) = Azurite::start().await else { return };
    let refused = put(&container(&azurite, "https://monitor.azure.com"), "x", b"").await.unwrap_err();
    assert_eq!(refused.http_status(), Some(StatusCode::Forbidden));
    let client = azurite.http_client();
    let answer = client.get(format!("{}/x", azurite.container_url())).send().await.unwrap();
    assert_eq!(answer.status(), u16::from(StatusCode::Forbidden), "without a token");
    let stranger = crate::host::client().get(azurite.container_url()).send().await.unwrap_err();
    assert!(stranger.is_connect(), "{stranger:?}");
}

#[tokio::test]
async fn the_relay_plays_outages_and_heals() {
    let Some(azurite) = Azurite::start().await else { return };
    let container = container(&azurite, STORAGE);
    put(&container, "before", b"1").await.unwrap();
    for fault in [Fault::Refuse, Fault::Reset, Fault::Status(503), Fault::Status(403)] {
        azurite.set_fault(fault).await;
        for _ in 0..2 {
            let error = put(&container, "during", b"2").await.unwrap_err();
            let expected = match fault {
                Fault::Status(503) => (Some(StatusCode::ServiceUnavailable), Some("ServerBusy")),
                Fault::Status(_) => (Some(StatusCode::Forbidden), Some("AuthorizationPermissionMismatch")),
                _ => (None, None),
            };
            assert_eq!(code(&error), expected, "{fault:?}");
        }
        azurite.heal().await;
        assert_eq!(azurite.list("").await, ["before"], "{fault:?}");
        put(&container, "after", b"3").await.unwrap();
        azurite.delete("after").await;
    }
}

#[tokio::test]
async fn the_relay_fails_single_requests() {
    let Some(azurite) = Azurite::start().await else { return };
    let container = container(&azurite, STORAGE);
    azurite.fail_next(1, Fault::LoseAnswer);
    azurite.fail_next(1, Fault::Status(500));
    put(&container, "lost", b"1").await.unwrap_err();
    assert_eq!(azurite.get("lost").await.as_deref(), Some(b"1".as_slice()), "the work was done");
    let second = put(&container, "lost", b"1").await.unwrap_err();
    assert_eq!(second.http_status(), Some(StatusCode::InternalServerError));
    let third = put(&container, "lost", b"1").await.unwrap_err();
    assert_eq!(code(&third).1, Some("BlobAlreadyExists"));
    let puts = azurite.requests().into_iter().filter(|request| request.ends_with("/lost"));
    assert_eq!(puts.count(), 3);
}

#[tokio::test]
async fn a_hanging_storage_hangs_until_the_caller_gives_up() {
    let Some(azurite) = Azurite::start().await else { return };
    let container = container(&azurite, STORAGE);
    azurite.set_fault(Fault::Hang).await;
    let hanging = put(&container, "x", b"1");
    assert!(tokio::time::timeout(Duration::from_millis(300), hanging).await.is_err());
    azurite.heal().await;
    tokio::time::timeout(SOON, put(&container, "x", b"1")).await.unwrap().unwrap();
}
