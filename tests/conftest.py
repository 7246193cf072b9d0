"""Fixtures shared by all tests."""

import inspect
import os
from urllib.parse import quote

import pytest

# For each setting of a task the kfp SDK takes a stack trace and uses the name of one function. Reading the source lines
# of all frames, as many as pytest has, took most of the time of the tests that compile pipelines.
inspect.stack.__defaults__ = (0,)


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, help="replay the one simulation or crash trial of this seed")


@pytest.fixture
def seed(request):
    """The seed given with `--seed`; None if there is none."""
    return request.config.getoption("--seed")


@pytest.fixture(scope="module")
def bucket():
    """The URI of an empty bucket in an emulator of Cloud Storage, used by the real client."""
    from gcp_storage_emulator.handlers import objects
    from gcp_storage_emulator.server import create_server
    from google.cloud.storage._bucket_metadata_cache import BucketMetadataCache

    from berth.storage import cloud as cloud_storage

    server = create_server("localhost", 0, in_memory=True, default_bucket="berth-test")
    server.start()
    patch = pytest.MonkeyPatch()
    make_resource = objects._make_object_resource

    def make_quoted_resource(base_url, bucket_name, object_name, *others, **metadata):
        """The service quotes names in the address of the content; the emulator does not."""
        resource = make_resource(base_url, bucket_name, object_name, *others, **metadata)
        address = f"{base_url}/download/storage/v1/b/{bucket_name}/o/{quote(object_name, safe='')}"
        return {**resource, "mediaLink": f"{address}?generation={resource['generation']}&alt=media"}

    patch.setattr(objects, "_make_object_resource", make_quoted_resource)
    host, port = server._api._httpd.socket.getsockname()
    # After a 404 the client asks in the background whether the bucket is still there, for minutes if nobody answers.
    # After the test it would draw random numbers, which hypothesis takes for those of another test's strategies.
    patch.setattr(BucketMetadataCache, "check_and_evict", lambda cache, name: None)
    patch.setenv("STORAGE_EMULATOR_HOST", f"http://{host}:{port}")
    cloud_storage.client.cache_clear()
    yield "gs://berth-test"
    cloud_storage.client().close()
    server.stop()
    patch.undo()
    cloud_storage.client.cache_clear()


@pytest.fixture
def proxy(bucket, monkeypatch):
    """The emulator, reached through a proxy that injects faults; attempts follow each other at once."""
    from berth import retry
    from berth.storage import cloud as cloud_storage
    from support.storage_proxy import StorageProxy

    with StorageProxy(os.environ["STORAGE_EMULATOR_HOST"]) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        monkeypatch.setattr(retry, "LONGEST_WAIT_SECONDS", 0.01)
        cloud_storage.client.cache_clear()
        yield server
        cloud_storage.client().close()
        cloud_storage.client.cache_clear()
