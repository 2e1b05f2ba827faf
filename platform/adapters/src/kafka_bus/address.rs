//! The URL of a Kafka cluster, and the settings of a client that it stands for.

use super::watch::Watch;
use percent_encoding::percent_decode_str;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use std::sync::Arc;

/// The partitions of a topic, unless the URL says otherwise: as many members of a group can share its events.
const PARTITIONS: i32 = 12;
const EXPECTED: &str = "must be kafka://[USER:PASSWORD@]HOST:PORT,HOST:PORT[?prefix=…&partitions=…], or kafkas://… for TLS, \
                        which also takes sasl=scram-sha-512|scram-sha-256|plain and ca=FILE";

/// The mechanisms of SASL by their names in a URL; the first one is the default.
const MECHANISMS: [(&str, &str); 3] = [
    ("scram-sha-512", "SCRAM-SHA-512"),
    ("scram-sha-256", "SCRAM-SHA-256"),
    ("plain", "PLAIN"),
];

/// A Kafka cluster and MoocFlix's part of it.
pub struct KafkaAddress {
    servers: String,
    tls: bool,
    user: Option<User>,
    /// The file with the authorities of the brokers' certificates; none: the machine's.
    ca: Option<String>,
    prefix: String,
    partitions: i32,
}

struct User {
    name: String,
    password: String,
    mechanism: &'static str,
}

impl KafkaAddress {
    /// Reads a URL.
    ///
    /// Shape: `kafka://[USER:PASSWORD@]HOST:PORT,HOST:PORT`, or `kafkas://…` for TLS. Queries: `prefix`, which all names of
    /// topics and groups begin with; `partitions`, the number for new topics; `sasl`, the mechanism; `ca`, a file
    ///
    /// Errors: the expected form, or what this build lacks; never the URL, which may contain a password
    pub fn parse(url: &str) -> Result<Self, String> {
        let read = read(url).ok_or_else(|| EXPECTED.to_owned())?;
        if !cfg!(feature = "kafka-tls") && (read.tls || read.user.is_some()) {
            return Err(
                "this build has no TLS and no sign-in for Kafka; build it with the feature `kafka-tls`".to_owned(),
            );
        }
        Ok(read)
    }

    /// The broker's name of a topic or a group.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The number of partitions of a new topic.
    pub(super) fn partitions(&self) -> i32 {
        self.partitions
    }

    /// What every client is configured with: a broker that comes back is used within seconds.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        let settings = [
            ("bootstrap.servers", self.servers.as_str()),
            ("client.id", "moocflix"),
            ("security.protocol", self.protocol()),
            ("socket.timeout.ms", "6000"),
            ("socket.connection.setup.timeout.ms", "5000"),
            ("socket.keepalive.enable", "true"),
            ("reconnect.backoff.ms", "100"),
            ("reconnect.backoff.max.ms", "500"),
            ("topic.metadata.refresh.interval.ms", "30000"),
            // before the broker does, which would count as an error
            ("connections.max.idle.ms", "300000"),
        ];
        for (name, value) in settings {
            config.set(name, value);
        }
        if let Some(user) = &self.user {
            config.set("sasl.mechanisms", user.mechanism);
            config.set("sasl.username", &user.name);
            config.set("sasl.password", &user.password);
        }
        if let Some(ca) = &self.ca {
            config.set("ssl.ca.location", ca);
        }
        // `Watch` reports errors, and not 25 times a second
        config.set_log_level(RDKafkaLogLevel::Emerg);
        config
    }

    /// What every producer is configured with: a batch is acknowledged by all replicas in sync, or has failed within seconds.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config.set("enable.idempotence", "true");
        config.set("acks", "all");
        config.set("delivery.timeout.ms", "5000");
        config.set("linger.ms", "1");
        // the partition of a key that other languages' clients choose, too
        config.set("partitioner", "murmur2_random");
        config
    }

    /// What the members of a group are configured with, each of which gets a name of its own.
    pub(super) fn member(&self, group: &str) -> ClientConfig {
        let mut config = self.client();
        let settings = [
            // of what a member has accepted alone; a commit that fails during a rebalance is repeated
            ("enable.auto.offset.store", "false"),
            ("enable.auto.commit", "true"),
            ("auto.commit.interval.ms", "1000"),
            ("auto.offset.reset", "earliest"),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "1000"),
            // a broker that has just come back does not know its groups yet
            ("coordinator.query.interval.ms", "1000"),
            ("queued.min.messages", "1000"),
            ("queued.max.messages.kbytes", "8192"),
        ];
        for (name, value) in settings {
            config.set(name, value);
        }
        config.set("group.id", self.name(&format!("moocflix.{group}")));
        config
    }

    /// What a listener is configured with; it joins no group, but the library wants a name of one.
    pub(super) fn listener(&self) -> ClientConfig {
        let mut config = self.client();
        config.set("group.id", self.name("moocflix.broadcast"));
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "latest");
        config
    }

    /// A watch over clients of this cluster.
    pub(super) fn watch(&self) -> Arc<Watch> {
        Arc::new(Watch::new(self.servers.clone()))
    }

    fn protocol(&self) -> &'static str {
        match (self.user.is_some(), self.tls) {
            (false, false) => "plaintext",
            (false, true) => "ssl",
            (true, false) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        }
    }
}

