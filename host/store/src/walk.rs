//! The walk over all segments at the start: every record is checked, every chain followed, the torn end found. It must
//! never take damage for an end, nor change anything but a torn tail.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Error;
use crate::known::{Head, Places};
use crate::media::Media;
use crate::record::RecordView;
use crate::segment::{self, Scan, Step};
use crate::writer::{self, Tail};

/// What a walk over all segments found.
pub(crate) struct Walked {
    pub(crate) heads: BTreeMap<String, Head>,
    pub(crate) places: Places,
    last: u64,
    /// Where the last write began, and where it ended.
    commit: u64,
    end: u64,
    pub(crate) torn_bytes: u64,
}

/// A reader that is overtaken by the writer sees a hole where a record was written a moment later. A hole that is still
/// there at another look is damage.
pub(crate) fn beside_a_writer(media: &dyn Media) -> Result<Walked, Error> {
    let place = |walked: &Result<Walked, Error>| match walked {
        Err(Error::Damaged { segment, offset, .. }) => Some((segment.clone(), *offset)),
        _ => None,
    };
    let mut walked = walk(media);
    loop {
        let Some(damaged) = place(&walked) else { return walked };
        let again = walk(media);
        if place(&again) == Some(damaged) {
            return again;
        }
        walked = again;
    }
}

/// A district's records in one segment, each of which follows the one before.
struct Stretch {
    district: String,
    /// What its first record follows, and where that stands.
    follows: Head,
    offset: u64,
    last: Head,
}

/// What one segment holds.
struct Sheet {
    stretches: Vec<Stretch>,
    /// Records whose place is remembered: the stretch, the position, the offset.
    places: Vec<(usize, u64, u64)>,
    commit: u64,
    end: u64,
    torn_bytes: u64,
}

/// Checks every record of every segment, on all cores, and then follows the chains in order.
pub(crate) fn walk(media: &dyn Media) -> Result<Walked, Error> {
    let names = media.list().map_err(|reason| Error::disk("list the journal's segments", reason))?;
    let mut walked = Walked {
        heads: BTreeMap::new(),
        places: Places::default(),
        last: 0,
        commit: segment::HEADER as u64,
        end: segment::HEADER as u64,
        torn_bytes: 0,
    };
    for name in &names {
        walked.last = number_of(name, walked.last + 1)?;
    }
    let next = AtomicUsize::new(0);
    let sheets: Vec<OnceLock<Result<Sheet, Error>>> = names.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        let mut room = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let (Some(name), Some(sheet)) = (names.get(index), sheets.get(index)) else { return };
            // Nobody else took this place.
            drop(sheet.set(read_sheet(media, name, index + 1 == names.len(), &mut room)));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 1..cores.min(names.len()) {
            scope.spawn(work);
        }
        work();
    });
    for (sheet, (name, number)) in sheets.into_iter().zip(names.iter().zip(1..)) {
        follow(sheet.into_inner().expect("every place was taken")?, name, number, &mut walked)?;
    }
    Ok(walked)
}

/// The number in a segment's name; it must be the expected one.
fn number_of(name: &str, expected: u64) -> Result<u64, Error> {
    match segment::number(name) {
        Some(number) if number == expected => Ok(number),
        _ => Err(Error::Damaged {
            segment: name.into(),
            offset: 0,
            reason: format!("segment {} is missing before it", segment::name(expected)),
        }),
    }
}

