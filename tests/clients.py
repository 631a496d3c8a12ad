#!/usr/bin/env python3
"""Runs the aws CLI and boto3 against `rehearse serve`, in two Regions, and says what does not work.

    cargo build --release
    python tests/clients.py target/release/rehearse

Needs the aws CLI (v1 or v2) and boto3; neither talks to AWS. With `--endpoint URL` it uses a server that runs already,
whose world must have an endpoint and a topic in each of the two Regions; copies between Regions are then left out. Exits 0 when everything works, 1 when not.
"""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

REGIONS = ("eu-west-1", "us-east-1")

WORLD = """\
title: Two Regions for the clients
duration: 1d
world:
  regions:
    eu-west-1:
      endpoints:
        fraud: {variants: {blue: {instances: 2, latency: 80ms}}, traffic: 20 rps}
      topics: [alerts]
      alarms:
        fraud-errors:
          metric: Invocation5XXErrors
          endpoint: fraud
          variant: blue
          above: 0.05
      functions: {predict: {versions: 2, aliases: {live: 2}}}
      apis: {a1b2c3: {name: models, stages: {prod: {}}}}
    us-east-1:
      endpoints:
        fraud: {variants: {blue: {instances: 1, latency: 60ms}}, traffic: 5 rps}
      topics: [alerts]
      alarms:
        fraud-errors:
          metric: Invocation5XXErrors
          endpoint: fraud
          variant: blue
          above: 0.05
      keys: {copies: {}}
      functions: {predict: {versions: 2, aliases: {live: 2}}}
      apis: {a1b2c3: {name: models, stages: {prod: {}}}}
buckets:
  models:
    region: eu-west-1
    objects:
      "a b+c%/small": {text: hello, content_type: text/plain, metadata: {trained-by: team risk}, tags: {team: a & b}}
      "a b+c%/large": {size: 300 MB, parts: 64 MiB, metadata: {trained-by: team risk}, tags: {team: a & b}}
  copies: {region: us-east-1, key: copies}
fleet:
  version: 1
  endpoints:
    fraud:
      health: {}
      scaling:
        - variant: blue
          min: 2
          max: 6
          policies:
            - {name: steward-load, invocations_per_instance: 1000, scale_out_cooldown: 1m, scale_in_cooldown: 10m}
            - {name: steward-slow, latency: 300ms}
            - {name: steward-steps, step: {alarm: steward-fraud-slow, steps: [{from: 0, to: 500000, by: 1}, {from: 500000, by: 2}]}}
      schedule: [{name: steward-morning, cron: "0 8 ? * MON-FRI *", zone: Europe/Berlin, min: 4}]
      alarms: [{name: steward-fraud-slow, variant: blue, latency: 800ms, percentile: p99}]
"""


class Checks:
    """Counts what worked and what did not."""

    def __init__(self):
        self.failed = []
        self.passed = 0

    def check(self, name, holds, found=""):
        if holds:
            self.passed += 1
            print(f"ok      {name}")
        else:
            self.failed.append(name)
            print(f"FAILED  {name}: {found}")


