//! S3 as far as copies go: objects that remember of which versions and bytes they were made.

use std::{collections::BTreeMap, ops::Range};

use super::{layout::LEAST_PART, *};
use crate::{
    backup::{
        fixture::{at, object},
        inventory::{Algorithm, Checksum, CopyAnswer, CopyCall, Found, ObjectInfo, Part, Upload, Wanted},
    },
    failure::{CallError, Failure},
    location::Location,
};

/// What an object holds: pieces of versions of the source.
pub(super) type Pieces = Vec<(String, Range<u64>)>;

#[derive(Clone, Debug, Default)]
pub(super) struct Fake {
    /// The one source object: its ETag and size; `None` when deleted.
    pub source: Option<(String, u64)>,
    /// The source has a full-object checksum. Otherwise copies cannot be proven.
    pub checksums: bool,
    pub copies: BTreeMap<String, Pieces>,
    pub uploads: BTreeMap<String, (String, i64, BTreeMap<u32, Pieces>)>,
    /// Each version has its own key. Otherwise all have one.
    pub pinned: bool,
    /// Of which version the metadata of copies and uploads says that they are.
    pub made_of: BTreeMap<String, String>,
    /// So many of the next copies come out with a wrong byte.
    pub corrupt: u32,
    /// Calls by name.
    pub calls: BTreeMap<&'static str, u32>,
    serial: i64,
}

/// What befalls a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    Throttled,
    LostBefore,
    LostAfter,
}

pub(super) fn failed(failure: Failure) -> CopyAnswer {
    CopyAnswer::Failed(CallError {
        service: "s3",
        operation: "CopyObject",
        failure,
        code: None,
        message: "injected".into(),
        request_id: None,
    })
}

fn name(call: &CopyCall) -> &'static str {
    match call {
        CopyCall::Find(_) => "find",
        CopyCall::Whole(_) => "whole",
        CopyCall::Begin(_) => "begin",
        CopyCall::Part { .. } => "part",
        CopyCall::Complete { .. } => "complete",
        CopyCall::Look(_) => "look",
        CopyCall::Weigh { .. } => "weigh",
        CopyCall::Discard { .. } => "discard",
        CopyCall::Abort { .. } => "abort",
    }
}

fn length(pieces: &Pieces) -> u64 {
    pieces.iter().map(|(_, range)| range.end - range.start).sum()
}

fn part_etag(pieces: &Pieces) -> String {
    format!("\"{pieces:?}\"")
}

/// The pieces are the whole of one version.
pub(super) fn is_whole(pieces: &Pieces, etag: &str, size: u64) -> bool {
    let mut next = 0;
    pieces.iter().all(|(of, range)| {
        let fits = of == etag && range.start == next;
        next = range.end;
        fits
    }) && next == size
}

impl Fake {
    pub(super) fn new(size: u64) -> Self {
        Self {
            source: Some(("\"v1\"".into(), size)),
            checksums: true,
            pinned: true,
            ..Self::default()
        }
    }

