//! `muster init`, `muster check`, and when a host does not listen.

use std::collections::BTreeMap;

use crate::support::{self, Server, muster};

fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("written");
    path.display().to_string()
}

#[test]
fn what_init_writes_is_checked_served_and_opened_with_the_first_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("host");
    let (made, said) = muster(&["init", &home.display().to_string()]);
    assert!(made, "{said}");
    let next: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("  muster ")).collect();
    assert_eq!(next.len(), 3, "{said}");
    let token = home.join("first-token");
    let shown = std::fs::read_to_string(&token).expect("a token");
    assert!(!said.contains(shown.trim()), "the token is not printed");
    assert_eq!(crate::fortress::mode(&token), 0o600);
    let (again, said) = muster(&["init", &home.display().to_string()]);
    assert!(!again && said.contains("must not be there yet"), "{said}");

    // The next three commands, as they were printed.
    let check: Vec<&str> = next[0].split(' ').collect();
    let (fine, said) = muster(&check);
    assert!(fine && said.contains("nothing to complain about"), "{said}");
    let server = Server::configured(&home.join("muster.toml"));
    let url = server.url("");
    let to = folder.path().join("operator").display().to_string();
    let line = next[2].replace("YOU", "olga").replace("operator-token", &to);
    let issue: Vec<&str> = line.split(' ').chain(["--server", &url]).collect();
    let (fine, said) = muster(&issue);
    assert!(fine, "{said}");
    let (fine, said) = muster(&["--token-file", &to, "status", "--server", &url]);
    assert!(fine && said.contains("mydistrict"), "{said}");
    let (fine, _) = muster(&["status", "--server", &url]);
    assert!(!fine, "nobody is let in without a token");
}

#[test]
fn check_names_file_line_and_field() {
    let cities = support::examples();
    let yunhe = cities.path().join("yunhe").display().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let least = format!("data = \"data\"\ndistricts = [{yunhe:?}]\n");
    let check = |text: &str| muster(&["check", &write(&folder, "muster.toml", text)]);
    let (fine, said) = check(&least);
    assert!(fine, "{said}");
    for (text, expected) in [
        (format!("{least}tokens = 1\n"), "muster.toml:3: unknown field `tokens`"),
        (format!("{least}[access]\npublic = true\n"), "muster.toml:4: unknown field `public`"),
        (format!("{least}[access.guessing]\nfailures = 0\n"), "muster.toml:4: `access.guessing.failures` is 0"),
        (format!("{least}[tls]\ncertificate = \"no.pem\"\nkey = \"file:no.key\"\n"), "no.pem"),
        (format!("{least}trust = \"no-trust.toml\"\n"), "no-trust.toml"),
        ("data = \"data\"\ndistricts = [\"nowhere\"]\n".to_owned(), "nowhere"),
    ] {
        let (fine, said) = check(&text);
        assert!(!fine && said.contains(expected), "expected {expected:?}: {said}");
    }
    let (fine, said) = check(&format!("{least}[access]\ndevelopment = true\n"));
    assert!(!fine && said.contains("never in service"), "{said}");
}

#[test]
fn beyond_this_machine_a_host_listens_with_tls_and_tokens_or_says_so_loudly() {
    let cities = support::examples();
    let yunhe = cities.path().join("yunhe").display().to_string();
    let data = tempfile::tempdir().expect("a folder");
    let data = data.path().join("data").display().to_string();
    let serve = ["serve", "--data", &data, "--district", &yunhe, "--listen", "0.0.0.0:0"];
    let (fine, said) = support::muster_with(&serve, &BTreeMap::new());
    assert!(!fine && said.contains("not listening on 0.0.0.0:0") && said.contains("不在 0.0.0.0:0 监听"), "{said}");
}
