//! The watch: noise, what the system did not tell, and folders that are named later.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use super::*;

const A_MINUTE: Duration = Duration::from_mins(1);

fn telling() -> (OnChange, Receiver<PathBuf>) {
    let (tell, told) = channel();
    let tell: Mutex<Sender<PathBuf>> = Mutex::new(tell);
    let on_change = move |path: &Path| drop(tell.lock().expect("no holder panics").send(path.to_path_buf()));
    (Arc::new(on_change), told)
}

#[test]
fn noise_without_end_keeps_no_change_waiting() {
    let (tell, told) = channel();
    let heard = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !heard.load(Ordering::SeqCst) {
                tell.send(Told::Path("noisy/log".into())).expect("somebody listens");
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        // There is never so much quiet.
        let changed = collect(&told, A_MINUTE, Duration::from_millis(200)).expect("somebody tells");
        heard.store(true, Ordering::SeqCst);
        assert!(changed.iter().all(|one| matches!(one, Told::Path(_))));
    });
}

#[test]
fn what_the_system_could_not_tell_reads_every_folder_again() {
    let lost = notify::Event::new(notify::EventKind::Other).set_flag(notify::event::Flag::Rescan);
    for event in [Ok(lost), Err(notify::Error::generic("the queue is full"))] {
        let told = heard(event);
        assert!(matches!(told.as_slice(), [Told::Anything]), "{told:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let named = ["one", "two"].map(|name| folder.path().join(name));
    let folders = named.iter().map(|path| (path.clone(), BTreeSet::from([path.clone()])));
    for path in &named {
        fs::create_dir(path).expect("made");
    }
    let watch = FolderWatch::start(folders.collect(), Arc::new(|_: &Path| {})).expect("a watch");
    let districts = watch.0.lock().expect("no holder panics").touched(&[Told::Anything]);
    assert_eq!(districts, BTreeSet::from(named));
}

#[test]
fn a_folder_that_is_named_later_is_watched_from_then_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (district, profile) = (folder.path().join("district"), folder.path().join("profile"));
    for path in [&district, &profile] {
        fs::create_dir(path).expect("made");
    }
    let (on_change, told) = telling();
    let named = BTreeSet::from([district.clone()]);
    let mut watch = FolderWatch::start(vec![(district.clone(), named.clone())], on_change).expect("a watch");
    assert!(!watch.follow(&district, &named), "it is watched already");
    let later = folder.path().join("later");
    assert!(!watch.follow(&district, &BTreeSet::from([later.clone()])), "it is not there yet");
    let named = BTreeSet::from([district.clone(), profile.clone()]);
    assert!(watch.follow(&district, &named));
    assert!(!watch.follow(&district, &named));
    fs::write(profile.join("profile.toml"), "").expect("written");
    assert_eq!(told.recv_timeout(A_MINUTE).expect("the change is told"), district);
    fs::create_dir(&later).expect("made");
    assert_eq!(told.recv_timeout(A_MINUTE).expect("it is there"), district);
}

/// As configuration tools do it: the folder is put aside or removed, and another one takes its name.
#[test]
fn a_folder_that_was_replaced_is_watched_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let district = folder.path().join("district");
    fs::create_dir(&district).expect("made");
    let (on_change, told) = telling();
    let watched = vec![(district.clone(), BTreeSet::from([district.clone()]))];
    let _watch = FolderWatch::start(watched, on_change).expect("a watch");
    let told_once_more = || {
        assert_eq!(told.recv_timeout(A_MINUTE).expect("it is told"), district);
        // What else was told of the same change.
        while told.recv_timeout(Duration::from_secs(3)).is_ok() {}
    };
    fs::remove_dir(&district).expect("removed");
    std::thread::sleep(Duration::from_millis(1_500));
    fs::create_dir(&district).expect("made again");
    told_once_more();
    fs::write(district.join("district.toml"), "1").expect("written");
    told_once_more();
    fs::rename(&district, folder.path().join("old")).expect("put aside");
    fs::create_dir(&district).expect("made again");
    told_once_more();
    fs::write(district.join("district.toml"), "2").expect("written");
    told_once_more();
}
