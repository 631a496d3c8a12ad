//! What there is to copy: of each artifact the objects, and how far their copies are, one after the other and never all of
//! them in memory.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use steward::{
    aws::s3::{Got, S3, copy::Copier, objects::DELETED_AT_ONCE},
    backup::{
        artifact::{Listing, Vault},
        copy::{Transfer, progress::Tally},
        gather::Destination,
        inventory::{CopyAnswer, CopyCall, Found, ObjectInfo, Upload, Wanted},
        references::{Form, ManifestFile, ManifestForm, place},
    },
    failure::{CallError, Retry},
    location::Location,
};

use super::Stop;

/// The largest file that lists artifacts, bytes.
const LISTING_FILE: u64 = 16 << 20;

/// One artifact that is to be copied.
#[derive(Debug)]
pub(super) struct Task {
    /// Its URI and form, as the documents write it.
    pub(super) key: (String, Form),
    pub(super) destination: Destination,
    /// What its copy comes to.
    pub(super) expected: Tally,
    /// Below these lie copies of it that are not written to any more, in the bucket of the destination.
    pub(super) earlier: Vec<Location>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    One(ObjectInfo),
    /// Everything below a prefix, whose listing has this digest.
    Set(Location, String),
    /// What a file lists, and the file for the copies.
    Listed(Vec<(String, ObjectInfo)>, String),
}

impl Task {
    /// The prefix of a set, and the digest of its listing.
    pub(super) fn set(&self) -> Option<(&Location, &str)> {
        match &self.content {
            Content::Set(at, digest) => Some((at, digest)),
            _ => None,
        }
    }

    /// Ends the uploads below the roots of a set that it is not collected below any more.
    pub(super) async fn give_up_earlier(&self, copier: &Copier) -> Result<(), Stop> {
        if self.destination.pinned {
            return Ok(());
        }
        for root in &self.earlier {
            let uploads = copier.destination().uploads(&root.bucket, &root.key).await?;
            end(copier, root, uploads).await?;
        }
        Ok(())
    }

    /// The file for the copies of what another file lists, and what is in it.
    pub(super) fn file(&self) -> Option<(&Location, &str)> {
        match &self.content {
            Content::Listed(_, text) => Some((&self.destination.at, text)),
            _ => None,
        }
    }
}

/// Ends uploads.
async fn end(copier: &Copier, below: &Location, uploads: Vec<Upload>) -> Result<(), Stop> {
    for upload in uploads {
        let abort = CopyCall::Abort {
            to: Location::new(&below.bucket, &upload.key),
            upload: upload.id.into(),
        };
        if let CopyAnswer::Failed(error) = copier.perform(&abort).await {
            return Err(error.into());
        }
        tracing::info!(key = upload.key, "an upload that nobody goes on with was ended");
    }
    Ok(())
}

/// Looks at the source of an artifact. `None`: there is neither an object nor a prefix of a name that may be either.
pub(super) async fn task(s3: &S3, vault: &Vault, key: &(String, Form)) -> Result<Option<Task>, Stop> {
    let (uri, form) = key;
    let at = place(uri, *form).map_err(Stop::Failed)?;
    let task = match form {
        Form::Object => one(s3, vault, key, &at).await?,
        Form::Prefix => set(s3, vault, key, &at).await?,
        Form::Manifest(kind) => Some(listed(s3, vault, key, &at, *kind).await?),
        Form::Either => {
            let found = match at.key.ends_with('/') {
                true => None,
                false => one(s3, vault, key, &at).await?,
            };
            let below = place(uri, Form::Prefix).map_err(Stop::Failed)?;
            return match found {
                Some(task) => Ok(Some(task)),
                None => set(s3, vault, key, &below).await,
            };
        }
    };
    let gone = || Stop::Failed(format!("The artifact {uri} is gone: nothing is there to be copied."));
    task.map(Some).ok_or_else(gone)
}