fn read_sheet(media: &dyn Media, name: &str, is_last: bool, room: &mut Vec<u8>) -> Result<Sheet, Error> {
    let mut scan = Scan::open_in(media, name, std::mem::take(room))?;
    let (commit, end) = (segment::HEADER as u64, segment::HEADER as u64);
    let mut sheet = Sheet { stretches: Vec::new(), places: Vec::new(), commit, end, torn_bytes: 0 };
    loop {
        match scan.next() {
            Step::Record { record, offset, commit } => {
                let RecordView { district, seq, prev, hash, .. } = record;
                let follows = Head { seq: seq.wrapping_sub(1), hash: prev };
                let known = sheet.stretches.iter().position(|stretch| stretch.district == district);
                let place = known.unwrap_or_else(|| {
                    let district = district.into();
                    sheet.stretches.push(Stretch { district, follows, offset, last: follows });
                    sheet.stretches.len() - 1
                });
                let last = &mut sheet.stretches[place].last;
                if *last != follows {
                    return Err(not_following(name, offset, district, seq, last.seq));
                }
                *last = Head { seq, hash };
                if Places::are_remembered(seq) {
                    sheet.places.push((place, seq, offset));
                }
                sheet.commit = commit;
            }
            Step::End(offset) => {
                sheet.end = offset;
                break;
            }
            Step::Bad { offset, followed: false, .. } if is_last => {
                sheet.end = offset;
                sheet.torn_bytes = scan.dirty_bytes();
                break;
            }
            Step::Bad { offset, reason, followed } => {
                let behind = if followed { "; later records stand behind it" } else { "; it is not the last segment" };
                return Err(Error::Damaged { segment: name.into(), offset, reason: format!("{reason}{behind}") });
            }
        }
    }
    *room = scan.into_room();
    Ok(sheet)
}

/// Each stretch must follow the chain before it.
fn follow(sheet: Sheet, name: &str, number: u64, walked: &mut Walked) -> Result<(), Error> {
    for (place, seq, offset) in sheet.places {
        walked.places.add(&sheet.stretches[place].district, seq, number, offset);
    }
    for Stretch { district, follows, offset, last } in sheet.stretches {
        let head = walked.heads.get(&district).copied().unwrap_or_default();
        if follows != head {
            return Err(not_following(name, offset, &district, follows.seq.wrapping_add(1), head.seq));
        }
        walked.heads.insert(district, last);
    }
    (walked.commit, walked.end, walked.torn_bytes) = (sheet.commit, sheet.end, sheet.torn_bytes);
    Ok(())
}

fn not_following(segment: &str, offset: u64, district: &str, seq: u64, head: u64) -> Error {
    let reason = format!("district {district}, entry {seq} does not follow entry {head}");
    Error::Damaged { segment: segment.into(), offset, reason }
}

pub(crate) fn open_tail(media: &dyn Media, walked: &Walked, segment_bytes: u64) -> Result<Tail, Error> {
    let failed = |reason| Error::disk("open the journal's last segment", reason);
    if walked.last == 0 {
        return writer::create(media, 1, segment_bytes).map_err(failed);
    }
    // Whoever made the last segment may have ended before its name was durable. Nothing is built on it until it is.
    media.sync_names().map_err(failed)?;
    let segment = media.open(&segment::name(walked.last), true).map_err(failed)?;
    let tail = Tail { number: walked.last, offset: walked.end, segment };
    // A process whose sync failed leaves a last write that can be read but may never reach the disk: the system counts it
    // as written. So it is written again before anything is built on it.
    let mut last = vec![0; usize::try_from(walked.end - walked.commit).unwrap_or(usize::MAX)];
    tail.segment.read_at(&mut last, walked.commit).map_err(failed)?;
    tail.segment.write_at(&last, walked.commit).map_err(failed)?;
    // The header may be missing when the crash came right after the segment was made.
    tail.segment.write_at(&segment::header(walked.last), 0).map_err(failed)?;
    if walked.torn_bytes > 0 {
        let zeros = vec![0; usize::try_from(walked.torn_bytes).unwrap_or(usize::MAX)];
        tail.segment.write_at(&zeros, walked.end).map_err(failed)?;
        tracing::warn!(target: "muster::journal", bytes = walked.torn_bytes, "a torn tail was cut; it was never acknowledged");
    }
    tail.segment.sync().map_err(failed)?;
    Ok(tail)
}
