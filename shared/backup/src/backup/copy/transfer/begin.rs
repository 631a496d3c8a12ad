//! Where a transfer begins: with the copy that is there, an upload that somebody left, a copy made before, or nothing.

use std::{collections::BTreeMap, sync::Arc};

use super::{Stage, Transfer, Work};
use crate::backup::{
    copy::{
        layout::{self, Layout},
        outcome::{Outcome, Refusal},
        proof::{Proof, Verdict, compare_found, identify},
    },
    inventory::{Checksum, Found, ObjectInfo, Part, Upload},
};

impl Transfer {
    /// Decides from what was found.
    pub(super) fn plan(&mut self, found: Found) {
        let object = &self.wanted.object;
        if object.archived.is_some() {
            self.doom(found.uploads);
            return self.end(Outcome::Refused(Refusal::Archived));
        }
        if object.size > layout::LARGEST_OBJECT {
            self.doom(found.uploads);
            return self.end(Outcome::Refused(Refusal::TooLarge));
        }
        if let Some(copy) = found.copy {
            if copy.archived.is_some() {
                self.doom(found.uploads);
                self.stage = Stage::Discard {
                    etag: copy.etag,
                    why: "it is archived".to_owned(),
                };
                return;
            }
            let verdict = compare_found(object, &copy);
            self.doom(found.uploads);
            return self.judge(verdict, &copy.etag, Stage::Look);
        }
        let mut uploads = found.uploads;
        let layout = Layout::of(object.size);
        if layout.is_none() || !self.wanted.pinned {
            self.doom(std::mem::take(&mut uploads));
        }
        let Some(layout) = layout.filter(|_| !uploads.is_empty()) else {
            return self.begin(found.earlier);
        };
        uploads.sort_by(|a, b| (a.initiated, &a.id).cmp(&(b.initiated, &b.id)));
        let mut uploads = uploads.into_iter();
        self.stage = match uploads.next() {
            Some(Upload { id, parts, .. }) => Work::new(id, layout, parts).stage(),
            None => Stage::Begin,
        };
        self.doom(uploads);
    }

    /// Nothing is there yet. What was copied before is taken from there, where it is of this version.
    fn begin(&mut self, mut earlier: Vec<ObjectInfo>) {
        let object = &self.wanted.object;
        let may_serve = |one: &ObjectInfo| one.size == object.size && one.archived.is_none();
        earlier.retain(|one| may_serve(one) && object.size > 0 && !self.from_source);
        let proven = earlier.iter().find_map(|one| match compare_found(object, one) {
            Verdict::Same(proof) => Some((one.clone(), proof)),
            _ => None,
        });
        if let Some((one, proof)) = proven {
            return self.take(one, proof);
        }
        self.stage = match earlier.is_empty() {
            true => self.first(),
            false => Stage::Weigh(earlier),
        };
    }

    /// The call that begins the copy.
    pub(super) fn first(&self) -> Stage {
        match Layout::of(self.wanted.object.size) {
            Some(_) => Stage::Begin,
            None => Stage::Whole,
        }
    }

    fn take(&mut self, one: ObjectInfo, proof: Proof) {
        self.take = Some(Arc::new(self.wanted.taken_from(one, proof)));
        self.stage = self.first();
    }

    pub(super) fn weighed(&mut self, source: Option<Checksum>, copy: Option<ObjectInfo>) {
        let source = ObjectInfo {
            checksum: source,
            ..self.wanted.object.clone()
        };
        let proof = copy.as_ref().and_then(|copy| identify(&self.wanted, &source, copy));
        if let (Some(copy), Some(proof)) = (copy, proof) {
            return self.take(copy, proof);
        }
        let Stage::Weigh(mut earlier) = std::mem::replace(&mut self.stage, Stage::Find) else {
            return;
        };
        earlier.pop();
        self.stage = match earlier.is_empty() {
            true => self.first(),
            false => Stage::Weigh(earlier),
        };
    }

    pub(super) fn begun(&mut self, upload: String) {
        self.stage = match Layout::of(self.wanted.object.size) {
            Some(layout) => Work::new(upload, layout, []).stage(),
            None => Stage::Whole,
        };
    }
}

impl Work {
    fn new(upload: String, layout: Layout, parts: impl IntoIterator<Item = Part>) -> Self {
        let have: BTreeMap<u32, Part> = parts
            .into_iter()
            .filter(|part| layout.has(part))
            .map(|part| (part.number, part))
            .collect();
        let to_do = (1..=layout.count()).filter(|number| !have.contains_key(number));
        Self {
            upload: upload.into(),
            to_do: to_do.collect(),
            layout,
            have: Arc::new(have),
        }
    }

    fn stage(self) -> Stage {
        match self.to_do.is_empty() {
            true => Stage::Complete(self),
            false => Stage::Parts(self),
        }
    }
}
