//! `POST /api/ingest`: verify, map, deliver, answer.
//!
//! The order is the security: the head first, then the body under caps, then the signature over the bytes as sent,
//! and only then anything that reads them.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Request};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::Incoming;
use time::OffsetDateTime;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::error;

use super::body::{BodyFault, Encoding, InflateFault};
use super::{App, answer, body};
use crate::counters::Rejection;
use crate::delivery::dedup::{BodyMac, Lookup, Outcome, Ticket};
use crate::record::{self, EventId, Mapped};
use crate::signature::{self, Signature};

/// The share of the deadline, in percent, in which queueing, token and push end; the rest belongs to the spool.
const PUSH_PERCENT: u32 = 60;

pub(super) async fn ingest(app: Arc<App>, request: Request<Incoming>) -> Response {
    let (head, content) = request.into_parts();
    let counters = &app.delivery.parts().counters;
    if !app.problems.is_empty() {
        counters.unavailable();
        return answer::and_close(answer::unavailable());
    }
    let signature = match claimed_signature(&head.headers) {
        Ok(signature) => signature,
        Err(why) => return answer::and_close(reject(&app, why)),
    };
    let Some(encoding) = body::encoding(&head.headers) else {
        counters.rejected_body();
        return answer::and_close(answer::unsupported_encoding());
    };
    if body::announced_too_large(&head.headers, app.max_body_bytes) {
        counters.rejected_body();
        return answer::and_close(answer::too_large());
    }
    // The head shares the connection's read buffer: kept until the answer, it would cost every waiting event a second one.
    drop(head);
    let sent = match body::read(content, app.max_body_bytes, &app.unverified).await {
        Ok(sent) => sent,
        Err(fault) => return answer::and_close(reject_body(&app, fault)),
    };
    let Some(signer) = signature::signer(&app.secrets, &signature, sent.bytes()) else {
        return reject(&app, Rejection::Mismatch);
    };
    let received = Instant::now();
    match inflate(&app, encoding, sent.verified()) {
        Ok(event) => {
            let signed_by = (encoding == Encoding::Identity).then_some(signer);
            let mac = signature::fingerprint(&app.secrets, &signature, signed_by, &event);
            accept(&app, event, &mac, received).await
        }
        Err(fault) => {
            counters.rejected_body();
            match fault {
                InflateFault::TooLarge => answer::too_large(),
                InflateFault::NotGzip => answer::not_an_object(),
            }
        }
    }
}

/// The signature that the head claims: exactly one header, well formed.
fn claimed_signature(headers: &HeaderMap) -> Result<Signature, Rejection> {
    let mut values = headers.get_all(signature::HEADER).iter();
    let value = values.next().ok_or(Rejection::Missing)?;
    if values.next().is_some() {
        return Err(Rejection::Malformed);
    }
    Signature::parse(value.as_bytes()).ok_or(Rejection::Malformed)
}

fn reject(app: &App, why: Rejection) -> Response {
    app.delivery.parts().counters.rejected(why);
    app.rejections.signature(why, Instant::now());
    answer::unauthorized()
}

fn reject_body(app: &App, fault: BodyFault) -> Response {
    let counters = &app.delivery.parts().counters;
    if fault == BodyFault::TooLarge {
        counters.rejected_body();
        return answer::too_large();
    }
    app.rejections.body(fault, Instant::now());
    counters.unavailable();
    answer::unavailable()
}

fn inflate(app: &App, encoding: Encoding, sent: Bytes) -> Result<Bytes, InflateFault> {
    match encoding {
        Encoding::Identity => Ok(sent),
        Encoding::Gzip => body::inflate(&sent, app.max_body_bytes),
    }
}

/// Takes a verified event: maps it, delivers it, or joins the one of it that is on its way.
async fn accept(app: &Arc<App>, event: Bytes, mac: &BodyMac, received: Instant) -> Response {
    let counters = &app.delivery.parts().counters;
    let Ok(mapped) = record::map(&event, OffsetDateTime::now_utc()) else {
        counters.rejected_body();
        return answer::not_an_object();
    };
    let event_id = mapped.event_id;
    match app.dedup.enter(mac, received) {
        Lookup::Done(Outcome::Stored) => {
            counters.duplicate();
            answer::duplicate(event_id)
        }
        Lookup::Done(outcome) => {
            counters.duplicate();
            answer::outcome(outcome, event_id)
        }
        Lookup::InFlight(outcome) => {
            counters.duplicate();
            wait(app, outcome, received + app.ack_deadline, event_id).await
        }
        Lookup::New(ticket, outcome) => {
            deliver(app, event, mapped, ticket, received);
            wait(app, outcome, received + app.ack_deadline, event_id).await
        }
    }
}

/// Hands the row over. A row that was cut goes nowhere before its whole body is safe; that is done in a task of its
/// own, because a client that goes away ends this one, and duplicates may have joined.
fn deliver(app: &Arc<App>, event: Bytes, mapped: Mapped, ticket: Ticket, received: Instant) {
    let push_by = received + max_push(app.ack_deadline);
    let ack_by = received + app.ack_deadline;
    let Mapped { event_id, row, truncated } = mapped;
    if !truncated {
        // A full queue has resolved the ticket.
        app.delivery.submit(row, ticket, push_by, ack_by).ok();
        return;
    }
    let kept = Arc::clone(app);
    app.delivery.spawn(async move {
        match kept.delivery.store_oversize(event_id, &event, ack_by).await {
            Ok(()) => {
                kept.delivery.submit(row, ticket, push_by, ack_by).ok();
            }
            Err(problem) => {
                error!(event = "oversize_not_stored", %event_id, %problem, hint = problem.hint());
            }
        }
    });
}

fn max_push(ack_deadline: Duration) -> Duration {
    ack_deadline * PUSH_PERCENT / 100
}

/// Waits for what becomes of the event. A ticket that was dropped says that nothing took it.
async fn wait(
    app: &App,
    outcome: oneshot::Receiver<Outcome>,
    ack_by: Instant,
    event_id: EventId,
) -> Response {
    let outcome = tokio::time::timeout_at(ack_by, outcome).await;
    let outcome = outcome.ok().and_then(Result::ok).unwrap_or(Outcome::Unavailable);
    if outcome == Outcome::Unavailable {
        app.delivery.parts().counters.unavailable();
    }
    answer::outcome(outcome, event_id)
}
