//! Segments: their names, their header, and the walk over their records.

use crate::error::Error;
use crate::media::{Media, Segment};
use crate::record::{Framed, Read, RecordView};

/// What a segment begins with: a magic word, the format version, the segment's number.
pub(crate) const HEADER: usize = 24;
const MAGIC: &[u8; 8] = b"MUSTERJ1";

/// The file name of a segment.
pub(crate) fn name(number: u64) -> String {
    format!("{number:020}.seg")
}

/// The number of the segment with this file name.
pub(crate) fn number(name: &str) -> Option<u64> {
    name.strip_suffix(".seg")?.parse().ok()
}

/// The header of a segment.
pub(crate) fn header(number: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&1_u32.to_le_bytes());
    bytes[16..24].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// A segment held in memory for reading.
pub(crate) struct Scan {
    bytes: Vec<u8>,
    offset: usize,
}

/// What a walk found next.
pub(crate) enum Step<'a> {
    /// A record.
    Record {
        /// The record.
        record: RecordView<'a>,
        /// Where.
        offset: u64,
        /// Where the write began that it was part of.
        commit: u64,
    },
    /// The records end here; zeros follow.
    End(u64),
    /// Something that is no record.
    Bad {
        /// Where.
        offset: u64,
        /// What.
        reason: &'static str,
        /// Whether a record of a later write stands somewhere behind it: then what is bad here was durable once, and it is
        /// no torn tail. A write that was cut short may well have lost its beginning and kept its end.
        followed: bool,
    },
}

impl Scan {
    /// Reads a segment and checks its header. A segment whose header is cut, or all zeros, was made just before a crash.
    pub(crate) fn open(media: &dyn Media, name: &str) -> Result<Self, Error> {
        Self::open_in(media, name, Vec::new())
    }

    /// The same, in room that another scan has left: a walk over many segments then asks the system for memory once.
    pub(crate) fn open_in(media: &dyn Media, name: &str, room: Vec<u8>) -> Result<Self, Error> {
        let segment = media.open(name, false).map_err(|reason| Error::disk(format!("open {name}"), reason))?;
        let bytes = read_all(segment.as_ref(), room).map_err(|reason| Error::disk(format!("read {name}"), reason))?;
        let head = &bytes[..bytes.len().min(HEADER)];
        let wanted = header(number(name).unwrap_or_default());
        let right = head.iter().zip(&wanted).take_while(|(byte, wanted)| byte == wanted).count();
        if head[right..].iter().any(|byte| *byte != 0) {
            let reason = "the header is not that of this segment of a journal".into();
            return Err(Error::Damaged { segment: name.into(), offset: 0, reason });
        }
        Ok(Self { bytes, offset: HEADER })
    }

    /// The room it took, for another.
    pub(crate) fn into_room(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn next(&mut self) -> Step<'_> {
        let here = self.offset as u64;
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        match RecordView::read(rest) {
            Read::Record(Framed { commit, .. }) if !(HEADER as u64..=here).contains(&commit) => {
                let reason = "a record that says it was written before its own write began";
                Step::Bad { offset: here, reason, followed: true }
            }
            Read::Record(Framed { record, length, commit }) => {
                self.offset += length;
                Step::Record { record, offset: here, commit }
            }
            Read::End if rest.iter().all(|byte| *byte == 0) => Step::End(here),
            Read::End => Step::Bad { offset: here, reason: "zeros before later data", followed: self.later_write() },
            Read::Bad(reason) => Step::Bad { offset: here, reason, followed: self.later_write() },
        }
    }

    /// Whether a record stands behind this place whose write began behind it too: all before that write was durable.
    fn later_write(&self) -> bool {
        let here = self.offset as u64;
        let rest = self.bytes.get(self.offset + 1..).unwrap_or_default();
        let later = |place| matches!(RecordView::read(&rest[place..]), Read::Record(framed) if framed.commit > here);
        (0..rest.len()).any(|place| rest[place] != 0 && later(place))
    }

    /// The segment's bytes before a place.
    pub(crate) fn bytes_before(&self, end: u64) -> &[u8] {
        &self.bytes[..usize::try_from(end).unwrap_or(usize::MAX).min(self.bytes.len())]
    }

    /// How many bytes from here on are not zero at the end.
    pub(crate) fn dirty_bytes(&self) -> u64 {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
    }
}

fn read_all(segment: &dyn Segment, room: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(segment.len()?).unwrap_or(usize::MAX);
    let mut bytes = room;
    bytes.resize(length, 0);
    let count = segment.read_at(&mut bytes, 0)?;
    bytes.truncate(count);
    Ok(bytes)
}
