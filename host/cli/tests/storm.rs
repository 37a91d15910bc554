//! Reloads in the middle of the storm: twenty districts under load, one of them changes its policy again and again, well
//! and badly. No event is lost, refused or answered by the wrong package. Counts are asserted, times are printed.
//!
//! ```sh
//! cargo test -p muster --test storm -- --nocapture                                 # a short one
//! MUSTER_RELOADS=100 MUSTER_RELOAD_EVERY_MS=1000 MUSTER_QUIET=50 MUSTER_DISTRICTS=20 MUSTER_RATE=200 \
//!     MUSTER_BINARY=target/release/muster cargo test -p muster --test storm -- --nocapture --test-threads 1            # the whole
//! ```

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use support::trust::Office;
use support::{Server, signal, variant};

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Writes a file as a careful editor does: whole, or not at all.
fn save(file: &Path, bytes: &[u8]) {
    let fresh = file.with_extension("fresh");
    fs::write(&fresh, bytes).expect("written");
    fs::rename(&fresh, file).expect("renamed");
}

/// A city of many districts; the first one changes its triage, by a package in a folder of its own.
struct City {
    _examples: tempfile::TempDir,
    folders: Vec<PathBuf>,
    office: Office,
    packages: PathBuf,
}

impl City {
    fn new(districts: usize) -> Self {
        let examples = support::examples();
        let office = Office::open();
        for package in fs::read_dir(examples.path().join("ref-v1/packages")).expect("packages") {
            office.release(&package.expect("a package").path());
        }
        let text = fs::read_to_string(examples.path().join("yunhe/district.toml")).expect("read");
        let folders: Vec<PathBuf> = (0..districts)
            .map(|place| {
                let folder = examples.path().join(format!("d{place:02}"));
                fs::create_dir_all(folder.join("settings")).expect("made");
                let settings = examples.path().join("yunhe/settings/triage.toml");
                fs::copy(settings, folder.join("settings/triage.toml")).expect("copied");
                let own = text.replace("district = \"yunhe\"", &format!("district = \"d{place:02}\""));
                fs::write(folder.join("district.toml"), own).expect("written");
                folder
            })
            .collect();
        let packages = folders[0].join("packages");
        fs::create_dir_all(&packages).expect("made");
        for name in ["triage.wasm", "triage.wasm.dsse.jsonl"] {
            fs::copy(examples.path().join("ref-v1/packages").join(name), packages.join(name)).expect("copied");
        }
        let city = Self { _examples: examples, folders, office, packages };
        city.bind("capabilities = [\"settings\", \"roster\", \"calendar\", \"memory\", \"facts\"]");
        city
    }

    /// The first district's own words about its triage.
    fn bind(&self, capabilities: &str) {
        let file = self.folders[0].join("district.toml");
        let text = fs::read_to_string(&file).expect("read");
        let text = text.split("\n# storm").next().unwrap_or_default().to_owned();
        let section = text.find("[policies.triage]");
        let (before, after) = match section {
            Some(place) => {
                let rest = &text[place + 1..];
                let end = rest.find("\n[").map_or(text.len(), |end| place + 1 + end);
                (text[..place].to_owned(), text[end..].to_owned())
            }
            None => (text, String::new()),
        };
        let bound = format!(
            "{before}{after}\n# storm\n[policies.triage]\npackage = \"packages/triage.wasm\"\n\
             settings = [\"settings/triage.toml\"]\n{capabilities}\n[change]\nchanged_permille_max = 200\n"
        );
        save(&file, bound.as_bytes());
    }

    /// What is signed about a package; signing is not the host's work, so it is done before anything is measured.
    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let waiting = self.packages.join("waiting.wasm");
        let attestations = self.packages.join("waiting.wasm.dsse.jsonl");
        fs::write(&waiting, bytes).expect("written");
        self.office.release(&waiting);
        let signed = fs::read(&attestations).expect("read");
        fs::remove_file(&waiting).and_then(|()| fs::remove_file(&attestations)).expect("removed");
        signed
    }

    /// Puts an edition of a package in place, with what is signed about it.
    fn put(&self, bytes: &[u8], attestations: &[u8]) {
        save(&self.packages.join("triage.wasm.dsse.jsonl"), attestations);
        save(&self.packages.join("triage.wasm"), bytes);
    }
}

