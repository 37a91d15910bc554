//! Before and after the worst: a backup beside a running host, a restore that proves before it serves, and a doctor.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value as Json;
use support::{MUSTER, Server, signal, warning};

/// Runs the binary; whether it went well, and what it said.
fn muster(command: &str, arguments: &[&Path]) -> (bool, String) {
    let output = Command::new(MUSTER).arg(command).args(arguments).output().expect("the binary runs");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn a_backup_beside_a_running_host_is_whole_and_a_host_starts_on_it() {
    let examples = support::examples();
    let city = examples.path().join("yunhe");
    let folder = tempfile::tempdir().expect("a folder");
    let (data, copy, restored) =
        (folder.path().join("data"), folder.path().join("copy"), folder.path().join("restored"));
    let server = Server::start(&data, std::slice::from_ref(&city));
    let before: Vec<Json> =
        (0..20).map(|number| server.send("yunhe", &signal(&format!("b-{number}"), "990103901")).1).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                server.send("yunhe", &signal(&format!("during-{number}"), "990103901"));
                number += 1;
            }
        });
        let (well, said) = muster("backup", &[&data, &copy]);
        stop.store(true, Ordering::Relaxed);
        assert!(well, "{said}");
    });
    server.stop();
    for folder in [&data, &copy] {
        let mode = fs::metadata(folder).expect("made").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} names people and holds the signing key", folder.display());
    }
    let (again, said) = muster("backup", &[&data, &copy]);
    assert!(!again && said.contains("not empty"), "{said}");
    let (well, said) = muster("restore", &[&copy, &restored]);
    assert!(well && said.contains("all hold"), "{said}");
    let server = Server::start(&restored, &[city]);
    for (number, first) in before.iter().enumerate() {
        let (_, receipt) = server.send("yunhe", &signal(&format!("b-{number}"), "990103901"));
        assert_eq!(
            (&receipt["duplicate"], &receipt["seq"], &receipt["hash"]),
            (&true.into(), &first["seq"], &first["hash"])
        );
    }
}

#[test]
fn a_backup_that_does_not_hold_is_not_restored() {
    let examples = support::examples();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = Server::start(&data, &[examples.path().join("yunhe")]);
    server.send("yunhe", &warning("w-1", "990100", "red"));
    server.stop();
    let segment = fs::read_dir(data.join("journal")).expect("segments").next().expect("one").expect("one").path();
    let mut bytes = fs::read(&segment).expect("read");
    bytes[400] ^= 0x20;
    fs::write(&segment, bytes).expect("written");
    let restored = folder.path().join("restored");
    let (well, said) = muster("restore", &[&data, &restored]);
    assert!(!well && said.contains(".seg"), "{said}");
    assert!(!restored.exists(), "half a restore was left behind");
}

#[test]
fn the_doctor_names_what_is_wrong_and_what_to_do() {
    let examples = support::examples();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = Server::start(&data, &[examples.path().join("yunhe")]);
    server.send("yunhe", &warning("w-1", "990100", "red"));
    let (sound, said) = muster("doctor", &[&data]);
    assert!(sound && said.contains("one is running"), "{said}");
    server.stop();
    let (sound, said) = muster("doctor", &[&data]);
    assert!(sound && said.contains("byte for byte") && said.contains("stands where the journal stands"), "{said}");

    let kept = fs::read_dir(data.join("vault")).expect("a vault").next().expect("one").expect("one").path();
    let file = fs::read_dir(&kept).expect("files").next().expect("one").expect("one").path();
    let bytes = fs::read(&file).expect("read");
    fs::write(&file, b"something else").expect("written");
    let (sound, said) = muster("doctor", &[&data]);
    assert!(!sound && said.contains("vault: PROBLEM") && said.contains("backup"), "{said}");
    fs::write(&file, bytes).expect("written");

    fs::remove_dir_all(data.join("view")).expect("removed");
    let (sound, said) = muster("doctor", &[&data]);
    assert!(sound && said.contains("the next start"), "{said}");

    let segment = fs::read_dir(data.join("journal")).expect("segments").next().expect("one").expect("one").path();
    let mut bytes = fs::read(&segment).expect("read");
    bytes[400] ^= 1;
    fs::write(&segment, bytes).expect("written");
    let (sound, said) = muster("doctor", &[&data]);
    assert!(!sound && said.contains("journal: PROBLEM") && said.contains("restore the last backup"), "{said}");
}

#[test]
fn the_call_list_is_written_without_a_host_and_without_data() {
    let examples = support::examples();
    let folder = tempfile::tempdir().expect("a folder");
    let (city, data) = (examples.path().join("yunhe"), folder.path().join("data"));
    let (well, alone) = muster("call-list", &[Path::new("--district"), &city]);
    assert!(well && alone.contains("柳渠街道") && alone.contains("nobody on record"), "{alone}");
    let server = Server::start(&data, std::slice::from_ref(&city));
    server.send("yunhe", &warning("w-1", "990100", "red"));
    server.kill();
    let with_data: [&Path; 4] = [Path::new("--district"), &city, Path::new("--data"), &data];
    let (well, open) = muster("call-list", &with_data);
    assert!(well && open.contains("leader_call"), "the red warning called, and nobody has answered: {open}");
    let segment = fs::read_dir(data.join("journal")).expect("segments").next().expect("one").expect("one").path();
    let mut bytes = fs::read(&segment).expect("read");
    bytes[400] ^= 1;
    fs::write(&segment, bytes).expect("written");
    let (well, said) = muster("call-list", &with_data);
    assert!(well && said.contains("the journal cannot be read") && said.contains("柳渠街道"), "{said}");
}
