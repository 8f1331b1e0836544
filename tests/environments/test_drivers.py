from mlsteps.environments.drivers import platform_of, protocols


def test_only_stores_elsewhere_want_drivers():
    local = {"type": "AzureBlob", "url": "/home/me/stores/blob"}
    assert protocols([local, {"url": "file:///data"}], "/home/me/w") == []
    azure = {"type": "AzureBlob", "account_name": "a", "container_name": "c"}
    assert protocols([local, azure, {"url": "S3://bucket"}, {"type": "AzureFile"}], "gs://w") == [
        "abfs",
        "gs",
        "s3",
        "smb",
    ]
    assert protocols([{"type": "AzureSqlDatabase"}], "/w") == []


def test_platforms_in_the_words_of_uv():
    assert platform_of("AMD64", "glibc") == "x86_64-manylinux_2_28"
    assert platform_of("aarch64", "") == "aarch64-unknown-linux-musl"
