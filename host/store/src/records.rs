//! Durable records of one district in order, read through a window: one record costs little, wherever it stands.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::error::Error;
use crate::media::{Media, Segment};
use crate::record::{Framed, Read, Record, RecordView};
use crate::segment;

/// What is read at once. Far above a record as they are, far below a segment.
const WINDOW: usize = 128 << 10;

/// Durable records of a district, read segment by segment.
pub struct Records {
    media: Arc<dyn Media>,
    district: String,
    next: u64,
    last: u64,
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
        Self { media, district: district.into(), next, last, place, window: None }
    }

    fn find(&mut self) -> Result<Option<Record>, Error> {
        loop {
            if self.window.is_none() {
                let Some((number, offset)) = self.place.take() else { return Ok(None) };
                self.window = Some(Window::open(self.media.as_ref(), number, offset)?);
            }
            let Some(window) = &mut self.window else { return Ok(None) };
            match window.next()? {
                Some(record) if record.district == self.district && record.seq >= self.next => {
                    self.next = record.seq + 1;
                    return Ok(Some(record.to_record()));
                }
                Some(_) => {}
                None => {
                    self.place = Some((window.number + 1, segment::HEADER as u64));
                    self.window = None;
                }
            }
        }
    }
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
        let found = self.find();
        if found.is_err() {
            self.next = u64::MAX;
        }
        found.transpose()
    }
}