def environment(url, region):
    """No configuration of the machine's user may take part, and no credentials of theirs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "thing",
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }


def now_of(url):
    with urllib.request.urlopen(f"{url}/_rehearsal/time", timeout=10) as answer:
        text = json.load(answer)["now"]
    return datetime.datetime.fromisoformat(text.split(".")[0].rstrip("Z") + "+00:00")


def with_cli(checks, aws, url, region, folder):
    def run(*arguments):
        command = [aws, *arguments]
        done = subprocess.run(command, env=environment(url, region), capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            return None, (done.stderr or done.stdout).strip()
        return (json.loads(done.stdout) if done.stdout.lstrip().startswith("{") else {}), ""

    def check(name, answer, problem, holds):
        checks.check(f"{region} aws {name}", answer is not None and holds(answer), problem or answer)

    answer, problem = run("sts", "get-caller-identity")
    check("sts get-caller-identity", answer, problem, lambda it: len(it["Account"]) == 12)
    answer, problem = run("sagemaker", "list-endpoints")
    check("sagemaker list-endpoints", answer, problem, lambda it: len(it["Endpoints"]) == 1)
    answer, problem = run("sagemaker", "describe-endpoint", "--endpoint-name", "fraud")
    check("sagemaker describe-endpoint", answer, problem, lambda it: f":{region}:" in it["EndpointArn"])
    answer, problem = run("sagemaker", "describe-endpoint", "--endpoint-name", "none")
    checks.check(f"{region} aws says what is missing", "ValidationException" in problem, problem or answer)
    body = folder / "body"
    out = folder / "out"
    body.write_text("{}")
    answer, problem = run(
        *("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", "fraud", "--target-variant", "blue"),
        *("--content-type", "application/json", "--body", f"fileb://{body}", str(out)),
    )
    check("sagemaker-runtime invoke-endpoint", answer, problem, lambda it: it["InvokedProductionVariant"] == "blue")
    now = now_of(url)
    answer, problem = run(
        *("cloudwatch", "get-metric-statistics", "--namespace", "AWS/SageMaker", "--metric-name", "Invocations"),
        *("--dimensions", "Name=EndpointName,Value=fraud", "Name=VariantName,Value=blue", "--statistics", "Sum"),
        *("--period", "60", "--start-time", (now - datetime.timedelta(hours=1)).isoformat()),
        *("--end-time", (now + datetime.timedelta(minutes=5)).isoformat()),
    )
    check(
        "cloudwatch get-metric-statistics",
        *(answer, problem),
        lambda it: it["Label"] == "Invocations" and it["Datapoints"] and it["Datapoints"][0]["Sum"] > 0,
    )
    answer, problem = run("cloudwatch", "describe-alarms")
    check(
        "cloudwatch describe-alarms",
        *(answer, problem),
        lambda it: "fraud-errors" in [alarm["AlarmName"] for alarm in it["MetricAlarms"]],
    )
    answer, problem = run("sns", "list-topics")
    check("sns list-topics", answer, problem, lambda it: it["Topics"][0]["TopicArn"].endswith(":alerts"))
    arn = (answer or {"Topics": [{"TopicArn": ""}]})["Topics"][0]["TopicArn"]
    answer, problem = run("sns", "publish", "--topic-arn", arn, "--subject", "s", "--message", "<a & b>")
    check("sns publish", answer, problem, lambda it: it["MessageId"])
    answer, problem = run("application-autoscaling", "describe-scalable-targets", "--service-namespace", "sagemaker")
    check("application-autoscaling describe-scalable-targets", answer, problem, lambda it: "ScalableTargets" in it)
    with_cli_capacity(run, check, checks, region)

    bucket = f"cli-{region}"
    constraint = [] if region == "us-east-1" else ["--create-bucket-configuration", f"LocationConstraint={region}"]
    answer, problem = run("s3api", "create-bucket", "--bucket", bucket, *constraint)
    check("s3api create-bucket", answer, problem, lambda it: True)
    for size in (1_000, 9 * 1024 * 1024 + 17):
        sent, back = folder / "sent", folder / "back"
        sent.write_bytes(hashlib.shake_128(region.encode()).digest(size))
        answer, problem = run("s3", "cp", "--no-progress", str(sent), f"s3://{bucket}/folder/file {size}")
        check(f"s3 cp of {size} bytes up", answer, problem, lambda it: True)
        answer, problem = run("s3", "cp", "--no-progress", f"s3://{bucket}/folder/file {size}", str(back))
        same = answer is not None and back.read_bytes() == sent.read_bytes()
        check(f"s3 cp of {size} bytes down, the same bytes", answer, problem, lambda it, same=same: same)
    answer, problem = run("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", "folder/")
    check("s3api list-objects-v2", answer, problem, lambda it: len(it["Contents"]) == 2)
    answer, problem = run("s3", "rm", "--recursive", f"s3://{bucket}/")
    check("s3 rm --recursive", answer, problem, lambda it: True)


def with_cli_capacity(run, check, checks, region):
    """What a team declares of capacity, as people type it."""
    predict = ("--function-name", "predict")
    answer, problem = run("lambda", "put-function-concurrency", *predict, "--reserved-concurrent-executions", "50")
    check("lambda put-function-concurrency", answer, problem, lambda it: it["ReservedConcurrentExecutions"] == 50)
    keep = ("lambda", "put-provisioned-concurrency-config", *predict, "--provisioned-concurrent-executions", "5")
    answer, problem = run(*keep, "--qualifier", "$LATEST")
    checks.check(f"{region} aws lambda keeps nothing of $LATEST", "unpublished" in problem, problem or answer)
    answer, problem = run(*keep, "--qualifier", "live")
    check("lambda put-provisioned-concurrency-config", answer, problem, lambda it: it["Status"] == "IN_PROGRESS")
    answer, problem = run("lambda", "list-provisioned-concurrency-configs", *predict)
    check(
        "lambda list-provisioned-concurrency-configs",
        *(answer, problem),
        lambda it: it["ProvisionedConcurrencyConfigs"][0]["FunctionArn"].endswith(":predict:live"),
    )
    answer, problem = run("lambda", "get-account-settings")
    left = ("AccountLimit", "UnreservedConcurrentExecutions")
    check("lambda get-account-settings", answer, problem, lambda it: it[left[0]][left[1]] == 950)
    answer, problem = run("lambda", "delete-function-concurrency", *predict)
    check("lambda delete-function-concurrency", answer, problem, lambda it: True)

    stage = ("--rest-api-id", "a1b2c3", "--stage-name", "prod")
    patch = ("apigateway", "update-stage", *stage, "--patch-operations")
    answer, problem = run(*patch, "op=replace,path=/*/*/throttle/rateLimit,value=100")
    checks.check(f"{region} aws apigateway refuses another's path", "BadRequest" in problem, problem or answer)
    rate, burst = ("op=replace,path=/*/*/throttling/rateLimit,value=100", "op=replace,path=/*/*/throttling/burstLimit,value=7")
    answer, problem = run(*patch, rate, burst)
    check("apigateway update-stage", answer, problem, lambda it: it["methodSettings"]["*/*"]["throttlingBurstLimit"] == 7)
    answer, problem = run("apigateway", "get-stage", *stage)
    check("apigateway get-stage", answer, problem, lambda it: it["methodSettings"]["*/*"]["throttlingRateLimit"] == 100.0)

    board = ("cloudwatch", "put-dashboard", "--dashboard-name", f"fleet-{region}", "--dashboard-body")
    answer, problem = run(*board, "{'widgets': []}")
    checks.check(f"{region} aws cloudwatch refuses a dictionary", "InvalidParameterInput" in problem, problem or answer)
    answer, problem = run(*board, '{"widgets": []}')
    check("cloudwatch put-dashboard", answer, problem, lambda it: not it.get("DashboardValidationMessages"))
    answer, problem = run("cloudwatch", "get-dashboard", "--dashboard-name", f"fleet-{region}")
    check("cloudwatch get-dashboard", answer, problem, lambda it: json.loads(it["DashboardBody"]) == {"widgets": []})

    variant = ("--service-namespace", "sagemaker", "--resource-id", "endpoint/fraud/variant/blue")
    variant += ("--scalable-dimension", "sagemaker:variant:DesiredInstanceCount")
    scaling = "application-autoscaling"
    answer, problem = run(
        *(scaling, "register-scalable-target", *variant, "--min-capacity", "1", "--max-capacity", "4"),
        *("--tags", "team=risk"),
    )
    check(f"{scaling} register-scalable-target", answer, problem, lambda it: ":scalable-target/" in it["ScalableTargetARN"])
    arn = (answer or {"ScalableTargetARN": ""})["ScalableTargetARN"]
    answer, problem = run(scaling, "list-tags-for-resource", "--resource-arn", arn)
    check(f"{scaling} list-tags-for-resource", answer, problem, lambda it: it["Tags"] == {"team": "risk"})
    answer, problem = run(scaling, "deregister-scalable-target", *variant)
    check(f"{scaling} deregister-scalable-target", answer, problem, lambda it: True)


def with_boto3(checks, url, region):
    import boto3
    import botocore.config
    import botocore.exceptions

    session = boto3.Session(aws_access_key_id="SIM-boto3", aws_secret_access_key="x", region_name=region)
    config = botocore.config.Config(retries={"max_attempts": 1})

    def client(name):
        signed = botocore.config.Config(signature_version="s3v4") if name == "s3" else None
        return session.client(name, endpoint_url=url, config=config.merge(signed) if signed else config)

    def check(name, call, holds):
        try:
            answer = call()
            checks.check(f"{region} boto3 {name}", holds(answer), answer)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, KeyError, IndexError) as problem:
            checks.check(f"{region} boto3 {name}", False, repr(problem))

    sagemaker, runtime, cloudwatch = client("sagemaker"), client("sagemaker-runtime"), client("cloudwatch")
    sns, s3 = client("sns"), client("s3")
    check(
        "describe_endpoint",
        lambda: sagemaker.describe_endpoint(EndpointName="fraud"),
        lambda it: it["EndpointStatus"] == "InService" and it["CreationTime"].tzinfo is not None,
    )
    check(
        "invoke_endpoint",
        lambda: runtime.invoke_endpoint(EndpointName="fraud", Body=b"{}", ContentType="application/json"),
        lambda it: it["Body"].read() is not None and it["InvokedProductionVariant"] == "blue",
    )
    now = now_of(url)
    check(
        "get_metric_statistics",
        lambda: cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName="Invocations",
            Dimensions=[{"Name": "EndpointName", "Value": "fraud"}, {"Name": "VariantName", "Value": "blue"}],
            Statistics=["Sum"],
            Period=60,
            StartTime=now - datetime.timedelta(hours=1),
            EndTime=now + datetime.timedelta(minutes=5),
        ),
        lambda it: isinstance(it["Datapoints"][0]["Timestamp"], datetime.datetime),
    )
    check("describe_alarms", cloudwatch.describe_alarms, lambda it: isinstance(it["MetricAlarms"][0]["Threshold"], float))
    check("list_topics", sns.list_topics, lambda it: f":{region}:" in it["Topics"][0]["TopicArn"])
    function, gateway = client("lambda"), client("apigateway")
    check(
        "list_functions",
        function.list_functions,
        lambda it: "predict" in [one["FunctionName"] for one in it["Functions"]],
    )
    check(
        "list_aliases",
        lambda: function.list_aliases(FunctionName="predict"),
        lambda it: it["Aliases"][0]["FunctionVersion"] == "2",
    )
    check(
        "list_versions_by_function",
        lambda: function.list_versions_by_function(FunctionName="predict"),
        lambda it: [version["Version"] for version in it["Versions"]] == ["$LATEST", "1", "2"],
    )
    check("get_rest_apis", gateway.get_rest_apis, lambda it: it["items"][0]["name"] == "models")
    check("get_stages", lambda: gateway.get_stages(restApiId="a1b2c3"), lambda it: it["item"][0]["stageName"] == "prod")
    try:
        cloudwatch.put_dashboard(DashboardName="wrong", DashboardBody="{'widgets': []}")
        refused = {}
    except botocore.exceptions.ClientError as error:
        refused = error.response
    told = refused.get("dashboardValidationMessages", [{}])[0].get("Message", "")
    checks.check(f"{region} boto3 put_dashboard says what is wrong", "valid JSON" in told, refused)
    alarm = cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=alarm, Tags=[{"Key": "team", "Value": "risk"}])
    check(
        "list_tags_for_resource",
        lambda: cloudwatch.list_tags_for_resource(ResourceARN=alarm),
        lambda it: it["Tags"] == [{"Key": "team", "Value": "risk"}],
    )

    bucket = f"boto3-{region}"
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    check("create_bucket", lambda: s3.create_bucket(Bucket=bucket, **where), lambda it: True)
    content = hashlib.shake_128(b"boto3").digest(9 * 1024 * 1024 + 5)
    with tempfile.TemporaryDirectory() as folder:
        sent, back = pathlib.Path(folder, "sent"), pathlib.Path(folder, "back")
        sent.write_bytes(content)
        check("upload_file of 9 MB", lambda: s3.upload_file(str(sent), bucket, "k"), lambda it: True)
        check("download_file", lambda: s3.download_file(bucket, "k", str(back)), lambda it: back.read_bytes() == content)
    first = s3.put_object(Bucket=bucket, Key="once", Body=b"1", IfNoneMatch="*")
    checks.check(f"{region} boto3 put_object IfNoneMatch", first["ETag"].startswith('"'), first)
    try:
        s3.put_object(Bucket=bucket, Key="once", Body=b"2", IfNoneMatch="*")
        checks.check(f"{region} boto3 a second writer is refused", False, "it was not")
    except botocore.exceptions.ClientError as problem:
        status = problem.response["ResponseMetadata"]["HTTPStatusCode"]
        checks.check(f"{region} boto3 a second writer is refused", status == 412, problem)
    url_of = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "once"})
    with urllib.request.urlopen(url_of, timeout=10) as answer:
        checks.check(f"{region} boto3 presigned URL", answer.read() == b"1")


def between_regions(checks, aws, url, folder):
    """Copies from one Region into the other, by the CLI's and boto3's own means, and reads the copies back."""
    import boto3

    source, target = REGIONS

    def run(region, *arguments):
        command = [aws, *arguments]
        done = subprocess.run(command, env=environment(url, region), capture_output=True, text=True, timeout=120)
        answer = json.loads(done.stdout) if done.stdout.lstrip().startswith("{") else {}
        return (answer, "") if done.returncode == 0 else ({}, (done.stderr or done.stdout).strip())

    def client(name, region):
        session = boto3.Session(aws_access_key_id="SIM-boto3", aws_secret_access_key="x", region_name=region)
        return session.client(name, endpoint_url=url)

    def look(region, bucket, key):
        head, problem = run(
            region, "s3api", "head-object", "--bucket", bucket, "--key", key, "--checksum-mode", "ENABLED"
        )
        tags, _ = run(region, "s3api", "get-object-tagging", "--bucket", bucket, "--key", key)
        names = ("ContentLength", "ChecksumCRC64NVME", "ChecksumType", "ContentType", "Metadata")
        return {name: head.get(name) for name in names} | {"tags": tags.get("TagSet")} | {"problem": problem}

    def same(name, key, copy, told=True):
        one, other = look(source, "models", key), look(target, "copies", copy)
        names = one if told else ("ContentLength", "ChecksumCRC64NVME", "ChecksumType")
        alike = one["ChecksumCRC64NVME"] and all(one[name] == other[name] for name in names)
        checks.check(name, alike, f"{one} and {other}")

    small, large = "a b+c%/small", "a b+c%/large"
    _, problem = run(
        *(target, "s3api", "copy-object", "--bucket", "copies", "--key", small),
        *("--copy-source", f"models/{small}"),
    )
    checks.check("aws s3api copy-object between Regions", not problem, problem)
    same("aws s3api copy-object: the copy is the same", small, small)
    for key in (small, large):
        _, problem = run(
            *(target, "s3", "cp", "--no-progress", "--source-region", source),
            *(f"s3://models/{key}", f"s3://copies/cp/{key}"),
        )
        checks.check(f"aws s3 cp of {key} between Regions", not problem, problem)
        # Of what a copy in parts carries over, versions of the CLI differ.
        same(f"aws s3 cp of {key}: the copy is the same", key, f"cp/{key}", told=key == small)
    client("s3", target).copy(
        {"Bucket": "models", "Key": large}, "copies", "boto3/large", SourceClient=client("s3", source)
    )
    same("boto3 copy of 300 MB between Regions: the same bytes", large, "boto3/large", told=False)
    answer, problem = run(
        *(target, "s3api", "get-object-attributes", "--bucket", "copies", "--key", "boto3/large"),
        *("--object-attributes", "ETag", "Checksum", "ObjectParts", "ObjectSize"),
    )
    checks.check(
        "aws s3api get-object-attributes",
        answer.get("ObjectSize") == 300_000_000 and answer.get("ObjectParts", {}).get("TotalPartsCount", 0) > 1,
        problem or answer,
    )
    head, problem = run(target, "s3api", "head-object", "--bucket", "copies", "--key", small)
    encrypted = head.get("ServerSideEncryption"), head.get("SSEKMSKeyId", "").split("/")[-1]
    checks.check("aws s3api head-object tells the bucket's key", encrypted == ("aws:kms", "copies"), problem or head)

    begun, problem = run(target, "s3api", "create-multipart-upload", "--bucket", "copies", "--key", "odd key+%")
    upload = begun.get("UploadId", "none")
    place = ("--bucket", "copies", "--key", "odd key+%", "--upload-id", upload)
    _, problem = run(
        *(target, "s3api", "upload-part-copy", *place, "--part-number", "1"),
        *("--copy-source", f"models/{large}", "--copy-source-range", "bytes=0-5242879"),
    )
    checks.check("aws s3api upload-part-copy of a range", not problem, problem)
    answer, problem = run(target, "s3api", "list-multipart-uploads", "--bucket", "copies")
    keys = [upload["Key"] for upload in answer.get("Uploads", [])]
    checks.check("aws s3api list-multipart-uploads", keys == ["odd key+%"], problem or answer)
    answer, problem = run(target, "s3api", "list-parts", *place)
    sizes = [part["Size"] for part in answer.get("Parts", [])]
    checks.check("aws s3api list-parts", sizes == [5 * 1024 * 1024], problem or answer)
    run(target, "s3api", "abort-multipart-upload", *place)
    left = client("s3", target).list_multipart_uploads(Bucket="copies").get("Uploads", [])
    checks.check("boto3 list_multipart_uploads after the abort", left == [], left)
    keys = [it["Key"] for it in client("s3", target).list_objects_v2(Bucket="copies")["Contents"]]
    checks.check("boto3 list_objects_v2 reads odd keys", keys == sorted([small, f"cp/{small}", f"cp/{large}", "boto3/large"]), keys)

    answer, problem = run(target, "kms", "describe-key", "--key-id", "alias/copies")
    checks.check("aws kms describe-key", answer.get("KeyMetadata", {}).get("Enabled") is True, problem or answer)
    answer, problem = run(source, "iam", "get-role", "--role-name", "inference")
    checks.check("aws iam get-role", answer.get("Role", {}).get("RoleName") == "inference", problem or answer)
    answer, problem = run(
        source, "ecr", "batch-get-image", "--repository-name", "fraud-blue", "--image-ids", "imageTag=1"
    )
    checks.check("aws ecr batch-get-image", len(answer.get("images", [])) == 1, problem or answer)
    _, problem = run(
        source, "lambda", "invoke", "--function-name", "nobody", "--invocation-type", "Event", str(folder / "out")
    )
    checks.check("aws lambda invoke says what is missing", "ResourceNotFoundException" in problem, problem)


def declared(checks, aws, given, url, folder):
    """What the fleet reconciler applies is what the aws CLI and boto3 describe."""
    region = "eu-west-1"
    boto = boto3_session(url, region)
    account = boto("sts").get_caller_identity()["Account"]
    settings = {
        "STEWARD_FLEET": f"s3://steward-state-{account}-{region}/fleet.yaml",
        "STEWARD_STATE": f"s3://steward-state-{account}-{region}/steward",
        "STEWARD_TOPIC_ARN": f"arn:aws:sns:{region}:{account}:alerts",
        "AWS_ENDPOINT_URL": url,
    }
    env = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]

    def ask(command):
        event = folder / "event.json"
        event.write_text(json.dumps(command))
        done = subprocess.run(
            [given.rehearse, "invoke", "--binary", str(given.reconciler), "--timeout", "300s", *env, str(event)],
            env=environment(url, region),
            capture_output=True,
            text=True,
            timeout=400,
        )
        try:
            return json.loads(done.stdout.splitlines()[0])
        except (IndexError, ValueError):
            return {"outcome": "none", "summary": done.stdout + done.stderr}

    planned = ask({"command": "plan"})
    checks.check("fleet-reconciler plans", len(planned.get("changes", [])) == 6, planned["summary"])
    applied = ask({"command": "apply", "plan": planned.get("plan", ""), "by": "clients.py"})
    checks.check("fleet-reconciler applies", applied["outcome"] == "done", applied["summary"])
    left = ask({"command": "plan"})
    checks.check("fleet-reconciler leaves nothing", left.get("changes") == [], left["summary"])

    def cli(*arguments):
        done = subprocess.run(
            [aws, *arguments], env=environment(url, region), capture_output=True, text=True, timeout=120
        )
        return json.loads(done.stdout) if done.returncode == 0 else {"problem": done.stderr}

    resource = "endpoint/fraud/variant/blue"
    scaling = ("--service-namespace", "sagemaker", "--resource-id", resource)
    targets = cli("application-autoscaling", "describe-scalable-targets", *scaling[:2], "--resource-ids", resource)
    told = [(it["MinCapacity"], it["MaxCapacity"]) for it in targets.get("ScalableTargets", [])]
    checks.check("aws describes the declared range", told == [(2, 6)], targets)
    policies = cli("application-autoscaling", "describe-scaling-policies", *scaling)
    policies = {it["PolicyName"]: it for it in policies.get("ScalingPolicies", [])}
    tracking = "TargetTrackingScalingPolicyConfiguration"
    load = policies.get("steward-load", {}).get(tracking, {})
    told = (load.get("TargetValue"), load.get("ScaleOutCooldown"), load.get("ScaleInCooldown"))
    checks.check("aws describes the declared policy", told == (1000, 60, 600), policies)
    slow = policies.get("steward-slow", {}).get(tracking, {})
    metric = slow.get("CustomizedMetricSpecification", {}).get("MetricName")
    checks.check("aws describes a latency in microseconds", (slow.get("TargetValue"), metric) == (300000, "ModelLatency"), slow)
    steps = policies.get("steward-steps", {})
    adjusted = [it["ScalingAdjustment"] for it in steps.get("StepScalingPolicyConfiguration", {}).get("StepAdjustments", [])]
    checks.check("aws describes the declared steps", adjusted == [1, 2], steps)
    actions = boto("application-autoscaling").describe_scheduled_actions(
        ServiceNamespace="sagemaker", ResourceId=resource
    )["ScheduledActions"]
    told = [(it["Schedule"], it["Timezone"], it["ScalableTargetAction"]) for it in actions]
    wanted = [("cron(0 8 ? * MON-FRI *)", "Europe/Berlin", {"MinCapacity": 4})]
    checks.check("boto3 describes the declared schedule", told == wanted, told)
    alarms = boto("cloudwatch").describe_alarms(AlarmNames=["steward-fraud-slow"])["MetricAlarms"]
    told = [(it["Threshold"], it["ExtendedStatistic"], it["AlarmActions"]) for it in alarms]
    wanted = [(800000.0, "p99", [steps.get("PolicyARN")])]
    checks.check("boto3 describes the alarm, which triggers the steps", told == wanted, told)


def boto3_session(url, region):
    import boto3

    session = boto3.session.Session(
        aws_access_key_id="any", aws_secret_access_key="thing", region_name=region
    )
    return lambda service: session.client(service, endpoint_url=url)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_metrics(url):
    """SageMaker publishes a minute once it is over: wait for two of them, in the server's time."""
    began = now_of(url)
    while now_of(url) - began < datetime.timedelta(minutes=2):
        time.sleep(0.2)