/// What came of one event.
struct Sent {
    district: usize,
    latency: Duration,
    reloading: bool,
    seq: u64,
    answered: Option<String>,
}

/// Sends at an even pace over all districts until it is told to stop.
fn load(
    server: &Server,
    districts: usize,
    rate: usize,
    stop: &AtomicBool,
    reloading: &AtomicBool,
    sent: &Mutex<Vec<Sent>>,
) {
    const SENDERS: usize = 8;
    let counter = AtomicUsize::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                let agent = support::agent();
                while !stop.load(Ordering::Relaxed) {
                    let number = counter.fetch_add(1, Ordering::Relaxed);
                    let due = begun
                        + Duration::from_secs_f64(
                            f64::from(u32::try_from(number).expect("few"))
                                / f64::from(u32::try_from(rate).expect("few")),
                        );
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    let district = number % districts;
                    let url = server.url(&format!("/v1/districts/d{district:02}/events"));
                    let event = signal(&format!("storm-{number}"), "990103901").to_string();
                    let was_reloading = reloading.load(Ordering::Relaxed);
                    let asked = Instant::now();
                    let mut response =
                        agent.post(url).content_type("application/cloudevents+json").send(event).expect("answered");
                    let latency = asked.elapsed();
                    assert_eq!(response.status(), 200, "an event was refused");
                    let receipt: Json = response.body_mut().read_json().expect("a receipt");
                    let answered = receipt["answered"]["triage"].as_str().map(str::to_owned);
                    let seq = receipt["seq"].as_u64().expect("a position");
                    let row = Sent { district, latency, reloading: was_reloading, seq, answered };
                    sent.lock().expect("no holder panics").push(row);
                }
            });
        }
    });
}

/// Between two questions about a policy's attempts.
const PAUSE: Duration = Duration::from_millis(150);

fn attempts(server: &Server) -> Vec<Json> {
    server.get("/v1/districts/d00/policies")["attempts"].as_array().expect("attempts").clone()
}

/// Time in which nothing is reloaded, and in which this process asks as often as it does while something is: the two are
/// compared.
fn watch_quietly(server: &Server, long: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < long {
        attempts(server);
        std::thread::sleep(PAUSE);
    }
}

