//! A backlog of whatever length: each blob of it costs the same, and memory does not grow with it.
//!
//! Storage is a stand-in that speaks as much of Blob storage's protocol as the connector asks for, since Azurite would take
//! hours to fill. Its pages may be small, so that a short backlog has many.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use humanbound_sentinel::delivery::spool::{PENDING, new_name};
use humanbound_sentinel::emulator::Store;
use time::OffsetDateTime;
use tokio::task::JoinSet;

use crate::ingest::{gzip, wait_until};
use crate::rig::{Folder, Rig};
use crate::tls::{Tls, TlsFront};

/// What is kept, and how often it was asked for.
struct Inner {
    page: usize,
    blobs: Mutex<BTreeMap<String, Bytes>>,
    calls: Mutex<Calls>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Calls {
    lists: usize,
    gets: usize,
    puts: usize,
    deletes: usize,
}

/// A container whose listings have so many names at most.
struct Container {
    inner: Arc<Inner>,
    tls: Tls,
    front: TlsFront,
    _folder: Folder,
    _task: JoinSet<()>,
}

impl Container {
    async fn start(page: usize) -> Container {
        let inner = Arc::new(Inner { page, blobs: Mutex::default(), calls: Mutex::default() });
        let routes = Router::new().fallback(answer).with_state(inner.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        let folder = Folder::new();
        let tls = Tls::new(folder.path());
        let front = TlsFront::start(&tls, port).await;
        Container { inner, tls, front, _folder: folder, _task: task }
    }

    /// A connector over it, which has tried its spool.
    async fn rig(&self) -> Rig {
        let rig = Rig::builder()
            .set("SPOOL_DIR", "")
            .set("SPOOL_CONTAINER_URL", format!("https://{}/spool", self.front.authority()))
            .set("SSL_CERT_FILE", self.tls.ca_file.to_str().unwrap())
            .set("MAX_CALLS_PER_MINUTE", "1000000")
            .workspace(|options| options.store = Store::None)
            .start()
            .await;
        wait_until(async || self.calls().deletes == 1).await;
        rig
    }

    fn put(&self, content: &[u8]) {
        let name = new_name(PENDING, OffsetDateTime::now_utc());
        self.inner.blobs.lock().unwrap().insert(name, Bytes::copy_from_slice(content));
    }

    fn waiting(&self) -> usize {
        self.inner.blobs.lock().unwrap().keys().filter(|name| name.starts_with(PENDING)).count()
    }

    /// The calls since the last time that somebody asked.
    fn calls(&self) -> Calls {
        *self.inner.calls.lock().unwrap()
    }

    fn forget_calls(&self) {
        *self.inner.calls.lock().unwrap() = Calls::default();
    }
}

async fn answer(State(inner): State<Arc<Inner>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let name = uri.path().replace("%2F", "/");
    let name = name.strip_prefix("/spool").unwrap().trim_start_matches('/').to_owned();
    let mut calls = inner.calls.lock().unwrap();
    let mut blobs = inner.blobs.lock().unwrap();
    match method {
        Method::GET if name.is_empty() => {
            calls.lists += 1;
            page(&blobs, inner.page, uri.query().unwrap_or_default()).into_response()
        }
        Method::GET => {
            calls.gets += 1;
            match blobs.get(&name) {
                Some(content) => content.clone().into_response(),
                None => missing(),
            }
        }
        Method::PUT if blobs.contains_key(&name) => {
            (StatusCode::CONFLICT, [("x-ms-error-code", "BlobAlreadyExists")]).into_response()
        }
        Method::PUT => {
            calls.puts += 1;
            blobs.insert(name, body);
            StatusCode::CREATED.into_response()
        }
        _ => {
            calls.deletes += 1;
            if blobs.remove(&name).is_some() { StatusCode::ACCEPTED.into_response() } else { missing() }
        }
    }
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, [("x-ms-error-code", "BlobNotFound")]).into_response()
}

/// One page of a listing. <https://learn.microsoft.com/rest/api/storageservices/list-blobs>
fn page(blobs: &BTreeMap<String, Bytes>, max: usize, query: &str) -> String {
    let asked = |key: &str| {
        let part = query.split('&').find_map(|part| part.strip_prefix(key)?.strip_prefix('='));
        part.unwrap_or_default().replace("%2F", "/")
    };
    let (prefix, marker) = (asked("prefix"), asked("marker"));
    let max = asked("maxresults").parse().unwrap_or(5_000).min(max);
    let mut names = blobs
        .range(marker.clone()..)
        .skip_while(|(name, _)| **name <= marker)
        .skip_while(|(name, _)| !name.starts_with(&prefix))
        .take_while(|(name, _)| name.starts_with(&prefix));
    let date = azure_core::time::to_rfc7231(&OffsetDateTime::now_utc());
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>");
    let mut last = "";
    for (name, content) in names.by_ref().take(max) {
        last = name;
        write!(
            text,
            "<Blob><Name>{name}</Name><Properties><Last-Modified>{date}</Last-Modified>\
             <Content-Length>{}</Content-Length></Properties></Blob>",
            content.len()
        )
        .unwrap();
    }
    let next = names.next().map_or("", |_| last);
    text + &format!("</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>")
}

/// A number of `/proc/<pid>/status`, in bytes.
fn memory(rig: &Rig, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", rig.host.pid().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// What the drain of a backlog came to.
#[derive(Debug)]
struct Cost {
    blobs: usize,
    runs: usize,
    calls: Calls,
    /// What the process's memory grew by at most.
    growth: u64,
}

/// Drains `blobs` times `content` from a container whose pages have so many names.
async fn drain(blobs: usize, content: &[u8], page: usize) -> Cost {
    let container = Container::start(page).await;
    let rig = container.rig().await;
    for _ in 0..blobs {
        container.put(content);
    }
    for _ in 0..3 {
        container.forget_calls();
        let told = rig.status().await["spool"].clone();
        let asked = container.calls();
        assert!(asked.lists + asked.gets + asked.puts + asked.deletes <= 2, "{blobs} blobs: {asked:?}");
        assert!(told["as_of"].is_string() && told["more"].is_boolean(), "{blobs} blobs: {told}");
    }
    let before = memory(&rig, "VmRSS");
    container.forget_calls();
    let mut runs = 0;
    while container.waiting() > 0 && runs < 20 {
        rig.drain().await;
        runs += 1;
    }
    assert_eq!(container.waiting(), 0);
    let growth = memory(&rig, "VmHWM").saturating_sub(before);
    Cost { blobs, runs, calls: container.calls(), growth }
}

/// Nothing but the pages grows with the backlog, and a page is read once by the run that drains it.
fn is_linear(cost: &Cost, page: usize) {
    let Cost { blobs, runs, calls, .. } = *cost;
    let around = 16 * runs;
    // A call of many blobs has a receipt, which is deleted after them; here a page is a call.
    let receipts = blobs / page;
    // What a run has read ahead when its time is over is read again by the next.
    assert!(calls.gets <= blobs + 200 * (runs - 1) + around, "{cost:?}");
    assert!(calls.deletes <= blobs + receipts + around, "{cost:?}");
    assert!(calls.puts <= receipts + around, "{cost:?}");
    assert!(calls.lists <= blobs / page + around, "{cost:?}");
    assert!(cost.growth < 64 * 1024 * 1024, "{cost:?}");
}

fn one_row() -> Vec<u8> {
    gzip(br#"[{"EventId":"0","EventFamily":"finding","Description":"a row like many others"}]"#)
}

#[tokio::test]
async fn each_blob_of_a_backlog_costs_the_same() {
    for blobs in [200, 2_000] {
        is_linear(&drain(blobs, &one_row(), 100).await, 100);
    }
}

/// Many times what may be in memory, in blobs of one call each.
#[tokio::test]
async fn full_blobs_do_not_fill_the_memory() {
    let mut noise = 1_u64;
    let row = |length: usize, noise: &mut u64| {
        let text: String = (0..length)
            .map(|_| {
                *noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b'a' + u8::try_from(*noise >> 60).unwrap())
            })
            .collect();
        format!(r#"{{"EventFamily":"finding","Description":"{text}"}}"#)
    };
    let rows: Vec<String> = (0..950).map(|_| row(970, &mut noise)).collect();
    let content = gzip(format!("[{}]", rows.join(",")).as_bytes());
    let cost = drain(100, &content, 5_000).await;
    assert!(cost.growth < 64 * 1024 * 1024, "{cost:?}");
}

#[tokio::test]
#[ignore = "takes minutes: cargo test --test it -- --ignored --nocapture backlog"]
async fn a_hundred_thousand_blobs_cost_ten_times_ten_thousand() {
    for blobs in [10_000, 100_000] {
        let begun = std::time::Instant::now();
        let cost = drain(blobs, &one_row(), 5_000).await;
        eprintln!("{cost:?}, {:.0} s", begun.elapsed().as_secs_f64());
        is_linear(&cost, 5_000);
    }
}
