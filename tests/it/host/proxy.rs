//! The proxy: YARP's forwarder under the host's settings, with the host's retries around `HttpClient`.

use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use uuid::Uuid;

use super::body::{BodyReader, Framing, LAST_CHUNK, chunk, response_framing};
use super::console::Level;
use super::http1::ResponseHead;
use super::pool::Worker;
use super::request::{BodyError, Gone, Request, reason};
use super::shared::Order;
use super::{Shared, rewrite};

/// Tries of one request (`RetryProxyHandler.MaxRetries`).
const MAX_TRIES: u32 = 10;

/// A body of this length is sent even after a refusal that came instead of `100 Continue`
/// (`Expect100ErrorSendThreshold` of `HttpClient`'s `HttpConnection`).
const SMALL_BODY: u64 = 1024;

/// An answer that is older than this is read before a reset is noticed.
const SETTLED_ANSWER: Duration = Duration::from_millis(200);

/// Why a request was not answered.
#[derive(Debug)]
enum Failure {
    /// The client went away.
    Client,
    /// The client's body is larger than the host allows.
    TooLarge,
    /// The worker did not answer: an `HttpRequestException`, which is tried again.
    Worker(String),
    /// Nothing moved for too long.
    Silence,
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Failure {
        match error {
            BodyError::Client => Failure::Client,
            BodyError::TooLarge => Failure::TooLarge,
        }
    }
}

impl From<Gone> for Failure {
    fn from(_: Gone) -> Failure {
        Failure::Client
    }
}

fn fault(error: impl std::fmt::Display) -> Failure {
    Failure::Worker(error.to_string())
}

/// When something last moved.
struct Activity {
    last: Mutex<Instant>,
    limit: Duration,
}

impl Activity {
    fn touch(&self) {
        *self.last.lock().unwrap() = Instant::now();
    }

