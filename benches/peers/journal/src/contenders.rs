//! Those that keep entries: the bare disk, Muster's journal, sled and `SQLite`. Each gives an entry back as kept only when
//! it would be there after a power cut.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, bounded};
use muster_store::{Disk, Journal, Options, Record};
use sha2::{Digest as _, Sha256};

/// Entries that are made durable together at the most: as many as Muster's journal takes of this size.
const TOGETHER: usize = 128;
/// Entries that may wait: as many as in Muster's journal.
const WAITING: usize = 4_096;
/// The bare disk's file, written in full before, as a segment of the journal is.
const FILE_BYTES: u64 = 96 << 20;

/// Opens a contender in an empty folder.
pub(crate) type Start = fn(&Path) -> Result<Box<dyn Contender>, String>;

/// All of them. The floor stands first.
pub(crate) const STARTS: [(&str, Start); 4] = [
    ("floor: append and `fdatasync`", |folder| Ok(Box::new(Grouped::start(Bare::open(folder)?)))),
    ("Muster", |folder| Ok(Box::new(Muster::open(folder)?))),
    ("sled 0.34.7, flushed", |folder| Ok(Box::new(Grouped::start(Sled::open(folder)?)))),
    ("SQLite, WAL, synchronous full", |folder| Ok(Box::new(Grouped::start(Sqlite::open(folder)?)))),
];

/// Something that keeps entries.
pub(crate) trait Contender: Sync {
    /// Keeps an entry; comes back when it is durable.
    fn keep(&self, entry: Record) -> Result<(), String>;
    /// How many entries are there.
    fn held(&self) -> Result<usize, String>;
}

/// One sender's entries, each hashed, and each naming the one before.
pub(crate) struct Chain {
    district: String,
    seq: u64,
    head: [u8; 32],
}

impl Chain {
    pub(crate) fn of(sender: usize) -> Self {
        Self { district: format!("d{sender:04}"), seq: 0, head: [0; 32] }
    }

    pub(crate) fn next(&mut self, bytes: usize) -> Record {
        self.seq += 1;
        let before = self.head.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let begin =
            format!("{{\"district\":\"{}\",\"seq\":{},\"prev\":\"{before}\",\"text\":\"", self.district, self.seq);
        let payload = format!("{begin:x<bytes$}").into_bytes();
        let (prev, hash) = (self.head, Sha256::digest(&payload).into());
        self.head = hash;
        Record { district: self.district.clone(), seq: self.seq, prev, hash, payload }
    }
}

struct Muster(Journal);

impl Muster {
    fn open(folder: &Path) -> Result<Self, String> {
        let disk = Disk::open(folder).map_err(|reason| reason.to_string())?;
        Ok(Self(Journal::open(disk, Options::default()).map_err(|reason| reason.to_string())?.journal))
    }
}

impl Contender for Muster {
    fn keep(&self, entry: Record) -> Result<(), String> {
        self.0.append_and_wait(vec![entry]).map_err(|reason| reason.to_string())
    }

    fn held(&self) -> Result<usize, String> {
        let report = self.0.verify(None, |_| {}).map_err(|reason| reason.to_string())?;
        match report.fault {
            Some(fault) => Err(fault),
            None => usize::try_from(report.records.values().sum::<u64>()).map_err(|reason| reason.to_string()),
        }
    }
}

/// What makes several entries durable at once.
trait Durable: Send + 'static {
    fn commit(&mut self, entries: &[Record]) -> Result<(), String>;
    fn held(&self) -> Result<usize, String>;
}

type Waiting = (Record, Sender<Result<(), String>>);

/// One thread commits for all who wait, as Muster's journal does. It ends when this is dropped.
struct Grouped<D> {
    queue: Sender<Waiting>,
    durable: Arc<Mutex<D>>,
}

impl<D: Durable> Grouped<D> {
    fn start(durable: D) -> Self {
        let (queue, waiting) = bounded(WAITING);
        let durable = Arc::new(Mutex::new(durable));
        let committing = Arc::clone(&durable);
        std::thread::spawn(move || commit_all(&waiting, &committing));
        Self { queue, durable }
    }
}