/// Waits until an attempt with this package stands there, or a problem with the folder; gives the attempt.
fn settled(server: &Server, package: &str) -> Option<Json> {
    let begun = Instant::now();
    loop {
        let found = attempts(server).into_iter().rev().find(|attempt| attempt["package"] == package);
        if found.is_some() {
            return found;
        }
        if begun.elapsed() > Duration::from_secs(20) {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

fn digest(bytes: &[u8]) -> String {
    muster_kernel::Digest::of(bytes).to_string()
}

fn percentile(sorted: &[Duration], permille: usize) -> Duration {
    sorted.get((sorted.len() * permille / 1_000).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// The quantiles of a time, and how far the p99 of a stretch of it lies from another's: what is noise, and what is not.
fn spread(times: Vec<Duration>) -> String {
    const STRETCH: usize = 500;
    let sorted = |times: &[Duration]| {
        let mut times = times.to_vec();
        times.sort();
        times
    };
    let all = sorted(&times);
    let stretches: Vec<Duration> =
        times.chunks_exact(STRETCH).map(|stretch| percentile(&sorted(stretch), 990)).collect();
    let stretches = sorted(&stretches);
    format!(
        "{} events, p50 {:?}, p99 {:?}, max {:?}; p99 of {} stretches of {STRETCH}: {:?} to {:?}, median {:?}",
        all.len(),
        percentile(&all, 500),
        percentile(&all, 990),
        percentile(&all, 1_000),
        stretches.len(),
        percentile(&stretches, 0),
        percentile(&stretches, 1_000),
        percentile(&stretches, 500),
    )
}

#[test]
fn no_event_is_lost_refused_or_answered_by_the_wrong_package_while_one_district_reloads() {
    let (reloads, districts) = (number("MUSTER_RELOADS", 12), number("MUSTER_DISTRICTS", 4));
    let rate = number("MUSTER_RATE", 50).max(districts);
    let quiet = Duration::from_secs(u64::try_from(number("MUSTER_QUIET", 5)).expect("a few seconds"));
    let pace = Duration::from_millis(u64::try_from(number("MUSTER_RELOAD_EVERY_MS", 0)).expect("a moment"));
    let city = City::new(districts);
    let good = muster_testkit::guests::policy("triage");
    let other = muster_testkit::guests::hostile("hostile");
    // One edition is revoked before anybody asks for it.
    let revoked = variant(&good, "revoked");
    let file = city.packages.join("revoked.wasm");
    fs::write(&file, &revoked).expect("written");
    city.office.revoke(&file);
    fs::remove_file(&file).expect("removed");
    let data = tempfile::tempdir().expect("a folder");
    let trust = city.office.trust();
    let server = Server::start_with(data.path(), &city.folders, &["--trust", trust.to_str().expect("UTF-8")]);
    let editions: Vec<(&str, Vec<u8>, Vec<u8>, String)> = (0..reloads)
        .map(|turn| {
            let edition = format!("{turn}");
            let (kind, bytes, signed) = match turn % 6 {
                1 => ("broken", good[..good.len() / 2].to_vec(), false),
                2 => ("unsigned", variant(&good, &edition), false),
                3 => ("revoked", revoked.clone(), true),
                4 => ("diverging", variant(&other, &edition), true),
                5 => ("wider", variant(&good, &edition), true),
                _ => ("good", variant(&good, &edition), true),
            };
            let attestations = if signed { city.sign(&bytes) } else { Vec::new() };
            // Named beforehand: what this process computes between two reloads would stand in the others' times.
            let name = digest(&bytes);
            (kind, bytes, attestations, name)
        })
        .collect();
    let (stop, reloading) = (AtomicBool::new(false), AtomicBool::new(false));
    let sent = Mutex::new(Vec::new());
    let mut outcomes = BTreeMap::<&str, (usize, usize)>::new();
    let mut reload_times = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| load(&server, districts, rate, &stop, &reloading, &sent));
        watch_quietly(&server, quiet);
        reloading.store(true, Ordering::Relaxed);
        let mut due = Instant::now();
        for (kind, bytes, attestations, name) in &editions {
            watch_quietly(&server, due.saturating_duration_since(Instant::now()));
            due = Instant::now() + pace;
            let kind = *kind;
            if kind == "wider" {
                city.bind("");
            }
            let saved = Instant::now();
            city.put(bytes, attestations);
            if kind == "broken" {
                std::thread::sleep(Duration::from_millis(400));
                let problem = server.get("/v1/districts/d00")["reload_problem"].clone();
                assert!(problem.as_str().is_some_and(|problem| problem.contains("triage.wasm")), "{problem}");
                outcomes.entry(kind).or_default().1 += 1;
                continue;
            }
            let attempt = settled(&server, name).unwrap_or_else(|| panic!("no attempt for a {kind} package"));
            // A package and what is signed about it are two files: an attempt may see the first without the second.
            let mut activated = attempt["seq"].is_number();
            let wait = Instant::now();
            while kind == "good" && !activated && wait.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(PAUSE);
                let last = attempts(&server).into_iter().rev().find(|attempt| attempt["package"] == name.as_str());
                activated = last.is_some_and(|attempt| attempt["seq"].is_number());
            }
            if kind == "good" {
                reload_times.push(saved.elapsed());
            }
            assert_eq!(activated, kind == "good", "a {kind} package: {attempt}");
            let outcome = outcomes.entry(kind).or_default();
            let count = if activated { &mut outcome.0 } else { &mut outcome.1 };
            *count += 1;
            if kind == "wider" {
                city.bind("capabilities = [\"settings\", \"roster\", \"calendar\", \"memory\", \"facts\"]");
            }
        }
        reloading.store(false, Ordering::Relaxed);
        watch_quietly(&server, quiet);
        stop.store(true, Ordering::Relaxed);
    });
    let sent = sent.into_inner().expect("no holder panics");
    check(&server, &sent);
    println!("{} events over {districts} districts, {reloads} reloads (in force, refused): {outcomes:?}", sent.len());
    for (what, reloading) in [("quiet", false), ("reloading", true)] {
        let others = sent.iter().filter(|row| row.district != 0 && row.reloading == reloading);
        println!("other districts, {what}: {}", spread(others.map(|row| row.latency).collect()));
    }
    reload_times.sort();
    println!(
        "good reloads, saved to in force: p50 {:?}, max {:?}",
        percentile(&reload_times, 500),
        percentile(&reload_times, 1_000)
    );
    server.stop();
    let (proved, said) = support::muster(&["verify", data.path().to_str().expect("UTF-8")]);
    assert!(proved, "{said}");
}

/// Every receipt stands in the journal, and names the package that the journal says was in force there.
fn check(server: &Server, sent: &[Sent]) {
    let mut in_force = BTreeMap::<u64, String>::new();
    let mut entries = BTreeMap::<u64, bool>::new();
    let mut from = Some(1);
    while let Some(next) = from {
        let page = server.get(&format!("/v1/districts/d00/entries?from={next}&limit=500"));
        for row in page["entries"].as_array().expect("entries") {
            let seq = row["entry"]["seq"].as_u64().expect("a position");
            let activation = &row["entry"]["cause"]["activation"];
            if activation["role"] == "triage" {
                in_force.insert(seq, activation["package"].as_str().expect("a digest").to_owned());
            }
            entries.insert(seq, row["entry"]["cause"]["event"].is_object());
        }
        from = page["next"].as_u64();
    }
    let mut checked = 0;
    for row in sent.iter().filter(|row| row.district == 0) {
        assert_eq!(entries.get(&row.seq), Some(&true), "entry {} was acknowledged and is gone", row.seq);
        let (_, expected) = in_force.range(..row.seq).next_back().expect("a policy was in force");
        assert_eq!(row.answered.as_ref(), Some(expected), "entry {} was answered by the wrong package", row.seq);
        checked += 1;
    }
    assert!(checked > 0, "the first district decided nothing");
}

/// From the save of a Rust policy to the first decision on it, the whole way in, with a backtest.
#[test]
fn a_saved_policy_decides_soon_and_every_step_was_taken() {
    let reloads = number("MUSTER_RELOADS", 6);
    let history = number("MUSTER_HISTORY", 100);
    let city = City::new(1);
    let data = tempfile::tempdir().expect("a folder");
    let trust = city.office.trust();
    let server = Server::start_with(data.path(), &city.folders, &["--trust", trust.to_str().expect("UTF-8")]);
    let batch: Vec<Json> = (0..history).map(|number| signal(&format!("h-{number}"), "990103901")).collect();
    for events in batch.chunks(100) {
        let (status, _, _) = server.post(
            "/v1/districts/d00/events",
            "application/cloudevents-batch+json",
            json!(events).to_string().as_bytes(),
        );
        assert_eq!(status, 200);
    }
    let good = muster_testkit::guests::policy("triage");
    let mut times = Vec::new();
    for turn in 0..reloads {
        let bytes = variant(&good, &format!("{turn}"));
        let wanted = digest(&bytes);
        // Signed first, so that the moment of the save is the moment of the package itself.
        let waiting = city.packages.join("waiting.wasm");
        fs::write(&waiting, &bytes).expect("written");
        city.office.release(&waiting);
        fs::rename(city.packages.join("waiting.wasm.dsse.jsonl"), city.packages.join("triage.wasm.dsse.jsonl"))
            .expect("renamed");
        std::thread::sleep(Duration::from_millis(500));
        let saved = Instant::now();
        fs::rename(&waiting, city.packages.join("triage.wasm")).expect("renamed");
        for number in 0.. {
            let (status, receipt) = server.send("d00", &signal(&format!("r-{turn}-{number}"), "990103901"));
            assert_eq!(status, 200);
            if receipt["answered"]["triage"] == wanted.as_str() {
                break;
            }
            assert!(saved.elapsed() < Duration::from_mins(1), "never decided: {}", json!(attempts(&server)));
            std::thread::sleep(Duration::from_millis(2));
        }
        times.push(saved.elapsed());
        let last = attempts(&server).pop().expect("an attempt");
        let steps: Vec<&str> =
            last["steps"].as_array().expect("steps").iter().filter_map(|step| step["step"].as_str()).collect();
        assert_eq!(
            steps,
            [
                "read",
                "trust",
                "contract",
                "capabilities",
                "compile",
                "settings",
                "self_tests",
                "backtest",
                "store",
                "activate"
            ]
        );
        assert!(last["backtest"].is_string(), "{last}");
    }
    times.sort();
    println!(
        "{reloads} reloads, each with a backtest: p50 {:?}, p99 {:?}, max {:?}",
        percentile(&times, 500),
        percentile(&times, 990),
        percentile(&times, 1_000)
    );
}

/// A district whose policy burns all it is given, under load, keeps nobody else waiting: what the others see is printed.
#[test]
fn a_district_that_burns_its_fuel_keeps_others_waiting_for_one_turn_at_most() {
    let rate = number("MUSTER_RATE", 50);
    let examples = support::examples();
    let text = fs::read_to_string(examples.path().join("yunhe/district.toml")).expect("read");
    let folders: Vec<PathBuf> = ["d00", "d01"]
        .iter()
        .map(|name| {
            let folder = examples.path().join(name);
            fs::create_dir_all(folder.join("settings")).expect("made");
            fs::copy(examples.path().join("yunhe/settings/triage.toml"), folder.join("settings/triage.toml"))
                .expect("copied");
            let own = text.replace("district = \"yunhe\"", &format!("district = \"{name}\""));
            fs::write(folder.join("district.toml"), own).expect("written");
            folder
        })
        .collect();
    let hostile = muster_testkit::guests::hostile("hostile");
    fs::write(folders[0].join("hostile.wasm"), hostile.as_slice()).expect("written");
    fs::write(folders[0].join("loop.toml"), "behaviour = \"endless_loop\"\n").expect("written");
    let bound = fs::read_to_string(folders[0].join("district.toml")).expect("read");
    let bound = bound.replace(
        "[policies.triage]",
        "[policies.escalation]\npackage = \"hostile.wasm\"\nsettings = [\"loop.toml\"]\n[policies.triage]",
    );
    fs::write(folders[0].join("district.toml"), bound).expect("written");
    for (what, burning) in [("alone", false), ("beside a district that burns its fuel", true)] {
        let data = tempfile::tempdir().expect("a folder");
        let server = Server::start_with(data.path(), &folders, &["--shards", "1"]);
        let (stop, sent) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while burning && !stop.load(Ordering::Relaxed) {
                    let flood: Vec<Json> =
                        (0..100).map(|number| signal(&format!("{number}-{:?}", Instant::now()), "990103901")).collect();
                    server.post(
                        "/v1/districts/d00/events",
                        "application/cloudevents-batch+json",
                        json!(flood).to_string().as_bytes(),
                    );
                }
            });
            scope.spawn(|| {
                let agent = support::agent();
                for number in 0..rate * 4 {
                    let event = signal(&format!("quiet-{number}"), "990103901").to_string();
                    let asked = Instant::now();
                    let sending =
                        agent.post(server.url("/v1/districts/d01/events")).content_type("application/cloudevents+json");
                    assert_eq!(sending.send(event).expect("answered").status(), 200);
                    sent.lock().expect("no holder panics").push(asked.elapsed());
                    std::thread::sleep(Duration::from_millis(10));
                }
                stop.store(true, Ordering::Relaxed);
            });
        });
        let mut times = sent.into_inner().expect("no holder panics");
        times.sort();
        println!(
            "{what}: {} events, p50 {:?}, p99 {:?}, max {:?}",
            times.len(),
            percentile(&times, 500),
            percentile(&times, 990),
            percentile(&times, 1_000)
        );
        let burnt = server.get("/v1/districts/d00")["policies"].clone();
        let escalation =
            burnt.as_array().expect("policies").iter().find(|policy| policy["role"] == "escalation").expect("bound");
        assert_eq!(escalation["fallbacks"].as_u64().is_some_and(|count| count > 0), burning, "{escalation}");
        server.stop();
    }
}
