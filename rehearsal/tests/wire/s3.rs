//! S3 through the SDK: conditions, versions, Regions, ranges, checksums, multipart.

use aws_sdk_s3::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};

use crate::{HOME, cloud};

fn client(cloud: &rehearsal::cloud::Cloud, region: &str) -> Client {
    Client::new(&cloud.sdk_config("operator", region))
}

/// The HTTP status and error code of a failed call.
fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E>>,
) -> (u16, String) {
    let error = result.expect_err("the call must fail");
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    (status, error.code().unwrap_or("none").to_owned())
}

#[tokio::test(start_paused = true)]
async fn conditional_writes_let_one_of_two_writers_win() {
    let cloud = cloud();
    cloud.store().ensure_bucket("state", HOME);
    let s3 = client(&cloud, HOME);
    let put = |body: &'static str| {
        s3.put_object()
            .bucket("state")
            .key("ledger")
            .body(ByteStream::from_static(body.as_bytes()))
    };

    let first = put("1").if_none_match("*").send().await.expect("the first write");
    let etag = first.e_tag().expect("an ETag").to_owned();
    assert!(first.version_id().is_some(), "the bucket is versioned");
    assert_eq!(
        refusal(put("2").if_none_match("*").send().await),
        (412, "PreconditionFailed".to_owned())
    );

    put("2")
        .if_match(&etag)
        .send()
        .await
        .expect("the holder of the ETag writes");
    assert_eq!(
        refusal(put("3").if_match(&etag).send().await),
        (412, "PreconditionFailed".to_owned())
    );
    let missing = s3
        .put_object()
        .bucket("state")
        .key("other")
        .if_match(&etag)
        .send()
        .await;
    assert_eq!(refusal(missing), (404, "NoSuchKey".to_owned()));
    assert_eq!(cloud.store().get("state", "ledger").as_deref(), Some(&b"2"[..]));
    assert_eq!(cloud.store().versions("state", "ledger"), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_object_is_not_sent_again() {
    let cloud = cloud();
    cloud.store().ensure_bucket("state", HOME);
    let etag = cloud
        .store()
        .put("state", "fleet.yaml", "endpoints: {}", "text/yaml")
        .expect("a bucket");
    let s3 = client(&cloud, HOME);
    let get = s3.get_object().bucket("state").key("fleet.yaml");
    let cached = get.clone().if_none_match(format!("\"{etag}\"")).send().await;
    assert_eq!(refusal(cached).0, 304);
    let fresh = get.if_none_match("\"other\"").send().await.expect("a changed object");
    let body = fresh.body.collect().await.expect("a body").into_bytes();
    assert_eq!(&body[..], b"endpoints: {}");
    assert_eq!(
        refusal(s3.get_object().bucket("state").key("none").send().await),
        (404, "NoSuchKey".to_owned())
    );
    assert_eq!(
        refusal(s3.get_object().bucket("none").key("none").send().await),
        (404, "NoSuchBucket".to_owned())
    );
    assert_eq!(
        refusal(s3.head_object().bucket("state").key("none").send().await).0,
        404
    );
}

#[tokio::test(start_paused = true)]
async fn a_bucket_of_another_region_says_where_it_is() {
    let cloud = cloud();
    cloud.store().ensure_bucket("state", HOME);
    cloud.store().put("state", "key", "x", "text/plain");
    let error = client(&cloud, "us-east-1")
        .get_object()
        .bucket("state")
        .key("key")
        .send()
        .await;
    let error = error.expect_err("the wrong Region");
    let response = error.raw_response().expect("a response");
    assert_eq!(response.status().as_u16(), 301);
    assert_eq!(response.headers().get("x-amz-bucket-region"), Some(HOME));
    assert_eq!(error.code(), Some("PermanentRedirect"));
    let here = client(&cloud, "us-east-1")
        .get_bucket_location()
        .bucket("state")
        .send()
        .await
        .expect("a location");
    assert_eq!(
        here.location_constraint().map(|region| region.as_str().to_owned()),
        Some(HOME.to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn ranges_heads_and_listings_agree_with_the_object() {
    let cloud = cloud();
    cloud.store().ensure_bucket("data", HOME);
    for key in ["a/1", "a/2", "b/c d+e", "top"] {
        cloud.store().put("data", key, "0123456789", "text/plain");
    }
    let s3 = client(&cloud, HOME);
    let part = s3
        .get_object()
        .bucket("data")
        .key("b/c d+e")
        .range("bytes=2-4")
        .send()
        .await
        .expect("a range");
    assert_eq!(part.content_range(), Some("bytes 2-4/10"));
    assert_eq!(&part.body.collect().await.expect("a body").into_bytes()[..], b"234");
    let beyond = s3
        .get_object()
        .bucket("data")
        .key("top")
        .range("bytes=10-")
        .send()
        .await;
    assert_eq!(refusal(beyond), (416, "InvalidRange".to_owned()));
    let head = s3.head_object().bucket("data").key("top").send().await.expect("a head");
    assert_eq!(
        (head.content_length(), head.content_type()),
        (Some(10), Some("text/plain"))
    );

    let listed = s3
        .list_objects_v2()
        .bucket("data")
        .delimiter("/")
        .send()
        .await
        .expect("a listing");
    let keys: Vec<_> = listed.contents().iter().filter_map(|object| object.key()).collect();
    let prefixes: Vec<_> = listed
        .common_prefixes()
        .iter()
        .filter_map(|common| common.prefix())
        .collect();
    assert_eq!((keys, prefixes), (vec!["top"], vec!["a/", "b/"]));
    let mut pages = s3.list_objects_v2().bucket("data").max_keys(1).into_paginator().send();
    let mut paged = Vec::new();
    while let Some(page) = pages.next().await {
        paged.extend(
            page.expect("a page")
                .contents()
                .iter()
                .filter_map(|object| object.key())
                .map(str::to_owned),
        );
    }
    assert_eq!(paged, ["a/1", "a/2", "b/c d+e", "top"]);
}

#[tokio::test(start_paused = true)]
async fn deleting_in_a_versioned_bucket_hides_and_does_not_destroy() {
    let cloud = cloud();
    cloud.store().ensure_bucket("state", HOME);
    let s3 = client(&cloud, HOME);
    let put = s3
        .put_object()
        .bucket("state")
        .key("k")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await
        .expect("a write");
    let gone = s3
        .delete_object()
        .bucket("state")
        .key("k")
        .send()
        .await
        .expect("a delete");
    assert_eq!(gone.delete_marker(), Some(true));
    assert_eq!(refusal(s3.get_object().bucket("state").key("k").send().await).0, 404);
    let old = s3
        .get_object()
        .bucket("state")
        .key("k")
        .version_id(put.version_id().expect("an id"))
        .send()
        .await;
    assert_eq!(
        &old.expect("the old version")
            .body
            .collect()
            .await
            .expect("a body")
            .into_bytes()[..],
        b"x"
    );
    let listed = s3
        .list_object_versions()
        .bucket("state")
        .send()
        .await
        .expect("a listing");
    assert_eq!((listed.versions().len(), listed.delete_markers().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_streamed_body_arrives_whole_and_its_checksum_is_verified() {
    let cloud = cloud();
    cloud.store().ensure_bucket("data", HOME);
    let s3 = client(&cloud, HOME);
    let content: Vec<u8> = (0..1_000_000_u32).map(|position| (position % 251) as u8).collect();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), &content).expect("a written file");
    let body = ByteStream::from_path(file.path()).await.expect("a stream");
    let put = s3
        .put_object()
        .bucket("data")
        .key("stream")
        .body(body)
        .send()
        .await
        .expect("a streamed write");
    assert!(
        put.checksum_crc32().is_some() || put.checksum_crc64_nvme().is_some(),
        "a default checksum: {put:?}"
    );
    assert_eq!(cloud.store().get("data", "stream").as_deref(), Some(&content[..]));
    let wrong = s3
        .put_object()
        .bucket("data")
        .key("w")
        .checksum_crc32("AAAAAA==")
        .body(content.into())
        .send()
        .await;
    assert_eq!(refusal(wrong), (400, "BadDigest".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn parts_are_copied_by_range_from_another_region_and_joined() {
    let cloud = cloud();
    cloud.store().ensure_bucket("home", HOME);
    cloud.store().ensure_bucket("backup", "us-east-1");
    let length = 12_u64 << 20;
    let etag = cloud
        .store()
        .put_virtual("home", "model.tar.gz", length, 7)
        .expect("a bucket");
    let s3 = client(&cloud, "us-east-1");
    let upload = s3
        .create_multipart_upload()
        .bucket("backup")
        .key("m")
        .send()
        .await
        .expect("an upload");
    let upload = upload.upload_id().expect("an id");
    let mut completed = CompletedMultipartUpload::builder();
    for (number, range) in [(1, "bytes=0-6291455"), (2, "bytes=6291456-12582911")] {
        let copy = s3
            .upload_part_copy()
            .bucket("backup")
            .key("m")
            .upload_id(upload)
            .part_number(number)
            .copy_source("home/model.tar.gz")
            .copy_source_range(range)
            .copy_source_if_match(&etag)
            .send()
            .await
            .expect("a copied part");
        let etag = copy.copy_part_result().and_then(|part| part.e_tag()).expect("an ETag");
        completed = completed.parts(CompletedPart::builder().part_number(number).e_tag(etag).build());
    }
    let parts = s3
        .list_parts()
        .bucket("backup")
        .key("m")
        .upload_id(upload)
        .send()
        .await
        .expect("the parts");
    assert_eq!(
        parts.parts().iter().filter_map(|part| part.size()).sum::<i64>(),
        12 << 20
    );
    let stale = s3
        .upload_part_copy()
        .bucket("backup")
        .key("m")
        .upload_id(upload)
        .part_number(3)
        .copy_source("home/model.tar.gz")
        .copy_source_if_match("\"other\"");
    assert_eq!(refusal(stale.send().await), (412, "PreconditionFailed".to_owned()));
    let complete = s3
        .complete_multipart_upload()
        .bucket("backup")
        .key("m")
        .upload_id(upload);
    let done = complete
        .multipart_upload(completed.build())
        .if_none_match("*")
        .send()
        .await
        .expect("an object");
    assert!(done.e_tag().is_some_and(|etag| etag.ends_with("-2\"")), "{done:?}");
    assert_eq!(
        cloud.store().get("backup", "m"),
        cloud.store().get("home", "model.tar.gz")
    );
    let again = s3.list_parts().bucket("backup").key("m").upload_id(upload).send().await;
    assert_eq!(refusal(again), (404, "NoSuchUpload".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn small_parts_wrong_orders_and_aborted_uploads_are_refused() {
    let cloud = cloud();
    cloud.store().ensure_bucket("data", HOME);
    let s3 = client(&cloud, HOME);
    let upload = s3
        .create_multipart_upload()
        .bucket("data")
        .key("m")
        .send()
        .await
        .expect("an upload");
    let upload = upload.upload_id().expect("an id");
    let mut parts = Vec::new();
    for number in [1, 2] {
        let body = ByteStream::from_static(b"small");
        let part = s3
            .upload_part()
            .bucket("data")
            .key("m")
            .upload_id(upload)
            .part_number(number)
            .body(body)
            .send()
            .await;
        let etag = part.expect("a part").e_tag().expect("an ETag").to_owned();
        parts.push(CompletedPart::builder().part_number(number).e_tag(etag).build());
    }
    let complete = |parts: Vec<CompletedPart>| {
        let upload_of = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        s3.complete_multipart_upload()
            .bucket("data")
            .key("m")
            .upload_id(upload)
            .multipart_upload(upload_of)
            .send()
    };
    assert_eq!(
        refusal(complete(parts.clone()).await),
        (400, "EntityTooSmall".to_owned())
    );
    let reversed = parts.into_iter().rev().collect();
    assert_eq!(refusal(complete(reversed).await), (400, "InvalidPartOrder".to_owned()));
    let open = s3
        .list_multipart_uploads()
        .bucket("data")
        .send()
        .await
        .expect("the uploads");
    assert_eq!(open.uploads().len(), 1);
    s3.abort_multipart_upload()
        .bucket("data")
        .key("m")
        .upload_id(upload)
        .send()
        .await
        .expect("an abort");
    let again = s3
        .abort_multipart_upload()
        .bucket("data")
        .key("m")
        .upload_id(upload)
        .send()
        .await;
    assert_eq!(refusal(again), (404, "NoSuchUpload".to_owned()));
}
