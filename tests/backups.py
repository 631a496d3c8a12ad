#!/usr/bin/env python3
"""Backs an endpoint up with the function's own binary, and reads the copies back with the aws CLI and boto3.

    cargo build --workspace
    python tests/backups.py target/debug/rehearse target/debug/cross-region-backup

Once against `rehearse serve`, once against moto's server, which somebody else wrote. Needs the aws CLI (v1 or v2), boto3
and `moto[server]`; nothing talks to AWS. Exits 0 when all copies are what they are copies of, 1 when not.
"""

import argparse
import hashlib
import json
import logging
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from clients import Checks, environment, free_port, wait_for

SOURCE, TARGET = "eu-west-1", "eu-central-1"
MIB = 1024 * 1024

# What there is to copy, by key: bytes, and what else is said of them. The large one is copied in parts.
OBJECTS = {
    "llm/config.json": (b'{"dim": 3}', {"ContentType": "application/json", "Metadata": {"trained-by": "team risk"}}),
    "llm/with space/ü ö.bin": (b"u" * 1000, {"Tagging": "team=a%2Bb%3Dc%2Fd%20%40e"}),
    "llm/plus+percent%20%2F.bin": (b"p" * 2000, {"CacheControl": "no-store"}),
    "llm/a=b&c?d#e.bin": (b"a" * 3000, {"ContentEncoding": "identity", "ContentLanguage": "de"}),
    "llm/日本/重み.bin": (b"w" * 4000, {"ContentDisposition": "attachment"}),
    "llm/empty": (b"", {}),
    "llm/weights.bin": (None, {"ContentType": "application/x-weights", "Metadata": {"epoch": "7"}}),
}
LARGE = 257 * MIB + 17

# What a copy has of its source besides its bytes.
CARRIED = ("ContentType", "CacheControl", "ContentEncoding", "ContentLanguage", "ContentDisposition", "Metadata")

FLEET = f"""\
version: 1
endpoints:
  chat: {{backup: {{destination: {{region: {TARGET}, bucket: models-dr}}}}}}
"""

WORLD = f"""\
title: An endpoint to back up
duration: 1d
world:
  account: "123456789012"
  regions:
    {SOURCE}:
      topics: [alerts]
      models:
        llm:
          define:
            PrimaryContainer:
              Image: 123456789012.dkr.ecr.{SOURCE}.amazonaws.com/llm:1
              ModelDataSource: {{S3DataSource: {{S3Uri: s3://models/llm/, S3DataType: S3Prefix, CompressionType: None}}}}
      endpoints: {{chat: {{variants: {{main: {{model: llm}}}}}}}}
    {TARGET}: {{topics: [alerts]}}
buckets: {{models: {SOURCE}, models-dr: {TARGET}, state: {SOURCE}}}
fleet: {{version: 1, endpoints: {{chat: }}}}
functions: [{{name: cross-region-backup, region: {SOURCE}}}]
"""


def client(name, region, url):
    import boto3
    import botocore.config

    style = {"addressing_style": "path"}
    session = boto3.Session(aws_access_key_id="any", aws_secret_access_key="x", region_name=region)
    return session.client(name, endpoint_url=url, config=botocore.config.Config(signature_version="s3v4", s3=style))


def put_objects(url):
    """Answers the SHA-256 of each object by its key."""
    s3 = client("s3", SOURCE, url)
    s3.put_object(Bucket="state", Key="fleet.yaml", Body=FLEET.encode())
    large = hashlib.shake_128(b"large").digest(LARGE)
    digests = {}
    for key, (body, told) in OBJECTS.items():
        body = large if body is None else body
        s3.put_object(Bucket="models", Key=key, Body=body, **told)
        digests[key] = hashlib.sha256(body).hexdigest()
    s3.put_object(Bucket="models", Key="llm-2/not-below-the-prefix", Body=b"no")
    return digests


def send(arguments, url, *commands):
    """What the function answers, in one process and in this order."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, command in enumerate(commands):
            file = pathlib.Path(folder, f"{number}.json")
            file.write_text(json.dumps(command))
            files.append(str(file))
        settings = {
            "STEWARD_FLEET": "s3://state/fleet.yaml",
            "STEWARD_STATE": "s3://state/steward",
            "STEWARD_TOPIC_ARN": f"arn:aws:sns:{SOURCE}:123456789012:alerts",
            "AWS_ENDPOINT_URL": url,
        }
        env = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
        done = subprocess.run(
            [arguments.rehearse, "invoke", "--binary", arguments.function, "--timeout", "300s", *env, *files],
            env=environment(url, SOURCE),
            capture_output=True,
            text=True,
            timeout=400,
        )
    return done.stdout + done.stderr


def digest_of(s3, bucket, key):
    sha = hashlib.sha256()
    for chunk in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(MIB):
        sha.update(chunk)
    return sha.hexdigest()


def copies_of(s3):
    """The keys of the copies by that of their source: below one root, since a prefix is one set."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="models-dr", Prefix="steward/artifacts/")
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    root = os.path.commonpath(keys) + "/" if keys else ""
    return {"llm/" + key.removeprefix(root): key for key in keys}


