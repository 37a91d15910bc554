//! A journal of one segment whose bytes somebody else wrote.

use std::io;
use std::sync::{Arc, Mutex};

use muster_store::{Media, Segment};

/// One segment in memory, and those that are made after it.
#[derive(Clone)]
pub(crate) struct Given(Arc<Mutex<Vec<Named>>>);

/// A segment's name and its bytes.
type Named = (String, Vec<u8>);

impl Given {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(vec![("00000000000000000001.seg".into(), bytes.to_vec())])))
    }
}

impl Media for Given {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().expect("no holder panics").iter().map(|(name, _)| name.clone()).collect())
    }

    fn create(&self, name: &str, size: u64) -> io::Result<Box<dyn Segment>> {
        let bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        self.0.lock().expect("no holder panics").push((name.into(), bytes));
        self.open(name, true)
    }

    fn open(&self, name: &str, _writable: bool) -> io::Result<Box<dyn Segment>> {
        let place = self.0.lock().expect("no holder panics").iter().position(|(known, _)| known == name);
        Ok(Box::new(GivenSegment(self.clone(), place.ok_or(io::ErrorKind::NotFound)?)))
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

struct GivenSegment(Given, usize);

impl Segment for GivenSegment {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.0.lock().expect("no holder panics")[self.1].1.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let files = self.0.0.lock().expect("no holder panics");
        let bytes = &files[self.1].1;
        let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let count = buffer.len().min(bytes.len() - begin);
        buffer[..count].copy_from_slice(&bytes[begin..begin + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut files = self.0.0.lock().expect("no holder panics");
        let begin = usize::try_from(offset).unwrap_or(usize::MAX);
        let file = &mut files[self.1].1;
        if file.len() < begin + bytes.len() {
            file.resize(begin + bytes.len(), 0);
        }
        file[begin..begin + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