def wait_for(url, server):
    for _ in range(100):
        try:
            now_of(url)
            return
        except OSError:
            if server.poll() is not None:
                sys.exit(f"the server ended with {server.returncode} before it answered")
            time.sleep(0.1)
    sys.exit(f"the server does not answer at {url}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rehearse", nargs="?", help="the rehearse binary, to be started and stopped")
    parser.add_argument("--reconciler", help="the binary of the fleet reconciler; beside the rehearse binary unless given")
    parser.add_argument("--endpoint", help="the URL of a server that runs already")
    parser.add_argument("--aws", default=shutil.which("aws") or str(pathlib.Path(sys.executable).with_name("aws")))
    given = parser.parse_args()
    if bool(given.rehearse) == bool(given.endpoint):
        parser.error("give either the rehearse binary or --endpoint URL")
    if given.rehearse and not given.reconciler:
        given.reconciler = pathlib.Path(given.rehearse).with_name("fleet-reconciler")
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        server, url = None, given.endpoint
        if given.rehearse:
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            world = folder / "world.yaml"
            world.write_text(WORLD)
            command = [given.rehearse, "serve", "--listen", f"127.0.0.1:{port}", "--world", str(world), "--speed", "30"]
            server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            wait_for(url, server)
        try:
            wait_for_metrics(url)
            for region in REGIONS:
                with_cli(checks, given.aws, url, region, folder)
                with_boto3(checks, url, region)
            if given.rehearse:
                between_regions(checks, given.aws, url, folder)
                declared(checks, given.aws, given, url, folder)
        finally:
            if server:
                server.terminate()
                server.wait(10)
    print(f"{checks.passed} work, {len(checks.failed)} do not")
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