def compare(checks, name, url, digests):
    source, target = client("s3", SOURCE, url), client("s3", TARGET, url)
    copies = copies_of(target)
    checks.check(f"{name}: each object has one copy, and nothing else is there", set(copies) == set(OBJECTS), copies)
    for key in OBJECTS:
        copy = copies.get(key)
        if copy is None:
            continue
        same = digest_of(target, "models-dr", copy) == digests[key]
        checks.check(f"{name}: {key}: the same bytes", same)
        heads = source.head_object(Bucket="models", Key=key), target.head_object(Bucket="models-dr", Key=copy)
        # Beside what it was told, a copy says what it is of.
        heads[1]["Metadata"] = {k: v for k, v in heads[1]["Metadata"].items() if not k.startswith("steward-")}
        told = [[head.get(field) or None for field in CARRIED] for head in heads]
        tags = [
            s3.get_object_tagging(Bucket=bucket, Key=at)["TagSet"]
            for s3, bucket, at in ((source, "models", key), (target, "models-dr", copy))
        ]
        checks.check(f"{name}: {key}: all that is said of it", told[0] == told[1] and tags[0] == tags[1], (told, tags))
    left = target.list_multipart_uploads(Bucket="models-dr").get("Uploads", [])
    checks.check(f"{name}: no unfinished upload", left == [], left)


def manifest(checks, name, url):
    """The recovery point is there, and its digest is over its bytes as they are."""
    s3 = client("s3", TARGET, url)
    found = s3.list_objects_v2(Bucket="models-dr", Prefix=f"steward/points/chat.{SOURCE}/").get("Contents", [])
    checks.check(f"{name}: there is one recovery point", len(found) == 1, found)
    for point in found:
        body = s3.get_object(Bucket="models-dr", Key=point["Key"])["Body"].read()
        document = json.loads(body)
        text = json.dumps(document)
        checks.check(f"{name}: it names the copies and the other Region", "s3://models-dr/" in text and TARGET in text)
        checks.check(f"{name}: it is of this endpoint", '"chat"' in text)


def with_cli(checks, name, aws, url, folder, digests):
    """The aws CLI reads the copies."""
    s3 = client("s3", TARGET, url)
    for number, (key, copy) in enumerate(sorted(copies_of(s3).items())):
        back = folder / f"{number}.back"
        done = subprocess.run(
            [aws, "s3", "cp", "--no-progress", f"s3://models-dr/{copy}", str(back)],
            env=environment(url, TARGET),
            capture_output=True,
            text=True,
            timeout=300,
        )
        whole = done.returncode == 0 and hashlib.sha256(back.read_bytes()).hexdigest()
        checks.check(f"{name}: aws s3 cp of the copy of {key}", whole == digests.get(key), done.stderr.strip() or whole)
        back.unlink(missing_ok=True)


def backed_up(checks, arguments, name, url, folder):
    digests = put_objects(url)
    backup = {"command": "backup", "endpoint": "chat", "by": "ana"}
    verify = {"command": "verify", "endpoint": "chat"}
    first = send(arguments, url, backup)
    checks.check(f"{name}: a backup", "recovery point" in first, first)
    compare(checks, name, url, digests)
    manifest(checks, name, url)
    with_cli(checks, name, arguments.aws, url, folder, digests)
    answers = send(arguments, url, verify, backup)
    checks.check(f"{name}: verified", "is what it was" in answers, answers)
    checks.check(f"{name}: the second backup copies nothing", "0 objects, 0 B were copied now" in answers, answers)


def with_rehearsal(checks, arguments, folder):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    world = folder / "world.yaml"
    world.write_text(WORLD)
    command = [arguments.rehearse, "serve", "--listen", f"127.0.0.1:{port}", "--world", str(world)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(url, server)
        backed_up(checks, arguments, "rehearse serve", url, folder)
    finally:
        server.terminate()
        server.wait(10)


def with_moto(checks, arguments, folder):
    from moto.sagemaker.responses import SageMakerResponse
    from moto.server import ThreadedMotoServer

    # moto has no inference components: there are none.
    if not hasattr(SageMakerResponse, "list_inference_components"):
        SageMakerResponse.list_inference_components = lambda self: json.dumps({"InferenceComponents": []})
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    url = f"http://127.0.0.1:{port}"
    try:
        moto_world(url)
        backed_up(checks, arguments, "moto", url, folder)
    finally:
        server.stop()


def moto_world(url):
    """The same endpoint, made by the calls of AWS."""
    for bucket, region in (("models", SOURCE), ("models-dr", TARGET), ("state", SOURCE)):
        client("s3", region, url).create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region}
        )
    role = client("iam", "us-east-1", url).create_role(RoleName="inference", AssumeRolePolicyDocument="{}")
    for region in (SOURCE, TARGET):
        client("sns", region, url).create_topic(Name="alerts")
        ecr = client("ecr", region, url)
        ecr.create_repository(repositoryName="llm")
        image = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": "sha256:" + "1" * 64},
            "layers": [],
        }
        ecr.put_image(repositoryName="llm", imageManifest=json.dumps(image), imageTag="1")
    sagemaker = client("sagemaker", SOURCE, url)
    data = {"S3Uri": "s3://models/llm/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    sagemaker.create_model(
        ModelName="llm",
        ExecutionRoleArn=role["Role"]["Arn"],
        PrimaryContainer={
            "Image": f"123456789012.dkr.ecr.{SOURCE}.amazonaws.com/llm:1",
            "ModelDataSource": {"S3DataSource": data},
        },
    )
    variant = {"VariantName": "main", "ModelName": "llm", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="chat-1", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="chat", EndpointConfigName="chat-1")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rehearse", help="the rehearse binary")
    parser.add_argument("function", help="the cross-region-backup binary")
    parser.add_argument("--aws", default=shutil.which("aws") or str(pathlib.Path(sys.executable).with_name("aws")))
    arguments = parser.parse_args()
    # boto3 in this process must not find anything of the machine's user.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        with_rehearsal(checks, arguments, pathlib.Path(folder))
        with_moto(checks, arguments, pathlib.Path(folder))
    print(f"{checks.passed} hold, {len(checks.failed)} do not ({time.monotonic() - began:.0f} s)")
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
