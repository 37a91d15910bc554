//! What is wrong in `[intake]` and `[mqtt]` is named before a host starts.

use crate::host::{SOURCES, Scene, settings};
use crate::support::{Server, muster};

const BROKER: &str = r#"
[mqtt.sensors]
broker = "127.0.0.1"
client_id = "muster"
source = "urn:iot:sensors"
username = "muster"
password = "file:mqtt.password"
topic = [{ pattern = "a/{b}", mapping = { kind = "k", id = ["*"], place = { node = "990100" } } }]
"#;

#[test]
fn check_names_file_line_and_field_and_never_a_password() {
    for (text, expected) in [
        (
            "[intake.a]\nformat = \"cap\"\nsource = \"urn:a\"\ndistrict = \"nowhere\"\n".to_owned(),
            "muster.toml:9: `intake.a.district` is `nowhere`, which this host does not serve; name one of ",
        ),
        (
            "[intake.a]\nformat = \"cap\"\nsource = \"urn:a\"\ndistrict = \"yunhe.exercise\"\n".to_owned(),
            "muster.toml:9: `intake.a.district` is `yunhe.exercise`, which takes drills only",
        ),
        (
            "[intake.a]\nformat = \"cap\"\nsource = \"urn:a\"\ncap.dialect = \"slang\"\n".to_owned(),
            "muster.toml:9: unknown variant `slang`",
        ),
        (BROKER.to_owned(), "mqtt.password cannot be read"),
        (
            BROKER.replace("file:mqtt.password", "env:MUSTER_NO_SUCH_VARIABLE"),
            "the variable MUSTER_NO_SUCH_VARIABLE, which holds a secret, is not set",
        ),
        (BROKER.replace("file:mqtt.password", "hush-hush"), "a password is named as `file:PATH` or `env:NAME`"),
    ] {
        let scene = Scene::new(&text);
        let (fine, said) = muster(&["check", &settings(&scene)]);
        assert!(!fine && said.contains(expected), "expected {expected:?}: {said}");
        assert!(!said.contains("hush"), "{said}");
        let started = Server::try_configured(&scene.folder.path().join("muster.toml"));
        let said = started.err().expect("it does not start");
        assert!(said.contains(expected) && !said.contains("hush"), "expected {expected:?}: {said}");
    }
}

#[test]
fn sources_stand_in_the_status() {
    let scene = Scene::new(SOURCES);
    let server = scene.start();
    let intake = server.get("/v1/status")["intake"].clone();
    let names: Vec<&str> =
        intake["sources"].as_array().expect("sources").iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["events", "gauges", "monitoring", "national", "nws", "office", "province", "weather"]);
    assert_eq!(intake["brokers"], serde_json::json!([]));
}
