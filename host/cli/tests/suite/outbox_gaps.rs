//! What is found before an outbox fails somebody: subscriptions that match nothing, rows on which no host starts.

use std::fs;

use muster_outbox::{Key, Position, Row};
use muster_store::Batches;

use crate::outbox::{Scene, send, until};
use crate::support::{Server, muster, warning};

/// A start that must not be, for this reason.
fn refused(scene: &Scene, reason: &str) {
    let settings = scene.settings.display().to_string();
    let city = scene.examples.path().join("yunhe");
    let started = Server::try_start(scene.data.path(), &[city], &["--outbox", &settings]);
    let said = started.err().expect("it does not start");
    assert!(said.contains(reason), "{said}");
}

#[test]
fn subscriptions_that_could_never_match_are_named_before_anybody_waits() {
    let scene = Scene::new("", "facts = [\"*\"]");
    let outbox = fs::read_to_string(&scene.settings).expect("settings");
    let settings = scene.settings.display().to_string();
    // As `muster check`, `--dry-run` and the start say it of one line more in the subscription.
    let said = |line: &str| {
        fs::write(&scene.settings, format!("data = \"data\"\ndistricts = [\"yunhe\"]\n{outbox}{line}\n"))
            .expect("written");
        [muster(&["check", &settings, "--lang", "en"]), muster(&["serve", "--config", &settings, "--dry-run"])]
    };
    for (line, reason) in [
        ("districts = [\"yunhee\"]", "`yunhee`, which this host does not serve; name one of yunhe"),
        ("districts = [\"yunhe\", \"yunhe.exercise\"]", "write `yunhe`, and `exercises = true`"),
    ] {
        for (well, said) in said(line) {
            assert!(!well && said.contains("outbox.subscription[0].districts[") && said.contains(reason), "{said}");
        }
        let said = Server::try_configured(&scene.settings).err().expect("it does not start");
        assert!(said.contains(reason), "{said}");
        assert!(!scene.examples.path().join("data").exists(), "nothing was opened");
    }
    for (line, reason) in [
        ("nodes = [\"990103\", \"999999\"]", "`outbox.subscription[0].nodes[1]` is `999999`, a node in no charter"),
        (
            "parties = [\"post:990103/duty\", \"post:990103/duty_leadr\"]",
            "`outbox.subscription[0].parties[1]` is `post:990103/duty_leadr`, in no charter",
        ),
        ("parties = [\"team:nobody\"]", "`outbox.subscription[0].parties[0]` is `team:nobody`, in no charter"),
    ] {
        for (well, said) in said(line) {
            assert!(well && said.contains(reason), "{said}");
            assert_eq!(said.matches("in no charter").count(), 1, "{said}");
        }
    }
    let [(well, said), ..] = said("districts = [\"yunhe\"]\nnodes = [\"990103\"]\nparties = [\"post:990103/duty\"]");
    assert!(well && !said.contains("[outbox]"), "{said}");
}

#[test]
fn the_doctor_looks_at_what_the_outbox_keeps_and_changes_nothing() {
    let scene = Scene::new("", "facts = [\"*\"]");
    let server = scene.start();
    send(&server, &[warning("w-1", "990100", "orange")]);
    until("it is through", || {
        !scene.receiver.taken().is_empty()
            && server.text("/metrics").contains("muster_outbox_pending{recipient=\"city-platform\"} 0")
    });
    let data = scene.data.path().display().to_string();
    let doctor = || muster(&["doctor", &data]);
    let (sound, said) = doctor();
    assert!(sound && said.contains("outbox: the rows of 1 recipients can be read"), "beside a running host: {said}");
    server.stop();
    let (sound, said) = doctor();
    assert!(sound && said.contains("outbox: the rows of 1 recipients can be read"), "{said}");

    // Damaged rows end a start, and take the folder of the rows alone from a backup, not all of it.
    let rows = scene.data.path().join("outbox/rows.log");
    let whole = fs::read(&rows).expect("rows");
    let mut bent = whole.clone();
    bent[20] ^= 1;
    fs::write(&rows, &bent).expect("bent");
    let (sound, said) = doctor();
    assert!(!sound && said.contains("outbox: PROBLEM") && said.contains("`outbox` alone"), "{said}");
    assert!(!said.contains("into a new folder"), "a whole restore loses what was decided since: {said}");
    assert_eq!(fs::read(&rows).expect("rows"), bent, "the doctor only looks");
    refused(&scene, "this file alone");
    fs::write(&rows, &whole).expect("copied back");

    // Rows beyond the journal's end.
    let mut kept = Batches::open(&scene.data.path().join("outbox")).expect("rows");
    let key = Key::Cursor("city-platform".into(), "yunhe".into()).to_bytes();
    let row = Row::Cursor(Position { seq: 4_000, index: 0 }).to_bytes();
    kept.apply(&[([b"r".as_slice(), &key].concat(), Some(row))]).expect("kept");
    let (sound, said) = doctor();
    let told = "city-platform was told of yunhe up to entry 4000, but the journal ends at";
    assert!(!sound && said.contains("outbox: PROBLEM") && said.contains(told), "{said}");
    refused(&scene, told);
    fs::write(&rows, &whole).expect("copied back");
    assert!(doctor().0);

    // A lock that cannot be had for another reason is not a host that runs.
    let lock = scene.data.path().join("lock");
    fs::remove_file(&lock).expect("a lock");
    fs::create_dir(&lock).expect("in its place");
    let (sound, said) = doctor();
    assert!(!sound && said.contains("host: PROBLEM") && !said.contains("one is running on this folder"), "{said}");
}