async fn one(s3: &S3, vault: &Vault, key: &(String, Form), at: &Location) -> Result<Option<Task>, Stop> {
    let Some((object, _)) = s3.info(at, None, None).await? else {
        return Ok(None);
    };
    Ok(Some(Task {
        key: key.clone(),
        destination: Destination::of_object(vault, &at.bucket, &object).map_err(too_long(&key.0))?,
        expected: Tally {
            objects: 1,
            bytes: object.size,
        },
        earlier: Vec::new(),
        content: Content::One(object),
    }))
}

async fn set(s3: &S3, vault: &Vault, key: &(String, Form), at: &Location) -> Result<Option<Task>, Stop> {
    let (digest, expected) = listing(s3, at).await?;
    if expected.objects == 0 {
        return Ok(None);
    }
    let digest = vault.listing(&digest);
    Ok(Some(Task {
        key: key.clone(),
        destination: Destination::of_set(vault, at, &digest),
        expected,
        earlier: Vec::new(),
        content: Content::Set(at.clone(), digest),
    }))
}

async fn listed(s3: &S3, vault: &Vault, key: &(String, Form), at: &Location, kind: ManifestForm) -> Result<Task, Stop> {
    let uri = &key.0;
    let gone = |what: &Location| Stop::Failed(format!("{what} is gone, and {uri} is or names it."));
    let text = match s3.get(at, None, LISTING_FILE).await? {
        Got::Object(object) => String::from_utf8(object.body),
        Got::Absent | Got::NotModified => return Err(gone(at)),
    };
    let wrong = |why: String| Stop::Failed(format!("{uri} lists artifacts, and cannot be read: {why}."));
    let text = text.map_err(|error| wrong(error.to_string()))?;
    let file = ManifestFile::read(kind, &text).map_err(wrong)?;
    let (mut objects, mut digest) = (Vec::new(), Listing::below(&Location::new(&at.bucket, "")));
    for entry in &file.entries {
        let Some((object, _)) = s3.info(entry, None, None).await? else {
            return Err(gone(entry));
        };
        digest.add(&ObjectInfo {
            key: format!("{}/{}", entry.bucket, object.key),
            ..object.clone()
        });
        objects.push((entry.bucket.clone(), object));
    }
    // The file itself counts by what it says.
    let name = steward::backup::names::digest(&text);
    let (listed, mut expected) = digest.done();
    let destination = Destination::of_manifest(vault, at, &format!("{name}{listed}")).map_err(too_long(uri))?;
    let moved = file.moved(|uri| destination.listed_uri(uri));
    expected.add(moved.len() as u64);
    Ok(Task {
        key: key.clone(),
        destination,
        expected,
        earlier: Vec::new(),
        content: Content::Listed(objects, moved),
    })
}

fn too_long(uri: &str) -> impl Fn(String) -> Stop {
    move |why| Stop::Failed(format!("{uri}: {why}."))
}

/// The digest and the tally of everything below a prefix.
pub(crate) async fn listing(s3: &S3, at: &Location) -> Result<(String, Tally), CallError> {
    let mut listing = Listing::below(at);
    let mut cursor = Cursor::new(s3, at);
    while let Some(object) = cursor.next().await? {
        listing.add(&object);
    }
    Ok(listing.done())
}

/// Goes through what lies below a prefix, page by page.
pub(crate) struct Cursor {
    s3: S3,
    at: Location,
    page: VecDeque<ObjectInfo>,
    token: Option<String>,
    over: bool,
    /// What was not asked for, where that is wanted.
    passed: Option<Vec<String>>,
}

impl Cursor {
    pub(crate) fn new(s3: &S3, at: &Location) -> Self {
        Self {
            s3: s3.clone(),
            at: at.clone(),
            page: VecDeque::new(),
            token: None,
            over: false,
            passed: None,
        }
    }

    /// What lies below a prefix, and is not found because nobody asks for it.
    fn watching(s3: &S3, at: &Location) -> Self {
        Self {
            passed: Some(Vec::new()),
            ..Self::new(s3, at)
        }
    }

