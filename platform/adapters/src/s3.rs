//! Objects on any server that speaks S3.
//!
//! Whole objects, ranges and lists are `object_store`'s; [`UploadSink`](backing::objects::UploadSink) is the adapter's
//! own, because the state of an upload has to outlive the process.

mod address;
mod parts;
mod progress;
mod upload_sink;

pub use parts::LONGEST as LONGEST_S3_UPLOAD;

use address::Address;
use backing::objects::Objects;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::{Certificate, ClientOptions, RetryConfig};
use std::sync::Arc;
use std::time::Duration;
use upload_sink::S3Sink;

/// How long a server may take to accept a connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long a request may take with its body, of up to 16 MiB.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// How often a failed request is sent again, and for how long after its beginning.
const RETRIES: usize = 3;
const RETRY_TIME: Duration = Duration::from_secs(10);

/// The variables that say who the program is: keys of its own, or where those of its role are.
const CREDENTIALS: [&str; 12] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_METADATA_ENDPOINT",
    "AWS_IMDSV1_FALLBACK",
];

/// Objects in the bucket that a URL names; connects to nothing yet.
///
/// `environment` has variables by name; only those that S3's own tools read for credentials and the region are used.
///
/// Shape: `s3://BUCKET?endpoint=http://HOST:PORT&region=REGION&style=path|virtual&ca=FILE`, all parameters optional
///
/// Errors: what is wrong with the URL or the variables, without any secret
pub fn open_s3(url: &str, environment: &[(String, String)]) -> Result<Objects, String> {
    let store = Arc::new(build(&Address::parse(url)?, environment)?);
    let uploads = Arc::new(S3Sink::new(Arc::clone(&store)));
    Ok(Objects::new(store, uploads))
}

fn build(address: &Address, environment: &[(String, String)]) -> Result<AmazonS3, String> {
    let variable = |name: &str| {
        let found = environment.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    must_have_credentials(address, &variable)?;
    let region = address.region.clone();
    let region = region.or_else(|| variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")));
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&address.bucket)
        .with_region(region.unwrap_or_else(|| "us-east-1".to_owned()))
        .with_virtual_hosted_style_request(address.is_virtual)
        // The server compares it with the bytes that it got, and keeps it.
        .with_checksum_algorithm(Checksum::SHA256)
        .with_client_options(client(address)?)
        .with_retry(RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRY_TIME,
            ..RetryConfig::default()
        });
    if let Some(endpoint) = address.endpoint()? {
        builder = builder.with_endpoint(endpoint);
    }
    for name in CREDENTIALS {
        if let Some(value) = variable(name) {
            let key: AmazonS3ConfigKey = name
                .to_ascii_lowercase()
                .parse()
                .map_err(|_| format!("{name} is not known"))?;
            builder = builder.with_config(key, value);
        }
    }
    builder.build().map_err(|error| error.to_string())
}

fn must_have_credentials(address: &Address, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
    let [id, secret] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    match (variable(id), variable(secret)) {
        (Some(_), None) => Err(format!("{id} is set, but {secret} is not")),
        (None, Some(_)) => Err(format!("{secret} is set, but {id} is not")),
        // a machine of Amazon's asks for its role
        (None, None) if address.is_elsewhere() && CREDENTIALS.iter().all(|name| variable(name).is_none()) => {
            Err(format!("the keys of the S3 server are missing: set {id} and {secret}"))
        }
        _ => Ok(()),
    }
}

fn client(address: &Address) -> Result<ClientOptions, String> {
    let mut options = ClientOptions::new()
        .with_allow_http(address.is_plain())
        .with_connect_timeout(CONNECT_TIME)
        .with_timeout(REQUEST_TIME);
    if let Some(file) = &address.authority {
        let pem = std::fs::read(file).map_err(|error| format!("ca: {file}: {error}"))?;
        let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| format!("ca: {file}: {error}"))?;
        if authorities.is_empty() {
            return Err(format!("ca: {file} has no certificate"));
        }
        for authority in authorities {
            options = options.with_root_certificate(authority);
        }
    }
    Ok(options)
}
