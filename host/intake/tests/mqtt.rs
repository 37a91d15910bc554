//! The sensor client against a real broker, which is stopped and started again in the middle: nothing is lost, what comes
//! twice has the same id, and what cannot be read stands in nobody's way.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::TcpListener;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use muster_intake::mqtt::{Client, MqttSettings, Notice, Sink, SinkError, TopicRefusal};
use muster_kernel::{Event, Instant};
use rumqttc::{AsyncClient, Event as Heard, MqttOptions, Packet, QoS};
use tokio::sync::{Notify, watch};

/// Readings that are sent; every tenth message beside them cannot be read.
const READINGS: usize = 120;
/// The reading at which the broker is stopped.
const STOP_AT: usize = 40;
/// Readings that the broker has taken before it is stopped; the others come after.
const SENT_BEFORE: usize = 80;

struct Broker {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Broker {
    /// Where the broker is installed.
    fn installed() -> Option<&'static Path> {
        let places = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"];
        places.into_iter().map(Path::new).find(|path| path.exists())
    }

    fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().display();
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence true\n\
             persistence_location {store}/\nmax_inflight_messages 20\nmax_queued_messages 10000\n"
        );
        std::fs::write(folder.path().join("broker.conf"), text).expect("written");
        let child = Self::run(folder.path());
        Self { child, folder, port }
    }

    fn run(folder: &Path) -> Child {
        let mut command = Command::new(Self::installed().expect("mosquitto"));
        command.arg("-c").arg(folder.join("broker.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("mosquitto cannot be started")
    }

    /// Stops it as an operator would: it writes what it keeps to its disk.
    fn stop(&mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill");
        assert!(asked.success());
        self.child.wait().expect("the broker's end");
    }

    fn start_again(&mut self) {
        self.child = Self::run(self.folder.path());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Keeps what it is given; at one reading it stops until the broker has been started again.
struct Kept {
    events: Mutex<Vec<String>>,
    refusals: Mutex<Vec<String>>,
    resumed: AtomicUsize,
    put_off: AtomicBool,
    subscribed: Notify,
    reached: watch::Sender<bool>,
    back: watch::Receiver<bool>,
}

impl Sink for Kept {
    async fn event(&self, event: Event) -> Result<(), SinkError> {
        if event.id.ends_with(&format!("#{STOP_AT}")) {
            self.reached.send_replace(true);
            self.back.clone().wait_for(|back| *back).await.expect("the test");
        }
        if event.id.ends_with("#7") && !self.put_off.swap(true, Ordering::SeqCst) {
            return Err(SinkError::Later("the disk is busy".into()));
        }
        self.events.lock().expect("kept").push(event.id);
        Ok(())
    }

    async fn refused(&self, refusal: TopicRefusal) -> Result<(), SinkError> {
        self.refusals.lock().expect("kept").push(refusal.to_string());
        Ok(())
    }

    fn notice(&self, notice: Notice) {
        match notice {
            Notice::Connected { resumed } => {
                self.resumed.fetch_add(usize::from(resumed), Ordering::SeqCst);
                self.subscribed.notify_one();
            }
            Notice::NotSubscribed { filter } => panic!("not subscribed to {filter}"),
            Notice::Disconnected { .. } => {}
        }
    }
}

fn settings(port: u16) -> MqttSettings {
    let text = format!(
        r#"
        broker = "127.0.0.1"
        port = {port}
        client_id = "muster-tests"
        source = "urn:iot:gauges"
        [[topic]]
        pattern = "city/{{area}}/level"
        [topic.mapping]
        kind = "ponding"
        id = ["number"]
        place = {{ field = "topic.area" }}
        fields.depth_cm = {{ field = "depth", unit = "cm", required = true }}
        "#
    );
    toml::from_str(&text).expect("settings")
}

/// Sends readings with quality of service 1 and waits until the broker has taken all of them.
async fn publish(port: u16, readings: Range<usize>) {
    let mut options = MqttOptions::new("sensors", "127.0.0.1", port);
    options.set_clean_session(false);
    let (client, mut events) = AsyncClient::new(options, 1_024);
    let mut sent = 0;
    for number in readings {
        let reading = format!(r#"{{"number":{number},"depth":{}}}"#, number % 30);
        client.publish("city/990102/level", QoS::AtLeastOnce, false, reading).await.expect("queued");
        sent += 1;
        if number.is_multiple_of(10) {
            client
                .publish(format!("city/broken-{number}/level"), QoS::AtLeastOnce, false, "no JSON")
                .await
                .expect("queued");
            sent += 1;
        }
    }
    let mut taken = 0;
    while taken < sent {
        match events.poll().await {
            Ok(Heard::Incoming(Packet::PubAck(_))) => taken += 1,
            Ok(_) => {}
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

#[tokio::test]
async fn a_broker_that_starts_anew_in_the_middle_loses_nothing() {
    if Broker::installed().is_none() {
        // Not by `eprintln`, which is only shown of a test that fails.
        let why = "NOT TESTED: mosquitto is not installed, so no broker can be restarted in the middle; install it with \
                   `apt-get install -y mosquitto`";
        writeln!(std::io::stderr(), "{why}").expect("the standard error can be written to");
        return;
    }
    let mut broker = Broker::start();
    let (reached, mut at_the_reading) = watch::channel(false);
    let (go_on, back) = watch::channel(false);
    let kept = Kept {
        events: Mutex::default(),
        refusals: Mutex::default(),
        resumed: AtomicUsize::new(0),
        put_off: AtomicBool::new(false),
        subscribed: Notify::new(),
        reached,
        back,
    };
    let client = Client::new("gauges", &settings(broker.port), None).expect("a client");
    let (stop, mut stopped) = watch::channel(false);
    let running = client.run(&kept, || Instant::MIN, async {
        stopped.wait_for(|stop| *stop).await.expect("the test");
    });
    let port = broker.port;
    let story = async {
        // The session must be known to the broker before anything is sent.
        kept.subscribed.notified().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let sending = tokio::spawn(publish(port, 0..SENT_BEFORE));
        at_the_reading.wait_for(|reached| *reached).await.expect("the client");
        sending.await.expect("the broker has taken everything so far");
        broker.stop();
        tokio::time::sleep(Duration::from_millis(300)).await;
        broker.start_again();
        go_on.send_replace(true);
        publish(port, SENT_BEFORE..READINGS).await;
        let whole = || kept.events.lock().expect("kept").iter().collect::<BTreeSet<_>>().len() == READINGS;
        while !whole() || kept.refusals.lock().expect("kept").iter().collect::<BTreeSet<_>>().len() < READINGS / 10 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stop.send_replace(true);
    };
    // Only so that a fault ends the test at all.
    let both = async { tokio::join!(running, story) };
    tokio::time::timeout(Duration::from_secs(90), both).await.expect("nothing is lost and the test ends");

    let events = kept.events.lock().expect("kept").clone();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for id in &events {
        *times.entry(id).or_default() += 1;
    }
    let wanted: BTreeSet<String> = (0..READINGS).map(|number| format!("mqtt:city/990102/level#{number}")).collect();
    assert_eq!(times.keys().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>(), wanted);
    assert!(times.values().any(|times| *times > 1), "what was not acknowledged comes again, with the same id");
    let refusals = kept.refusals.lock().expect("kept").clone();
    let distinct: BTreeSet<&str> = refusals.iter().map(String::as_str).collect();
    assert_eq!(distinct.len(), READINGS / 10, "{distinct:?}");
    insta::assert_snapshot!(distinct.first().expect("a refusal"), @"topic `city/broken-0/level`: line 1: not the JSON that is expected: expected ident at line 1 column 2");
    let counts = client.counts();
    assert_eq!(counts.durable, events.len() as u64);
    assert_eq!(counts.refused, refusals.len() as u64);
    assert_eq!(counts.put_off, 1);
    assert!(counts.connections >= 2, "{counts:?}");
    let again = events.len() - READINGS;
    println!("{READINGS} readings and {} refusals; {again} readings came again; {counts:?}", distinct.len());
    assert!(kept.resumed.load(Ordering::SeqCst) >= 1, "the broker kept the session over its restart");
}
