//! The URL of a bucket.

use url::Url;

const SHAPE: &str = "must be s3://BUCKET?endpoint=http://HOST:PORT&region=REGION";

/// What the URL says.
pub(super) struct Address {
    pub(super) bucket: String,
    endpoint: Option<Url>,
    pub(super) region: Option<String>,
    /// Whether the bucket is in the host's name instead of the path.
    pub(super) is_virtual: bool,
    /// A file with the certificates of the authorities that have signed the server's.
    pub(super) authority: Option<String>,
}

impl Address {
    /// Errors: the expected form, or what is wrong with a parameter; never the URL itself
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|_| SHAPE.to_owned())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "the keys belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, not into the URL".to_owned(),
            );
        }
        let bucket = url.host_str().filter(|host| !host.is_empty()).ok_or(SHAPE)?.to_owned();
        if url.scheme() != "s3" || url.port().is_some() || !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(SHAPE.to_owned());
        }
        let mut address = Self {
            bucket,
            endpoint: None,
            region: None,
            is_virtual: false,
            authority: None,
        };
        let mut style = None;
        for (name, value) in url.query_pairs() {
            match &*name {
                "endpoint" => address.endpoint = Some(endpoint(&value)?),
                "region" => address.region = Some(value.into_owned()),
                "style" => style = Some(value.into_owned()),
                "ca" => address.authority = Some(value.into_owned()),
                _ => {
                    return Err(format!(
                        "{SHAPE}; there is no parameter `{name}`, only endpoint, region, style and ca"
                    ));
                }
            }
        }
        address.is_virtual = match style.as_deref() {
            Some("path") => false,
            Some("virtual") => true,
            Some(_) => return Err("style must be path or virtual".to_owned()),
            // Amazon's own servers want the bucket in the host's name.
            None => address.endpoint.is_none(),
        };
        Ok(address)
    }

    /// Whether it is no server of Amazon's.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.endpoint.is_some()
    }

    /// Whether requests go without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.scheme() == "http")
    }

    /// The server's URL; in the virtual-host style it has the bucket.
    pub(super) fn endpoint(&self) -> Result<Option<String>, String> {
        let Some(mut endpoint) = self.endpoint.clone() else {
            return Ok(None);
        };
        if self.is_virtual {
            let domain = endpoint
                .domain()
                .ok_or("style=virtual needs an endpoint with a host's name")?;
            let host = format!("{}.{domain}", self.bucket);
            let named = endpoint.set_host(Some(&host));
            named.map_err(|_| "with style=virtual, the bucket must fit into a host's name".to_owned())?;
        }
        Ok(Some(endpoint.as_str().trim_end_matches('/').to_owned()))
    }
}

fn endpoint(text: &str) -> Result<Url, String> {
    const WRONG: &str = "endpoint must be http://HOST:PORT or https://HOST:PORT";
    let url = Url::parse(text).map_err(|_| WRONG)?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let has_keys = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "http" | "https") || !is_bare || has_keys {
        return Err(WRONG.to_owned());
    }
    Ok(url)
}