    async fn over(&self) {
        loop {
            let until = *self.last.lock().unwrap() + self.limit;
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// Passes a request to the worker and its answer to the client.
pub async fn forward(request: &mut Request<'_>, shared: &Shared) -> Result<(), Gone> {
    if shared.worker_ready().await.is_err() {
        return request.reply(500, reason(500), "").await;
    }
    let activity = Activity { last: Mutex::new(Instant::now()), limit: shared.timings.activity };
    let invocation = async {
        tokio::select! {
            result = run(request, shared, &activity) => result,
            () = activity.over() => Err(Failure::Silence),
        }
    };
    let Ok(result) = shared.within_function_timeout(invocation).await else {
        // The worker is killed, with all that it is doing for others.
        shared.order(Order::Restart).await;
        return fail(request, 500).await;
    };
    match result {
        Ok(()) => Ok(()),
        Err(Failure::Client) => {
            shared.console.system(
                Level::Information,
                "The client disconnected while the function was processing the request.",
            );
            Err(Gone)
        }
        Err(Failure::TooLarge) => fail(request, 413).await,
        Err(other) => {
            shared
                .console
                .system(Level::Error, format!("Failed to proxy request with ForwarderError: {other:?}"));
            fail(request, 500).await
        }
    }
}

/// A whole answer while none has begun; an abort afterwards, so that nobody takes the torso for complete.
async fn fail(request: &mut Request<'_>, status: u16) -> Result<(), Gone> {
    if request.answered { Err(Gone) } else { request.reply(status, reason(status), "").await }
}

async fn run(request: &mut Request<'_>, shared: &Shared, activity: &Activity) -> Result<(), Failure> {
    let text =
        rewrite::to_worker(&request.head, request.framing(), shared.port, request.peer, Uuid::new_v4());
    let mut wait = shared.timings.retry_first;
    let mut tries = 1;
    let (worker, head) = loop {
        match attempt(request, shared, activity, &text).await {
            Err(Failure::Worker(why)) if tries < MAX_TRIES => {
                let note =
                    format!("Failed to proxy request to the worker. Attempt {tries} of {MAX_TRIES}: {why}");
                shared.console.system(Level::Warning, note);
                or_gone(request, tokio::time::sleep(wait)).await?;
                wait = (wait * 2).min(shared.timings.retry_most);
                tries += 1;
            }
            other => break other?,
        }
    };
    activity.touch();
    relay(request, shared, activity, worker, &head).await
}

/// Does `work` as long as the client is there.
async fn or_gone<T>(request: &mut Request<'_>, work: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::select! {
        biased;
        value = work => Ok(value),
        () = request.gone() => Err(Failure::Client),
    }
}

/// One try: sends the request, and returns the head of the answer.
async fn attempt(
    request: &mut Request<'_>,
    shared: &Shared,
    activity: &Activity,
    text: &str,
) -> Result<(Worker, ResponseHead), Failure> {
    let (mut worker, reused) = or_gone(request, shared.proxy.acquire()).await?.map_err(fault)?;
    if request.body_started() {
        // HttpClient notices only now, with a connection in its hand and nothing written.
        return Err(fault("the stream was already consumed"));
    }
    if !text.is_ascii() {
        return Err(fault("request headers must contain only ASCII characters"));
    }
    if !request.has_body() {
        return exchange_without_body(request, shared, worker, reused, text).await;
    }
    if request.head.headers.has_token("expect", "100-continue") {
        worker.stream.write_all(text.as_bytes()).await.map_err(fault)?;
        let early = await_continue(request, shared, &mut worker).await?;
        let small = matches!(request.framing(), Framing::Length(length) if length <= SMALL_BODY);
        if let Some(head) = early {
            if head.status < 300 || small {
                send_body(request, activity, &mut worker, Vec::new()).await?;
            }
            return Ok((worker, head));
        }
        send_body(request, activity, &mut worker, Vec::new()).await?;
    } else {
        let mut first = text.as_bytes().to_vec();
        if shared.head_apart {
            worker.stream.write_all(&first).await.map_err(fault)?;
            first.clear();
        }
        send_body(request, activity, &mut worker, first).await?;
    }
    let head = or_gone(request, worker.final_head()).await?.map_err(fault)?;
    Ok((worker, head))
}

async fn exchange_without_body(
    request: &mut Request<'_>,
    shared: &Shared,
    mut worker: Worker,
    mut reused: bool,
    text: &str,
) -> Result<(Worker, ResponseHead), Failure> {
    loop {
        let exchange = async {
            worker.stream.write_all(text.as_bytes()).await?;
            worker.final_head().await
        };
        match or_gone(request, exchange).await? {
            Ok(head) => return Ok((worker, head)),
            // HttpClient's own retry: the worker closed a kept connection just as it was used again.
            Err(_) if reused && worker.buffer.is_empty() => {
                (worker, reused) = (shared.proxy.connect().await.map_err(fault)?, false);
            }
            Err(error) => return Err(fault(error)),
        }
    }
}

/// Waits for `100 Continue`, for as long as `HttpClient` does. `Some` is a final answer that came instead.
async fn await_continue(
    request: &mut Request<'_>,
    shared: &Shared,
    worker: &mut Worker,
) -> Result<Option<ResponseHead>, Failure> {
    let heads = async {
        loop {
            let head = worker.response_head().await?;
            if head.status == 100 || head.status >= 200 {
                return std::io::Result::Ok(head);
            }
        }
    };
    let waited = or_gone(request, tokio::time::timeout(shared.timings.expect, heads)).await?;
    match waited {
        Ok(Ok(head)) if head.status >= 200 => Ok(Some(head)),
        Ok(Ok(_)) | Err(_) => Ok(None),
        Ok(Err(error)) => Err(fault(error)),
    }
}

/// Sends the body, beginning with `first`, which goes out together with what has come of the body already.
///
/// `HttpClient` sends all of it before it looks at the answer, unless the worker's side of the connection ends: an early
/// answer with the connection left open and unread is not seen until the worker closes (recorded). Closing with unread data
/// resets the connection: an answer that came a moment before is lost with it, one that had been there for long is shown.
async fn send_body(
    request: &mut Request<'_>,
    activity: &Activity,
    worker: &mut Worker,
    mut first: Vec<u8>,
) -> Result<(), Failure> {
    let chunked = request.framing() == Framing::Chunked;
    let frame = |piece: &[u8]| if chunked { chunk(piece) } else { piece.to_vec() };
    if let Some(piece) = request.piece_at_hand()? {
        first.extend(frame(&piece));
    }
    let (mut read, mut write) = worker.stream.split();
    let buffer = &mut worker.buffer;
    let sending = async {
        let mut next = first;
        loop {
            or_gone(request, write.write_all(&next)).await?.map_err(fault)?;
            activity.touch();
            match request.piece().await? {
                Some(piece) => next = frame(&piece),
                None => break,
            }
        }
        if chunked {
            // A refused last chunk is a refused body: the answer may have come all the same.
            write.write_all(LAST_CHUNK).await.ok();
        }
        Ok(())
    };
    let answered = Mutex::new(None::<Instant>);
    let ended = async {
        loop {
            match read.read_buf(buffer).await {
                Ok(0) => return Ok(()),
                Ok(_) => _ = answered.lock().unwrap().get_or_insert_with(Instant::now),
                Err(error) => return Err(fault(error)),
            }
        }
    };
    let outcome = tokio::select! {
        biased;
        sent = sending => sent,
        ended = ended => ended,
    };
    let is_at_hand = answered.lock().unwrap().is_some_and(|at| at.elapsed() > SETTLED_ANSWER);
    match outcome {
        Err(Failure::Worker(_)) if is_at_hand => Ok(()),
        outcome => outcome,
    }
}

/// Streams the answer. The head goes out with the first piece of the body, or at its end.
async fn relay(
    request: &mut Request<'_>,
    shared: &Shared,
    activity: &Activity,
    mut worker: Worker,
    head: &ResponseHead,
) -> Result<(), Failure> {
    let framing = response_framing(&request.head.method, head).map_err(fault)?;
    let close = request.closes();
    let (text, chunked) = rewrite::to_client(head, framing, &request.head, close);
    let mut out = text.into_bytes();
    let mut body = BodyReader::new(framing);
    while let Some(piece) = or_gone(request, body.next(&mut worker)).await?.map_err(fault)? {
        out.extend(if chunked { chunk(&piece) } else { piece.to_vec() });
        request.send(&out).await?;
        out.clear();
        activity.touch();
    }
    if chunked {
        out.extend(LAST_CHUNK);
    }
    request.send(&out).await?;
    if head.keeps_alive() && framing != Framing::ToEnd && request.body_is_done() {
        shared.proxy.release(worker);
    }
    Ok(())
}
