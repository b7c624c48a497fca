//! A Prometheus behind TLS and passwords.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::exporter::Exporter;
use crate::helpers::on_actix;
use crate::measured_world::{launch, wait_for_source, world};
use crate::server::Prometheus;

const USER: &str = "supervisor";
const PASSWORD: &str = "a password of the test";

/// Of `PASSWORD`, by bcrypt at its lowest cost.
const HASH: &str = "$2b$04$P2hzx9YCFwdJm.Uc/L30i.ULY2ULkHSFUI//L2IuE8gkDIGQCLPFy";

/// Writes a file that only its owner can read.
fn private(dir: &tempfile::TempDir, name: &str, content: &str) -> PathBuf {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = dir.path().join(name);
    let mut file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path).unwrap();
    file.write_all(content.as_bytes()).unwrap();
    path
}

#[test]
fn a_prometheus_with_tls_and_passwords_is_asked_with_the_header_and_trusted_by_its_certificate() {
    on_actix(async {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
        let certificate = private(&dir, "tls.crt", &made.cert.pem());
        let key = private(&dir, "tls.key", &made.signing_key.serialize_pem());
        let web = format!(
            "tls_server_config: {{cert_file: {}, key_file: {}}}\nbasic_auth_users: {{{USER}: {HASH}}}\n",
            certificate.display(),
            key.display()
        );
        let web = private(&dir, "web.yml", &web);
        let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([trusted]).no_proxy().build().unwrap();
        let exporter = Exporter::start().await;
        let prometheus = Prometheus::start_with(&exporter.target(), Some(&web), client).await;
        let basic = |password: &str| format!("Basic {}\n", BASE64_STANDARD.encode(format!("{USER}:{password}")));
        let wrong = private(&dir, "wrong", &basic("another one"));
        let right = private(&dir, "right", &basic(PASSWORD));
        let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
        let (certificate, wrong, right) = (text(&certificate), text(&wrong), text(&right));
        for (more, reason) in [
            (vec![("prometheus", "authorization_file", right.as_str())], "certificate"),
            (vec![("prometheus", "cacert", certificate.as_str())], "status 401"),
            (vec![("prometheus", "cacert", &certificate), ("prometheus", "authorization_file", &wrong)], "status 401"),
        ] {
            let world = world(&prometheus.url, &more).await;
            launch(&world, &exporter).await;
            let detail = wait_for_source(&world, "unreachable").await;
            let error = detail["cpu_source_last_error"].as_str().unwrap().to_lowercase();
            assert!(error.contains(reason), "{more:?}: {error}");
            world.stop().await;
        }
        let more = [("prometheus", "cacert", certificate.as_str()), ("prometheus", "authorization_file", &right)];
        let world = world(&prometheus.url, &more).await;
        let uuid = launch(&world, &exporter).await;
        world.wait_for_events(&uuid, "CpuSample", 1).await;
        world.stop().await;
    });
}
