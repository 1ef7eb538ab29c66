//! What the proxy makes of headers on their way to the worker and back.
//!
//! The bytes agree with a recording of Kestrel (.NET 10) with `Yarp.ReverseProxy` 2.1.0 under the host's settings.
//! Three programs act one after the other, and the order of the headers shows each:
//! - Kestrel hands known headers over first, in its own order and spelling, then the others as they came
//!   (<https://github.com/dotnet/aspnetcore/blob/main/src/Servers/Kestrel/shared/KnownHeaders.cs>).
//! - The host and YARP take headers away and add theirs at the end
//!   (<https://github.com/dotnet/yarp/blob/main/src/ReverseProxy/Forwarder/RequestUtilities.cs>).
//! - `HttpClient` writes `Host` first, headers of the content last, and joins repeated headers with ", "
//!   (<https://github.com/dotnet/runtime/blob/main/src/libraries/System.Net.Http/src/System/Net/Http/SocketsHttpHandler/HttpConnection.cs>).

use std::net::SocketAddr;

use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use super::HOST_VERSION;
use super::body::Framing;
use super::http1::{Headers, RequestHead, ResponseHead};

/// Kestrel's known request headers in the order in which it enumerates them.
const REQUEST_ORDER: &str = "Accept Connection Host User-Agent \
    Accept-Charset Accept-Encoding Accept-Language Access-Control-Request-Headers Access-Control-Request-Method \
    Authorization baggage Cache-Control Content-Type Cookie Correlation-Context Date Expect From \
    Grpc-Accept-Encoding Grpc-Encoding Grpc-Timeout If-Match If-Modified-Since If-None-Match If-Range \
    If-Unmodified-Since Keep-Alive Max-Forwards Origin Pragma Proxy-Authorization Range Referer Request-Id TE \
    traceparent tracestate Transfer-Encoding Translate Upgrade Upgrade-Insecure-Requests Via Warning \
    Content-Length";

/// Kestrel's known response headers in the order in which it writes them.
const RESPONSE_ORDER: &str = "Content-Length Connection Content-Type Date Server \
    Accept-Ranges Access-Control-Allow-Credentials Access-Control-Allow-Headers Access-Control-Allow-Methods \
    Access-Control-Allow-Origin Access-Control-Expose-Headers Access-Control-Max-Age Age Allow Alt-Svc \
    Cache-Control Content-Encoding Content-Language Content-Location Content-MD5 Content-Range ETag Expires \
    Keep-Alive Last-Modified Location Pragma Proxy-Authenticate Retry-After Set-Cookie Trailer \
    Transfer-Encoding Vary WWW-Authenticate";

/// What YARP passes on in neither direction.
const HOP_BY_HOP: &str = "Connection Transfer-Encoding Keep-Alive Upgrade Proxy-Connection Proxy-Authenticate \
    Proxy-Authentication-Info Proxy-Authorization Proxy-Features Proxy-Instruction Security-Scheme ALPN Close \
    HTTP2-Settings Upgrade-Insecure-Requests TE Alt-Svc";

/// What `HttpClient` takes for headers of the content
/// (<https://github.com/dotnet/runtime/blob/main/src/libraries/System.Net.Http/src/System/Net/Http/Headers/KnownHeaders.cs>).
const CONTENT: &str = "Allow Content-Disposition Content-Encoding Content-Language Content-Length Content-Location \
    Content-MD5 Content-Range Content-Type Expires Last-Modified";

/// What the transformer or the host sets itself, whatever came in.
const REPLACED: &str = "Host Forwarded X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Prefix \
    X-Azure-Functions-HostVersion X-Azure-Functions-InvocationId x-ms-invocation-id";

fn is_in(list: &str, name: &str) -> bool {
    list.split(' ').any(|entry| entry.eq_ignore_ascii_case(name))
}

