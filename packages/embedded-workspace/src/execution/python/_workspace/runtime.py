"""`dbruntime`, by which the Databricks SDK finds its host and token, and dbutils, inside of the
platform.
"""

import sys
import types

from _workspace.spark import LazySpark


def offer(dbutils):
    """Makes `import dbruntime` work."""
    credentials = dbutils.credentials
    package = types.ModuleType("dbruntime")
    package.__path__ = []
    package.UserNamespaceInitializer = _namespace_of(dbutils)
    provider = types.ModuleType("dbruntime.sdk_credential_provider")

    def init_runtime_native_auth():
        host = credentials()["host"]
        return host, lambda: {"Authorization": f"Bearer {credentials()['token']}"}

    provider.init_runtime_native_auth = init_runtime_native_auth
    package.sdk_credential_provider = provider
    sys.modules["dbruntime"] = package
    sys.modules["dbruntime.sdk_credential_provider"] = provider


def _namespace_of(dbutils):
    class UserNamespaceInitializer:
        @classmethod
        def getOrCreate(cls):
            return cls()

        def get_namespace_globals(self):
            return {
                "dbutils": dbutils,
                "spark": LazySpark(),
                "display": print,
                "displayHTML": print,
            }

    return UserNamespaceInitializer


def globals_of(dbutils, file):
    """The names that a program finds without importing them. A notebook has no `__file__`."""
    names = {"dbutils": dbutils, "spark": LazySpark()}
    return names if file is None else {**names, "__file__": file}
