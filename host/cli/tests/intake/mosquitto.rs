//! Sensors over a real broker, while the host is cut off and started again in the middle: nothing is lost, nothing counts
//! twice, and what cannot be read stands in nobody's way.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS};
use serde_json::Value as Json;

use crate::host::{Scene, counted, entries, fact};
use crate::support::Server;

/// Readings that are sent; every tenth message beside them cannot be read.
const READINGS: usize = 150;
/// After so many the host is cut off, and after so many started again; the sensors send on.
const CUT_AT: usize = 50;
const BACK_AT: usize = 100;
const PASSWORD: &str = "of-the-tests-only";

/// Waits until something holds; gives up when it clearly will not.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(2), "never happened: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

struct Broker {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Broker {
    /// Starts it; `None`, loudly, where it is not installed.
    fn start() -> Option<Self> {
        let places = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"];
        let Some(program) = places.into_iter().find(|path| Path::new(path).exists()) else {
            // Not by `eprintln`, which is only shown of a test that fails.
            let why = "NOT TESTED: mosquitto is not installed, so no sensor can send; install it with `apt-get install -y \
                       mosquitto`";
            writeln!(std::io::stderr(), "{why}").expect("the standard error can be written to");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence false\n\
             max_inflight_messages 20\nmax_queued_messages 10000\n"
        );
        let file = folder.path().join("broker.conf");
        std::fs::write(&file, text).expect("written");
        let mut command = Command::new(program);
        command.arg("-c").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("mosquitto cannot be started");
        Some(Self { child, port, _folder: folder })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// A host that reads the topics of a broker.
fn scene(port: u16) -> Scene {
    let scene = Scene::new(&format!(
        r#"
[mqtt.gauges]
broker = "127.0.0.1"
port = {port}
client_id = "muster-tests"
source = "urn:iot:gauges"
district = "yunhe"
username = "muster"
password = "file:mqtt.password"

[[mqtt.gauges.topic]]
pattern = "city/{{area}}/level"

[mqtt.gauges.topic.mapping]
kind = "ponding"
hazard = "rainstorm"
id = ["number"]
place = {{ field = "topic.area" }}
fields.depth_cm = {{ field = "depth", unit = "cm", required = true }}
"#
    ));
    let password = scene.folder.path().join("mqtt.password");
    std::fs::write(&password, PASSWORD).expect("written");
    let open_to_the_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&password, open_to_the_owner).expect("set");
    scene
}

/// Sensors that send with quality of service 1, one message after the other.
struct Sensors {
    client: Client,
    connection: Connection,
}

impl Sensors {
    fn new(port: u16) -> Self {
        let mut options = MqttOptions::new("sensors", "127.0.0.1", port);
        options.set_clean_session(false);
        let (client, connection) = Client::new(options, 16);
        Self { client, connection }
    }

