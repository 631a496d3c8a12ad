"""Copies what lies below s3://models/llm/ by boto3's managed copy: `boto3_copy.py URL TO one|many [CONCURRENCY]`.

With a concurrency it is tuned to what the backup does: as many calls at once, and the same parts.
"""

import sys

import boto3
from boto3.s3.transfer import TransferConfig, create_transfer_manager
from botocore.config import Config


def client(region, url, connections):
    session = boto3.Session(aws_access_key_id="SIM-boto3", aws_secret_access_key="simulated", region_name=region)
    style = {"addressing_style": "path"}
    return session.client("s3", endpoint_url=url, config=Config(max_pool_connections=connections, s3=style))


def main():
    url, to, what = sys.argv[1:4]
    at_once = int(sys.argv[4]) if len(sys.argv) > 4 else None
    config, connections = TransferConfig(), 10
    if at_once:
        connections = 2 * at_once
        config = TransferConfig(
            max_concurrency=at_once, multipart_threshold=256 << 20, multipart_chunksize=64 << 20, use_threads=True
        )
        # Looks at the sources ahead of the copies; TransferConfig takes it as an attribute only.
        config.max_submission_concurrency = at_once
    source, target = client("eu-west-1", url, connections), client("eu-central-1", url, connections)
    if what == "one":
        place = {"Bucket": "models", "Key": "llm/weights.bin"}
        target.copy(place, "models-dr", f"{to}/weights.bin", SourceClient=source, Config=config)
        return
    with create_transfer_manager(target, config) as manager:
        copies = [
            manager.copy({"Bucket": "models", "Key": found["Key"]}, "models-dr", f"{to}/{found['Key']}", source_client=source)
            for page in source.get_paginator("list_objects_v2").paginate(Bucket="models", Prefix="llm/")
            for found in page["Contents"]
        ]
        for copy in copies:
            copy.result()


main()
