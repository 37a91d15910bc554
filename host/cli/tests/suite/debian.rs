//! The package for Debian: its scripts as `dpkg` runs them, with stand-ins for what only root may do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What `postinst` calls: each says what it was called with. The stand-in of `chown` fails as the real one does when a file is
/// not there.
const STAND_INS: &str = r#"
adduser() { echo "adduser $*"; }
install() { echo "install $*"; }
systemctl() { echo "systemctl $*"; }
chown() { echo "chown $*"; shift; for file; do [ -e "$file" ] || return 1; done; }
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("two folders below the root").to_path_buf()
}

/// A machine with a folder of settings.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir_all(machine.path("etc/muster")).expect("made");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn configure(&self) -> Output {
        let script = fs::read_to_string(root().join("deploy/debian/postinst")).expect("text");
        let script = script.replace("/etc/muster", &self.path("etc/muster").display().to_string());
        let script = format!("{STAND_INS}{script}");
        Command::new("sh").args(["-c", &script, "postinst", "configure"]).output().expect("a shell")
    }
}

#[test]
fn settings_that_were_deleted_hinder_no_configuration() {
    let machine = Machine::new();
    let settings = machine.path("etc/muster/muster.toml");
    fs::write(&settings, "").expect("written");
    let configured = machine.configure();
    assert!(configured.status.success(), "{configured:?}");
    let said = String::from_utf8(configured.stdout).expect("UTF-8");
    assert!(said.contains(&format!("chown root:muster {}", settings.display())), "{said}");
    let mode = fs::metadata(machine.path("etc/muster")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o750, "only root and the service look into it");
    fs::remove_file(&settings).expect("deleted");
    let configured = machine.configure();
    assert!(configured.status.success(), "{configured:?}");
    fs::remove_dir(machine.path("etc/muster")).expect("deleted");
    let configured = machine.configure();
    assert!(configured.status.success(), "{configured:?}");
}

/// `cargo deb` writes a `prerm` for a unit that it neither starts nor restarts only when told not to stop it on upgrade.
#[test]
fn the_service_is_stopped_on_removal_and_not_on_upgrade() {
    let manifest = fs::read_to_string(root().join("host/cli/Cargo.toml")).expect("text");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let units = &manifest["package"]["metadata"]["deb"]["systemd-units"];
    assert_eq!(units["stop-on-upgrade"].as_bool(), Some(false), "{units}");
    assert_eq!(units["restart-after-upgrade"].as_bool(), Some(false), "an upgrade is a takeover: {units}");
    let scripts = root().join("deploy/debian");
    for script in ["postinst", "postrm"] {
        let text = fs::read_to_string(scripts.join(script)).expect("text");
        assert!(text.contains("\n#DEBHELPER#\n"), "{script}: what `cargo deb` writes has no place");
    }
    assert!(!scripts.join("prerm").exists(), "a `prerm` of our own needs the place too: extend this test");
}
