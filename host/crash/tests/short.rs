//! A short version of the runs: a recording with a few power losses, and a few kills. The long ones are in
//! docs/crash-tests.md.

use std::process::Command;

/// Runs the tool; gives its summary.
fn crash(words: &[&str]) -> String {
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/crash");
    let output = Command::new(env!("CARGO_BIN_EXE_muster-crash"))
        .args(words)
        .args(["--folder", folder, "--policies", "hollow"])
        .output()
        .expect("the tool runs");
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}{said}");
    told.into_owned()
}

#[test]
fn six_power_losses_and_two_kills_lose_nothing() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("NOT CHECKED: there is no strace here, and it is what records");
    } else {
        let told = crash(&["power", "--images", "6", "--recordings", "1", "--events", "20"]);
        assert!(told.contains("\"images\":6") && told.contains("\"lost\":0"), "{told}");
    }
    let told = crash(&["kill", "--rounds", "2"]);
    assert!(told.contains("\"rounds\":2") && told.contains("\"lost\":0"), "{told}");
}
