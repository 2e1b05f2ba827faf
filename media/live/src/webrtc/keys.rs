//! The keys of SRTP that a DTLS handshake has agreed on.
//!
//! str0m keeps them to itself, but takes any provider of DTLS: this one hands them on besides.

use super::srtp::Srtp;
use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use str0m::config::CryptoProvider;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{self, CryptoError};

/// Where a session's keys come to lie once it is connected.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(Arc<Mutex<Option<Srtp>>>);

impl Keys {
    /// The keys; they can be taken once, since who has them counts what they have encrypted.
    pub(super) fn take(&self) -> Option<Srtp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, srtp: Option<Srtp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = srtp;
    }
}

thread_local! {
    /// Those of the session that this thread has made last: a session makes its DTLS while it is built.
    static NEWEST: RefCell<Keys> = RefCell::default();
}

/// What all sessions encrypt with.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        dtls_provider: &Tapped,
        ..crypto::from_feature_flags()
    }
}

/// Builds a session; returns it with its keys.
pub(super) fn of<T>(build: impl FnOnce() -> T) -> (T, Keys) {
    NEWEST.take();
    let built = build();
    (built, NEWEST.take())
}

#[derive(Debug)]
struct Tapped;

impl DtlsProvider for Tapped {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        crypto::from_feature_flags().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let provider = crypto::from_feature_flags().dtls_provider;
        let instance = provider.new_dtls(certificate, now, version, mtu)?;
        let keys = Keys::default();
        NEWEST.set(keys.clone());
        Ok(Box::new(TappedInstance { instance, keys }))
    }
}

#[derive(Debug)]
struct TappedInstance {
    instance: Box<dyn DtlsInstance>,
    keys: Keys,
}

impl DtlsInstance for TappedInstance {
    fn set_active(&mut self, active: bool) {
        self.instance.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.instance.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let is_client = self.instance.is_active();
        let output = self.instance.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            self.keys.put(Srtp::new(*profile, material.as_ref(), is_client));
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.instance.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.instance.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.instance.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.instance.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.instance.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.instance.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.instance.close()
    }
}
