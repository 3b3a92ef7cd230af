"""The variable `spark`: a session where pyspark is installed, started when it is first used."""


class LazySpark:
    def _session(self):
        from pyspark.sql import SparkSession

        return SparkSession.builder.getOrCreate()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._session(), name)

    def __repr__(self):
        return "<spark session of the embedded workspace, not started>"
