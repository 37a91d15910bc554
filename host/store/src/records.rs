//! Durable records in order, of one district or of all, read through a window: one record costs little, wherever it
//! stands.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use memchr::memmem;

use crate::error::Error;
use crate::media::{Media, Segment};
use crate::record::{Framed, Read, Record, RecordView};
use crate::segment;

/// What is read at once. Far above a record as they are, far below a segment.
const WINDOW: usize = 128 << 10;

/// Durable records of a district, read segment by segment.
pub struct Records {
    forward: Forward,
    district: String,
    next: u64,
    last: u64,
}

/// Durable records of all districts whose payload holds a text, in the order in which they were written.
pub struct Holding {
    forward: Forward,
    text: memmem::Finder<'static>,
    /// The last record of each district that is read.
    heads: BTreeMap<String, u64>,
    /// Records that were not met yet.
    left: u64,
}

/// Durable records of many districts behind a position of each, in the order in which they were written: one way through
/// the journal, however many districts there are.
pub struct Onward {
    forward: Forward,
    /// For each district the position that is wanted next, and the last one.
    wanted: BTreeMap<String, (u64, u64)>,
    /// Records that were not met yet.
    left: u64,
}

/// Goes through the segments, one record after the other.
struct Forward {
    media: Arc<dyn Media>,
    place: Option<(u64, u64)>,
    window: Option<Window>,
}

/// A part of a segment.
struct Window {
    number: u64,
    segment: Box<dyn Segment>,
    /// Where in the segment the bytes begin.
    begin: u64,
    bytes: Vec<u8>,
    /// Where in the bytes the next record begins.
    at: usize,
}

impl Records {
    pub(crate) fn new(
        media: Arc<dyn Media>,
        district: &str,
        positions: RangeInclusive<u64>,
        place: Option<(u64, u64)>,
    ) -> Self {
        let (next, last) = positions.into_inner();
        Self { forward: Forward { media, place, window: None }, district: district.into(), next, last }
    }
}

impl Holding {
    pub(crate) fn new(
        media: Arc<dyn Media>,
        text: &str,
        heads: BTreeMap<String, u64>,
        place: Option<(u64, u64)>,
    ) -> Self {
        let left = heads.values().sum();
        let text = memmem::Finder::new(text).into_owned();
        Self { forward: Forward { media, place, window: None }, text, heads, left }
    }
}

impl Onward {
    pub(crate) fn new(media: Arc<dyn Media>, wanted: BTreeMap<String, (u64, u64)>, place: Option<(u64, u64)>) -> Self {
        let left = wanted.values().map(|(next, last)| (last + 1).saturating_sub(*next)).sum();
        Self { forward: Forward { media, place, window: None }, wanted, left }
    }
}

impl Iterator for Onward {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { forward, wanted, left } = self;
        // Beyond the last one a writer may be in the middle of the next: it is not even looked at.
        if *left == 0 {
            return None;
        }
        let found = forward.find(|record| match wanted.get_mut(record.district) {
            Some((next, last)) if record.seq == *next && *next <= *last => {
                *next += 1;
                *left -= 1;
                Wanted::This
            }
            _ => Wanted::Another,
        });
        if found.is_err() {
            *left = 0;
        }
        found.transpose()
    }
}

impl Forward {
    /// The next record that is wanted.
    fn find(&mut self, mut is_wanted: impl FnMut(&RecordView<'_>) -> Wanted) -> Result<Option<Record>, Error> {
        loop {
            if self.window.is_none() {
                let Some((number, offset)) = self.place.take() else { return Ok(None) };
                self.window = Some(Window::open(self.media.as_ref(), number, offset)?);
            }
            let Some(window) = &mut self.window else { return Ok(None) };
            let Some(record) = window.next()? else {
                self.place = Some((window.number + 1, segment::HEADER as u64));
                self.window = None;
                continue;
            };
            match is_wanted(&record) {
                Wanted::This => return Ok(Some(record.to_record())),
                Wanted::Another => {}
                Wanted::NoMore => return Ok(None),
            }
        }
    }
}

/// What is to become of a record that was met.
enum Wanted {
    This,
    Another,
    NoMore,
}

impl Window {
    fn open(media: &dyn Media, number: u64, begin: u64) -> Result<Self, Error> {
        let name = segment::name(number);
        let segment = media.open(&name, false).map_err(|reason| Error::disk(format!("open {name}"), reason))?;
        Ok(Self { number, segment, begin, bytes: Vec::new(), at: 0 })
    }

    /// The next record; `None` where the segment's records end.
    fn next(&mut self) -> Result<Option<RecordView<'_>>, Error> {
        // First its prefix, which tells its length, then all of it.
        for _ in 0..2 {
            let wanted = RecordView::wanted(&self.bytes[self.at..]);
            if self.bytes.len() - self.at < wanted {
                self.fill(wanted)?;
            }
        }
        let offset = self.begin + self.at as u64;
        match RecordView::read(&self.bytes[self.at..]) {
            Read::Record(Framed { record, length, .. }) => {
                self.at += length;
                Ok(Some(record))
            }
            Read::End => Ok(None),
            Read::Bad(reason) => {
                Err(Error::Damaged { segment: segment::name(self.number), offset, reason: reason.into() })
            }
        }
    }

    /// Moves on to the next record's place and reads at least so many bytes, if there are so many.
    fn fill(&mut self, wanted: usize) -> Result<(), Error> {
        self.begin += self.at as u64;
        self.at = 0;
        self.bytes.resize(wanted.max(WINDOW), 0);
        let read = self.segment.read_at(&mut self.bytes, self.begin);
        let count = read.map_err(|reason| Error::disk(format!("read {}", segment::name(self.number)), reason))?;
        self.bytes.truncate(count);
        Ok(())
    }
}

impl Iterator for Records {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.last {
            return None;
        }
        let (district, next) = (&self.district, self.next);
        let is_wanted = |record: &RecordView<'_>| {
            if record.district == district && record.seq >= next { Wanted::This } else { Wanted::Another }
        };
        let found = self.forward.find(is_wanted);
        self.next = match &found {
            Ok(Some(record)) => record.seq + 1,
            Ok(None) => self.next,
            Err(_) => u64::MAX,
        };
        found.transpose()
    }
}

impl Iterator for Holding {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { forward, text, heads, left } = self;
        // Beyond the last one a writer may be in the middle of the next: it is not even looked at.
        if *left == 0 {
            return None;
        }
        let found = forward.find(|record| {
            if heads.get(record.district).is_none_or(|last| record.seq > *last) {
                return Wanted::Another;
            }
            *left -= 1;
            match text.find(record.payload) {
                Some(_) => Wanted::This,
                None if *left == 0 => Wanted::NoMore,
                None => Wanted::Another,
            }
        });
        if found.is_err() {
            *left = 0;
        }
        found.transpose()
    }
}
