//! What the workspace takes when nothing else is asked of the machine: it must not be what the connector waits for.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use hdrhistogram::Histogram;
use humanbound_sentinel::delivery::push::body;
use humanbound_sentinel::record;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::event::Request;
use crate::figures::as_f64;
use crate::http;
use crate::load::read_answer;
use crate::options::Options;
use crate::workspace::LocalWorkspace;

/// Connections for the rate: as many as the connector has pushes in flight.
const CONNECTIONS: usize = 4;
/// Rows of a call.
const ROWS: u64 = 64;
/// How long each of both is measured.
const LONG: Duration = Duration::from_secs(2);
/// An answer that takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Ceiling {
    pub(crate) rows_per_call: u64,
    /// Calls a second without added latency.
    pub(crate) calls_per_second: f64,
    /// What a call really takes with the latency L added.
    pub(crate) call_p50_ms: f64,
    pub(crate) call_p99_ms: f64,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

pub(crate) fn measure(options: &Options) -> anyhow::Result<Ceiling> {
    eprintln!("the workspace alone");
    let (calls_per_second, _) = calls(Duration::ZERO, CONNECTIONS)?;
    let (_, latency) = calls(options.latency(), 1)?;
    let milliseconds =
        |quantile| Duration::from_micros(latency.value_at_quantile(quantile)).as_secs_f64() * 1000.0;
    Ok(Ceiling {
        rows_per_call: ROWS,
        calls_per_second,
        call_p50_ms: milliseconds(0.5),
        call_p99_ms: milliseconds(0.99),
    })
}

/// Calls a workspace with `latency` again and again: how many a second, and how long they take in microseconds.
fn calls(latency: Duration, connections: usize) -> anyhow::Result<(f64, Histogram<u64>)> {
    let workspace = LocalWorkspace::start(latency)?;
    let (address, call) = call(&workspace, ROWS)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begin = Instant::now();
    let caller = async || {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut latency = Histogram::<u64>::new(3)?;
        while begin.elapsed() < LONG {
            let begin = Instant::now();
            stream.write_all(&call).await?;
            let answer = tokio::time::timeout(PATIENCE, read_answer(&mut stream)).await??;
            ensure!(answer.status == 204, "the workspace answered {}", answer.status);
            latency.record(u64::try_from(begin.elapsed().as_micros())?)?;
        }
        Ok(latency)
    };
    let latencies = runtime.block_on(try_join_all((0..connections).map(|_| caller())))?;
    let mut all = Histogram::<u64>::new(3)?;
    for latency in latencies {
        all.add(latency)?;
    }
    Ok((as_f64(all.len()) / LONG.as_secs_f64(), all))
}

/// A call with a good token and `rows` rows, and where it goes.
pub(crate) fn call(workspace: &LocalWorkspace, rows: u64) -> anyhow::Result<(SocketAddr, Vec<u8>)> {
    let inner = &workspace.workspace;
    let address = |url: &str| -> anyhow::Result<SocketAddr> {
        let rest = url.strip_prefix("http://").context("the workspace is not on plain http")?;
        Ok(rest.split('/').next().unwrap_or_default().parse()?)
    };
    let path = format!(
        "GET /msi/token?api-version=2019-08-01&resource=https://monitor.azure.com&client_id={}",
        inner.client_id()
    );
    let header = format!("x-identity-header: {}\r\n", inner.identity_header());
    let answer = http::ask(address(&inner.identity_endpoint())?, &path, &header, "", PATIENCE)?;
    let Token { access_token } = serde_json::from_slice(&answer.body).context("no token")?;
    let now = OffsetDateTime::now_utc();
    let rows = (0..rows).map(|number| {
        let mut request = Request::new(number)?;
        request.event(number);
        Ok(record::map(request.body(), now)?.row)
    });
    let rows = rows.collect::<anyhow::Result<Vec<_>>>()?;
    let content = body(rows.iter().map(Vec::as_slice));
    let mut call = format!(
        "POST /dataCollectionRules/{}/streams/{}?api-version=2023-01-01 HTTP/1.1\r\nhost: 127.0.0.1\r\n\
         authorization: Bearer {access_token}\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\
         content-length: {}\r\n\r\n",
        inner.dcr_immutable_id(),
        inner.stream(),
        content.len()
    )
    .into_bytes();
    call.extend_from_slice(&content);
    Ok((address(&inner.endpoint())?, call))
}