/// The headers as Kestrel hands them over: known ones first, each name once with all its values.
fn kestrel_order(headers: &Headers, known: &str) -> Vec<(String, Vec<String>)> {
    let values = |name: &str| headers.all(name).map(str::to_owned).collect::<Vec<_>>();
    let mut ordered: Vec<(String, Vec<String>)> = known
        .split(' ')
        .map(|name| (name.to_owned(), values(name)))
        .filter(|(_, values)| !values.is_empty())
        .collect();
    for (name, _) in &headers.0 {
        if !ordered.iter().any(|(seen, _)| seen.eq_ignore_ascii_case(name)) {
            ordered.push((name.clone(), values(name)));
        }
    }
    ordered
}

/// The head that the worker gets.
pub fn to_worker(head: &RequestHead, framing: Framing, port: u16, client: SocketAddr, id: Uuid) -> String {
    let passed: Vec<_> = kestrel_order(&head.headers, REQUEST_ORDER)
        .into_iter()
        .filter(|(name, _)| !is_in(HOP_BY_HOP, name) && !is_in(REPLACED, name))
        .map(|(name, values)| {
            let separator = if name == "Cookie" { "; " } else { ", " };
            (name, values.join(separator))
        })
        .collect();
    let (content, plain): (Vec<_>, Vec<_>) = passed.into_iter().partition(|(name, _)| is_in(CONTENT, name));
    let mut headers = Headers(vec![("Host".to_owned(), format!("127.0.0.1:{port}"))]);
    headers.0.extend(plain);
    headers.push("X-Azure-Functions-HostVersion", HOST_VERSION);
    headers.push("X-Azure-Functions-InvocationId", id.to_string());
    headers.push("x-ms-invocation-id", id.to_string());
    headers.push("X-Forwarded-For", client.ip().to_string());
    if let Some(host) = head.headers.get("host") {
        headers.push("X-Forwarded-Host", host);
    }
    headers.push("X-Forwarded-Proto", "http");
    if framing == Framing::Chunked {
        headers.push("Transfer-Encoding", "chunked");
    }
    let needs_length = !content.is_empty() || matches!(head.method.as_str(), "POST" | "PUT" | "PATCH");
    headers.0.extend(content);
    match framing {
        // RFC 9112 section 6.3: the length is void beside a transfer coding.
        Framing::Chunked => headers.remove("Content-Length"),
        Framing::None if needs_length => headers.push("Content-Length", "0"),
        _ => {}
    }
    format!("{} {} HTTP/1.1\r\n{}", head.method, head.target, headers.lines())
}

/// The head that the client gets for the worker's answer, and whether its body is to be sent in chunks.
pub fn to_client(
    answer: &ResponseHead,
    framing: Framing,
    client: &RequestHead,
    close: bool,
) -> (String, bool) {
    let mut headers = Headers::default();
    for (name, value) in &answer.headers.0 {
        // YARP 2.0.1, which the host pins, takes this one away; 2.1.0 does not.
        if !is_in(HOP_BY_HOP, name) && !name.eq_ignore_ascii_case("Strict-Transport-Security") {
            headers.push(name, value);
        }
    }
    let chunked = client.http11 && matches!(framing, Framing::Chunked | Framing::ToEnd);
    if matches!(framing, Framing::Chunked | Framing::ToEnd) {
        headers.remove("Content-Length");
    }
    if chunked {
        headers.push("Transfer-Encoding", "chunked");
    }
    (response(answer.status, &answer.reason, headers, close), chunked)
}

/// A response head of Kestrel: `Date` and `Server` where they are missing, known headers first.
pub fn response(status: u16, reason: &str, mut headers: Headers, close: bool) -> String {
    if headers.get("date").is_none() {
        headers.push("Date", date());
    }
    if headers.get("server").is_none() {
        headers.push("Server", "Kestrel");
    }
    if close {
        headers.push("Connection", "close");
    }
    let lines = kestrel_order(&headers, RESPONSE_ORDER)
        .into_iter()
        .flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)))
        .collect();
    format!("HTTP/1.1 {status} {reason}\r\n{}", Headers(lines).lines())
}

fn date() -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    OffsetDateTime::now_utc().format(&format).unwrap()
}