    fn pass(&mut self) {
        if let (Some(object), Some(passed)) = (self.page.pop_front(), &mut self.passed) {
            passed.push(object.key);
        }
    }

    async fn peek(&mut self) -> Result<Option<&ObjectInfo>, CallError> {
        while self.page.is_empty() && !self.over {
            let page = self.s3.page(&self.at.bucket, &self.at.key, self.token.take()).await?;
            self.page = page.objects.into();
            self.over = page.next.is_none();
            self.token = page.next;
        }
        Ok(self.page.front())
    }

    /// The next object, in the order of the listing.
    pub(crate) async fn next(&mut self) -> Result<Option<ObjectInfo>, CallError> {
        self.peek().await?;
        Ok(self.page.pop_front())
    }

    /// The object of this key, where keys are asked for in their order.
    async fn find(&mut self, key: &str) -> Result<Option<ObjectInfo>, CallError> {
        while self.peek().await?.is_some_and(|object| object.key.as_str() < key) {
            self.pass();
        }
        match self.page.front() {
            Some(object) if object.key == key => Ok(self.page.pop_front()),
            _ => Ok(None),
        }
    }
}

/// The transfers of one artifact, one after the other, each from what is there already.
pub(super) struct Transfers<'a> {
    task: &'a Task,
    to: S3,
    source: Source<'a>,
    /// What is there of a set, in the order of its keys.
    there: Option<Cursor>,
    /// What is there of earlier copies of a set, likewise.
    earlier: Vec<Cursor>,
    /// Unfinished uploads by key.
    uploads: BTreeMap<String, Vec<Upload>>,
}

