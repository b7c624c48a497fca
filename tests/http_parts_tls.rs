//! The supervisor's certificate: served when it is right, named when it is not.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "each test file uses its part of the support")]

mod http_parts_support;

use std::fs;
use std::path::Path;

use http_parts_support::{Secrets, serve};
use mesos_qos::config::{AuthMode, TlsSettings};
use mesos_qos::http::limits::Limits;
use mesos_qos::http::tls::server_config;

fn pair(dir: &Path, name: &str) -> TlsSettings {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let (certificate, key) = (dir.join(format!("{name}.crt")), dir.join(format!("{name}.key")));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    TlsSettings { certificate: Some(certificate), key: Some(key) }
}

#[actix_web::test]
async fn the_certificate_is_served_and_plain_http_is_not() {
    let secrets = Secrets::new();
    let settings = pair(secrets.dir.path(), "a");
    let address = serve(secrets.gate(AuthMode::Required), Limits::default(), &settings);
    let trusted = fs::read(settings.certificate.unwrap()).unwrap();
    let trusted = reqwest::Certificate::from_pem(&trusted).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
    let answer = client.get(format!("https://{address}/")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "Welcome");
    assert!(client.get(format!("http://{address}/")).send().await.is_err());
}

#[test]
fn what_is_wrong_with_the_files_is_said_with_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (pair(dir.path(), "one"), pair(dir.path(), "two"));
    fs::write(dir.path().join("empty"), "no PEM here").unwrap();
    let empty = Some(dir.path().join("empty"));
    let missing = Some(dir.path().join("missing.crt"));
    let cases = [
        (missing, one.key.clone(), "missing.crt holds no usable PEM certificate"),
        (empty.clone(), one.key.clone(), "empty holds no PEM certificate"),
        (one.certificate.clone(), empty, "empty holds no usable PEM private key"),
        (one.certificate.clone(), two.key, "one.crt and the key in"),
        (one.certificate.clone(), one.certificate.clone(), "one.crt holds no usable PEM private key"),
    ];
    for (certificate, key, part) in cases {
        let error = server_config(&TlsSettings { certificate, key }).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!(server_config(&one).unwrap().is_some());
    assert!(server_config(&TlsSettings { certificate: None, key: None }).unwrap().is_none());
}
