//! How long the host waits for what. The defaults are the host's; a test shortens what it would otherwise wait for.

use std::time::Duration;

/// Every wait of the host.
#[derive(Clone, Debug)]
pub struct Timings {
    /// Between two tries of the readiness probe, and the unit in which its budget is counted
    /// (`WorkerReadyCheckPollingIntervalMilliseconds` in
    /// <https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Workers/WorkerConstants.cs>).
    pub poll: Duration,
    /// The budget of the readiness probe; `None` takes it from `host.json`.
    pub initialization: Option<Duration>,
    /// How long an invocation may run; `None` takes it from `host.json`.
    pub function: Option<Duration>,
    /// How long an invocation waits for a worker that is not ready, before the host gives up
    /// (`WorkerFunctionInvoker`: three tries more than the first one, 30 s each).
    pub worker_wait: Duration,
    /// How long a request waits for a host that is not running, before it is answered 503
    /// (`HostAvailabilityCheckMiddleware`).
    pub host_wait: Duration,
    /// How long the host itself takes until it runs.
    pub host_start: Duration,
    /// After so long without one, earlier faults of the worker are forgotten
    /// (`WorkerRestartErrorIntervalThresholdInMinutes`).
    pub error_window: Duration,
    /// Silence after which the proxy gives up
    /// (`ForwarderRequestConfig.ActivityTimeout` in the host's `DefaultHttpProxyService`).
    pub activity: Duration,
    /// The first wait between two tries of the proxy; it doubles up to `retry_most`
    /// (<https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.Grpc/Server/RetryProxyHandler.cs>).
    pub retry_first: Duration,
    /// The longest wait between two tries of the proxy.
    pub retry_most: Duration,
    /// How long `HttpClient` waits for `100 Continue` before it sends the body all the same
    /// (<https://learn.microsoft.com/dotnet/api/system.net.http.socketshttphandler.expect100continuetimeout>).
    pub expect: Duration,
    /// How long a connection to the worker may be idle.
    pub pool_idle: Duration,
    /// How long Kestrel reads on after an answer that came before the request's body was complete.
    pub unread: Duration,
    /// The host's monitor pings again and again after a random wait of up to this; `None` for never.
    pub ping: Option<Duration>,
}

impl Default for Timings {
    fn default() -> Timings {
        Timings {
            poll: Duration::from_millis(25),
            initialization: None,
            function: None,
            worker_wait: Duration::from_secs(120),
            host_wait: Duration::from_secs(30),
            host_start: Duration::ZERO,
            error_window: Duration::from_secs(30 * 60),
            activity: Duration::from_secs(240),
            retry_first: Duration::from_millis(50),
            retry_most: Duration::from_millis(250),
            expect: Duration::from_secs(1),
            pool_idle: Duration::from_secs(60),
            unread: Duration::from_secs(5),
            ping: Some(Duration::from_secs(2)),
        }
    }
}