fn commit_all<D: Durable>(waiting: &Receiver<Waiting>, durable: &Mutex<D>) {
    while let Ok((entry, tell)) = waiting.recv() {
        let (mut entries, mut told) = (vec![entry], vec![tell]);
        for (entry, tell) in waiting.try_iter().take(TOGETHER - 1) {
            entries.push(entry);
            told.push(tell);
        }
        let outcome = durable.lock().expect("no holder panics").commit(&entries);
        for tell in told {
            // A sender that gave up waits for nothing.
            drop(tell.send(outcome.clone()));
        }
    }
}

impl<D: Durable> Contender for Grouped<D> {
    fn keep(&self, entry: Record) -> Result<(), String> {
        let (tell, told) = bounded(1);
        self.queue.send((entry, tell)).map_err(|_| "the committing thread ended".to_owned())?;
        told.recv().map_err(|_| "the committing thread ended".to_owned())?
    }

    fn held(&self) -> Result<usize, String> {
        self.durable.lock().expect("no holder panics").held()
    }
}

/// The floor: the payloads one behind the other, and nothing to find them by.
struct Bare {
    file: File,
    place: u64,
    entries: usize,
}

impl Bare {
    fn open(folder: &Path) -> Result<Self, String> {
        let open = || {
            let file = OpenOptions::new().create_new(true).write(true).open(folder.join("bare"))?;
            let zeros = vec![0; 1 << 20];
            for number in 0..FILE_BYTES >> 20 {
                file.write_all_at(&zeros, number << 20)?;
            }
            file.sync_all()?;
            Ok(Self { file, place: 0, entries: 0 })
        };
        open().map_err(|reason: std::io::Error| reason.to_string())
    }
}

impl Durable for Bare {
    fn commit(&mut self, entries: &[Record]) -> Result<(), String> {
        let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.payload.iter().copied()).collect();
        let written = self.file.write_all_at(&bytes, self.place).and_then(|()| self.file.sync_data());
        written.map_err(|reason| reason.to_string())?;
        self.place += bytes.len() as u64;
        self.entries += entries.len();
        Ok(())
    }

    fn held(&self) -> Result<usize, String> {
        Ok(self.entries)
    }
}

/// One tree, the district and number of an entry as its key.
struct Sled(sled::Db);

impl Sled {
    fn open(folder: &Path) -> Result<Self, String> {
        sled::open(folder.join("sled")).map(Self).map_err(|reason| reason.to_string())
    }
}

impl Durable for Sled {
    fn commit(&mut self, entries: &[Record]) -> Result<(), String> {
        let mut batch = sled::Batch::default();
        for entry in entries {
            batch.insert([entry.district.as_bytes(), &entry.seq.to_be_bytes()].concat(), entry.payload.as_slice());
        }
        let kept = self.0.apply_batch(batch).and_then(|()| self.0.flush());
        kept.map(drop).map_err(|reason| reason.to_string())
    }

    fn held(&self) -> Result<usize, String> {
        Ok(self.0.len())
    }
}

/// One table in the order of arrival, without an index by district: what suits `SQLite` best; one transaction for all that
/// waits.
struct Sqlite(rusqlite::Connection);

impl Sqlite {
    fn open(folder: &Path) -> Result<Self, String> {
        let open = || {
            let base = rusqlite::Connection::open(folder.join("journal.sqlite"))?;
            base.pragma_update(None, "journal_mode", "wal")?;
            base.pragma_update(None, "synchronous", "full")?;
            base.execute(
                "CREATE TABLE entry (place INTEGER PRIMARY KEY, district TEXT, seq INTEGER, payload BLOB)",
                (),
            )?;
            Ok(Self(base))
        };
        open().map_err(|reason: rusqlite::Error| reason.to_string())
    }
}

impl Durable for Sqlite {
    fn commit(&mut self, entries: &[Record]) -> Result<(), String> {
        let mut commit = || {
            let transaction = self.0.transaction()?;
            {
                let mut insert = transaction.prepare_cached("INSERT INTO entry VALUES (NULL, ?1, ?2, ?3)")?;
                for entry in entries {
                    let seq = i64::try_from(entry.seq).unwrap_or(i64::MAX);
                    insert.execute((&entry.district, seq, &entry.payload))?;
                }
            }
            transaction.commit()
        };
        Result::map_err(commit(), |reason: rusqlite::Error| reason.to_string())
    }

    fn held(&self) -> Result<usize, String> {
        let count = self.0.query_row("SELECT count(*) FROM entry", (), |row| row.get::<_, i64>(0));
        let count = count.map_err(|reason| reason.to_string())?;
        usize::try_from(count).map_err(|reason| reason.to_string())
    }
}