    /// Returns once the broker has the message.
    fn send(&mut self, topic: &str, payload: &str) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).expect("queued");
        for event in self.connection.iter() {
            match event {
                Ok(Event::Incoming(Packet::PubAck(_))) => return,
                Ok(_) => {}
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn reading(&mut self, number: usize) {
        let depth = number % 30;
        self.send("city/990102/level", &format!(r#"{{"number":{number},"depth":{depth}}}"#));
        if number.is_multiple_of(10) {
            self.send(&format!("city/broken-{number}/level"), "no JSON");
        }
    }
}

fn broker_of(server: &Server) -> Json {
    server.get("/v1/status")["intake"]["brokers"][0].clone()
}

/// How often each reading was decided, repeats left out, and how many repeats there were.
fn readings(server: &Server) -> (BTreeMap<String, usize>, usize) {
    let (mut times, mut repeats) = (BTreeMap::new(), 0);
    for entry in entries(server, "yunhe") {
        let Some(id) = entry["cause"]["event"]["id"].as_str().filter(|id| id.starts_with("mqtt:")) else { continue };
        if fact(&entry, "event.duplicate").is_some() {
            repeats += 1;
        } else {
            *times.entry(id.to_owned()).or_default() += 1;
        }
    }
    (times, repeats)
}

/// The broker must know the session and its topics before anything counts on it.
fn subscribed(server: &Server, sensors: &mut Sensors) {
    until("the host is connected", || broker_of(server)["connected"] == true);
    until("the topics are read", || {
        sensors.send("city/990102/level", r#"{"number":"hello","depth":1}"#);
        broker_of(server)["durable"].as_u64() > Some(0)
    });
}

#[test]
fn a_host_that_is_cut_off_in_the_middle_loses_no_reading_and_counts_none_twice() {
    let Some(broker) = Broker::start() else { return };
    let scene = scene(broker.port);
    let mut server = scene.start();
    let mut sensors = Sensors::new(broker.port);
    subscribed(&server, &mut sensors);
    for number in 0..READINGS {
        match number {
            // In the middle of what was not acknowledged yet, as likely as not.
            CUT_AT => server.child.kill().expect("killed"),
            BACK_AT => {
                server.child.wait().expect("gone");
                server = scene.start();
            }
            _ => {}
        }
        sensors.reading(number);
    }
    until("every reading is decided", || readings(&server).0.len() > READINGS);
    let (times, repeats) = readings(&server);
    assert!(times.values().all(|times| *times == 1), "a reading was decided twice: {times:?}");
    assert_eq!(times.len(), READINGS + 1, "all of them, and the first one that only asked: {times:?}");
    println!("{READINGS} readings over a cut; {repeats} came again and counted once");

    let standing = broker_of(&server);
    assert_eq!((&standing["connected"], standing["problem"].is_null()), (&Json::Bool(true), true), "{standing:#}");
    until("what cannot be read is counted", || counted(&server, "mqtt", "not-json") >= 5);
    assert!(broker_of(&server)["last_refusal"].as_str().is_some_and(|said| said.contains("city/broken-")));
    let metrics = server.text("/metrics");
    assert!(metrics.contains("muster_mqtt_connected{broker=\"gauges\"} 1\n"), "{metrics}");
    assert!(metrics.contains("muster_mqtt_connections_total{broker=\"gauges\"} 1\n"), "{metrics}");
    let status = server.get("/v1/status").to_string();
    assert!(!status.contains(PASSWORD) && !metrics.contains(PASSWORD), "a password is never told");
    // What came while the host stood still, and a stop in good order: the next start finds the rest.
    server.stop();
    for number in READINGS..READINGS + 20 {
        sensors.reading(number);
    }
    let server = scene.start();
    until("what came meanwhile is decided", || readings(&server).0.len() > READINGS + 20);
    assert!(readings(&server).0.values().all(|times| *times == 1));
}

#[test]
fn a_broker_that_is_gone_is_told_of_and_held_against_nobody() {
    let Some(broker) = Broker::start() else { return };
    let scene = scene(broker.port);
    let server = scene.start();
    let mut sensors = Sensors::new(broker.port);
    subscribed(&server, &mut sensors);
    assert!(!server.get("/v1/status")["degraded"].to_string().contains("mqtt"));
    drop(broker);
    until("the loss is told of", || server.get("/v1/status")["degraded"].to_string().contains("\"mqtt\""));
    assert!(server.text("/metrics").contains("muster_mqtt_connected{broker=\"gauges\"} 0\n"));
    let url = server.url("");
    let (fine, said) = crate::support::muster(&["status", "--server", &url]);
    assert!(fine && said.contains("mqtt: gauges at 127.0.0.1:") && said.contains("NOT CONNECTED"), "{said}");
    // Everything else is taken as ever, and the host stops at once, whatever it waits for.
    let (status, _) = server.send("yunhe", &crate::support::signal("s-1", "990103901"));
    assert_eq!(status, 200);
    server.stop();
}
