//! What makes a service a process: HTTP, authentication, supervision, telemetry, configuration.