enum Source<'a> {
    Some(std::vec::IntoIter<(&'a str, ObjectInfo)>),
    /// What lies below a prefix, its digest so far, and what that has to come to.
    Set(Box<(Cursor, Listing)>, &'a str),
    /// All of it was gone through.
    Over,
}

/// What comes next.
pub(super) enum Next {
    /// A transfer, and the bytes in the parts that are there of it.
    Transfer(Box<Transfer>, u64),
    /// The source is not what it was when the task was made.
    Changed,
    Over,
}

impl<'a> Transfers<'a> {
    pub(super) async fn new(from: &S3, to: &S3, task: &'a Task) -> Result<Self, Stop> {
        let root = &task.destination.root;
        let mut uploads: BTreeMap<String, Vec<Upload>> = BTreeMap::new();
        for upload in to.uploads(&root.bucket, &root.key).await? {
            uploads.entry(upload.key.clone()).or_default().push(upload);
        }
        let (source, there) = match &task.content {
            Content::One(object) => (vec![(task.destination.bucket.as_str(), object.clone())], None),
            Content::Listed(objects, _) => {
                let objects = objects.iter().map(|(bucket, object)| (bucket.as_str(), object.clone()));
                (objects.collect(), None)
            }
            Content::Set(at, digest) => {
                return Ok(Self {
                    source: Source::Set(Box::new((Cursor::new(from, at), Listing::below(at))), digest),
                    there: Some(match task.destination.pinned {
                        true => Cursor::new(to, root),
                        false => Cursor::watching(to, root),
                    }),
                    earlier: task.earlier.iter().map(|root| Cursor::new(to, root)).collect(),
                    to: to.clone(),
                    task,
                    uploads,
                });
            }
        };
        Ok(Self {
            source: Source::Some(source.into_iter()),
            earlier: Vec::new(),
            there,
            to: to.clone(),
            task,
            uploads,
        })
    }

    pub(super) async fn next(&mut self) -> Result<Next, Stop> {
        let destination = &self.task.destination;
        let wanted = match &mut self.source {
            Source::Over => return Ok(Next::Over),
            Source::Some(objects) => match objects.next() {
                None => return Ok(Next::Over),
                Some((bucket, object)) => match self.task.content {
                    Content::Listed(..) => destination.listed(bucket, object),
                    _ => destination.wanted(object),
                },
            },
            Source::Set(set, _) => match set.0.next().await? {
                Some(object) => {
                    set.1.add(&object);
                    destination.wanted(object)
                }
                None => {
                    let Source::Set(set, digest) = std::mem::replace(&mut self.source, Source::Over) else {
                        return Ok(Next::Over);
                    };
                    return Ok(match set.1.done().0 == digest {
                        true => Next::Over,
                        false => Next::Changed,
                    });
                }
            },
        };
        let wanted = wanted.map_err(too_long(&self.task.key.0))?;
        self.transfer(wanted).await
    }

    async fn transfer(&mut self, wanted: Wanted) -> Result<Next, Stop> {
        let key = &wanted.to.key;
        let copy = match &mut self.there {
            Some(there) => there.find(key).await?,
            None => self.to.info(&wanted.to, None, None).await?.map(|(info, _)| info),
        };
        let mut uploads = Vec::new();
        for upload in self.uploads.remove(key).unwrap_or_default() {
            // One that ended meanwhile is none.
            if let Some(parts) = self.to.parts(&wanted.to, &upload.id).await? {
                uploads.push(Upload { parts, ..upload });
            }
        }
        let mut earlier = Vec::new();
        if copy.is_none() && wanted.object.size > 0 {
            earlier = self.earlier(key).await?;
        }
        // Another transfer would go on with the oldest one, too.
        let oldest = uploads.iter().min_by_key(|upload| (upload.initiated, &upload.id));
        let partial = oldest.filter(|_| copy.is_none() && wanted.pinned);
        let partial = partial.map_or(0, |upload| upload.parts.iter().map(|part| part.size).sum());
        let found = Found { copy, uploads, earlier };
        let transfer = Transfer::found(Arc::new(wanted), found);
        Ok(Next::Transfer(Box::new(transfer), partial))
    }

    /// What was copied for other sets as the same object.
    async fn earlier(&mut self, key: &str) -> Result<Vec<ObjectInfo>, CallError> {
        let rest = key.strip_prefix(&self.task.destination.root.key).unwrap_or(key);
        let mut found = Vec::new();
        if self.task.set().is_none() {
            for root in &self.task.earlier {
                let at = Location::new(&root.bucket, format!("{}{rest}", root.key));
                match self.to.info(&at, None, None).await {
                    Ok(info) => found.extend(info.map(|(info, _)| info)),
                    // It may be of a key that nobody may use any more. The source makes up for it.
                    Err(error) if error.failure.retry() == Retry::Never => {
                        tracing::info!(%error, key = at.key, "a copy made before is not taken");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        for cursor in &mut self.earlier {
            let key = format!("{}{rest}", cursor.at.key);
            found.extend(cursor.find(&key).await?);
        }
        Ok(found)
    }

    /// Removes what lies below the root of a set that changed, and is not in it any more. All of the set was gone through.
    pub(super) async fn clear(mut self, copier: &Copier, acting: &S3) -> Result<(), Stop> {
        let root = &self.task.destination.root;
        let Some(there) = self.there.as_mut().filter(|_| !self.task.destination.pinned) else {
            return Ok(());
        };
        while there.peek().await?.is_some() {
            there.pass();
        }
        let gone = there.passed.take().unwrap_or_default();
        for keys in gone.chunks(DELETED_AT_ONCE) {
            tracing::info!(objects = keys.len(), root = root.key, "not in the set any more");
            if let Some(kept) = acting.delete_batch(&root.bucket, keys).await?.first() {
                return Err(Stop::Later(format!(
                    "s3://{}/{} is not part of the set any more, and is not deleted: {} {}",
                    root.bucket, kept.key, kept.code, kept.message
                )));
            }
        }
        end(
            copier,
            root,
            std::mem::take(&mut self.uploads).into_values().flatten().collect(),
        )
        .await
    }
}
