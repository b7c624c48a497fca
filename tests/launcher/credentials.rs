//! Credentials files: what is accepted, and which field an error names.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use mesos_qos::credentials::{CredentialsError, FrameworkCredentials, Loaded, OpenStackCredentials};
use secrecy::ExposeSecret;
use tempfile::TempDir;

fn file(text: &str, mode: u32) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("credentials.json");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    (directory, path)
}

fn chronos(text: &str) -> Result<Loaded<FrameworkCredentials>, CredentialsError> {
    let (_directory, path) = file(text, 0o600);
    FrameworkCredentials::read_chronos(&path)
}

fn openstack(text: &str) -> Result<Loaded<OpenStackCredentials>, CredentialsError> {
    let (_directory, path) = file(text, 0o600);
    OpenStackCredentials::read(&path)
}

#[test]
fn one_master_or_several() {
    let one = chronos(r#"{"url": "http://m:4400", "user": "u", "password": "p w"}"#).unwrap();
    assert_eq!(one.value.urls[0].as_str(), "http://m:4400/");
    assert_eq!((one.value.user.as_str(), one.value.password.expose_secret()), ("u", "p w"));
    assert!(one.warnings.is_empty());
    let two = chronos(r#"{"url": ["http://a:1/scheduler/", "https://b/x/v1/scheduler"]}"#).unwrap().value;
    assert_eq!(two.urls.iter().map(|url| url.as_str()).collect::<Vec<_>>(), ["http://a:1/", "https://b/x"]);
    assert_eq!(two.user, "");
    let (_directory, path) =
        file(r#"{"url": ["http://a:8080/v2/apps/", "http://a:8080/v2", "http://a/marathon"]}"#, 0o600);
    let marathon = FrameworkCredentials::read_marathon(&path).unwrap().value;
    let urls: Vec<&str> = marathon.urls.iter().map(|url| url.as_str()).collect();
    assert_eq!(urls, ["http://a:8080/", "http://a:8080/", "http://a/marathon"]);
}

#[test]
fn an_error_names_the_file_and_the_field_and_what_would_be_right() {
    for (text, field, words) in [
        ("", None, "empty"),
        ("  \n", None, "empty"),
        ("url: x", None, "not JSON (line 1"),
        ("[]", None, "one JSON object"),
        ("{}", Some("url"), "missing"),
        (r#"{"ulr": "http://a"}"#, Some("url"), "is \"ulr\" meant"),
        (r#"{"url": 7}"#, Some("url"), "in quotes, or a list"),
        (r#"{"url": []}"#, Some("url"), "at least one"),
        (r#"{"url": ["http://a", 7]}"#, Some("url"), "list"),
        (r#"{"url": "localhost:4400"}"#, Some("url"), "http://"),
        (r#"{"url": "ftp://a"}"#, Some("url"), "http://"),
        (r#"{"url": "http://u:hunter2@a"}"#, Some("url"), "fields of their own"),
        (r#"{"url": "http://a/?x"}"#, Some("url"), "without ?"),
        (r#"{"url": "http://a", "user": "u"}"#, Some("password"), "missing"),
        (r#"{"url": "http://a", "user": 1, "password": "p"}"#, Some("user"), "in quotes"),
        (r#"{"url": "http://a", "user": "a:b", "password": "p"}"#, Some("user"), "colon"),
    ] {
        let error = chronos(text).unwrap_err();
        assert_eq!(error.field, field, "{text}");
        let said = error.to_string();
        assert!(said.contains(words) && said.contains("credentials.json"), "{text}: {said}");
        assert!(!said.contains("hunter2"));
    }
}

#[test]
fn a_password_is_in_no_debug_output_and_no_error() {
    let loaded = chronos(r#"{"url": "http://a", "user": "u", "password": "hunter2"}"#).unwrap();
    assert!(!format!("{loaded:?}").contains("hunter2"));
    let error = chronos(r#"{"url": "http://a", "user": "u", "password": "hunter2", }"#).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("hunter2"));
    let error = chronos(r#"{"url": "http://a", "user": "u", "password": ["hunter2"]}"#).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}

#[test]
fn a_file_that_others_can_read_gets_a_warning() {
    for (mode, warned) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        let (_directory, path) = file(r#"{"url": "http://a"}"#, mode);
        let loaded = FrameworkCredentials::read_chronos(&path).unwrap();
        assert_eq!(!loaded.warnings.is_empty(), warned, "{mode:o}");
        assert!(loaded.warnings.iter().all(|warning| warning.contains("chmod 600")));
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = FrameworkCredentials::read_chronos("/no/such/file".as_ref()).unwrap_err();
    assert!(error.to_string().starts_with("credentials file /no/such/file: "), "{error}");
}

#[test]
fn the_older_meaning_of_m_is_recognised() {
    let (_directory, path) = file(r#"{"keystone_url": "http://k/v3", "username": "u"}"#, 0o600);
    let error = FrameworkCredentials::read_chronos(&path).unwrap_err();
    assert!(error.to_string().contains("this file is for OpenStack"), "{error}");
    let error = FrameworkCredentials::read_marathon(&path).unwrap_err();
    assert!(error.to_string().contains("older README") && error.to_string().contains("-o"), "{error}");
}

#[test]
fn both_spellings_of_monasca_and_all_forms_of_the_keystone_url() {
    for keystone in ["http://k:5000", "http://k:5000/", "http://k:5000/v3", "http://k:5000/v3/"] {
        for monasca in ["monasca_client_url", "monocasca_client_url"] {
            let text = format!(
                r#"{{"keystone_url": "{keystone}", "{monasca}": "http://m:8070/v2.0", "username": "u", "password": "p", "project_name": "x"}}"#
            );
            let loaded = openstack(&text).unwrap().value;
            assert_eq!(loaded.keystone_url.as_str(), "http://k:5000/");
            assert_eq!(loaded.monasca_url.as_str(), "http://m:8070/v2.0");
        }
    }
    let under_a_path = r#"{"keystone_url": "https://h/identity/v3", "monasca_client_url": "http://m", "username": "u", "password": "p", "project_name": "x"}"#;
    assert_eq!(openstack(under_a_path).unwrap().value.keystone_url.as_str(), "https://h/identity");
}

#[test]
fn each_field_of_openstack_must_be_there() {
    let whole = r#"{"keystone_url": "http://k", "monocasca_client_url": "http://m", "username": "u", "password": "p", "project_name": "x"}"#;
    for field in ["keystone_url", "monocasca_client_url", "username", "password", "project_name"] {
        let mut value: serde_json::Value = serde_json::from_str(whole).unwrap();
        value.as_object_mut().unwrap().remove(field);
        assert_eq!(openstack(&value.to_string()).unwrap_err().field, Some(field));
    }
}
