//! Whether what documents name is there and usable: images, roles, keys, artifacts.

use futures::{StreamExt, stream};
use steward::{
    aws::s3::S3,
    backup::{
        audit::{self, Check, Presence},
        definition::Definition,
        images::EcrImage,
        inventory::{Archived, ObjectInfo},
        references::{Form, Names, place},
    },
    failure::CallError,
    location::Location,
};

use crate::services::Services;

/// Things looked for at the same time.
const AT_ONCE: usize = 8;

/// Looks for each of these in a Region.
pub(crate) async fn all(services: &Services<'_>, region: &str, checks: Vec<Check>) -> Vec<(Check, Presence)> {
    let looking = checks.into_iter().map(async |check| {
        let presence = one(services, region, check.names, &check.value).await;
        (check, presence)
    });
    stream::iter(looking).buffered(AT_ONCE).collect().await
}

/// Looks in a Region for what an endpoint would be deployed from again: also for the builds of its images that serve.
pub(crate) async fn of(services: &Services<'_>, region: &str, definition: &Definition) -> Vec<(Check, Presence)> {
    let mut seen = all(services, region, audit::checks(definition)).await;
    let looking = audit::doubts(definition, &seen).into_iter().map(async |doubt| {
        let presence = one(services, region, doubt.check.names, &doubt.check.value).await;
        doubt.found(presence)
    });
    let found: Vec<(Check, Presence)> = stream::iter(looking).buffered(AT_ONCE).collect().await;
    let unseen = audit::unseen(definition, &seen);
    seen.extend(found.into_iter().chain(unseen));
    seen
}

/// Looks for one thing in a Region.
pub(crate) async fn one(services: &Services<'_>, region: &str, names: Names, value: &str) -> Presence {
    match names {
        Names::Image => image(services, value).await,
        Names::Role => role(services, region, value).await,
        Names::Key => key(services, region, value).await,
        Names::Artifact(form) => artifact(services, region, value, form).await,
        _ => Presence::Unknown("nobody knows how to look for it".into()),
    }
}

async fn image(services: &Services<'_>, value: &str) -> Presence {
    let Some(image) = EcrImage::parse(value) else {
        return Presence::Unknown("it is not in a registry of ECR".into());
    };
    let which = image.digest().or(image.tag()).unwrap_or("latest");
    let ecr = services.looking(&image.region).ecr;
    match ecr.image(&image.account, &image.repository, which).await {
        Ok(Some(digest)) => Presence::Image(digest),
        Ok(None) => Presence::Gone("the registry has no such image".into()),
        Err(error) => unknown(&error),
    }
}

async fn role(services: &Services<'_>, region: &str, value: &str) -> Presence {
    let account = services.settings().account();
    let Some(name) = value
        .rsplit('/')
        .next()
        .filter(|_| value.split(':').nth(4) == Some(account))
    else {
        return Presence::Unknown(format!("it is no role of account {account}"));
    };
    match services.looking(region).iam.role(name).await {
        Ok(Some(arn)) if arn == value => Presence::There,
        Ok(Some(arn)) => Presence::Gone(format!("the role of that name is {arn}")),
        Ok(None) => Presence::Gone("there is no such role".into()),
        Err(error) => unknown(&error),
    }
}

async fn key(services: &Services<'_>, region: &str, value: &str) -> Presence {
    match services.looking(region).kms.key(value).await {
        Ok(Some(key)) if key.enabled => Presence::There,
        Ok(Some(key)) => Presence::Gone(format!("it is {}", key.state)),
        Ok(None) => Presence::Gone(format!("there is no such key in {region}")),
        Err(error) => unknown(&error),
    }
}

async fn artifact(services: &Services<'_>, region: &str, value: &str, form: Form) -> Presence {
    let at = match place(value, form) {
        Ok(at) => at,
        Err(why) => return Presence::Unknown(why),
    };
    let s3 = services.looking(region).s3;
    let looked = async {
        let found = match form {
            Form::Prefix => None,
            _ => s3.storage(&at).await?,
        };
        match (form, found) {
            (Form::Prefix, _) => below(&s3, &at).await,
            (_, Some(storage)) => Ok(readable(storage.archived, storage.class)),
            (Form::Either, None) => {
                let folder = at.key.trim_end_matches('/');
                below(&s3, &Location::new(&at.bucket, format!("{folder}/"))).await
            }
            (_, None) => Ok(gone()),
        }
    };
    looked.await.unwrap_or_else(|error| unknown(&error))
}

/// Anything is below a prefix, and what its first page tells can be read.
async fn below(s3: &S3, at: &Location) -> Result<Presence, CallError> {
    let page = s3.page(&at.bucket, &at.key, None).await?;
    let unreadable = |object: &&ObjectInfo| object.archived == Some(Archived::Unreadable);
    Ok(match page.objects.iter().find(unreadable) {
        Some(object) => readable(object.archived, object.storage_class.clone()),
        None if page.objects.is_empty() => gone(),
        None => Presence::There,
    })
}

fn readable(archived: Option<Archived>, class: Option<String>) -> Presence {
    match archived {
        Some(Archived::Unreadable) => Presence::Archived(class.unwrap_or_default()),
        Some(Archived::Restored) | None => Presence::There,
    }
}

fn gone() -> Presence {
    Presence::Gone("404".into())
}

fn unknown(error: &CallError) -> Presence {
    Presence::Unknown(format!("{error}. {}", error.advice()))
}