fn read(url: &str) -> Option<KafkaAddress> {
    let (scheme, rest) = url.split_once("://")?;
    let tls = match scheme {
        "kafka" => false,
        "kafkas" => true,
        _ => return None,
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (user, servers) = match rest.rsplit_once('@') {
        // a slash would end the address wherever else it is read, and show the rest
        Some((user, _)) if user.contains('/') => return None,
        Some((user, servers)) => (Some(user.split_once(':')?), servers),
        None => (None, rest),
    };
    if !servers.split(',').all(is_server) {
        return None;
    }
    let mut address = KafkaAddress {
        servers: servers.to_owned(),
        tls,
        user: None,
        ca: None,
        prefix: String::new(),
        partitions: PARTITIONS,
    };
    let mut mechanism = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        match name {
            "prefix" if is_name(value) => value.clone_into(&mut address.prefix),
            "partitions" => address.partitions = value.parse().ok().filter(|count| (1..=1_000).contains(count))?,
            "sasl" => mechanism = Some(MECHANISMS.iter().find(|(name, _)| *name == value)?.1),
            "ca" if tls => address.ca = Some(decoded(value)?),
            _ => return None,
        }
    }
    address.user = match user {
        Some((name, password)) => Some(User {
            name: decoded(name).filter(|name| !name.is_empty())?,
            password: decoded(password)?,
            mechanism: mechanism.unwrap_or(MECHANISMS[0].1),
        }),
        None if mechanism.is_some() => return None,
        None => None,
    };
    Some(address)
}

/// Shape: `HOST:PORT`; an address of IPv6 stands in brackets
fn is_server(server: &str) -> bool {
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_host = |host: &str| {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let allowed = |text: &str, more: &str| text.chars().all(|it| it.is_ascii_alphanumeric() || more.contains(it));
        !host.is_empty() && bare.map_or_else(|| allowed(host, ".-_"), |bare| allowed(bare, ":.%"))
    };
    server
        .rsplit_once(':')
        .is_some_and(|(host, port)| is_host(host) && is_port(port))
}

/// Whether names of topics may begin with this.
fn is_name(text: &str) -> bool {
    text.len() <= 100 && text.chars().all(|it| it.is_ascii_alphanumeric() || "._-".contains(it))
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_servers_and_a_part_of_the_cluster() {
        let address = read("kafka://one:9092,[::1]:9093/?prefix=staging.&partitions=3").unwrap();
        let config = address.client();
        assert_eq!(config.get("bootstrap.servers"), Some("one:9092,[::1]:9093"));
        assert_eq!(config.get("security.protocol"), Some("plaintext"));
        assert_eq!(
            (address.name("moocflix.users").as_str(), address.partitions()),
            ("staging.moocflix.users", 3)
        );
        assert_eq!(read("kafka://one:9092").unwrap().partitions(), PARTITIONS);
    }

    #[test]
    fn a_url_has_the_sign_in_and_the_authority_of_the_brokers() {
        let config = read("kafkas://mooc%40flix:pa%3A55@one:9093?ca=/etc/my%20ca.pem")
            .unwrap()
            .client();
        for (name, value) in [
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanisms", "SCRAM-SHA-512"),
            ("sasl.username", "mooc@flix"),
            ("sasl.password", "pa:55"),
            ("ssl.ca.location", "/etc/my ca.pem"),
        ] {
            assert_eq!(config.get(name), Some(value));
        }
        let plain = read("kafka://user:password@one:9092?sasl=plain").unwrap().client();
        assert_eq!(plain.get("security.protocol"), Some("sasl_plaintext"));
        assert_eq!(plain.get("sasl.mechanisms"), Some("PLAIN"));
    }

    #[test]
    fn a_url_that_is_none_of_kafka_is_refused_without_its_password() {
        for url in [
            "kafka://",
            "kafka://one",
            "kafka://one:9092,",
            "kafka://one:0",
            "kafka://one:9092/topic",
            "kafka://pa55@one:9092",
            "kafka://:pa55@one:9092",
            "kafka://u:pa55/x@one:9092",
            "kafka://u:pa55@one:9092?sasl=gssapi",
            "kafka://one:9092?sasl=plain",
            "kafka://one:9092?partitions=0",
            "kafka://one:9092?prefix=a/b",
            "kafka://one:9092?ca=/x",
            "kafka://one:9092?acks=0",
            "http://u:pa55@one:9092",
        ] {
            let error = KafkaAddress::parse(url).err().unwrap();
            assert!(
                error.starts_with("must be kafka://") && !error.contains("pa55"),
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn tls_and_a_sign_in_need_a_build_with_them() {
        for url in ["kafkas://one:9093", "kafka://user:pa55@one:9092"] {
            let parsed = KafkaAddress::parse(url);
            assert_eq!(parsed.is_ok(), cfg!(feature = "kafka-tls"), "{url}");
            if let Err(error) = parsed {
                assert!(error.contains("`kafka-tls`") && !error.contains("pa55"), "{error}");
            }
        }
    }
}