    /// What a backup would want now: the source as it is, under a key of that version.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        let (etag, size) = self.source.clone()?;
        Some(Wanted {
            bucket: "models".into(),
            to: match self.pinned {
                true => Location::new("dr", format!("artifacts/{}", etag.trim_matches('"'))),
                false => Location::new("dr", "artifacts/changing"),
            },
            object: object("model.tar.gz", size, &etag),
            pinned: self.pinned,
            taken: None,
        })
    }

    pub(super) fn answer(&mut self, call: &CopyCall, fault: Fault) -> CopyAnswer {
        *self.calls.entry(name(call)).or_default() += 1;
        match fault {
            Fault::None => self.take(call),
            Fault::Throttled => failed(Failure::Throttled),
            Fault::LostBefore => failed(Failure::Network),
            Fault::LostAfter => {
                self.take(call);
                failed(Failure::TimedOut)
            }
        }
    }

    fn take(&mut self, call: &CopyCall) -> CopyAnswer {
        match call {
            CopyCall::Find(wanted) => CopyAnswer::Found(self.found(wanted)),
            CopyCall::Whole(wanted) => match self.read(wanted, &(0..wanted.object.size)) {
                None => CopyAnswer::SourceChanged,
                Some(pieces) => self.put(wanted, pieces, &wanted.version()),
            },
            CopyCall::Weigh { wanted, at } => match self.unchanged(wanted) {
                false => CopyAnswer::SourceChanged,
                true => CopyAnswer::Seen {
                    source: self.checksum(&vec![(wanted.object.etag.clone(), 0..wanted.object.size)]),
                    copy: self.copy(&at.key),
                },
            },
            CopyCall::Begin(wanted) => {
                if self.read(wanted, &(0..0)).is_none() {
                    return CopyAnswer::SourceChanged;
                }
                self.serial += 1;
                let id = format!("upload-{}", self.serial);
                self.made_of.insert(id.clone(), wanted.version());
                let upload = (wanted.to.key.clone(), self.serial, BTreeMap::new());
                self.uploads.insert(id.clone(), upload);
                CopyAnswer::Begun(id)
            }
            CopyCall::Part {
                wanted,
                upload,
                number,
                range,
            } => {
                if !self.uploads.contains_key(&**upload) {
                    return CopyAnswer::UploadGone;
                }
                let Some(pieces) = self.read(wanted, range) else {
                    return CopyAnswer::SourceChanged;
                };
                let etag = part_etag(&pieces);
                if let Some((_, _, parts)) = self.uploads.get_mut(&**upload) {
                    parts.insert(*number, pieces);
                }
                CopyAnswer::Part(Part {
                    number: *number,
                    size: range.end - range.start,
                    etag,
                })
            }
            CopyCall::Complete { wanted, upload, parts } => self.complete(wanted, upload, parts),
            CopyCall::Look(wanted) => match self.read(wanted, &(0..wanted.object.size)) {
                None => CopyAnswer::SourceChanged,
                Some(pieces) => CopyAnswer::Seen {
                    source: self.checksum(&pieces),
                    copy: self.copy(&wanted.to.key),
                },
            },
            CopyCall::Discard { wanted, etag } => {
                if self.copy(&wanted.to.key).is_some_and(|copy| copy.etag == *etag) {
                    self.copies.remove(&wanted.to.key);
                }
                CopyAnswer::Gone
            }
            CopyCall::Abort { upload, .. } => {
                self.uploads.remove(&**upload);
                CopyAnswer::Gone
            }
        }
    }

    fn complete(&mut self, wanted: &Wanted, upload: &str, parts: &BTreeMap<u32, Part>) -> CopyAnswer {
        let Some((key, _, have)) = self.uploads.get(upload) else {
            return CopyAnswer::UploadGone;
        };
        assert_eq!(*key, wanted.to.key, "an upload to another key");
        let mut pieces = Pieces::new();
        for (index, (number, part)) in parts.iter().enumerate() {
            let Some(piece) = have.get(number).filter(|piece| part_etag(piece) == part.etag) else {
                return CopyAnswer::UploadGone;
            };
            let small = length(piece) < LEAST_PART && index + 1 < parts.len();
            assert!(!small, "EntityTooSmall");
            pieces.extend(piece.clone());
        }
        assert_eq!(length(&pieces), wanted.object.size, "MpuObjectSize");
        let made_of = self.made_of.get(upload).cloned().unwrap_or_default();
        let answer = self.put(wanted, pieces, &made_of);
        if matches!(answer, CopyAnswer::Copied { .. }) {
            self.uploads.remove(upload);
        }
        answer
    }

    fn put(&mut self, wanted: &Wanted, mut pieces: Pieces, made_of: &str) -> CopyAnswer {
        if self.copies.contains_key(&wanted.to.key) {
            return CopyAnswer::AlreadyThere;
        }
        if self.corrupt > 0 {
            self.corrupt -= 1;
            pieces[0].0 = "a wrong byte".into();
        }
        let answer = CopyAnswer::Copied {
            etag: part_etag(&pieces),
            checksum: self.checksum(&pieces),
        };
        self.copies.insert(wanted.to.key.clone(), pieces);
        self.made_of.insert(wanted.to.key.clone(), made_of.to_owned());
        answer
    }

    /// Equal for equal bytes, however they were put together.
    pub(super) fn checksum(&self, pieces: &Pieces) -> Option<Checksum> {
        let versions: std::collections::BTreeSet<&str> = pieces.iter().map(|(of, _)| of.as_str()).collect();
        self.checksums.then(|| Checksum {
            algorithm: Algorithm::Crc64Nvme,
            full_object: true,
            value: format!("{versions:?} {}", length(pieces)),
        })
    }

    pub(super) fn copy(&self, key: &str) -> Option<ObjectInfo> {
        let pieces = self.copies.get(key)?;
        Some(ObjectInfo {
            checksum: self.checksum(pieces),
            made_of: self.made_of.get(key).cloned(),
            ..object(key, length(pieces), &part_etag(pieces))
        })
    }

    /// What the bytes of the source, or of a copy of it, are made of; `None` when it is not that version any more.
    fn read(&self, wanted: &Wanted, range: &Range<u64>) -> Option<Pieces> {
        if wanted.taken.is_none() {
            return self
                .unchanged(wanted)
                .then(|| vec![(wanted.object.etag.clone(), range.clone())]);
        }
        let pieces = self.copies.get(&wanted.object.key)?;
        if part_etag(pieces) != wanted.object.etag {
            return None;
        }
        let (mut from, mut cut) = (0, Pieces::new());
        for (of, piece) in pieces {
            let to = from + (piece.end - piece.start);
            let (begin, end) = (range.start.max(from), range.end.min(to));
            if begin < end {
                cut.push((of.clone(), piece.start + (begin - from)..piece.start + (end - from)));
            }
            from = to;
        }
        Some(cut)
    }

    fn unchanged(&self, wanted: &Wanted) -> bool {
        self.source
            .as_ref()
            .is_some_and(|(etag, _)| *etag == wanted.object.etag)
    }

    pub(super) fn found(&self, wanted: &Wanted) -> Found {
        let mut uploads = self.unfinished();
        uploads.retain(|upload| upload.key == wanted.to.key);
        let listed = |key: &String| ObjectInfo {
            checksum: None,
            made_of: None,
            ..self.copy(key).expect("it is there")
        };
        let others = self.copies.keys().filter(|key| **key != wanted.to.key);
        Found {
            copy: self.copy(&wanted.to.key),
            uploads,
            earlier: others.map(listed).collect(),
        }
    }

    pub(super) fn unfinished(&self) -> Vec<Upload> {
        let part = |(number, pieces): (&u32, &Pieces)| Part {
            number: *number,
            size: length(pieces),
            etag: part_etag(pieces),
        };
        self.uploads
            .iter()
            .map(|(id, (key, begun, parts))| Upload {
                key: key.clone(),
                id: id.clone(),
                initiated: at(*begun),
                parts: parts.iter().map(part).collect(),
            })
            .collect()
    }

    /// Makes the transfer's calls one after the other until it ends.
    pub(super) fn run(&mut self, transfer: &mut Transfer, mut fault: impl FnMut(&CopyCall) -> Fault) -> Outcome {
        for _ in 0..10_000 {
            if let Some(outcome) = transfer.ended() {
                return outcome.clone();
            }
            let call = transfer
                .next_call()
                .expect("a transfer that has not ended has a next call");
            let answer = self.answer(&call, fault(&call));
            transfer.answer(&call, answer);
        }
        panic!("no end: {transfer:?}");
    }
}
